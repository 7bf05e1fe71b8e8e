import { atLeast, item } from "../../../items.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Value } from "../../build/value.ts";
import { entryAt } from "../../build/view.ts";
import { type Activation, ofLibrary } from "../arithmetic/activations.ts";
import { range } from "../common.ts";
import { gru } from "./gru.ts";
import {
  collected,
  gate,
  gateBias,
  initialHidden,
  initialState,
  packedWeights,
  weightProduct,
  recurrentOf,
  unroll,
} from "./recurrence.ts";

/** RNN: the product of the state by itself, then plus that of the input, which starts from the sum of the biases. */
const rnn = (node: NodeContext): Value[] => {
  const recurrent = recurrentOf(node, ["Tanh"]);
  const runs = range(recurrent.directions).map((d) => {
    const [w, u] = [entryAt(node.in(1), d), entryAt(node.in(2), d)];
    const [wb, ub] = [gateBias(node, recurrent, d, 1, 0), gateBias(node, recurrent, d, 1, 1)];
    const activation = ofLibrary(item(recurrent.activations(d), 0));
    const bias = node.lowering.map("f32", [wb, ub], (s, a, c) => s.op("fadd", a, c));
    const start: Value = {
      ...bias,
      shape: [recurrent.steps, recurrent.batch, recurrent.hidden],
      strides: [0, 0, item(bias.strides, 0)],
    };
    // The operator does not pack its weights.
    const inputs = weightProduct(node, recurrent.x, w, false, start);
    return unroll(node, recurrent, d, [initialHidden(node, recurrent, d)], (now, [h]) => {
      const sums = weightProduct(node, h as Value, u, false);
      const total = node.lowering.map("f32", [sums, now(inputs)], (s, a, c) =>
        recurrent.clipped(s, s.op("fadd", a, c)),
      );
      return [node.lowering.map("f32", [total], activation)];
    });
  });
  return collected(node, recurrent, runs);
};

const lstm = (node: NodeContext): Value[] => {
  const recurrent = recurrentOf(node, ["Sigmoid", "Tanh", "Tanh"]);
  const coupled = node.int("input_forget", 0) === 1;
  const [packedW, packedR] = packedWeights(node);
  const runs = range(recurrent.directions).map((d) => {
    const u = entryAt(node.in(2), d);
    const [wb, ub] = [gateBias(node, recurrent, d, 4, 0), gateBias(node, recurrent, d, 4, 1)];
    const peep = node.opt(7) && entryAt(node.in(7), d);
    const [{ apply: f }, { apply: g }, { apply: h }] = atLeast(recurrent.activations(d), 3);
    const inputs = weightProduct(node, recurrent.x, entryAt(node.in(1), d), packedW);
    const bias = node.lowering.map("f32", [wb, ub], (s, a, c) => s.op("fadd", a, c));
    return unroll(
      node,
      recurrent,
      d,
      [initialHidden(node, recurrent, d), initialState(node, recurrent, 6, d)],
      (now, [hidden, cellState]) => {
        const previous = cellState as Value;
        // Gates in the order i, o, f, c.
        const sums = weightProduct(node, hidden as Value, u, packedR, now(inputs));
        const pre = (i: number, p: number | undefined, state: Value, act: Activation["apply"]): Value => {
          const values = [gate(sums, i, recurrent.hidden), gate(bias, i, recurrent.hidden)];
          if (peep && p !== undefined) values.push(gate(peep, p, recurrent.hidden), state);
          return node.lowering.map("f32", values, (s, a, c, weight, memory) => {
            let sum = s.op("fadd", a, c);
            if (weight && memory) sum = s.op("fadd", sum, s.op("fmul", weight, memory));
            return act(s, recurrent.clipped(s, sum));
          });
        };
        const input = pre(0, 0, previous, f);
        const forget = coupled
          ? node.lowering.map("f32", [input], (s, a) => s.op("fsub", s.f(1), a))
          : pre(2, 2, previous, f);
        const candidate = pre(3, undefined, previous, g);
        const next = node.lowering.map("f32", [forget, previous, input, candidate], (s, a, c, i, n) =>
          s.op("fadd", s.op("fmul", a, c), s.op("fmul", i, n)),
        );
        const output = pre(1, 1, next, f);
        const y = node.lowering.map("f32", [output, next], (s, o, c) => s.op("fmul", o, h(s, c)));
        return [y, next];
      },
    );
  });
  return collected(node, recurrent, runs);
};

/** Recurrent layers, unrolled over their sequence. */
export const RECURRENT: readonly Operator[] = [onnx("RNN", 7, rnn), onnx("LSTM", 7, lstm), onnx("GRU", 7, gru)];
