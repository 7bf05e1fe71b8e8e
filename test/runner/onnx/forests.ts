import { random } from "./agreement.ts";
import type { Attribute, TestModel, TestTensor } from "../../../testing/onnx-model.ts";

/** How to grow a forest. */
export interface Growth {
  readonly trees: number;
  readonly depth: number;
  readonly features: number;
  /** Targets of a tree's leaves, given the tree. */
  readonly targets: (tree: number) => readonly number[];
  readonly weight: () => number;
  /** Modes of branches, chosen at random. */
  readonly modes?: readonly string[];
  /** Give each branch a track for missing values. */
  readonly missing?: boolean;
}

/** Thresholds and features are multiples of 1/4, so that elements often equal them. */
export const quarter = (): number => Math.floor(random() * 17 - 8) / 4;

/** Rows of quarters, some of them NaN when asked for. */
export const quarters = (rows: number, features: number, nans = 0): TestTensor => ({
  dtype: "f32",
  shape: [rows, features],
  data: Array.from({ length: rows * features }, () => (random() < nans ? NaN : quarter())),
});

/** Random trees as the attributes of TreeEnsembleRegressor ("target") or TreeEnsembleClassifier ("class"). */
export const forest = (kind: "target" | "class", growth: Growth): Readonly<Record<string, Attribute>> => {
  const { trees, features, modes = ["BRANCH_LEQ"] } = growth;
  const [treeIds, nodeIds, featureIds, trueIds, falseIds, tracks]: number[][] = [[], [], [], [], [], []];
  const [values, weights]: number[][] = [[], []];
  const [leafTrees, leafNodes, leafTargets]: number[][] = [[], [], []];
  const names: string[] = [];
  for (let tree = 0; tree < trees; tree++) {
    let next = 0;
    const grow = (depth: number): number => {
      const id = next++;
      const row = names.length;
      const isLeaf = depth === 0 || (depth < growth.depth && random() < 0.2);
      treeIds?.push(tree);
      nodeIds?.push(id);
      featureIds?.push(isLeaf ? 0 : Math.floor(random() * features));
      values?.push(isLeaf ? 0 : quarter());
      tracks?.push(isLeaf || random() < 0.5 ? 0 : 1);
      trueIds?.push(0);
      falseIds?.push(0);
      names.push(isLeaf ? "LEAF" : (modes[Math.floor(random() * modes.length)] ?? ""));
      if (isLeaf) {
        for (const target of growth.targets(tree)) {
          leafTrees?.push(tree);
          leafNodes?.push(id);
          leafTargets?.push(target);
          weights?.push(Math.fround(growth.weight()));
        }
        return id;
      }
      const [yes, no] = [grow(depth - 1), grow(depth - 1)];
      if (trueIds) trueIds[row] = yes;
      if (falseIds) falseIds[row] = no;
      return id;
    };
    grow(growth.depth);
  }
  return {
    nodes_treeids: treeIds ?? [],
    nodes_nodeids: nodeIds ?? [],
    nodes_featureids: featureIds ?? [],
    nodes_modes: { strings: names },
    nodes_values: { floats: values ?? [] },
    nodes_truenodeids: trueIds ?? [],
    nodes_falsenodeids: falseIds ?? [],
    ...(growth.missing && { nodes_missing_value_tracks_true: tracks ?? [] }),
    [`${kind}_treeids`]: leafTrees ?? [],
    [`${kind}_nodeids`]: leafNodes ?? [],
    [`${kind}_ids`]: leafTargets ?? [],
    [`${kind}_weights`]: { floats: weights ?? [] },
  };
};

/** A model of one node of the domain ai.onnx.ml. */
export const mlModel = (
  op: string,
  x: TestTensor,
  attributes: Readonly<Record<string, Attribute>>,
  outputs: readonly string[] = ["y"],
): TestModel => ({
  inputs: { x },
  nodes: [{ op, domain: "ai.onnx.ml", in: ["x"], out: outputs, attributes }],
  outputs,
});
