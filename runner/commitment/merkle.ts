import { item } from "../items.ts";
import { AssayError } from "../errors.ts";
import { runNow } from "../task.ts";
import { hashRows, rowsPerCall } from "./keccak-pairs.ts";
import { type Hash, hashBytes, keccak256, toHash, ZERO_HASH } from "./keccak.ts";

/** Tags in front of the hashed bytes: the hash of a leaf, of a node and of a tensor root can never be confused. */
const LEAF_TAG = 0x00;
const NODE_TAG = 0x01;
const HASH_BYTES = 32;
const NODES_PER_CALL = rowsPerCall("node");

let leafBuffer = new Uint8Array(1025);
const nodeBuffer = new Uint8Array(1 + 2 * HASH_BYTES);

/** `keccak256(0x00 || bytes)`: leaf of a tensor or of a list. */
export function leafHash(bytes: Uint8Array): Uint8Array {
  if (leafBuffer.length < bytes.length + 1) leafBuffer = new Uint8Array(bytes.length + 1);
  leafBuffer[0] = LEAF_TAG;
  leafBuffer.set(bytes, 1);
  return keccak256(leafBuffer.subarray(0, bytes.length + 1));
}

/** `keccak256(0x01 || left || right)`: inner node. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  nodeBuffer[0] = NODE_TAG;
  nodeBuffer.set(left, 1);
  nodeBuffer.set(right, 1 + HASH_BYTES);
  return keccak256(nodeBuffer);
}

/** Nodes on a level of a tree; level 0 is the leaves. */
export const levelWidth = (leaves: number, level: number): number => Math.ceil(leaves / 2 ** level);

/**
 * A positional Merkle tree: children in their order, a last node without a sibling moves up unchanged. The root does
 * not bind the width; a verifier must know it from another source.
 */
export class MerkleTree {
  /** Number of leaves; may be 0. */
  readonly width: number;
  readonly root: Hash;
  /** Packed 32-byte nodes, leaves first. */
  readonly #levels: readonly Uint8Array[];

  private constructor(levels: readonly Uint8Array[]) {
    this.#levels = levels;
    this.width = item(levels, 0).length / HASH_BYTES;
    const top = levels.at(-1);
    this.root = top === undefined || top.length === 0 ? ZERO_HASH : toHash(top);
  }

  /** A tree whose levels, leaves first, another thread has computed. */
  static fromLevels(levels: readonly Uint8Array[]): MerkleTree {
    return new MerkleTree(levels);
  }

  /** The packed 32-byte nodes of all levels, leaves first. */
  get levels(): readonly Uint8Array[] {
    return this.#levels;
  }

  /** Tree over packed 32-byte leaf hashes, which it keeps. */
  static fromPacked(leaves: Uint8Array): MerkleTree {
    return runNow(MerkleTree.grow(leaves));
  }

  /** As `fromPacked`, in steps: yields the number of nodes hashed so far. */
  static *grow(leaves: Uint8Array): Generator<number, MerkleTree> {
    const levels = [leaves];
    let below = leaves;
    let hashed = 0;
    while (below.length > HASH_BYTES) {
      const count = below.length / HASH_BYTES;
      const level = new Uint8Array(Math.ceil(count / 2) * HASH_BYTES);
      const pairs = Math.floor(count / 2);
      for (let i = 0; i < pairs; i += NODES_PER_CALL) {
        const end = Math.min(pairs, i + NODES_PER_CALL);
        const rows = below.subarray(2 * i * HASH_BYTES, 2 * end * HASH_BYTES);
        hashRows("node", rows, level.subarray(i * HASH_BYTES));
        hashed += end - i;
        if (pairs >= NODES_PER_CALL) yield hashed;
      }
      if (count % 2 === 1) level.set(below.subarray((count - 1) * HASH_BYTES), pairs * HASH_BYTES);
      levels.push(level);
      below = level;
    }
    return new MerkleTree(levels);
  }

  /** Tree of a list: the leaf of an item is `leafHash(item)`. */
  static ofItems(items: readonly Uint8Array[]): MerkleTree {
    const leaves = new Uint8Array(items.length * HASH_BYTES);
    items.forEach((item, i) => leaves.set(leafHash(item), i * HASH_BYTES));
    return MerkleTree.fromPacked(leaves);
  }

