import { concat, getBytes, hexlify, keccak256, solidityPackedKeccak256, type BytesLike } from "ethers";

/**
 * The trees of docs/tensor-machine.md section 5, written as plainly as they are defined there. Independent of
 * runner/commitment on purpose: contracts are tested against the definition, not against their own client.
 */
export const LEAF_BYTES = 1024;

export const leafHash = (bytes: BytesLike): string => keccak256(concat(["0x00", bytes]));
export const nodeHash = (left: string, right: string): string => keccak256(concat(["0x01", left, right]));

/** All levels, leaves first, root last. */
export const levels = (leaves: readonly string[]): readonly (readonly string[])[] => {
  const above = [leaves];
  let level = leaves;
  while (level.length > 1) {
    const parents: string[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [left, right] = level.slice(i, i + 2);
      if (left === undefined) throw new RangeError("empty pair");
      parents.push(right === undefined ? left : nodeHash(left, right));
    }
    above.push(parents);
    level = parents;
  }
  return above;
};

export const rootOfLevels = (leaves: readonly string[]): string => levels(leaves).at(-1)?.[0] ?? `0x${"00".repeat(32)}`;

/** Siblings of nodes [first, first + count) of the given lowest level: level by level, left before right. */
export const siblingsOf = (leaves: readonly string[], first: number, count: number): string[] => {
  const siblings: string[] = [];
  let low = first;
  let high = first + count - 1;
  for (const level of levels(leaves).slice(0, -1)) {
    const left = low % 2 === 1 ? level[low - 1] : undefined;
    const right = high % 2 === 0 ? level[high + 1] : undefined;
    if (left !== undefined) siblings.push(left);
    if (right !== undefined) siblings.push(right);
    low = Math.floor(low / 2);
    high = Math.floor(high / 2);
  }
  return siblings;
};

export const leavesOf = (data: BytesLike): string[] => {
  const bytes = getBytes(data);
  const leaves: string[] = [];
  for (let start = 0; start < bytes.length; start += LEAF_BYTES) {
    leaves.push(leafHash(bytes.slice(start, start + LEAF_BYTES)));
  }
  return leaves;
};

export const tensorRoot = (dtype: number, length: number | bigint, merkleRoot: string): string =>
  solidityPackedKeccak256(["bytes1", "uint8", "uint64", "bytes32"], ["0x02", dtype, length, merkleRoot]);

export const rootOf = (dtype: number, length: number, data: BytesLike): string =>
  tensorRoot(dtype, length, rootOfLevels(leavesOf(data)));

/** A run of whole leaves with its proof, as `Segment` of contracts/types/Witness.sol. */
export interface SegmentArgument {
  readonly firstLeaf: number;
  readonly data: string;
  readonly siblings: string[];
}

export const segmentOf = (data: BytesLike, firstLeaf: number, count: number): SegmentArgument => ({
  firstLeaf,
  data: hexlify(getBytes(data).slice(firstLeaf * LEAF_BYTES, (firstLeaf + count) * LEAF_BYTES)),
  siblings: siblingsOf(leavesOf(data), firstLeaf, count),
});
