import { isAssayError } from "../../runner/errors.ts";
import { describeError } from "./describe.ts";
import { log } from "./log.ts";
import { option, type OptionName, OPTIONS, refuseUnknownOptions } from "./options.ts";

/** What a script is, for its help. */
export interface Script {
  readonly about: string;
  /** A command that works. */
  readonly example: string;
  readonly options: readonly OptionName[];
}

/**
 * Runs a program to its end: the first Ctrl-C (or SIGTERM) asks it to stop after the step it is in, the second one stops
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
    console.error(describeError(error));
    process.exitCode = 1;
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}

/** `run` for a script whose options are in the environment: prints its help when asked to, refuses unknown options. */
export async function runScript(script: Script, main: (signal: AbortSignal) => Promise<void>): Promise<void> {
  await run(async (signal) => {
    refuseUnknownOptions(process.env);
    if (option("ASSAY_HELP") === undefined) await main(signal);
    else console.log(helpOf(script));
  });
}

/** What a script does and which options it reads. */
export function helpOf({ about, example, options }: Script): string {
  const lines = options.map((name) => `  ${name.padEnd(24)} ${OPTIONS[name]}`);
  return [about, "", `  ${example}`, "", "Options, from the environment:", ...lines].join("\n");
}