  /** Levels above the leaves. */
  get depth(): number {
    return this.#levels.length - 1;
  }

  /** `count` consecutive nodes of a level. @throws AssayError OUT_OF_RANGE. */
  nodes(first: number, count: number, level = 0): Hash[] {
    checkRange(first, count, this.#widthOf(level));
    return Array.from({ length: count }, (_, i) => this.#node(level, first + i));
  }

  /**
   * The siblings that lead `count` consecutive nodes of a level to the root: level by level upwards, left before
   * right. @throws AssayError OUT_OF_RANGE unless the range is not empty and inside the level.
   */
  proveRange(first: number, count: number, level = 0): Hash[] {
    checkRange(first, count, this.#widthOf(level));
    const siblings: Hash[] = [];
    let [from, end] = [first, first + count];
    for (let row = level; row < this.depth; row++) {
      if (from % 2 === 1) siblings.push(this.#node(row, from - 1));
      if (end % 2 === 1 && end < this.#widthOf(row)) siblings.push(this.#node(row, end));
      from = Math.floor(from / 2);
      end = Math.ceil(end / 2);
    }
    return siblings;
  }

  /** Siblings of a single leaf. @throws AssayError OUT_OF_RANGE. */
  prove(index: number): Hash[] {
    return this.proveRange(index, 1);
  }

  #widthOf(level: number): number {
    return (this.#levels[level]?.length ?? 0) / HASH_BYTES;
  }

  #node(level: number, index: number): Hash {
    const packed = item(this.#levels, level);
    return toHash(packed.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES));
  }
}

/**
 * Root over a level of `width` nodes of which `nodes` are those from `first` on: the verifier of `proveRange`.
 * @throws AssayError OUT_OF_RANGE when the range is empty or leaves the level, or when not exactly the siblings that
 * complete it are given.
 */
export function rootOfRange(nodes: readonly Hash[], first: number, width: number, siblings: readonly Hash[]): Hash {
  checkRange(first, nodes.length, width);
  const wanted = siblingCount(first, nodes.length, width);
  if (siblings.length !== wanted) {
    throw new AssayError("OUT_OF_RANGE", `the proof has ${String(siblings.length)} siblings, not ${String(wanted)}`, {
      name: "siblings",
      value: siblings.length,
      range: String(wanted),
    });
  }
  let row = nodes.map(hashBytes);
  let [from, size, next] = [first, width, 0];
  const sibling = (): Uint8Array => hashBytes(item(siblings, next++));
  while (size > 1) {
    if (from % 2 === 1) row.unshift(sibling());
    const last = Math.floor(from / 2) * 2 + row.length;
    if (row.length % 2 === 1 && last < size) row.push(sibling());
    const parents: Uint8Array[] = [];
    for (let i = 0; i < row.length; i += 2) {
      const [left, right] = [row[i], row[i + 1]];
      if (left !== undefined) parents.push(right === undefined ? left : nodeHash(left, right));
    }
    row = parents;
    from = Math.floor(from / 2);
    size = Math.ceil(size / 2);
  }
  return row[0] === undefined ? ZERO_HASH : toHash(row[0]);
}

/** How many siblings a range proof has. The range must be inside the level. */
export function siblingCount(first: number, count: number, width: number): number {
  let [from, end, size, siblings] = [first, first + count, width, 0];
  while (size > 1) {
    siblings += from % 2;
    if (end % 2 === 1 && end < size) siblings++;
    from = Math.floor(from / 2);
    end = Math.ceil(end / 2);
    size = Math.ceil(size / 2);
  }
  return siblings;
}

function checkRange(first: number, count: number, width: number): void {
  if (Number.isInteger(first) && Number.isInteger(count) && first >= 0 && count >= 1 && first + count <= width) return;
  const range = `inside 0 to ${String(width - 1)}`;
  const name = `${String(count)} nodes from`;
  throw new AssayError("OUT_OF_RANGE", `${name} ${String(first)} are not ${range}`, { name, value: first, range });
}
