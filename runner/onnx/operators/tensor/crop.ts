import { atLeast, item } from "../../../items.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Value } from "../../build/value.ts";
import { sliced } from "../../build/view.ts";
import { storageOf } from "../../file/element-type.ts";
import { range } from "../common.ts";

/** The middle of each axis, or the axis in the middle of zeros. */
const centerCropPad = (node: NodeContext): Value => {
  let x = node.in(0);
  const target = node.staticInts(1, "the shape");
  const axes = (node.ints("axes") ?? range(x.shape.length)).map((axis) => node.axis(axis, x.shape.length));
  if (axes.length !== target.length || target.some((size) => size < 1)) throw node.invalid("not one size an axis");
  axes.forEach((axis, i) => {
    const [size, wanted] = [item(x.shape, axis), item(target, i)];
    if (wanted < size) {
      x = sliced(x, axis, Math.floor((size - wanted) / 2), wanted);
    } else if (wanted > size) {
      const before = Math.floor((wanted - size) / 2);
      const from = x;
      x = node.lowering.emit(
        {
          dtype: storageOf(from.element),
          shape: from.shape.map((n, d) => (d === axis ? wanted : n)),
          finish: (s, out) =>
            s.load(
              from,
              out.map((index, d) => (d === axis ? index.minus(before) : index)),
              { guarded: [axis] },
            ),
        },
        from.element,
      );
    }
  });
  return x;
};

/** A cache in which each row's update stands from its write index on, around the end if circular. */
const tensorScatter = (node: NodeContext): Value => {
  const [cache, update] = [node.in(0), node.in(1)];
  const writes = node.opt(2);
  const axis = node.axis(node.int("axis", -2), cache.shape.length);
  const mode = node.string("mode", "linear");
  if (mode !== "linear" && mode !== "circular") throw node.refuse(`mode "${mode}"`, "mode");
  if (axis === 0) throw node.invalid("the axis is that of the batch", "axis");
  const [size, count] = [item(cache.shape, axis), item(update.shape, axis)];
  if (count > size) throw node.invalid("the update is longer than the cache");
  const known = writes && node.lowering.elements(writes)?.map(Number);
  if (known?.some((at) => at < 0 || (mode === "linear" && at + count > size)))
    throw node.invalid("an update leaves the cache");
  /** Which row of the update stands at a place of the cache; outside of the update where the cache stays. */
  const source = node.lowering.emit({
    dtype: "i64",
    shape: [item(cache.shape, 0), size],
    finish: (s, out) => {
      const [n, place] = atLeast(out, 2);
      const at = s.op("isub", s.affine(place), writes ? s.load(writes, [n]) : s.i(0));
      if (mode === "linear") return at;
      const rest = s.op("irem", at, s.i(size));
      return s.select(s.op("ilt", rest, s.i(0)), s.op("iadd", rest, s.i(size)), rest);
    },
  });
  return node.lowering.emit(
    {
      dtype: storageOf(cache.element),
      shape: cache.shape,
      finish: (s, out) => {
        const at = [item(out, 0), item(out, axis)];
        const fresh = s.load(update, out, { gather: { dimension: axis, by: source, at } });
        const inside = s.op("ult", s.load(source, at), s.i(count));
        return s.select(inside, fresh, s.load(cache, out));
      },
    },
    cache.element,
  );
};

/** Parts of tensors put in place. */
export const CROP: readonly Operator[] = [
  onnx("CenterCropPad", 18, centerCropPad),
  onnx("TensorScatter", 24, tensorScatter),
];
