import { atLeast, item } from "../../../items.ts";
import type { DType } from "../../../machine/dtype.ts";
import { asIndex } from "../../build/affine.ts";
import type { KernelStage } from "../../build/kernels.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Ref } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { without } from "../../build/view.ts";
import { computable, isFloatType, less } from "../common.ts";
import { add, multiply } from "./reduce.ts";

/** Longest axis that is walked in one fold; longer ones, such as vocabularies, take too many transactions to replay. */
const LONG = 4096;
const BLOCK = 512;

const argument = (name: string, largest: boolean): Operator =>
  onnx(name, 1, (node) => {
    const x = node.in(0);
    const dtype = computable(node, x);
    const axis = node.axis(node.int("axis", 0), x.shape.length);
    const keep = node.int("keepdims", 1) === 1;
    const last = node.int("select_last_index", 0) === 1;
    const over = item(x.shape, axis) > LONG ? argumentOverBlocks : argumentOver;
    const result = over(node, x, dtype, axis, largest, last);
    return keep ? result : without(result, [axis]);
  });

/** Index of the extreme element along an axis: the first of equals, or the last. */
const argumentOver = (
  node: NodeContext,
  x: Value,
  dtype: DType,
  axis: number,
  largest: boolean,
  last: boolean,
): Value => {
  const size = item(x.shape, axis);
  return node.lowering.emit({
    dtype: "i64",
    shape: x.shape.map((n, d) => (d === axis ? 1 : n)),
    fold: {
      dims: [size - 1 || 1],
      classes: [isFloatType(dtype) ? "f32" : "int", "int"],
      init: (s, out) => [
        s.load(
          x,
          out.map((index, d) => (d === axis ? asIndex(0) : index)),
        ),
        s.i(0),
      ],
      step: (s, out, red) => {
        const [k] = atLeast(red, 1);
        const at = size === 1 ? asIndex(0) : k.plus(1);
        const v = s.load(
          x,
          out.map((index, d) => (d === axis ? at : index)),
        );
        const best = s.accumulator(0);
        const [a, b] = largest ? [best, v] : [v, best];
        const better = last ? s.not(less(s, dtype, b, a)) : less(s, dtype, a, b);
        return [s.select(better, v, best), s.select(better, s.affine(at), s.accumulator(1))];
      },
    },
    finish: (s) => s.accumulator(1),
  });
};

/** The same in two kernels: the best of each block of the axis, then the best of these. */
const argumentOverBlocks = (
  node: NodeContext,
  x: Value,
  dtype: DType,
  axis: number,
  largest: boolean,
  last: boolean,
): Value => {
  const size = item(x.shape, axis);
  const cls = isFloatType(dtype) ? "f32" : "int";
  const along = <T>(out: readonly T[], at: T): T[] => out.map((index, d) => (d === axis ? at : index));
  const better = (s: KernelStage, best: Ref, v: Ref): Ref => {
    const [a, b] = largest ? [best, v] : [v, best];
    return last ? s.not(less(s, dtype, b, a)) : less(s, dtype, a, b);
  };
  const blocks = Math.ceil(size / BLOCK);
  const ofBlocks = node.lowering.emit({
    dtype: "i64",
    shape: x.shape.map((n, d) => (d === axis ? blocks : n)),
    fold: {
      dims: [BLOCK - 1],
      classes: [cls, "int"],
      init: (s, out) => {
        const first = item(out, axis).times(BLOCK);
        return [s.load(x, along(out, first)), s.affine(first)];
      },
      step: (s, out, red) => {
        const [k] = atLeast(red, 1);
        const at = item(out, axis).times(BLOCK).plus(k).plus(1);
        // The last block may be shorter.
        const v = s.load(x, along(out, at), { guards: [{ index: at, bound: size }] });
        const taken = s.op("iand", better(s, s.accumulator(0), v), s.op("ilt", s.affine(at), s.i(size)));
        return [s.select(taken, v, s.accumulator(0)), s.select(taken, s.affine(at), s.accumulator(1))];
      },
    },
    finish: (s) => s.accumulator(1),
  });
  return node.lowering.emit({
    dtype: "i64",
    shape: x.shape.map((n, d) => (d === axis ? 1 : n)),
    fold: {
      dims: [blocks - 1],
      classes: [cls, "int"],
      init: (s, out) => {
        const at = along(out, asIndex(0));
        return [s.load(x, at, { gather: { dimension: axis, by: ofBlocks, at } }), s.load(ofBlocks, at)];
      },
      step: (s, out, red) => {
        const [k] = atLeast(red, 1);
        const at = along(out, k.plus(1));
        const v = s.load(x, at, { gather: { dimension: axis, by: ofBlocks, at } });
        const taken = better(s, s.accumulator(0), v);
        return [s.select(taken, v, s.accumulator(0)), s.select(taken, s.load(ofBlocks, at), s.accumulator(1))];
      },
    },
    finish: (s) => s.accumulator(1),
  });
};

/** Running sums or products along an axis: each output folds the elements up to its own. */
const cumulative = (name: string, since: number, start: 0 | 1): Operator =>
  onnx(name, since, (node) => {
    const x = node.in(0);
    const dtype = computable(node, x);
    const axis = node.axis(item(node.staticInts(1, "the axis"), 0), x.shape.length);
    const [exclusive, reverse] = [node.int("exclusive", 0) === 1, node.int("reverse", 0) === 1];
    const size = item(x.shape, axis);
    if (size > 65_536) throw node.refuse(`an axis of ${String(size)}`);
    return node.lowering.emit({
      dtype,
      shape: x.shape,
      fold: {
        dims: [size],
        classes: [isFloatType(dtype) ? "f32" : "int"],
        init: (s) => [isFloatType(dtype) ? s.f(start) : s.i(start)],
        step: (s, out, red) => {
          const [at] = atLeast(red, 1);
          const here = item(out, axis);
          const ordered = reverse ? at.times(-1).plus(size - 1) : at;
          const distance = reverse ? ordered.minus(here) : here.minus(ordered);
          const v = s.load(
            x,
            out.map((index, d) => (d === axis ? ordered : index)),
            {
              guards: [{ index: exclusive ? distance.minus(1) : distance, bound: size }],
              fill: start,
            },
          );
          return [start === 0 ? add(s, s.accumulator(), v) : multiply(s, s.accumulator(), v)];
        },
      },
      finish: (s) => s.accumulator(),
    });
  });

/** Operators that walk along one axis. */
export const AXIS: readonly Operator[] = [
  argument("ArgMax", true),
  argument("ArgMin", false),
  cumulative("CumSum", 11, 0),
  cumulative("CumProd", 26, 1),
];
