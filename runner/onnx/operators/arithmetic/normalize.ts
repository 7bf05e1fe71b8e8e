import { atLeast, item, lastItem } from "../../../items.ts";
import type { KernelStage } from "../../build/kernels.ts";
import type { Lowering } from "../../build/lowering.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Ref } from "../../build/stage.ts";
import { memoryOrder, type Value } from "../../build/value.ts";
import { alongRows, permuted } from "../../build/view.ts";
import { elementCount } from "../../file/element-type.ts";
import * as fn from "../../functions/index.ts";
import { LARGEST_F32, float, range } from "../common.ts";
import { reshaped } from "../tensor/movement.ts";

/** A sum over the last dimension of [rows, n], each element mapped first. Sequential from 0. */
export const rowSum = (
  lowering: Lowering,
  rows: Value,
  map: (s: KernelStage, x: Ref) => Ref = (_, x) => x,
  finish: (s: KernelStage, sum: Ref) => Ref = (_, sum) => sum,
): Value =>
  lowering.emit({
    dtype: "f32",
    shape: rows.shape.slice(0, -1),
    fold: {
      dims: rows.shape.slice(-1),
      classes: ["f32"],
      init: (s) => [s.f(0)],
      step: (s, out, red) => {
        const [k] = atLeast(red, 1);
        return [s.op("fadd", s.accumulator(), map(s, s.load(rows, [...out, k])))];
      },
    },
    finish: (s) => finish(s, s.accumulator()),
  });

/**
 * A sum over the last dimension as onnxruntime-web's vector code takes it: four interleaved sums, added as
 * (0 + 2) + (1 + 3), then the elements left over.
 */
const laneSum = (
  lowering: Lowering,
  rows: Value,
  finish: (s: KernelStage, sum: Ref) => Ref = (_, sum) => sum,
): Value => {
  const n = lastItem(rows.shape);
  const rounds = Math.floor(n / 4);
  const outer = rows.shape.slice(0, -1);
  if (rounds === 0) return rowSum(lowering, rows, undefined, finish);
  const lanes = lowering.emit({
    dtype: "f32",
    shape: [...outer, 4],
    fold: {
      dims: [rounds],
      classes: ["f32"],
      init: (s) => [s.f(0)],
      step: (s, out, red) => {
        const [k] = atLeast(red, 1);
        const at = k.times(4).plus(lastItem(out));
        return [s.op("fadd", s.accumulator(), s.load(rows, [...out.slice(0, -1), at]))];
      },
    },
    finish: (s) => s.accumulator(),
  });
  return lowering.emit({
    dtype: "f32",
    shape: outer,
    finish: (s, out) => {
      const [a, c, d, e] = range(4).map((lane) => s.load(lanes, [...out, lane]));
      if (!a || !c || !d || !e) throw new RangeError("four lanes");
      let sum = s.op("fadd", s.op("fadd", a, d), s.op("fadd", c, e));
      for (let k = 4 * rounds; k < n; k++) sum = s.op("fadd", sum, s.load(rows, [...out, k]));
      return finish(s, sum);
    },
  });
};

/** The largest element of each row, from the lowest finite f32 on: a row of nothing but -inf has softmax 1 / n each. */
const rowMax = (lowering: Lowering, rows: Value): Value =>
  lowering.emit({
    dtype: "f32",
    shape: rows.shape.slice(0, -1),
    fold: {
      dims: rows.shape.slice(-1),
      classes: ["f32"],
      init: (s) => [s.f(-LARGEST_F32)],
      step: (s, out, red) => {
        const [k] = atLeast(red, 1);
        return [s.op("fmax", s.accumulator(), s.load(rows, [...out, k]))];
      },
    },
    finish: (s) => s.accumulator(),
  });

/** Softmax of each row as onnxruntime-web: exp(x - max), their sum in order, times its reciprocal. */
export const softmaxRows = (lowering: Lowering, rows: Value, logarithm = false): Value => {
  const max = rowMax(lowering, rows);
  const powers = lowering.map("f32", [rows, alongRows(max, rows)], (s, x, m) =>
    fn.expNegative(s, s.op("fadd", x, s.op("fneg", m))),
  );
  if (logarithm) {
    const logSum = laneSum(lowering, powers, (s, sum) => fn.log(s, sum));
    return lowering.map("f32", [rows, alongRows(max, rows), alongRows(logSum, rows)], (s, x, m, l) =>
      s.op("fsub", s.op("fadd", x, s.op("fneg", m)), l),
    );
  }
  const inverse = laneSum(lowering, powers, (s, sum) => s.op("fdiv", s.f(1), sum));
  return lowering.map("f32", [powers, alongRows(inverse, rows)], (s, p, i) => s.op("fmul", i, p));
};

