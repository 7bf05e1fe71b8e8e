import { parentPort } from "node:worker_threads";

import { compiled } from "../../runner/backends/javascript/compiled.ts";
import { type Executable, prepareProgram } from "../../runner/backends/backend.ts";
import type { Hash } from "../../runner/commitment/keccak.ts";
import { AssayError } from "../../runner/errors.ts";
import type { Program } from "../../runner/machine/kernel.ts";
import type { Tensor } from "../../runner/machine/tensor.ts";
import type { Judgement, WorkerOrder, WorkerReport } from "./executor.ts";
import { executePrepared } from "./run.ts";

/* The thread of an executor: what it gets and gives is in executor.ts. */

const port = parentPort;
if (port === null) throw new Error("this is a thread's file");

interface Loaded {
  readonly executable: Executable;
  readonly constants: readonly Tensor[];
}

const models = new Map<Hash, Loaded>();

port.on("message", (order: WorkerOrder) => {
  if (order.kind === "load") {
    models.set(order.model, {
      executable: prepareProgram(order.program as Program, compiled),
      constants: order.constants,
    });
    return;
  }
  const { id } = order;
  run(order).then(
    (result) => {
      say({ id, result }, result.right ? [] : buffersOf(result.run.trace));
    },
    (error: unknown) => {
      say({ id, error: error instanceof Error ? error.message : String(error) });
    },
  );
});

async function run({ model, input, unless }: Extract<WorkerOrder, { kind: "run" }>): Promise<Judgement> {
  const loaded = models.get(model);
  if (loaded === undefined) throw new AssayError("EXECUTION_FAILED", "no such model", { reason: "no such model" });
  const run = await executePrepared("input", loaded.executable, loaded.constants, input);
  const { outputRoot } = run;
  return outputRoot === unless ? { right: true, outputRoot } : { right: false, outputRoot, run };
}

/** The trace moves to the other thread instead of being copied. */
const buffersOf = (tensors: readonly Tensor[]): ArrayBuffer[] => [...new Set(tensors.map(({ data }) => data.buffer))];

function say(report: WorkerReport, transfer: ArrayBuffer[] = []): void {
  port?.postMessage(report, transfer);
}
