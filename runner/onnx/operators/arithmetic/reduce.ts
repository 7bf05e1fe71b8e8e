import { atLeast, item } from "../../../items.ts";
import type { DType } from "../../../machine/dtype.ts";
import { type Index, asIndex } from "../../build/affine.ts";
import type { KernelStage } from "../../build/kernels.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Ref } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { without } from "../../build/view.ts";
import { elementCount } from "../../file/element-type.ts";
import * as fn from "../../functions/index.ts";
import { rowDot } from "../../sums/dot-of-row.ts";
import { computable, float, integerRange, isFloatType, less, range } from "../common.ts";
import { reshaped } from "../tensor/movement.ts";

/** What a reduction does with each element and with the sum. */
interface Reduction {
  readonly start: (s: KernelStage, dtype: DType) => Ref;
  readonly step: (s: KernelStage, dtype: DType, acc: Ref, x: Ref) => Ref;
  readonly finish?: (s: KernelStage, dtype: DType, acc: Ref, count: number) => Ref;
}

const zero = (s: KernelStage, dtype: DType): Ref => (isFloatType(dtype) ? s.f(0) : s.i(0));
export const add = (s: KernelStage, a: Ref, b: Ref): Ref => s.op(a.class === "f32" ? "fadd" : "iadd", a, b);
export const multiply = (s: KernelStage, a: Ref, b: Ref): Ref => s.op(a.class === "f32" ? "fmul" : "imul", a, b);
const magnitude = (s: KernelStage, x: Ref): Ref =>
  x.class === "f32" ? s.op("fabs", x) : s.op("imax", x, s.op("isub", s.i(0), x));

const SUM: Reduction = { start: zero, step: (s, _, acc, x) => add(s, acc, x) };

const extreme = (largest: boolean): Reduction => ({
  start: (s, dtype) => {
    if (isFloatType(dtype)) return s.f(largest ? -Infinity : Infinity);
    return s.i(BigInt.asIntN(64, integerRange(dtype)[largest ? 0 : 1]));
  },
  step: (s, dtype, acc, x) => {
    if (isFloatType(dtype)) return s.op(largest ? "fmax" : "fmin", acc, x);
    return s.select(largest ? less(s, dtype, acc, x) : less(s, dtype, x, acc), x, acc);
  },
});

/** Axes of a reduction: an attribute before opset `since`, an input from it on; none means all of them. */
const reducedAxes = (node: NodeContext, rank: number, since: number): number[] => {
  const asInput = node.opset >= since;
  const given = asInput ? (node.opt(1) === undefined ? undefined : node.staticInts(1, "the axes")) : node.ints("axes");
  const keepAll = asInput && node.int("noop_with_empty_axes", 0) === 1;
  if (given === undefined || given.length === 0) return keepAll ? [] : range(rank);
  return given.map((axis) => node.axis(axis, rank)).sort((a, b) => a - b);
};

/** Folds a value over some of its dimensions, which then have size 1. */
const reduceOver = (node: NodeContext, x: Value, axes: readonly number[], reduction: Reduction): Value => {
  const dtype = computable(node, x);
  const { start, step, finish } = reduction;
  const count = elementCount(axes.map((axis) => item(x.shape, axis)));
  const shape = x.shape.map((size, d) => (axes.includes(d) ? 1 : size));
  const done = (s: KernelStage, acc: Ref): Ref => finish?.(s, dtype, acc, count) ?? acc;
  if (elementCount(x.shape) === 0) {
    if (elementCount(shape) === 0) return node.lowering.empty(dtype, shape);
    return node.lowering.emit({ dtype, shape, finish: (s) => done(s, start(s, dtype)) });
  }
  if (axes.length === 0) {
    return node.lowering.map(dtype, [x], (s, v) => done(s, step(s, dtype, start(s, dtype), v)));
  }
  return node.lowering.emit({
    dtype,
    shape,
    fold: {
      dims: axes.map((axis) => item(x.shape, axis)),
      classes: [isFloatType(dtype) ? "f32" : "int"],
      init: (s) => [start(s, dtype)],
      step: (s, out, red) => [step(s, dtype, s.accumulator(), s.load(x, reducedIndices(axes, out, red)))],
    },
    finish: (s) => done(s, s.accumulator()),
  });
};