/** Applies a function of rows along one axis (opset 13) or over all axes from one on (before). */
const alongAxis = (node: NodeContext, body: (rows: Value) => Value): Value => {
  const x = float(node, node.in(0));
  const rank = x.shape.length;
  if (node.opset < 13) {
    // From 0 to the rank: all axes may be on one side. A negative one counts from the end, as everywhere.
    const given = node.int("axis", 1);
    const axis = given < 0 ? node.axis(given, rank) : node.axis(given, rank + 1);
    const rows = reshaped(node.lowering, x, [elementCount(x.shape.slice(0, axis)), elementCount(x.shape.slice(axis))]);
    return reshaped(node.lowering, body(rows), x.shape);
  }
  const axis = node.axis(node.int("axis", -1), rank);
  const order = [...range(rank).filter((d) => d !== axis), axis];
  const result = body(permuted(x, order));
  return permuted(
    result,
    range(rank).map((d) => order.indexOf(d)),
  );
};

/** 1 at the first largest element of each row, 0 elsewhere. */
const hardmaxRows = (lowering: Lowering, rows: Value): Value => {
  const n = lastItem(rows.shape);
  const at = lowering.emit({
    dtype: "i64",
    shape: rows.shape.slice(0, -1),
    fold: {
      dims: [n],
      classes: ["f32", "int"],
      init: (s) => [s.f(-Infinity), s.i(0)],
      step: (s, out, red) => {
        const [k] = atLeast(red, 1);
        const x = s.load(rows, [...out, k]);
        const better = s.op("flt", s.accumulator(0), x);
        return [s.select(better, x, s.accumulator(0)), s.select(better, s.affine(k), s.accumulator(1))];
      },
    },
    finish: (s) => s.accumulator(1),
  });
  return lowering.emit({
    dtype: "f32",
    shape: rows.shape,
    finish: (s, out) => {
      const hit = s.op("ieq", s.load(at, out.slice(0, -1)), s.affine(lastItem(out)));
      return s.op("i2f", hit);
    },
  });
};

const batchNormalization = (node: NodeContext): Value => {
  const x = float(node, node.in(0));
  const [scale, bias, mean, variance] = range(4).map((i) => float(node, node.in(i + 1)));
  const epsilon = node.float("epsilon", 1e-5);
  node.ignore("momentum", "consumed_inputs");
  if (node.int("training_mode", 0) !== 0) throw node.refuse("training mode", "training_mode");
  if (node.opset < 7 && node.int("is_test", 0) === 0) throw node.refuse("training mode", "is_test");
  if (node.opset < 9) {
    if (node.int("spatial", 1) !== 1) throw node.refuse("spatial = 0", "spatial");
  }
  if (!scale || !bias || !mean || !variance) throw node.invalid("five inputs are needed");
  // As ONNX Runtime: y = x a + c with a = scale / sqrt(var + eps) through a reciprocal, c = bias - mean a.
  const a = node.lowering.map("f32", [scale, variance], (s, g, v) => {
    const inverse = s.op("fdiv", s.f(1), s.op("fsqrt", s.op("fadd", v, s.f(epsilon))));
    return s.op("fmul", inverse, g);
  });
  const c = node.lowering.map("f32", [bias, mean, a], (s, b, m, k) => s.op("fsub", b, s.op("fmul", m, k)));
  return node.lowering.emit({
    dtype: "f32",
    shape: x.shape,
    order: memoryOrder(x),
    finish: (s, out) => {
      const channel = [item(out, 1)];
      return s.op("fadd", s.op("fmul", s.load(x, out), s.load(a, channel)), s.load(c, channel));
    },
  });
};

/** Softmax, LogSoftmax and Hardmax, and normalisation by channels. */
export const NORMALIZE: readonly Operator[] = [
  onnx("Softmax", 1, (node) => alongAxis(node, (rows) => softmaxRows(node.lowering, rows))),
  onnx("LogSoftmax", 1, (node) => alongAxis(node, (rows) => softmaxRows(node.lowering, rows, true))),
  onnx("Hardmax", 1, (node) => alongAxis(node, (rows) => hardmaxRows(node.lowering, rows))),
  onnx("BatchNormalization", 1, batchNormalization),
];
