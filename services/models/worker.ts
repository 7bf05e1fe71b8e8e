import { parentPort } from "node:worker_threads";

import { prepareProgram } from "../../runner/backends/backend.ts";
import { wasm } from "../../runner/backends/wasm/wasm.ts";
import type { Hash } from "../../runner/commitment/keccak.ts";
import { AssayError } from "../../runner/errors.ts";
import type { Program } from "../../runner/machine/kernel.ts";
import type { Tensor } from "../../runner/machine/tensor.ts";
import { tensorOfClone } from "../../runner/storage/stored.ts";
import type { Results, WorkerOrder, WorkerReport } from "./executor.ts";
import { executePrepared, inferPrepared, judgePrepared, type Prepared } from "./run.ts";

/* The thread of an executor: what it gets and gives is in executor.ts. */

const port = parentPort;
if (port === null) throw new Error("this is a thread's file");

const models = new Map<Hash, Prepared>();

port.on("message", (order: WorkerOrder) => {
  if (order.kind === "load") {
    const executable = prepareProgram(order.program as Program, wasm);
    models.set(order.model, { name: "input", executable, constants: order.constants.map(tensorOfClone) });
    return;
  }
  const { id } = order;
  execute(order).then(
    (result) => {
      say({ id, result }, buffersOf(tensorsOf(result)));
    },
    (error: unknown) => {
      say({ id, error: error instanceof Error ? error.message : String(error) });
    },
  );
});

async function execute(order: Extract<WorkerOrder, { kind: "execute" }>): Promise<Results[keyof Results]> {
  const model = models.get(order.model);
  if (model === undefined) throw new AssayError("EXECUTION_FAILED", "no such model", { reason: "no such model" });
  switch (order.wanted) {
    case "answer":
      return await inferPrepared(model, order.input);
    case "run":
      return await executePrepared(model, order.input);
    case "judgement":
      return await judgePrepared(model, order.input, order.claimedRoot);
  }
}

/** What can be large in a result. */
function tensorsOf(result: Results[keyof Results]): readonly Tensor[] {
  if ("trace" in result) return result.trace;
  if ("outputs" in result) return result.outputs;
  return result.right ? [] : result.run.trace;
}

/** They move to the other thread instead of being copied. */
const buffersOf = (tensors: readonly Tensor[]): ArrayBuffer[] => [...new Set(tensors.map(({ data }) => data.buffer))];

function say(report: WorkerReport, transfer: ArrayBuffer[] = []): void {
  port?.postMessage(report, transfer);
}
