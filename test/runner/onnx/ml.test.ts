import { expect } from "chai";
import { isAssayError } from "../../../runner/errors.ts";
import { executeProgram } from "../../../runner/machine/interpreter.ts";
import { type Tensor, tensorFrom } from "../../../runner/machine/tensor.ts";
import { importModel } from "../../../runner/onnx/index.ts";
import { type Attribute, f32, i64, onnxFile, run, type TestModel } from "../../../testing/onnx-model.ts";
import { forest, mlModel, quarters } from "./forests.ts";

type Attributes = Readonly<Record<string, Attribute>>;

/** A list that an attribute holds. */
const list = (attributes: Attributes, name: string): readonly number[] => {
  const value = attributes[name];
  if (Array.isArray(value)) return value as readonly number[];
  return typeof value === "object" && "floats" in value ? value.floats : [];
};

/** The weights of the leaf that a row reaches in one tree, found by walking as the specification's text says. */
const walked = (attributes: Attributes, kind: string, tree: number, row: readonly number[]): Map<number, number> => {
  const modes = attributes["nodes_modes"] as { readonly strings: readonly string[] };
  const at = (id: number): number =>
    list(attributes, "nodes_treeids").findIndex((t, i) => t === tree && list(attributes, "nodes_nodeids")[i] === id);
  let node = at(0);
  while (modes.strings[node] !== "LEAF") {
    const x = row[list(attributes, "nodes_featureids")[node] ?? 0] ?? 0;
    const yes = x <= (list(attributes, "nodes_values")[node] ?? 0);
    node = at(list(attributes, yes ? "nodes_truenodeids" : "nodes_falsenodeids")[node] ?? 0);
  }
  const id = list(attributes, "nodes_nodeids")[node];
  return new Map(
    list(attributes, `${kind}_ids`).flatMap((target, i) => {
      const here = list(attributes, `${kind}_treeids`)[i] === tree && list(attributes, `${kind}_nodeids`)[i] === id;
      return here ? [[target, list(attributes, `${kind}_weights`)[i] ?? 0] as const] : [];
    }),
  );
};

const output = (model: TestModel, i = 0): readonly (number | bigint)[] => [...(run(model).outputs[i]?.data ?? [])];

/** One branch on feature 0 at 0.5: true leads to leaf 1, false to leaf 2. */
const stump: Attributes = {
  nodes_treeids: [0, 0, 0],
  nodes_nodeids: [0, 1, 2],
  nodes_featureids: [0, 0, 0],
  nodes_modes: { strings: ["BRANCH_LEQ", "LEAF", "LEAF"] },
  nodes_values: { floats: [0.5, 0, 0] },
  nodes_truenodeids: [1, 0, 0],
  nodes_falsenodeids: [2, 0, 0],
};

const targets: Attributes = {
  target_treeids: [0, 0],
  target_nodeids: [1, 2],
  target_ids: [0, 0],
  target_weights: { floats: [10, 20] },
};

const classes: Attributes = {
  class_treeids: [0, 0],
  class_nodeids: [1, 2],
  class_ids: [0, 0],
  class_weights: { floats: [0.25, 0.75] },
};

const x = f32([2, 1], [0.5, 1]);
const regressor = (change: Attributes = {}): TestModel =>
  mlModel("TreeEnsembleRegressor", x, { n_targets: 1, ...stump, ...targets, ...change });
const classifier = (change: Attributes = {}): TestModel =>
  mlModel("TreeEnsembleClassifier", x, { classlabels_int64s: [3, 7], ...stump, ...classes, ...change }, ["l", "s"]);
const linear = (change: Attributes = {}): TestModel =>
  mlModel(
    "LinearClassifier",
    f32([1, 2], [1, 2]),
    {
      coefficients: { floats: [1, 0, 0, 1] },
      intercepts: { floats: [0.5, -0.25] },
      classlabels_ints: [4, 9],
      ...change,
    },
    ["l", "s"],
  );

