import { asIndex } from "../affine.ts";
import { dot, contiguousAlong } from "../dot.ts";
import * as fn from "../functions/index.ts";
import { type NodeContext, onnx, type Operator } from "../node.ts";
import type { Ref, StageBuilder } from "../stage.ts";
import type { Value } from "../value.ts";
import { float, inserted, permuted, range, sliced } from "./common.ts";
import { blockFor } from "./linear.ts";
import { concatenated } from "./movement.ts";

/** Longest sequence that is unrolled. */
const MAX_STEPS = 4096;

type Activation = (s: StageBuilder, x: Ref) => Ref;

const activation = (
  node: NodeContext,
  name: string,
  alpha: number | undefined,
  beta: number | undefined,
): Activation => {
  switch (name.toLowerCase()) {
    case "sigmoid":
      return fn.sigmoid;
    case "tanh":
      return fn.tanh;
    case "relu":
      return (s, x) => s.op("fmax", x, s.f(0));
    case "leakyrelu":
      return (s, x) => s.select(s.op("flt", x, s.f(0)), s.op("fmul", s.f(alpha ?? 0.01), x), x);
    case "affine":
      return (s, x) => s.op("fadd", s.op("fmul", s.f(alpha ?? 1), x), s.f(beta ?? 0));
    case "hardsigmoid":
      return (s, x) => fn.clamp(s, s.op("fadd", s.op("fmul", s.f(alpha ?? 0.2), x), s.f(beta ?? 0.5)), 0, 1);
    default:
      throw node.refuse(`activation "${name}"`, "activations");
  }
};

/** What the three recurrent operators share. */
interface Recurrent {
  readonly x: Value;
  readonly hidden: number;
  readonly batch: number;
  readonly steps: number;
  readonly directions: number;
  readonly reverse: (direction: number) => boolean;
  readonly activations: (direction: number) => readonly Activation[];
  readonly clipped: (s: StageBuilder, x: Ref) => Ref;
  readonly lengths: Value | undefined;
  readonly batchFirst: boolean;
}

const recurrentOf = (node: NodeContext, defaults: readonly string[]): Recurrent => {
  const batchFirst = node.int("layout", 0) === 1;
  const given = float(node, node.in(0));
  const x = batchFirst ? permuted(given, [1, 0, 2]) : given;
  const [steps = 1, batch = 1] = x.shape;
  if (steps > MAX_STEPS) throw node.error("ONNX_LIMIT", `a sequence of ${String(steps)} steps`);
  const direction = node.string("direction", "forward");
  const directions = direction === "bidirectional" ? 2 : 1;
  const hidden = node.int("hidden_size") ?? node.in(2).shape[2] ?? 1;
  const names = node.strings("activations") ?? range(directions).flatMap(() => defaults);
  const [alphas, betas] = [node.floats("activation_alpha") ?? [], node.floats("activation_beta") ?? []];
  const clip = node.float("clip");
  node.ignore("output_sequence");
  return {
    x,
    hidden,
    batch,
    steps,
    directions,
    reverse: (d) => direction === "reverse" || d === 1,
    activations: (d) =>
      defaults.map((_, i) => {
        const at = d * defaults.length + i;
        return activation(node, names[at] ?? "", alphas[at], betas[at]);
      }),
    clipped: (s, v) => (clip === undefined ? v : fn.clamp(s, v, -clip, clip)),
    lengths: node.opt(4),
    batchFirst,
  };
};

const one = (value: Value, direction: number): Value => {
  const part = sliced(value, 0, direction, 1);
  return { ...part, shape: part.shape.slice(1), strides: part.strides.slice(1) };
};

/** x W^T for [B, I] and [N, I]. */
const product = (node: NodeContext, x: Value, w: Value, start?: Value): Value => {
  const [rows, columns] = [contiguousAlong(node.b, x, 1), contiguousAlong(node.b, w, 1)];
  const [m = 1, k = 1] = x.shape;
  const n = w.shape[0] ?? 1;
  const block = blockFor(m, n, k, false, true);
  return dot(node.b, {
    dtype: "f32",
    shape: [m, n],
    class: "f32",
    length: k,
    block: block === "vector" ? k : block,
    ...(start && { start: (s, out) => s.load(start, out) }),
    left: (s, [i = 0], at) => s.load(rows, [i, at]),
    right: (s, [, j = 0], at) => s.load(columns, [j, at]),
    finish: (_s, _out, sum) => sum,
  });
};

