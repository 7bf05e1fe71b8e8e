import { atLeast, item } from "../../../items.ts";
import { asIndex, type Index } from "../../build/affine.ts";
import type { KernelStage } from "../../build/kernels.ts";
import type { Lowering } from "../../build/lowering.ts";
import type { Ref } from "../../build/stage.ts";
import { type Value } from "../../build/value.ts";
import { reshapeView } from "../../build/view.ts";
import { elementCount } from "../../file/element-type.ts";
import { range } from "../common.ts";
import type { Taps } from "./resize-filters.ts";

const zero = asIndex(0);

/** A table of one row a position, the rows filled up to one length. */
const table = (lowering: Lowering, dtype: "f32" | "i32", rows: readonly (readonly number[])[], fill: number): Value => {
  const count = Math.max(1, ...rows.map((row) => row.length));
  return lowering.constantOf(
    dtype,
    [rows.length, count],
    rows.flatMap((row) => range(count).map((i) => row[i] ?? fill)),
  );
};

/** One axis resized: each output folds its taps in order, from 0. */
export const alongAxis = (lowering: Lowering, x: Value, axis: number, taps: readonly Taps[]): Value => {
  const positions = table(
    lowering,
    "i32",
    taps.map((tap) => tap.positions),
    -1,
  );
  const weights = table(
    lowering,
    "f32",
    taps.map((tap) => tap.weights),
    0,
  );
  const divides = taps.some(({ divisor }) => divisor !== undefined);
  const divisors = lowering.constantOf(
    "f32",
    [taps.length],
    taps.map(({ divisor }) => divisor ?? 1),
  );
  return lowering.emit({
    dtype: "f32",
    shape: x.shape.map((size, d) => (d === axis ? taps.length : size)),
    fold: {
      dims: [item(positions.shape, 1)],
      classes: ["f32"],
      init: (s) => [s.f(0)],
      step: (s, out, red) => {
        const [k] = atLeast(red, 1);
        const o = item(out, axis);
        const v = s.load(x, out, { gather: { dimension: axis, by: positions, at: [o, k] } });
        const weighed = s.op("fmul", v, s.load(weights, [o, k]));
        return [s.op("fadd", s.accumulator(), divides ? s.op("fdiv", weighed, s.load(divisors, [o])) : weighed)];
      },
    },
    finish: (s) => s.accumulator(),
  });
};

/**
 * Neighbouring axes, from `first` on, resized at once from two taps each: the product of the weights, that of the last
 * axis first, times the element, for every corner with the last axis changing fastest, added in this order.
 */
export const atOnce = (lowering: Lowering, x: Value, first: number, taps: readonly (readonly Taps[])[]): Value => {
  const sizes = x.shape.slice(first, first + taps.length);
  const outs = taps.map((rows) => rows.length);
  const lead = x.shape.slice(0, first);
  const tail = x.shape.slice(first + taps.length);
  const flatShape = [...lead, elementCount(sizes), ...tail];
  const flat = reshapeView(x, flatShape) ?? reshapeView(lowering.arranged(x), flatShape);
  if (flat === undefined) throw new RangeError("a dense value takes every shape");
  const corners = range(2 ** taps.length);
  /** Which tap of an axis a corner takes. */
  const side = (corner: number, d: number): 0 | 1 => (((corner >> (taps.length - 1 - d)) & 1) === 1 ? 1 : 0);
  const places = corners.map((corner) =>
    taps.reduce<readonly number[]>(
      (at, rows, d) =>
        at.flatMap((start) => rows.map(({ positions }) => start * item(sizes, d) + item(positions, side(corner, d)))),
      [0],
    ),
  );
  const index = lowering.constantOf("i32", [corners.length, ...outs], places.flat());
  const weights = taps.map((rows) =>
    lowering.constantOf(
      "f32",
      [rows.length, 2],
      rows.flatMap((tap) => tap.weights),
    ),
  );
  const spatial = (out: readonly Index[]): readonly Index[] => out.slice(first, first + taps.length);
  const term = (s: KernelStage, out: readonly Index[], corner: number): Ref => {
    const at = [...out.slice(0, first), zero, ...out.slice(first + taps.length)];
    const v = s.load(flat, at, { gather: { dimension: first, by: index, at: [corner, ...spatial(out)] } });
    const factors = weights.map((rows, d) => s.load(rows, [item(out, first + d), side(corner, d)])).reverse();
    return [...factors, v].reduce((left, right) => s.op("fmul", left, right));
  };
  return lowering.emit({
    dtype: "f32",
    shape: [...lead, ...outs, ...tail],
    finish: (s, out) => corners.map((corner) => term(s, out, corner)).reduce((sum, next) => s.op("fadd", sum, next)),
  });
};

/** `value` at the positions of an axis that are marked, `x` elsewhere. */
export const replaced = (
  lowering: Lowering,
  x: Value,
  axis: number,
  marked: readonly boolean[],
  value: number,
): Value => {
  if (!marked.includes(true)) return x;
  const flags = lowering.constantOf("bool", [marked.length], marked.map(Number));
  return lowering.emit({
    dtype: "f32",
    shape: x.shape,
    finish: (s, out) => s.select(s.load(flags, [item(out, axis)]), s.f(value), s.load(x, out)),
  });
};