/** TreeEnsemble (opset 5): node 0 tests feature 0 for membership in {1, 3}, node 1 feature 1 against 0.5. */
const ensemble = (change: Attributes = {}, data: readonly number[] = [1, 0, 3, 9, 2, 0.5, 0, 1]): TestModel => ({
  ...mlModel("TreeEnsemble", f32([data.length / 2, 2], data), {
    n_targets: 2,
    tree_roots: [0],
    nodes_featureids: [0, 1],
    nodes_modes: { tensor: { dtype: "u8", shape: [2], data: [6, 0] } },
    nodes_splits: { tensor: f32([2], [0, 0.5]) },
    nodes_truenodeids: [0, 1],
    nodes_trueleafs: [1, 1],
    nodes_falsenodeids: [1, 2],
    nodes_falseleafs: [0, 1],
    membership_values: { tensor: f32([3], [1, 3, NaN]) },
    leaf_targetids: [0, 1, 0],
    leaf_weights: { tensor: f32([3], [5, 6, 7]) },
    ...change,
  }),
  mlOpset: 5,
});

const failure = (model: TestModel): { readonly code: string; readonly message: string } => {
  try {
    importModel(onnxFile(model));
  } catch (error) {
    if (isAssayError(error)) return error;
    throw error;
  }
  throw new Error("the import succeeded");
};

