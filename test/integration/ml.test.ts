import { expect } from "chai";
import hre from "hardhat";

import { checkTrace } from "../../runner/check/check.ts";
import { createMachineContract } from "../../runner/check/evm.ts";
import type { MachineContract } from "../../runner/check/machine.ts";
import { executeProgram } from "../../runner/machine/interpreter.ts";
import { tensorFrom } from "../../runner/machine/tensor.ts";
import { importModel } from "../../runner/onnx/import/file.ts";
import { agrees, floats, integers, one, random } from "../runner/onnx/agreement.ts";
import { onnxFile, type TestModel } from "../../testing/onnx-model.ts";
import { forest, mlModel, quarters } from "../runner/onnx/forests.ts";

/** Elements a kernel. */
const SAMPLES = 6;

const domain = "ai.onnx.ml";
const MICROSOFT = "com.microsoft";
const list = (n: number) => ({ floats: Array.from({ length: n }, () => Math.fround(random() - 0.5)) });

/** What skl2onnx writes for a StandardScaler before a LogisticRegression of three classes. */
const pipeline = (): TestModel => ({
  inputs: { x: floats([4, 30], 3) },
  nodes: [
    { op: "Scaler", domain, in: ["x"], out: ["scaled"], attributes: { offset: list(30), scale: list(30) } },
    {
      op: "LinearClassifier",
      domain,
      in: ["scaled"],
      out: ["label", "scores"],
      attributes: {
        coefficients: list(90),
        intercepts: list(3),
        classlabels_ints: [10, 20, 30],
        multi_class: 1,
        post_transform: "SOFTMAX",
      },
    },
    { op: "Normalizer", domain, in: ["scores"], out: ["probabilities"], attributes: { norm: "L1" } },
  ],
  outputs: ["label", "probabilities"],
});

/** A random forest of `trees` trees for two classes, as skl2onnx writes it: one weight a leaf. */
const randomForest = (trees: number, depth: number): TestModel =>
  mlModel(
    "TreeEnsembleClassifier",
    quarters(3, 8),
    {
      classlabels_int64s: [0, 1],
      ...forest("class", { trees, depth, features: 8, targets: () => [0], weight: () => random() / trees }),
    },
    ["label", "scores"],
  );

/** A boosted ensemble of four classes, one tree a class and round, with branches for missing values. */
const boosted = (): TestModel =>
  mlModel(
    "TreeEnsembleClassifier",
    quarters(3, 8, 0.2),
    {
      classlabels_int64s: [2, 3, 5, 7],
      post_transform: "SOFTMAX",
      ...forest("class", {
        trees: 20,
        depth: 4,
        features: 8,
        targets: (tree) => [tree % 4],
        weight: () => random() - 0.5,
        missing: true,
      }),
    },
    ["label", "scores"],
  );

/** A support vector machine with 40 vectors for three classes, whose sums are in binary64. */
const supportVectors = (): TestModel =>
  mlModel(
    "SVMClassifier",
    floats([2, 6]),
    {
      classlabels_ints: [0, 1, 2],
      kernel_type: "RBF",
      kernel_params: { floats: [0.2, 0, 0] },
      vectors_per_class: [15, 12, 13],
      support_vectors: list(240),
      coefficients: list(80),
      rho: list(3),
    },
    ["label", "scores"],
  );

/** One for two classes, with probabilities that an iteration finds. */
const probabilities = (): TestModel =>
  mlModel(
    "SVMClassifier",
    floats([2, 6]),
    {
      classlabels_ints: [0, 1],
      kernel_params: { floats: [0, 0, 0] },
      vectors_per_class: [4, 3],
      support_vectors: list(42),
      coefficients: list(7),
      rho: list(1),
      prob_a: { floats: [-1.5] },
      prob_b: { floats: [0.25] },
    },
    ["label", "probabilities"],
  );

/** What ONNX Runtime's quantiser makes of a small network. */
const quantised = (): TestModel => ({
  inputs: { x: integers("u8", [1, 3, 9, 9], 0, 256) },
  constants: {
    s: one("f32", 0.02),
    z: one("u8", 120),
    w: integers("i8", [4, 3, 3, 3], -128, 128),
    ws: one("f32", 0.003),
    wz: one("i8", 0),
    flat: { dtype: "i64", shape: [2], data: [1, 64] },
    g: integers("u8", [64, 5], 0, 256),
    gs: one("f32", 0.004),
    gz: one("u8", 130),
    ys: one("f32", 0.3),
    ps: one("f32", 1 / 256),
    pz: one("u8", 0),
  },
  nodes: [
    {
      op: "QLinearConv",
      in: ["x", "s", "z", "w", "ws", "wz", "s", "z"],
      out: ["a"],
      attributes: { pads: [1, 1, 1, 1] },
    },
    { op: "QLinearLeakyRelu", domain: MICROSOFT, in: ["a", "s", "z", "s", "z"], out: ["b"] },
    {
      op: "QLinearAveragePool",
      domain: MICROSOFT,
      in: ["b", "s", "z", "s", "z"],
      out: ["c"],
      attributes: { kernel_shape: [2, 2], strides: [2, 2] },
    },
    { op: "Reshape", in: ["c", "flat"], out: ["d"] },
    { op: "QGemm", domain: MICROSOFT, in: ["d", "s", "z", "g", "gs", "gz", "", "ys", "z"], out: ["e"] },
    {
      op: "QLinearSoftmax",
      domain: MICROSOFT,
      in: ["e", "ys", "z", "ps", "pz"],
      out: ["f"],
      attributes: { opset: 13 },
    },
    { op: "DequantizeLinear", in: ["f", "ps", "pz"], out: ["y"] },
  ],
  outputs: ["y"],
});

describe("models of scikit-learn and of quantisers", () => {
  let contract: MachineContract;
  before(async () => {
    contract = await createMachineContract();
  });
  after(() => contract.close());

  const MODELS: readonly (readonly [name: string, model: TestModel])[] = [
    ["a scaler, a linear classifier and a normaliser", pipeline()],
    ["a random forest of 25 trees", randomForest(25, 7)],
    ["a boosted ensemble of four classes", boosted()],
    ["a support vector machine", supportVectors()],
    ["a support vector machine with probabilities", probabilities()],
    ["a quantised network", quantised()],
  ];
  for (const [name, model] of MODELS) {
    it(`${name}: the runner gives onnxruntime-web's bits`, async () => agrees(model));
    it(`${name}: the contract gives the runner's bits in every kernel`, async function () {
      // Instrumented code costs more, and one element of that iteration more than a transaction may.
      if (hre.globalOptions.coverage && name.includes("probabilities")) this.skip();
      const imported = importModel(onnxFile(model));
      const inputs = imported.inputs.map((port) => tensorFrom(port.dtype, model.inputs[port.name]?.data ?? []));
      const { program, constants } = imported;
      const trace = executeProgram(program, inputs, constants);
      const kernels = await checkTrace(contract, program, { inputs, constants, trace }, { samples: SAMPLES, seed: 1 });
      const elements = kernels.flatMap((kernel) => kernel.elements);
      expect(elements.filter(({ fault }) => fault !== undefined)).to.deep.equal([]);
      expect(elements.length).to.be.greaterThan(program.kernels.length);
      for (const { gas, calldataBytes } of elements) {
        // Each element fits into one transaction, or two.
        expect(gas).to.be.lessThan(16_000_000);
        expect(calldataBytes).to.be.lessThan(122_880);
      }
    });
  }
});
