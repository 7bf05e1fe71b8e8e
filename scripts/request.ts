/** Asks a question, waits for the answer and prints it as JSON. What it does meanwhile goes to standard error. */
import { network } from "hardhat";

import { accountContext } from "../services/chain/account.ts";
import { runScript, type Script } from "../services/environment/run.ts";
import { request } from "../services/requester/request.ts";

const SCRIPT: Script = {
  about: "Asks a question, waits for the answer and prints it as JSON.",
  example:
    "ASSAY_ACCOUNT=3 ASSAY_MODEL='models/digits/digits.onnx?N=1' ASSAY_INPUT=image=models/digits/images/digit-7.npy " +
    "npx hardhat run scripts/request.ts --network localhost",
  options: [
    "ASSAY_MODEL",
    "ASSAY_INPUT",
    "ASSAY_ACCOUNT",
    "ASSAY_FEE",
    "ASSAY_VALUE",
    "ASSAY_WINDOW",
    "ASSAY_MODES",
    "ASSAY_WAIT",
    "ASSAY_REQUEST",
    "ASSAY_PRIVATE_URLS",
    "ASSAY_INTERVAL",
    "ASSAY_STORE",
    "ASSAY_DEPLOYMENTS",
  ],
};

await runScript(SCRIPT, async (signal) => {
  const connection = await network.create();
  const outcome = await request(await accountContext(connection), signal);
  if (outcome !== undefined) console.log(JSON.stringify(outcome, null, 2));
  if (outcome?.finality === "failed") process.exitCode = 1;
  await connection.close();
});
