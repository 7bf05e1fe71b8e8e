import { atLeast, item } from "../../../items.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Value } from "../../build/value.ts";
import { elementCount, storageOf } from "../../file/element-type.ts";
import { computable, less } from "../common.ts";

/** Longest axis that TopK ranks: every element is compared with every other. */
const MAX_RANKED = 65_536;

/**
 * TopK by ranks: the rank of an element is how many come before it; output k is the element of rank k. The unsorted
 * form gives the sorted order too.
 */
const topK = (node: NodeContext): Value[] => {
  const x = node.in(0);
  const dtype = computable(node, x);
  const axis = node.axis(node.int("axis", -1), x.shape.length);
  const largest = node.int("largest", 1) === 1;
  node.ignore("sorted");
  const k = node.opset < 10 ? node.int("k", 0) : item(node.staticInts(1, "k"), 0);
  const size = item(x.shape, axis);
  if (k < 1 || k > size) throw node.refuse(`k = ${String(k)} of ${String(size)}`);
  if (size > MAX_RANKED || elementCount(x.shape) * size > 2 ** 32) throw node.refuse(`an axis of ${String(size)}`);
  const rank = node.lowering.emit({
    dtype: "i64",
    shape: x.shape,
    fold: {
      dims: [size],
      classes: ["int"],
      init: (s) => [s.i(0)],
      step: (s, out, red) => {
        const [other] = atLeast(red, 1);
        const v = s.load(x, out);
        const w = s.load(
          x,
          out.map((index, d) => (d === axis ? other : index)),
        );
        const ahead = largest ? less(s, dtype, v, w) : less(s, dtype, w, v);
        const behind = largest ? less(s, dtype, w, v) : less(s, dtype, v, w);
        const earlier = s.op("ilt", s.affine(other), s.affine(item(out, axis)));
        const equal = s.not(s.op("ior", ahead, behind));
        return [s.op("iadd", s.accumulator(), s.op("ior", ahead, s.op("iand", equal, earlier)))];
      },
    },
    finish: (s) => s.accumulator(),
  });
  const shape = x.shape.map((n, d) => (d === axis ? k : n));
  const positions = node.lowering.emit({
    dtype: "i64",
    shape,
    fold: {
      dims: [size],
      classes: ["int"],
      init: (s) => [s.i(0)],
      step: (s, out, red) => {
        const [at] = atLeast(red, 1);
        const hit = s.op(
          "ieq",
          s.load(
            rank,
            out.map((index, d) => (d === axis ? at : index)),
          ),
          s.affine(item(out, axis)),
        );
        return [s.select(hit, s.affine(at), s.accumulator())];
      },
    },
    finish: (s) => s.accumulator(),
  });
  const values = node.lowering.emit({
    dtype: storageOf(x.element),
    shape,
    finish: (s, out) => s.load(x, out, { gather: { dimension: axis, by: positions, at: out } }),
  });
  return [values, positions];
};

/** Selection by order. */
export const SORT: readonly Operator[] = [onnx("TopK", 1, topK)];
