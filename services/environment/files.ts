import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";

import { AssayError } from "../../runner/errors.ts";

/** Makes the folder of a file that is to be written. @throws AssayError FILE_UNWRITABLE. */
export async function expectWritable(path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await (await open(path, "a")).close();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new AssayError("FILE_UNWRITABLE", `${path} cannot be written: ${reason}`, { path, reason });
  }
}
