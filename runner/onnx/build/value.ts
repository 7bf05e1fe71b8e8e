import { item } from "../../items.ts";
import { registerClass } from "../../machine/dtype.ts";
import type { Space } from "../../machine/kernel.ts";
import { type ElementType, storageOf } from "../file/element-type.ts";

/**
 * A tensor in the importer: a strided view of an input, a constant or a kernel's output. Reshape, Transpose, Slice,
 * Expand and similar operators make new views; elements move only when a kernel needs another layout.
 */
export interface Value {
  readonly element: ElementType;
  readonly shape: readonly number[];
  readonly space: Space;
  readonly index: number;
  /** Offset of the first element and stride of each dimension, in elements of the underlying tensor. */
  readonly base: number;
  readonly strides: readonly number[];
}

/** A list of values: what ONNX calls a sequence. Only known lengths exist here. */
export interface SequenceValue {
  readonly sequence: readonly Value[];
}

/** What a name of the graph is bound to; `undefined` is an optional value that is absent. */
export type Bound = Value | SequenceValue | undefined;

export const isSequence = (bound: Bound): bound is SequenceValue => bound !== undefined && "sequence" in bound;

export const isFloat = (value: Value): boolean => value.element === "f32";

export const classOf = (value: Value): "f32" | "int" => registerClass(storageOf(value.element));

/** Strides of a dense row-major tensor. */
export const rowMajor = (shape: readonly number[]): number[] => {
  const strides = shape.map(() => 0);
  let stride = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = stride;
    stride *= item(shape, d);
  }
  return strides;
};

/** Whether the view covers its dimensions in row-major order without holes. */
export const isDense = (value: Value): boolean => {
  const dense = rowMajor(value.shape);
  return value.shape.every((d, i) => d === 1 || value.strides[i] === dense[i]);
};

/** Dimensions from the outermost in memory to the innermost: the order that keeps a value's layout. */
export const memoryOrder = (value: Value): number[] =>
  value.shape
    .map((_, d) => d)
    .sort((a, b) => {
      const [sa, sb] = [Math.abs(item(value.strides, a)), Math.abs(item(value.strides, b))];
      return sb - sa || a - b;
    });
