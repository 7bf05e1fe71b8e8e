import { throwIfAborted } from "./errors.ts";

/** How far a long task is. `done` goes from 0 to `total`, in the unit that the task's documentation names. */
export interface TaskProgress {
  readonly task: string;
  readonly done: number;
  readonly total: number;
}

/** Options of everything that may take long. */
export interface TaskOptions {
  /** Stops the work soon after it fires; the promise rejects with AssayError ABORTED. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: TaskProgress) => void) | undefined;
}

/** Longest that a task holds the event loop, in milliseconds, apart from single kernels. */
const SLICE_MS = 20;

/**
 * Runs a generator to its end, giving the event loop its turn every 20 ms. The generator yields how much it has done,
 * out of `total`.
 * @throws AssayError ABORTED.
 */
export async function runTask<T>(
  task: string,
  total: number,
  work: Generator<number, T>,
  { signal, onProgress }: TaskOptions = {},
): Promise<T> {
  throwIfAborted(signal, task);
  let sliceEnd = performance.now() + SLICE_MS;
  for (;;) {
    const step = work.next();
    if (step.done === true) {
      onProgress?.({ task, done: total, total });
      return step.value;
    }
    if (performance.now() < sliceEnd) continue;
    onProgress?.({ task, done: step.value, total });
    await new Promise((resolve) => setImmediate(resolve));
    throwIfAborted(signal, task);
    sliceEnd = performance.now() + SLICE_MS;
  }
}

/** Runs a generator to its end at once. */
export function runNow<T>(work: Generator<number, T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}
