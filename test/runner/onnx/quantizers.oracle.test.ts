import { agrees, floats, integers, one } from "./agreement.ts";
import { type Attribute, f32, type TestModel, type TestTensor } from "../../../testing/onnx-model.ts";

/*
 * The operators that ONNX Runtime's quantiser and its transformer optimisations write, against onnxruntime-web on every
 * bit. Scales are powers of two where results shall often lie half way between two integers.
 */

const domain = "com.microsoft";

/** A model of one node; constants that it does not name are left out. */
const model = (
  op: string,
  inputs: Readonly<Record<string, TestTensor>>,
  constants: Readonly<Record<string, TestTensor>>,
  text: string,
  attributes: Readonly<Record<string, Attribute>> = {},
  outputs: readonly string[] = ["y"],
): TestModel => {
  const names = text.split(" ").map((name) => (name === "-" ? "" : name));
  return {
    inputs,
    constants: Object.fromEntries(Object.entries(constants).filter(([name]) => names.includes(name))),
    nodes: [{ op, domain, in: names, out: outputs, attributes }],
    outputs: outputs.filter((name) => name !== ""),
  };
};

/** All bytes, in a tensor of the given shape. */
const bytes = (dtype: "u8" | "i8", shape: readonly number[]): TestTensor =>
  dtype === "u8" ? integers(dtype, shape, 0, 256) : integers(dtype, shape, -128, 128);

/** Scale and zero point of a tensor under two names. */
const parameters = (dtype: "u8" | "i8", name: string, scale: number, zero: number) => ({
  [`${name}s`]: one("f32", scale),
  [`${name}z`]: one(dtype, dtype === "u8" ? zero + 128 : zero),
});

