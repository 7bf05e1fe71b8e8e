import { bls12_381 } from "@noble/curves/bls12-381";
import { expect } from "chai";
import { hexlify } from "ethers";

import { isAssayError } from "../../../runner/errors.ts";
import { createRandom } from "../../../runner/machine/prng.ts";
import { decompressSignature, drandRoundAt, drandTimeOf, QUICKNET } from "../../../runner/randomness/drand.ts";
import { curvePoint, encodeG1, encodeG2, FIELD, QUICKNET_1000 } from "../../contracts/support/beacon.ts";

const { G1, G2 } = bls12_381;
const GENESIS = 1_692_803_367;

const thrownBy = (run: () => unknown): unknown => {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
};

describe("QUICKNET", () => {
  it("has the key that the League of Entropy published, not compressed", () => {
    expect(QUICKNET.publicKey).to.equal(encodeG2(G2.ProjectivePoint.fromHex(QUICKNET_1000.publicKey)));
  });
});

describe("drandRoundAt and drandTimeOf", () => {
  it("begin with round 1 at the genesis, a round each period", () => {
    const rounds = [0, 1, 2, 3, 5, 6, 2_997].map((later) => drandRoundAt(QUICKNET, GENESIS + later));
    expect(rounds).to.deep.equal([1, 1, 1, 2, 2, 3, 1_000]);
    expect([1, 2, 1_000].map((round) => drandTimeOf(QUICKNET, round) - GENESIS)).to.deep.equal([0, 3, 2_997]);
  });
  it("refuse times before the genesis, rounds below 1, and fractions", () => {
    for (const time of [GENESIS - 1, 0, -1, NaN, Infinity, GENESIS + 0.5]) {
      const error = thrownBy(() => drandRoundAt(QUICKNET, time));
      expect(isAssayError(error, "OUT_OF_RANGE") && error.details).to.deep.equal({
        name: "time",
        value: time,
        range: `an integer from ${GENESIS}`,
      });
    }
    for (const round of [0, -1, NaN, 1.5, 2 ** 53]) {
      const error = thrownBy(() => drandTimeOf(QUICKNET, round));
      expect(isAssayError(error, "OUT_OF_RANGE") && error.details).to.deep.equal({
        name: "round",
        value: round,
        range: "an integer from 1",
      });
    }
  });
});

describe("decompressSignature", () => {
  const random = createRandom(0xdec0);

  it("gives the point of a signature of quicknet, in digits of either case", () => {
    const point = G1.ProjectivePoint.fromHex(QUICKNET_1000.signature).toAffine();
    expect(decompressSignature(QUICKNET_1000.signature)).to.equal(encodeG1(point));
    expect(decompressSignature(QUICKNET_1000.signature.toUpperCase())).to.equal(encodeG1(point));
  });
  it("undoes compression, of points of either sign", () => {
    const signs = new Set<number>();
    for (let i = 0; i < 40; i++) {
      const point = G1.ProjectivePoint.BASE.multiply(1n + random.u64());
      const compressed = point.toRawBytes(true);
      signs.add((compressed[0] ?? 0) >> 5);
      expect(decompressSignature(hexlify(compressed).slice(2))).to.equal(encodeG1(point.toAffine()));
    }
    expect(signs.size).to.equal(2);
  });
  it("leaves the check of the subgroup to the contract", () => {
    const point = curvePoint(1n);
    expect(point.isTorsionFree()).to.be.false;
    const { x, y } = point.toAffine();
    const flags = y > FIELD / 2n ? 0b101n : 0b100n;
    expect(decompressSignature(((flags << 381n) | x).toString(16))).to.equal(encodeG1({ x, y }));
  });

  describe("given what is not a compressed point", () => {
    const { signature } = QUICKNET_1000;
    const digits = (value: bigint): string => value.toString(16).padStart(96, "0");
    const compressed = 1n << 383n;
    const offCurve = ((): bigint => {
      for (let x = 1n; ; x++) if (curvePoint(x).toAffine().x !== x) return x;
    })();
    const cases: Readonly<Record<string, readonly string[]>> = {
      "it is not 96 hexadecimal digits": [
        "",
        `0x${signature}`,
        signature.slice(1),
        `${signature}0`,
        `${signature}\n`,
        `g${signature.slice(1)}`,
        ` ${signature.slice(1)}`,
        "0".repeat(1 << 20),
      ],
      "the point is not compressed": [`1${signature.slice(1)}`, "0".repeat(96), digits((1n << 382n) | 1n)],
      "it is the point at infinity": [digits(3n << 382n), digits((3n << 382n) | 5n), "f".repeat(96)],
      "x is not below the modulus": [digits(compressed | FIELD), digits(compressed | ((1n << 381n) - 1n))],
      "no point of the curve has this x": [digits(compressed | offCurve), digits(compressed | (1n << 381n) | offCurve)],
    };
    for (const [reason, values] of Object.entries(cases)) {
      it(`says that ${reason}`, () => {
        for (const value of values) {
          const error = thrownBy(() => decompressSignature(value));
          expect(isAssayError(error, "BEACON_MALFORMED") && error.details, value.slice(0, 100)).to.deep.equal({
            reason,
          });
        }
      });
    }
  });
});
