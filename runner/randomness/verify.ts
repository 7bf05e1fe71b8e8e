import { bls12_381 } from "@noble/curves/bls12-381";
import { getBytes, sha256, toBeHex } from "ethers";

import type { DrandBeacon } from "./drand.ts";

const { G2, fields, verifyShortSignature } = bls12_381;
/** Domain separation tag of the scheme bls-unchained-g1-rfc9380. */
const DST = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";

/**
 * Whether a beacon signed a round: what `DrandRandomness.submit` checks, without a chain. A signature that this refuses
 * would burn nearly all gas of whoever sends it.
 * @param round From 1, below 2^64.
 * @param signature As a beacon publishes it: a compressed point of G1 in hexadecimal, without 0x. Hostile input.
 * @returns false for whatever is not that signature, however malformed.
 */
export function verifySignature({ publicKey }: DrandBeacon, round: bigint, signature: string): boolean {
  if (!/^[0-9a-f]{96}$/i.test(signature)) return false;
  try {
    const message = getBytes(sha256(toBeHex(round, 8)));
    return verifyShortSignature(signature.toLowerCase(), message, keyOf(publicKey), { DST });
  } catch {
    // Not a point of the group.
    return false;
  }
}

/** Reads a point of G2 as EIP-2537 encodes it. */
function keyOf(publicKey: string): InstanceType<typeof G2.ProjectivePoint> {
  const [x0, x1, y0, y1] = [0, 1, 2, 3].map((i) => BigInt(`0x${publicKey.slice(2 + 128 * i, 130 + 128 * i)}`));
  const element = (c0 = 0n, c1 = 0n) => fields.Fp2.fromBigTuple([c0, c1]);
  return G2.ProjectivePoint.fromAffine({ x: element(x0, x1), y: element(y0, y1) });
}
