import { item } from "../../../items.ts";
import type { NodeContext } from "../../build/node.ts";
import { type Forest, forestOf, type LeafWeight, MODES, RELATION, sameLengths, type TreeNodes } from "./forest.ts";

/** A list of floats, given as an attribute or as a tensor. */
const floatTable = (node: NodeContext, name: string): readonly number[] => {
  const list = node.floats(name) ?? [];
  const tensor = tensorTable(node, `${name}_as_tensor`);
  if (tensor !== undefined && list.length > 0) throw node.invalid(`${name} is given too`, `${name}_as_tensor`);
  return tensor ?? list;
};

const tensorTable = (node: NodeContext, name: string): readonly number[] | undefined => {
  const dense = node.tensor(name);
  if (dense === undefined) return undefined;
  if (dense.element !== "f32") throw node.refuse(`element type ${dense.element}, only float`, name);
  return [...(dense.tensor?.data ?? [])].map(Number);
};

/** The base values of a model of opset 1 to 4. */
export const baseValues = (node: NodeContext): readonly number[] => floatTable(node, "base_values");

/** The forest of TreeEnsembleRegressor and TreeEnsembleClassifier: nodes by tree and id, weights by tree and node. */
export const forestByIds = (
  node: NodeContext,
  kind: "target" | "class",
  targets: number,
  columns: number,
): { readonly forest: Forest; readonly weights: readonly LeafWeight[] } => {
  node.ignore("nodes_hitrates", "nodes_hitrates_as_tensor");
  const ids = (name: string): readonly number[] => node.ints(name) ?? [];
  const [trees, nodeIds, features] = [ids("nodes_treeids"), ids("nodes_nodeids"), ids("nodes_featureids")];
  const [trueIds, falseIds, missing] = [
    ids("nodes_truenodeids"),
    ids("nodes_falsenodeids"),
    ids("nodes_missing_value_tracks_true"),
  ];
  const modes = node.strings("nodes_modes") ?? [];
  const thresholds = floatTable(node, "nodes_values");
  sameLengths(node, {
    nodes_treeids: trees,
    nodes_nodeids: nodeIds,
    nodes_featureids: features,
    nodes_truenodeids: trueIds,
    nodes_falsenodeids: falseIds,
    nodes_modes: modes,
    nodes_values: thresholds,
    ...(missing.length > 0 && { nodes_missing_value_tracks_true: missing }),
  });
  const { roots, positionOf } = positions(node, trees, nodeIds);
  const mask = modes.map((mode, i) => {
    if (mode === "LEAF") return 0;
    const found = MODES.find(([name]) => name === mode);
    if (found === undefined) throw node.invalid(`a branch of mode "${mode}"`, "nodes_modes");
    return found[1] | (missing[i] === 1 ? RELATION.unordered : 0);
  });
  const children = (list: readonly number[]): number[] =>
    list.map((id, i) => (mask[i] === 0 ? -1 : positionOf(item(trees, i), id)));
  const nodes: TreeNodes = {
    roots,
    feature: features,
    threshold: thresholds,
    mask,
    onTrue: children(trueIds),
    onFalse: children(falseIds),
  };
  const weights = leafWeights(node, kind, positionOf);
  return { forest: forestOf(node, nodes, weights, targets, columns), weights };
};

/** Where each tree starts, and the position of a node by its tree and its id in the tree. */
const positions = (
  node: NodeContext,
  trees: readonly number[],
  nodeIds: readonly number[],
): { readonly roots: readonly number[]; readonly positionOf: (tree: number, id: number) => number } => {
  const roots: number[] = [];
  const byTree = new Map<number, Map<number, number>>();
  trees.forEach((tree, position) => {
    if (position === 0 || trees[position - 1] !== tree) {
      if (byTree.has(tree))
        throw node.refuse(`the nodes of tree ${String(tree)} are not next to one another in the tables`);
      byTree.set(tree, new Map());
      roots.push(position);
    }
    const ids = byTree.get(tree);
    const id = item(nodeIds, position);
    if (ids?.has(id) === true) throw node.invalid(`node ${String(id)} of tree ${String(tree)} is given twice`);
    ids?.set(id, position);
  });
  if (roots.length === 0) throw node.invalid("there are no trees");
  const positionOf = (tree: number, id: number): number => {
    const position = byTree.get(tree)?.get(id);
    if (position === undefined) {
      throw node.invalid(`node ${String(id)} of tree ${String(tree)} is named but does not exist`);
    }
    return position;
  };
  return { roots, positionOf };
};

const leafWeights = (
  node: NodeContext,
  kind: "target" | "class",
  positionOf: (tree: number, id: number) => number,
): readonly LeafWeight[] => {
  const [ids, trees, nodeIds] = ["ids", "treeids", "nodeids"].map((part) => node.ints(`${kind}_${part}`) ?? []);
  if (ids === undefined || trees === undefined || nodeIds === undefined) throw new RangeError("three tables");
  const weights = floatTable(node, `${kind}_weights`);
  sameLengths(node, {
    [`${kind}_ids`]: ids,
    [`${kind}_treeids`]: trees,
    [`${kind}_nodeids`]: nodeIds,
    [`${kind}_weights`]: weights,
  });
  return ids.map((target, i) => ({
    position: positionOf(item(trees, i), item(nodeIds, i)),
    target,
    weight: item(weights, i),
  }));
};