describe("onnxruntime-web as an oracle for quantisers", () => {
  for (const dtype of ["u8", "i8"] as const) {
    describe(`given operators on ${dtype}`, () => {
      for (const [xs, xz, ys, yz] of [
        [0.5, 3, 0.25, 0],
        [0.25, -3, 0.5, 5],
        [0.25, -4, 1, -7],
        [0.037, 11, 0.051, -21],
      ] as const) {
        const all = { ...parameters(dtype, "x", xs, xz), ...parameters(dtype, "y", ys, yz) };
        const of = `of scales ${String(xs)} and ${String(ys)}, zero points ${String(xz)} and ${String(yz)}`;
        it(`QLinearSigmoid ${of} agrees on every bit`, async () =>
          agrees(model("QLinearSigmoid", { x: bytes(dtype, [999]) }, all, "x xs xz ys yz")));
        it(`QLinearLeakyRelu ${of} agrees on every bit`, async () => {
          await agrees(model("QLinearLeakyRelu", { x: bytes(dtype, [999]) }, all, "x xs xz ys yz", { alpha: 0.25 }));
          await agrees(model("QLinearLeakyRelu", { x: bytes(dtype, [999]) }, all, "x xs xz ys yz"));
        });
        it(`QLinearWhere ${of} agrees on every bit`, async () => {
          const b = parameters(dtype, "b", 0.25, 1);
          const inputs = { c: integers("bool", [30, 1], 0, 2), x: bytes(dtype, [30, 40]), b: bytes(dtype, [40]) };
          await agrees(model("QLinearWhere", inputs, { ...all, ...b }, "c x xs xz b bs bz ys yz"));
          await agrees(model("QLinearWhere", inputs, { ...all, ...b }, "c b bs bz x xs xz bs bz"));
        });
        for (const [size, attributes] of [
          [[2, 5, 9], { kernel_shape: [3], strides: [2], pads: [1, 1] }],
          [[2, 5, 9, 8], { kernel_shape: [3, 2], pads: [1, 0, 1, 1] }],
          [[2, 5, 9, 8], { kernel_shape: [3, 2], strides: [2, 3], pads: [1, 0, 1, 1], count_include_pad: 1 }],
          [[2, 5, 9, 9], { kernel_shape: [2, 2], strides: [2, 2], auto_pad: "SAME_UPPER" }],
          [[2, 5, 8, 8], { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }],
          [[1, 3, 5, 6, 7], { kernel_shape: [2, 3, 2], strides: [1, 2, 3] }],
          [[2, 5, 9, 8], { kernel_shape: [9, 8] }],
          [[2, 5, 9, 8], { kernel_shape: [7, 8], strides: [2, 1] }],
        ] as const) {
          const what = `${JSON.stringify(attributes)} of [${size.join(", ")}]`;
          it(`QLinearAveragePool ${what} ${of} agrees on every bit`, async () =>
            agrees(model("QLinearAveragePool", { x: bytes(dtype, size) }, all, "x xs xz ys yz", attributes)));
        }
        for (const op of ["QLinearAdd", "QLinearMul"]) {
          it(`${op} ${of} agrees on every bit`, async () => {
            const b = { ...parameters(dtype, "b", 0.25, 1) };
            const inputs = { x: bytes(dtype, [999]), b: bytes(dtype, [999]) };
            await agrees(model(op, inputs, { ...all, ...b }, "x xs xz b bs bz ys yz"));
          });
        }
        it(`QLinearGlobalAveragePool ${of} agrees on every bit`, async () =>
          agrees(model("QLinearGlobalAveragePool", { x: bytes(dtype, [2, 9, 5, 6]) }, all, "x xs xz ys yz")));
        it(`QLinearConcat ${of} agrees on every bit`, async () => {
          const b = parameters(dtype, "b", 0.25, 1);
          const inputs = { x: bytes(dtype, [3, 50]), b: bytes(dtype, [3, 70]) };
          await agrees(model("QLinearConcat", inputs, { ...all, ...b }, "ys yz x xs xz b bs bz", { axis: 1 }));
        });
      }
    });
  }

  describe("given QLinearSoftmax", () => {
    for (const [scale, n] of [
      [0.1, 10],
      [0.02, 1000],
      [1, 3],
      [0.37, 64],
    ] as const) {
      it(`of ${String(n)} bytes of scale ${String(scale)} agrees on every bit`, async () => {
        const constants = { xs: one("f32", scale), xz: one("u8", 3), ys: one("f32", 1 / 256), yz: one("u8", 0) };
        const x = bytes("u8", [50, n]);
        await agrees(model("QLinearSoftmax", { x }, constants, "x xs xz ys yz", { opset: 13 }));
        for (const [ys, yz] of [
          [1 / 256, -128],
          [1 / 127, 0],
        ] as const) {
          const signed = { xs: one("f32", scale), xz: one("i8", 3), ys: one("f32", ys), yz: one("i8", yz) };
          await agrees(model("QLinearSoftmax", { x: bytes("i8", [50, n]) }, signed, "x xs xz ys yz", { opset: 13 }));
        }
      });
    }
    it("agrees along a middle axis and, of opset 12, over several", async () => {
      const constants = { xs: one("f32", 0.1), xz: one("u8", 3), ys: one("f32", 1 / 256), yz: one("u8", 9) };
      const x = bytes("u8", [5, 6, 7]);
      await agrees(model("QLinearSoftmax", { x }, constants, "x xs xz ys yz", { opset: 13, axis: 1 }));
      await agrees(model("QLinearSoftmax", { x }, constants, "x xs xz ys yz", { opset: 12, axis: 1 }));
    });
  });

  describe("given a product of integers", () => {
    const sizes = [
      [1, 64, 5],
      [7, 130, 33],
    ] as const;
    for (const [m, k, n] of sizes) {
      for (const [a, b] of [
        ["u8", "u8"],
        ["u8", "i8"],
        ["i8", "i8"],
      ] as const) {
        const shape = `${a} ${String(m)}x${String(k)} by ${b} ${String(k)}x${String(n)}`;
        const inputs = { a: bytes(a, [m, k]) };
        const whole = {
          ...parameters(a, "a", 0.02, 5),
          ...parameters(b, "b", 0.003, -7),
          ...parameters(a, "y", 0.31, 9),
          b: bytes(b, [k, n]),
          c: integers("i32", [n], -9000, 9000),
        };
        const columns = {
          bs: f32(
            [n],
            Array.from({ length: n }, (_, i) => 0.001 * (i + 1)),
          ),
          bz: { ...bytes(b, [n]) },
        };
        it(`QGemm of ${shape} agrees as bytes`, async () => {
          await agrees(model("QGemm", inputs, whole, "a as az b bs bz c ys yz", { alpha: 1.5 }));
          await agrees(model("QGemm", inputs, whole, "a as az b bs bz - ys yz"));
          await agrees(model("QGemm", inputs, { ...whole, ...columns }, "a as az b bs bz c ys yz"));
        });
        it(`QGemm of ${shape} agrees as floats, transposed`, async () => {
          const turned = { ...whole, b: bytes(b, [n, k]), c: integers("i32", [m, 1], -9000, 9000) };
          await agrees(model("QGemm", { a: bytes(a, [k, m]) }, turned, "a as az b bs bz c", { transA: 1, transB: 1 }));
          await agrees(model("QGemm", inputs, { ...whole, ...columns }, "a as az b bs bz c"));
        });
        it(`MatMulIntegerToFloat of ${shape} agrees`, async () => {
          const bias = floats([n]);
          const all = { ...whole, bias };
          await agrees(model("MatMulIntegerToFloat", inputs, all, "a b as bs az bz bias"));
          await agrees(model("MatMulIntegerToFloat", inputs, all, "a b as bs az"));
          await agrees(model("MatMulIntegerToFloat", inputs, { ...all, ...columns }, "a b as bs az bz"));
        });
        it(`DynamicQuantizeMatMul of ${shape} agrees`, async () => {
          const x = { x: floats([2, m, k], 3) };
          await agrees(model("DynamicQuantizeMatMul", x, { ...whole, bias: floats([n]) }, "x b bs bz bias"));
          await agrees(model("DynamicQuantizeMatMul", x, { ...whole, ...columns }, "x b bs bz"));
          await agrees(model("DynamicQuantizeMatMul", x, whole, "x b bs"));
        });
      }
    }
  });

  describe("given fused operators of transformers", () => {
    const x = floats([3, 5, 48], 3);
    const [scale, shift, bias] = [floats([48]), floats([48]), floats([48])];
    it("BiasGelu, FastGelu and QuickGelu agree on every bit", async () => {
      await agrees(model("BiasGelu", { x: floats([400, 48], 4) }, { bias }, "x bias"));
      await agrees(model("FastGelu", { x: floats([400, 48], 4) }, { bias }, "x bias"));
      await agrees(model("FastGelu", { x: floats([400, 48], 4) }, {}, "x"));
      await agrees(model("QuickGelu", { x: floats([400, 48], 4) }, {}, "x"));
      await agrees(model("QuickGelu", { x: floats([400, 48], 4) }, {}, "x", { alpha: { float: 1 } }));
    });
    it("SkipLayerNormalization agrees on every bit, with its sum", async () => {
      const all = { skip: floats([3, 5, 48]), scale, shift, bias };
      const epsilon = { epsilon: { float: 1e-5 } };
      await agrees(
        model("SkipLayerNormalization", { x }, all, "x skip scale shift bias", epsilon, ["y", "", "", "sum"]),
      );
      await agrees(model("SkipLayerNormalization", { x }, all, "x skip scale shift", epsilon));
      await agrees(model("SkipLayerNormalization", { x }, all, "x skip scale", epsilon));
      const shared = { ...all, skip: floats([5, 48]) };
      await agrees(model("SkipLayerNormalization", { x }, shared, "x skip scale shift bias", epsilon));
    });
    it("SkipSimplifiedLayerNormalization agrees on every bit", async () => {
      const all = { skip: floats([3, 5, 48]), scale, bias };
      const epsilon = { epsilon: { float: 1e-5 } };
      const outputs = ["y", "", "", "sum"];
      await agrees(model("SkipSimplifiedLayerNormalization", { x }, all, "x skip scale bias", epsilon, outputs));
      await agrees(model("SkipSimplifiedLayerNormalization", { x }, all, "x skip scale", epsilon));
    });
    it("SimplifiedLayerNormalization agrees on every bit", async () => {
      const all = model("SimplifiedLayerNormalization", { x }, { scale }, "x scale", { axis: -1, stash_type: 1 });
      await agrees({ ...all, nodes: all.nodes.map((node) => ({ ...node, domain: "" })) });
    });
    for (const [activation, parameters] of [
      ["Relu", []],
      ["Tanh", []],
      ["Sigmoid", []],
      ["LeakyRelu", [0.3]],
      ["Clip", [-0.5, 0.75]],
      ["HardSigmoid", [0.3, 0.6]],
    ] as const) {
      it(`FusedConv with ${activation} agrees on every bit`, async () => {
        const constants = { w: floats([8, 6, 3, 3], 0.3), b: floats([8]) };
        const attributes = {
          activation,
          pads: [1, 1, 1, 1],
          ...(parameters.length > 0 && { activation_params: { floats: parameters } }),
        };
        await agrees(model("FusedConv", { x: floats([2, 6, 9, 9]) }, constants, "x w b", attributes));
        await agrees(model("FusedConv", { x: floats([2, 6, 9, 9]) }, constants, "x w", attributes));
      });
      if (activation === "Clip" || activation === "HardSigmoid") continue;
      it(`FusedGemm with ${activation} agrees on every bit`, async () => {
        const [alpha] = parameters;
        const attributes = {
          activation,
          transB: 1,
          ...(alpha !== undefined && { activation_alpha: { float: alpha } }),
        };
        const constants = { w: floats([20, 150], 0.3), b: floats([20]) };
        await agrees(model("FusedGemm", { x: floats([7, 150]) }, constants, "x w b", attributes));
        await agrees(model("FusedGemm", { x: floats([1, 150]) }, constants, "x w b", attributes));
      });
    }
    for (const [a, b, flags] of [
      [[5, 300], [300, 40], {}],
      [[1, 300], [300, 41], {}],
      [[300, 5], [300, 40], { transA: 1 }],
      [[5, 300], [40, 300], { transB: 1 }],
      [[1, 300], [41, 300], { transB: 1 }],
      [[300, 5], [40, 300], { transA: 1, transB: 1 }],
      [[2, 3, 7, 64], [2, 3, 9, 64], { transB: 1 }],
      [[2, 3, 64, 7], [2, 3, 64, 9], { transA: 1 }],
      [[2, 7, 64], [64, 9], {}],
      [[2, 7, 64], [9, 64], { transB: 1 }],
    ] as const) {
      const shape = `[${a.join(", ")}] by [${b.join(", ")}] ${JSON.stringify(flags)}`;
      it(`FusedMatMul of ${shape} agrees on every bit`, async () => {
        for (const alpha of [1, 0.125, 0.3]) {
          const attributes = { ...flags, alpha: { float: alpha } };
          await agrees(model("FusedMatMul", { a: floats(a), b: floats(b) }, {}, "a b", attributes));
          await agrees(model("FusedMatMul", { a: floats(a) }, { b: floats(b) }, "a b", attributes));
        }
      });
    }
  });

  describe("given QuantizeLinear and DequantizeLinear of ONNX Runtime's own domain", () => {
    it("they agree on every bit", async () => {
      const constants = { s: one("f32", 0.25), z: one("u8", 77) };
      await agrees(model("QuantizeLinear", { x: floats([500], 20) }, constants, "x s z"));
      await agrees(model("DequantizeLinear", { x: bytes("u8", [500]) }, constants, "x s z"));
      const wide = { s: f32([3], [0.01, 0.5, 2]), z: integers("i16", [3], -9, 9) };
      await agrees(model("DequantizeLinear", { x: integers("i16", [4, 3], -9000, 9000) }, wide, "x s z", { axis: 1 }));
    });
  });
});
