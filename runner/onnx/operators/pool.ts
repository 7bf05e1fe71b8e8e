import type { DType } from "../../machine/dtype.ts";
import { asIndex, type Index } from "../affine.ts";
import { type NodeContext, onnx, type Operator } from "../node.ts";
import { memoryOrder, rowMajor, type Value } from "../value.ts";
import { computable, float, integerRange, less, product, range } from "./common.ts";
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
  return node.b.emit({
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
  const planes = product(spatial);
  const flat = (out: readonly Index[], positions: readonly Index[]): Index =>
    positions.reduce(
      (sum, index, d) => sum.plus(index.times(inner[d] ?? 0)),
      (out[0] ?? asIndex(0)).times((x.shape[1] ?? 1) * planes).plus((out[1] ?? asIndex(0)).times(planes)),
    );
  return node.b.emit({
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
          const index = s.affine(positions[d - 2] ?? 0);
          return s.op("iand", s.op("ilt", s.i(-1), index), s.op("ilt", index, s.i(x.shape[d] ?? 0)));
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
  const windows = windowsOf(node, x.shape.slice(2), undefined, { ceil: node.int("ceil_mode", 0) === 1 });
  const includePad = node.int("count_include_pad", 0) === 1;
  return average(node, x, windows, includePad);
};

/** How many positions of each window count: constant data, or one number where no window leaves the input. */
const windowCounts = (x: Value, windows: Windows, includePad: boolean): number[][] =>
  windows.out.map((size, d) =>
    range(size).map((o) => {
      const [k = 1, stride = 1, dilation = 1, before = 0] = [
        windows.kernel[d],
        windows.strides[d],
        windows.dilations[d],
        windows.before[d],
      ];
      const length = x.shape[d + 2] ?? 1;
      const [low, high] = includePad ? [-before, length + (windows.after[d] ?? 0)] : [0, length];
      return range(k).filter((i) => {
        const at = o * stride - before + i * dilation;
        return at >= low && at < high;
      }).length;
    }),
  );

const average = (node: NodeContext, x: Value, windows: Windows, includePad: boolean): Value => {
  const leaving = leavingDimensions(x, windows);
  const counts = windowCounts(x, windows, includePad);
  const uniform = counts.every((row) => row.every((n) => n === row[0]));
  const divisors = counts.map((row) => node.b.constantOf("f32", [row.length], row));
  return node.b.emit({
    dtype: "f32",
    shape: [...x.shape.slice(0, 2), ...windows.out],
    order: memoryOrder(x),
    fold: {
      dims: windows.kernel,
      classes: ["f32"],
      init: (s) => [s.f(0)],
      step: (s, out, red) => {
        const at = [...out.slice(0, 2), ...windowIndices(windows, out.slice(2), red)];
        return [s.op("fadd", s.accumulator(), s.load(x, at, { guarded: leaving }))];
      },
    },
    finish: (s, out) => {
      if (uniform) return s.op("fdiv", s.accumulator(), s.f(product(counts.map((row) => row[0] ?? 1))));
      const factors = divisors.map((row, d) => s.load(row, [out[d + 2] ?? 0]));
      const count = factors.reduce((n, factor) => s.op("fmul", n, factor));
      return s.op("fdiv", s.accumulator(), count);
    },
  });
};

/** A pool over everything. */
const whole = (x: Value): Windows => {
  const kernel = x.shape.slice(2);
  const [ones, zeros] = [kernel.map(() => 1), kernel.map(() => 0)];
  return { kernel, strides: ones, dilations: ones, before: zeros, after: zeros, out: ones };
};

const lpPool = (node: NodeContext, windows: Windows, x: Value): Value => {
  const p = node.int("p", 2);
  if (p !== 1 && p !== 2) throw node.refuse(`p = ${String(p)}`, "p");
  const leaving = leavingDimensions(x, windows);
  return node.b.emit({
    dtype: "f32",
    shape: [...x.shape.slice(0, 2), ...windows.out],
    order: memoryOrder(x),
    fold: {
      dims: windows.kernel,
      classes: ["f32"],
      init: (s) => [s.f(0)],
      step: (s, out, red) => {
        const at = [...out.slice(0, 2), ...windowIndices(windows, out.slice(2), red)];
        const element = s.load(x, at, { guarded: leaving });
        return [s.op("fadd", s.accumulator(), p === 1 ? s.op("fabs", element) : s.op("fmul", element, element))];
      },
    },
    finish: (s) => (p === 1 ? s.accumulator() : s.op("fsqrt", s.accumulator())),
  });
};

/** Pools. */
export const POOL: readonly Operator[] = [
  onnx("MaxPool", 1, maxPool),
  onnx("AveragePool", 1, averagePool),
  onnx("GlobalAveragePool", 1, (node) => average(node, float(node, node.in(0)), whole(node.in(0)), false)),
  onnx("GlobalMaxPool", 1, (node) => maximumIn(node, node.in(0), computable(node, node.in(0)), whole(node.in(0)))),
  onnx("LpPool", 2, (node) => {
    const x = float(node, node.in(0));
    return lpPool(node, windowsOf(node, x.shape.slice(2), undefined, { ceil: node.int("ceil_mode", 0) === 1 }), x);
  }),
  onnx("GlobalLpPool", 2, (node) => lpPool(node, whole(node.in(0)), float(node, node.in(0)))),
];
