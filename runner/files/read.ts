import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

import { AssayError } from "../errors.ts";
import { malformed } from "./refusal.ts";

/** Largest file that is read whole, in bytes: what one ArrayBuffer surely holds. */
export const MAX_FILE_BYTES = 2 ** 32;

/**
 * The bytes of a regular file. Pipes and devices are refused because they may never end.
 * @throws AssayError FILE_UNREADABLE when it is missing, not a regular file, too large, or shrinks while it is read.
 */
export function readBytes(path: string, limit = MAX_FILE_BYTES): Uint8Array<ArrayBuffer> {
  const fail = (reason: string, cause?: unknown): AssayError =>
    new AssayError("FILE_UNREADABLE", `${path} ${reason}`, { path, reason }, { cause });
  let file: number;
  try {
    // Without O_NONBLOCK, opening a pipe that has no writer would block forever.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw fail(`cannot be opened: ${reasonOf(error)}; check the path`, error);
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw fail("is not a regular file; give the path of a file, not of a folder, pipe or device");
    if (stat.size > limit) throw fail(`has ${String(stat.size)} bytes, at most ${String(limit)} are read`);
    const bytes = new Uint8Array(stat.size);
    for (let filled = 0; filled < bytes.length;) {
      const count = readSync(file, bytes, filled, Math.min(bytes.length - filled, 2 ** 30), filled);
      if (count === 0) throw fail("became shorter while it was read; is something still writing it?");
      filled += count;
    }
    return bytes;
  } finally {
    closeSync(file);
  }
}

/** UTF-8 text of a regular file. @throws AssayError FILE_UNREADABLE, FILE_MALFORMED when it is not UTF-8. */
export function readText(path: string, limit?: number): string {
  const bytes = readBytes(path, limit);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw malformed(path, "is not UTF-8 text", error);
  }
}

/** The value of a JSON file. @throws AssayError FILE_UNREADABLE, FILE_MALFORMED. */
export function readJson(path: string, limit?: number): unknown {
  const text = readText(path, limit);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw malformed(path, `is not JSON: ${reasonOf(error)}`, error);
  }
}

/** The system's message about a failed call, without the path, which the caller names. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message.replace(/, \w+ '.*'(?: -> '.*')?$/s, "");
}
