import { atLeast, item } from "../../../items.ts";
import type { Lowering } from "../../build/lowering.ts";
import type { NodeContext } from "../../build/node.ts";
import type { Ref, StageBuilder } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { alongRows } from "../../build/view.ts";
import { elementCount } from "../../file/element-type.ts";
import * as fn from "../../functions/index.ts";
import { arithmetic } from "../../functions/index.ts";
import { softmaxRows } from "../arithmetic/normalize.ts";
import { LARGEST_F32 } from "../common.ts";

/** What ai.onnx.ml's models do to their scores at the end. */
export const TRANSFORMS = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"] as const;

export type Transform = (typeof TRANSFORMS)[number];

/** The attribute `post_transform` of a node. */
export const transformOf = (node: NodeContext): Transform => {
  const name = node.string("post_transform", "NONE");
  const known = TRANSFORMS.find((transform) => transform === name);
  if (known === undefined) throw node.invalid(`post_transform "${name}"`, "post_transform");
  return known;
};

/** 1 / (1 + e^-|x|), mirrored for negative x, with the exponential of the C library. */
export const logistic = (s: StageBuilder, x: Ref): Ref => {
  const { f, add, sub, div, neg, abs, lt, select } = arithmetic(s);
  const v = div(f(1), add(f(1), fn.expOfLibrary(s, neg(abs(x)))));
  return select(lt(x, f(0)), sub(f(1), v), v);
};

/**
 * sqrt(2) times the inverse error function of 2x - 1, by ONNX Runtime's approximation through a logarithm. Two kernels,
 * as one would be too long for the machine.
 */
const probit = (lowering: Lowering, scores: Value): Value => {
  const a = Math.fround(0.147);
  const centred = lowering.map("f32", [scores], (s, x) => s.op("fsub", s.op("fmul", s.f(2), x), s.f(1)));
  const logs = lowering.map("f32", [centred], (s, y) => {
    const { f, add, sub, mul } = arithmetic(s);
    return fn.log(s, mul(sub(f(1), y), add(f(1), y)));
  });
  return lowering.map("f32", [centred, logs], (s, y, log) => {
    const { f, add, sub, mul, neg, sqrt, lt, select } = arithmetic(s);
    const v = add(f(2 / Math.fround(Math.fround(Math.PI) * a)), mul(f(0.5), log));
    const root = sqrt(add(neg(v), sqrt(sub(mul(v, v), mul(f(1 / a), log)))));
    return mul(f(Math.SQRT2), mul(select(lt(y, f(0)), f(-1), f(1)), root));
  });
};

/** One fold along each row of [rows, n]. */
const rowFold = (
  lowering: Lowering,
  rows: readonly Value[],
  start: number,
  step: (s: StageBuilder, accumulator: Ref, ...elements: readonly Ref[]) => Ref,
): Value =>
  lowering.emit({
    dtype: "f32",
    shape: item(rows, 0).shape.slice(0, 1),
    fold: {
      dims: item(rows, 0).shape.slice(1),
      classes: ["f32"],
      init: (s) => [s.f(start)],
      step: (s, out, red) => {
        const [k] = atLeast(red, 1);
        const at = [...out, k];
        return [step(s, s.accumulator(), ...rows.map((row) => s.load(row, at)))];
      },
    },
    finish: (s) => s.accumulator(),
  });

const largest = (lowering: Lowering, scores: Value): Value =>
  rowFold(lowering, [scores], -LARGEST_F32, (s, best, v = best) => s.select(s.op("flt", best, v), v, best));

/** e^(x - max) over its sum, in order, with the exponential of the C library. */
const softmax = (lowering: Lowering, scores: Value): Value => {
  const powers = lowering.map("f32", [scores, alongRows(largest(lowering, scores), scores)], (s, v, m) =>
    fn.expOfLibrary(s, s.op("fsub", v, m)),
  );
  const sum = rowFold(lowering, [powers], 0, (s, total, p = total) => s.op("fadd", total, p));
  return lowering.map("f32", [powers, alongRows(sum, scores)], (s, p, total) => s.op("fdiv", p, total));
};

/** Softmax that leaves scores within 1e-7 of zero out of the sum and near zero. */
const softmaxZero = (lowering: Lowering, scores: Value): Value => {
  const isZero = (s: StageBuilder, v: Ref): Ref =>
    s.not(s.op("ior", s.op("flt", s.f(1e-7), v), s.op("flt", v, s.f(-1e-7))));
  const max = alongRows(largest(lowering, scores), scores);
  const scale = lowering.map("f32", [max], (s, m) => fn.expOfLibrary(s, s.op("fneg", m)));
  const powers = lowering.map("f32", [scores, max, scale], (s, v, m, k) =>
    s.select(isZero(s, v), s.op("fmul", v, k), fn.expOfLibrary(s, s.op("fsub", v, m))),
  );
  const sum = rowFold(lowering, [scores, powers], 0, (s, total, v = total, p = total) =>
    s.op("fadd", total, s.select(isZero(s, v), s.f(0), p)),
  );
  return lowering.map("f32", [powers, alongRows(sum, scores)], (s, p, total) => s.op("fdiv", p, total));
};

/** From these many scores on ONNX Runtime's linear models leave the softmax of short rows to its vector kernel. */
const vectorSoftmax = ({ shape }: Value): boolean => {
  const count = elementCount(shape);
  const n = item(shape, 1);
  return n > 4 || (n === 2 && count >= 32_768) || (n > 2 && count >= 16_384);
};

/**
 * A transform of scores [rows, n], n >= 2 (or any n for NONE, LOGISTIC and PROBIT). `vector`: as the linear models
 * apply it, with the kernels of Sigmoid and Softmax; otherwise as trees do, with the C library's exponential.
 */
export const transformed = (lowering: Lowering, scores: Value, transform: Transform, vector = false): Value => {
  switch (transform) {
    case "NONE":
      return scores;
    case "LOGISTIC":
      return lowering.map("f32", [scores], (s, v) => (vector ? fn.sigmoid(s, v) : logistic(s, v)));
    case "SOFTMAX":
      return vector && vectorSoftmax(scores) ? softmaxRows(lowering, scores) : softmax(lowering, scores);
    case "SOFTMAX_ZERO":
      return softmaxZero(lowering, scores);
    case "PROBIT":
      return probit(lowering, scores);
  }
};
