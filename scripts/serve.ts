/** Runs an operator: draws, executes, claims, collects, defends. Stop it with Ctrl-C and start it again at any time. */
import { network } from "hardhat";

import { accountContext } from "../services/chain/account.ts";
import { runScript, type Script } from "../services/environment/run.ts";
import { serve } from "../services/operator/serve.ts";
import { quorumServiceOf } from "../services/quorum/seats.ts";

const SCRIPT: Script = {
  about: "Runs an operator: draws, executes, claims, collects, defends.",
  example:
    "ASSAY_ACCOUNT=1 ASSAY_MODELS='models/digits/digits.onnx?N=1' npx hardhat run scripts/serve.ts --network localhost",
  options: [
    "ASSAY_MODELS",
    "ASSAY_ACCOUNT",
    "ASSAY_STORE",
    "ASSAY_LISTEN",
    "ASSAY_ENDPOINT",
    "ASSAY_PRIVATE_URLS",
    "ASSAY_BEACONS",
    "ASSAY_INTERVAL",
    "ASSAY_ONCE",
    "ASSAY_DEPLOYMENTS",
  ],
};

await runScript(SCRIPT, async (signal) => {
  const connection = await network.create();
  await serve(await accountContext(connection), signal, {}, quorumServiceOf);
  await connection.close();
});
