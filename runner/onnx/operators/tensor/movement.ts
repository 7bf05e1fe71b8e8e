import { item } from "../../../items.ts";
import type { Lowering } from "../../build/lowering.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Ref, StageBuilder } from "../../build/stage.ts";
import { type Value } from "../../build/value.ts";
import { broadcastShapes, broadcastTo, reshapeView, inserted, permuted, sliced } from "../../build/view.ts";
import { elementCount, storageOf } from "../../file/element-type.ts";
import { range } from "../common.ts";

/** The same elements under another shape; copies when the layout does not allow a view. */
export const reshaped = (lowering: Lowering, value: Value, shape: readonly number[]): Value => {
  const view = reshapeView(value, shape) ?? reshapeView(lowering.arranged(value), shape);
  if (view === undefined) throw new RangeError("a dense value can always be reshaped");
  return view;
};

const reshape = (node: NodeContext): Value => {
  const x = node.in(0);
  const target = node.opset < 5 ? (node.ints("shape") ?? []) : node.staticInts(1, "the shape");
  if (node.opset < 5) node.ignore("consumed_inputs");
  const keepZero = node.int("allowzero", 0) === 1;
  const sizes = target.map((size, d) => (size === 0 && !keepZero ? item(x.shape, d) : size));
  const open = sizes.filter((size) => size === -1).length;
  const known = elementCount(sizes.filter((size) => size !== -1));
  const count = elementCount(x.shape);
  if (open > 1 || sizes.some((size) => size < -1)) throw node.invalid(`shape [${target.join(", ")}] is not one`);
  const shape = sizes.map((size) => (size === -1 ? (known === 0 ? 0 : count / known) : size));
  if (elementCount(shape) !== count || shape.some((size) => !Number.isInteger(size))) {
    throw node.invalid(`shape [${x.shape.join(", ")}] does not reshape to [${target.join(", ")}]`);
  }
  return reshaped(node.lowering, x, shape);
};

const flatten = (node: NodeContext): Value => {
  const x = node.in(0);
  const given = node.int("axis", 1);
  const axis = given < 0 ? given + x.shape.length : given;
  if (axis < 0 || axis > x.shape.length) throw node.invalid(`axis ${String(given)}`, "axis");
  return reshaped(node.lowering, x, [elementCount(x.shape.slice(0, axis)), elementCount(x.shape.slice(axis))]);
};

/** Axes from the attribute before opset 13 and from an input since. */
const axesOf = (node: NodeContext, since: number): number[] | undefined => {
  if (node.opset < since) return node.ints("axes");
  return node.opt(1) === undefined ? undefined : node.staticInts(1, "the axes");
};

const squeeze = (node: NodeContext): Value => {
  const x = node.in(0);
  const axes = axesOf(node, 13)?.map((axis) => node.axis(axis, x.shape.length));
  const drop = new Set(axes ?? range(x.shape.length).filter((d) => x.shape[d] === 1));
  for (const d of drop) if (x.shape[d] !== 1) throw node.invalid(`dimension ${String(d)} is not 1`);
  const kept = range(x.shape.length).filter((d) => !drop.has(d));
  return permuted(x, kept);
};

const unsqueeze = (node: NodeContext): Value => {
  const x = node.in(0);
  const given = axesOf(node, 13) ?? [];
  const rank = x.shape.length + given.length;
  const axes = given.map((axis) => node.axis(axis, rank)).sort((a, b) => a - b);
  if (new Set(axes).size !== axes.length) throw node.invalid("an axis is given twice");
  return axes.reduce((value, axis) => inserted(value, axis), x);
};

const transpose = (node: NodeContext): Value => {
  const x = node.in(0);
  const order = node.ints("perm") ?? range(x.shape.length).reverse();
  if ([...order].sort((a, b) => a - b).join() !== range(x.shape.length).join()) {
    throw node.invalid(`perm [${order.join(", ")}] is not a permutation`, "perm");
  }
  return permuted(x, order);
};

const expand = (node: NodeContext): Value => {
  const x = node.in(0);
  return broadcastTo(x, broadcastShapes([x.shape, node.staticInts(1, "the shape")]));
};

