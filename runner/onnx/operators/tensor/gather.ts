import { atLeast, item, lastItem } from "../../../items.ts";
import { asIndex, type Index } from "../../build/affine.ts";
import type { KernelStage } from "../../build/kernels.ts";
import { type Lowering } from "../../build/lowering.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Ref } from "../../build/stage.ts";
import { classOf, rowMajor, type Value } from "../../build/value.ts";
import { without, sliced } from "../../build/view.ts";
import { elementCount, storageOf } from "../../file/element-type.ts";
import { computable, range } from "../common.ts";
import { picked, reshaped } from "./movement.ts";

/** Indices with negative ones counted from the end, as i64. */
const normalized = (lowering: Lowering, indices: Value, size: number): Value => {
  const known = lowering.elements(indices);
  if (known?.every((index) => Number(index) >= 0)) return indices;
  return lowering.map("i64", [indices], (s, i) => s.select(s.op("ilt", i, s.i(0)), s.op("iadd", i, s.i(size)), i));
};

const checkKnown = (node: NodeContext, indices: Value, size: number): number[] | undefined => {
  const known = node.lowering.elements(indices)?.map(Number);
  if (known?.some((index) => index < -size || index >= size)) throw node.invalid("an index is out of range");
  return known?.map((index) => (index < 0 ? index + size : index));
};

/** Gather: whole slices along an axis, chosen by indices. */
export const gather = (node: NodeContext): Value => {
  const [x, indices] = [node.in(0), node.in(1)];
  const axis = node.axis(node.int("axis", 0), x.shape.length);
  const size = item(x.shape, axis);
  computable(node, indices);
  const known = checkKnown(node, indices, size);
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  if (elementCount(shape) === 0) return node.lowering.empty(x.element, shape);
  if (known !== undefined && indices.shape.length <= 1) {
    const run = picked(node.lowering, x, axis, known);
    return indices.shape.length === 1 ? run : without(run, [axis]);
  }
  const by = normalized(node.lowering, indices, size);
  const rank = indices.shape.length;
  return node.lowering.emit(
    {
      dtype: storageOf(x.element),
      shape,
      finish: (s, out) => {
        const at = [...out.slice(0, axis), asIndex(0), ...out.slice(axis + rank)];
        return s.load(x, at, { gather: { dimension: axis, by, at: out.slice(axis, axis + rank) } });
      },
    },
    x.element,
  );
};

const gatherElements = (node: NodeContext): Value => {
  const [x, indices] = [node.in(0), node.in(1)];
  const axis = node.axis(node.int("axis", 0), x.shape.length);
  const size = item(x.shape, axis);
  checkKnown(node, indices, size);
  const by = normalized(node.lowering, indices, size);
  return node.lowering.emit(
    {
      dtype: storageOf(x.element),
      shape: indices.shape,
      finish: (s, out) => s.load(x, out, { gather: { dimension: axis, by, at: out } }),
    },
    x.element,
  );
};

/** The flat offsets that tuples of indices (last dimension) mean in the given sizes; -1 for tuples out of range. */
const flatIndices = (lowering: Lowering, tuples: Value, sizes: readonly number[]): Value => {
  const strides = rowMajor(sizes);
  return lowering.emit({
    dtype: "i64",
    shape: tuples.shape.slice(0, -1),
    finish: (s, out) => {
      let sum: Ref = s.i(0);
      let inside: Ref = s.i(1);
      sizes.forEach((size, k) => {
        const raw = s.load(tuples, [...out, k]);
        const index = s.select(s.op("ilt", raw, s.i(0)), s.op("iadd", raw, s.i(size)), raw);
        inside = s.op("iand", inside, s.op("ult", index, s.i(size)));
        sum = s.op("iadd", sum, s.op("imul", index, s.i(item(strides, k))));
      });
      return s.select(inside, sum, s.i(-1));
    },
  });
};

const gatherND = (node: NodeContext): Value => {
  const [x, indices] = [node.in(0), node.in(1)];
  const batch = node.int("batch_dims", 0);
  const depth = lastItem(indices.shape);
  if (batch + depth > x.shape.length) throw node.invalid("the index tuples are longer than the rank");
  const sizes = x.shape.slice(batch, batch + depth);
  const rest = x.shape.slice(batch + depth);
  const flat = flatIndices(node.lowering, indices, sizes);
  const source = reshaped(node.lowering, x, [...x.shape.slice(0, batch), elementCount(sizes), ...rest]);
  const shape = [...indices.shape.slice(0, -1), ...rest];
  const rank = indices.shape.length - 1;
  return node.lowering.emit(
    {
      dtype: storageOf(x.element),
      shape,
      finish: (s, out) => {
        const at = [...out.slice(0, batch), asIndex(0), ...out.slice(rank)];
        return s.load(source, at, { gather: { dimension: batch, by: flat, at: out.slice(0, rank) } });
      },
    },
    x.element,
  );
};

/** How an update meets what is there. */
const combined = (node: NodeContext, mode: string, s: KernelStage, x: Ref, update: Ref): Ref => {
  const isFloat = x.class === "f32";
  switch (mode) {
    case "none":
      return update;
    case "add":
      return s.op(isFloat ? "fadd" : "iadd", x, update);
    case "mul":
      return s.op(isFloat ? "fmul" : "imul", x, update);
    case "max":
      return s.op(isFloat ? "fmax" : "imax", x, update);
    case "min":
      return s.op(isFloat ? "fmin" : "imin", x, update);
    default:
      throw node.refuse(`reduction "${mode}"`, "reduction");
  }
};

