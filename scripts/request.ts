/**
 * Asks a question, waits for the answer and prints it.
 *
 *   ASSAY_ACCOUNT=5 ASSAY_MODEL='models/digits/digits.onnx?N=1' ASSAY_INPUT=image=models/digits/images/digit-7.npy \
 *     npx hardhat run scripts/request.ts --network localhost
 *
 * Environment: ASSAY_MODEL, ASSAY_INPUT (`NAME=FILE,…`, .npy .pb .json), ASSAY_FEE and ASSAY_VALUE (whole tokens, default
 * 20 and 200: price, and what a wrong answer would cost), ASSAY_WINDOW (seconds, default 60), ASSAY_MODES (`optimistic`,
 * `optimistic+signature`, …), ASSAY_WAIT (`final`, `claimed` or `none`; default final), ASSAY_ACCOUNT, ASSAY_INTERVAL,
 * ASSAY_STORE (where a large input and its answer are exchanged, default .assay/store), ASSAY_REQUEST (the id that a run
 * printed before it was stopped: goes on waiting for that one; give the same input again).
 */
import { parseEther } from "ethers";
import { network } from "hardhat";

import { OPTIMISTIC_MODE, SIGNATURE_MODE } from "../ignition/modules/Assay.ts";
import type { Hash } from "../runner/commitment/keccak.ts";
import { isHash } from "../runner/files/fields.ts";
import { createFolderStore } from "../runner/files/store.ts";
import { accountOf } from "../services/environment/account.ts";
import { ask, awaitAnswer, readInputs } from "../services/requester/ask.ts";
import { readDeployment } from "../services/chain/deployment.ts";
import { policyOf } from "../services/chain/evidence.ts";
import { log } from "../services/environment/log.ts";
import { loadModel } from "../services/models/models.ts";
import { integerOption, invalid, option, requiredOption } from "../services/environment/options.ts";
import { run } from "../services/environment/run.ts";
import { type Scene, sceneOf } from "../services/chain/service.ts";

const MODES: Readonly<Record<string, string>> = { optimistic: OPTIMISTIC_MODE, signature: SIGNATURE_MODE };

const WAITS = ["final", "claimed", "none"];

/** The request to go on waiting for. */
async function openedBefore({ ledger }: Scene): Promise<Hash | undefined> {
  const id = option("ASSAY_REQUEST");
  if (id === undefined) return undefined;
  await ledger.sync();
  if (isHash(id) && ledger.requests.has(id)) return id;
  throw invalid("ASSAY_REQUEST", id, "give the id that a run printed; the market here has no such request");
}

await run(async (signal) => {
  const connection = await network.create();
  const hosted = await loadModel(requiredOption("ASSAY_MODEL", "the model file to ask"), { signal });
  const scene = sceneOf(connection, await readDeployment(connection), await accountOf(connection));
  const modes = (option("ASSAY_MODES") ?? "optimistic").split("+").map((name) => {
    const mode = MODES[name];
    if (mode === undefined) throw invalid("ASSAY_MODES", name, `give ${Object.keys(MODES).join(" or ")}`);
    return mode;
  });
  const inputs = await readInputs(hosted, requiredOption("ASSAY_INPUT", "NAME=FILE of every input"));
  const question = {
    inputs,
    policy: policyOf(...modes),
    fee: parseEther(String(integerOption("ASSAY_FEE", 20, 1, 1_000_000))),
    valueAtRisk: parseEther(String(integerOption("ASSAY_VALUE", 200, 1, 1_000_000))),
    windowSeconds: integerOption("ASSAY_WINDOW", 60, 0, 604_800),
    store: createFolderStore(option("ASSAY_STORE") ?? ".assay/store"),
  };
  const until = option("ASSAY_WAIT") ?? "final";
  if (!WAITS.includes(until)) throw invalid("ASSAY_WAIT", until, `give ${WAITS.join(", ")}`);
  const requestId = (await openedBefore(scene)) ?? (await ask(scene, hosted, question));
  log(`request ${requestId}`);
  if (until !== "none") {
    const intervalMilliseconds = integerOption("ASSAY_INTERVAL", 2_000, 10, 600_000);
    const waiting = { final: until === "final", intervalMilliseconds, signal };
    const answer = await awaitAnswer(scene, hosted, requestId, question, waiting);
    console.log(JSON.stringify(answer, null, 2));
    if (answer.finality === "failed") process.exitCode = 1;
  }
  await connection.close();
});
