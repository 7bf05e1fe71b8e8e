import { atLeast, item, lastItem } from "../../../items.ts";
import type { Lowering } from "../../build/lowering.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Ref, StageBuilder } from "../../build/stage.ts";
import { memoryOrder, type Value } from "../../build/value.ts";
import { alongRows, broadcastTo } from "../../build/view.ts";
import { elementCount } from "../../file/element-type.ts";
import { rowSum } from "../arithmetic/normalize.ts";
import { float, range } from "../common.ts";
import { reshaped } from "../tensor/movement.ts";
import { localResponse } from "./local-response.ts";

/** Mean and denominator (square root of the variance plus epsilon) of each row, as onnxruntime-web takes them. */
interface RowStatistics {
  readonly mean: Value | undefined;
  readonly deviation: Value;
}

/** Sums of the elements and of their squares in one pass; variance as the mean of squares less the square of the mean. */
export const rowStatistics = (lowering: Lowering, rows: Value, epsilon: number, centre: boolean): RowStatistics => {
  const n = lastItem(rows.shape);
  const squares = rowSum(
    lowering,
    rows,
    (s, x) => s.op("fmul", x, x),
    (s, sum) => s.op("fdiv", sum, s.f(n)),
  );
  if (!centre) {
    const deviation = lowering.map("f32", [squares], (s, q) => s.op("fsqrt", s.op("fadd", q, s.f(epsilon))));
    return { mean: undefined, deviation };
  }
  const mean = rowSum(lowering, rows, undefined, (s, sum) => s.op("fdiv", sum, s.f(n)));
  const deviation = lowering.map("f32", [squares, mean], (s, q, m) => {
    const variance = s.op("fsub", q, s.op("fmul", m, m));
    return s.op("fsqrt", s.op("fadd", variance, s.f(epsilon)));
  });
  return { mean, deviation };
};

/** Welford's running mean and squared differences, as onnxruntime-web's LayerNormalization. */
export const welford = (lowering: Lowering, rows: Value, epsilon: number): RowStatistics => {
  const n = lastItem(rows.shape);
  const one = (result: "mean" | "deviation"): Value =>
    lowering.emit({
      dtype: "f32",
      shape: rows.shape.slice(0, -1),
      fold: {
        dims: [n],
        classes: ["f32", "f32"],
        init: (s) => [s.f(0), s.f(0)],
        step: (s, out, red) => {
          const [k] = atLeast(red, 1);
          const x = s.load(rows, [...out, k]);
          const [mean, squares] = [s.accumulator(0), s.accumulator(1)];
          const count = s.op("i2f", s.affine(k.plus(1)));
          const delta = s.op("fsub", x, mean);
          const next = s.op("fadd", mean, s.op("fdiv", delta, count));
          return [next, s.op("fadd", squares, s.op("fmul", delta, s.op("fsub", x, next)))];
        },
      },
      finish: (s) => {
        if (result === "mean") return s.accumulator(0);
        return s.op("fsqrt", s.op("fadd", s.op("fdiv", s.accumulator(1), s.f(n)), s.f(epsilon)));
      },
    });
  return { mean: one("mean"), deviation: one("deviation") };
};