const reducedIndices = (axes: readonly number[], out: readonly Index[], red: readonly Index[]): Index[] =>
  out.map((index, d) => (axes.includes(d) ? item(red, axes.indexOf(d)) : index));

/** Runs of neighbouring dimensions that are reduced (true) or kept, from the first that is not of size 1. */
const runsOf = (x: Value, axes: readonly number[]): { readonly reduced: boolean; readonly size: number }[] => {
  const first = x.shape.findIndex((size) => size !== 1);
  return range(x.shape.length)
    .slice(first < 0 ? -1 : first)
    .reduce<{ reduced: boolean; size: number }[]>((runs, d) => {
      const reduced = axes.includes(d);
      const last = runs.at(-1);
      if (last?.reduced === reduced) last.size *= item(x.shape, d);
      else runs.push({ reduced, size: item(x.shape, d) });
      return runs;
    }, []);
};

/**
 * Sums of floats in the orders of onnxruntime-web: over the inner run from the first element, over the middle of three
 * runs its matrix-vector kernel, whose last columns sum in runs; over the outer two the sums of rows, added.
 */
export const floatSum = (node: NodeContext, x: Value, axes: readonly number[], reduction: Reduction = SUM): Value => {
  const runs = runsOf(x, axes);
  const pattern = runs.map(({ reduced }) => (reduced ? "R" : "K")).join("");
  const sizes = runs.map(({ size }) => size);
  const shape = x.shape.map((size, d) => (axes.includes(d) ? 1 : size));
  const count = elementCount(axes.map((axis) => item(x.shape, axis)));
  const done = (s: KernelStage, sum: Ref): Ref => reduction.finish?.(s, "f32", sum, count) ?? sum;
  if (pattern === "RKR") {
    const view = reshaped(node.lowering, x, sizes);
    const rows = reduceOver(node, view, [2], SUM);
    const sums = reduceOver(node, rows, [0], { ...SUM, finish: (s, _, acc) => done(s, acc) });
    return reshaped(node.lowering, sums, shape);
  }
  if (pattern === "KR" || pattern === "R") return reduceOver(node, x, axes, { ...reduction, start: (s) => s.f(-0) });
  if (pattern !== "KRK") return reduceOver(node, x, axes, reduction);
  const view = reshaped(node.lowering, x, sizes);
  const [outer, length, columns] = atLeast(sizes, 3);
  const sums = rowDot(
    node.lowering,
    {
      shape: [outer, 1, columns],
      length,
      term: (s, out, k) => {
        const [i, , j] = atLeast(out, 3);
        return s.load(view, [i, k, j]);
      },
      finish: (s, _, sum) => done(s, sum),
    },
    2,
  );
  return reshaped(node.lowering, sums, shape);
};

const reduction = (name: string, body: Reduction, types: "float" | "any" = "any", since = 18): Operator =>
  onnx(name, 1, (node) => {
    const x = types === "float" ? float(node, node.in(0)) : node.in(0);
    const axes = reducedAxes(node, x.shape.length, since);
    const keep = node.int("keepdims", 1) === 1;
    const ordered = x.element === "f32" && (body === SUM || body === mean) && elementCount(x.shape) > 0;
    const result = ordered ? floatSum(node, x, axes, body) : reduceOver(node, x, axes, body);
    return keep ? result : without(result, axes);
  });

/**
 * What onnxruntime-web takes for the largest element where it keeps some dimensions: the first, or 0 for an infinite one,
 * then every larger finite one. After a first element of -inf the result may be 0 although all elements are less than 0.
 */
