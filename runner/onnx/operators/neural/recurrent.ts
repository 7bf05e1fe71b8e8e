import { atLeast, item } from "../../../items.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Value } from "../../build/value.ts";
import { type Activation, ofLibrary } from "../arithmetic/activations.ts";
import { range } from "../common.ts";
import { gru } from "./gru.ts";
import {
  collected,
  gate,
  gateBias,
  initialHidden,
  initialState,
  one,
  packedWeights,
  product,
  recurrentOf,
  unroll,
} from "./recurrence.ts";

/** RNN: the product of the state by itself, then plus that of the input, which starts from the sum of the biases. */
const rnn = (node: NodeContext): Value[] => {
  const r = recurrentOf(node, ["Tanh"]);
  const runs = range(r.directions).map((d) => {
    const [w, u] = [one(node.in(1), d), one(node.in(2), d)];
    const [wb, ub] = [gateBias(node, r, d, 1, 0), gateBias(node, r, d, 1, 1)];
    const activation = ofLibrary(item(r.activations(d), 0));
    const bias = node.b.map("f32", [wb, ub], (s, a, c) => s.op("fadd", a, c));
    const start: Value = { ...bias, shape: [r.steps, r.batch, r.hidden], strides: [0, 0, item(bias.strides, 0)] };
    // The operator does not pack its weights.
    const inputs = product(node, r.x, w, false, start);
    return unroll(node, r, d, [initialHidden(node, r, d)], (now, [h]) => {
      const sums = product(node, h as Value, u, false);
      const total = node.b.map("f32", [sums, now(inputs)], (s, a, c) => r.clipped(s, s.op("fadd", a, c)));
      return [node.b.map("f32", [total], activation)];
    });
  });
  return collected(node, r, runs);
};

const lstm = (node: NodeContext): Value[] => {
  const r = recurrentOf(node, ["Sigmoid", "Tanh", "Tanh"]);
  const coupled = node.int("input_forget", 0) === 1;
  const [packedW, packedR] = packedWeights(node);
  const runs = range(r.directions).map((d) => {
    const u = one(node.in(2), d);
    const [wb, ub] = [gateBias(node, r, d, 4, 0), gateBias(node, r, d, 4, 1)];
    const peep = node.opt(7) && one(node.in(7), d);
    const [{ apply: f }, { apply: g }, { apply: h }] = atLeast(r.activations(d), 3);
    const inputs = product(node, r.x, one(node.in(1), d), packedW);
    const bias = node.b.map("f32", [wb, ub], (s, a, c) => s.op("fadd", a, c));
    return unroll(node, r, d, [initialHidden(node, r, d), initialState(node, r, 6, d)], (now, [hidden, cellState]) => {
      const previous = cellState as Value;
      // Gates in the order i, o, f, c.
      const sums = product(node, hidden as Value, u, packedR, now(inputs));
      const pre = (i: number, p: number | undefined, state: Value, act: Activation["apply"]): Value => {
        const values = [gate(sums, i, r.hidden), gate(bias, i, r.hidden)];
        if (peep && p !== undefined) values.push(gate(peep, p, r.hidden), state);
        return node.b.map("f32", values, (s, a, c, weight, memory) => {
          let sum = s.op("fadd", a, c);
          if (weight && memory) sum = s.op("fadd", sum, s.op("fmul", weight, memory));
          return act(s, r.clipped(s, sum));
        });
      };
      const input = pre(0, 0, previous, f);
      const forget = coupled ? node.b.map("f32", [input], (s, a) => s.op("fsub", s.f(1), a)) : pre(2, 2, previous, f);
      const candidate = pre(3, undefined, previous, g);
      const next = node.b.map("f32", [forget, previous, input, candidate], (s, a, c, i, n) =>
        s.op("fadd", s.op("fmul", a, c), s.op("fmul", i, n)),
      );
      const output = pre(1, 1, next, f);
      const y = node.b.map("f32", [output, next], (s, o, c) => s.op("fmul", o, h(s, c)));
      return [y, next];
    });
  });
  return collected(node, r, runs);
};

/** Recurrent layers, unrolled over their sequence. */
export const RECURRENT: readonly Operator[] = [onnx("RNN", 7, rnn), onnx("LSTM", 7, lstm), onnx("GRU", 7, gru)];
