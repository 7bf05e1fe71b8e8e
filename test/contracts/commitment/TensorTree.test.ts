import { expect } from "chai";
import { hexlify, keccak256, ZeroHash } from "ethers";
import { network } from "hardhat";

import { createRandom } from "../../../runner/machine/prng.ts";
import * as tree from "../support/tree.ts";

const F32 = 0;
const BYTES = [4, 8, 4, 2, 1, 8, 4, 2, 1, 1];

describe("TensorTree", () => {
  const random = createRandom(0x7ee);
  const nodes = (count: number): string[] => Array.from({ length: count }, () => hexlify(random.bytes(32)));
  const deploy = async () => {
    const { ethers } = await network.create();
    return await ethers.deployContract("TensorTreeHarness");
  };
  let harness: Awaited<ReturnType<typeof deploy>>;
  before(async () => {
    harness = await deploy();
  });

  describe("itemHash and nodeHash", () => {
    it("equal their plain expressions, for items of 0 to 2,000 bytes", async () => {
      const lengths = Array.from({ length: 40 }, () => random.below(2_001));
      for (const length of [0, 1, 31, 32, 33, 64, 1023, 1024, 2000, ...lengths]) {
        const data = random.bytes(length);
        const [left = "", right = ""] = nodes(2);
        const assembled = await harness.hashes(data, left, right);
        expect([...assembled]).to.deep.equal([...(await harness.plainHashes(data, left, right))]);
        expect([...assembled]).to.deep.equal([tree.leafHash(data), tree.leafHash(left), tree.nodeHash(left, right)]);
      }
    });
  });

  describe("rangeRoot", () => {
    describe("given every range of every level of 1 to 20 nodes", () => {
      it("gives the root of the whole level", async () => {
        for (let width = 1; width <= 20; width++) {
          const level = nodes(width);
          const root = tree.rootOfLevels(level);
          const calls: Promise<string>[] = [];
          for (let first = 0; first < width; first++) {
            for (let count = 1; first + count <= width; count++) {
              const range = level.slice(first, first + count);
              calls.push(harness.rangeRoot(range, first, width, tree.siblingsOf(level, first, count)));
            }
          }
          expect(new Set(await Promise.all(calls))).to.deep.equal(new Set([root]));
        }
      });
    });

    describe("given 16 inner nodes of a level above the leaves", () => {
      it("proves them with the width of that level", async () => {
        const leaves = nodes(1000);
        const level = tree.levels(leaves)[4] ?? [];
        expect(await harness.levelWidth(leaves.length, 4)).to.equal(level.length);
        const root = await harness.rangeRoot(level.slice(32, 48), 32, level.length, tree.siblingsOf(level, 32, 16));
        expect(root).to.equal(tree.rootOfLevels(leaves));
      });
    });

    describe("given random ranges of random widths", () => {
      it("equals the reference, and no tampered proof gives the root", async () => {
        for (let round = 0; round < 60; round++) {
          const width = 1 + random.below(300);
          const level = nodes(width);
          const first = random.below(width);
          const count = 1 + random.below(width - first);
          const range = level.slice(first, first + count);
          const siblings = tree.siblingsOf(level, first, count);
          const root = tree.rootOfLevels(level);
          expect(await harness.rangeRoot(range, first, width, siblings)).to.equal(root);

          const other = [...range];
          other[random.below(count)] = keccak256("0x01");
          expect(await harness.rangeRoot(other, first, width, siblings)).to.not.equal(root);
          if (siblings.length === 0) continue;
          const forged = [...siblings];
          forged[random.below(siblings.length)] = keccak256("0x02");
          expect(await harness.rangeRoot(range, first, width, forged)).to.not.equal(root);
        }
      });
    });

    describe("when the range is empty or leaves the level", () => {
      for (const [first, count, width] of [
        [0, 0, 4],
        [4, 1, 4],
        [2, 3, 4],
        [0, 1, 0],
      ] as const) {
        it(`reverts for ${count} nodes from ${first} of ${width}`, async () => {
          await expect(harness.rangeRoot(nodes(count), first, width, []))
            .to.be.revertedWithCustomError(harness, "TreeRangeOutside")
            .withArgs(first, count, width);
        });
      }
      it("reverts for a first node that would wrap around", async () => {
        const last = 2n ** 256n - 1n;
        await expect(harness.rangeRoot(nodes(2), last, 2, []))
          .to.be.revertedWithCustomError(harness, "TreeRangeOutside")
          .withArgs(last, 2, 2);
      });
    });

    describe("when siblings are missing or left over", () => {
      it("reverts with both counts", async () => {
        const level = nodes(11);
        const siblings = tree.siblingsOf(level, 3, 2);
        for (const given of [siblings.slice(1), [...siblings, ZeroHash], []]) {
          await expect(harness.rangeRoot(level.slice(3, 5), 3, 11, given))
            .to.be.revertedWithCustomError(harness, "TreeSiblingCount")
            .withArgs(given.length, siblings.length);
        }
      });
    });
  });

  describe("itemRoot", () => {
    it("proves each item of lists of 1 to 17", async () => {
      for (let count = 1; count <= 17; count++) {
        const items = nodes(count);
        const leaves = items.map(tree.leafHash);
        const root = tree.rootOfLevels(leaves);
        for (const [index, leaf] of leaves.entries()) {
          expect(await harness.itemRoot(leaf, index, count, tree.siblingsOf(leaves, index, 1))).to.equal(root);
        }
        expect(await harness.listRoot(items)).to.equal(root);
      }
    });

    it("reverts when the index is outside the list", async () => {
      await expect(harness.itemRoot(ZeroHash, 3, 3, []))
        .to.be.revertedWithCustomError(harness, "TreeRangeOutside")
        .withArgs(3, 1, 3);
    });

    it("reverts when the proof is of another depth", async () => {
      await expect(harness.itemRoot(ZeroHash, 1, 3, [ZeroHash]))
        .to.be.revertedWithCustomError(harness, "TreeSiblingCount")
        .withArgs(1, 2);
    });
  });

  describe("listRoot", () => {
    it("is zero for an empty list", async () => {
      expect(await harness.listRoot([])).to.equal(ZeroHash);
    });
  });

  describe("rootOf", () => {
    it("equals the reference for every dtype and for lengths around leaf boundaries", async () => {
      for (const [dtype, size] of BYTES.entries()) {
        for (const length of [1, 1024 / size - 1, 1024 / size, 1024 / size + 1, 5000 / size]) {
          const whole = Math.ceil(length);
          const data = random.bytes(whole * size);
          expect(await harness.rootOf(dtype, whole, data)).to.equal(tree.rootOf(dtype, whole, data));
        }
      }
    });

    it("reverts for an unknown dtype", async () => {
      await expect(harness.rootOf(10, 1, "0x00"))
        .to.be.revertedWithCustomError(harness, "TreeDtypeUnknown")
        .withArgs(10);
    });

    for (const length of [0n, 2n ** 32n]) {
      it(`reverts for a length of ${length}`, async () => {
        await expect(harness.rootOf(F32, length, "0x"))
          .to.be.revertedWithCustomError(harness, "TreeTensorLength")
          .withArgs(length);
      });
    }

    it("reverts when the bytes are not the type's", async () => {
      await expect(harness.rootOf(F32, 2, "0x0000000000"))
        .to.be.revertedWithCustomError(harness, "TreeTensorBytes")
        .withArgs(5, 8);
    });
  });

  describe("segmentRoot", () => {
    const data = random.bytes(4 * 2000);
    const root = tree.rootOf(F32, 2000, data);

    it("gives the tensor root for every run of whole leaves", async () => {
      for (let first = 0; first < 8; first++) {
        for (let count = 1; first + count <= 8; count++) {
          const segment = tree.segmentOf(data, first, count);
          expect(await harness.segmentRoot(F32, 2000, first, segment.data, segment.siblings)).to.equal(root);
        }
      }
    });

    it("gives another root for another dtype, length or position", async () => {
      const { data: bytes, siblings } = tree.segmentOf(data, 2, 2);
      expect(await harness.segmentRoot(3, 4000, 2, bytes, siblings)).to.not.equal(root);
      expect(await harness.segmentRoot(F32, 2001, 2, bytes, siblings)).to.not.equal(root);
      expect(await harness.segmentRoot(F32, 2000, 4, bytes, siblings)).to.not.equal(root);
    });

    it("reverts when a leaf is cut short", async () => {
      const { data: bytes, siblings } = tree.segmentOf(data, 2, 2);
      await expect(harness.segmentRoot(F32, 2000, 2, bytes.slice(0, -2), siblings))
        .to.be.revertedWithCustomError(harness, "TreeTensorBytes")
        .withArgs(2047, 2048);
    });

    it("reverts when the tensor's last leaf is not as short as it must be", async () => {
      const { data: bytes, siblings } = tree.segmentOf(data, 7, 1);
      await expect(harness.segmentRoot(F32, 2000, 7, `${bytes}00`, siblings))
        .to.be.revertedWithCustomError(harness, "TreeTensorBytes")
        .withArgs(833, 832);
    });

    it("reverts without data", async () => {
      await expect(harness.segmentRoot(F32, 2000, 0, "0x", []))
        .to.be.revertedWithCustomError(harness, "TreeRangeOutside")
        .withArgs(0, 0, 8);
    });

    it("reverts beyond the last leaf", async () => {
      const { data: bytes, siblings } = tree.segmentOf(data, 6, 2);
      await expect(harness.segmentRoot(F32, 2000, 7, bytes, siblings))
        .to.be.revertedWithCustomError(harness, "TreeRangeOutside")
        .withArgs(7, 2, 8);
    });
  });

  describe("elementOf", () => {
    it("reads little-endian in the width of the dtype", async () => {
      const data = "0x0102030405060708f1f2f3f4f5f6f7f8";
      const byWidth = new Map([
        [1, 0xf1n],
        [2, 0xf2f1n],
        [4, 0xf4f3f2f1n],
        [8, 0xf8f7f6f5f4f3f2f1n],
      ]);
      for (const [dtype, size] of BYTES.entries()) {
        expect(await harness.elementOf(dtype, 8 / size, data), `dtype ${dtype}`).to.equal(byWidth.get(size));
      }
    });

    it("reverts beyond the last whole element", async () => {
      await expect(harness.elementOf(F32, 1, "0x00000000000000"))
        .to.be.revertedWithCustomError(harness, "TreeElementOutside")
        .withArgs(1, 1);
    });
  });
});