/** Rows less their mean (if centred), over their deviation, times a scale, plus a bias. */
export const layerNormalization = (node: NodeContext, centre: boolean): Value[] => {
  const x = float(node, node.in(0));
  const scale = node.opt(1);
  const bias = centre ? node.opt(2) : undefined;
  const rank = x.shape.length;
  const axis = node.axis(node.int("axis", -1), rank);
  const epsilon = node.float("epsilon", 1e-5);
  if (node.int("stash_type", 1) !== 1) throw node.refuse("only stash_type float", "stash_type");
  const rows = reshaped(node.lowering, x, [elementCount(x.shape.slice(0, axis)), elementCount(x.shape.slice(axis))]);
  const { mean, deviation } = centre
    ? welford(node.lowering, rows, epsilon)
    : rowStatistics(node.lowering, rows, epsilon, false);
  const inside = x.shape.slice(axis);
  const spread = (value: Value): Value =>
    reshaped(
      node.lowering,
      broadcastTo(value, value.shape.length > inside.length ? x.shape : inside),
      value.shape.length > inside.length ? rows.shape : [1, elementCount(inside)],
    );
  const values = [rows, alongRows(deviation, rows)];
  if (mean) values.push(alongRows(mean, rows));
  const scaleAt = scale ? values.push(spread(float(node, scale))) - 1 : undefined;
  const biasAt = bias ? values.push(spread(float(node, bias))) - 1 : undefined;
  const result = node.lowering.map("f32", values, (s, ...refs) => {
    const [v, d] = [item(refs, 0), item(refs, 1)];
    const centred = mean ? s.op("fsub", v, item(refs, 2)) : v;
    let y = s.op("fdiv", centred, d);
    if (scaleAt !== undefined) y = s.op("fmul", y, item(refs, scaleAt));
    if (biasAt !== undefined) y = s.op("fadd", y, item(refs, biasAt));
    return y;
  });
  const y = reshaped(node.lowering, result, x.shape);
  if (!centre || node.outputCount === 1 || mean === undefined) return [y];
  const kept = x.shape.map((size, d) => (d < axis ? size : 1));
  const inverse = node.lowering.map("f32", [deviation], (s, d) => s.op("fdiv", s.f(1), d));
  return [y, reshaped(node.lowering, mean, kept), reshaped(node.lowering, inverse, kept)];
};

/** (x - mean) / deviation * scale + bias over groups of channels of each image. */
const groupNormalization = (
  node: NodeContext,
  x: Value,
  groups: number,
  epsilon: number,
  affine: (channel: Value) => Value,
): Value => {
  const [n, c, ...sizes] = atLeast(x.shape, 2);
  const rows = reshaped(node.lowering, x, [n, groups, (c / groups) * elementCount(sizes)]);
  const { mean, deviation } = rowStatistics(node.lowering, rows, epsilon, true);
  if (mean === undefined) throw new RangeError("a centred statistic has a mean");
  const [scale, bias] = [affine(float(node, node.in(1))), affine(float(node, node.in(2)))];
  const perGroup = c / groups;
  const grouped = reshaped(node.lowering, x, [n, groups, perGroup, ...sizes]);
  const view = (value: Value): Value => reshaped(node.lowering, value, [groups, perGroup]);
  const [scales, biases] = [view(scale), view(bias)];
  const result = node.lowering.emit({
    dtype: "f32",
    shape: grouped.shape,
    order: memoryOrder(grouped),
    finish: (s, out) => {
      const group = out.slice(0, 2);
      const channel = out.slice(1, 3);
      const centred = s.op("fsub", s.load(grouped, out), s.load(mean, group));
      const normal = s.op("fdiv", centred, s.load(deviation, group));
      return s.op("fadd", s.op("fmul", normal, s.load(scales, channel)), s.load(biases, channel));
    },
  });
  return reshaped(node.lowering, result, x.shape);
};

const groupNorm = (node: NodeContext): Value => {
  const x = float(node, node.in(0));
  const groups = node.int("num_groups", 1);
  const c = item(x.shape, 1);
  if (groups < 1 || c % groups !== 0) throw node.invalid("the channels do not divide by num_groups", "num_groups");
  if (node.int("stash_type", 1) !== 1) throw node.refuse("only stash_type float", "stash_type");
  // Until opset 20 scale and bias were given by group.
  const affine = (value: Value): Value =>
    value.shape[0] === c
      ? value
      : reshaped(
          node.lowering,
          broadcastTo({ ...value, shape: [groups, 1], strides: [item(value.strides, 0), 0] }, [groups, c / groups]),
          [c],
        );
  return groupNormalization(node, x, groups, node.float("epsilon", 1e-5), affine);
};

