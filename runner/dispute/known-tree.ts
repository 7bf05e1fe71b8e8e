import { type Hash, hashBytes, toHash } from "../commitment/keccak.ts";
import { levelWidth, type MerkleTree, nodeHash } from "../commitment/merkle.ts";
import { AssayError } from "../errors.ts";
import { NODES, type Place } from "./view.ts";

/** Where a foreign tree first differs from one's own. */
export type Difference =
  | { readonly kind: "leaf"; readonly index: number }
  /** Somewhere under this node: its children are not known. */
  | { readonly kind: "under"; readonly level: number; readonly index: number };

/**
 * What is known of an operator's tree that has the width of one's own and another root. Nodes come from answers that
 * the court checked, or from published data that hash to a committed root.
 */
export class KnownTree {
  readonly own: MerkleTree;
  readonly #nodes = new Map<string, Hash>();

  constructor(own: MerkleTree) {
    this.own = own;
  }

  /** Consecutive nodes of a level with all siblings that lead them to the root. */
  learn(level: number, first: number, nodes: readonly Hash[], siblings: readonly Hash[] = []): void {
    const unread = [...siblings];
    let [row, from] = [[...nodes], first];
    for (let at = level; at <= this.own.depth; at++) {
      const width = levelWidth(this.own.width, at);
      if (from % 2 === 1) row.unshift(...unread.splice(0, 1));
      from -= from % 2;
      if ((from + row.length) % 2 === 1 && from + row.length < width) row.push(...unread.splice(0, 1));
      row.forEach((node, i) => this.#nodes.set(key(at, from + i), node));
      row = parentsOf(row);
      from /= 2;
    }
  }

  /** A node; undefined when it is not known. */
  node(level: number, index: number): Hash | undefined {
    return this.#nodes.get(key(level, index));
  }

  /** The first leaf that differs, as far as the known nodes lead. */
  difference(): Difference {
    let index = 0;
    for (let level = this.own.depth; level > 0; level--) {
      const left = this.node(level - 1, 2 * index);
      if (left === undefined) return { kind: "under", level, index };
      // The node differs, so if its left child does not, its right one does.
      index = left === this.#ownNode(level - 1, 2 * index) ? 2 * index + 1 : 2 * index;
    }
    return { kind: "leaf", index };
  }

  /**
   * Proof of a leaf in the operator's tree.
   * @param fault First leaf that differs: left of it the operator's tree is one's own.
   * @throws AssayError NO_FAULT when a node of the proof is neither known nor left of the fault.
   */
  prove(index: number, fault: number): readonly Hash[] {
    const siblings: Hash[] = [];
    for (let level = 0, at = index; level < this.own.depth; level++, at = Math.floor(at / 2)) {
      const sibling = at ^ 1;
      if (sibling >= levelWidth(this.own.width, level)) continue;
      const same = (sibling + 1) * 2 ** level <= fault;
      const node = same ? this.#ownNode(level, sibling) : this.node(level, sibling);
      if (node === undefined) {
        const reason = `node ${String(sibling)} of level ${String(level)} is not known`;
        throw new AssayError("NO_FAULT", reason, { reason });
      }
      siblings.push(node);
    }
    return siblings;
  }

  #ownNode(level: number, index: number): Hash | undefined {
    return this.own.nodes(index, 1, level)[0];
  }
}

/**
 * Places that show the nodes `stride` levels below a node, or the leaves when those are nearer: one place for up to
 * four levels, 16 times as many for each four more.
 */
export function placesUnder(leaves: number, level: number, index: number, stride: number): readonly Place[] {
  const target = Math.max(0, level - stride);
  const span = 2 ** (level - target);
  const end = Math.min((index + 1) * span, levelWidth(leaves, target));
  const places: Place[] = [];
  for (let at = Math.floor((index * span) / NODES) * NODES; at < end; at += NODES) {
    places.push({ level: target, index: at });
  }
  return places;
}

const key = (level: number, index: number): string => `${String(level)}:${String(index)}`;

/** Parents of nodes that begin at a left child; a last one without a sibling moves up. */
function parentsOf(row: readonly Hash[]): Hash[] {
  const parents: Hash[] = [];
  for (let i = 0; i < row.length; i += 2) {
    const [left, right] = [row[i], row[i + 1]];
    if (left === undefined) break;
    parents.push(right === undefined ? left : toHash(nodeHash(hashBytes(left), hashBytes(right))));
  }
  return parents;
}
