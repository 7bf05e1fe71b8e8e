import { isAssayError } from "../../runner/errors.ts";
import { describeError } from "../environment/describe.ts";
import { createProgram } from "./program.ts";

/* The command `assay-node`. */

const stopping = new AbortController();
const stop = (): void => {
  if (stopping.signal.aborted) process.exit(130);
  stopping.abort();
};
process.on("SIGINT", stop);
process.on("SIGTERM", stop);

try {
  await createProgram(stopping.signal).parseAsync();
} catch (error) {
  if (!(stopping.signal.aborted && isAssayError(error, "ABORTED"))) {
    console.error(describeError(error));
    process.exitCode = 1;
  }
}
