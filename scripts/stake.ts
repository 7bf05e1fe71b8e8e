/** Makes the account an operator: stake, signing key, endpoint, opt-in to models. Another run adds only what is missing. */
import { parseEther } from "ethers";
import { network } from "hardhat";

import { accountContext } from "../services/chain/account.ts";
import { integerOption, option, requiredOption } from "../services/environment/options.ts";
import { runScript, type Script } from "../services/environment/run.ts";
import { hostModels } from "../services/models/models.ts";
import { join } from "../services/operator/stake.ts";

const SCRIPT: Script = {
  about: "Makes the account an operator: stake, signing key, endpoint, opt-in to models.",
  example:
    "ASSAY_ACCOUNT=1 ASSAY_MODELS='models/digits/digits.onnx?N=1' npx hardhat run scripts/stake.ts --network localhost",
  options: ["ASSAY_MODELS", "ASSAY_ACCOUNT", "ASSAY_STAKE", "ASSAY_ENDPOINT", "ASSAY_DEPLOYMENTS"],
};

await runScript(SCRIPT, async (signal) => {
  const connection = await network.create();
  const models = await hostModels(requiredOption("ASSAY_MODELS"), { signal });
  await join(await accountContext(connection), models, {
    amount: parseEther(String(integerOption("ASSAY_STAKE", 5_000, 1, 1_000_000_000))),
    endpoint: option("ASSAY_ENDPOINT") ?? "",
  });
  await connection.close();
});
