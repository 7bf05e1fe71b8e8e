import { agrees, integers, random } from "./agreement.ts";
import type { Attribute, TestTensor } from "./build.ts";
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
