import { bls12_381 } from "@noble/curves/bls12-381";
import { expect } from "chai";
import { concat, dataSlice, getBytes, hexlify, toBeHex, ZeroHash } from "ethers";
import hre, { network } from "hardhat";

import { createRandom } from "../../../runner/machine/prng.ts";
import { decompressSignature, drandTimeOf, QUICKNET } from "../../../runner/randomness/drand.ts";
import {
  createBeacon,
  curvePoint,
  encodeG1,
  FIELD,
  ORDER_THREE,
  type Point,
  QUICKNET_1000,
  roundHash,
} from "../support/beacon.ts";

const { ethers, networkHelpers } = await network.create();
const { time } = networkHelpers;
const { BASE } = bls12_381.G1.ProjectivePoint;

const [PENDING, READY] = [0n, 1n];
const MARGIN = 60;
const SIGNED_ROUND = 33_554_432n;
const PAIRING = "0x000000000000000000000000000000000000000F";

describe("DrandRandomness", () => {
  const random = createRandom(0xd2a4d);
  const beacon = createBeacon(0x5ec2e7n);
  const KEY = beacon.publicKey();
  const signed = beacon.sign(SIGNED_ROUND);
  const deploy = async (key = KEY, genesis = QUICKNET.genesisTime, period = 3, margin = MARGIN) =>
    ethers.deployContract("DrandRandomness", [key, genesis, period, margin]);
  const own = async () => deploy();
  const quicknet = async () => deploy(QUICKNET.publicKey);
  type Randomness = Awaited<ReturnType<typeof own>>;

  describe("constructor", () => {
    it("keeps key, times and margin", async () => {
      const randomness = await networkHelpers.loadFixture(own);
      expect(await randomness.publicKey()).to.equal(KEY);
      expect(await randomness.GENESIS_TIME()).to.equal(QUICKNET.genesisTime);
      expect(await randomness.PERIOD_SECONDS()).to.equal(3);
      expect(await randomness.MARGIN_SECONDS()).to.equal(MARGIN);
    });
    it("refuses a key outside the curve", async () => {
      const randomness = await networkHelpers.loadFixture(own);
      const key = getBytes(KEY);
      key[255] = (key[255] ?? 0) ^ 1;
      await expect(deploy(hexlify(key)))
        .to.be.revertedWithCustomError(randomness, "BlsPrecompileFailed")
        .withArgs("0x000000000000000000000000000000000000000E");
    });
    it("refuses the key of all signatures, the point at infinity", async () => {
      const randomness = await networkHelpers.loadFixture(own);
      await expect(deploy("0x" + "00".repeat(256))).to.be.revertedWithCustomError(randomness, "BlsPointAtInfinity");
    });
    it("refuses a compressed key", async () => {
      const randomness = await networkHelpers.loadFixture(own);
      await expect(deploy(`0x${QUICKNET_1000.publicKey}`))
        .to.be.revertedWithCustomError(randomness, "BlsPointLength")
        .withArgs(96, 256);
    });
    it("refuses a period of 0", async () => {
      const randomness = await networkHelpers.loadFixture(own);
      const call = deploy(KEY, QUICKNET.genesisTime, 0);
      await expect(call).to.be.revertedWithCustomError(randomness, "DrandPeriodZero");
    });
    it("refuses a margin outside 24 seconds to a day", async () => {
      const randomness = await networkHelpers.loadFixture(own);
      for (const margin of [0, 23, 86_401]) {
        await expect(deploy(KEY, QUICKNET.genesisTime, 3, margin))
          .to.be.revertedWithCustomError(randomness, "DrandMarginOutOfRange")
          .withArgs(margin, 24, 86_400);
      }
      for (const margin of [24, 86_400]) {
        const edge = await deploy(KEY, QUICKNET.genesisTime, 3, margin);
        expect(await edge.MARGIN_SECONDS()).to.equal(margin);
      }
    });
    it("refuses a genesis after its block, and takes one in it", async () => {
      const randomness = await networkHelpers.loadFixture(own);
      const now = (await time.latest()) + 10;
      await time.setNextBlockTimestamp(now);
      await expect(deploy(KEY, now + 1))
        .to.be.revertedWithCustomError(randomness, "DrandGenesisInFuture")
        .withArgs(now + 1, now);
      await time.setNextBlockTimestamp(now + 1);
      expect(await (await deploy(KEY, now + 1)).GENESIS_TIME()).to.equal(now + 1);
    });
  });

  describe("commit", () => {
    it("gives the first round that is published at least the margin after the block", async () => {
      const randomness = await networkHelpers.loadFixture(own);
      const start = await time.latest();
      for (let later = start + 1; later < start + 20; later++) {
        await time.increaseTo(later);
        const round = Number(await randomness.commit());
        expect(drandTimeOf(QUICKNET, round)).to.be.at.least(later + MARGIN);
        expect(drandTimeOf(QUICKNET, round - 1)).to.be.below(later + MARGIN);
      }
    });
    it("counts from round 1 at the genesis", async () => {
      const genesis = (await time.latest()) + 5;
      await time.setNextBlockTimestamp(genesis);
      const randomness = await deploy(KEY, genesis, 30, 60);
      expect(await randomness.commit()).to.equal(3);
      await time.increaseTo(genesis + 1);
      expect(await randomness.commit()).to.equal(4);
    });
  });

  describe("submit", () => {
    describe("given round 1,000 of quicknet", () => {
      const { round, signature, randomness: expected } = QUICKNET_1000;

      it("stores what the League of Entropy published, says so, and the ticket is ready", async () => {
        const randomness = await networkHelpers.loadFixture(quicknet);
        const encoded = decompressSignature(signature);
        expect([...(await randomness.seedOf(round))]).to.deep.equal([PENDING, ZeroHash]);
        expect(await randomness.submit.staticCall(round, encoded)).to.equal(expected);
        await expect(randomness.submit(round, encoded)).to.emit(randomness, "RoundVerified").withArgs(round, expected);
        expect([...(await randomness.seedOf(round))]).to.deep.equal([READY, expected]);
      });
      it("refuses it for the rounds beside", async () => {
        const randomness = await networkHelpers.loadFixture(quicknet);
        for (const other of [0, 999, 1_001, 1_000 + 2 ** 32]) {
          await expect(randomness.submit(other, decompressSignature(signature)))
            .to.be.revertedWithCustomError(randomness, "DrandSignatureInvalid")
            .withArgs(other);
        }
      });
      it("refuses it under another key", async () => {
        const randomness = await networkHelpers.loadFixture(own);
        await expect(randomness.submit(round, decompressSignature(signature)))
          .to.be.revertedWithCustomError(randomness, "DrandSignatureInvalid")
          .withArgs(round);
      });
    });

    it("takes rounds of every size, whichever sign their signature has", async () => {
      const randomness = await networkHelpers.loadFixture(own);
      const signs = new Set<string>();
      for (const round of [1n, 2n, 255n, 256n, 1n << 32n, 1n << 63n, (1n << 64n) - 1n, random.u64(), random.u64()]) {
        const { encoded, compressed, randomness: expected } = beacon.sign(round);
        signs.add((getBytes(compressed)[0] ?? 0) & 0x20 ? "larger" : "smaller");
        await expect(randomness.submit(round, encoded)).to.emit(randomness, "RoundVerified").withArgs(round, expected);
        expect([...(await randomness.seedOf(round))]).to.deep.equal([READY, expected]);
      }
      expect(signs.size).to.equal(2);
    });
    it("serves every ticket of the round, from any account", async () => {
      const randomness = await networkHelpers.loadFixture(own);
      const tickets = [await randomness.commit(), await randomness.commit()];
      expect(tickets[0]).to.equal(tickets[1]);
      const [, stranger] = await ethers.getSigners();
      const { encoded, randomness: expected } = beacon.sign(tickets[0] ?? 0n);
      await randomness.connect(stranger).submit(tickets[0] ?? 0n, encoded);
      expect([...(await randomness.seedOf(tickets[1] ?? 0n))]).to.deep.equal([READY, expected]);
    });

    describe("given a round that is known", () => {
      it("returns it without a look at the signature, without an event and without a change", async () => {
        const randomness = await networkHelpers.loadFixture(own);
        await randomness.submit(SIGNED_ROUND, signed.encoded);
        for (const signature of [signed.encoded, beacon.sign(1).encoded, "0x"]) {
          expect(await randomness.submit.staticCall(SIGNED_ROUND, signature)).to.equal(signed.randomness);
          await expect(randomness.submit(SIGNED_ROUND, signature)).not.to.emit(randomness, "RoundVerified");
          expect([...(await randomness.seedOf(SIGNED_ROUND))]).to.deep.equal([READY, signed.randomness]);
        }
      });
    });

    it("costs at most 220,000 gas a round, and 30,000 once the round is known", async function () {
      if (hre.globalOptions.coverage) this.skip();
      const randomness = await networkHelpers.loadFixture(quicknet);
      const encoded = decompressSignature(QUICKNET_1000.signature);
      const first = await (await randomness.submit(QUICKNET_1000.round, encoded)).wait();
      const second = await (await randomness.submit(QUICKNET_1000.round, encoded)).wait();
      expect(first?.gasUsed).to.be.at.most(220_000n);
      expect(second?.gasUsed).to.be.at.most(30_000n);
    });
  });

  describe("submit, given what is not the signature", () => {
    const refuses = async (randomness: Randomness, signature: string, error: string, args: readonly unknown[]) => {
      const call = randomness.submit.staticCall(SIGNED_ROUND, signature);
      await expect(call, signature)
        .to.be.revertedWithCustomError(randomness, error)
        .withArgs(...args);
    };
    const invalid = async (randomness: Randomness, point: Point) =>
      refuses(randomness, encodeG1(point.toAffine()), "DrandSignatureInvalid", [SIGNED_ROUND]);

    it("refuses each of its 1,024 bits flipped", async () => {
      const randomness = await networkHelpers.loadFixture(own);
      for (let bit = 0; bit < 1_024; bit++) {
        const bytes = getBytes(signed.encoded);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const elements = [bytes.slice(0, 64), bytes.slice(64)].map((element) => BigInt(hexlify(element)));
        const large = elements.find((element) => element >= FIELD);
        if (large === undefined) await refuses(randomness, hexlify(bytes), "BlsPrecompileFailed", [PAIRING]);
        else {
          const words = [large >> 256n, large & ((1n << 256n) - 1n)];
          await refuses(randomness, hexlify(bytes), "BlsFieldElementTooLarge", words);
        }
      }
    });
    it("refuses -y, multiples, sums, the hash itself and the generator: points of the group all of them", async () => {
      const randomness = await networkHelpers.loadFixture(own);
      const { point } = signed;
      const hash = roundHash(SIGNED_ROUND);
      for (const other of [point.negate(), point.double(), point.add(BASE), point.add(hash), hash, BASE]) {
        await invalid(randomness, other);
      }
      for (let i = 0; i < 60; i++) await invalid(randomness, point.multiply(2n + (random.u64() >> 2n)));
    });
    it("refuses the signatures of 60 other rounds, and of 20 other beacons", async () => {
      const randomness = await networkHelpers.loadFixture(own);
      for (let i = 1n; i <= 30n; i++) {
        await invalid(randomness, beacon.sign(SIGNED_ROUND - i).point);
        await invalid(randomness, beacon.sign(SIGNED_ROUND + i).point);
      }
      for (let i = 0; i < 20; i++) await invalid(randomness, createBeacon(2n + random.u64()).sign(SIGNED_ROUND).point);
    });
    it("refuses points of the curve outside the subgroup", async () => {
      const randomness = await networkHelpers.loadFixture(own);
      const strays = Array.from({ length: 40 }, () => curvePoint(BigInt(hexlify(random.bytes(47)))));
      const { point } = signed;
      for (const other of [point.add(ORDER_THREE), point.subtract(ORDER_THREE), ORDER_THREE, ...strays]) {
        expect(other.isTorsionFree()).to.be.false;
        await refuses(randomness, encodeG1(other.toAffine()), "BlsPrecompileFailed", [PAIRING]);
      }
    });
    it("refuses other encodings of the same point, with x or y raised by multiples of p", async () => {
      const randomness = await networkHelpers.loadFixture(own);
      const { x, y } = signed.point.toAffine();
      for (const factor of [1n, 2n, 7n, 1n << 100n, 1n << 130n]) {
        const [largeX, largeY] = [x + factor * FIELD, y + factor * FIELD];
        const words = (element: bigint) => [element >> 256n, element & ((1n << 256n) - 1n)];
        await refuses(randomness, encodeG1({ x: largeX, y }), "BlsFieldElementTooLarge", words(largeX));
        await refuses(randomness, encodeG1({ x, y: largeY }), "BlsFieldElementTooLarge", words(largeY));
      }
    });
    it("refuses the flags of compressed points in the encoding of x", async () => {
      const randomness = await networkHelpers.loadFixture(own);
      const bits = BigInt(signed.compressed);
      const flagged = concat([toBeHex(bits, 64), dataSlice(signed.encoded, 64)]);
      const words = [bits >> 256n, bits & ((1n << 256n) - 1n)];
      await refuses(randomness, flagged, "BlsFieldElementTooLarge", words);
    });
    it("refuses the point at infinity", async () => {
      const randomness = await networkHelpers.loadFixture(own);
      await refuses(randomness, encodeG1({ x: 0n, y: 0n }), "BlsPointAtInfinity", []);
    });
    it("refuses every length but 128 bytes", async () => {
      const randomness = await networkHelpers.loadFixture(own);
      for (let length = 0; length < 128; length++) {
        await refuses(randomness, dataSlice(signed.encoded, 0, length), "BlsPointLength", [length, 128]);
      }
      for (const longer of [concat([signed.encoded, "0x00"]), concat([signed.encoded, signed.encoded])]) {
        await refuses(randomness, longer, "BlsPointLength", [getBytes(longer).length, 128]);
      }
      await refuses(randomness, signed.compressed, "BlsPointLength", [48, 128]);
    });
    it("leaves the ticket pending", async () => {
      const randomness = await networkHelpers.loadFixture(own);
      await expect(randomness.submit(SIGNED_ROUND, encodeG1(BASE.toAffine())))
        .to.be.revertedWithCustomError(randomness, "DrandSignatureInvalid")
        .withArgs(SIGNED_ROUND);
      expect([...(await randomness.seedOf(SIGNED_ROUND))]).to.deep.equal([PENDING, ZeroHash]);
    });
  });

  describe("seedOf", () => {
    it("never expires", async () => {
      const randomness = await networkHelpers.loadFixture(own);
      const ticket = await randomness.commit();
      await networkHelpers.mine(10_000);
      expect([...(await randomness.seedOf(ticket))]).to.deep.equal([PENDING, ZeroHash]);
      const { encoded, randomness: expected } = beacon.sign(ticket);
      await randomness.submit(ticket, encoded);
      await networkHelpers.mine(10_000);
      expect([...(await randomness.seedOf(ticket))]).to.deep.equal([READY, expected]);
    });
  });
});
