import { atLeast, item } from "../../items.ts";
import { asIndex, type Index } from "../build/affine.ts";
import type { KernelStage } from "../build/kernels.ts";
import type { Lowering } from "../build/lowering.ts";
import type { Ref } from "../build/stage.ts";
import type { Value } from "../build/value.ts";
import type { DotSpec } from "./dot.ts";

/*
 * A product of one row with a matrix, in the order in which onnxruntime-web's matrix-vector kernel adds. Let w be the
 * number of columns rounded down to a multiple of 4.
 *
 * - Columns before w: the sum starts from the first product (or from the value that the product is added to) and takes
 *   one product after the other.
 * - Columns from w on: the products are added in runs of 4. Each run is summed alone, then the runs are added in order,
 *   then the products that are left.
 *
 * A sum that starts from its first term starts from -0 here: -0 plus a float is that float. The step of every kernel is
 * one multiplication and one addition, or one addition.
 */

/** A sum of floats, one term after the other. */
export interface RowSpec extends Pick<DotSpec, "shape" | "order" | "length" | "start" | "finish"> {
  /** The product at an output index and a summation index. */
  readonly term: (stage: KernelStage, out: readonly Index[], k: Index) => Ref;
}

/** Products per run in the last columns. */
const RUN = 4;

const zero = asIndex(0);

/** Sums straight through. */
export const dotInOrder = (lowering: Lowering, spec: RowSpec): Value =>
  lowering.emit({
    dtype: "f32",
    shape: spec.shape,
    ...(spec.order && { order: spec.order }),
    fold: {
      dims: [spec.length],
      classes: ["f32"],
      init: (s, out) => [spec.start ? spec.start(s, out) : s.f(-0)],
      step: (s, out, red) => {
        const [k] = atLeast(red, 1);
        return [s.op("fadd", s.accumulator(), spec.term(s, out, k))];
      },
    },
    finish: (s, out) => spec.finish(s, out, s.accumulator()),
  });

/** Sums in runs of four products: a kernel of the runs' sums, and one that adds them and what is left over. */
export const dotInRuns = (lowering: Lowering, spec: RowSpec): Value => {
  const { start, length, shape } = spec;
  const first = start ? 0 : 1;
  const runs = Math.floor((length - first) / RUN);
  if (runs === 0) return dotInOrder(lowering, spec);
  const order = spec.order ?? shape.map((_, d) => d);
  const sums = lowering.emit({
    dtype: "f32",
    shape: [...shape, runs],
    order: [...order, shape.length],
    fold: {
      dims: [RUN],
      classes: ["f32"],
      init: (s) => [s.f(-0)],
      step: (s, out, red) => {
        const [k] = atLeast(red, 1);
        const at = item(out, shape.length).times(RUN).plus(k).plus(first);
        return [s.op("fadd", s.accumulator(), spec.term(s, out.slice(0, shape.length), at))];
      },
    },
    finish: (s) => s.accumulator(),
  });
  return lowering.emit({
    dtype: "f32",
    shape,
    order,
    fold: {
      dims: [runs],
      classes: ["f32"],
      init: (s, out) => [start ? start(s, out) : spec.term(s, out, zero)],
      step: (s, out, red) => {
        const [k] = atLeast(red, 1);
        return [s.op("fadd", s.accumulator(), s.load(sums, [...out, k]))];
      },
    },
    finish: (s, out) => {
      let sum = s.accumulator();
      for (let k = first + runs * RUN; k < length; k++) sum = s.op("fadd", sum, spec.term(s, out, asIndex(k)));
      return spec.finish(s, out, sum);
    },
  });
};

/** Sums for all columns, which are dimension `column` of the output. */
export const rowDot = (lowering: Lowering, spec: RowSpec, column: number): Value => {
  const columns = item(spec.shape, column);
  const whole = columns - (columns % RUN);
  const part = (from: number, count: number): RowSpec => {
    const moved = (out: readonly Index[]): Index[] => out.map((index, d) => (d === column ? index.plus(from) : index));
    const { start } = spec;
    return {
      ...spec,
      shape: spec.shape.map((size, d) => (d === column ? count : size)),
      term: (s, out, k) => spec.term(s, moved(out), k),
      ...(start && { start: (s, out) => start(s, moved(out)) }),
      finish: (s, out, sum) => spec.finish(s, moved(out), sum),
    };
  };
  // Without a full run of products the last columns are summed like the others.
  if (whole === columns || spec.length < RUN + (spec.start ? 0 : 1)) return dotInOrder(lowering, spec);
  const rest = dotInRuns(lowering, part(whole, columns - whole));
  if (whole === 0) return rest;
  const main = dotInOrder(lowering, part(0, whole));
  return lowering.emit({
    dtype: "f32",
    shape: spec.shape,
    ...(spec.order && { order: spec.order }),
    finish: (s, out) => {
      const shifted = out.map((index, d) => (d === column ? index.minus(whole) : index));
      const parts = [s.load(main, out, { guarded: [column] }), s.load(rest, shifted, { guarded: [column] })];
      const [x, y] = parts.map((value) => s.op("fbits", value));
      return s.op("bitsf", s.op("ior", x as Ref, y as Ref));
    },
  });
};
