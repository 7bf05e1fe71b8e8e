import { agrees, anyFloats, floats, integers, one, positive, random } from "./agreement.ts";
import { f32, i64, type TestModel, type TestNode, type TestTensor } from "../../../testing/onnx-model.ts";

/*
 * onnxruntime-web (WASM, one thread, graph optimisations off) is an oracle that nobody here wrote: whole models must
 * agree with it on every bit. ASSAY_ORACLE_VALUES sets how many values each function is tried on.
 */

const VALUES = Number(process.env["ASSAY_ORACLE_VALUES"] ?? 200_000);

const unary = (op: string, x: TestTensor, attributes: TestNode["attributes"] = {}): TestModel => ({
  opset: 20,
  inputs: { x },
  nodes: [{ op, in: ["x"], out: ["y"], attributes }],
  outputs: ["y"],
});

const FUNCTIONS: readonly string[] = (
  "Exp Tanh Sigmoid Erf Log Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh Softplus Softsign Elu Selu Celu Mish HardSigmoid HardSwish LeakyRelu " +
  "ThresholdedRelu Reciprocal Floor Ceil Round Abs Neg Sign"
).split(" ");

/** The f32 some representable numbers above another, below it where `steps` is negative. */
const stepped = (value: number, steps: number): number => {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  view.setUint32(0, view.getUint32(0) + (value < 0 ? -steps : steps));
  return view.getFloat32(0);
};

const between = (low: number, high: number): number => low + random() * (high - low);
const sign = (): number => (random() < 0.5 ? -1 : 1);

/** Arguments where formulas change, cancel or end: within 200 numbers of the places given, and evenly in their range. */
const around = (places: () => number, low: number, high: number): (() => number) => {
  const near = (): number => stepped(Math.fround(places()), Math.round(between(-200, 200)));
  return () => Math.fround(random() < 0.5 ? near() : between(low, high));
};
const oneOf = (...places: readonly number[]): number => sign() * (places[Math.floor(random() * places.length)] ?? 0);
const ofAnySize = (least: number, most: number): number => sign() * 2 ** between(least, most);
const quarterTurns = around(() => Math.round(ofAnySize(0, 12)) * (Math.PI / 4), -10, 10);
const hyperbolic = around(
  () => oneOf(2 ** -12, Math.LN2 / 2, Math.LN2, 1, 1.5 * Math.LN2, 9, 16, 88.72, 89.4),
  -90,
  90,
);
const RANGES: Readonly<Record<string, () => number>> = {
  Sin: quarterTurns,
  Cos: quarterTurns,
  Tan: quarterTurns,
  Asin: around(() => oneOf(2 ** -12, 0.5, 1), -1, 1),
  Acos: around(() => oneOf(2 ** -26, 0.5, 1), -1, 1),
  Sinh: hyperbolic,
  Cosh: hyperbolic,
  Asinh: around(() => oneOf(2 ** -12, 2, 2 ** 12, ofAnySize(-20, 40)), -4, 4),
  Acosh: around(() => Math.abs(oneOf(1, 2, 2 ** 12, ofAnySize(0, 40))), 1, 4),
  Atanh: around(() => oneOf(2 ** -32, 0.5, 1, ofAnySize(-40, 0)), -1, 1),
};

