import { item } from "../../items.ts";
import { elementCount } from "../file/element-type.ts";
import { importError } from "../file/refusal.ts";
import type { Value } from "./value.ts";

/* Views of a value: its elements, all or some, seen under another shape. Nothing is copied. */

/** The view with its dimensions permuted: dimension d of the result is dimension order[d] of the value. */
export const permuted = (value: Value, order: readonly number[]): Value => ({
  ...value,
  shape: order.map((d) => item(value.shape, d)),
  strides: order.map((d) => item(value.strides, d)),
});

/** The view with a dimension of size 1 inserted. */
export const inserted = (value: Value, at: number): Value => ({
  ...value,
  shape: [...value.shape.slice(0, at), 1, ...value.shape.slice(at)],
  strides: [...value.strides.slice(0, at), 0, ...value.strides.slice(at)],
});

/** The view of a run of one dimension. */
export const sliced = (value: Value, dimension: number, start: number, count: number, step = 1): Value => ({
  ...value,
  shape: value.shape.map((size, d) => (d === dimension ? count : size)),
  base: value.base + (count > 0 ? start * item(value.strides, dimension) : 0),
  strides: value.strides.map((stride, d) => (d === dimension ? stride * step : stride)),
});

/** The view without some dimensions: of each of them, only index 0 is seen. */
export const without = (value: Value, dimensions: readonly number[]): Value => ({
  ...value,
  shape: value.shape.filter((_, d) => !dimensions.includes(d)),
  strides: value.strides.filter((_, d) => !dimensions.includes(d)),
});

/** The entry of the first dimension at an index, without that dimension. */
export const entryAt = (value: Value, index: number): Value => without(sliced(value, 0, index, 1), [0]);

/** The first element of a value as a scalar. */
export const firstElement = (value: Value): Value => ({ ...value, shape: [], strides: [] });

/** A view of one element for each row, repeated along the rows of `rows`, which have one dimension more. */
export const alongRows = (value: Value, rows: Value): Value =>
  broadcastTo({ ...value, shape: [...value.shape, 1], strides: [...value.strides, 0] }, rows.shape);

/** The same elements under another shape, or undefined when the view's strides do not allow it. */
export const reshapeView = (value: Value, shape: readonly number[]): Value | undefined => {
  if (elementCount(shape) === 0) return { ...value, shape, strides: shape.map(() => 0) };
  const from = value.shape
    .map((size, d) => ({ size, stride: item(value.strides, d) }))
    .filter(({ size }) => size !== 1);
  const strides = shape.map(() => 0);
  let at = from.length - 1;
  let run = 1; // elements of the current source run not yet covered
  let step = 0;
  for (let d = shape.length - 1; d >= 0; d--) {
    const size = item(shape, d);
    if (size === 1) continue;
    if (run === 1) {
      const next = from[at--];
      if (next === undefined) return undefined;
      run = next.size;
      step = next.stride;
    }
    strides[d] = step;
    // Grow the run over source dimensions that continue it, until it covers this dimension.
    let covered = run;
    while (covered % size !== 0) {
      const next = from[at];
      if (next === undefined || next.stride !== step * covered) return undefined;
      covered *= next.size;
      at--;
    }
    step *= size;
    run = covered / size;
  }
  return at < 0 && run === 1 ? { ...value, shape, strides } : undefined;
};

/** The shape that broadcasts over all the given ones. */
export const broadcastShapes = (shapes: readonly (readonly number[])[]): number[] => {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, d) => {
    // A shape of fewer dimensions has size 1 in the missing ones, which are the first.
    const sizes = shapes.map((shape) => shape[d - rank + shape.length] ?? 1).filter((size) => size !== 1);
    const size = sizes[0] ?? 1;
    if (sizes.some((other) => other !== size)) {
      throw importError("ONNX_INVALID", `shapes [${shapes.map((s) => s.join(", ")).join("] and [")}] do not broadcast`);
    }
    return size;
  });
};

/** A view of the value repeated over a larger shape. */
export const broadcastTo = (value: Value, shape: readonly number[]): Value => {
  const skip = shape.length - value.shape.length;
  const fits = value.shape.every((size, d) => size === 1 || size === shape[d + skip]);
  if (skip < 0 || !fits) {
    throw importError("ONNX_INVALID", `shape [${value.shape.join(", ")}] does not broadcast to [${shape.join(", ")}]`);
  }
  const strides = shape.map((_, d) => (d < skip || value.shape[d - skip] === 1 ? 0 : item(value.strides, d - skip)));
  return { ...value, shape, strides };
};

/** Offsets of a view's elements in row-major order. */
export function* eachOffset({ shape, strides, base }: Pick<Value, "shape" | "strides" | "base">): Generator<number> {
  const rank = shape.length - 1;
  const [size, stride] = rank < 0 ? [1, 0] : [item(shape, rank), item(strides, rank)];
  const rows = elementCount(shape.slice(0, -1));
  const index = shape.map(() => 0);
  let row = base;
  for (let n = 0; n < rows; n++) {
    for (let k = 0; k < size; k++) yield row + k * stride;
    // The next row: as an odometer, from the last dimension but one to the first.
    for (let d = rank - 1; d >= 0; d--) {
      const next = item(index, d) + 1;
      row += item(strides, d);
      index[d] = next;
      if (next < item(shape, d)) break;
      row -= item(strides, d) * next;
      index[d] = 0;
    }
  }
}
