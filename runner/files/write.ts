import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";

import { AssayError } from "../errors.ts";
import { reasonOf } from "./read.ts";

let counter = 0;

/**
 * Writes a whole file or nothing: to a temporary name in the same folder, flushed, then renamed. A reader sees the old
 * file or the new one. Creates the folder when it is missing.
 * @throws AssayError FILE_UNWRITABLE; the temporary file is then removed and an older file unchanged.
 */
export function writeFileAtomic(path: string, data: Uint8Array | string): void {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  const temporary = join(dirname(path), `.${basename(path)}.${String(process.pid)}.${String(counter++)}.tmp`);
  try {
    mkdirSync(dirname(path), { recursive: true });
    const file = openSync(temporary, "wx");
    try {
      for (let written = 0; written < bytes.length;) {
        written += writeSync(file, bytes, written, Math.min(bytes.length - written, 2 ** 30));
      }
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    const reason = reasonOf(error);
    throw new AssayError("FILE_UNWRITABLE", `${path} cannot be written: ${reason}`, { path, reason }, { cause: error });
  }
}