describe("onnxruntime-web as an oracle", () => {
  describe("given an elementary function", () => {
    for (const op of FUNCTIONS) {
      it(`${op} agrees on every bit`, async () => {
        await agrees(unary(op, floats([VALUES], 8)));
        await agrees(unary(op, anyFloats(VALUES / 10)));
      });
    }
    for (const [op, argument] of Object.entries(RANGES)) {
      it(`${op} agrees on every bit where its formula changes or ends`, async () =>
        agrees(unary(op, f32([VALUES], Array.from({ length: VALUES }, argument)))));
    }
    it("Sqrt agrees on every bit", async () => agrees(unary("Sqrt", positive([VALUES]))));
    it("LogSoftmax agrees on every bit", async () => agrees(unary("LogSoftmax", floats([200, 1003], 4))));
    it("Gelu agrees on every bit, exact and by tanh", async () => {
      await agrees(unary("Gelu", floats([VALUES], 4)));
      await agrees(unary("Gelu", floats([VALUES], 4), { approximate: "tanh" }));
    });
  });

  describe("given a power", () => {
    const pow = (x: TestTensor, y: TestTensor): TestModel => ({
      inputs: { x, y },
      nodes: [{ op: "Pow", in: ["x", "y"], out: ["z"] }],
      outputs: ["z"],
    });
    const list = (values: readonly number[]): TestTensor => f32([values.length], values.map(Math.fround));

    it("x^y agrees on every bit for bases and exponents of every size", async () =>
      agrees(pow(anyFloats(VALUES), anyFloats(VALUES))));
    it("x^y agrees on every bit where results go through all of f32, subnormal, 0 and infinite", async () => {
      const anywhere = (anyFloats(VALUES).data ?? []).map((v) => Math.abs(Number(v)));
      const near1 = Array.from({ length: VALUES }, () => between(0.5, 2));
      for (const x of [anywhere, near1].map((values) => values.map(Math.fround))) {
        const y = x.map((base) => between(-155, 135) / (Math.log2(base) || 1));
        await agrees(pow(list(x), list(y)));
      }
    });
    it("x^y agrees on every bit for bases of either sign and halves as exponents", async () => {
      const y = Array.from({ length: VALUES }, () => Math.round(between(-16, 16)) / 2);
      await agrees(pow(floats([VALUES], 8), list(y)));
    });
    it("x^y agrees on every bit for powers of 2", async () => {
      const x = Array.from({ length: VALUES }, () => 2 ** Math.round(between(-149, 127)));
      const y = Array.from({ length: VALUES }, () => Math.round(between(-320, 320)) / 64);
      await agrees(pow(list(x), list(y)));
    });
    it("x^y agrees on every bit at zeros, units, infinities and NaN", async () => {
      const all = [0, 1, 2, 3, 0.5, 1.5, 2 ** -149, 2 ** -126, 2 ** 24 - 1, 2 ** 24, 2 ** 31 + 256, 2 ** 127, Infinity];
      const edges = [...all, ...all.map((v) => -v), NaN, 1 + 2 ** -23, 1 - 2 ** -24];
      await agrees(pow(f32([edges.length, 1], edges.map(Math.fround)), f32([1, edges.length], edges.map(Math.fround))));
    });
    for (const dtype of ["i32", "i64"] as const) {
      it(`x^n agrees on every bit for ${dtype} exponents, which make it a power in binary64`, async () => {
        const n = VALUES / 40;
        const whole = (values: readonly number[]): TestTensor => ({ dtype, shape: [values.length], data: values });
        const near1 = Array.from({ length: n }, () => Math.fround(between(0.9, 1.1)));
        for (const x of [floats([n], 8), anyFloats(n), list(near1)]) {
          const bases = (x.data ?? []).map(Number);
          const most = bases.map((base) => between(-155, 135) / (Math.log2(Math.abs(base)) || 1));
          await agrees(pow(x, whole(most.map((y) => Math.trunc(Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, y)))))));
          await agrees(pow(x, whole(bases.map(() => Math.round(between(-6, 6))))));
          for (const exponent of [2, 3, 5, -1, 0]) await agrees(pow(x, whole([exponent])));
        }
        const edges = [0, 1, 1.5, 2 ** -149, Infinity].flatMap((v) => [v, -v]).concat(NaN);
        await agrees(
          pow(f32([edges.length, 1], edges), { ...whole([0, 1, 2, 3, -1, -2, -3, 2 ** 31 - 1, -(2 ** 31)]) }),
        );
      });
    }
    for (const exponent of [2, 3, 0.5, -1, -2, 1 / 3, 0, 1, 4]) {
      const name = String(Number(exponent.toFixed(3)));
      it(`x^${name} agrees on every bit with a scalar, a row and a column of exponents`, async () => {
        const n = VALUES / 40;
        const x = [floats([n], 8), anyFloats(n)].flatMap(({ data }) => (data ?? []).map(Number));
        const bases = f32([4, n / 2], x);
        const row = f32(
          [n / 2],
          Array.from({ length: n / 2 }, () => Math.fround(exponent)),
        );
        const column = f32([4, 1], [exponent, 3, exponent, 2].map(Math.fround));
        for (const y of [f32([], [Math.fround(exponent)]), row, column]) {
          await agrees(pow(bases, y));
          await agrees({ ...pow(bases, y), inputs: { x: bases }, constants: { y } });
        }
        await agrees(pow(f32([1], [2.8149414]), f32([1], [Math.fround(exponent)])));
      });
    }
  });

  describe("given a product of matrices", () => {
    for (const [m, k, n] of [
      [1, 300, 50],
      [5, 300, 200],
      [7, 1000, 10],
      [3, 500, 1],
      [8, 600, 600],
      [6, 129, 64],
    ] as const) {
      const shape = `${String(m)}x${String(k)}x${String(n)}`;
      it(`${shape} agrees with both matrices as inputs`, async () =>
        agrees({
          inputs: { a: floats([m, k]), b: floats([k, n]) },
          nodes: [{ op: "MatMul", in: ["a", "b"], out: ["y"] }],
          outputs: ["y"],
        }));
      it(`${shape} agrees with weights and a bias`, async () =>
        agrees({
          inputs: { a: floats([m, k]) },
          constants: { b: floats([n, k]), c: floats([n]) },
          nodes: [{ op: "Gemm", in: ["a", "b", "c"], out: ["y"], attributes: { transB: 1 } }],
          outputs: ["y"],
        }));
    }
  });

  describe("given a convolution", () => {
    for (const [c, size, o, k, g, s, p] of [
      [3, 12, 8, 3, 1, 1, 1],
      [64, 14, 32, 3, 1, 2, 1],
      [200, 7, 40, 1, 1, 1, 0],
      [8, 9, 8, 3, 8, 2, 1],
      [64, 9, 16, 3, 2, 1, 1],
      [32, 8, 1, 3, 1, 1, 1],
      [16, 9, 16, 5, 16, 1, 2],
    ] as const) {
      it(`${String(c)} to ${String(o)} channels, window ${String(k)}, ${String(g)} groups, stride ${String(s)} agrees`, async () =>
        agrees({
          inputs: { x: floats([2, c, size, size]) },
          constants: { w: floats([o, c / g, k, k]), b: floats([o]) },
          nodes: [
            {
              op: "Conv",
              in: ["x", "w", "b"],
              out: ["y"],
              attributes: { group: g, strides: [s, s], pads: [p, p, p, p] },
            },
          ],
          outputs: ["y"],
        }));
    }
  });

  describe("given a multilayer perceptron", () => {
    it("agrees on every bit", async () =>
      agrees({
        inputs: { x: floats([9, 300]) },
        constants: { w1: floats([200, 300], 0.1), b1: floats([200]), w2: floats([10, 200], 0.1), b2: floats([10]) },
        nodes: [
          { op: "Gemm", in: ["x", "w1", "b1"], out: ["h"], attributes: { transB: 1 } },
          { op: "Relu", in: ["h"], out: ["r"] },
          { op: "Gemm", in: ["r", "w2", "b2"], out: ["z"], attributes: { transB: 1 } },
          { op: "Softmax", in: ["z"], out: ["y"] },
        ],
        outputs: ["y"],
      }));
  });

  describe("given a small convolutional network", () => {
    it("agrees on every bit", async () =>
      agrees({
        inputs: { x: floats([2, 3, 17, 17]) },
        constants: {
          w1: floats([8, 3, 3, 3]),
          b1: floats([8]),
          scale: floats([8]),
          shift: floats([8]),
          mean: floats([8]),
          variance: positive([8]),
          w2: floats([16, 8, 3, 3], 0.3),
          w3: floats([16, 1, 3, 3], 0.3),
          w4: floats([24, 16, 1, 1], 0.3),
          w5: floats([10, 24], 0.3),
          b5: floats([10]),
        },
        nodes: [
          { op: "Conv", in: ["x", "w1", "b1"], out: ["a"], attributes: { pads: [1, 1, 1, 1] } },
          { op: "BatchNormalization", in: ["a", "scale", "shift", "mean", "variance"], out: ["b"] },
          { op: "Relu", in: ["b"], out: ["c"] },
          { op: "MaxPool", in: ["c"], out: ["d"], attributes: { kernel_shape: [2, 2], strides: [2, 2] } },
          { op: "Conv", in: ["d", "w2"], out: ["e"], attributes: { pads: [1, 1, 1, 1] } },
          { op: "LeakyRelu", in: ["e"], out: ["f"] },
          { op: "Conv", in: ["f", "w3"], out: ["g"], attributes: { group: 16, pads: [1, 1, 1, 1], strides: [2, 2] } },
          { op: "Conv", in: ["g", "w4"], out: ["h"] },
          { op: "AveragePool", in: ["h"], out: ["i"], attributes: { kernel_shape: [2, 2] } },
          { op: "GlobalAveragePool", in: ["i"], out: ["j"] },
          { op: "Flatten", in: ["j"], out: ["k"] },
          { op: "Gemm", in: ["k", "w5", "b5"], out: ["l"], attributes: { transB: 1 } },
          { op: "Softmax", in: ["l"], out: ["y"] },
        ],
        outputs: ["e", "y"],
      }));
  });

  describe("given a stack of transformer blocks", () => {
    it("agrees on every bit, with layer normalisation, causal mask, softmax and GELU", async () =>
      agrees(transformer(2)));
  });

  describe("given recurrent and attention operators", () => {
    it("LSTM agrees on every bit", async () =>
      agrees({
        inputs: { x: floats([7, 3, 10]) },
        constants: { w: floats([2, 96, 10], 0.5), r: floats([2, 96, 24], 0.5), b: floats([2, 192], 0.3) },
        nodes: [
          {
            op: "LSTM",
            in: ["x", "w", "r", "b"],
            out: ["y", "h", "c"],
            attributes: { hidden_size: 24, direction: "bidirectional" },
          },
        ],
        outputs: ["y", "h", "c"],
      }));
    it("Attention agrees on every bit", async () =>
      agrees({
        opset: 23,
        inputs: { q: floats([1, 2, 9, 16]), k: floats([1, 2, 9, 16]), v: floats([1, 2, 9, 16]) },
        nodes: [{ op: "Attention", in: ["q", "k", "v"], out: ["y"], attributes: { is_causal: 1 } }],
        outputs: ["y"],
      }));
    it("Attention agrees on every bit with a softcap, whose tanh is the C library's", async () => {
      const n = VALUES / 10;
      const one = f32([1, 1, 1, 1], [1]);
      // Half of where tanh changes its formula.
      const places = around(() => oneOf(2 ** -26, Math.log(5 / 3) / 4, Math.log(3) / 4, 4.5, 5), -5.5, 5.5);
      for (const q of [
        f32([1, 1, n, 1], Array.from({ length: n }, places)),
        { ...anyFloats(n), shape: [1, 1, n, 1] },
      ]) {
        await agrees({
          opset: 23,
          inputs: { q, k: one, v: one },
          nodes: [
            {
              op: "Attention",
              in: ["q", "k", "v"],
              out: ["y", "", "", "scores"],
              attributes: { softcap: 0.5, qk_matmul_output_mode: 1 },
            },
          ],
          outputs: ["scores"],
        });
      }
      await agrees({
        opset: 23,
        inputs: { q: floats([1, 2, 9, 16]), k: floats([1, 2, 9, 16]), v: floats([1, 2, 9, 16]) },
        nodes: [{ op: "Attention", in: ["q", "k", "v"], out: ["y"], attributes: { softcap: 2.5 } }],
        outputs: ["y"],
      });
    });
  });

  describe("given a normalisation or a reduction", () => {
    it("LayerNormalization, RMSNormalization, InstanceNormalization and GroupNormalization agree on every bit", async () => {
      const rows = { s: floats([65]), b: floats([65]) };
      const channels = { s: floats([6]), b: floats([6]) };
      const x = { x: floats([3, 65], 4) };
      const image = { x: floats([2, 6, 5, 5]) };
      const net = (inputs: TestModel["inputs"], constants: TestModel["inputs"], node: TestNode): TestModel => ({
        opset: 23,
        inputs,
        constants,
        nodes: [node],
        outputs: ["y"],
      });
      const all = ["x", "s", "b"];
      await agrees(net(x, rows, { op: "LayerNormalization", in: all, out: ["y"] }));
      await agrees(net(x, { s: rows.s }, { op: "RMSNormalization", in: ["x", "s"], out: ["y"] }));
      await agrees(net(image, channels, { op: "InstanceNormalization", in: all, out: ["y"] }));
      await agrees(
        net(image, channels, { op: "GroupNormalization", in: all, out: ["y"], attributes: { num_groups: 3 } }),
      );
    });
    for (const op of ["ReduceSum", "ReduceMean", "ReduceL2", "ReduceMax", "ReduceProd", "ReduceLogSumExp"]) {
      for (const axes of [[2], [0], [1], [1, 2], [0, 2], [0, 1, 2]]) {
        it(`${op} over [${axes.join(", ")}] agrees on every bit`, async () =>
          agrees({
            opset: 18,
            inputs: { x: floats([5, 37, 66]) },
            constants: { a: i64([axes.length], axes) },
            nodes: [{ op, in: ["x", "a"], out: ["y"] }],
            outputs: ["y"],
          }));
      }
    }
  });

  describe("given a quantised model", () => {
    it("an int8 network of QLinear operators agrees on every bit", async () => agrees(quantised()));
    it("a network of QuantizeLinear and DequantizeLinear around float operators agrees on every bit", async () =>
      agrees(quantisedInPairs()));
  });
});

