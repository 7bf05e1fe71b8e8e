import { item } from "../../../items.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Value } from "../../build/value.ts";
import { elementCount } from "../../file/element-type.ts";
import { rowMajor } from "../../build/value.ts";
import { computable, float, range } from "../common.ts";
import { picked, reshaped } from "./movement.ts";

/*
 * Operators whose results have as many elements as their data say. A program's tensors have fixed sizes, so these are
 * computed at import and need data that are known there.
 */

/** Elements of an input that must be known at import. */
const known = (node: NodeContext, i: number, what: string): readonly (number | bigint)[] => {
  const list = node.lowering.elements(node.in(i));
  if (list === undefined) {
    throw node.error(
      "ONNX_UNSUPPORTED",
      `${what} (input ${String(i)}) depends on the model's inputs, and so does the size of the result`,
    );
  }
  return list;
};

const nonZero = (node: NodeContext): Value => {
  const { shape } = node.in(0);
  computable(node, node.in(0));
  const strides = rowMajor(shape);
  const places = known(node, 0, "the data").flatMap((value, i) => (Number(value) === 0 ? [] : [i]));
  const rows = strides.map((stride, d) => places.map((place) => Math.floor(place / stride) % item(shape, d)));
  return node.lowering.constantOf("i64", [shape.length, places.length], rows.flat());
};

/** The different slices along an axis, or elements: first places, which of them each slice is, and how often each is there. */
const unique = (node: NodeContext): Value[] => {
  const x = node.in(0);
  const dtype = computable(node, x);
  const given = node.int("axis");
  const sorted = node.int("sorted", 1) === 1;
  const flat = given === undefined ? reshaped(node.lowering, x, [elementCount(x.shape)]) : x;
  const axis = node.axis(given ?? 0, flat.shape.length);
  const data = known(node, 0, "the data");
  if (data.some((value) => value !== value)) throw node.refuse("NaN among the data");
  const strides = rowMajor(flat.shape);
  const size = item(flat.shape, axis);
  const step = item(strides, axis);
  // The slice at each place of the axis, as the list of its elements in order.
  const slices = range(size).map((): (number | bigint)[] => []);
  data.forEach((value, i) => slices[Math.floor(i / step) % size]?.push(value));
  const compare = (a: readonly (number | bigint)[], b: readonly (number | bigint)[]): number => {
    const i = a.findIndex((value, k) => value !== item(b, k));
    return i < 0 ? 0 : item(a, i) < item(b, i) ? -1 : 1;
  };
  const first = new Map<string, number>();
  slices.forEach((slice, i) => {
    const key = slice.map((value) => (value === 0 ? "0" : String(value))).join();
    if (!first.has(key)) first.set(key, i);
  });
  const places = [...first.values()];
  if (sorted) places.sort((a, b) => compare(item(slices, a), item(slices, b)));
  const inverse = slices.map((slice) => places.findIndex((place) => compare(slice, item(slices, place)) === 0));
  const list = (values: readonly number[]): Value => node.lowering.constantOf("i64", [values.length], values);
  const counts = places.map((_, i) => inverse.filter((which) => which === i).length);
  const y = { ...picked(node.lowering, flat, axis, places), element: dtype };
  return [y, list(places), list(inverse), list(counts)];
};

interface Box {
  readonly low: readonly [number, number];
  readonly high: readonly [number, number];
  readonly area: number;
}

const f = Math.fround;

const boxOf = (node: NodeContext, [a, b, c, d]: readonly number[], centre: boolean): Box => {
  if (a === undefined || b === undefined || c === undefined || d === undefined)
    throw node.invalid("a box is four numbers");
  const [x1, y1, x2, y2] = centre
    ? [f(a - f(c / 2)), f(b - f(d / 2)), f(a + f(c / 2)), f(b + f(d / 2))]
    : [Math.min(b, d), Math.min(a, c), Math.max(b, d), Math.max(a, c)];
  return { low: [x1, y1], high: [x2, y2], area: f(f(x2 - x1) * f(y2 - y1)) };
};

/** Whether two boxes overlap by more than a part of their union. */
const overlaps = (a: Box, b: Box, threshold: number): boolean => {
  const width = f(Math.min(a.high[0], b.high[0]) - Math.max(a.low[0], b.low[0]));
  const height = f(Math.min(a.high[1], b.high[1]) - Math.max(a.low[1], b.low[1]));
  if (width <= 0 || height <= 0 || a.area <= 0 || b.area <= 0) return false;
  const common = f(width * height);
  const union = f(f(a.area + b.area) - common);
  return union > 0 && f(common / union) > threshold;
};

/** The best boxes of each class that do not overlap better ones: [batch, class, box] in order of their scores. */
const nonMaxSuppression = (node: NodeContext): Value => {
  const [boxes, scores] = [float(node, node.in(0)), float(node, node.in(1))];
  const centre = node.int("center_point_box", 0) === 1;
  const most = node.opt(2) === undefined ? 0 : item(node.staticInts(2, "the most boxes"), 0);
  const overlap = node.opt(3) === undefined ? 0 : item(node.staticFloats(3, "the threshold of overlap"), 0);
  const least = node.opt(4) === undefined ? undefined : item(node.staticFloats(4, "the threshold of scores"), 0);
  const [batch = 0, classes = 0, count = 0] = scores.shape;
  if (boxes.shape.join() !== [batch, count, 4].join()) throw node.invalid("not one box a score");
  const [corners, points] = [known(node, 0, "the boxes").map(Number), known(node, 1, "the scores").map(Number)];
  const rows: number[] = [];
  for (let n = 0; n < batch; n++) {
    const all = range(count).map((i) =>
      boxOf(node, corners.slice(4 * (n * count + i), 4 * (n * count + i) + 4), centre),
    );
    for (let c = 0; c < classes; c++) {
      const score = (i: number): number => item(points, (n * classes + c) * count + i);
      const order = range(count).filter((i) => least === undefined || score(i) > least);
      order.sort((a, b) => score(b) - score(a) || a - b);
      const chosen: number[] = [];
      for (const i of order) {
        if (chosen.length >= most) break;
        if (!chosen.some((j) => overlaps(item(all, i), item(all, j), overlap))) chosen.push(i);
      }
      rows.push(...chosen.flatMap((i) => [n, c, i]));
    }
  }
  return node.lowering.constantOf("i64", [rows.length / 3, 3], rows);
};

/** Operators on data that are known at import. */
export const KNOWN: readonly Operator[] = [
  onnx("NonZero", 9, nonZero),
  onnx("Unique", 11, unique),
  onnx("NonMaxSuppression", 10, nonMaxSuppression),
];
