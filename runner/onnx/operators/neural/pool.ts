import { atLeast, item } from "../../../items.ts";
import type { DType } from "../../../machine/dtype.ts";
import { type Index } from "../../build/affine.ts";
import type { KernelStage } from "../../build/kernels.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Ref } from "../../build/stage.ts";
import { memoryOrder, rowMajor, type Value } from "../../build/value.ts";
import { elementCount } from "../../file/element-type.ts";
import { floatPower } from "../arithmetic/power.ts";
import { computable, float, integerRange, less, range } from "../common.ts";
import { reshaped } from "../tensor/movement.ts";
import { leavingDimensions, windowIndices, windowsOf, type Windows } from "./windows.ts";

const lowest = (dtype: DType): number | bigint => (dtype === "f32" ? -Infinity : integerRange(dtype)[0]);

const maxPool = (node: NodeContext): Value[] => {
  const x = node.in(0);
  const dtype = computable(node, x);
  const columnMajor = node.int("storage_order", 0) === 1;
  const windows = windowsOf(node, x.shape.slice(2), undefined, { ceil: node.int("ceil_mode", 0) === 1 });
  const value = maximumIn(node, x, dtype, windows);
  if (!node.outputUsed[1]) return [value];
  return [value, maximumAt(node, x, dtype, windows, columnMajor)];
};

const maximumIn = (node: NodeContext, x: Value, dtype: DType, windows: Windows): Value => {
  const leaving = leavingDimensions(x, windows);
  const cls = dtype === "f32" ? ("f32" as const) : ("int" as const);
  return node.lowering.emit({
    dtype,
    shape: [...x.shape.slice(0, 2), ...windows.out],
    order: memoryOrder(x),
    fold: {
      dims: windows.kernel,
      classes: [cls],
      init: (s) => [dtype === "f32" ? s.f(-Infinity) : s.i(BigInt.asIntN(64, BigInt(lowest(dtype))))],
      step: (s, out, red) => {
        const at = [...out.slice(0, 2), ...windowIndices(windows, out.slice(2), red)];
        const element = s.load(x, at, { guarded: leaving, fill: lowest(dtype) });
        if (dtype === "f32") return [s.op("fmax", s.accumulator(), element)];
        return [s.select(less(s, dtype, s.accumulator(), element), element, s.accumulator())];
      },
    },
    finish: (s) => s.accumulator(),
  });
};

/** Flat index of the first largest element of each window. */
const maximumAt = (node: NodeContext, x: Value, dtype: DType, windows: Windows, columnMajor: boolean): Value => {
  const leaving = leavingDimensions(x, windows);
  const cls = dtype === "f32" ? ("f32" as const) : ("int" as const);
  const spatial = x.shape.slice(2);
  const inner = columnMajor ? rowMajor([...spatial].reverse()).reverse() : rowMajor(spatial);
  const planes = elementCount(spatial);
  const flat = (out: readonly Index[], positions: readonly Index[]): Index =>
    positions.reduce(
      (sum, index, d) => sum.plus(index.times(item(inner, d))),
      item(out, 0)
        .times(item(x.shape, 1) * planes)
        .plus(item(out, 1).times(planes)),
    );
  return node.lowering.emit({
    dtype: "i64",
    shape: [...x.shape.slice(0, 2), ...windows.out],
    fold: {
      dims: windows.kernel,
      classes: [cls, "int"],
      init: (s) => [dtype === "f32" ? s.f(-Infinity) : s.i(BigInt.asIntN(64, BigInt(lowest(dtype)))), s.i(-1)],
      step: (s, out, red) => {
        const positions = windowIndices(windows, out.slice(2), red);
        const at = [...out.slice(0, 2), ...positions];
        const element = s.load(x, at, { guarded: leaving, fill: lowest(dtype) });
        // Padding never wins: an element of the input that equals the lowest value does, if it is the first.
        const inside = leaving.map((d) => {
          const index = s.affine(item(positions, d - 2));
          return s.op("iand", s.op("ilt", s.i(-1), index), s.op("ilt", index, s.i(item(x.shape, d))));
        });
        const within = inside.reduce((all, test) => s.op("iand", all, test), s.i(1));
        const first = s.op("ilt", s.accumulator(1), s.i(0));
        const better = s.op("iand", within, s.op("ior", first, less(s, dtype, s.accumulator(0), element)));
        return [
          s.select(better, element, s.accumulator(0)),
          s.select(better, s.affine(flat(out, positions)), s.accumulator(1)),
        ];
      },
    },
    finish: (s) => s.accumulator(1),
  });
};

