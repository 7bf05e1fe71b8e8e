import { expect } from "chai";
import { isAssayError } from "../../../runner/errors.ts";
import { expF32, logF32 } from "../../../runner/onnx/functions/exact-functions.ts";
import { importModel } from "../../../runner/onnx/index.ts";
import { type Attribute, f32, onnxFile, run, type TestModel, type TestTensor } from "../../../testing/onnx-model.ts";

const u8 = (shape: readonly number[], data: readonly number[]): TestTensor => ({ dtype: "u8", shape, data });
const i8 = (shape: readonly number[], data: readonly number[]): TestTensor => ({ dtype: "i8", shape, data });
const bool = (shape: readonly number[], data: readonly number[]): TestTensor => ({ dtype: "bool", shape, data });
const i32 = (shape: readonly number[], data: readonly number[]): TestTensor => ({ dtype: "i32", shape, data });
const scale = (value: number): TestTensor => f32([], [value]);
const zero = (value: number): TestTensor => u8([], [value]);

/** A model of one node of ONNX Runtime's domain: one input, the others constants. */
const model = (
  op: string,
  x: TestTensor,
  rest: readonly (TestTensor | undefined)[],
  attributes: Readonly<Record<string, Attribute>> = {},
  outputs: readonly string[] = ["y"],
): TestModel => ({
  inputs: { x },
  constants: Object.fromEntries(rest.flatMap((tensor, i) => (tensor ? [[`c${String(i)}`, tensor]] : []))),
  nodes: [
    {
      op,
      domain: "com.microsoft",
      in: ["x", ...rest.map((tensor, i) => (tensor ? `c${String(i)}` : ""))],
      out: outputs,
      attributes,
    },
  ],
  outputs: outputs.filter((name) => name !== ""),
});

const output = (of: TestModel, i = 0): readonly (number | bigint)[] => [...(run(of).outputs[i]?.data ?? [])];

const failure = (of: TestModel): { readonly code: string; readonly message: string } => {
  try {
    importModel(onnxFile(of));
  } catch (error) {
    if (isAssayError(error)) return error;
    throw error;
  }
  throw new Error("the import succeeded");
};

const bytes = u8([4], [120, 127, 129, 200]);
const half = [scale(0.5), zero(128)] as const;
const image = u8([1, 1, 2, 3], [0, 2, 4, 6, 8, 11]);

