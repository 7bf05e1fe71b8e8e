/** Takes what the contracts owe to the account: fees and royalties, refunds, bonds, rewards, damages. */
import { network } from "hardhat";

import { accountContext } from "../services/chain/account.ts";
import { collect } from "../services/chain/collect.ts";
import { runScript, type Script } from "../services/environment/run.ts";

const SCRIPT: Script = {
  about: "Takes what the contracts owe to the account: fees and royalties, refunds, bonds, rewards, damages.",
  example: "ASSAY_ACCOUNT=1 npx hardhat run scripts/collect.ts --network localhost",
  options: ["ASSAY_ACCOUNT", "ASSAY_DEPLOYMENTS"],
};

await runScript(SCRIPT, async () => {
  const connection = await network.create();
  const context = await accountContext(connection);
  await context.ledger.sync();
  await collect(context);
  await connection.close();
});