/** Most steps of a fold over the updates, for all outputs together. */
const MAX_SCATTER_STEPS = 2 ** 32;

/** Each output looks for the updates that name it, in order: a fold over the axis of the updates. */
const scatterElements = (node: NodeContext): Value => {
  const [x, indices, updates] = [node.in(0), node.in(1), node.in(2)];
  const axis = node.axis(node.int("axis", 0), x.shape.length);
  const mode = node.string("reduction", "none");
  const size = item(x.shape, axis);
  checkKnown(node, indices, size);
  const count = item(indices.shape, axis);
  if (elementCount(indices.shape) === 0) return x;
  if (elementCount(x.shape) * count > MAX_SCATTER_STEPS) throw node.refuse("so many updates");
  const by = normalized(node.lowering, indices, size);
  const guarded = range(x.shape.length).filter((d) => d !== axis && item(indices.shape, d) < item(x.shape, d));
  return node.lowering.emit(
    {
      dtype: storageOf(x.element),
      shape: x.shape,
      fold: {
        dims: [count],
        classes: [classOf(x)],
        init: (s, out) => [s.load(x, out)],
        step: (s, out, red) => {
          const [k] = atLeast(red, 1);
          const at = out.map((index, d) => (d === axis ? k : index));
          const target = s.load(by, at, { guarded, fill: -1 });
          const hit = s.op("ieq", target, s.affine(item(out, axis)));
          const update = s.load(updates, at, { guarded });
          return [s.select(hit, combined(node, mode, s, s.accumulator(), update), s.accumulator())];
        },
      },
      finish: (s) => s.accumulator(),
    },
    x.element,
  );
};

const scatterND = (node: NodeContext): Value => {
  const [x, indices, updates] = [node.in(0), node.in(1), node.in(2)];
  const mode = node.string("reduction", "none");
  const depth = lastItem(indices.shape);
  const sizes = x.shape.slice(0, depth);
  const rest = x.shape.slice(depth);
  const count = elementCount(indices.shape.slice(0, -1));
  if (count === 0) return x;
  if (elementCount(x.shape) * count > MAX_SCATTER_STEPS) throw node.refuse("so many updates");
  const flat = reshaped(node.lowering, flatIndices(node.lowering, indices, sizes), [count]);
  const source = reshaped(node.lowering, updates, [count, elementCount(rest)]);
  const before = reshaped(node.lowering, x, [elementCount(sizes), elementCount(rest)]);
  const result = node.lowering.emit(
    {
      dtype: storageOf(x.element),
      shape: before.shape,
      fold: {
        dims: [count],
        classes: [classOf(x)],
        init: (s, out) => [s.load(before, out)],
        step: (s, out, red) => {
          const [row, column] = atLeast(out, 2);
          const [at] = atLeast(red, 1);
          const hit = s.op("ieq", s.load(flat, [at]), s.affine(row));
          const update = s.load(source, [at, column]);
          return [s.select(hit, combined(node, mode, s, s.accumulator(), update), s.accumulator())];
        },
      },
      finish: (s) => s.accumulator(),
    },
    x.element,
  );
  return reshaped(node.lowering, result, x.shape);
};

/** Sequences of each batch entry turned around up to their length. */
const reverseSequence = (node: NodeContext): Value => {
  const x = node.in(0);
  const [timeAxis, batchAxis] = [node.int("time_axis", 0), node.int("batch_axis", 1)];
  const size = item(x.shape, timeAxis);
  const lengths = node.in(1);
  const table = node.lowering.emit({
    dtype: "i64",
    shape: [item(x.shape, batchAxis), size],
    finish: (s, out) => {
      const [batch, time] = atLeast(out, 2);
      const length = s.load(lengths, [batch]);
      const t = s.affine(time);
      return s.select(s.op("ilt", t, length), s.op("isub", s.op("isub", length, s.i(1)), t), t);
    },
  });
  return node.lowering.emit(
    {
      dtype: storageOf(x.element),
      shape: x.shape,
      finish: (s, out) => {
        const at: Index[] = [item(out, batchAxis), item(out, timeAxis)];
        return s.load(x, out, { gather: { dimension: timeAxis, by: table, at } });
      },
    },
    x.element,
  );
};

/** Compress with a condition known at import: the slices where it holds. */
const compress = (node: NodeContext): Value => {
  const given = node.int("axis");
  const condition = node.staticInts(1, "the condition");
  const x = given === undefined ? reshaped(node.lowering, node.in(0), [elementCount(node.in(0).shape)]) : node.in(0);
  const axis = node.axis(given ?? 0, x.shape.length);
  const positions = condition.flatMap((on, i) => (on !== 0 ? [i] : []));
  if (positions.length === 0) return sliced(x, axis, 0, 0);
  return picked(node.lowering, x, axis, positions);
};

/** Operators that choose elements by index. */
export const GATHER: readonly Operator[] = [
  onnx("Gather", 1, gather),
  onnx("GatherElements", 11, gatherElements),
  onnx("GatherND", 11, gatherND),
  onnx("Scatter", 9, scatterElements, 10),
  onnx("ScatterElements", 11, scatterElements),
  onnx("ScatterND", 11, scatterND),
  onnx("ReverseSequence", 10, reverseSequence),
  onnx("Compress", 9, compress),
];
