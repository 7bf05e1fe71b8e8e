import { bls12_381 } from "@noble/curves/bls12-381";
import { expect } from "chai";
import { concat, dataLength, getBytes, hexlify, toBeHex, toUtf8Bytes } from "ethers";
import { network } from "hardhat";

import { createRandom } from "../../../runner/machine/prng.ts";
import { curvePoint, encodeG1, encodeG2, FIELD, ORDER_THREE } from "../support/beacon.ts";

const { G1, G2 } = bls12_381;
const { ethers, networkHelpers } = await network.create();
const [PAIRING, G2_MULTIPLY] = [
  "0x000000000000000000000000000000000000000F",
  "0x000000000000000000000000000000000000000E",
];

/** RFC 9380, appendix J.9.1. */
const RFC_TAG = "QUUX-V01-CS02-with-BLS12381G1_XMD:SHA-256_SSWU_RO_";
const RFC_VECTORS = [
  {
    message: "",
    x: 0x052926add2207b76ca4fa57a8734416c8dc95e24501772c814278700eed6d1e4e8cf62d9c09db0fac349612b759e79a1n,
    y: 0x08ba738453bfed09cb546dbb0783dbb3a5f1f566ed67bb6be0e8c67e2e81a4cc68ee29813bb7994998f3eae0c9c6a265n,
  },
  {
    message: "abc",
    x: 0x03567bc5ef9c690c2ab2ecdf6a96ef1c139cc0b2f284dca0a9a7943388a49a3aee664ba5379a7655d3c68900be2f6903n,
    y: 0x0b9c15f3fe6e5cf4211f346271d7b01c8f3b28be689c8429c85b67af215533311f0b8dfaaa154fa6b88176c229f2885dn,
  },
  {
    message: "abcdef0123456789",
    x: 0x11e0b079dea29a68f0383ee94fed1b940995272407e3bb916bbf268c263ddd57a6a27200a784cbc248e84f357ce82d98n,
    y: 0x03a87ae2caf14e8ee52e51fa2ed8eefe80f02457004ba4d486d6aa1f517c0889501dc7413753f9599b099ebcbbd2d709n,
  },
] as const;

