import { createKeccak } from "hash-wasm";

/** 32 bytes as lower-case hex with 0x: a hash, a root. */
export type Hash = `0x${string}`;

/** Root of an empty list. */
export const ZERO_HASH: Hash = `0x${"00".repeat(32)}`;

// One WASM instance, made when the module loads; hashing is synchronous from then on.
const hasher = await createKeccak(256);

/** keccak256, 32 bytes. */
export const keccak256 = (bytes: Uint8Array): Uint8Array => hasher.init().update(bytes).digest("binary");

export const toHash = (bytes: Uint8Array): Hash => `0x${Buffer.from(bytes).toString("hex")}`;

/** The 32 bytes of a hash. The type says that it is one; nothing is checked. */
export const hashBytes = (hash: Hash): Uint8Array => Uint8Array.from(Buffer.from(hash.slice(2), "hex"));
