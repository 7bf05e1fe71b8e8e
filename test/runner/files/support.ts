import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { AssayError, type AssayErrorCode } from "../../../runner/errors.ts";

/** A folder that disappears after each test of the describe block that calls this. */
export function useFolder(): {
  path: (name: string) => string;
  put: (name: string, data: Uint8Array | string) => string;
} {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "assay-test-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const path = (name: string): string => join(folder, name);
  return {
    path,
    put: (name, data) => {
      writeFileSync(path(name), data);
      return path(name);
    },
  };
}

/** The AssayError of the given code that `act` throws, its message matching. */
export function expectError(code: AssayErrorCode, message: RegExp, act: () => unknown): AssayError {
  try {
    act();
  } catch (error) {
    expect(error).to.be.instanceOf(AssayError);
    const assay = error as AssayError;
    expect(assay.message).to.match(message);
    expect(assay.code).to.equal(code);
    return assay;
  }
  throw new Error(`expected ${code}, nothing was thrown`);
}

/** A .npy file with any header, honest or not. */
export function npy(
  header: string,
  data: Uint8Array,
  { major = 1, headerLength }: { major?: number; headerLength?: number } = {},
): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(header);
  const length = headerLength ?? text.length;
  const width = major === 1 ? 2 : 4;
  const sizes = Array.from({ length: width }, (_, i) => Math.floor(length / 256 ** i) & 0xff);
  return Uint8Array.from([0x93, ...new TextEncoder().encode("NUMPY"), major, 0, ...sizes, ...text, ...data]);
}