const averagePool = (node: NodeContext): Value => {
  const x = float(node, node.in(0));
  const ceil = node.int("ceil_mode", 0) === 1;
  const windows = windowsOf(node, x.shape.slice(2), undefined, { ceil });
  const includePad = node.int("count_include_pad", 0) === 1;
  const divide = divided(node, windowCounts(x, windows, includePad));
  // onnxruntime-web has a second kernel, which takes every window in order: for opset 19 and for padded overhang.
  if (node.opset >= 19 || (ceil && includePad)) return windowSum(node, x, windows, divide);
  return average(node, x, windows, divide);
};

/** How many positions of each window count along each axis: those inside the input, or also the padding. */
export const windowCounts = (x: Value, windows: Windows, includePad: boolean): number[][] =>
  windows.out.map((size, d) =>
    range(size).map((o) => {
      const [k, stride] = [item(windows.kernel, d), item(windows.strides, d)];
      const [dilation, before] = [item(windows.dilations, d), item(windows.before, d)];
      const length = item(x.shape, d + 2);
      const [low, high] = includePad ? [-before, length + item(windows.after, d)] : [0, length];
      /** Positions of the window that lie below a place of the input. */
      const below = (place: number): number =>
        Math.min(k, Math.max(0, Math.ceil((place - (o * stride - before)) / dilation)));
      return below(high) - below(low);
    }),
  );

type Divide = (s: KernelStage, out: readonly Index[], sum: Ref) => Ref;

/** A window's sum divided by how many elements count: constant data, or one number where all windows have as many. */
const divided =
  (node: NodeContext, counts: readonly (readonly number[])[]): Divide =>
  (s, out, sum) => {
    if (counts.every((row) => row.every((n) => n === row[0]))) {
      return s.op("fdiv", sum, s.f(elementCount(counts.map((row) => item(row, 0)))));
    }
    const divisors = counts.map((row) => node.lowering.constantOf("f32", [row.length], row));
    const factors = divisors.map((row, d) => s.load(row, [item(out, d + 2)]));
    return s.op(
      "fdiv",
      sum,
      factors.reduce((n, factor) => s.op("fmul", n, factor)),
    );
  };

const average = (node: NodeContext, x: Value, windows: Windows, divide: Divide): Value => {
  const everything = windows.kernel.every((k, d) => k === x.shape[d + 2]) && elementCount(windows.out) === 1;
  if (everything && leavingDimensions(x, windows).length === 0) return averageOfAll(node, x, windows, divide);
  const last = windows.kernel.length - 1;
  const narrow = item(windows.strides, last) <= 2 && windows.kernel.every((k) => k <= 32);
  const undilated = windows.dilations.every((d) => d === 1);
  // onnxruntime-web sums the columns of such windows first, then the row of those sums.
  if (last >= 1 && narrow && undilated) {
    const columns = windowSum(node, x, { ...windows, ...columnWindows(windows, last, item(x.shape, last + 2)) });
    const row = windows.kernel.map((_, d) => (d === last ? undefined : d)).filter((d) => d !== undefined);
    return windowSum(node, columns, rowWindows(windows, row), divide);
  }
  return windowSum(node, x, windows, divide);
};

/** The windows with the last dimension left whole. */
const columnWindows = (windows: Windows, last: number, size: number): Windows => {
  const set = (row: readonly number[], value: number): number[] => row.map((n, d) => (d === last ? value : n));
  return {
    kernel: set(windows.kernel, 1),
    strides: set(windows.strides, 1),
    dilations: set(windows.dilations, 1),
    before: set(windows.before, 0),
    after: set(windows.after, 0),
    out: set(windows.out, size),
  };
};

/** The windows with the given dimensions already summed. */
const rowWindows = (windows: Windows, done: readonly number[]): Windows => {
  const set = (row: readonly number[], value: number): number[] => row.map((n, d) => (done.includes(d) ? value : n));
  return {
    kernel: set(windows.kernel, 1),
    strides: set(windows.strides, 1),
    dilations: set(windows.dilations, 1),
    before: set(windows.before, 0),
    after: set(windows.after, 0),
    out: windows.out,
  };
};

