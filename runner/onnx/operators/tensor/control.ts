import { item } from "../../../items.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import { type Bound, isSequence, type SequenceValue, type Value } from "../../build/value.ts";
import { entryAt, without, inserted, sliced } from "../../build/view.ts";
import type { RawGraph } from "../../file/decode.ts";
import { range } from "../common.ts";
import { concatenated } from "./movement.ts";

/** Most iterations of one loop that are unrolled. */
const MAX_ITERATIONS = 4096;

const isTrue = (node: NodeContext, value: Value, what: string): boolean => {
  const elements = node.lowering.elements(value);
  if (elements?.length !== 1) throw node.refuse(`${what} depends on the model's inputs`);
  return Number(elements[0]) !== 0;
};

/** A branch chosen at import. */
const conditional = (node: NodeContext): readonly Bound[] => {
  const [yes, no] = [node.graph("then_branch"), node.graph("else_branch")];
  return node.surroundings.subgraph(isTrue(node, node.in(0), "the condition") ? yes : no, []);
};

/** A loop whose trip count and condition are known at import, unrolled. */
const loop = (node: NodeContext): readonly Bound[] => {
  const body: RawGraph = node.graph("body");
  const trips = node.opt(0) === undefined ? Infinity : item(node.staticInts(0, "the trip count"), 0);
  const carried = range(Math.max(0, node.inputCount - 2)).map((i) => node.bound(i + 2));
  let state: readonly Bound[] = carried;
  let running = node.opt(1) === undefined ? true : isTrue(node, node.in(1), "the condition");
  const scans: Value[][] = range(Math.max(0, body.output.length - 1 - carried.length)).map(() => []);
  for (let i = 0; running && i < trips; i++) {
    if (i >= MAX_ITERATIONS) throw node.error("ONNX_LIMIT", `the loop runs more than ${String(MAX_ITERATIONS)} times`);
    const results = node.surroundings.subgraph(body, [
      node.lowering.scalar("i64", i),
      node.lowering.scalar("bool", 1),
      ...state,
    ]);
    const [condition, ...rest] = results;
    if (condition === undefined || isSequence(condition)) throw node.invalid("the body gives no condition");
    running = isTrue(node, condition, "the loop's condition");
    state = rest.slice(0, carried.length);
    rest.slice(carried.length).forEach((bound, s) => scans[s]?.push(tensor(node, bound)));
  }
  return [...state, ...scans.map((rows) => stacked(node, rows, 0))];
};

const tensor = (node: NodeContext, bound: Bound): Value => {
  if (bound === undefined || isSequence(bound)) throw node.refuse("a scan output that is not a tensor");
  return bound;
};

const stacked = (node: NodeContext, rows: readonly Value[], axis: number): Value => {
  if (rows.length === 0) throw node.refuse("a scan output of a loop that does not run");
  return concatenated(
    node.lowering,
    rows.map((row) => inserted(row, axis)),
    axis,
  );
};

/** A scan over an axis of known length, unrolled. */
const scan = (node: NodeContext): readonly Bound[] => {
  const body = node.graph("body");
  const inputs = node.int("num_scan_inputs", 1);
  const outer = node.opset < 9 ? 1 : 0;
  if (inputs < 1 || inputs > node.inputCount - outer) {
    throw node.invalid(`num_scan_inputs ${String(inputs)} of ${String(node.inputCount)} inputs`);
  }
  if (outer === 1 && node.opt(0) !== undefined) throw node.refuse("sequence lengths");
  if (outer === 1) return batchedScan(node, body, inputs);
  const states = range(node.inputCount - inputs).map((i) => node.in(i));
  const sources = range(inputs).map((i) => node.in(i + states.length));
  const outputs = body.output.length - states.length;
  const inputAxes = node.ints("scan_input_axes") ?? sources.map(() => 0);
  const outputAxes = node.ints("scan_output_axes") ?? range(outputs).map(() => 0);
  const inputBack = node.ints("scan_input_directions") ?? sources.map(() => 0);
  const outputBack = node.ints("scan_output_directions") ?? range(outputs).map(() => 0);
  return unrollScan(node, body, states, sources, { inputAxes, outputAxes, inputBack, outputBack });
};

interface Directions {
  readonly inputAxes: readonly number[];
  readonly outputAxes: readonly number[];
  readonly inputBack: readonly number[];
  readonly outputBack: readonly number[];
}

const unrollScan = (
  node: NodeContext,
  body: RawGraph,
  initial: readonly Value[],
  sources: readonly Value[],
  { inputAxes, outputAxes, inputBack, outputBack }: Directions,
): Value[] => {
  const axes = sources.map((value, i) => node.axis(item(inputAxes, i), value.shape.length));
  const length = item(item(sources, 0).shape, item(axes, 0));
  if (length > MAX_ITERATIONS) throw node.error("ONNX_LIMIT", `the scan has ${String(length)} steps`);
  let states: readonly Value[] = initial;
  const rows: Value[][] = outputBack.map(() => []);
  for (let t = 0; t < length; t++) {
    const slices = sources.map((value, i) => {
      const axis = item(axes, i);
      return without(sliced(value, axis, inputBack[i] ? length - 1 - t : t, 1), [axis]);
    });
    const results = node.surroundings.subgraph(body, [...states, ...slices]).map((bound) => tensor(node, bound));
    states = results.slice(0, states.length);
    results.slice(states.length).forEach((value, i) => rows[i]?.push(value));
  }
  const scanned = rows.map((list, i) => {
    const rank = (list[0]?.shape.length ?? 0) + 1;
    return stacked(node, outputBack[i] ? [...list].reverse() : list, node.axis(item(outputAxes, i), rank));
  });
  return [...states, ...scanned];
};

