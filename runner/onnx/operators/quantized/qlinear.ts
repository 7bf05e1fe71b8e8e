import { atLeast, item, lastItem } from "../../../items.ts";
import { microsoft, type NodeContext, type Operator } from "../../build/node.ts";
import type { Ref, StageBuilder } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { broadcastTo, permuted } from "../../build/view.ts";
import { elementCount } from "../../file/element-type.ts";
import * as fn from "../../functions/index.ts";
import { computable, float } from "../common.ts";
import { windowCounts, windowSum } from "../neural/pool.ts";
import { leavingDimensions, windowsOf } from "../neural/windows.ts";
import { matmulInteger, requantize } from "./integer-products.ts";
import { dynamicallyQuantized, quantizedAverage } from "./microsoft.ts";
import { quantizedSoftmax } from "./qlinear-softmax.ts";
import { byte, dequantized, quantized, quantizedAfter, scalar, zeroPoint, scalarOf } from "./quantized-bytes.ts";

/** A function of one byte: (x, scale, zp, y scale, y zp). */
const byteFunction = (name: string, body: (node: NodeContext) => (s: StageBuilder, v: Ref) => Ref): Operator =>
  microsoft(name, (node) => {
    const x = node.in(0);
    const dtype = byte(node, x);
    const f = body(node);
    const parameters = [scalar(node, 1), zeroPoint(node, 2, dtype), scalar(node, 3), zeroPoint(node, 4, dtype)];
    return node.lowering.map(dtype, [x, ...parameters], (s, v, xs, xz, ys, yz) =>
      quantized(s, dtype, f(s, dequantized(s, v, xs, xz)), ys, yz),
    );
  });

/** Where(condition, x, y), each with scale and zero point; an operand of the result's own parameters passes as it is. */
const quantizedWhere = (node: NodeContext): Value => {
  const [condition, x, y] = [node.in(0), node.in(1), node.in(4)];
  const dtype = byte(node, x);
  if (byte(node, y) !== dtype) throw node.invalid("operands of different types");
  const [zs, zz] = [scalar(node, 7), scalar(node, 8)];
  const requantized = (value: Value, at: number): Value =>
    node.lowering.map(dtype, [value, scalar(node, at), scalar(node, at + 1), zs, zz], (s, v, vs, vz, os, oz) => {
      const same = s.op("iand", s.op("feq", vs, os), s.op("ieq", vz, oz));
      return s.select(same, v, quantized(s, dtype, dequantized(s, v, vs, vz), os, oz));
    });
  return node.lowering.map(dtype, [condition, requantized(x, 2), requantized(y, 5)], (s, c, a, b) => s.select(c, a, b));
};

/** Windows are dequantised, averaged in order and quantised; a window over everything is QLinearGlobalAveragePool. */
const quantizedAveragePool = (node: NodeContext): Value => {
  const x = node.in(0);
  const dtype = byte(node, x);
  const ceil = node.int("ceil_mode", 0) === 1;
  const includePad = node.int("count_include_pad", 0) === 1;
  if (node.int("channels_last", 0) === 1) throw node.refuse("channels last", "channels_last");
  const windows = windowsOf(node, x.shape.slice(2), undefined, { ceil, dilates: false });
  const everything = windows.kernel.every((size, d) => size === x.shape[d + 2]);
  if (everything && [...windows.before, ...windows.after].every((pad) => pad === 0)) return quantizedAverage(node);
  if (ceil && leavingDimensions(x, windows).length > 0) throw node.refuse("windows that leave the input", "ceil_mode");
  const [xs, xz, ys, yz] = [scalar(node, 1), zeroPoint(node, 2, dtype), scalar(node, 3), zeroPoint(node, 4, dtype)];
  const values = node.lowering.map("f32", [x, xs, xz], (s, v, k, z) => dequantized(s, v, k, z));
  const counts = windowCounts(x, windows, includePad).map((row) => node.lowering.constantOf("f32", [row.length], row));
  const size = elementCount(windows.kernel);
  const averages = windowSum(node, values, windows, (s, out, sum) => {
    if (includePad) return s.op("fdiv", sum, s.f(size));
    const factors = counts.map((row, d) => s.load(row, [item(out, d + 2)]));
    return s.op(
      "fdiv",
      sum,
      factors.reduce((n, factor) => s.op("fmul", n, factor)),
    );
  });
  return node.lowering.map(dtype, [averages, ys, yz], (s, v, k, z) => quantizedAfter(s, dtype, v, k, z));
};

/** A scale of one element or of one for each column, seen along the columns of a product of `rank` dimensions. */
const columnScale = (node: NodeContext, scale: Value, columns: number, rank: number): Value => {
  if (elementCount(scale.shape) === 1)
    return { ...scale, shape: new Array<number>(rank).fill(1), strides: new Array<number>(rank).fill(0) };
  if (scale.shape.length !== 1 || scale.shape[0] !== columns) throw node.refuse("scales other than one a column");
  const [stride] = atLeast(scale.strides, 1);
  return {
    ...scale,
    shape: [...new Array<number>(rank - 1).fill(1), columns],
    strides: [...new Array<number>(rank - 1).fill(0), stride],
  };
};