/** One step of a cell: the next states from the previous ones. The first state is the output. */
type Cell = (x: Value, states: readonly Value[]) => readonly Value[];

const stepKept = (
  node: NodeContext,
  lengths: Value | undefined,
  t: number,
  next: Value,
  old: Value | undefined,
): Value => {
  if (lengths === undefined) return next;
  return node.b.emit({
    dtype: "f32",
    shape: next.shape,
    finish: (s, out) => {
      const alive = s.op("ilt", s.i(t), s.load(lengths, [out[0] ?? asIndex(0)]));
      return s.select(alive, s.load(next, out), old ? s.load(old, out) : s.f(0));
    },
  });
};

/** Runs a cell over the sequence; outputs of all steps and the last states. */
const unroll = (
  node: NodeContext,
  r: Recurrent,
  direction: number,
  initial: readonly Value[],
  cell: Cell,
): { readonly outputs: readonly Value[]; readonly states: readonly Value[] } => {
  let states = initial;
  const outputs: Value[] = range(r.steps).map(() => initial[0] as Value);
  for (let i = 0; i < r.steps; i++) {
    const t = r.reverse(direction) ? r.steps - 1 - i : i;
    const part = sliced(r.x, 0, t, 1);
    const next = cell({ ...part, shape: part.shape.slice(1), strides: part.strides.slice(1) }, states);
    outputs[t] = stepKept(node, r.lengths, t, next[0] as Value, undefined);
    states = next.map((state, j) => stepKept(node, r.lengths, t, state, states[j]));
  }
  return { outputs, states };
};

/** Y and the final states in ONNX's layout. */
const collected = (
  node: NodeContext,
  r: Recurrent,
  runs: readonly { readonly outputs: readonly Value[]; readonly states: readonly Value[] }[],
): Value[] => {
  const byDirection = runs.map(({ outputs }) =>
    concatenated(
      node.b,
      outputs.map((h) => inserted(h, 0)),
      0,
    ),
  );
  const y = concatenated(
    node.b,
    byDirection.map((h) => inserted(h, 1)),
    1,
  );
  const count = runs[0]?.states.length ?? 0;
  const finals = range(count).map((j) =>
    concatenated(
      node.b,
      runs.map(({ states }) => inserted(states[j] as Value, 0)),
      0,
    ),
  );
  if (!r.batchFirst) return [y, ...finals];
  return [permuted(y, [2, 0, 1, 3]), ...finals.map((state) => permuted(state, [1, 0, 2]))];
};

const initialState = (node: NodeContext, r: Recurrent, at: number, direction: number): Value => {
  const given = node.opt(at);
  if (given === undefined) {
    const zero = node.b.scalar("f32", 0);
    return { ...zero, shape: [r.batch, r.hidden], strides: [0, 0] };
  }
  return one(r.batchFirst ? permuted(given, [1, 0, 2]) : given, direction);
};

/** The two halves of B for gate g, added; zeros when there is no B. */
const gateBias = (node: NodeContext, r: Recurrent, direction: number, gates: number, half: 0 | 1): Value => {
  const b = node.opt(3);
  if (b === undefined) return { ...node.b.scalar("f32", 0), shape: [gates * r.hidden], strides: [0] };
  return sliced(one(b, direction), 0, half * gates * r.hidden, gates * r.hidden);
};

const gate = (value: Value, g: number, hidden: number): Value =>
  sliced(value, value.shape.length - 1, g * hidden, hidden);