/** Scan of opset 8: everything has a batch dimension in front. */
const batchedScan = (node: NodeContext, body: RawGraph, inputs: number): Value[] => {
  const values = range(node.inputCount - 1).map((i) => node.in(i + 1));
  const states = values.slice(0, values.length - inputs);
  const sources = values.slice(values.length - inputs);
  const outputs = body.output.length - states.length;
  const back = node.ints("directions") ?? sources.map(() => 0);
  const batch = item(item(values, 0).shape, 0);
  const results = range(batch).map((i) =>
    unrollScan(
      node,
      body,
      states.map((value) => entryAt(value, i)),
      sources.map((value) => entryAt(value, i)),
      {
        inputAxes: sources.map(() => 0),
        outputAxes: range(outputs).map(() => 0),
        inputBack: back,
        outputBack: range(outputs).map(() => 0),
      },
    ),
  );
  return range(body.output.length).map((o) =>
    stacked(
      node,
      results.map((row) => item(row, o)),
      0,
    ),
  );
};

const position = (node: NodeContext, i: number, length: number): number | undefined => {
  if (node.bound(i) === undefined) return undefined;
  const at = item(node.staticInts(i, "the position"), 0);
  return at < 0 ? at + length : at;
};

const sequenceAt = (node: NodeContext): Value => {
  const { sequence } = node.sequence(0);
  const at = position(node, 1, sequence.length);
  if (at === undefined) throw node.invalid("the position is missing");
  const value = sequence[at];
  if (value === undefined) throw node.invalid("the position is outside the sequence");
  return value;
};

const sequenceInsert = (node: NodeContext): SequenceValue => {
  const { sequence } = node.sequence(0);
  const at = position(node, 2, sequence.length) ?? sequence.length;
  return { sequence: sequence.toSpliced(at, 0, node.in(1)) };
};

const sequenceErase = (node: NodeContext): SequenceValue => {
  const { sequence } = node.sequence(0);
  const at = position(node, 1, sequence.length) ?? sequence.length - 1;
  return { sequence: sequence.toSpliced(at, 1) };
};

const splitToSequence = (node: NodeContext): SequenceValue => {
  const x = node.in(0);
  const axis = node.axis(node.int("axis", 0), x.shape.length);
  const size = item(x.shape, axis);
  const keep = node.int("keepdims", 1) === 1;
  const given = node.opt(1) === undefined ? undefined : node.staticInts(1, "the split");
  const scalar = node.opt(1)?.shape.length === 0;
  const chunk = given !== undefined && scalar ? item(given, 0) : 1;
  const sizes =
    given === undefined || scalar
      ? range(Math.ceil(size / chunk)).map((i) => Math.min(chunk, size - i * chunk))
      : given;
  let start = 0;
  const sequence = sizes.map((count) => {
    const part = sliced(x, axis, start, count);
    start += count;
    return given === undefined && !keep ? without(part, [axis]) : part;
  });
  return { sequence };
};

const concatFromSequence = (node: NodeContext): Value => {
  const { sequence } = node.sequence(0);
  const fresh = node.int("new_axis", 0) === 1;
  const axis = node.int("axis", 0);
  const rank = item(sequence, 0).shape.length + (fresh ? 1 : 0);
  const at = node.axis(axis, rank);
  return fresh ? stacked(node, sequence, at) : concatenated(node.lowering, sequence, at);
};

/** Control flow that is known at import, and sequences of known length. */
export const CONTROL: readonly Operator[] = [
  onnx("If", 1, conditional),
  onnx("Loop", 1, loop),
  onnx("Scan", 8, scan),
  onnx("SequenceConstruct", 11, (node) => ({ sequence: node.all() })),
  onnx("SequenceEmpty", 11, (node) => {
    node.ignore("dtype");
    return { sequence: [] };
  }),
  onnx("SequenceAt", 11, sequenceAt),
  onnx("SequenceInsert", 11, sequenceInsert),
  onnx("SequenceErase", 11, sequenceErase),
  onnx("SequenceLength", 11, (node) => node.lowering.scalar("i64", node.sequence(0).sequence.length)),
  onnx("SplitToSequence", 11, splitToSequence),
  onnx("ConcatFromSequence", 11, concatFromSequence),
  onnx("Optional", 15, (node) => {
    node.ignore("type");
    return node.bound(0);
  }),
  onnx("OptionalHasElement", 15, (node) => node.lowering.scalar("bool", node.bound(0) === undefined ? 0 : 1)),
  onnx("OptionalGetElement", 15, (node) => {
    const bound = node.bound(0);
    if (bound === undefined) throw node.invalid("the optional is empty");
    return bound;
  }),
];
