import { atLeast, item } from "../../../items.ts";
import type { Lowering } from "../../build/lowering.ts";
import type { Ref, StageBuilder } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { arithmetic } from "../../functions/index.ts";
import { logistic } from "./post-transform.ts";

/** Most rounds of the search for probabilities. */
const ROUNDS = 100;

/** Platt's probability of a decision, kept 10^-7 away from 0 and 1. */
const platt = (s: StageBuilder, decision: Ref, a: number, b: number): Ref => {
  const { f, add, sub, mul, lt, select } = arithmetic(s);
  const raw = sub(f(1), logistic(s, add(mul(decision, f(a)), f(b))));
  const low = Math.fround(1e-7);
  const above = select(lt(raw, f(low)), f(low), raw);
  return select(lt(f(1 - low), above), f(1 - low), above);
};

/**
 * The probabilities of two classes, [rows, 2], from their decision [rows, 1]: the coupling of pairwise probabilities
 * that libsvm and ONNX Runtime iterate, at most 100 rounds, ended when both errors are below 0.0025.
 */
export const pairProbabilities = (lowering: Lowering, decisions: Value, probA: number, probB: number): Value => {
  const first = lowering.map("f32", [decisions], (s, v) => platt(s, v, probA, probB));
  return lowering.emit({
    dtype: "f32",
    shape: [item(decisions.shape, 0), 2],
    fold: {
      dims: [ROUNDS],
      classes: ["f32", "f32", "int"],
      init: (s) => [s.f(0.5), s.f(0.5), s.i(0)],
      step: (s, out) => {
        const [row] = atLeast(out, 1);
        const [next, done] = round(s, [s.accumulator(0), s.accumulator(1)], s.load(first, [row, 0]));
        const ended = s.op("ior", s.accumulator(2), done);
        return [s.select(ended, s.accumulator(0), next[0]), s.select(ended, s.accumulator(1), next[1]), ended];
      },
    },
    finish: (s, out) => {
      const [, column] = atLeast(out, 2);
      return s.select(s.affine(column), s.accumulator(1), s.accumulator(0));
    },
  });
};

/** One round: both probabilities after it, and whether they were near enough before it. */
const round = (s: StageBuilder, [p0, p1]: readonly [Ref, Ref], r: Ref): readonly [readonly [Ref, Ref], Ref] => {
  const { f, add, sub, mul, div, neg, abs, lt, select } = arithmetic(s);
  const other = sub(f(1), r);
  const cross = neg(mul(other, r));
  const q = [
    [mul(other, other), cross],
    [cross, mul(r, r)],
  ] as const;
  const p: [Ref, Ref] = [p0, p1];
  const row = (i: 0 | 1): Ref => add(mul(q[i][0], p0), mul(q[i][1], p1));
  const qp: [Ref, Ref] = [row(0), row(1)];
  let total = add(mul(p[0], qp[0]), mul(p[1], qp[1]));
  const worst = qp.reduce((most, v) => {
    const error = abs(sub(v, total));
    return select(lt(most, error), error, most);
  }, f(0));
  const done = lt(worst, f(Math.fround(0.005) / 2));
  for (const i of [0, 1] as const) {
    const own = q[i][i];
    const diff = div(add(neg(qp[i]), total), own);
    const grown = add(f(1), diff);
    p[i] = add(p[i], diff);
    total = div(div(add(total, mul(diff, add(mul(diff, own), mul(f(2), qp[i])))), grown), grown);
    for (const j of [0, 1] as const) {
      qp[j] = div(add(qp[j], mul(diff, q[i][j])), grown);
      p[j] = div(p[j], grown);
    }
  }
  return [p, done];
};
