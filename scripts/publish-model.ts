/** Compiles a model file and publishes its commitment. */
import { network } from "hardhat";

import { accountContext } from "../services/chain/account.ts";
import { log } from "../services/environment/log.ts";
import { integerOption, option, requiredOption } from "../services/environment/options.ts";
import { runScript, type Script } from "../services/environment/run.ts";
import { hostModel } from "../services/models/models.ts";
import { parentsFrom, publish } from "../services/publisher/publish.ts";

const SCRIPT: Script = {
  about: "Compiles a model file and publishes its commitment. Relations are those of contracts/types/Version.sol.",
  example: "ASSAY_MODEL='models/digits/digits.onnx?N=1' npx hardhat run scripts/publish-model.ts --network localhost",
  options: [
    "ASSAY_MODEL",
    "ASSAY_ACCOUNT",
    "ASSAY_URI",
    "ASSAY_LICENCE",
    "ASSAY_PARENTS",
    "ASSAY_ROYALTY_BPS",
    "ASSAY_ROYALTY_RECIPIENT",
    "ASSAY_DEPLOYMENTS",
  ],
};

await runScript(SCRIPT, async (signal) => {
  const connection = await network.create();
  const hosted = await hostModel(requiredOption("ASSAY_MODEL"), { signal });
  const context = await accountContext(connection);
  await context.ledger.sync();
  const versionId = await publish(context, hosted, {
    uri: option("ASSAY_URI"),
    licence: option("ASSAY_LICENCE"),
    parents: await parentsFrom(context, option("ASSAY_PARENTS") ?? ""),
    royaltyBps: integerOption("ASSAY_ROYALTY_BPS", 0, 0, 5_000),
    royaltyRecipient: option("ASSAY_ROYALTY_RECIPIENT"),
  });
  log(`${hosted.name} is version ${versionId}`);
  await connection.close();
});