const slice = (node: NodeContext): Value => {
  const x = node.in(0);
  const attribute = node.opset < 10;
  const starts = attribute ? (node.ints("starts") ?? []) : node.staticInts(1, "starts");
  const ends = attribute ? (node.ints("ends") ?? []) : node.staticInts(2, "ends");
  const given = attribute ? node.ints("axes") : node.opt(3) && node.staticInts(3, "axes");
  const steps = attribute ? undefined : node.opt(4) && node.staticInts(4, "steps");
  const axes = given ?? range(starts.length);
  return axes.reduce((value, axis, i) => {
    const d = node.axis(axis, x.shape.length);
    const size = item(x.shape, d);
    const step = steps === undefined ? 1 : item(steps, i);
    if (step === 0) throw node.invalid("a step is 0");
    const bound = (at: number, low: number, high: number): number =>
      Math.min(Math.max(at < 0 ? at + size : at, low), high);
    const start = step > 0 ? bound(item(starts, i), 0, size) : bound(item(starts, i), 0, size - 1);
    const end = step > 0 ? bound(item(ends, i), 0, size) : bound(item(ends, i), -1, size - 1);
    return sliced(value, d, start, Math.max(0, Math.ceil((end - start) / step)), step);
  }, x);
};

const split = (node: NodeContext): Value[] => {
  const x = node.in(0);
  const axis = node.axis(node.int("axis", 0), x.shape.length);
  const size = item(x.shape, axis);
  const given = node.opset < 13 ? node.ints("split") : node.opt(1) && node.staticInts(1, "split");
  const parts = node.int("num_outputs", node.outputCount);
  if (node.opset >= 18 && given === undefined && parts !== node.outputCount) {
    throw node.invalid("num_outputs differs from the outputs", "num_outputs");
  }
  const chunk = Math.ceil(size / parts);
  const sizes = given ?? range(parts).map((i) => Math.max(0, Math.min(chunk, size - i * chunk)));
  if (given === undefined && node.opset < 18 && size % parts !== 0)
    throw node.invalid("the axis does not split evenly");
  if (sizes.reduce((a, n) => a + n, 0) !== size) throw node.invalid("the parts do not add up to the axis");
  let start = 0;
  return sizes.map((count) => {
    const part = sliced(x, axis, start, count);
    start += count;
    return part;
  });
};

/** Exactly one of the registers is not the fill of 0: that one. */
const merge = (s: StageBuilder, parts: readonly Ref[]): Ref => {
  const [first, ...rest] = parts;
  if (first === undefined) throw new RangeError("nothing to merge");
  if (rest.length === 0) return first;
  if (first.class === "int") return rest.reduce((sum, part) => s.op("ior", sum, part), first);
  const bits = parts.map((part) => s.op("fbits", part));
  return s.op(
    "bitsf",
    bits.slice(1).reduce((sum, part) => s.op("ior", sum, part), item(bits, 0)),
  );
};

/** Values joined along an axis, in their order. */
export const concatenated = (lowering: Lowering, all: readonly Value[], axis: number): Value => {
  const values = all.filter((value) => value.shape[axis] !== 0);
  const [first] = values;
  if (first === undefined) return item(all, 0);
  if (values.length === 1) return first;
  if (values.length > 12) {
    const groups = range(Math.ceil(values.length / 12)).map((g) =>
      concatenated(lowering, values.slice(12 * g, 12 * g + 12), axis),
    );
    return concatenated(lowering, groups, axis);
  }
  const total = values.reduce((sum, value) => sum + item(value.shape, axis), 0);
  const shape = first.shape.map((size, d) => (d === axis ? total : size));
  return lowering.emit(
    {
      dtype: storageOf(first.element),
      shape,
      finish: (s, out) => {
        let start = 0;
        const parts = values.map((value) => {
          const at = out.map((index, d) => (d === axis ? index.minus(start) : index));
          start += item(value.shape, axis);
          return s.load(value, at, { guarded: [axis] });
        });
        return merge(s, parts);
      },
    },
    first.element,
  );
};

