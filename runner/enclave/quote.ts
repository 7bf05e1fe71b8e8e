import { AssayError } from "../errors.ts";

/** Kind of a trusted execution environment. */
export type TeeKind = "SGX" | "TDX";

/** A quote, taken apart; nothing is verified. Byte strings are hexadecimal with 0x. */
export interface ParsedQuote {
  readonly version: number;
  readonly tee: TeeKind;
  readonly qeVendor: string;
  readonly report: Readonly<Record<string, string | number>>;
  /** What governance allows, see `measuredBytes`. */
  readonly measured: Uint8Array;
  readonly reportData: string;
  readonly isDebug: boolean;
  readonly quotingEnclave: { readonly signer: string; readonly productId: number; readonly isvSvn: number };
  /** The PCK chain in PEM. */
  readonly chain: string;
  /** Zeros behind the quote. */
  readonly trailing: number;
}

const HEADER = 48;
const SGX_REPORT = 384;
const TD_REPORT = 584;
const PCK_CHAIN = 5;
const QE_REPORT = 6;

/** Reads numbers and bytes, and throws where the quote ends early. */
class QuoteBytes {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  slice(start: number, length: number): Uint8Array {
    if (start + length > this.#bytes.length) {
      throw new AssayError("QUOTE_MALFORMED", `the quote ends before byte ${start + length}`);
    }
    return this.#bytes.subarray(start, start + length);
  }

  number(start: number, length: number): number {
    return this.slice(start, length).reduceRight((value, byte) => value * 256 + byte, 0);
  }

  hex(start: number, length: number): string {
    return `0x${Buffer.from(this.slice(start, length)).toString("hex")}`;
  }
}
