/** Runs a watcher: re-executes every claim of the models it has, and convicts what is wrong. Stop and start it at any time. */
import { network } from "hardhat";

import { accountContext } from "../services/chain/account.ts";
import { runScript, type Script } from "../services/environment/run.ts";
import { watch } from "../services/watcher/watch.ts";

const SCRIPT: Script = {
  about: "Runs a watcher: re-executes every claim of the models it has, and convicts what is wrong.",
  example:
    "ASSAY_ACCOUNT=9 ASSAY_MODELS='models/digits/digits.onnx?N=1' npx hardhat run scripts/watch.ts --network localhost",
  options: [
    "ASSAY_MODELS",
    "ASSAY_ACCOUNT",
    "ASSAY_STORE",
    "ASSAY_SECRET",
    "ASSAY_PRIVATE_URLS",
    "ASSAY_INTERVAL",
    "ASSAY_ONCE",
    "ASSAY_DEPLOYMENTS",
  ],
};

await runScript(SCRIPT, async (signal) => {
  const connection = await network.create();
  await watch(await accountContext(connection), signal);
  await connection.close();
});