/** alpha A B + C in integers, then a float of it or bytes. */
const quantizedGemm = (node: NodeContext): Value => {
  const [a, b, c, yScale, yZero] = [node.in(0), node.in(3), node.opt(6), node.opt(7), node.opt(8)];
  byte(node, a);
  byte(node, b);
  if (c !== undefined && c.element !== "i32") throw node.invalid(`a bias of type ${c.element}`);
  if ((yScale === undefined) !== (yZero === undefined)) {
    throw node.refuse("only one of the output's scale and zero point");
  }
  if (a.shape.length !== 2 || b.shape.length !== 2) throw node.invalid("the matrices do not multiply");
  const left = node.int("transA", 0) === 1 ? permuted(a, [1, 0]) : a;
  const right = node.int("transB", 0) === 1 ? permuted(b, [1, 0]) : b;
  const [rows, columns] = [item(left.shape, 0), item(right.shape, 1)];
  const alpha = node.float("alpha", 1);
  const bias = c && broadcastTo(c, [rows, columns]);
  const scales = [
    scalarOf(node, float(node, node.in(1)), "the scale"),
    columnScale(node, float(node, node.in(4)), columns, 2),
  ];
  const scale = node.lowering.map(
    "f32",
    yScale ? [...scales, scalarOf(node, yScale, "the scale")] : scales,
    (s, p, q, r) => {
      const product = s.op("fmul", s.op("fmul", s.f(alpha), p), q);
      return yScale && r ? s.op("fdiv", product, r) : product;
    },
  );
  const along = broadcastTo(scale, [rows, columns]);
  const dtype = yZero === undefined ? ("f32" as const) : byte(node, yZero);
  const zero = yZero && scalarOf(node, yZero, "the output zero point");
  return matmulInteger(node, left, node.in(2), right, node.in(5), dtype, (s, out, sum) => {
    const total = bias === undefined ? sum : s.op("iadd", sum, s.load(bias, out));
    const factor = s.load(along, out);
    if (zero !== undefined) return requantize(s, dtype, total, factor, s.load(zero, []));
    return s.op("fmul", s.op("i2f", s.wrap(total, "i32")), factor);
  });
};

/** A product of integers as floats: times both scales, plus a bias. */
const integerProduct = (
  node: NodeContext,
  a: readonly [value: Value, scale: Value, zero: Value | undefined],
  b: readonly [value: Value, scale: Value, zero: Value | undefined],
  bias: Value | undefined,
): Value => {
  const columns = lastItem(b[0].shape);
  if (a[0].shape.length < 2 || b[0].shape.length < 2) throw node.refuse("operands of fewer than two dimensions");
  if (elementCount(a[1].shape) !== 1) throw node.refuse("more than one scale for the first operand");
  const scale = node.lowering.map(
    "f32",
    [scalarOf(node, a[1], "the scale"), columnScale(node, b[1], columns, 1)],
    (s, p, q) => s.op("fmul", p, q),
  );
  const along = broadcastTo(scale, [columns]);
  if (bias !== undefined && (bias.shape.length !== 1 || bias.shape[0] !== columns))
    throw node.invalid("not one bias a column");
  return matmulInteger(node, a[0], a[2], b[0], b[2], "f32", (s, out, sum) => {
    const column = out.slice(-1);
    const value = s.op("fmul", s.op("i2f", s.wrap(sum, "i32")), s.load(along, column));
    return bias === undefined ? value : s.op("fadd", value, s.load(bias, column));
  });
};

/** Operators that ONNX Runtime's quantiser writes. */
export const QLINEAR: readonly Operator[] = [
  byteFunction("QLinearLeakyRelu", (node) => {
    const alpha = node.float("alpha", 0.01);
    return (s, v) => s.select(s.op("fle", s.f(0), v), v, s.op("fmul", s.f(alpha), v));
  }),
  byteFunction("QLinearSigmoid", () => fn.sigmoid),
  microsoft("QLinearWhere", quantizedWhere),
  microsoft("QLinearAveragePool", quantizedAveragePool),
  microsoft("QLinearSoftmax", quantizedSoftmax),
  microsoft("QGemm", quantizedGemm),
  microsoft("MatMulIntegerToFloat", (node) => {
    const [a, b] = [node.in(0), node.in(1)];
    byte(node, a);
    byte(node, b);
    const scales = [float(node, node.in(2)), float(node, node.in(3))] as const;
    return integerProduct(node, [a, scales[0], node.opt(4)], [b, scales[1], node.opt(5)], node.opt(6));
  }),
  microsoft("DynamicQuantizeMatMul", (node) => {
    const [given, b] = [float(node, node.in(0)), node.in(1)];
    computable(node, b);
    byte(node, b);
    const a = dynamicallyQuantized(node, given);
    return integerProduct(node, a, [b, float(node, node.in(2)), node.opt(3)], node.opt(4));
  }),
];