/** Blocks of LayerNormalization, causal self-attention and a GELU perceptron, as PyTorch exports them. */
const transformer = (blocks: number): TestModel => {
  const [length, width, heads] = [13, 48, 4];
  const constants: Record<string, TestTensor> = {
    tokens: floats([50, width]),
    places: floats([length, width]),
    heads: i64([4], [1, length, heads, width / heads]),
    joined: i64([3], [1, length, width]),
    scale: f32([], [Math.sqrt(width / heads)]),
    mask: f32(
      [1, 1, length, length],
      Array.from({ length: length * length }, (_, i) => (i % length > Math.floor(i / length) ? -Infinity : 0)),
    ),
    two: f32([], [Math.SQRT2]),
    onef: f32([], [1]),
    half: f32([], [0.5]),
  };
  const nodes: TestNode[] = [
    { op: "Gather", in: ["tokens", "x"], out: ["embedded"] },
    { op: "Add", in: ["embedded", "places"], out: ["h0"] },
  ];
  for (let b = 0; b < blocks; b++) {
    const n = (name: string): string => `${name}${String(b)}`;
    for (const [name, shape] of [
      ["g", [width]],
      ["s", [width]],
      ["g2", [width]],
      ["s2", [width]],
      ["bq", [width]],
    ] as const) {
      constants[n(name)] = floats(shape);
    }
    for (const name of ["q", "k", "v", "o"]) constants[n(`w${name}`)] = floats([width, width], 0.2);
    constants[n("up")] = floats([width, 4 * width], 0.2);
    constants[n("down")] = floats([4 * width, width], 0.2);
    nodes.push({ op: "LayerNormalization", in: [n("h"), n("g"), n("s")], out: [n("n")] });
    for (const name of ["q", "k", "v"]) {
      nodes.push(
        { op: "MatMul", in: [n("n"), n(`w${name}`)], out: [n(`p${name}`)] },
        { op: "Add", in: [n("bq"), n(`p${name}`)], out: [n(`b${name}${name}`)] },
        { op: "Reshape", in: [n(`b${name}${name}`), "heads"], out: [n(`r${name}`)] },
        {
          op: "Transpose",
          in: [n(`r${name}`)],
          out: [n(`t${name}`)],
          attributes: { perm: name === "k" ? [0, 2, 3, 1] : [0, 2, 1, 3] },
        },
      );
    }
    nodes.push(
      { op: "MatMul", in: [n("tq"), n("tk")], out: [n("scores")] },
      { op: "Div", in: [n("scores"), "scale"], out: [n("scaled")] },
      { op: "Add", in: [n("scaled"), "mask"], out: [n("masked")] },
      { op: "Softmax", in: [n("masked")], out: [n("weights")], attributes: { axis: -1 } },
      { op: "MatMul", in: [n("weights"), n("tv")], out: [n("mixed")] },
      { op: "Transpose", in: [n("mixed")], out: [n("back")], attributes: { perm: [0, 2, 1, 3] } },
      { op: "Reshape", in: [n("back"), "joined"], out: [n("flat")] },
      { op: "MatMul", in: [n("flat"), n("wo")], out: [n("out")] },
      { op: "Add", in: [n("h"), n("out")], out: [n("mid")] },
      { op: "LayerNormalization", in: [n("mid"), n("g2"), n("s2")], out: [n("m")] },
      { op: "MatMul", in: [n("m"), n("up")], out: [n("u")] },
      { op: "Div", in: [n("u"), "two"], out: [n("ud")] },
      { op: "Erf", in: [n("ud")], out: [n("ue")] },
      { op: "Add", in: [n("ue"), "onef"], out: [n("ua")] },
      { op: "Mul", in: [n("u"), n("ua")], out: [n("um")] },
      { op: "Mul", in: [n("um"), "half"], out: [n("gelu")] },
      { op: "MatMul", in: [n("gelu"), n("down")], out: [n("d")] },
      { op: "Add", in: [n("mid"), n("d")], out: [`h${String(b + 1)}`] },
    );
  }
  return {
    inputs: { x: integers("i64", [1, length], 0, 50) },
    constants,
    nodes,
    outputs: [`h${String(blocks)}`],
  };
};