/** As onnxruntime-web: mean, mean of squared differences, then x * a + c with a and c by channel and image. */
const instanceNorm = (node: NodeContext): Value => {
  const x = float(node, node.in(0));
  if (node.opset < 6) node.ignore("consumed_inputs");
  const epsilon = node.float("epsilon", 1e-5);
  const [scale, bias] = [float(node, node.in(1)), float(node, node.in(2))];
  const [n, c, ...sizes] = atLeast(x.shape, 2);
  const size = elementCount(sizes);
  const rows = reshaped(node.lowering, x, [n, c, size]);
  const mean = rowSum(node.lowering, rows, undefined, (s, sum) => s.op("fdiv", sum, s.f(size)));
  const centred = node.lowering.map("f32", [rows, alongRows(mean, rows)], (s, v, m) => s.op("fsub", v, m));
  const squares = rowSum(node.lowering, centred, (s, v) => s.op("fmul", v, v));
  const a = node.lowering.map("f32", [squares, scale], (s, q, g) => {
    const deviation = s.op("fsqrt", s.op("fadd", s.op("fdiv", q, s.f(size)), s.f(epsilon)));
    return s.op("fmul", s.op("fdiv", s.f(1), deviation), g);
  });
  const shift = node.lowering.map("f32", [bias, mean, a], (s, b, m, k) => s.op("fsub", b, s.op("fmul", m, k)));
  const result = node.lowering.map("f32", [rows, alongRows(a, rows), alongRows(shift, rows)], (s, v, k, t) =>
    s.op("fadd", s.op("fmul", v, k), t),
  );
  return reshaped(node.lowering, result, x.shape);
};

/** (x - E x) / sqrt(E x^2 - (E x)^2), with 1e-9 added to the root. */
const meanVariance = (node: NodeContext): Value => {
  const x = float(node, node.in(0));
  const axes = (node.ints("axes") ?? [0, 2, 3]).map((axis) => node.axis(axis, x.shape.length));
  const order = [...range(x.shape.length).filter((d) => !axes.includes(d)), ...axes];
  const shape = order.map((d) => item(x.shape, d));
  const view: Value = { ...x, shape, strides: order.map((d) => item(x.strides, d)) };
  const rows = reshaped(node.lowering, view, [
    elementCount(shape.slice(0, -axes.length)),
    elementCount(shape.slice(-axes.length)),
  ]);
  // The mean of the squared differences from the mean, and no epsilon: a row of equal elements gives NaN.
  const n = item(rows.shape, 1);
  const ofRow = (s: StageBuilder, sum: Ref): Ref => s.op("fdiv", sum, s.f(n));
  const mean = rowSum(node.lowering, rows, undefined, ofRow);
  const centred = node.lowering.map("f32", [rows, alongRows(mean, rows)], (s, v, m) => s.op("fsub", v, m));
  const deviation = rowSum(
    node.lowering,
    centred,
    (s, v) => s.op("fmul", v, v),
    (s, sum) => s.op("fsqrt", ofRow(s, sum)),
  );
  const result = node.lowering.map("f32", [centred, alongRows(deviation, rows)], (s, v, d) => s.op("fdiv", v, d));
  const back = reshaped(node.lowering, result, shape);
  return { ...back, shape: x.shape, strides: range(order.length).map((d) => item(back.strides, order.indexOf(d))) };
};

/** Normalisations by rows and groups. */
export const LAYER_NORM: readonly Operator[] = [
  onnx("LayerNormalization", 17, (node) => layerNormalization(node, true)),
  onnx("RMSNormalization", 23, (node) => layerNormalization(node, false)),
  onnx("GroupNormalization", 18, groupNorm),
  onnx("InstanceNormalization", 1, instanceNorm),
  onnx("MeanVarianceNormalization", 9, meanVariance),
  onnx("LRN", 1, localResponse),
];
