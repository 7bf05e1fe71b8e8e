import { atLeast, item } from "../../../items.ts";
import type { NodeContext } from "../../build/node.ts";
import type { Ref, StageBuilder } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { entryAt, inserted, permuted, sliced } from "../../build/view.ts";
import { elementCount } from "../../file/element-type.ts";
import { clamp } from "../../functions/index.ts";
import { contiguousAlong } from "../../sums/dot.ts";
import { type Activation, activationsOf } from "../arithmetic/activations.ts";
import { blockFor, orderedDot } from "../arithmetic/linear.ts";
import { float, range } from "../common.ts";
import { concatenated } from "../tensor/movement.ts";

/** Longest sequence that is unrolled. */
const MAX_STEPS = 4096;

/** What the three recurrent operators share. */
export interface Recurrent {
  /** The input as [steps, batch, features]. */
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

export const recurrentOf = (node: NodeContext, defaults: readonly string[]): Recurrent => {
  const batchFirst = node.int("layout", 0) === 1;
  const given = float(node, node.in(0));
  const x = batchFirst ? permuted(given, [1, 0, 2]) : given;
  const [steps, batch] = atLeast(x.shape, 2);
  if (steps > MAX_STEPS) throw node.error("ONNX_LIMIT", `a sequence of ${String(steps)} steps`);
  const direction = node.string("direction", "forward");
  const directions = direction === "bidirectional" ? 2 : 1;
  const hidden = node.int("hidden_size") ?? item(node.in(2).shape, 2);
  const names = node.strings("activations") ?? range(directions).flatMap(() => defaults);
  const activations = activationsOf(
    node,
    range(directions * defaults.length).map((i) => item(names, i)),
  );
  const clip = node.float("clip");
  node.ignore("output_sequence");
  return {
    x,
    hidden,
    batch,
    steps,
    directions,
    reverse: (d) => direction === "reverse" || d === 1,
    activations: (d) => activations.slice(d * defaults.length, (d + 1) * defaults.length),
    clipped: (s, v) => (clip === undefined ? v : clamp(s, v, -clip, clip)),
    lengths: node.opt(4),
    batchFirst,
  };
};

/**
 * x W^T for [.., I] and [N, I], added to `start` block by block. A matrix that is in the file is `packed`, unless the
 * operator does not pack it.
 */
export const weightProduct = (node: NodeContext, x: Value, w: Value, packed: boolean, start?: Value): Value => {
  const last = x.shape.length - 1;
  const [rows, columns] = [contiguousAlong(node.lowering, x, last), contiguousAlong(node.lowering, w, 1)];
  const [n, k] = atLeast(w.shape, 2);
  return orderedDot(
    node.lowering,
    {
      dtype: "f32",
      shape: [...x.shape.slice(0, -1), n],
      class: "f32",
      length: k,
      ...(start && { start: (s, out) => s.load(start, out) }),
      left: (s, out, at) => s.load(rows, [...out.slice(0, last), at]),
      right: (s, out, at) => s.load(columns, [item(out, last), at]),
      finish: (_s, _out, sum) => sum,
    },
    blockFor({ m: elementCount(x.shape.slice(0, -1)), n, k, packed, rightTransposed: true }),
  );
};

/** Whether the operator's weights (input 1) and recurrence weights (input 2) are in the file. */
export const packedWeights = (node: NodeContext): readonly [w: boolean, r: boolean] => [
  node.lowering.initializers.has(node.in(1)),
  node.lowering.initializers.has(node.in(2)),
];

/**
 * One step of a cell: the next states from the previous ones, the first of them the output. `now` gives this step's
 * part of a value that has all steps.
 */
export type Cell = (now: (all: Value) => Value, states: readonly Value[]) => readonly Value[];

const stepKept = (
  node: NodeContext,
  lengths: Value | undefined,
  t: number,
  next: Value,
  old: Value | undefined,
): Value => {
  if (lengths === undefined) return next;
  return node.lowering.emit({
    dtype: "f32",
    shape: next.shape,
    finish: (s, out) => {
      const alive = s.op("ilt", s.i(t), s.load(lengths, [item(out, 0)]));
      return s.select(alive, s.load(next, out), old ? s.load(old, out) : s.f(0));
    },
  });
};

/** Runs a cell over the sequence; outputs of all steps and the last states. */
export const unroll = (
  node: NodeContext,
  recurrent: Recurrent,
  direction: number,
  initial: readonly Value[],
  cell: Cell,
): { readonly outputs: readonly Value[]; readonly states: readonly Value[] } => {
  let states = initial;
  const outputs: Value[] = range(recurrent.steps).map(() => item(initial, 0));
  for (let i = 0; i < recurrent.steps; i++) {
    const t = recurrent.reverse(direction) ? recurrent.steps - 1 - i : i;
    const next = cell((all) => entryAt(all, t), states);
    outputs[t] = stepKept(node, recurrent.lengths, t, item(next, 0), undefined);
    states = next.map((state, j) => stepKept(node, recurrent.lengths, t, state, states[j]));
  }
  return { outputs, states };
};

/** Y and the final states in ONNX's layout. */
export const collected = (
  node: NodeContext,
  recurrent: Recurrent,
  runs: readonly { readonly outputs: readonly Value[]; readonly states: readonly Value[] }[],
): Value[] => {
  const byDirection = runs.map(({ outputs }) =>
    concatenated(
      node.lowering,
      outputs.map((h) => inserted(h, 0)),
      0,
    ),
  );
  const y = concatenated(
    node.lowering,
    byDirection.map((h) => inserted(h, 1)),
    1,
  );
  const count = item(runs, 0).states.length;
  const finals = range(count).map((j) =>
    concatenated(
      node.lowering,
      runs.map(({ states }) => inserted(item(states, j), 0)),
      0,
    ),
  );
  if (!recurrent.batchFirst) return [y, ...finals];
  return [permuted(y, [2, 0, 1, 3]), ...finals.map((state) => permuted(state, [1, 0, 2]))];
};

export const initialState = (node: NodeContext, recurrent: Recurrent, at: number, direction: number): Value => {
  const given = node.opt(at);
  if (given === undefined) {
    const zero = node.lowering.scalar("f32", 0);
    return { ...zero, shape: [recurrent.batch, recurrent.hidden], strides: [0, 0] };
  }
  return entryAt(recurrent.batchFirst ? permuted(given, [1, 0, 2]) : given, direction);
};

/** The initial hidden state, input 5. A sequence without steps ends with zeros, as in onnxruntime-web. */
export const initialHidden = (node: NodeContext, recurrent: Recurrent, direction: number): Value => {
  const state = initialState(node, recurrent, 5, direction);
  const { lengths } = recurrent;
  if (lengths === undefined || node.opt(5) === undefined) return state;
  return node.lowering.emit({
    dtype: "f32",
    shape: state.shape,
    finish: (s, out) => {
      const steps = s.op("ilt", s.i(0), s.load(lengths, out.slice(0, 1)));
      return s.select(steps, s.load(state, out), s.f(0));
    },
  });
};

/** One half of B, for all gates; zeros when there is no B. */
export const gateBias = (
  node: NodeContext,
  recurrent: Recurrent,
  direction: number,
  gates: number,
  half: 0 | 1,
): Value => {
  const b = node.opt(3);
  if (b === undefined) return { ...node.lowering.scalar("f32", 0), shape: [gates * recurrent.hidden], strides: [0] };
  return sliced(entryAt(b, direction), 0, half * gates * recurrent.hidden, gates * recurrent.hidden);
};

export const gate = (value: Value, g: number, hidden: number): Value =>
  sliced(value, value.shape.length - 1, g * hidden, hidden);
