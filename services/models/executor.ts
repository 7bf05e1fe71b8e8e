import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";

import type { Hash } from "../../runner/commitment/keccak.ts";
import { AssayError } from "../../runner/errors.ts";
import type { Tensor } from "../../runner/machine/tensor.ts";
import { execute, type HostedModel, type Run } from "./models.ts";

/** An answer looked at: right, or wrong with the whole execution that says so. */
export type Judgement =
  | { readonly right: true; readonly outputRoot: Hash }
  | { readonly right: false; readonly outputRoot: Hash; readonly run: Run };

/** Executes models. */
export interface Executor {
  /** How many executions run at a time. */
  readonly threads: number;
  readonly run: (hosted: HostedModel, input: Uint8Array, signal?: AbortSignal) => Promise<Run>;
  /** Executes and compares: the trace of a right answer is dropped at once. */
  readonly judge: (
    hosted: HostedModel,
    input: Uint8Array,
    claimedRoot: Hash,
    signal?: AbortSignal,
  ) => Promise<Judgement>;
  readonly close: () => Promise<void>;
}

export const judgementOf = (run: Run, claimedRoot: Hash): Judgement =>
  run.outputRoot === claimedRoot
    ? { right: true, outputRoot: run.outputRoot }
    : { right: false, outputRoot: run.outputRoot, run };

/** Executes on the thread of the caller, in slices: for tests and short scripts. */
export const localExecutor: Executor = {
  threads: 1,
  run: async (hosted, input, signal) => await execute(hosted, input, { signal }),
  judge: async (hosted, input, claimedRoot, signal) =>
    judgementOf(await execute(hosted, input, { signal }), claimedRoot),
  close: () => Promise.resolve(),
};

/** What a thread is told. */
export type WorkerOrder =
  | { readonly kind: "load"; readonly model: Hash; readonly program: unknown; readonly constants: readonly Tensor[] }
  | {
      readonly kind: "run";
      readonly id: number;
      readonly model: Hash;
      readonly input: Uint8Array;
      /** Drops the trace when the outputs have this root. */
      readonly unless: Hash | undefined;
    };

/** What a thread says. */
export type WorkerReport =
  { readonly id: number; readonly result: Judgement } | { readonly id: number; readonly error: string };

interface Waiting {
  readonly resolve: (result: Judgement) => void;
  readonly reject: (error: unknown) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly models: Set<Hash>;
  readonly waiting: Map<number, Waiting>;
}

const NEVER: Hash = `0x${"ff".repeat(32)}`;

/** Executes in threads of their own, so that a model of any length never holds up what has a deadline. */
export function threadedExecutor(threads = Math.max(1, availableParallelism() - 1)): Executor {
  const pool: Thread[] = [];
  let closed = false;
  let ids = 0;

  const start = (): Thread => {
    const file = import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js";
    const worker = new Worker(new URL(file, import.meta.url));
    // Alone it keeps no process running.
    worker.unref();
    const thread: Thread = { worker, models: new Set(), waiting: new Map() };
    worker.on("message", (report: WorkerReport) => {
      const waiting = thread.waiting.get(report.id);
      thread.waiting.delete(report.id);
      if ("result" in report) waiting?.resolve(report.result);
      else waiting?.reject(failed(report.error));
    });
    // A thread that dies, of too little memory for example, takes its executions with it and nothing else.
    const end = (reason: string): void => {
      const at = pool.indexOf(thread);
      if (at >= 0) pool.splice(at, 1);
      for (const { reject } of thread.waiting.values()) reject(failed(reason));
      thread.waiting.clear();
    };
    worker.on("error", (error) => {
      end(error instanceof Error ? error.message : String(error));
    });
    worker.on("exit", () => {
      end("its thread ended");
    });
    pool.push(thread);
    return thread;
  };

  /** A thread that has nothing to do, or a new one, or the one that has least to do. */
  const idlest = (): Thread => {
    const least = [...pool].sort((a, b) => a.waiting.size - b.waiting.size)[0];
    return least === undefined || (least.waiting.size > 0 && pool.length < threads) ? start() : least;
  };

  const order = async (hosted: HostedModel, input: Uint8Array, unless: Hash): Promise<Judgement> => {
    if (closed) throw new AssayError("ABORTED", "executing was aborted", { task: "execute" });
    const { worker, models, waiting } = idlest();
    const model = hosted.commitment.commitment;
    const post = (message: WorkerOrder): void => {
      worker.postMessage(message);
    };
    if (!models.has(model)) {
      models.add(model);
      post({ kind: "load", model, program: hosted.model.program, constants: hosted.model.constants });
    }
    const id = ids++;
    return await new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      post({ kind: "run", id, model, input, unless });
    });
  };

  return {
    threads,
    async run(hosted, input) {
      // No outputs have this root, so that the trace comes back.
      const result = await order(hosted, input, NEVER);
      if (result.right) throw failed("no trace");
      return result.run;
    },
    judge: order,
    async close() {
      closed = true;
      await Promise.all(pool.map(({ worker }) => worker.terminate()));
    },
  };
}

const failed = (reason: string): AssayError<"EXECUTION_FAILED"> =>
  new AssayError("EXECUTION_FAILED", `the model could not be executed: ${reason}`, { reason });
