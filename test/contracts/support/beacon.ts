import { bls12_381 } from "@noble/curves/bls12-381";
import { concat, getBytes, hexlify, sha256, toBeHex } from "ethers";

const { G1, G2, fields } = bls12_381;
export const FIELD = fields.Fp.ORDER;
const TAG = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";

export type Point = typeof G1.ProjectivePoint.BASE;
type TwistPoint = typeof G2.ProjectivePoint.BASE;

/** A point of G1 other than infinity, or any x and y, as EIP-2537 encodes it. */
export const encodeG1 = ({ x, y }: { readonly x: bigint; readonly y: bigint }): string =>
  concat([toBeHex(x, 64), toBeHex(y, 64)]);

/** A point of G2 other than infinity, as EIP-2537 encodes it. */
export const encodeG2 = (point: TwistPoint): string => {
  const { x, y } = point.toAffine();
  return concat([x.c0, x.c1, y.c0, y.c1].map((element) => toBeHex(element, 64)));
};

/** A point of the curve for some x from `start` on; hardly ever one of the subgroup. */
export const curvePoint = (start: bigint): Point => {
  const { Fp } = fields;
  for (let x = start; ; x++) {
    const square = Fp.create(x ** 3n + 4n);
    try {
      return G1.ProjectivePoint.fromAffine({ x, y: Fp.sqrt(square) });
    } catch {
      // No point has this x.
    }
  }
};

/** A point of order 3: every pairing of it is 1, so that only a check of the subgroup finds it. */
export const ORDER_THREE = G1.ProjectivePoint.fromAffine({ x: 0n, y: 2n });

export interface Signed {
  readonly point: Point;
  /** As the contract takes it. */
  readonly encoded: string;
  /** As beacons publish it. */
  readonly compressed: string;
  readonly randomness: string;
}

const signedBy = (point: Point): Signed => {
  const compressed = hexlify(point.toRawBytes(true));
  return { point, encoded: encodeG1(point.toAffine()), compressed, randomness: sha256(compressed) };
};

/** The point of G1 that a beacon signs for a round. */
export const roundHash = (round: bigint | number): Point =>
  G1.ProjectivePoint.fromAffine(G1.hashToCurve(getBytes(sha256(toBeHex(round, 8))), { DST: TAG }).toAffine());

/** A beacon of one node that has this secret, made with another implementation of the curve. */
export const createBeacon = (secret: bigint) => ({
  publicKey: (): string => encodeG2(G2.ProjectivePoint.BASE.multiply(secret)),
  sign: (round: bigint | number): Signed => signedBy(roundHash(round).multiply(secret)),
});

/** Round 1,000 of quicknet, as the League of Entropy published it. */
export const QUICKNET_1000 = {
  round: 1_000,
  publicKey:
    "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451" +
    "0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a",
  signature: "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39",
  randomness: "0xfe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd",
} as const;
