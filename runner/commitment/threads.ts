import { once } from "node:events";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";

import { throwIfAborted } from "../errors.ts";
import { item } from "../items.ts";
import { type Tensor, tensorType } from "../machine/tensor.ts";
import { cloneOfTensor, type StoredClone } from "../storage/stored.ts";
import type { TaskOptions } from "../task.ts";
import type { Hash } from "./keccak.ts";
import { MerkleTree } from "./merkle.ts";
import { commitTensors, LEAF_BYTES, leafCount, type TensorCommitment } from "./tensor.ts";

/** What a thread is told: a tensor to commit. */
export interface CommitOrder {
  readonly tensor: Tensor | StoredClone;
}

/** What it says; who asked commits what failed, and so gets its error. */
export type CommitReport = { readonly root: Hash; readonly levels: readonly Uint8Array[] } | "failed";

/** Bytes below which starting threads takes longer than they save. */
const LEAST_BYTES = 2 ** 26;
/** More threads than this only wait for the memory. */
const MOST_THREADS = 8;

/**
 * As `commitTensors`, on several threads; the result does not depend on their number.
 * @param threads How many share the work, this one included.
 * @param leastBytes Bytes below which one thread does it.
 */
export const commitOnThreads =
  (threads = Math.min(MOST_THREADS, availableParallelism()), leastBytes = LEAST_BYTES) =>
  async (task: string, tensors: readonly Tensor[], options: TaskOptions = {}): Promise<readonly TensorCommitment[]> => {
    const leaves = tensors.map((tensor) => leafCount(tensorType(tensor)));
    const total = leaves.reduce((sum, count) => sum + count, 0);
    if (threads < 2 || total * LEAF_BYTES < leastBytes) return await commitTensors(task, tensors, options);
    const { signal, onProgress } = options;
    // The largest are taken first, so that all threads end at about the same time.
    const left = [...tensors.keys()].sort((a, b) => item(leaves, a) - item(leaves, b));
    const commitments: TensorCommitment[] = [];
    let done = 0;
    const finish = (index: number, commitment: TensorCommitment): void => {
      commitments[index] = commitment;
      done += item(leaves, index);
      onProgress?.({ task, done, total });
    };
    const commitHere = async (index: number): Promise<void> => {
      finish(index, item(await commitTensors(task, [item(tensors, index)], { signal }), 0));
    };
    const here = async (): Promise<void> => {
      for (let next = left.pop(); next !== undefined; next = left.pop()) await commitHere(next);
    };
    const there = async (thread: CommitThread): Promise<void> => {
      for (let next = left.pop(); next !== undefined; next = left.pop()) {
        throwIfAborted(signal, task);
        const commitment = await thread.commit(item(tensors, next));
        if (commitment === undefined) await commitHere(next);
        else finish(next, commitment);
      }
    };
    const others = Array.from({ length: threads - 1 }, () => new CommitThread());
    try {
      await Promise.all([here(), ...others.map(there)]);
    } finally {
      await Promise.all(others.map((thread) => thread.end()));
    }
    return commitments;
  };

/** One other thread, which commits one tensor at a time. */
class CommitThread {
  readonly #worker: Worker;
  #failed = false;

  constructor() {
    const file = import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js";
    this.#worker = new Worker(new URL(file, import.meta.url));
    // Alone it keeps no process running; a thread that dies is noticed when it is asked.
    this.#worker.unref();
    this.#worker.on("error", () => {
      this.#failed = true;
    });
  }

  /** Undefined where the thread cannot. */
  async commit(tensor: Tensor): Promise<TensorCommitment | undefined> {
    if (this.#failed) return undefined;
    this.#worker.ref();
    try {
      const order: CommitOrder = { tensor: cloneOfTensor(tensor) };
      this.#worker.postMessage(order);
      const [report] = (await once(this.#worker, "message")) as [CommitReport];
      if (report === "failed") return undefined;
      return { type: tensorType(tensor), root: report.root, tree: MerkleTree.fromLevels(report.levels) };
    } catch {
      this.#failed = true;
      return undefined;
    } finally {
      this.#worker.unref();
    }
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
