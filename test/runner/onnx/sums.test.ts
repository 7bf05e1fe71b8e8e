import { agrees, floats } from "./agreement.ts";
import { f32, i64, type TestModel, type TestNode, type TestTensor } from "./build.ts";

/*
 * Operators whose results hang on the order of their sums: they agree with onnxruntime-web on every bit at the sizes
 * where its kernels change the order (blocks of 128 and 256, runs of four) and on both sides of them.
 */

const zeros = (shape: readonly number[], zero = 0): TestTensor =>
  f32(
    shape,
    Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () => zero),
  );

const negative = (shape: readonly number[]): TestTensor =>
  f32(
    shape,
    (floats(shape).data ?? []).map((v) => -Math.abs(Number(v)) - 0.01),
  );

interface Layer {
  readonly op: "RNN" | "LSTM" | "GRU";
  readonly input?: number;
  readonly hidden?: number;
  readonly batch?: number;
  readonly steps?: number;
  readonly direction?: string;
  readonly initial?: boolean;
  readonly bias?: boolean;
  readonly lengths?: readonly number[];
  /** Whether the weights are in the file, where onnxruntime-web packs them. */
  readonly constant?: boolean;
  readonly attributes?: TestNode["attributes"];
}

const GATES = { RNN: 1, LSTM: 4, GRU: 3 } as const;

const recurrent = (layer: Layer): TestModel => {
  const { op, input = 10, hidden = 24, batch = 3, steps = 4, direction = "forward", lengths } = layer;
  const directions = direction === "bidirectional" ? 2 : 1;
  const rows = GATES[op] * hidden;
  const weights: Record<string, TestTensor> = {
    w: floats([directions, rows, input], 0.5),
    r: floats([directions, rows, hidden], 0.3),
  };
  if (layer.bias !== false) weights["b"] = floats([directions, 2 * rows], 0.3);
  if (lengths) weights["l"] = { dtype: "i32", shape: [batch], data: lengths };
  if (layer.initial) weights["h0"] = floats([directions, batch, hidden]);
  const given = (name: string): string => (name in weights ? name : "");
  const outputs = op === "LSTM" ? ["y", "h", "c"] : ["y", "h"];
  const constant = layer.constant !== false;
  return {
    inputs: { x: floats([steps, batch, input]), ...(constant ? {} : weights) },
    constants: constant ? weights : {},
    nodes: [
      {
        op,
        in: ["x", "w", "r", given("b"), given("l"), given("h0")],
        out: outputs,
        attributes: { hidden_size: hidden, direction, ...layer.attributes },
      },
    ],
    outputs,
  };
};

const LAYERS: readonly (readonly [string, Omit<Layer, "op">])[] = [
  ["forward", {}],
  ["of one sequence", { batch: 1 }],
  ["reverse, from an initial state", { direction: "reverse", initial: true }],
  ["bidirectional, from initial states", { direction: "bidirectional", initial: true, input: 140, hidden: 20 }],
  ["without biases", { bias: false, initial: true }],
  ["of 5 hidden from 300 inputs", { input: 300, hidden: 5, steps: 2, batch: 1 }],
  ["of 150 hidden from 300 inputs", { input: 300, hidden: 150, steps: 3, batch: 2 }],
  ["of 300 hidden", { input: 20, hidden: 300, steps: 2, batch: 2 }],
  ["of 150 hidden, its weights inputs", { input: 300, hidden: 150, steps: 2, batch: 2, constant: false }],
  ["of 270 hidden, one sequence, its weights inputs", { input: 6, hidden: 270, steps: 2, batch: 1, constant: false }],
  ["of sequences of several lengths", { lengths: [4, 2, 3] }],
  ["bidirectional, of several lengths", { lengths: [4, 2, 3], direction: "bidirectional", initial: true }],
  ["of a sequence without steps", { lengths: [4, 0, 3], initial: true }],
  ["with clipped gates", { attributes: { clip: 0.5 } }],
];

const gemm = (
  [m, k, n]: readonly [number, number, number],
  attributes: NonNullable<TestNode["attributes"]> = {},
  constants: Readonly<Record<string, TestTensor>> = {},
): TestModel => {
  const [a, b] = [attributes["transA"] === 1 ? [k, m] : [m, k], attributes["transB"] === 1 ? [n, k] : [k, n]];
  const given = { a: floats(a), b: floats(b), c: floats([n]), ...constants };
  return {
    inputs: Object.fromEntries(Object.entries(given).filter(([name]) => !(name in constants))),
    constants,
    nodes: [{ op: "Gemm", in: ["a", "b", "c"], out: ["y"], attributes }],
    outputs: ["y"],
  };
};

