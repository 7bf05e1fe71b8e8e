import { AssayError } from "../../runner/errors.ts";

/** The result of some work, or ABORTED as soon as the signal fires. @throws AssayError ABORTED. */
export async function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined, task: string): Promise<T> {
  if (signal === undefined) return await work;
  let stop = (): void => undefined;
  const stopped = new Promise<never>((_, reject) => {
    stop = () => {
      reject(new AssayError("ABORTED", `${task} was aborted`, { task }, { cause: signal.reason }));
    };
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
  });
  try {
    return await Promise.race([work, stopped]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
