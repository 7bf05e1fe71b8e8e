import { isAssayError } from "../../runner/errors.ts";
import { log } from "./log.ts";

/**
 * Runs a script to its end: the first Ctrl-C (or SIGTERM) asks it to stop after the step it is in, the second one stops
 * at once; an error is printed for a person and becomes the exit code.
 */
export async function run(main: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(130);
    log(`${name}: stopping after this step; once more to stop at once`);
    controller.abort(new Error(name));
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  try {
    await main(controller.signal);
  } catch (error) {
    if (controller.signal.aborted && isAssayError(error, "ABORTED")) return;
    console.error(describe(error));
    process.exitCode = 1;
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}

const describe = (error: unknown): string => {
  if (isAssayError(error)) return `error ${error.code}: ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
};

/** Waits; ends early, without an error, when the signal fires. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