interface Deconvolution {
  /** Channels in and out, and groups. */
  readonly channels?: readonly [number, number, number?];
  readonly size?: readonly number[];
  readonly window?: readonly number[];
  readonly attributes?: TestNode["attributes"];
}

/** A ConvTranspose with a bias; its weights are in the file, where onnxruntime-web transposes them, or inputs. */
const transposed = (
  { channels = [8, 6], size = [9, 9], window = [3, 3], attributes }: Deconvolution,
  constant: boolean,
): TestModel => {
  const [c, m, groups = 1] = channels;
  const weights = { w: floats([c, m / groups, ...window]), b: floats([m]) };
  return {
    inputs: { x: floats([2, c, ...size]), ...(constant ? {} : weights) },
    constants: constant ? weights : {},
    nodes: [{ op: "ConvTranspose", in: ["x", "w", "b"], out: ["y"], attributes: { group: groups, ...attributes } }],
    outputs: ["y"],
  };
};

const DECONVOLUTIONS: readonly Deconvolution[] = [
  {},
  { attributes: { strides: [2, 2] } },
  { window: [4, 4], attributes: { strides: [2, 2], pads: [1, 1, 1, 1] } },
  { window: [2, 2], attributes: { strides: [2, 2] } },
  { attributes: { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] } },
  { window: [3, 2], attributes: { strides: [3, 1], pads: [0, 1, 2, 0] } },
  { attributes: { strides: [5, 4] } },
  { attributes: { dilations: [2, 3] } },
  { attributes: { dilations: [2, 3], strides: [3, 2], pads: [1, 2, 3, 1], output_padding: [1, 1] } },
  { channels: [8, 6, 2], attributes: { strides: [2, 2] } },
  { channels: [6, 6, 6], attributes: { strides: [2, 2], pads: [1, 1, 1, 1] } },
  { channels: [3, 6, 3], attributes: { strides: [2, 2], dilations: [2, 2] } },
  { size: [11], window: [5] },
  { size: [11], window: [5], attributes: { strides: [2], pads: [2, 1] } },
  { channels: [300, 3], size: [11], window: [4], attributes: { strides: [2] } },
  { channels: [4, 6], size: [4, 5, 3], window: [3, 3, 3] },
  {
    channels: [4, 6],
    size: [4, 5, 3],
    window: [3, 3, 3],
    attributes: { strides: [2, 2, 2], pads: [1, 1, 1, 1, 1, 1] },
  },
  { channels: [4, 6, 2], size: [4, 5, 3], window: [3, 2, 3], attributes: { strides: [2, 1, 2], dilations: [1, 2, 3] } },
  { channels: [300, 4], size: [3, 3] },
  { channels: [300, 4], size: [12, 12], attributes: { strides: [2, 2] } },
  { channels: [300, 1], size: [2, 2], window: [1, 1] },
  { channels: [300, 1], size: [1, 1], window: [2, 2] },
  { channels: [1, 4] },
  { attributes: { auto_pad: "SAME_UPPER", strides: [2, 2] } },
  { attributes: { auto_pad: "SAME_LOWER", strides: [2, 2] } },
  { attributes: { output_shape: [20, 19], strides: [2, 2] } },
  { attributes: { output_shape: [10, 8], strides: [2, 2] } },
];

interface Resize {
  readonly shape?: readonly number[];
  readonly scales?: readonly number[];
  readonly sizes?: readonly number[];
  readonly region?: readonly number[];
  readonly attributes: NonNullable<TestNode["attributes"]>;
}

const resized = ({ shape = [1, 2, 9, 9], scales, sizes, region, attributes }: Resize): TestModel => ({
  opset: 19,
  inputs: { x: floats(shape) },
  constants: {
    ...(region && { r: f32([region.length], region) }),
    ...(scales && { s: f32([scales.length], scales) }),
    ...(sizes && { z: i64([sizes.length], sizes) }),
  },
  nodes: [
    { op: "Resize", in: ["x", region ? "r" : "", scales ? "s" : "", ...(sizes ? ["z"] : [])], out: ["y"], attributes },
  ],
  outputs: ["y"],
});

const TRANSFORMATIONS = ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel", "half_pixel_symmetric"];
const CROP = { coordinate_transformation_mode: "tf_crop_and_resize", extrapolation_value: 2.5 };

/** Each of these for both modes and every coordinate transformation. */
const SIZES: readonly Omit<Resize, "attributes">[] = [
  { scales: [1, 1, 2.25, 1.75] },
  { shape: [2, 3, 9, 7], scales: [1, 1, 0.6, 0.7] },
  { sizes: [1, 2, 20, 7] },
  { shape: [9, 8], scales: [2, 3] },
  { sizes: [1, 2, 1, 1] },
  { shape: [1, 2, 5, 1], sizes: [1, 2, 11, 4] },
  { shape: [1, 9, 9, 3], scales: [1, 2, 1.5, 1] },
];

