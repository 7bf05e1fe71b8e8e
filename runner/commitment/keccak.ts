import { createKeccak } from "hash-wasm";

/** 32 bytes as lower-case hex with 0x: a hash, a root. */
export type Hash = `0x${string}`;

/** Root of an empty list. */
export const ZERO_HASH: Hash = `0x${"00".repeat(32)}`;

// One WASM instance, made when the module loads; hashing is synchronous from then on.
const hasher = await createKeccak(256);

/** keccak256, 32 bytes. */
export const keccak256 = (bytes: Uint8Array): Uint8Array => hasher.init().update(bytes).digest("binary");

/** Two hex digits of each byte. */
const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

export function toHash(bytes: Uint8Array): Hash {
  let text: Hash = "0x";
  for (const byte of bytes) text += DIGITS[byte] ?? "";
  return text;
}

/** The bytes of hex digits after 0x; their number must be even. */
export function bytesFromHex(hex: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(hex.length / 2 - 1);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i + 2, 2 * i + 4), 16);
  return bytes;
}

/** The 32 bytes of a hash. The type says that it is one; nothing is checked. */
export const hashBytes = (hash: Hash): Uint8Array => bytesFromHex(hash);