const quantised = (): TestModel => ({
  inputs: { x: floats([1, 3, 12, 12]) },
  constants: {
    xs: one("f32", 0.02),
    xz: one("u8", 120),
    w1: integers("i8", [16, 3, 3, 3], -128, 128),
    w1s: { dtype: "f32", shape: [16], data: Array.from({ length: 16 }, (_, i) => 0.001 * (i + 1)) },
    w1z: { dtype: "i8", shape: [16], data: Array.from({ length: 16 }, () => 0) },
    b1: integers("i32", [16], -2000, 2000),
    as: one("f32", 0.05),
    az: one("u8", 7),
    w2: integers("u8", [8, 16, 1, 1], 0, 256),
    w2s: one("f32", 0.004),
    w2z: one("u8", 131),
    bs: one("f32", 0.06),
    bz: one("u8", 101),
    flat: i64([2], [1, 1152]),
    w3: integers("i8", [1152, 10], -128, 128),
    w3s: one("f32", 0.003),
    w3z: one("i8", 0),
    ys: one("f32", 0.3),
    yz: one("u8", 128),
  },
  nodes: [
    { op: "QuantizeLinear", in: ["x", "xs", "xz"], out: ["q"] },
    {
      op: "QLinearConv",
      in: ["q", "xs", "xz", "w1", "w1s", "w1z", "as", "az", "b1"],
      out: ["a"],
      attributes: { pads: [1, 1, 1, 1] },
    },
    { op: "QLinearConv", in: ["a", "as", "az", "w2", "w2s", "w2z", "bs", "bz"], out: ["b"] },
    { op: "Reshape", in: ["b", "flat"], out: ["c"] },
    { op: "QLinearMatMul", in: ["c", "bs", "bz", "w3", "w3s", "w3z", "ys", "yz"], out: ["d"] },
    { op: "DequantizeLinear", in: ["d", "ys", "yz"], out: ["y"] },
  ],
  outputs: ["a", "y"],
});

const quantisedInPairs = (): TestModel => ({
  inputs: { x: floats([1, 3, 12, 12]) },
  constants: {
    xs: one("f32", 0.02),
    xz: one("i8", 3),
    w: integers("i8", [16, 3, 3, 3], -128, 128),
    ws: one("f32", 0.002),
    wz: one("i8", 0),
    b: floats([16]),
    ys: one("f32", 0.05),
    yz: one("i8", -11),
  },
  nodes: [
    { op: "QuantizeLinear", in: ["x", "xs", "xz"], out: ["q"] },
    { op: "DequantizeLinear", in: ["q", "xs", "xz"], out: ["xd"] },
    { op: "DequantizeLinear", in: ["w", "ws", "wz"], out: ["wd"] },
    { op: "Conv", in: ["xd", "wd", "b"], out: ["c"], attributes: { pads: [1, 1, 1, 1] } },
    { op: "Relu", in: ["c"], out: ["r"] },
    { op: "QuantizeLinear", in: ["r", "ys", "yz"], out: ["y"] },
  ],
  outputs: ["y"],
});
