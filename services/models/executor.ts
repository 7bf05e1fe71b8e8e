import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";

import type { Hash } from "../../runner/commitment/keccak.ts";
import { AssayError } from "../../runner/errors.ts";
import type { Tensor } from "../../runner/machine/tensor.ts";
import { cloneOfTensor, type StoredClone } from "../../runner/storage/stored.ts";
import { type HostedModel, prepared } from "./models.ts";
import { type Answer, executePrepared, inferPrepared, type Judgement, judgePrepared, type Run } from "./run.ts";

/** Executes models. */
export interface Executor {
  /** How many executions run at a time. */
  readonly threads: number;
  /** The outputs and their root: all that a claim needs. */
  readonly infer: (hosted: HostedModel, input: Uint8Array, signal?: AbortSignal) => Promise<Answer>;
  /** The whole trace too: for disputes and audits. */
  readonly run: (hosted: HostedModel, input: Uint8Array, signal?: AbortSignal) => Promise<Run>;
  /** Executes and compares: the trace is computed only where the answer is wrong. */
  readonly judge: (
    hosted: HostedModel,
    input: Uint8Array,
    claimedRoot: Hash,
    signal?: AbortSignal,
  ) => Promise<Judgement>;
  readonly close: () => Promise<void>;
}

/** Executes on the thread of the caller, in slices: for tests and short scripts. */
export const localExecutor: Executor = {
  threads: 1,
  infer: async (hosted, input, signal) => await inferPrepared(prepared(hosted), input, { signal }),
  run: async (hosted, input, signal) => await executePrepared(prepared(hosted), input, { signal }),
  judge: async (hosted, input, claimedRoot, signal) =>
    await judgePrepared(prepared(hosted), input, claimedRoot, { signal }),
  close: () => Promise.resolve(),
};

/** What a thread is told. */
export type WorkerOrder =
  | {
      readonly kind: "load";
      readonly model: Hash;
      readonly program: unknown;
      readonly constants: readonly (Tensor | StoredClone)[];
    }
  | ({ readonly kind: "execute"; readonly id: number; readonly model: Hash; readonly input: Uint8Array } & Wanted);

/** What an execution is asked for. */
type Wanted = { readonly wanted: "answer" | "run" } | { readonly wanted: "judgement"; readonly claimedRoot: Hash };

/** What it gives, by that. */
export interface Results {
  readonly answer: Answer;
  readonly run: Run;
  readonly judgement: Judgement;
}

/** What a thread says. */
export type WorkerReport =
  { readonly id: number; readonly result: Results[keyof Results] } | { readonly id: number; readonly error: string };

interface Waiting {
  readonly resolve: (result: Results[keyof Results]) => void;
  readonly reject: (error: unknown) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly models: Set<Hash>;
  readonly waiting: Map<number, Waiting>;
}

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

  const order = async (hosted: HostedModel, input: Uint8Array, wanted: Wanted): Promise<Results[keyof Results]> => {
    if (closed) throw new AssayError("ABORTED", "executing was aborted", { task: "execute" });
    const { worker, models, waiting } = idlest();
    const model = hosted.commitment.commitment;
    const post = (message: WorkerOrder): void => {
      worker.postMessage(message);
    };
    if (!models.has(model)) {
      models.add(model);
      post({
        kind: "load",
        model,
        program: hosted.model.program,
        constants: hosted.model.constants.map(cloneOfTensor),
      });
    }
    const id = ids++;
    return await new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      post({ kind: "execute", id, model, input, ...wanted });
    });
  };

  return {
    threads,
    infer: async (hosted, input) => (await order(hosted, input, { wanted: "answer" })) as Results["answer"],
    run: async (hosted, input) => (await order(hosted, input, { wanted: "run" })) as Results["run"],
    judge: async (hosted, input, claimedRoot) =>
      (await order(hosted, input, { wanted: "judgement", claimedRoot })) as Results["judgement"],
    async close() {
      closed = true;
      await Promise.all(pool.map(({ worker }) => worker.terminate()));
    },
  };
}

const failed = (reason: string): AssayError<"EXECUTION_FAILED"> =>
  new AssayError("EXECUTION_FAILED", `the model could not be executed: ${reason}`, { reason });
