import { AssayError } from "../errors.ts";

/** Reads parts of a byte string, and refuses where it ends early. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #path: string;

  constructor(bytes: Uint8Array, path: string) {
    this.#bytes = bytes;
    this.#path = path;
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** @throws AssayError FILE_MALFORMED */
  refuse(reason: string): never {
    throw new AssayError("FILE_MALFORMED", `${this.#path}: ${reason}`, { path: this.#path, reason });
  }

  slice(start: number, length: number): Uint8Array {
    if (start + length > this.#bytes.length) this.refuse(`ends before byte ${start + length}`);
    return this.#bytes.subarray(start, start + length);
  }

  /** A little-endian number of at most 6 bytes. */
  number(start: number, length: number): number {
    return this.slice(start, length).reduceRight((value, byte) => value * 256 + byte, 0);
  }

  hex(start: number, length: number): string {
    return `0x${Buffer.from(this.slice(start, length)).toString("hex")}`;
  }
}
