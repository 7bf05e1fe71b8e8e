import { bls12_381 } from "@noble/curves/bls12-381";
import { expect } from "chai";

import { createRandom } from "../../../runner/machine/prng.ts";
import { QUICKNET } from "../../../runner/randomness/drand.ts";
import { verifySignature } from "../../../runner/randomness/verify.ts";
import {
  createBeacon,
  curvePoint,
  FIELD,
  ORDER_THREE,
  type Point,
  QUICKNET_1000,
} from "../../contracts/support/beacon.ts";

describe("verifySignature", () => {
  const { signature, round: published } = QUICKNET_1000;
  const round = BigInt(published);
  const random = createRandom(0xbea);
  /** As beacons publish points, also those outside the group. */
  const digits = (each: Point): string => {
    const { x, y } = each.toAffine();
    return (((y > FIELD / 2n ? 5n : 4n) << 381n) | x).toString(16);
  };
  const point = bls12_381.G1.ProjectivePoint.fromHex(signature);

  it("takes round 1,000 of quicknet, in digits of either case", () => {
    expect(verifySignature(QUICKNET, round, signature)).to.equal(true);
    expect(verifySignature(QUICKNET, round, signature.toUpperCase())).to.equal(true);
  });
  it("takes rounds of every size of another beacon", () => {
    const own = createBeacon(random.u64());
    const beacon = { ...QUICKNET, publicKey: own.publicKey() };
    for (const each of [1n, 255n, 1n << 32n, (1n << 64n) - 1n]) {
      expect(verifySignature(beacon, each, own.sign(each).compressed.slice(2)), String(each)).to.equal(true);
    }
  });
  it("refuses it for another round, and under another key", () => {
    for (const other of [1n, 999n, 1_001n]) expect(verifySignature(QUICKNET, other, signature)).to.equal(false);
    const beacon = { ...QUICKNET, publicKey: createBeacon(5n).publicKey() };
    expect(verifySignature(beacon, round, signature)).to.equal(false);
  });
  it("takes what the helper of this test makes of the signature", () => {
    expect(digits(point)).to.equal(signature);
  });
  it("refuses other points of the group, and points outside of it", () => {
    for (const other of [point.negate(), point.double(), point.add(ORDER_THREE), ORDER_THREE, curvePoint(1n)]) {
      expect(verifySignature(QUICKNET, round, digits(other))).to.equal(false);
    }
  });
  it("refuses what is no point at all, and never throws", () => {
    const infinity = `c0${"00".repeat(47)}`;
    for (const other of ["", "00", `0x${signature}`, `${signature}00`, "zz".repeat(48), infinity, "ff".repeat(48)]) {
      expect(verifySignature(QUICKNET, round, other), other).to.equal(false);
    }
    for (let bit = 0; bit < 384; bit += 5) {
      const changed = (BigInt(`0x${signature}`) ^ (1n << BigInt(bit))).toString(16).padStart(96, "0");
      expect(verifySignature(QUICKNET, round, changed), changed).to.equal(false);
    }
  });
});