describe("operators of quantisers", () => {
  it("QLinearLeakyRelu rounds half to even before it adds the zero point", () => {
    // -4, -0.5, 0.5, 36 become -1, -0.125, 0.5, 36; over 1: -1, 0, 0, 36.
    expect(output(model("QLinearLeakyRelu", bytes, [...half, scale(1), zero(1)], { alpha: 0.25 }))).to.deep.equal([
      0, 1, 1, 37,
    ]);
  });
  it("QLinearSigmoid does so too", () => {
    expect(output(model("QLinearSigmoid", u8([1], [128]), [...half, scale(1), zero(1)]))).to.deep.equal([1]);
  });
  it("QLinearWhere requantises what it chooses", () => {
    const [x, y] = [u8([2], [130, 130]), u8([], [7])];
    const where = model("QLinearWhere", bool([2], [1, 0]), [x, ...half, y, scale(1), zero(0), scale(0.25), zero(2)]);
    expect(output(where)).to.deep.equal([6, 30]);
  });
  it("QLinearAveragePool averages floats and rounds after it has added the zero point", () => {
    const pool = (attributes: Readonly<Record<string, Attribute>>) =>
      output(model("QLinearAveragePool", image, [scale(1), zero(0), scale(2), zero(3)], attributes));
    // Averages 4, 5.75: over 2 plus 3.
    expect(pool({ kernel_shape: [2, 2] })).to.deep.equal([5, 6]);
    // Of one row, with padding left out or not: (0 + 2) / 2 and (0 + 2) / 3.
    expect(pool({ kernel_shape: [1, 3], pads: [0, 1, 0, 1], strides: [1, 3] })).to.deep.equal([4, 6]);
    expect(pool({ kernel_shape: [1, 3], pads: [0, 1, 0, 1], strides: [1, 3], count_include_pad: 1 })).to.deep.equal([
      3, 5,
    ]);
  });
  it("QLinearSoftmax divides powers of the distance from the largest", () => {
    const constants = [scale(0.5), zero(7), scale(1 / 256), zero(0)];
    const [a, b] = output(model("QLinearSoftmax", u8([1, 2], [10, 8]), constants, { opset: 13 })).map(Number);
    expect([a, b]).to.deep.equal([Math.round(256 / (1 + Math.exp(-1))), Math.round(256 / (1 + Math.E))]);
  });
  it("QGemm adds an int32 bias, scales by alpha and requantises, or gives floats", () => {
    const rest = [scale(0.5), zero(1), u8([2, 1], [4, 6]), scale(0.25), zero(2), i32([1], [10])];
    // (3 - 1) 2 + (5 - 1) 4 + 10 = 30, times 2 / 8 = 7.5.
    const x = u8([1, 2], [3, 5]);
    expect(output(model("QGemm", x, rest, { alpha: { float: 2 } }))).to.deep.equal([7.5]);
    expect(output(model("QGemm", x, [...rest, scale(1), zero(9)], { alpha: { float: 2 } }))).to.deep.equal([17]);
  });
  it("MatMulIntegerToFloat scales and adds a float bias", () => {
    const rest = [u8([2, 1], [4, 6]), scale(0.5), scale(0.25), zero(1), zero(2), f32([1], [0.5])];
    expect(output(model("MatMulIntegerToFloat", u8([1, 2], [3, 5]), rest))).to.deep.equal([3]);
  });
  it("FusedMatMul transposes and scales", () => {
    const product = model("FusedMatMul", f32([2, 1], [1, 2]), [f32([1, 2], [3, 5])], {
      transA: 1,
      transB: 1,
      alpha: 0.5,
    });
    expect(output(product)).to.deep.equal([6.5]);
  });
  it("SkipLayerNormalization gives the sum it normalises", () => {
    const of = model("SkipLayerNormalization", f32([1, 2], [1, 2]), [f32([1, 2], [0, 1]), f32([2], [1, 2])], {}, [
      "y",
      "",
      "",
      "sum",
    ]);
    expect(output(of)).to.deep.equal([-1, 2]);
    expect(output(of, 1)).to.deep.equal([1, 3]);
  });

  const REFUSED: readonly (readonly [what: string, of: TestModel, code: string, because: string])[] = [
    ["floats", model("QLinearLeakyRelu", f32([1], [1]), [...half, ...half]), "ONNX_UNSUPPORTED", "element type f32"],
    [
      "a scale of two elements",
      model("QLinearLeakyRelu", bytes, [f32([2], [1, 2]), zero(0), ...half]),
      "ONNX_UNSUPPORTED",
      "more than one",
    ],
    [
      "operands of two types",
      model("QLinearWhere", bool([1], [1]), [u8([1], [1]), ...half, i8([1], [1]), ...half, ...half]),
      "ONNX_INVALID",
      "different types",
    ],
    [
      "channels last",
      model("QLinearAveragePool", image, [...half, ...half], { kernel_shape: [1, 1], channels_last: 1 }),
      "ONNX_UNSUPPORTED",
      "channels_last",
    ],
    [
      "windows behind the end",
      model("QLinearAveragePool", image, [...half, ...half], { kernel_shape: [1, 2], strides: [1, 2], ceil_mode: 1 }),
      "ONNX_UNSUPPORTED",
      "ceil_mode",
    ],
    ["a softmax of no opset", model("QLinearSoftmax", bytes, [...half, ...half]), "ONNX_INVALID", "opset"],
    [
      "a negative scale",
      model("QLinearSoftmax", bytes, [scale(-1), zero(0), ...half], { opset: 13 }),
      "ONNX_INVALID",
      "a scale of -1",
    ],
    [
      "a softmax that overflows",
      model("QLinearSoftmax", u8([1, 1], [1]), [scale(1), zero(0), scale(2 ** -12), zero(0)], { opset: 13 }),
      "ONNX_UNSUPPORTED",
      "overflows",
    ],
    [
      "an output scale without zero point",
      model("QGemm", u8([1, 1], [1]), [...half, u8([1, 1], [1]), ...half, undefined, scale(1)]),
      "ONNX_UNSUPPORTED",
      "only one of",
    ],
    [
      "a float bias",
      model("QGemm", u8([1, 1], [1]), [...half, u8([1, 1], [1]), ...half, f32([1], [1])]),
      "ONNX_INVALID",
      "bias of type f32",
    ],
    [
      "scales of rows",
      model("MatMulIntegerToFloat", u8([2, 1], [1, 2]), [u8([1, 1], [1]), f32([2], [1, 2]), scale(1)]),
      "ONNX_UNSUPPORTED",
      "first operand",
    ],
    [
      "a bias of another width",
      model("BiasGelu", f32([1, 2], [1, 2]), [f32([1], [1])]),
      "ONNX_INVALID",
      "one bias a column",
    ],
    [
      "batches inside",
      model("FusedMatMul", f32([1, 1], [1]), [f32([1, 1], [1])], { transBatchA: 1 }),
      "ONNX_UNSUPPORTED",
      "transBatchA",
    ],
    [
      "an unknown activation",
      model("FusedGemm", f32([1, 1], [1]), [f32([1, 1], [1])], { activation: "Cube" }),
      "ONNX_UNSUPPORTED",
      "Cube",
    ],
    [
      "a sum to be added to",
      model("FusedConv", f32([1, 1, 1], [1]), [f32([1, 1, 1], [1]), undefined, f32([1, 1, 1], [1])], {
        activation: "Relu",
      }),
      "ONNX_UNSUPPORTED",
      "input 3",
    ],
    [
      "a clip without bounds",
      model("FusedConv", f32([1, 1, 1], [1]), [f32([1, 1, 1], [1])], { activation: "Clip" }),
      "ONNX_INVALID",
      "activation_params",
    ],
    [
      "the mean",
      model("SkipLayerNormalization", f32([1, 1], [1]), [f32([1, 1], [1]), f32([1], [1])], {}, ["y", "mean"]),
      "ONNX_UNSUPPORTED",
      "output 1",
    ],
    [
      "a scale of another width",
      model("SkipLayerNormalization", f32([1, 2], [1, 2]), [f32([1, 2], [1, 2]), f32([1], [1])]),
      "ONNX_INVALID",
      "one parameter a column",
    ],
  ];

  describe("given what they do not do", () => {
    for (const [what, of, code, because] of REFUSED) {
      it(`${of.nodes[0]?.op ?? ""} refuses ${what}`, () => {
        const error = failure(of);
        expect(error.code).to.equal(code);
        expect(error.message)
          .to.contain(because)
          .and.to.contain(`operator com.microsoft.${of.nodes[0]?.op ?? ""}`);
      });
    }
  });
});

describe("functions of numbers known at import", () => {
  it("are the exact values, rounded once", () => {
    expect([expF32(0), expF32(1), expF32(-1), expF32(88.5)]).to.deep.equal(
      [1, 2.718281828459045, 0.36787944117144233, 2.7230878250681117e38].map(Math.fround),
    );
    // Half of the least f32 and less is 0, above it is the least.
    expect([expF32(-103.97), expF32(-103.98), expF32(-700)]).to.deep.equal([2 ** -149, 0, 0]);
    expect([logF32(1), logF32(2), logF32(10), logF32(2 ** 100)]).to.deep.equal(
      [0, 0.6931471805599453, 2.302585092994046, 69.31471805599453].map(Math.fround),
    );
  });
});
