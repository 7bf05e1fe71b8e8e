import { item } from "../../../items.ts";
import type { NodeContext } from "../../build/node.ts";
import type { Ref, StageBuilder } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { sliced, entryAt } from "../../build/view.ts";
import * as fn from "../../functions/index.ts";
import type { Activation } from "../arithmetic/activations.ts";
import { range } from "../common.ts";
import {
  collected,
  gate,
  gateBias,
  initialHidden,
  packedWeights,
  weightProduct,
  recurrentOf,
  unroll,
} from "./recurrence.ts";

/*
 * GRU as onnxruntime-web's kernel computes it: the products of the state are added to those of the input, the biases
 * last; its reset and output gates have formulas of their own for the sigmoid and tanh.
 */

/** 1 + tanh(x / 2), which is twice the logistic function. */
const twiceLogistic = (s: StageBuilder, x: Ref): Ref => {
  const half = s.op("fmul", s.f(0.5), fn.clamp(s, x, -20, 20));
  return s.op("fadd", s.f(1), fn.tanhWithin(s, half));
};

/** An activation of the reset or the output gate, times `value`. */
const gated = (s: StageBuilder, { name, apply }: Activation, x: Ref, value: Ref): Ref => {
  if (name === "sigmoid") return s.op("fmul", s.op("fmul", value, s.f(0.5)), twiceLogistic(s, x));
  if (name !== "tanh") return s.op("fmul", value, apply(s, x));
  return s.op("fmul", value, fn.tanhWithin(s, fn.clamp(s, x, -10, 10)));
};

/** GRU's outputs, its gates in the order z, r, h. */
export const gru = (node: NodeContext): Value[] => {
  const recurrent = recurrentOf(node, ["Sigmoid", "Tanh"]);
  const { hidden } = recurrent;
  const before = node.int("linear_before_reset", 0) === 1;
  const biased = node.opt(3) !== undefined;
  const [packedW, packedR] = packedWeights(node);
  const runs = range(recurrent.directions).map((d) => {
    const u = entryAt(node.in(2), d);
    const [wb, ub] = [gateBias(node, recurrent, d, 3, 0), gateBias(node, recurrent, d, 3, 1)];
    const both = node.lowering.map("f32", [wb, ub], (s, a, c) => s.op("fadd", a, c));
    const [f, g] = recurrent.activations(d) as readonly [Activation, Activation];
    const inputs = weightProduct(node, recurrent.x, entryAt(node.in(1), d), packedW);
    const [forGates, forOutput] = [sliced(u, 0, 0, 2 * hidden), sliced(u, 0, 2 * hidden, hidden)];
    const plus = (s: StageBuilder, sum: Ref, bias: Ref): Ref =>
      recurrent.clipped(s, biased ? s.op("fadd", sum, bias) : sum);
    return unroll(node, recurrent, d, [initialHidden(node, recurrent, d)], (now, [state]) => {
      const h = state as Value;
      const x = now(inputs);
      const sums = weightProduct(node, h, forGates, packedR, sliced(x, 1, 0, 2 * hidden));
      const update = node.lowering.map("f32", [gate(sums, 0, hidden), gate(both, 0, hidden)], (s, a, p) =>
        f.apply(s, plus(s, a, p)),
      );
      const kept = (value: Value): Value =>
        node.lowering.map("f32", [gate(sums, 1, hidden), gate(both, 1, hidden), value], (s, a, p, v) =>
          gated(s, f, plus(s, a, p), v),
        );
      const linear = (value: Value, start?: Value): Value => weightProduct(node, value, forOutput, packedR, start);
      const bias = gate(ub, 2, hidden);
      const wide: Value = { ...bias, shape: [recurrent.batch, hidden], strides: [0, item(bias.strides, 0)] };
      const own = gate(x, 2, hidden);
      const inner = before
        ? node.lowering.map("f32", [kept(linear(h, biased ? wide : undefined)), own], (s, a, c) => s.op("fadd", c, a))
        : linear(kept(h), own);
      const last = gate(before ? wb : both, 2, hidden);
      return [
        node.lowering.map("f32", [update, inner, last, h], (s, z, a, p, v) =>
          s.op("fadd", gated(s, g, plus(s, a, p), s.op("fsub", s.f(1), z)), s.op("fmul", z, v)),
        ),
      ];
    });
  });
  return collected(node, recurrent, runs);
};