describe("Bls12381", () => {
  const random = createRandom(0xb15);
  const scalar = (): bigint => 2n + (BigInt(hexlify(random.bytes(31))) >> 8n);
  const fixture = async () => ethers.deployContract("Bls12381Harness");
  const harnessOf = async () => networkHelpers.loadFixture(fixture);

  describe("hashToG1", () => {
    it("gives the points of RFC 9380", async () => {
      const harness = await harnessOf();
      for (const { message, ...point } of RFC_VECTORS) {
        const hash = await harness.hashToG1(toUtf8Bytes(message), toUtf8Bytes(RFC_TAG));
        expect(hash).to.equal(encodeG1(point));
      }
    });
    it("equals another implementation for messages of 0 to 300 bytes and tags of 1 to 255", async () => {
      const harness = await harnessOf();
      const cases = Array.from({ length: 60 }, () => [random.below(301), random.between(1, 255)] as const);
      for (const [length, tagLength] of [...cases, [0, 1], [55, 255], [64, 254], [300, 32]] as const) {
        const [message, tag] = [random.bytes(length), random.bytes(tagLength)];
        const expected = G1.hashToCurve(message, { DST: tag }).toAffine();
        expect(await harness.hashToG1(message, tag), `${length}, ${tagLength}`).to.equal(encodeG1(expected));
      }
    });
    it("refuses a tag of 256 bytes", async () => {
      const harness = await harnessOf();
      await expect(harness.hashToG1("0x", random.bytes(256)))
        .to.be.revertedWithCustomError(harness, "BlsTagTooLong")
        .withArgs(256);
    });
  });

  describe("decodeG1 and compressG1", () => {
    it("compress points of either sign as another implementation does", async () => {
      const harness = await harnessOf();
      const signs = new Set<number>();
      for (let i = 0; i < 40; i++) {
        const point = G1.ProjectivePoint.BASE.multiply(scalar());
        const compressed = point.toRawBytes(true);
        signs.add((compressed[0] ?? 0) >> 5);
        expect(await harness.compressG1(encodeG1(point.toAffine()))).to.equal(hexlify(compressed));
      }
      expect([...signs].sort()).to.deep.equal([4, 5]);
    });
    it("call exactly the y above (p - 1) / 2 the larger", async () => {
      const harness = await harnessOf();
      const half = (FIELD - 1n) / 2n;
      const word = 1n << 256n;
      for (const y of [0n, 1n, half - word, half - 1n, half, half + 1n, half + 2n, half + word, FIELD - 1n]) {
        const flags = y > half ? 0xa0n : 0x80n;
        const expected = toBeHex((flags << 376n) | 5n, 48);
        expect(await harness.compressG1(encodeG1({ x: 5n, y })), String(y)).to.equal(expected);
      }
    });
    it("refuse every length but 128", async () => {
      const harness = await harnessOf();
      for (const length of [0, 1, 48, 96, 127, 129, 160, 256]) {
        await expect(harness.compressG1(random.bytes(length)))
          .to.be.revertedWithCustomError(harness, "BlsPointLength")
          .withArgs(length, 128);
      }
    });
    it("refuse the point at infinity", async () => {
      const harness = await harnessOf();
      const infinity = encodeG1({ x: 0n, y: 0n });
      await expect(harness.compressG1(infinity)).to.be.revertedWithCustomError(harness, "BlsPointAtInfinity");
    });
    it("refuse coordinates from p on, of x and of y", async () => {
      const harness = await harnessOf();
      const { x, y } = G1.ProjectivePoint.BASE.toAffine();
      const top = (1n << 512n) - 1n;
      for (const element of [FIELD, FIELD + 1n, FIELD + x, FIELD + (1n << 256n), 1n << 384n, 1n << 511n, top]) {
        const words = [element >> 256n, element & ((1n << 256n) - 1n)];
        for (const point of [
          { x: element, y },
          { x, y: element },
        ]) {
          await expect(harness.compressG1(encodeG1(point)))
            .to.be.revertedWithCustomError(harness, "BlsFieldElementTooLarge")
            .withArgs(...words);
        }
      }
      const largest = encodeG1({ x: FIELD - 1n, y: FIELD - 1n });
      expect(dataLength(await harness.compressG1(largest))).to.equal(48);
    });
  });

  describe("decodeG2", () => {
    it("gives back a point of the group", async () => {
      const harness = await harnessOf();
      const point = encodeG2(G2.ProjectivePoint.BASE.multiply(scalar()));
      expect(await harness.decodeG2(point)).to.equal(point);
    });
    it("refuses every length but 256", async () => {
      const harness = await harnessOf();
      for (const length of [0, 96, 192, 255, 257]) {
        await expect(harness.decodeG2(random.bytes(length)))
          .to.be.revertedWithCustomError(harness, "BlsPointLength")
          .withArgs(length, 256);
      }
    });
    it("refuses the point at infinity", async () => {
      const harness = await harnessOf();
      const infinity = "0x" + "00".repeat(256);
      await expect(harness.decodeG2(infinity)).to.be.revertedWithCustomError(harness, "BlsPointAtInfinity");
    });
    it("refuses points outside the curve, outside the subgroup, and with coordinates from p on", async () => {
      const harness = await harnessOf();
      const { Fp, Fp2 } = bls12_381.fields;
      const base = G2.ProjectivePoint.BASE.toAffine();
      const outside = G2.ProjectivePoint.fromAffine({ x: base.x, y: Fp2.add(base.y, Fp2.ONE) });
      const stray = (() => {
        for (let c0 = 1n; ; c0++) {
          const x = Fp2.fromBigTuple([c0, 0n]);
          try {
            const y = Fp2.sqrt(Fp2.add(Fp2.pow(x, 3n), Fp2.fromBigTuple([4n, 4n])));
            return G2.ProjectivePoint.fromAffine({ x, y });
          } catch {
            // No point has this x.
          }
        }
      })();
      expect(stray.isTorsionFree()).to.be.false;
      const canonical = getBytes(encodeG2(G2.ProjectivePoint.BASE));
      const large = concat([toBeHex(base.x.c0 + Fp.ORDER, 64), canonical.slice(64)]);
      for (const point of [encodeG2(outside), encodeG2(stray), large]) {
        await expect(harness.decodeG2(point))
          .to.be.revertedWithCustomError(harness, "BlsPrecompileFailed")
          .withArgs(G2_MULTIPLY);
      }
    });
  });

  describe("verify", () => {
    const setup = () => {
      const secret = scalar();
      const hash = G1.ProjectivePoint.BASE.multiply(scalar());
      const key = encodeG2(G2.ProjectivePoint.BASE.multiply(secret));
      return { hash, key, signature: hash.multiply(secret) };
    };
    const bytes = (point: typeof G1.ProjectivePoint.BASE) => encodeG1(point.toAffine());

    it("holds for a signature, and for no other point of the group", async () => {
      const harness = await harnessOf();
      const { hash, key, signature } = setup();
      expect(await harness.verify(bytes(signature), bytes(hash), key)).to.be.true;
      for (const other of [signature.negate(), signature.double(), hash, G1.ProjectivePoint.BASE]) {
        expect(await harness.verify(bytes(other), bytes(hash), key)).to.be.false;
      }
      expect(await harness.verify(bytes(signature), bytes(hash), setup().key)).to.be.false;
    });
    it("refuses points outside the subgroup, where a pairing alone would see nothing", async () => {
      const harness = await harnessOf();
      const { hash, key, signature } = setup();
      for (const other of [signature.add(ORDER_THREE), ORDER_THREE, curvePoint(scalar())]) {
        expect(other.isTorsionFree()).to.be.false;
        await expect(harness.verify(bytes(other), bytes(hash), key))
          .to.be.revertedWithCustomError(harness, "BlsPrecompileFailed")
          .withArgs(PAIRING);
      }
    });
  });

  describe("on a chain without the precompiles", () => {
    it("reverts with the address that did not answer", async () => {
      const { ethers: older } = await network.create({ override: { hardfork: "cancun" } });
      const harness = await older.deployContract("Bls12381Harness");
      const [point, key] = [encodeG1(G1.ProjectivePoint.BASE.toAffine()), encodeG2(G2.ProjectivePoint.BASE)];
      await expect(harness.verify(point, point, key))
        .to.be.revertedWithCustomError(harness, "BlsPrecompileFailed")
        .withArgs(G2_MULTIPLY);
    });
  });
});
