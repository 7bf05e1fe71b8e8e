import { throwIfAborted } from "./errors.ts";

/** Progress of a long task. `done` goes from 0 to `total`; the documentation of the task names the unit. */
export interface TaskProgress {
  readonly task: string;
  readonly done: number;
  readonly total: number;
}

/** Options of long tasks. */
export interface TaskOptions {
  /** Stops the work soon after it fires; the promise rejects with AssayError ABORTED. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: TaskProgress) => void) | undefined;
}

/** How long a task may block the event loop, in milliseconds. A single step of a task may take longer. */
const SLICE_MS = 20;

/** Lets the event loop run. Browsers have no `setImmediate`; their timers wait for milliseconds, their messages do not. */
const pause = (): Promise<void> =>
  new Promise((resolve) => {
    if ("setImmediate" in globalThis) {
      setImmediate(resolve);
      return;
    }
    const { port1, port2 } = new MessageChannel();
    const received = (): void => {
      port1.close();
      resolve();
    };
    port1.addEventListener("message", received, { once: true });
    port1.start();
    port2.postMessage(undefined);
  });

/**
 * Runs a generator to its end and lets the event loop run every 20 ms. The generator yields how much of `total` is done.
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
    await pause();
    throwIfAborted(signal, task);
    sliceEnd = performance.now() + SLICE_MS;
  }
}

/** Runs a generator to its end without a pause. */
export function runNow<T>(work: Generator<number, T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}
