import { item } from "../../../items.ts";
import type { NodeContext } from "../../build/node.ts";

/** Ways in which an element can stand to a threshold; a branch's mask has the bits of those that take its true side. */
export const RELATION = { less: 1, equal: 2, greater: 4, unordered: 8 } as const;

/** The masks of ONNX's branch modes, in the order of TreeEnsemble's numbers (0 to 5). */
export const MODES: readonly (readonly [name: string, mask: number])[] = [
  ["BRANCH_LEQ", RELATION.less | RELATION.equal],
  ["BRANCH_LT", RELATION.less],
  ["BRANCH_GTE", RELATION.greater | RELATION.equal],
  ["BRANCH_GT", RELATION.greater],
  ["BRANCH_EQ", RELATION.equal],
  ["BRANCH_NEQ", RELATION.less | RELATION.greater | RELATION.unordered],
];

/** Nodes as a file gives them, by position: branches have a mask above 0, leaves 0. Children are positions. */
export interface TreeNodes {
  readonly roots: readonly number[];
  readonly feature: readonly number[];
  readonly threshold: readonly number[];
  readonly mask: readonly number[];
  readonly onTrue: readonly number[];
  readonly onFalse: readonly number[];
}

/** What leaf at `position` adds to `target`. */
export interface LeafWeight {
  readonly position: number;
  readonly target: number;
  readonly weight: number;
}

/**
 * A forest that has been checked and numbered again: branches first (0 to branches - 1), then leaves. Every path from a root ends at
 * a leaf after at most `depth` steps; leaves have themselves for children. Nodes that no root reaches are left out.
 */
export interface Forest {
  readonly roots: readonly number[];
  readonly branches: number;
  readonly depth: number;
  readonly feature: readonly number[];
  readonly threshold: readonly number[];
  readonly mask: readonly number[];
  readonly onTrue: readonly number[];
  readonly onFalse: readonly number[];
  /** [leaves, targets], 0 where a leaf has no weight for a target. */
  readonly weights: Float32Array;
  /** [leaves, targets]: 1 where a leaf has a weight; undefined when all have. */
  readonly present: Uint8Array | undefined;
}

/** Longest path from a root to a leaf: each of its steps is two kernels. */
const MAX_DEPTH = 1024;

/** Most entries of the table of weights, [leaves, targets]. */
const MAX_WEIGHTS = 2 ** 26;

/** Refuses tables of different lengths. */
export const sameLengths = (node: NodeContext, tables: Readonly<Record<string, readonly unknown[]>>): void => {
  const [first, ...rest] = Object.entries(tables);
  for (const [name, { length }] of rest) {
    if (first !== undefined && length !== first[1].length) {
      throw node.invalid(`${String(length)} entries, but ${first[0]} has ${String(first[1].length)}`, name);
    }
  }
};

/**
 * Checks a forest over `columns` features and numbers it again. Branches may share nodes (exporters write sets in this way),
 * but no path may come back to a node. Linear in nodes and weights.
 */
export const forestOf = (
  node: NodeContext,
  nodes: TreeNodes,
  weights: readonly LeafWeight[],
  targets: number,
  columns: number,
): Forest => {
  const { branches, leaves, depth } = visited(node, nodes);
  const number = new Int32Array(nodes.mask.length).fill(-1);
  branches.forEach((position, i) => (number[position] = i));
  leaves.forEach((position, i) => (number[position] = branches.length + i));
  const renumbered = (position: number): number => item(number, position);
  const self = leaves.map(renumbered);
  const feature = branches.map((position) => item(nodes.feature, position));
  const outside = feature.find((column) => column < 0 || column >= columns);
  if (outside !== undefined) {
    throw node.invalid(`a branch reads feature ${String(outside)} of an input of ${String(columns)}`);
  }
  const threshold = branches.map((position) => item(nodes.threshold, position));
  if (threshold.some(Number.isNaN)) throw node.invalid("a threshold is NaN");
  const table = weightTable(node, weights, targets, leaves.length, (at) => renumbered(at) - branches.length);
  return {
    roots: nodes.roots.map(renumbered),
    branches: branches.length,
    depth,
    feature,
    threshold,
    mask: branches.map((position) => item(nodes.mask, position)),
    onTrue: [...branches.map((position) => renumbered(item(nodes.onTrue, position))), ...self],
    onFalse: [...branches.map((position) => renumbered(item(nodes.onFalse, position))), ...self],
    ...table,
  };
};

/** Positions of the branches and leaves that the roots reach, depth first, and the longest path. */
const visited = (
  node: NodeContext,
  nodes: TreeNodes,
): { readonly branches: readonly number[]; readonly leaves: readonly number[]; readonly depth: number } => {
  const count = nodes.mask.length;
  const [branches, leaves]: [number[], number[]] = [[], []];
  // 0 not seen; -1 on the path being walked; otherwise the longest way down from the node, plus 1.
  const state = new Int32Array(count);
  const children = (at: number): readonly [number, number] => [item(nodes.onTrue, at), item(nodes.onFalse, at)];
  for (const root of nodes.roots) {
    const stack = [root];
    for (let at = stack.at(-1); at !== undefined; at = stack.at(-1)) {
      if (at < 0 || at >= count) throw node.invalid(`a branch names node ${String(at)}, which does not exist`);
      const seen = item(state, at);
      if (seen > 0) {
        stack.pop();
      } else if (nodes.mask[at] === 0) {
        leaves.push(at);
        state[at] = 1;
        stack.pop();
      } else if (seen === 0) {
        branches.push(at);
        state[at] = -1;
        const [yes, no] = children(at);
        for (const child of [no, yes]) {
          if (state[child] === -1) throw node.invalid("the nodes of a tree form a cycle");
          // One that does not exist is refused when its turn comes.
          if ((state[child] ?? 0) === 0) stack.push(child);
        }
      } else {
        const [yes, no] = children(at);
        state[at] = 1 + Math.max(item(state, yes), item(state, no));
        stack.pop();
      }
    }
  }
  const depth = nodes.roots.reduce((most, root) => Math.max(most, item(state, root) - 1), 0);
  if (depth > MAX_DEPTH) {
    throw node.error("ONNX_LIMIT", `a tree of depth ${String(depth)}, more than ${String(MAX_DEPTH)}`);
  }
  return { branches, leaves, depth };
};

/** The weights of the leaves, dense. Weights of branches (which have negative leaf numbers) are ignored: no path ends there. */
const weightTable = (
  node: NodeContext,
  weights: readonly LeafWeight[],
  targets: number,
  leaves: number,
  leafNumber: (position: number) => number,
): Pick<Forest, "weights" | "present"> => {
  const size = leaves * targets;
  if (!(size <= MAX_WEIGHTS)) {
    throw node.error("ONNX_LIMIT", `${String(leaves)} leaves for ${String(targets)} targets`);
  }
  const [table, present] = [new Float32Array(size), new Uint8Array(size)];
  const weighted = new Uint8Array(leaves);
  let count = 0;
  for (const { position, target, weight } of weights) {
    if (!(target >= 0 && target < targets)) {
      throw node.invalid(`a weight for target ${String(target)} of ${String(targets)}`);
    }
    const leaf = leafNumber(position);
    if (leaf < 0) continue;
    const at = leaf * targets + target;
    if (present[at] === 1) throw node.invalid("a leaf has two weights for one target");
    table[at] = weight;
    present[at] = 1;
    weighted[leaf] = 1;
    count++;
  }
  if (weighted.includes(0)) throw node.invalid("a leaf has no weight");
  return { weights: table, present: count === size ? undefined : present };
};