/** Sums of windows, in order from 0: of the elements, or of a function of each. */
export const windowSum = (
  node: NodeContext,
  x: Value,
  windows: Windows,
  finish: Divide = (_s, _out, sum) => sum,
  term: (s: KernelStage, element: Ref) => Ref = (_s, element) => element,
): Value => {
  const leaving = leavingDimensions(x, windows);
  return node.lowering.emit({
    dtype: "f32",
    shape: [...x.shape.slice(0, 2), ...windows.out],
    order: memoryOrder(x),
    fold: {
      dims: windows.kernel,
      classes: ["f32"],
      init: (s) => [s.f(0)],
      step: (s, out, red) => {
        const at = [...out.slice(0, 2), ...windowIndices(windows, out.slice(2), red)];
        return [s.op("fadd", s.accumulator(), term(s, s.load(x, at, { guarded: leaving })))];
      },
    },
    finish: (s, out) => finish(s, out, s.accumulator()),
  });
};

/** A window over everything: four interleaved sums, added as (0 + 2) + (1 + 3), then the elements left over. */
const averageOfAll = (node: NodeContext, x: Value, windows: Windows, divide: Divide): Value => {
  const size = elementCount(windows.kernel);
  const rounds = Math.floor(size / 4);
  const flat = reshaped(node.lowering, x, [...x.shape.slice(0, 2), size]);
  const lanes =
    rounds === 0
      ? undefined
      : node.lowering.emit({
          dtype: "f32",
          shape: [...x.shape.slice(0, 2), 4],
          fold: {
            dims: [rounds],
            classes: ["f32"],
            init: (s) => [s.f(0)],
            step: (s, out, red) => {
              const [image, channel, lane] = atLeast(out, 3);
              const [k] = atLeast(red, 1);
              const at = k.times(4).plus(lane);
              return [s.op("fadd", s.accumulator(), s.load(flat, [image, channel, at]))];
            },
          },
          finish: (s) => s.accumulator(),
        });
  return node.lowering.emit({
    dtype: "f32",
    shape: [...x.shape.slice(0, 2), ...windows.out],
    finish: (s, out) => {
      const [image, channel] = atLeast(out, 2);
      const [a, b, c, d] = lanes ? range(4).map((lane) => s.load(lanes, [image, channel, lane])) : [];
      let sum = a && b && c && d ? s.op("fadd", s.op("fadd", a, c), s.op("fadd", b, d)) : s.f(0);
      for (let k = 4 * rounds; k < size; k++) sum = s.op("fadd", sum, s.load(flat, [image, channel, k]));
      return divide(s, out, sum);
    },
  });
};

/** A pool over everything. */
const windowsOverAll = (x: Value): Windows => {
  const kernel = x.shape.slice(2);
  const [ones, zeros] = [kernel.map(() => 1), kernel.map(() => 0)];
  return { kernel, strides: ones, dilations: ones, before: zeros, after: zeros, out: ones };
};

const lpPool = (node: NodeContext, windows: Windows, x: Value): Value => {
  const p = node.int("p", 2);
  if (p < 1) throw node.invalid(`p = ${String(p)}`, "p");
  if (p > 2) {
    const magnitudes = node.lowering.map("f32", [x], (s, v) => s.op("fabs", v));
    const powers = floatPower(node.lowering, magnitudes, node.lowering.scalar("f32", p));
    const sums = windowSum(node, powers, windows, undefined, (_s, v) => v);
    return floatPower(node.lowering, sums, node.lowering.scalar("f32", 1 / p));
  }
  const size = (s: KernelStage, v: Ref): Ref => (p === 1 ? s.op("fabs", v) : s.op("fmul", v, v));
  const sums = windowSum(node, x, windows, undefined, size);
  // onnxruntime-web takes the root by its power function, which is not always the nearest.
  return p === 1 ? sums : floatPower(node.lowering, sums, node.lowering.scalar("f32", 0.5));
};

const globalAverage = (node: NodeContext): Value => {
  const x = float(node, node.in(0));
  const windows = windowsOverAll(x);
  return average(node, x, windows, divided(node, windowCounts(x, windows, false)));
};

/** Pools. */
export const POOL: readonly Operator[] = [
  onnx("MaxPool", 1, maxPool),
  onnx("AveragePool", 1, averagePool),
  onnx("GlobalAveragePool", 1, globalAverage),
  onnx("GlobalMaxPool", 1, (node) =>
    maximumIn(node, node.in(0), computable(node, node.in(0)), windowsOverAll(node.in(0))),
  ),
  onnx("LpPool", 2, (node) => {
    const x = float(node, node.in(0));
    return lpPool(node, windowsOf(node, x.shape.slice(2), undefined, { ceil: node.int("ceil_mode", 0) === 1 }), x);
  }),
  onnx("GlobalLpPool", 2, (node) => lpPool(node, windowsOverAll(node.in(0)), float(node, node.in(0)))),
];