/** Each of these for both modes. */
const RESIZES: readonly Resize[] = [
  { scales: [1, 1, 1, 2], attributes: {} },
  { scales: [1, 1, 2, 1], attributes: {} },
  { scales: [1, 1, 1.05, 1.05], attributes: {} },
  { scales: [1, 1, 1.05, 2], attributes: {} },
  { shape: [1, 1, 10, 10], scales: [1, 1, 0.7, 0.3], attributes: {} },
  { sizes: [18, 20], attributes: { axes: [2, 3], keep_aspect_ratio_policy: "not_larger" } },
  { scales: [2, 3], attributes: { axes: [3, 2] } },
  { scales: [1, 1, 2.25, 1.75], region: [0, 0, 0.1, 0.2, 1, 1, 0.8, 1.3], attributes: CROP },
  { sizes: [1, 2, 9, 5], region: [0, 0, 0.1, 0.2, 1, 1, 0.8, 1.3], attributes: CROP },
  { scales: [1, 1, 1, 0.4], attributes: { antialias: 1 } },
  { shape: [1, 9, 9, 3], scales: [1, 0.6, 0.4, 1], attributes: { antialias: 1 } },
  { scales: [1, 1, 0.6, 0.4], region: [0, 0, 0.1, 0.2, 1, 1, 0.8, 1.3], attributes: { ...CROP, antialias: 1 } },
];

