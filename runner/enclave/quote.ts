import { keccak256, toHash } from "../commitment/keccak.ts";

import { ByteReader } from "./bytes.ts";

/** Kind of a trusted execution environment. */
export type TeeKind = "SGX" | "TDX";

/** A quote, taken apart; nothing in it is verified. Byte strings are hexadecimal with 0x. */
export interface ParsedQuote {
  readonly version: number;
  readonly tee: TeeKind;
  /** Fields of the report by their names in Intel's documents. */
  readonly report: Readonly<Record<string, string>>;
  /** What governance allows: see IQuoteVerifier.sol. */
  readonly measurement: string;
  readonly reportData: string;
  readonly isDebug: boolean;
  readonly quotingEnclave: { readonly signer: string; readonly productId: number; readonly isvSvn: number };
  /** The PCK chain in PEM. */
  readonly chain: string;
  /** Bytes behind the quote. */
  readonly trailing: number;
}

const HEADER = 48;
const SGX_REPORT = 384;
const [TD_REPORT_10, TD_REPORT_15] = [584, 648];
const TEE_TDX = 0x81;
const [PCK_CHAIN, QE_REPORT] = [5, 6];

/** Name, offset and length of the fields of a report. */
const SGX_FIELDS = [
  ["CPUSVN", 0, 16],
  ["MISCSELECT", 16, 4],
  ["ATTRIBUTES", 48, 16],
  ["MRENCLAVE", 64, 32],
  ["MRSIGNER", 128, 32],
  ["ISVPRODID", 256, 2],
  ["ISVSVN", 258, 2],
] as const;
const TDX_FIELDS = [
  ["TEE_TCB_SVN", 0, 16],
  ["MRSEAM", 16, 48],
  ["TDATTRIBUTES", 120, 8],
  ["XFAM", 128, 8],
  ["MRTD", 136, 48],
  ["MRCONFIGID", 184, 48],
  ["MROWNER", 232, 48],
  ["MROWNERCONFIG", 280, 48],
  ["RTMR0", 328, 48],
  ["RTMR1", 376, 48],
  ["RTMR2", 424, 48],
  ["RTMR3", 472, 48],
] as const;

const keccak = (...parts: readonly Uint8Array[]): string => toHash(keccak256(Buffer.concat(parts)));

/** Where the report is, and how long: by version and, from version 5 on, by the type that stands before it. */
function reportOf(quote: ByteReader): { tee: TeeKind; body: number; size: number } {
  const version = quote.number(0, 2);
  const tee = quote.number(4, 4);
  if (version === 3 && tee === 0) return { tee: "SGX", body: HEADER, size: SGX_REPORT };
  if (version === 4 && tee === TEE_TDX) return { tee: "TDX", body: HEADER, size: TD_REPORT_10 };
  if (version !== 5 || tee !== TEE_TDX) quote.refuse(`version ${version} of kind ${tee} is none that can be enrolled`);
  const type = quote.number(HEADER, 2);
  const size = type === 2 ? TD_REPORT_10 : TD_REPORT_15;
  if ((type !== 2 && type !== 3) || quote.number(HEADER + 2, 4) !== size) quote.refuse(`a report of type ${type}`);
  return { tee: "TDX", body: HEADER + 6, size };
}

/** The data of a type, which must end with the quote's: where they start. */
function certification(quote: ByteReader, offset: number, end: number, expected: number): number {
  const type = quote.number(offset, 2);
  if (type !== expected) quote.refuse(`certification data of type ${type} where ${expected} is needed`);
  if (offset + 6 + quote.number(offset + 2, 4) !== end) quote.refuse("sizes that do not fit each other");
  return offset + 6;
}

/**
 * Takes a quote apart.
 * @param bytes The quote.
 * @param path Name of the file, for errors.
 * @throws AssayError FILE_MALFORMED for what the contracts would refuse by its form.
 */
export function parseQuote(bytes: Uint8Array, path: string): ParsedQuote {
  const quote = new ByteReader(bytes, path);
  const { tee, body, size } = reportOf(quote);
  const signedEnd = body + size;
  const end = signedEnd + 4 + quote.number(signedEnd, 4);
  const first = signedEnd + 4 + 128;
  const qe = tee === "SGX" ? first : certification(quote, first, end, QE_REPORT);
  const qeDataEnd = qe + 450 + quote.number(qe + 448, 2);
  const chain = certification(quote, qeDataEnd, end, PCK_CHAIN);
  const part = (offset: number, length: number) => quote.slice(body + offset, length);
  const isSgx = tee === "SGX";
  return {
    version: quote.number(0, 2),
    tee,
    report: Object.fromEntries(
      (isSgx ? SGX_FIELDS : TDX_FIELDS).map(([name, offset, length]) => [name, quote.hex(body + offset, length)]),
    ),
    measurement: isSgx
      ? keccak(Uint8Array.of(0), part(32, 16), part(64, 256))
      : keccak(Uint8Array.of(1), part(120, 400)),
    reportData: quote.hex(body + (isSgx ? 320 : 520), 64),
    isDebug: isSgx ? ((part(48, 1)[0] ?? 0) & 2) !== 0 : part(120, 1)[0] !== 0,
    quotingEnclave: {
      signer: quote.hex(qe + 128, 32),
      productId: quote.number(qe + 256, 2),
      isvSvn: quote.number(qe + 258, 2),
    },
    chain: Buffer.from(quote.slice(chain, end - chain)).toString("latin1"),
    trailing: quote.length - end,
  };
}
