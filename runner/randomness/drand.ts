/**
 * What a client of contracts/randomness/DrandRandomness.sol needs of a drand beacon: which round belongs to a time, and
 * its signature in the encoding that the contract takes. `verifySignature` checks a signature before anybody pays gas for it.
 */
import { AssayError } from "../errors.ts";

/** A drand beacon of the scheme bls-unchained-g1-rfc9380. */
export interface DrandBeacon {
  /** Point of G2, not compressed, as EIP-2537 encodes it: 256 bytes in hexadecimal. */
  readonly publicKey: string;
  /** Time of round 1, in Unix seconds. */
  readonly genesisTime: number;
  readonly periodSeconds: number;
}

const ZEROES = "00".repeat(16);

/** The League of Entropy's beacon, chain hash 52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971. */
export const QUICKNET: DrandBeacon = {
  publicKey: [
    "0x",
    "0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a",
    "03cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451",
    "0e5db2b6bfbb01c867749cadffca88b36c24f3012ba09fc4d3022c5c37dce0f977d3adb5d183c7477c442b1f04515273",
    "01a714f2edb74119a2f2b0d5a7c75ba902d163700a61bc224ededd8e63aef7be1aaf8e93d7a9718b047ccddb3eb5d68b",
  ].join(ZEROES),
  genesisTime: 1_692_803_367,
  periodSeconds: 3,
};

const requireInteger = (name: string, value: number, minimum: number): void => {
  if (Number.isSafeInteger(value) && value >= minimum) return;
  const range = `an integer from ${minimum}`;
  throw new AssayError("OUT_OF_RANGE", `${name} is ${value}, not ${range}`, { name, value, range });
};

/**
 * The latest round that is published at a time.
 * @param time Unix seconds, not before the beacon's genesis.
 * @throws OUT_OF_RANGE
 */
export function drandRoundAt(beacon: DrandBeacon, time: number): number {
  requireInteger("time", time, beacon.genesisTime);
  return Math.floor((time - beacon.genesisTime) / beacon.periodSeconds) + 1;
}

/**
 * When a round is published, in Unix seconds.
 * @param round From 1.
 * @throws OUT_OF_RANGE
 */
export function drandTimeOf(beacon: DrandBeacon, round: number): number {
  requireInteger("round", round, 1);
  return beacon.genesisTime + (round - 1) * beacon.periodSeconds;
}

/** Modulus of the base field of BLS12-381. */
const P = 0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaabn;
const COMPRESSED = 1n << 383n;
const INFINITY = 1n << 382n;
const LARGER = 1n << 381n;

const power = (base: bigint, exponent: bigint): bigint => {
  let result = 1n;
  for (let square = base, rest = exponent; rest > 0n; rest >>= 1n, square = (square * square) % P) {
    if ((rest & 1n) === 1n) result = (result * square) % P;
  }
  return result;
};

const malformed = (reason: string): AssayError<"BEACON_MALFORMED"> =>
  new AssayError("BEACON_MALFORMED", `not the signature of a beacon: ${reason}`, { reason });

/**
 * Turns a signature as a beacon publishes it into the argument of `DrandRandomness.submit`.
 * @param signature Compressed point of G1: 96 hexadecimal digits.
 * @returns The point's x and y, 64 bytes each, in hexadecimal with a leading 0x, as EIP-2537 encodes them.
 * @throws BEACON_MALFORMED unless it is a compressed point of the curve other than infinity. A point outside the prime-order
 * subgroup passes here; the contract refuses it.
 */
export function decompressSignature(signature: string): string {
  if (!/^[0-9a-f]{96}$/i.test(signature)) throw malformed("it is not 96 hexadecimal digits");
  const bits = BigInt(`0x${signature}`);
  if ((bits & COMPRESSED) === 0n) throw malformed("the point is not compressed");
  if ((bits & INFINITY) !== 0n) throw malformed("it is the point at infinity");
  const x = bits & (LARGER - 1n);
  if (x >= P) throw malformed("x is not below the modulus");
  const square = (x ** 3n + 4n) % P;
  // p = 3 (mod 4): this is a root when there is one.
  const root = power(square, (P + 1n) / 4n);
  if ((root * root) % P !== square) throw malformed("no point of the curve has this x");
  // On this curve y is never 0: -4 is no cube, so the two roots differ.
  const isLarger = root > P - root;
  const y = isLarger === ((bits & LARGER) !== 0n) ? root : P - root;
  return `0x${[x, y].map((element) => element.toString(16).padStart(128, "0")).join("")}`;
}