const rnn = (node: NodeContext): Value[] => {
  const r = recurrentOf(node, ["Tanh"]);
  const runs = range(r.directions).map((d) => {
    const [w, u] = [one(node.in(1), d), one(node.in(2), d)];
    const [wb, ub] = [gateBias(node, r, d, 1, 0), gateBias(node, r, d, 1, 1)];
    const [f] = r.activations(d);
    const bias = node.b.map("f32", [wb, ub], (s, a, c) => s.op("fadd", a, c));
    const start: Value = { ...bias, shape: [r.batch, r.hidden], strides: [0, bias.strides[0] ?? 0] };
    return unroll(node, r, d, [initialState(node, r, 5, d)], (x, [h]) => {
      const sums = product(node, h as Value, u, product(node, x, w, start));
      return [node.b.map("f32", [sums], (s, v) => (f ?? fn.tanh)(s, r.clipped(s, v)))];
    });
  });
  return collected(node, r, runs);
};

const lstm = (node: NodeContext): Value[] => {
  const r = recurrentOf(node, ["Sigmoid", "Tanh", "Tanh"]);
  const coupled = node.int("input_forget", 0) === 1;
  const runs = range(r.directions).map((d) => {
    const [w, u] = [one(node.in(1), d), one(node.in(2), d)];
    const [wb, ub] = [gateBias(node, r, d, 4, 0), gateBias(node, r, d, 4, 1)];
    const peep = node.opt(7) && one(node.in(7), d);
    const [f = fn.sigmoid, g = fn.tanh, h = fn.tanh] = r.activations(d);
    const bias = node.b.map("f32", [wb, ub], (s, a, c) => s.op("fadd", a, c));
    return unroll(node, r, d, [initialState(node, r, 5, d), initialState(node, r, 6, d)], (x, [hidden, cellState]) => {
      const previous = cellState as Value;
      // Gates in the order i, o, f, c.
      const sums = product(node, hidden as Value, u, product(node, x, w));
      const pre = (i: number, p: number | undefined, state: Value, act: Activation): Value => {
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

const gru = (node: NodeContext): Value[] => {
  const r = recurrentOf(node, ["Sigmoid", "Tanh"]);
  const before = node.int("linear_before_reset", 0) === 1;
  const runs = range(r.directions).map((d) => {
    const [w, u] = [one(node.in(1), d), one(node.in(2), d)];
    const [wb, ub] = [gateBias(node, r, d, 3, 0), gateBias(node, r, d, 3, 1)];
    const [f = fn.sigmoid, g = fn.tanh] = r.activations(d);
    const rowsOf = (value: Value, i: number): Value => sliced(value, 0, i * r.hidden, r.hidden);
    return unroll(node, r, d, [initialState(node, r, 5, d)], (x, [state]) => {
      const h = state as Value;
      const sums = (i: number): Value[] => [
        product(node, x, rowsOf(w, i)),
        gate(wb, i, r.hidden),
        gate(ub, i, r.hidden),
      ];
      const plain = (i: number): Value =>
        node.b.map("f32", [...sums(i), product(node, h, rowsOf(u, i))], (s, a, p, q, c) =>
          f(s, r.clipped(s, s.op("fadd", s.op("fadd", a, c), s.op("fadd", p, q)))),
        );
      const [update, reset] = [plain(0), plain(1)];
      const inner = before
        ? node.b.map("f32", [...sums(2), product(node, h, rowsOf(u, 2)), reset], (s, a, p, q, c, k) => {
            const recurrent = s.op("fmul", k, s.op("fadd", c, q));
            return g(s, r.clipped(s, s.op("fadd", s.op("fadd", a, p), recurrent)));
          })
        : node.b.map(
            "f32",
            [
              ...sums(2),
              product(
                node,
                node.b.map("f32", [reset, h], (s, k, v) => s.op("fmul", k, v)),
                rowsOf(u, 2),
              ),
            ],
            (s, a, p, q, c) => g(s, r.clipped(s, s.op("fadd", s.op("fadd", a, c), s.op("fadd", p, q)))),
          );
      return [
        node.b.map("f32", [update, inner, h], (s, z, n, v) =>
          s.op("fadd", s.op("fmul", s.op("fsub", s.f(1), z), n), s.op("fmul", z, v)),
        ),
      ];
    });
  });
  return collected(node, r, runs);
};

/** Recurrent layers, unrolled over their sequence. */
export const RECURRENT: readonly Operator[] = [onnx("RNN", 7, rnn), onnx("LSTM", 7, lstm), onnx("GRU", 7, gru)];
