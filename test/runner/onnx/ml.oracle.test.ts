import { agrees, floats, integers, random } from "./agreement.ts";
import { type Attribute, f32, i64, type TestTensor } from "../../../testing/onnx-model.ts";
import { forest, type Growth, mlModel, quarters } from "./forests.ts";

/*
 * The operators of ai.onnx.ml against onnxruntime-web (WASM, one thread), on every bit. ASSAY_ORACLE_TREES scales the
 * forests.
 */

const TREES = Number(process.env["ASSAY_ORACLE_TREES"] ?? 20);

const signed = (): number => (random() - 0.5) * 2;

const floatsOf = (n: number): Attribute => ({ floats: Array.from({ length: n }, () => Math.fround(signed())) });

const MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"];

describe("onnxruntime-web as an oracle for ai.onnx.ml", () => {
  describe("given a linear model", () => {
    for (const [rows, features] of [
      [1, 4],
      [3, 4],
      [1, 300],
      [40, 300],
      [9000, 3],
    ] as const) {
      const size = `${String(rows)} rows of ${String(features)} features`;
      for (const transform of ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"]) {
        it(`classifiers of ${size} agree with ${transform}`, async () => {
          for (const classes of [2, 3, 4, 5, 10]) {
            const attributes = {
              coefficients: floatsOf(classes * features),
              intercepts: floatsOf(classes),
              classlabels_ints: Array.from({ length: classes }, (_, i) => 7 - i),
              post_transform: transform,
              multi_class: 1,
            };
            await agrees(mlModel("LinearClassifier", floats([rows, features]), attributes, ["label", "scores"]));
          }
        });
        it(`regressors of ${size} agree with ${transform}`, async () => {
          for (const targets of [1, 2, 3, 7]) {
            if (targets === 1 && transform !== "NONE" && transform !== "PROBIT") continue;
            const of = { coefficients: floatsOf(targets * features), targets, post_transform: transform };
            await agrees(mlModel("LinearRegressor", floats([rows, features]), of));
            await agrees(
              mlModel("LinearRegressor", floats([rows, features]), { ...of, intercepts: floatsOf(targets) }),
            );
          }
        });
      }
      for (const transform of ["NONE", "LOGISTIC"]) {
        it(`classifiers of ${size} with one score agree with ${transform}`, async () => {
          const attributes = {
            coefficients: floatsOf(features),
            intercepts: floatsOf(1),
            classlabels_ints: [3, -7],
            post_transform: transform,
          };
          await agrees(mlModel("LinearClassifier", floats([rows, features]), attributes, ["label", "scores"]));
        });
      }
    }
    it("a classifier of integers agrees", async () => {
      const attributes = { coefficients: floatsOf(12), intercepts: floatsOf(3), classlabels_ints: [0, 1, 2] };
      for (const dtype of ["i64", "i32"] as const) {
        await agrees(mlModel("LinearClassifier", integers(dtype, [9, 4], -9, 9), attributes, ["label", "scores"]));
      }
    });
  });

  describe("given a support vector machine for regression", () => {
    for (const [kernel, parameters] of [
      ["LINEAR", [0, 0, 0]],
      ["RBF", [0.3, 0, 0]],
      ["POLY", [0.25, 0.5, 2]],
      ["POLY", [0.3, 0, 3]],
      ["SIGMOID", [0.2, -0.1, 0]],
    ] as const) {
      it(`${kernel} of ${parameters.join(", ")} agrees on every bit`, async () => {
        for (const [rows, features, vectors] of [
          [1, 4, 7],
          [5, 4, 300],
          [30, 200, 33],
        ] as const) {
          const attributes = {
            kernel_type: kernel,
            kernel_params: { floats: parameters },
            n_supports: vectors,
            support_vectors: floatsOf(vectors * features),
            coefficients: floatsOf(vectors),
            rho: { floats: [0.125] },
          };
          await agrees(mlModel("SVMRegressor", floats([rows, features]), attributes));
          await agrees(mlModel("SVMRegressor", floats([rows, features]), { ...attributes, one_class: 1 }));
        }
      });
    }
    it("one without support vectors agrees on every bit", async () => {
      const attributes = { kernel_params: { floats: [0, 0, 0] }, n_supports: 0, coefficients: floatsOf(50) };
      await agrees(mlModel("SVMRegressor", floats([9, 50]), { ...attributes, rho: { floats: [0.3] } }));
      await agrees(mlModel("SVMRegressor", floats([1, 50]), { ...attributes, rho: { floats: [0] } }));
    });
  });

  describe("given a support vector machine for classification", () => {
    for (const [probA, probB] of [
      [-1.5, 0.1],
      [-20, 0],
      [0.7, 3],
      [0, 0],
    ]) {
      it(`probabilities of two classes by ${String(probA)} and ${String(probB)} agree on every bit`, async () => {
        const attributes = {
          kernel_type: "RBF",
          kernel_params: { floats: [0.3, 0, 0] },
          vectors_per_class: [9, 7],
          classlabels_ints: [3, 5],
          support_vectors: floatsOf(64),
          coefficients: floatsOf(16),
          rho: floatsOf(1),
          prob_a: { floats: [probA ?? 0] },
          prob_b: { floats: [probB ?? 0] },
        };
        await agrees(mlModel("SVMClassifier", floats([200, 4]), attributes, ["label", "scores"]));
      });
    }
    for (const [kernel, parameters] of [
      ["LINEAR", [0, 0, 0]],
      ["RBF", [0.3, 0, 0]],
      ["POLY", [0.25, 0.5, 3]],
      ["SIGMOID", [0.2, -0.1, 0]],
    ] as const) {
      for (const sizes of [
        [5, 4],
        [30, 1],
        [3, 9, 0, 2],
        [4, 4, 4],
      ]) {
        it(`${kernel} with ${sizes.join(", ")} vectors a class agrees on every bit`, async () => {
          for (const [rows, features] of [
            [1, 4],
            [60, 7],
          ] as const) {
            const count = sizes.reduce((sum, size) => sum + size, 0);
            const attributes = {
              kernel_type: kernel,
              kernel_params: { floats: parameters },
              vectors_per_class: sizes,
              classlabels_ints: sizes.map((_, c) => 7 - 2 * c),
              support_vectors: floatsOf(count * features),
              coefficients: floatsOf((sizes.length - 1) * count),
              rho: floatsOf((sizes.length * (sizes.length - 1)) / 2),
              post_transform: "NONE",
            };
            await agrees(mlModel("SVMClassifier", floats([rows, features]), attributes, ["label", "scores"]));
          }
        });
      }
    }
  });

  describe("given what stands before a model", () => {
    const x = quarters(40, 5, 0.1);
    it("Scaler agrees on every bit", async () => {
      await agrees(mlModel("Scaler", floats([40, 5], 9), { offset: floatsOf(5), scale: floatsOf(5) }));
      await agrees(mlModel("Scaler", floats([40, 5], 9), { offset: floatsOf(1), scale: floatsOf(1) }));
      await agrees(mlModel("Scaler", integers("i64", [40, 5], -9, 9), { offset: floatsOf(5), scale: floatsOf(5) }));
    });
    for (const norm of ["MAX", "L1", "L2"]) {
      it(`Normalizer ${norm} agrees on every bit`, async () => {
        await agrees(mlModel("Normalizer", floats([40, 37]), { norm }));
        await agrees(mlModel("Normalizer", x, { norm }));
        await agrees(mlModel("Normalizer", f32([2, 2], [0, -0, -1, -3]), { norm }));
      });
    }
    it("Normalizer of integers agrees on every bit", async () => {
      await agrees(mlModel("Normalizer", integers("i64", [40, 5], -9, 9), { norm: "MAX" }));
      await agrees(mlModel("Normalizer", integers("i32", [40, 5], -9, 9), { norm: "L1" }));
    });
    it("Binarizer agrees on every bit", async () =>
      agrees(mlModel("Binarizer", quarters(40, 5), { threshold: { float: 0.25 } })));
    it("Imputer agrees on every bit", async () => {
      const nan = { replaced_value_float: { float: NaN } };
      await agrees(mlModel("Imputer", x, { ...nan, imputed_value_floats: floatsOf(5) }));
      await agrees(mlModel("Imputer", x, { ...nan, imputed_value_floats: floatsOf(1) }));
      const quarter = { replaced_value_float: { float: 0.25 } };
      await agrees(mlModel("Imputer", x, { ...quarter, imputed_value_floats: floatsOf(5) }));
      const ints = integers("i64", [40, 5], -2, 2);
      await agrees(mlModel("Imputer", ints, { replaced_value_int64: 1, imputed_value_int64s: [9, 8, 7, 6, 5] }));
    });
    it("OneHotEncoder agrees on every bit", async () => {
      const attributes = { cats_int64s: [2, -1, 0] };
      await agrees(mlModel("OneHotEncoder", integers("i64", [40, 2], -3, 4), attributes));
      await agrees(mlModel("OneHotEncoder", quarters(40, 2), attributes));
    });
    it("LabelEncoder agrees on every bit", async () => {
      const [ints, reals] = [integers("i64", [40, 2], -3, 4), quarters(40, 2)];
      const keys = { keys_int64s: [3, 1, -2] };
      await agrees(mlModel("LabelEncoder", ints, { ...keys, values_int64s: [7, 8, 9] }));
      await agrees(mlModel("LabelEncoder", ints, { ...keys, values_int64s: [7, 8, 9], default_int64: 4 }));
      await agrees(mlModel("LabelEncoder", ints, { ...keys, values_floats: { floats: [0.5, NaN, -0] } }));
      const values = { values_floats: { floats: [0.5, 2, -0] }, default_float: { float: 3 } };
      await agrees(mlModel("LabelEncoder", reals, { keys_floats: { floats: [0.25, -1, 2] }, ...values }));
    });
    it("LabelEncoder of opset 4 agrees on every bit, a NaN among its keys", async () => {
      const tensor = (data: readonly number[]): Attribute => ({ tensor: f32([data.length], data) });
      const attributes = {
        keys_tensor: tensor([0.25, NaN, 1]),
        values_tensor: tensor([1, 2, 3]),
        default_tensor: tensor([9]),
      };
      await agrees({ ...mlModel("LabelEncoder", x, attributes), mlOpset: 4 });
    });
    it("ArrayFeatureExtractor and FeatureVectorizer agree on every bit", async () => {
      const domain = "ai.onnx.ml";
      await agrees({
        inputs: { x, i: integers("i64", [40, 1], 0, 5), z: floats([40, 2]) },
        constants: { at: i64([1, 3], [4, 0, 4]) },
        nodes: [
          { op: "ArrayFeatureExtractor", domain, in: ["x", "at"], out: ["picked"] },
          { op: "ArrayFeatureExtractor", domain, in: ["x", "i"], out: ["looked"] },
          { op: "FeatureVectorizer", domain, in: ["x", "z"], out: ["joined"], attributes: { inputdimensions: [5, 2] } },
        ],
        outputs: ["picked", "looked", "joined"],
      });
    });
  });

  describe("given an ensemble of regression trees", () => {
    const grown = (more: Partial<Growth> = {}): Growth => ({
      trees: TREES,
      depth: 6,
      features: 5,
      targets: () => [0],
      weight: signed,
      ...more,
    });
    const regressor = (x: TestTensor, growth: Growth, attributes: Readonly<Record<string, Attribute>>) =>
      agrees(mlModel("TreeEnsembleRegressor", x, { n_targets: 1, ...forest("target", growth), ...attributes }));

    for (const rows of [1, 2, 300]) {
      it(`${String(rows)} rows agree on every bit`, async () => regressor(quarters(rows, 5), grown(), {}));
    }
    it("more trees than ONNX Runtime gives one thread agree", async () => {
      await regressor(quarters(1, 5), grown({ trees: 10 * TREES, depth: 3 }), {});
      await regressor(quarters(200, 5), grown({ trees: 10 * TREES, depth: 3 }), {});
    });
    for (const mode of MODES) {
      it(`${mode} agrees, with NaNs and tracks for them`, async () => {
        await regressor(quarters(100, 5, 0.1), grown({ modes: [mode] }), {});
        await regressor(quarters(100, 5, 0.1), grown({ modes: [mode], missing: true }), {});
      });
    }
    it("branches of all modes agree, with NaNs and tracks for them", async () => {
      await regressor(quarters(200, 5, 0.1), grown({ modes: MODES }), {});
      await regressor(quarters(200, 5, 0.1), grown({ modes: MODES, missing: true }), {});
    });
    for (const aggregate of ["SUM", "AVERAGE", "MIN", "MAX"]) {
      for (const transform of ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"]) {
        it(`${aggregate} and ${transform} of three targets agree, some leaves without one`, async () => {
          const growth = grown({ trees: 7, targets: (tree) => (tree % 2 === 0 ? [0, 2] : [1]) });
          const of = { n_targets: 3, aggregate_function: aggregate, post_transform: transform };
          await regressor(quarters(90, 5), growth, of);
          await regressor(quarters(90, 5), growth, { ...of, base_values: { floats: [0.25, -1.5, 0.1] } });
        });
      }
      it(`${aggregate} of one target agrees with a base value and PROBIT`, async () => {
        const of = { aggregate_function: aggregate, base_values: { floats: [0.3] } };
        await regressor(quarters(50, 5), grown({ trees: 3 }), of);
        await regressor(quarters(50, 5), grown({ trees: 1 }), { ...of, post_transform: "PROBIT" });
      });
    }
    it("trees of one leaf agree", async () => regressor(quarters(3, 5), grown({ trees: 3, depth: 0 }), {}));
  });

  describe("given an ensemble of classification trees", () => {
    const classifier = (
      rows: number,
      growth: Partial<Growth>,
      labels: readonly number[],
      attributes: Readonly<Record<string, Attribute>> = {},
    ) => {
      const grown = { trees: TREES, depth: 5, features: 4, targets: () => [0], weight: random, ...growth };
      const all = { ...forest("class", grown), classlabels_int64s: labels, ...attributes };
      return agrees(mlModel("TreeEnsembleClassifier", quarters(rows, 4), all, ["label", "scores"]));
    };
    const scaled = (weight: () => number) => () => weight() / TREES;

    it("a binary forest of probabilities agrees on every bit", async () => {
      await classifier(1, { weight: scaled(random) }, [0, 1]);
      await classifier(200, { weight: scaled(random) }, [3, 7]);
      await classifier(200, { weight: scaled(random) }, [3, 7], { base_values: { floats: [-0.1] } });
    });
    it("a binary forest of margins agrees, with and without LOGISTIC", async () => {
      await classifier(200, { weight: signed }, [0, 1]);
      await classifier(200, { weight: signed }, [-4, 7], { post_transform: "LOGISTIC" });
      await classifier(200, { weight: signed }, [0, 1], { post_transform: "LOGISTIC", base_values: { floats: [0.2] } });
    });
    for (const transform of ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"]) {
      it(`four classes with ${transform} agree`, async () => {
        const of = { post_transform: transform };
        const labels = [5, 1, 9, 2];
        await classifier(1, { targets: () => [0, 1, 2, 3] }, labels, of);
        await classifier(150, { targets: () => [0, 1, 2, 3], weight: scaled(random) }, labels, of);
        await classifier(150, { targets: (tree) => [tree % 4], weight: signed }, labels, of);
        const base_values = { floats: [0.5, -0.25, 0.1, 0.3] };
        await classifier(150, { targets: (tree) => [tree % 4], weight: signed }, labels, { ...of, base_values });
      });
    }
    it("integer features agree", async () => {
      const growth = { trees: 5, depth: 4, features: 4, targets: () => [0, 1, 2], weight: random };
      const attributes = { ...forest("class", growth), classlabels_int64s: [0, 1, 2] };
      for (const dtype of ["i64", "i32"] as const) {
        const x = integers(dtype, [30, 4], -3, 3);
        await agrees(mlModel("TreeEnsembleClassifier", x, attributes, ["label", "scores"]));
      }
    });
    it("classes that no leaf names are never the top class", async () =>
      classifier(100, { trees: 3, targets: (tree) => [tree], weight: () => -random() }, [4, 5, 6, 7]));
  });
});