const concat = (node: NodeContext): Value => {
  const values = node.all();
  const first = node.in(0);
  const given = node.int("axis", node.opset < 4 ? 1 : Number.NaN);
  if (Number.isNaN(given)) throw node.invalid("the attribute is missing", "axis");
  const axis = node.axis(given, first.shape.length);
  for (const { element, shape } of values) {
    if (element !== first.element) throw node.invalid(`inputs of types ${first.element} and ${element}`);
    if (shape.length !== first.shape.length || shape.some((size, d) => d !== axis && size !== first.shape[d])) {
      throw node.invalid(`shapes [${first.shape.join(", ")}] and [${shape.join(", ")}] do not concatenate`);
    }
  }
  return concatenated(node.lowering, values, axis);
};

/** The elements at known positions along an axis. An even spacing is a view, anything else one kernel. */
export const picked = (lowering: Lowering, value: Value, axis: number, positions: readonly number[]): Value => {
  const first = item(positions, 0);
  const step = (positions[1] ?? first) - first;
  if (positions.every((position, i) => position === first + i * step)) {
    return sliced(value, axis, first, positions.length, positions.length > 1 ? step : 1);
  }
  const table = lowering.constantOf("i32", [positions.length], positions);
  const shape = value.shape.map((size, d) => (d === axis ? positions.length : size));
  return lowering.emit(
    {
      dtype: storageOf(value.element),
      shape,
      finish: (s, out) => s.load(value, out, { gather: { dimension: axis, by: table, at: [item(out, axis)] } }),
    },
    value.element,
  );
};

const tile = (node: NodeContext): Value => {
  const x = node.in(0);
  const repeats = node.staticInts(1, "the repeats");
  if (repeats.length !== x.shape.length || repeats.some((n) => n < 0)) throw node.invalid("one repeat a dimension");
  // Repeating is a broadcast over a new dimension in front of each, then a reshape.
  const shape = x.shape.flatMap((size, d) => [item(repeats, d), size]);
  const strides = x.strides.flatMap((stride) => [0, stride]);
  return reshaped(
    node.lowering,
    { ...x, shape, strides },
    x.shape.map((size, d) => size * item(repeats, d)),
  );
};

const trilu = (node: NodeContext): Value => {
  const x = node.in(0);
  const upper = node.int("upper", 1) === 1;
  const k = node.opt(1) === undefined ? 0 : item(node.staticInts(1, "k"), 0);
  const rank = x.shape.length;
  if (rank < 2) throw node.invalid("a matrix is needed");
  const size = elementCount(x.shape) + Math.abs(k) + 1;
  return node.lowering.emit(
    {
      dtype: storageOf(x.element),
      shape: x.shape,
      finish: (s, out) => {
        const [row, column] = [out[rank - 2], out[rank - 1]];
        if (row === undefined || column === undefined) throw new RangeError("a matrix has two dimensions");
        const above = column.minus(row).minus(k);
        const index = upper ? above : above.times(-1);
        return s.load(x, out, { guards: [{ index, bound: size }] });
      },
    },
    x.element,
  );
};

const identity = (node: NodeContext): ReturnType<NodeContext["bound"]> => node.bound(0);

const dropout = (node: NodeContext): Value[] => {
  node.ignore("ratio", "seed", "is_test", "consumed_inputs");
  const x = node.in(0);
  if (node.opset >= 12 && node.opt(2) !== undefined) {
    const training = node.staticInts(2, "training_mode")[0];
    const ratio = node.opt(1) === undefined ? 0.5 : node.staticFloats(1, "ratio")[0];
    if (training !== 0 && ratio !== 0) throw node.refuse("Dropout in training mode draws random numbers");
  }
  const all: Value = { ...node.lowering.scalar("bool", 1), shape: x.shape, strides: x.shape.map(() => 0) };
  return [x, all];
};

/** Operators that move elements without computing. */
export const MOVEMENT: readonly Operator[] = [
  onnx("Identity", 1, identity),
  onnx("Dropout", 1, dropout),
  onnx("Reshape", 1, reshape),
  onnx("Flatten", 1, flatten),
  onnx("Squeeze", 1, squeeze),
  onnx("Unsqueeze", 1, unsqueeze),
  onnx("Transpose", 1, transpose),
  onnx("Expand", 8, expand),
  onnx("Slice", 1, slice),
  onnx("Split", 2, split),
  onnx("Concat", 1, concat),
  onnx("Tile", 6, tile),
  onnx("Trilu", 14, trilu),
];