describe("operators of ai.onnx.ml", () => {
  describe("given a forest", () => {
    it("sums the leaves that a walk down each tree reaches", () => {
      const attributes = forest("target", {
        trees: 9,
        depth: 5,
        features: 3,
        targets: (tree) => [tree % 2],
        weight: () => 0.1,
      });
      const rows = quarters(20, 3);
      const data = (rows.data ?? []).map(Number);
      const wanted = Array.from({ length: 20 }, (_, r) =>
        [0, 1].map((target) => {
          let sum = 0;
          for (let tree = 0; tree < 9; tree++) {
            const weight = walked(attributes, "target", tree, data.slice(3 * r, 3 * r + 3)).get(target);
            sum = Math.fround(sum + (weight ?? 0));
          }
          return sum;
        }),
      ).flat();
      expect(output(mlModel("TreeEnsembleRegressor", rows, { n_targets: 2, ...attributes }))).to.deep.equal(wanted);
    });
    it("takes the true side at the threshold itself", () => {
      expect(output(regressor())).to.deep.equal([10, 20]);
    });
    it("answers with the label above one half, and both probabilities", () => {
      expect(output(classifier())).to.deep.equal([3n, 7n]);
      expect(output(classifier(), 1)).to.deep.equal([0.75, 0.25, 0.25, 0.75]);
    });
    it("lets paths meet again, as exporters write set membership", () => {
      const shared = { nodes_truenodeids: [1, 0, 0], nodes_falsenodeids: [1, 0, 0] };
      expect(output(regressor(shared))).to.deep.equal([10, 10]);
    });
    it("ignores weights of branches, as ONNX Runtime does", () => {
      const more = {
        target_treeids: [0, 0, 0],
        target_nodeids: [0, 1, 2],
        target_ids: [0, 0, 0],
        target_weights: { floats: [9, 1, 2] },
      };
      expect(output(regressor(more))).to.deep.equal([1, 2]);
    });
    it("needs two kernels a level, one of them known at import in the first, and one for the sum", () => {
      expect(run(regressor()).model.program.kernels).to.have.length(2);
    });
    it("takes a quarter of a million nodes", () => {
      const count = 2 ** 18 - 1;
      const inner = 2 ** 17 - 1;
      const ids = Array.from({ length: count }, (_, i) => i);
      const leaves = ids.slice(inner);
      const attributes = {
        n_targets: 1,
        nodes_treeids: ids.map(() => 0),
        nodes_nodeids: ids,
        nodes_featureids: ids.map(() => 0),
        nodes_modes: { strings: ids.map((i) => (i < inner ? "BRANCH_LT" : "LEAF")) },
        nodes_values: { floats: ids.map(() => 0.5) },
        nodes_truenodeids: ids.map((i) => (i < inner ? 2 * i + 1 : 0)),
        nodes_falsenodeids: ids.map((i) => (i < inner ? 2 * i + 2 : 0)),
        target_treeids: leaves.map(() => 0),
        target_nodeids: leaves,
        target_ids: leaves.map(() => 0),
        target_weights: { floats: leaves.map((_, i) => i) },
      };
      const imported = importModel(onnxFile(mlModel("TreeEnsembleRegressor", x, attributes)));
      const trace = executeProgram(imported.program, [tensorFrom("f32", [0, 1])], imported.constants);
      const result = trace[imported.program.outputs[0] ?? 0] as Tensor;
      expect([...result.data]).to.deep.equal([0, leaves.length - 1]);
    });
  });

  describe("given a TreeEnsemble of opset 5", () => {
    it("tests membership, and adds each leaf to its own target", () => {
      expect(output(ensemble())).to.deep.equal([5, 0, 5, 0, 0, 6, 7, 0]);
    });
    it("follows the track for missing values", () => {
      const tracks = { nodes_missing_value_tracks_true: [0, 1] };
      expect(output(ensemble(tracks, [NaN, NaN]))).to.deep.equal([0, 6]);
    });
  });

  describe("given a support vector machine", () => {
    it("weighs the kernel function of each support vector", () => {
      const attributes = {
        n_supports: 2,
        kernel_type: "POLY",
        kernel_params: { floats: [0.5, 1, 2] },
        support_vectors: { floats: [1, 3, 0, 2] },
        coefficients: { floats: [2, -1] },
        rho: { floats: [0.5] },
      };
      // (0.5 7 + 1)^2 = 20.25 and (0.5 4 + 1)^2 = 9.
      expect(output(mlModel("SVMRegressor", f32([1, 2], [1, 2]), attributes))).to.deep.equal([32]);
    });
  });

  describe("given a pipeline of Scaler and LinearClassifier", () => {
    it("gives label and scores", () => {
      const domain = "ai.onnx.ml";
      const model: TestModel = {
        inputs: { x: f32([2, 2], [1, 2, 3, 0]) },
        nodes: [
          {
            op: "Scaler",
            domain,
            in: ["x"],
            out: ["scaled"],
            attributes: { offset: { floats: [1, 1] }, scale: { floats: [2, 0.5] } },
          },
          {
            op: "LinearClassifier",
            domain,
            in: ["scaled"],
            out: ["label", "scores"],
            attributes: {
              coefficients: { floats: [1, 0, 0, 1] },
              intercepts: { floats: [0.5, 0.25] },
              classlabels_ints: [4, 9],
            },
          },
        ],
        outputs: ["label", "scores"],
      };
      expect(output(model)).to.deep.equal([9n, 4n]);
      expect(output(model, 1)).to.deep.equal([0.5, 0.75, 4.5, -0.25]);
    });
  });

  const long = (n: number): Attributes => {
    const ids = Array.from({ length: 2 * n + 1 }, (_, i) => i);
    const leaves = ids.slice(n);
    return {
      nodes_treeids: ids.map(() => 0),
      nodes_nodeids: ids,
      nodes_featureids: ids.map(() => 0),
      nodes_modes: { strings: ids.map((i) => (i < n ? "BRANCH_LT" : "LEAF")) },
      nodes_values: { floats: ids.map(() => 0.5) },
      nodes_truenodeids: ids.map((i) => (i < n ? n + 1 + i : 0)),
      nodes_falsenodeids: ids.map((i) => (i < n - 1 ? i + 1 : i < n ? n : 0)),
      target_treeids: leaves.map(() => 0),
      target_nodeids: leaves,
      target_ids: leaves.map(() => 0),
      target_weights: { floats: leaves.map(() => 1) },
    };
  };

  const support = (change: Attributes): TestModel =>
    mlModel("SVMRegressor", f32([1, 2], [1, 2]), {
      n_supports: 1,
      support_vectors: { floats: [1, 3] },
      coefficients: { floats: [2] },
      rho: { floats: [0.5] },
      ...change,
    });

  const votes = (change: Attributes): TestModel =>
    mlModel(
      "SVMClassifier",
      f32([1, 2], [1, 2]),
      {
        classlabels_ints: [4, 6, 8],
        vectors_per_class: [1, 1, 1],
        support_vectors: { floats: [1, 0, 0, 1, 1, 1] },
        coefficients: { floats: [1, -1, 2, -2, 1, -1] },
        rho: { floats: [0, 0.5, 0] },
        ...change,
      },
      ["l", "s"],
    );

  describe("given a support vector machine for classification", () => {
    it("lets every pair of classes decide and vote", () => {
      // Kernel values 1, 2, 3. Pairs: 1 1 - 1 2 = -1; -2 1 + 2 3 + 0.5 = 4.5; 1 2 - 1 3 = -1.
      expect(output(votes({}), 1)).to.deep.equal([-1, 4.5, -1]);
      // Votes for the second, the first and the third: the first of the most wins.
      expect(output(votes({}))).to.deep.equal([4n]);
    });
  });

  const REFUSED: readonly (readonly [what: string, model: TestModel, code: string, because: string])[] = [
    ["a cycle", regressor({ nodes_falsenodeids: [0, 0, 0] }), "ONNX_INVALID", "cycle"],
    [
      "a longer cycle",
      regressor({
        nodes_modes: { strings: ["BRANCH_LEQ", "BRANCH_LEQ", "LEAF"] },
        nodes_truenodeids: [1, 2, 0],
        nodes_falsenodeids: [2, 0, 0],
      }),
      "ONNX_INVALID",
      "cycle",
    ],
    ["a missing child", regressor({ nodes_truenodeids: [5, 0, 0] }), "ONNX_INVALID", "node 5 of tree 0"],
    ["a negative child", regressor({ nodes_truenodeids: [-1, 0, 0] }), "ONNX_INVALID", "node -1 of tree 0"],
    ["a node twice", regressor({ nodes_nodeids: [0, 1, 1] }), "ONNX_INVALID", "given twice"],
    [
      "a tree in two places",
      regressor({ nodes_treeids: [0, 1, 0] }),
      "ONNX_UNSUPPORTED",
      "are not next to one another",
    ],
    ["a short table", regressor({ nodes_values: { floats: [0.5] } }), "ONNX_INVALID", "nodes_values"],
    ["short weights", regressor({ target_weights: { floats: [1] } }), "ONNX_INVALID", "target_weights"],
    ["a feature behind the last", regressor({ nodes_featureids: [1, 0, 0] }), "ONNX_INVALID", "feature 1"],
    ["a negative feature", regressor({ nodes_featureids: [-1, 0, 0] }), "ONNX_INVALID", "feature -1"],
    ["a NaN threshold", regressor({ nodes_values: { floats: [NaN, 0, 0] } }), "ONNX_INVALID", "NaN"],
    [
      "an unknown mode",
      regressor({ nodes_modes: { strings: ["BRANCH_MAYBE", "LEAF", "LEAF"] } }),
      "ONNX_INVALID",
      "BRANCH_MAYBE",
    ],
    [
      "a leaf without weight",
      regressor({ target_nodeids: [1, 1], target_ids: [0, 1], n_targets: 2 }),
      "ONNX_INVALID",
      "no weight",
    ],
    ["two weights for one target", regressor({ target_nodeids: [1, 1] }), "ONNX_INVALID", "two weights"],
    ["a weight of no node", regressor({ target_nodeids: [1, 9] }), "ONNX_INVALID", "node 9"],
    ["a weight of no target", regressor({ target_ids: [0, 1] }), "ONNX_INVALID", "target 1 of 1"],
    ["no targets", regressor({ n_targets: 0 }), "ONNX_INVALID", "n_targets"],
    ["targets without end", regressor({ n_targets: 2 ** 50 }), "ONNX_LIMIT", "targets"],
    ["no trees", mlModel("TreeEnsembleRegressor", x, { n_targets: 1 }), "ONNX_INVALID", "no trees"],
    ["an unknown function", regressor({ aggregate_function: "MODE" }), "ONNX_INVALID", "MODE"],
    ["an unknown transform", regressor({ post_transform: "CUBE" }), "ONNX_INVALID", "CUBE"],
    ["a transform of one target", regressor({ post_transform: "SOFTMAX" }), "ONNX_UNSUPPORTED", "SOFTMAX"],
    ["too many base values", regressor({ base_values: { floats: [1, 2] } }), "ONNX_INVALID", "base_values"],
    [
      "tables of doubles",
      regressor({ nodes_values_as_tensor: { tensor: i64([3], [1, 2, 3]) } }),
      "ONNX_UNSUPPORTED",
      "i64",
    ],
    [
      "a tree too deep",
      mlModel("TreeEnsembleRegressor", x, { n_targets: 1, ...long(1025) }),
      "ONNX_LIMIT",
      "depth 1025",
    ],
    [
      "two hundred thousand nodes in a line",
      mlModel("TreeEnsembleRegressor", x, { n_targets: 1, ...long(100_000) }),
      "ONNX_LIMIT",
      "depth 100000",
    ],
    [
      "an input that is no matrix",
      { ...regressor(), inputs: { x: f32([1, 1, 1], [0]) } },
      "ONNX_UNSUPPORTED",
      "rank 3",
    ],
    [
      "labels of strings",
      classifier({ classlabels_strings: { strings: ["a", "b"] } }),
      "ONNX_UNSUPPORTED",
      "integer labels",
    ],
    ["one class", classifier({ classlabels_int64s: [1] }), "ONNX_UNSUPPORTED", "fewer than two"],
    ["weights of the second class", classifier({ class_ids: [0, 1] }), "ONNX_UNSUPPORTED", "class_ids"],
    ["LOGISTIC of probabilities", classifier({ post_transform: "LOGISTIC" }), "ONNX_UNSUPPORTED", "LOGISTIC"],
    ["two base values", classifier({ base_values: { floats: [1, 2] } }), "ONNX_UNSUPPORTED", "base_values"],
    [
      "base values for other classes",
      classifier({ classlabels_int64s: [1, 2, 3], base_values: { floats: [1, 2] } }),
      "ONNX_INVALID",
      "base_values",
    ],
    ["a root that is no node", ensemble({ tree_roots: [2] }), "ONNX_INVALID", "node 2"],
    ["a leaf that does not exist", ensemble({ nodes_falsenodeids: [1, 3] }), "ONNX_INVALID", "leaf 3"],
    ["a node that leads to itself", ensemble({ nodes_falsenodeids: [0, 2] }), "ONNX_INVALID", "cycle"],
    ["a set without members", ensemble({ membership_values: { tensor: f32([1], [NaN]) } }), "ONNX_INVALID", "members"],
    [
      "a mode of no name",
      ensemble({ nodes_modes: { tensor: { dtype: "u8", shape: [2], data: [6, 7] } } }),
      "ONNX_INVALID",
      "mode 7",
    ],
    ["a function of no name", ensemble({ aggregate_function: 4 }), "ONNX_INVALID", "aggregate_function"],
    ["coefficients too few", linear({ coefficients: { floats: [1] } }), "ONNX_INVALID", "coefficients"],
    ["labels too few", linear({ classlabels_ints: [1] }), "ONNX_INVALID", "classlabels_ints"],
    [
      "no intercepts",
      mlModel("LinearClassifier", x, { coefficients: { floats: [1] } }, ["l", "s"]),
      "ONNX_UNSUPPORTED",
      "intercepts",
    ],
    [
      "linear labels of strings",
      linear({ classlabels_strings: { strings: ["a", "b"] } }),
      "ONNX_UNSUPPORTED",
      "integer labels",
    ],
    [
      "SOFTMAX of one score",
      linear({ coefficients: { floats: [1, 2] }, intercepts: { floats: [1] }, post_transform: "SOFTMAX" }),
      "ONNX_UNSUPPORTED",
      "SOFTMAX",
    ],
    [
      "an offset too long",
      mlModel("Scaler", x, { offset: { floats: [1, 2] }, scale: { floats: [1, 2] } }),
      "ONNX_INVALID",
      "offset",
    ],
    ["an unknown norm", mlModel("Normalizer", x, { norm: "L3" }), "ONNX_INVALID", "L3"],
    ["L2 of integers", mlModel("Normalizer", i64([1, 1], [1]), { norm: "L2" }), "ONNX_UNSUPPORTED", "cast the input"],
    ["no imputed value", mlModel("Imputer", x, {}), "ONNX_INVALID", "imputed_value_floats"],
    [
      "errors for unknown categories",
      mlModel("OneHotEncoder", i64([1], [1]), { cats_int64s: [1], zeros: 0 }),
      "ONNX_UNSUPPORTED",
      "zeros",
    ],
    ["a category twice", mlModel("OneHotEncoder", i64([1], [1]), { cats_int64s: [1, 1] }), "ONNX_INVALID", "twice"],
    [
      "categories of strings",
      mlModel("OneHotEncoder", x, { cats_strings: { strings: ["a"] } }),
      "ONNX_UNSUPPORTED",
      "cats_strings",
    ],
    [
      "keys without values",
      mlModel("LabelEncoder", i64([1], [1]), { keys_int64s: [1], values_int64s: [] }),
      "ONNX_INVALID",
      "1 keys, 0 values",
    ],
    [
      "keys of another type",
      mlModel("LabelEncoder", x, { keys_int64s: [1], values_int64s: [1] }),
      "ONNX_INVALID",
      "keys of type i64",
    ],
    [
      "a key twice",
      mlModel("LabelEncoder", i64([1], [1]), { keys_int64s: [1, 1], values_int64s: [1, 2] }),
      "ONNX_INVALID",
      "twice",
    ],
    [
      "values of strings",
      mlModel("LabelEncoder", i64([1], [1]), { keys_int64s: [1], values_strings: { strings: ["a"] } }),
      "ONNX_UNSUPPORTED",
      "values_strings",
    ],
    ["vectors too short", support({ support_vectors: { floats: [1] } }), "ONNX_INVALID", "support_vectors"],
    ["coefficients too many", support({ coefficients: { floats: [1, 2] } }), "ONNX_INVALID", "coefficients"],
    ["no constant", support({ rho: { floats: [] } }), "ONNX_INVALID", "rho"],
    ["an unknown kernel", support({ kernel_type: "CUBIC" }), "ONNX_INVALID", "CUBIC"],
    [
      "other degrees",
      support({ kernel_type: "POLY", kernel_params: { floats: [1, 0, 2.5] } }),
      "ONNX_UNSUPPORTED",
      "degree 2.5",
    ],
    ["a transform of its result", support({ post_transform: "LOGISTIC" }), "ONNX_UNSUPPORTED", "post_transform"],
    [
      "probabilities of three classes",
      votes({ prob_a: { floats: [1, 1, 1] }, prob_b: { floats: [1, 1, 1] } }),
      "ONNX_UNSUPPORTED",
      "prob_a",
    ],
    ["half of the parameters of probabilities", votes({ prob_b: { floats: [1] } }), "ONNX_INVALID", "prob_a"],
    ["a transform of decisions", votes({ post_transform: "SOFTMAX" }), "ONNX_UNSUPPORTED", "post_transform"],
    [
      "labels that are strings",
      votes({ classlabels_strings: { strings: ["a"] } }),
      "ONNX_UNSUPPORTED",
      "integer labels",
    ],
    ["one label", votes({ classlabels_ints: [1] }), "ONNX_UNSUPPORTED", "fewer than two"],
    ["no support vectors", votes({ vectors_per_class: [0, 0, 0] }), "ONNX_UNSUPPORTED", "vectors_per_class"],
    ["numbers of vectors of other classes", votes({ vectors_per_class: [1, 1] }), "ONNX_INVALID", "vectors_per_class"],
    ["a negative number of vectors", votes({ vectors_per_class: [-1, 2, 2] }), "ONNX_INVALID", "vectors_per_class"],
    ["vectors of other widths", votes({ support_vectors: { floats: [1, 2, 3] } }), "ONNX_INVALID", "support_vectors"],
    ["coefficients for fewer pairs", votes({ coefficients: { floats: [1, 2, 3] } }), "ONNX_INVALID", "coefficients"],
    ["constants for fewer pairs", votes({ rho: { floats: [1] } }), "ONNX_INVALID", "rho"],
    ["maps of scores", mlModel("ZipMap", x, { classlabels_int64s: [1] }), "ONNX_UNSUPPORTED", "zipmap=False"],
  ];

  describe("given what they do not do", () => {
    for (const [what, model, code, because] of REFUSED) {
      it(`${model.nodes[0]?.op ?? ""} refuses ${what}`, () => {
        const error = failure(model);
        expect(error.code).to.equal(code);
        expect(error.message)
          .to.contain(because)
          .and.to.contain(`operator ai.onnx.ml.${model.nodes[0]?.op ?? ""}`);
      });
    }
  });
});
