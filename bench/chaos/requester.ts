/** An honest requester of a chaos run: asks about pictures again and again, and takes the exits that time opens. */
import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";

import { parseEther } from "ethers";

import type { Hash } from "../../runner/commitment/keccak.ts";
import type { Tensor } from "../../runner/machine/tensor.ts";
import { createRandom } from "../../runner/machine/prng.ts";
import { readInputs } from "../../runner/files/model.ts";
import { OPTIMISTIC_MODE, policyOf } from "../../services/chain/evidence.ts";
import { describeError } from "../../services/environment/describe.ts";
import { readConfiguration } from "../../services/node/configuration.ts";
import { openNode, serveStore } from "../../services/node/node.ts";
import { splitTensors } from "../../services/models/models.ts";
import { ask, awaitOutcome, newestVersion } from "../../services/requester/ask.ts";
import { activations } from "../../testing/wide-kernels.ts";
import { SIDE } from "./stage.ts";
import { item } from "../../runner/items.ts";

const config = process.argv[2] ?? "";
const { seed, everyMilliseconds, windowSeconds } = JSON.parse(await readFile(`${config}.plan`, "utf8")) as {
  readonly seed: number;
  readonly everyMilliseconds: number;
  readonly windowSeconds: number;
};
const stop = new AbortController();
process.on("SIGTERM", () => {
  stop.abort();
});

const node = await openNode(await readConfiguration(config, process.env), process.env);
const { context, store, log } = node;
const [model, wide] = [item(node.models, 0), item(node.models, 1)];
const locationPrefix = await serveStore(node, stop.signal);
const own = await context.signer.getAddress();
const random = createRandom(seed + (Date.now() % 1_000_000));
const question = {
  policy: policyOf(OPTIMISTIC_MODE),
  fee: parseEther("20"),
  valueAtRisk: parseEther("80"),
  windowSeconds,
  store,
  locationPrefix,
};
const awaited = new Set<string>();

/** The input of a request of a start before this one, from the store. */
async function inputsOf(inputUri: string): Promise<readonly Tensor[]> {
  const id = /0x[0-9a-f]{64}$/.exec(inputUri)?.[0] as Hash | undefined;
  return id === undefined ? [] : splitTensors("input", wide.model.program.inputs, await store.get(id));
}

/** Waits for every request of this account, also those of a start before this one. */
async function awaitAll(): Promise<void> {
  await context.ledger.sync(stop.signal);
  for (const view of context.ledger.requests.values()) {
    const { id, requester, settled, inputUri } = view;
    if (requester !== own || settled || awaited.has(id)) continue;
    awaited.add(id);
    const waiting = { final: true, intervalMilliseconds: 3_000, signal: stop.signal };
    awaitOutcome(context, id, { inputs: await inputsOf(inputUri), store }, waiting).then(
      ({ status }) => {
        log.info({ id, status }, "outcome");
      },
      () => undefined,
    );
  }
}

while (!stop.signal.aborted) {
  try {
    await context.ledger.sync(stop.signal);
    if (random.chance(0.25)) {
      await ask(context, newestVersion(context, wide), {
        ...question,
        inputs: [activations(SIDE * SIDE, random.u32())],
      });
      await awaitAll();
    }
    const picture = `image=models/digits/images/digit-${String(random.below(10))}.npy`;
    const id = await ask(context, newestVersion(context, model), {
      ...question,
      inputs: readInputs(model.model, "image", [picture]),
    });
    log.info({ id }, "asked");
    await awaitAll();
  } catch (error) {
    log.warn(describeError(error));
  }
  await pause(everyMilliseconds, undefined, { signal: stop.signal }).catch(() => undefined);
}
await node.close();
process.exit();