/** The number of TreeEnsemble's mode BRANCH_MEMBER. */
const MEMBER = 6;

/** The forest of TreeEnsemble (opset 5): branches by position, leaves in tables of their own. */
export const forestByPosition = (node: NodeContext, targets: number, columns: number): Forest => {
  node.ignore("nodes_hitrates");
  const ints = (name: string): readonly number[] => node.ints(name) ?? [];
  const [features, trueIds, falseIds] = [
    ints("nodes_featureids"),
    ints("nodes_truenodeids"),
    ints("nodes_falsenodeids"),
  ];
  const [trueLeafs, falseLeafs] = [ints("nodes_trueleafs"), ints("nodes_falseleafs")];
  const missing = ints("nodes_missing_value_tracks_true");
  const modes = [...(node.tensor("nodes_modes")?.tensor?.data ?? [])].map(Number);
  const splits = tensorTable(node, "nodes_splits") ?? [];
  const [leafTargets, leafValues] = [ints("leaf_targetids"), tensorTable(node, "leaf_weights") ?? []];
  sameLengths(node, {
    nodes_featureids: features,
    nodes_truenodeids: trueIds,
    nodes_falsenodeids: falseIds,
    nodes_trueleafs: trueLeafs,
    nodes_falseleafs: falseLeafs,
    nodes_modes: modes,
    nodes_splits: splits,
    ...(missing.length > 0 && { nodes_missing_value_tracks_true: missing }),
  });
  sameLengths(node, { leaf_targetids: leafTargets, leaf_weights: leafValues });
  const roots = ints("tree_roots");
  if (roots.length === 0) throw node.invalid("there are no trees", "tree_roots");
  const sets = memberSets(node, modes);
  // The order of the new table: branches, then leaves, then the branches that sets add.
  const branches = features.length;
  const child = (id: number, isLeaf: number | undefined): number => {
    if (!(id >= 0 && id < (isLeaf === 1 ? leafTargets.length : branches))) {
      throw node.invalid(`${isLeaf === 1 ? "leaf" : "node"} ${String(id)} is named but does not exist`);
    }
    return isLeaf === 1 ? branches + id : id;
  };
  for (const root of roots) child(root, 0);
  const nothing = leafTargets.map(() => 0);
  const lists = {
    feature: [...features, ...nothing],
    threshold: [...splits, ...nothing],
    mask: [
      ...modes.map((mode, i) => {
        const found = mode === MEMBER ? RELATION.equal : MODES[mode]?.[1];
        if (found === undefined) throw node.invalid(`a branch of mode ${String(mode)}`, "nodes_modes");
        return found | (missing[i] === 1 ? RELATION.unordered : 0);
      }),
      ...nothing,
    ],
    onTrue: [...trueIds.map((id, i) => child(id, trueLeafs[i])), ...nothing],
    onFalse: [...falseIds.map((id, i) => child(id, falseLeafs[i])), ...nothing],
  };
  for (const [at, members] of sets) spreadMembers(lists, at, members);
  const weights = leafValues.map((weight, i) => ({ position: branches + i, target: item(leafTargets, i), weight }));
  return forestOf(node, { roots, ...lists }, weights, targets, columns);
};

/** The sets of the branches of mode BRANCH_MEMBER: runs of membership_values, each ended by a NaN. */
const memberSets = (node: NodeContext, modes: readonly number[]): readonly (readonly [number, readonly number[]])[] => {
  const values = tensorTable(node, "membership_values") ?? [];
  let from = 0;
  const sets = modes.flatMap((mode, at): (readonly [number, readonly number[]])[] => {
    if (mode !== MEMBER) return [];
    const end = values.findIndex((value, i) => i >= from && Number.isNaN(value));
    const members = values.slice(from, end < 0 ? values.length : end);
    if (members.length === 0) throw node.invalid(`branch ${String(at)} has no members`, "membership_values");
    from += members.length + 1;
    return [[at, members]];
  });
  return sets;
};

/** A branch on membership as a chain of branches on equality with each member. */
const spreadMembers = (
  lists: Readonly<Record<"feature" | "threshold" | "mask" | "onTrue" | "onFalse", number[]>>,
  first: number,
  members: readonly number[],
): void => {
  const { feature, threshold, mask, onTrue, onFalse } = lists;
  const last = item(onFalse, first);
  let at = first;
  members.forEach((member, i) => {
    threshold[at] = member;
    if (i === members.length - 1) {
      onFalse[at] = last;
      return;
    }
    const next = feature.length;
    feature.push(item(feature, first));
    threshold.push(0);
    mask.push(item(mask, first));
    onTrue.push(item(onTrue, first));
    onFalse.push(last);
    onFalse[at] = next;
    at = next;
  });
};
