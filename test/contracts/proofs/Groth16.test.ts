import { bn254 } from "@noble/curves/bn254";
import { expect } from "chai";
import { concat, dataSlice } from "ethers";
import { network } from "hardhat";

import { createRandom } from "../../../runner/machine/prng.ts";
import { digitsCircuit } from "../../../testing/zk/digits.ts";
import { KEY_HEAD_BYTES, P, PROOF_BYTES, R, withBytes, word, zeroes } from "../support/proofs.ts";

const connection = await network.create();
const { ethers } = connection;
const precompile = (number: number): string => ethers.getAddress(`0x${number.toString(16).padStart(40, "0")}`);
const [ECADD, ECMUL, PAIRING] = [precompile(6), precompile(7), precompile(8)];
/** Public inputs of the key: the context and four of data. */
const INPUTS = 5;

describe("Groth16", () => {
  let harness: Awaited<ReturnType<typeof deploy>>;
  let key: string;
  const deploy = () => ethers.deployContract("Groth16Harness");
  before(async () => {
    harness = await deploy();
    ({ key } = await digitsCircuit());
  });

  /** Generators: a well-formed proof of nothing. */
  const g1 = concat([word(1n), word(2n)]);
  const proofOfNothing = () => concat([g1, dataSlice(key, 64, 192), g1]);
  const ones = Array.from({ length: INPUTS }, () => 1n);

  describe("requireKey", () => {
    it("accepts a key with one point more than there are public inputs", async () => {
      await harness.requireKey(key, INPUTS);
    });
    it("refuses a key for more or fewer public inputs", async () => {
      for (const inputs of [0, INPUTS - 1, INPUTS + 1]) {
        await expect(harness.requireKey(key, inputs))
          .to.be.revertedWithCustomError(harness, "Groth16Length")
          .withArgs(KEY_HEAD_BYTES + 64 * (INPUTS + 1), KEY_HEAD_BYTES + 64 * (inputs + 1));
      }
    });
    it("refuses coordinates from the modulus on, anywhere", async () => {
      for (const at of [0, 96, 192 + 32, 320 + 96, KEY_HEAD_BYTES + 64 * INPUTS + 32]) {
        const value = BigInt(dataSlice(key, at, at + 32)) + P;
        await expect(harness.requireKey(withBytes(key, at, word(value)), INPUTS))
          .to.be.revertedWithCustomError(harness, "Groth16CoordinateTooLarge")
          .withArgs(at, value);
      }
    });
    it("refuses the point at infinity: a public input that the key does not see could be anything", async () => {
      for (const [at, length] of [
        [0, 64],
        [64, 128],
        [192, 128],
        [320, 128],
        [KEY_HEAD_BYTES, 64],
        [KEY_HEAD_BYTES + 64 * INPUTS, 64],
      ] as const) {
        await expect(harness.requireKey(withBytes(key, at, zeroes(length)), INPUTS))
          .to.be.revertedWithCustomError(harness, "Groth16PointAtInfinity")
          .withArgs(at);
      }
    });
    it("refuses points that are not on the curve", async () => {
      for (const [at, by] of [
        [0, PAIRING],
        [64, PAIRING],
        [192, PAIRING],
        [320, PAIRING],
        [KEY_HEAD_BYTES + 64, ECADD],
      ] as const) {
        await expect(harness.requireKey(withBytes(key, at, word(5n)), INPUTS))
          .to.be.revertedWithCustomError(harness, "Groth16PrecompileFailed")
          .withArgs(by);
      }
    });
    it("refuses a point of the twist that is not in the subgroup", async () => {
      for (const at of [64, 192, 320]) {
        await expect(harness.requireKey(withBytes(key, at, outsideSubgroup()), INPUTS))
          .to.be.revertedWithCustomError(harness, "Groth16PrecompileFailed")
          .withArgs(PAIRING);
      }
    });
  });

  describe("holds", () => {
    it("says no to a well-formed proof that does not hold", async () => {
      expect(await harness.holds(key, proofOfNothing(), ones)).to.equal(false);
    });
    it("refuses public inputs from the order of the group on", async () => {
      for (const value of [R, R + 1n, 2n ** 256n - 1n]) {
        const inputs = ones.with(3, value);
        await expect(harness.holds(key, proofOfNothing(), inputs))
          .to.be.revertedWithCustomError(harness, "Groth16InputTooLarge")
          .withArgs(3, value);
      }
      await harness.holds(key, proofOfNothing(), ones.with(3, R - 1n));
    });
    it("refuses a proof or a key of another length", async () => {
      for (const proof of ["0x", dataSlice(proofOfNothing(), 0, PROOF_BYTES - 1), `${proofOfNothing()}00`]) {
        await expect(harness.holds(key, proof, ones))
          .to.be.revertedWithCustomError(harness, "Groth16Length")
          .withArgs((proof.length - 2) / 2, PROOF_BYTES);
      }
      await expect(harness.holds(key, proofOfNothing(), ones.slice(1)))
        .to.be.revertedWithCustomError(harness, "Groth16Length")
        .withArgs((key.length - 2) / 2, (key.length - 2) / 2 - 64);
    });
    it("refuses a proof whose second point is not in the subgroup", async () => {
      await expect(harness.holds(key, withBytes(proofOfNothing(), 64, outsideSubgroup()), ones))
        .to.be.revertedWithCustomError(harness, "Groth16PrecompileFailed")
        .withArgs(PAIRING);
    });
  });

  describe("combine", () => {
    const random = createRandom(11);
    const scalar = (): bigint =>
      random.pick([0n, 1n, R - 1n, BigInt(`0x${Buffer.from(random.bytes(32)).toString("hex")}`) % R]);
    const point = (): string => {
      const { x, y } = bn254.G1.ProjectivePoint.BASE.multiply(1n + BigInt(random.u32())).toAffine();
      return concat([word(x), word(y)]);
    };
    it("is what the plain form computes, for 0 to 6 inputs", async () => {
      for (let round = 0; round < 28; round++) {
        const inputs = Array.from({ length: round % 7 }, scalar);
        // The same point twice, and its opposite, too: sums that are infinity or a doubling.
        const one = point();
        const points = concat([one, ...inputs.map(() => (random.chance(0.3) ? one : point()))]);
        expect(await harness.combine(points, inputs)).to.deep.equal(await harness.combinePlain(points, inputs));
      }
    });
    it("refuses scalars from the order of the group on", async () => {
      for (const at of [0, 1, 2]) {
        await expect(harness.combine(concat([g1, g1, g1, g1]), [1n, 2n, 3n].with(at, R)))
          .to.be.revertedWithCustomError(harness, "Groth16InputTooLarge")
          .withArgs(at, R);
      }
    });
    it("refuses points that are not on the curve", async () => {
      const off = concat([word(1n), word(3n)]);
      await expect(harness.combine(concat([g1, off]), [1n]))
        .to.be.revertedWithCustomError(harness, "Groth16PrecompileFailed")
        .withArgs(ECMUL);
      await expect(harness.combine(concat([off, g1]), [1n]))
        .to.be.revertedWithCustomError(harness, "Groth16PrecompileFailed")
        .withArgs(ECADD);
    });
  });
});

/** A point of the twist, whose group is larger than the subgroup by a factor of 254 bits. */
function outsideSubgroup(): string {
  const { Fp2 } = bn254.fields;
  for (let real = 1n; ; real++) {
    const x = Fp2.create({ c0: real, c1: 1n });
    const square = Fp2.add(Fp2.mul(Fp2.sqr(x), x), bn254.params.G2b);
    try {
      const y = Fp2.sqrt(square);
      return concat([word(x.c1), word(x.c0), word(y.c1), word(y.c0)]);
    } catch {
      // No point has this x.
    }
  }
}