describe("the order of sums", () => {
  for (const op of ["RNN", "LSTM", "GRU"] as const) {
    describe(`given ${op}`, () => {
      for (const [name, layer] of LAYERS) {
        it(`${name} agrees on every bit`, async () => agrees(recurrent({ op, ...layer })));
        if (op !== "GRU") continue;
        it(`${name}, linear before reset, agrees on every bit`, async () =>
          agrees(recurrent({ op, ...layer, attributes: { ...layer.attributes, linear_before_reset: 1 } })));
      }
    });
  }

  describe("given activations", () => {
    const parameters = { activation_alpha: [0.3, 0.125], activation_beta: [0.25, 0.4] };
    for (const name of ["Tanh", "Sigmoid", "Relu", "LeakyRelu", "Affine", "HardSigmoid"]) {
      it(`RNN with ${name} agrees on every bit`, async () =>
        agrees(recurrent({ op: "RNN", attributes: { ...parameters, activations: [name] } })));
    }
    for (const names of [
      ["Relu", "Relu"],
      ["Tanh", "Sigmoid"],
      ["HardSigmoid", "LeakyRelu"],
      ["Sigmoid", "Affine"],
    ]) {
      it(`GRU with ${names.join(" and ")} agrees on every bit`, async () =>
        agrees(recurrent({ op: "GRU", attributes: { ...parameters, activations: names } })));
    }
    it("each takes its parameters in turn", async () =>
      agrees(
        recurrent({
          op: "GRU",
          direction: "bidirectional",
          attributes: { ...parameters, activations: ["Sigmoid", "LeakyRelu", "Sigmoid", "HardSigmoid"] },
        }),
      ));
  });

  describe("given a product of one row with a matrix", () => {
    for (const n of [1, 3, 4, 5, 50, 64, 130]) {
      for (const k of [1, 3, 4, 5, 6, 9, 129, 300]) {
        it(`of ${String(k)} to ${String(n)} columns on a bias agrees on every bit`, async () => {
          await agrees(gemm([1, k, n]));
          await agrees(gemm([1, k, n], {}, { b: floats([k, n]) }));
        });
      }
    }
    it("agrees on the sign of zeros", async () => {
      for (const [k, n] of [
        [1, 4],
        [2, 6],
        [5, 6],
        [9, 7],
      ] as const) {
        const matrix = { a: zeros([1, k]), b: negative([k, n]) };
        await agrees({ inputs: matrix, nodes: [{ op: "MatMul", in: ["a", "b"], out: ["y"] }], outputs: ["y"] });
        for (const zero of [0, -0]) {
          await agrees({
            inputs: { ...matrix, c: zeros([n], zero) },
            nodes: [{ op: "Gemm", in: ["a", "b", "c"], out: ["y"] }],
            outputs: ["y"],
          });
        }
      }
    });
    for (const axes of [[0], [1], [2], [0, 2], [0, 1, 2]]) {
      it(`ReduceSum over [${axes.join(", ")}] agrees on the sign of zeros`, async () =>
        agrees({
          opset: 18,
          inputs: { x: zeros([3, 5, 7], -0) },
          constants: { a: i64([axes.length], axes) },
          nodes: [{ op: "ReduceSum", in: ["x", "a"], out: ["y"] }],
          outputs: ["y"],
        }));
    }
  });

  describe("given Gemm's attributes", () => {
    for (const attributes of [
      { transA: 1 },
      { transB: 1 },
      { transA: 1, transB: 1 },
      { alpha: 0.5 },
      { beta: 0.5 },
      { alpha: 1.5, beta: 0.25 },
    ]) {
      for (const size of [
        [1, 300, 50],
        [1, 7, 300],
        [3, 300, 5],
        [3, 300, 40],
      ] as const) {
        it(`${JSON.stringify(attributes)} at ${size.join("x")} agrees on every bit`, async () => {
          await agrees(gemm(size, attributes));
          const [, k, n] = size;
          await agrees(gemm(size, attributes, { b: floats("transB" in attributes ? [n, k] : [k, n]) }));
        });
      }
    }
  });

  describe("given Attention", () => {
    const attention = (
      queries: number,
      depth: number,
      keys: number,
      attributes: TestNode["attributes"],
    ): TestModel => ({
      opset: 23,
      inputs: { q: floats([2, 4, queries, depth]), k: floats([2, 2, keys, depth]), v: floats([2, 2, keys, depth]) },
      nodes: [{ op: "Attention", in: ["q", "k", "v"], out: ["y"], ...(attributes && { attributes }) }],
      outputs: ["y"],
    });
    for (const [queries, depth, keys] of [
      [1, 7, 40],
      [1, 15, 9],
      [1, 64, 200],
      [5, 64, 9],
      [3, 300, 9],
    ] as const) {
      it(`${String(queries)} queries of ${String(depth)} at ${String(keys)} keys agree on every bit`, async () => {
        await agrees(attention(queries, depth, keys, {}));
        await agrees(attention(queries, depth, keys, { scale: 0.3, is_causal: 1 }));
      });
    }
  });

  describe("given ConvTranspose", () => {
    for (const layer of DECONVOLUTIONS) {
      it(`of ${JSON.stringify(layer)} agrees on every bit`, async () => {
        await agrees(transposed(layer, true));
        await agrees(transposed(layer, false));
      });
    }
  });

  describe("given Resize", () => {
    for (const mode of ["linear", "cubic"]) {
      for (const transformation of TRANSFORMATIONS) {
        for (const size of SIZES) {
          const attributes = { mode, coordinate_transformation_mode: transformation };
          it(`${mode}, ${transformation}, of ${JSON.stringify(size)} agrees on every bit`, async () =>
            agrees(resized({ ...size, attributes })));
        }
      }
      for (const layer of RESIZES) {
        it(`${mode} of ${JSON.stringify(layer)} agrees on every bit`, async () =>
          agrees(resized({ ...layer, attributes: { mode, ...layer.attributes } })));
      }
      for (const exclude of [0, 1]) {
        for (const scales of [
          [1, 1, 0.6, 0.4],
          [1, 1, 2.25, 1.75],
          [1, 1, 0.1, 0.07],
        ]) {
          const attributes = { mode, antialias: 1, exclude_outside: exclude };
          it(`${mode}, antialiased, exclude_outside ${String(exclude)}, by ${scales.join(", ")} agrees on every bit`, async () =>
            agrees(resized({ shape: [1, 3, 30, 41], scales, attributes })));
        }
      }
    }
    for (const a of [-0.75, -0.5]) {
      it(`cubic without what lies outside, coefficient ${String(a)}, agrees on every bit`, async () => {
        const attributes = { mode: "cubic", exclude_outside: 1, cubic_coeff_a: a };
        await agrees(resized({ scales: [1, 1, 2.25, 1.75], attributes }));
        await agrees(resized({ scales: [1, 1, 0.6, 0.4], attributes }));
      });
    }
    it("linear of volumes agrees on every bit", async () => {
      const shape = [1, 2, 5, 6, 7];
      const scales = [1, 1, 2, 1.5, 0.7];
      for (const mode of TRANSFORMATIONS) {
        await agrees(resized({ shape, scales, attributes: { mode: "linear", coordinate_transformation_mode: mode } }));
      }
      await agrees(resized({ shape, scales, attributes: { mode: "linear", antialias: 1 } }));
      const region = [0, 0, 0.1, 0.2, 0.3, 1, 1, 0.8, 1.3, 0.6];
      await agrees(resized({ shape, scales, region, attributes: { mode: "linear", ...CROP } }));
      await agrees(resized({ shape: [5, 6, 7], scales: [2, 1.5, 0.7], attributes: { mode: "linear" } }));
    });
  });
});
