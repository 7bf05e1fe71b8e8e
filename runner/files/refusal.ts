import { AssayError } from "../errors.ts";

/** FILE_MALFORMED for a file that breaks its format. `reason` continues a sentence that begins with the path. */
export const malformed = (path: string, reason: string, cause?: unknown): AssayError =>
  new AssayError("FILE_MALFORMED", `${path} ${reason}`, { path, reason }, { cause });

/** FILE_UNSUPPORTED; `reason` continues a sentence that begins with the path and ends with the remedy. */
export const unsupported = (path: string, reason: string): AssayError =>
  new AssayError("FILE_UNSUPPORTED", `${path} ${reason}`, { path, reason });
