import { expect } from "chai";
import { isAssayError } from "../../../runner/errors.ts";
import { OPERATORS } from "../../../runner/onnx/index.ts";
import { type Attribute, f32, i64, run, type TestModel, type TestTensor } from "../../../testing/onnx-model.ts";

/** One operator on small data, with the result that the specification gives. */
interface Row {
  readonly op: string;
  readonly inputs: readonly TestTensor[];
  readonly constants?: readonly TestTensor[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
  readonly opset?: number;
  readonly domain?: string;
  readonly shape?: readonly number[];
  readonly gives: readonly (number | bigint)[];
}

const x4 = f32([2, 2], [1, -2, 3, -4]);
const u8 = (shape: readonly number[], data: readonly number[]): TestTensor => ({ dtype: "u8", shape, data });
const bool = (shape: readonly number[], data: readonly number[]): TestTensor => ({ dtype: "bool", shape, data });
const i32 = (shape: readonly number[], data: readonly number[]): TestTensor => ({ dtype: "i32", shape, data });

const ROWS: readonly Row[] = [
  { op: "Add", inputs: [x4, f32([2], [10, 20])], gives: [11, 18, 13, 16] },
  { op: "Div", inputs: [i64([3], [7, -7, 1]), i64([3], [2, 2, 0])], gives: [3n, -3n, 0n] },
  { op: "Mod", inputs: [i64([4], [-7, 7, -7, 7]), i64([4], [3, -3, -3, 3])], gives: [2n, -2n, -1n, 1n] },
  { op: "Mod", inputs: [i64([2], [-7, 7]), i64([2], [3, -3])], attributes: { fmod: 1 }, gives: [-1n, 1n] },
  { op: "Pow", inputs: [i64([3], [2, 3, -2])], constants: [i64([3], [10, 4, 3])], gives: [1024n, 81n, -8n] },
  { op: "Pow", inputs: [f32([3], [2, 9, 0])], constants: [f32([3], [3, 0.5, 0])], gives: [8, 3, 1] },
  { op: "Max", inputs: [x4, f32([], [0])], gives: [1, 0, 3, 0] },
  { op: "Mean", inputs: [f32([2], [1, 2]), f32([2], [3, 6])], gives: [2, 4] },
  { op: "Clip", inputs: [x4], constants: [f32([], [-3]), f32([], [2])], gives: [1, -2, 2, -3] },
  { op: "Clip", inputs: [x4], opset: 6, attributes: { min: -1.5, max: 2.5 }, gives: [1, -1.5, 2.5, -1.5] },
  { op: "LeakyRelu", inputs: [x4], attributes: { alpha: 0.5 }, gives: [1, -1, 3, -2] },
  { op: "PRelu", inputs: [x4], constants: [f32([2], [2, 0.5])], gives: [1, -1, 3, -2] },
  { op: "Sign", inputs: [f32([3], [-0.5, 0, 7])], gives: [-1, 0, 1] },
  { op: "Round", inputs: [f32([4], [0.5, 1.5, 2.5, -0.5])], gives: [0, 2, 2, -0] },
  {
    op: "BitShift",
    inputs: [u8([3], [1, 255, 16])],
    constants: [u8([3], [3, 1, 8])],
    attributes: { direction: "LEFT" },
    gives: [8, 254, 0],
  },
  { op: "Equal", inputs: [x4, f32([], [3])], gives: [0, 0, 1, 0] },
  { op: "LessOrEqual", inputs: [f32([3], [1, NaN, 2])], constants: [f32([], [1])], gives: [1, 0, 0] },
  { op: "Where", inputs: [bool([2, 2], [1, 0, 0, 1]), x4], constants: [f32([], [9])], gives: [1, 9, 9, -4] },
  { op: "IsNaN", inputs: [f32([2], [NaN, 1])], gives: [1, 0] },
  { op: "Cast", inputs: [f32([4], [1.9, -1.9, 300, 0])], attributes: { to: 2 }, gives: [1, 255, 44, 0] },
  { op: "Cast", inputs: [f32([2], [0.5, 0])], attributes: { to: 9 }, gives: [1, 0] },
  {
    op: "Cast",
    inputs: [f32([5], [1, 65520, 65519, 2 ** -24, -0])],
    attributes: { to: 10 },
    gives: [0x3c00, 0x7c00, 0x7bff, 1, 0x8000],
  },
  { op: "Reshape", inputs: [x4], constants: [i64([2], [-1, 1])], shape: [4, 1], gives: [1, -2, 3, -4] },
  {
    op: "Transpose",
    inputs: [f32([1, 2, 3], [1, 2, 3, 4, 5, 6])],
    attributes: { perm: [2, 0, 1] },
    shape: [3, 1, 2],
    gives: [1, 4, 2, 5, 3, 6],
  },
  {
    op: "Slice",
    inputs: [f32([5], [0, 1, 2, 3, 4])],
    constants: [i64([1], [-1]), i64([1], [-6]), i64([1], [0]), i64([1], [-2])],
    gives: [4, 2, 0],
  },
  {
    op: "Concat",
    inputs: [x4, f32([2, 1], [8, -0])],
    attributes: { axis: 1 },
    shape: [2, 3],
    gives: [1, -2, 8, 3, -4, -0],
  },
  { op: "Pad", inputs: [f32([2], [1, 2])], constants: [i64([2], [1, 2]), f32([], [7])], gives: [7, 1, 2, 7, 7] },
  {
    op: "Pad",
    inputs: [f32([3], [1, 2, 3])],
    constants: [i64([2], [2, 1])],
    attributes: { mode: "reflect" },
    gives: [3, 2, 1, 2, 3, 2],
  },
  { op: "Tile", inputs: [f32([2], [1, 2])], constants: [i64([1], [2])], gives: [1, 2, 1, 2] },
  { op: "Gather", inputs: [x4, i64([2], [1, -1])], attributes: { axis: 1 }, gives: [-2, -2, -4, -4] },
  { op: "GatherElements", inputs: [x4, i64([2, 2], [0, 0, 1, 0])], attributes: { axis: 1 }, gives: [1, 1, -4, 3] },
  { op: "GatherND", inputs: [x4, i64([2, 2], [0, 1, 1, 0])], gives: [-2, 3] },
  { op: "ScatterElements", inputs: [f32([3], [1, 2, 3]), i64([2], [2, -3]), f32([2], [8, 9])], gives: [9, 2, 8] },
  {
    op: "ScatterND",
    inputs: [f32([3], [1, 2, 3]), i64([2, 1], [1, 1]), f32([2], [5, 6])],
    opset: 18,
    attributes: { reduction: "add" },
    gives: [1, 13, 3],
  },
  { op: "Expand", inputs: [f32([2, 1], [1, 2])], constants: [i64([2], [2, 2])], gives: [1, 1, 2, 2] },
  { op: "Trilu", inputs: [x4], attributes: { upper: 0 }, gives: [1, 0, 3, -4] },
  {
    op: "OneHot",
    inputs: [i64([2], [1, -1])],
    constants: [i64([], [3]), f32([2], [0, 5])],
    shape: [2, 3],
    gives: [0, 5, 0, 0, 0, 5],
  },
  {
    op: "DepthToSpace",
    inputs: [f32([1, 4, 1, 1], [1, 2, 3, 4])],
    attributes: { blocksize: 2 },
    shape: [1, 1, 2, 2],
    gives: [1, 2, 3, 4],
  },
  {
    op: "CumSum",
    inputs: [f32([3], [1, 2, 3])],
    constants: [i64([], [0])],
    attributes: { exclusive: 1, reverse: 1 },
    gives: [5, 3, 0],
  },
  { op: "ReduceSum", inputs: [x4], constants: [i64([1], [1])], attributes: { keepdims: 0 }, gives: [-1, -1] },
  { op: "ReduceMax", inputs: [x4], attributes: { axes: [0], keepdims: 0 }, gives: [3, -2] },
  { op: "ArgMax", inputs: [f32([4], [1, 5, 5, 2])], attributes: { axis: 0, select_last_index: 1 }, gives: [2n] },
  { op: "ArgMin", inputs: [f32([4], [1, 0, 0, 2])], attributes: { axis: 0 }, gives: [1n] },
  { op: "TopK", inputs: [f32([4], [1, 5, 5, 2])], constants: [i64([1], [3])], gives: [5, 5, 2] },
  { op: "MatMul", inputs: [x4, f32([2], [10, 1])], shape: [2], gives: [8, 26] },
  { op: "MatMul", inputs: [i32([1, 2], [3, 4]), i32([2, 1], [5, 6])], gives: [39] },
  {
    op: "Gemm",
    inputs: [x4, x4, f32([2], [100, 200])],
    attributes: { alpha: 0.5, transB: 1, beta: 0.25 },
    gives: [27.5, 55.5, 30.5, 62.5],
  },
  { op: "Einsum", inputs: [x4, x4], attributes: { equation: "ij,kj->ik" }, gives: [5, 11, 11, 25] },
  {
    op: "Conv",
    inputs: [f32([1, 1, 3], [1, 2, 3]), f32([1, 1, 2], [1, 10])],
    attributes: { pads: [1, 0] },
    shape: [1, 1, 3],
    gives: [10, 21, 32],
  },
  {
    op: "ConvTranspose",
    inputs: [f32([1, 1, 2], [1, 2]), f32([1, 1, 2], [1, 10])],
    attributes: { strides: [2] },
    shape: [1, 1, 4],
    gives: [1, 10, 2, 20],
  },
  {
    op: "MaxPool",
    inputs: [f32([1, 1, 4], [1, 5, 2, 3])],
    attributes: { kernel_shape: [2], strides: [2] },
    gives: [5, 3],
  },
  {
    op: "AveragePool",
    inputs: [f32([1, 1, 3], [3, 6, 9])],
    attributes: { kernel_shape: [2], pads: [1, 0] },
    gives: [3, 4.5, 7.5],
  },
  {
    op: "Resize",
    inputs: [f32([1, 1, 2], [1, 3])],
    constants: [f32([1], [0]), f32([3], [1, 1, 2])],
    attributes: { mode: "linear" },
    shape: [1, 1, 4],
    gives: [1, 1.5, 2.5, 3],
  },
  // Not 4, as ONNX Runtime has it: ONNX's reference counts with a size of 2.4 before it is rounded down.
  {
    op: "Resize",
    inputs: [f32([1, 1, 4], [1, 2, 3, 4])],
    constants: [f32([1], [0]), f32([3], [1, 1, 0.6])],
    attributes: { mode: "linear", coordinate_transformation_mode: "align_corners" },
    shape: [1, 1, 2],
    gives: [1, Math.fround(22 / 7)],
  },
  {
    op: "Softmax",
    inputs: [f32([2, 2], [3, 3, -1, -1])],
    attributes: { axis: -1 },
    opset: 6,
    gives: [0.5, 0.5, 0.5, 0.5],
  },
  {
    op: "QuantizeLinear",
    inputs: [f32([5], [0, 2, 3, 1000, -1000])],
    constants: [f32([], [2]), u8([], [128])],
    gives: [128, 129, 130, 255, 0],
  },
  { op: "DequantizeLinear", inputs: [u8([2], [0, 255])], constants: [f32([], [2]), u8([], [128])], gives: [-256, 254] },
  {
    op: "MatMulInteger",
    inputs: [u8([1, 2], [200, 100]), u8([2, 1], [3, 4])],
    constants: [u8([], [100]), u8([], [1])],
    gives: [200],
  },
];

const modelOf = ({ op, inputs, constants = [], attributes = {}, opset, domain }: Row): TestModel => ({
  opset: opset ?? 17,
  inputs: Object.fromEntries(inputs.map((tensor, i) => [`x${String(i)}`, tensor])),
  constants: Object.fromEntries(constants.map((tensor, i) => [`c${String(i)}`, tensor])),
  nodes: [
    {
      op,
      in: [...inputs.map((_, i) => `x${String(i)}`), ...constants.map((_, i) => `c${String(i)}`)],
      out: ["y"],
      attributes,
      ...(domain !== undefined && { domain }),
    },
  ],
  outputs: ["y"],
});

const REFUSED: readonly (Row & { readonly because: string })[] = [
  { op: "Reshape", inputs: [x4, i64([1], [4])], gives: [], because: "depends on the model's inputs" },
  { op: "Reshape", inputs: [x4], constants: [i64([1], [3])], gives: [], because: "does not reshape" },
  { op: "Add", inputs: [x4, f32([3], [1, 2, 3])], gives: [], because: "do not broadcast" },
  { op: "MatMul", inputs: [x4, f32([3, 1], [1, 2, 3])], gives: [], because: "inner dimensions" },
  { op: "Concat", inputs: [x4, f32([1, 1], [1])], attributes: { axis: 1 }, gives: [], because: "do not concatenate" },
  { op: "Gather", inputs: [x4], constants: [i64([1], [2])], gives: [], because: "out of range" },
  { op: "Softmax", inputs: [x4], attributes: { axis: 2 }, gives: [], because: "outside rank" },
  {
    op: "BatchNormalization",
    inputs: [x4, x4, x4, x4, x4],
    attributes: { training_mode: 1 },
    gives: [],
    because: "training mode",
  },
  {
    op: "Resize",
    inputs: [f32([1, 1, 2], [1, 3])],
    constants: [f32([1], [0]), f32([3], [1, 1, 2])],
    attributes: { mode: "sinc" },
    gives: [],
    because: "sinc",
  },
  {
    op: "Resize",
    inputs: [f32([1, 1, 4], [1, 2, 3, 4])],
    constants: [f32([6], [0, 0, 0, 1, 1, 1]), f32([3], [1, 1, 0.6])],
    attributes: { mode: "linear", coordinate_transformation_mode: "tf_crop_and_resize" },
    gives: [],
    because: "no whole size",
  },
  {
    op: "Resize",
    inputs: [f32([1, 1, 4], [1, 2, 3, 4])],
    constants: [f32([1], [0]), f32([3], [1, 1, 0.3])],
    attributes: { mode: "linear", coordinate_transformation_mode: "pytorch_half_pixel" },
    gives: [],
    because: "no whole size",
  },
  { op: "Cast", inputs: [x4], attributes: { to: 8 }, gives: [], because: "string" },
  {
    op: "Conv",
    inputs: [f32([1, 1, 3], [1, 2, 3]), f32([1, 1, 2], [1, 10])],
    attributes: { auto_pad: "ODD" },
    gives: [],
    because: "auto_pad",
  },
];

describe("operators", () => {
  for (const row of ROWS) {
    const types = [...row.inputs, ...(row.constants ?? [])].map(({ dtype, shape }) => `${dtype}[${shape.join(", ")}]`);
    const attributes = Object.entries(row.attributes ?? {}).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
    it(`${row.op} of ${[...types, ...attributes].join(", ")}`, () => {
      const { model, outputs } = run(modelOf(row));
      expect([...(outputs[0]?.data ?? [])]).to.deep.equal(row.gives);
      if (row.shape) expect(model.outputs[0]?.shape).to.deep.equal(row.shape);
    });
  }

  describe("given what they do not do", () => {
    for (const row of REFUSED) {
      it(`${row.op} is refused: ${row.because}`, () => {
        let caught: unknown;
        try {
          run(modelOf(row));
        } catch (error) {
          caught = error;
        }
        expect(isAssayError(caught), String(caught)).to.equal(true);
        expect(String(caught))
          .to.contain(row.because)
          .and.to.contain(`operator ${row.op}`)
          .and.to.contain(`${row.op}_y`);
      });
    }
  });

  it("stand in the table once for every opset", () => {
    for (const [name, rows] of OPERATORS) {
      rows.forEach((row, i) =>
        rows.slice(i + 1).forEach((other) => {
          const apart = (row.until ?? Infinity) < other.since || (other.until ?? Infinity) < row.since;
          expect(apart, name).to.equal(true);
        }),
      );
    }
  });
});
