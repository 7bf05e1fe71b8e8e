import { expect } from "chai";

import { type Hash, hashBytes, toHash } from "../../../runner/commitment/keccak.ts";
import { leafHash, levelWidth, MerkleTree, nodeHash, rootOfRange } from "../../../runner/commitment/merkle.ts";
import { isAssayError } from "../../../runner/errors.ts";

const leaf = (i: number): Uint8Array => leafHash(Uint8Array.of(i));
const treeOf = (width: number): MerkleTree =>
  MerkleTree.ofItems(Array.from({ length: width }, (_, i) => Uint8Array.of(i)));
const flip = (hash: Hash): Hash => {
  const bytes = hashBytes(hash);
  bytes[31] = (bytes[31] ?? 0) ^ 1;
  return toHash(bytes);
};
const outOfRange = (error: unknown): boolean => isAssayError(error, "OUT_OF_RANGE");

describe("MerkleTree", () => {
  it("of nothing has root 0", () => {
    expect(MerkleTree.ofItems([]).root).to.equal(`0x${"00".repeat(32)}`);
  });

  it("of one item is its leaf", () => {
    expect(treeOf(1).root).to.equal(toHash(leaf(0)));
  });

  it("moves a last node without a sibling up unchanged", () => {
    expect(treeOf(3).root).to.equal(toHash(nodeHash(nodeHash(leaf(0), leaf(1)), leaf(2))));
    const five = nodeHash(nodeHash(nodeHash(leaf(0), leaf(1)), nodeHash(leaf(2), leaf(3))), leaf(4));
    expect(treeOf(5).root).to.equal(toHash(five));
  });

  it("keeps the order of children", () => {
    expect(MerkleTree.ofItems([Uint8Array.of(1), Uint8Array.of(0)]).root).to.not.equal(treeOf(2).root);
  });

  describe("proveRange", () => {
    it("proves every range of every level of 1 to 33 leaves, and each proof fails with any hash changed", () => {
      for (let width = 1; width <= 33; width++) {
        const tree = treeOf(width);
        for (let level = 0; level <= tree.depth; level++) {
          const size = levelWidth(width, level);
          for (let first = 0; first < size; first++) {
            for (let count = 1; first + count <= size; count++) {
              const nodes = tree.nodes(first, count, level);
              const siblings = tree.proveRange(first, count, level);
              expect(rootOfRange(nodes, first, size, siblings)).to.equal(tree.root);
              if (width % 8 !== 5) continue;
              const tamperedNodes = nodes.with(count - 1, flip(nodes[count - 1] as Hash));
              expect(rootOfRange(tamperedNodes, first, size, siblings)).to.not.equal(tree.root);
              for (let s = 0; s < siblings.length; s++) {
                const tampered = siblings.with(s, flip(siblings[s] as Hash));
                expect(rootOfRange(nodes, first, size, tampered)).to.not.equal(tree.root);
              }
            }
          }
        }
      }
    });

    it("proves a node at its own position only", () => {
      const tree = treeOf(8);
      const siblings = tree.prove(2);
      expect(rootOfRange(tree.nodes(2, 1), 3, 8, siblings)).to.not.equal(tree.root);
    });

    it("refuses empty ranges and ranges that leave the level", () => {
      const tree = treeOf(5);
      for (const [first, count] of [
        [0, 0],
        [5, 1],
        [-1, 1],
        [3, 3],
        [0.5, 1],
      ] as const) {
        expect(() => tree.proveRange(first, count))
          .to.throw()
          .that.satisfies(outOfRange);
      }
    });
  });

  describe("rootOfRange", () => {
    it("refuses missing and left-over siblings", () => {
      const tree = treeOf(11);
      const nodes = tree.nodes(3, 2);
      const siblings = tree.proveRange(3, 2);
      for (const wrong of [siblings.slice(1), [...siblings, ...siblings.slice(0, 1)]]) {
        expect(() => rootOfRange(nodes, 3, 11, wrong))
          .to.throw()
          .that.satisfies(outOfRange);
      }
    });
  });
});