const largestFinite = (node: NodeContext, x: Value, axes: readonly number[]): Value =>
  node.lowering.emit({
    dtype: "f32",
    shape: x.shape.map((size, d) => (axes.includes(d) ? 1 : size)),
    fold: {
      dims: axes.map((axis) => item(x.shape, axis)),
      classes: ["f32"],
      init: (s, out) => {
        const first = s.load(
          x,
          out.map((index, d) => (axes.includes(d) ? asIndex(0) : index)),
        );
        return [s.select(s.op("feq", s.op("fabs", first), s.f(Infinity)), s.f(0), first)];
      },
      step: (s, out, red) => {
        const v = s.load(x, reducedIndices(axes, out, red));
        const finite = s.op("flt", s.op("fabs", v), s.f(Infinity));
        const larger = s.op("iand", finite, s.not(s.op("flt", v, s.accumulator())));
        return [s.select(larger, v, s.accumulator())];
      },
    },
    finish: (s) => s.accumulator(),
  });

/** log(sum(exp(x - max))) + max, with max 0 where it is not finite. */
const logSumExp = (node: NodeContext): Value => {
  const x = float(node, node.in(0));
  const axes = reducedAxes(node, x.shape.length, 18);
  const keep = node.int("keepdims", 1) === 1;
  const some = axes.length > 0 && axes.length < x.shape.length && elementCount(x.shape) > 0;
  const max = some
    ? largestFinite(node, x, axes)
    : node.lowering.map("f32", [reduceOver(node, x, axes, extreme(true))], (s, m) =>
        s.select(s.op("flt", s.op("fabs", m), s.f(Infinity)), m, s.f(0)),
      );
  const powers =
    elementCount(x.shape) === 0
      ? x
      : node.lowering.map("f32", [x, max], (s, v, m) => fn.expOfLibrary(s, s.op("fsub", v, m)));
  const sum = reduceOver(node, powers, axes, SUM);
  const result = node.lowering.map("f32", [sum, max], (s, v, m) => s.op("fadd", fn.log(s, v), m));
  return keep ? result : without(result, axes);
};

const mean: Reduction = {
  ...SUM,
  finish: (s, dtype, acc, count) =>
    isFloatType(dtype) ? s.op("fdiv", acc, s.f(count)) : s.op(dtype === "u64" ? "udiv" : "idiv", acc, s.i(count)),
};

const squareSum: Reduction = { start: zero, step: (s, _, acc, x) => add(s, acc, multiply(s, x, x)) };

/** x over its p-norm along an axis; 0 where the norm is 0. */
const lpNormalization = (node: NodeContext): Value => {
  const x = float(node, node.in(0));
  const axis = node.axis(node.int("axis", -1), x.shape.length);
  const p = node.int("p", 2);
  if (p !== 1 && p !== 2) throw node.refuse(`p = ${String(p)}`, "p");
  const norm = reduceOver(node, x, [axis], {
    start: zero,
    step: (s, _, acc, v) => add(s, acc, p === 1 ? magnitude(s, v) : multiply(s, v, v)),
    finish: (s, _, acc) => (p === 1 ? acc : s.op("fsqrt", acc)),
  });
  return node.lowering.map("f32", [x, norm], (s, v, n) => s.select(s.op("feq", n, s.f(0)), s.f(0), s.op("fdiv", v, n)));
};

/** Reductions. */
export const REDUCE: readonly Operator[] = [
  reduction("ReduceSum", SUM, "any", 13),
  reduction("ReduceMean", mean),
  reduction("ReduceMax", extreme(true)),
  reduction("ReduceMin", extreme(false)),
  reduction("ReduceProd", {
    start: (s, dtype) => (isFloatType(dtype) ? s.f(1) : s.i(1)),
    step: (s, _, acc, x) => multiply(s, acc, x),
  }),
  reduction("ReduceL1", { start: zero, step: (s, _, acc, x) => add(s, acc, magnitude(s, x)) }),
  reduction("ReduceL2", { ...squareSum, finish: (s, _, acc) => s.op("fsqrt", acc) }, "float"),
  reduction("ReduceSumSquare", squareSum),
  reduction("ReduceLogSum", { ...SUM, finish: (s, _, acc) => fn.log(s, acc) }, "float"),
  onnx("ReduceLogSumExp", 1, logSumExp),
  onnx("LpNormalization", 1, lpNormalization),
];
