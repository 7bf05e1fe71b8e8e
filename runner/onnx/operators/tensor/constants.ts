import { atLeast, item } from "../../../items.ts";
import { tensorFrom } from "../../../machine/tensor.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Ref } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { firstElement, inserted } from "../../build/view.ts";
import { elementCount, storageOf } from "../../file/element-type.ts";
import { elementType } from "../../file/tensors.ts";
import { computable, range, sameType } from "../common.ts";

const constant = (node: NodeContext): Value => {
  const dense = node.tensor("value");
  if (dense !== undefined) {
    const value = node.lowering.dense(dense);
    node.lowering.initializers.add(value);
    return value;
  }
  const int = node.has("value_int") ? node.int("value_int") : undefined;
  if (int !== undefined) return node.lowering.scalar("i64", int);
  const float = node.float("value_float");
  if (float !== undefined) return node.lowering.scalar("f32", float);
  const ints = node.ints("value_ints");
  if (ints !== undefined) return node.lowering.constantOf("i64", [ints.length], ints);
  const floats = node.floats("value_floats");
  if (floats !== undefined) return node.lowering.constantOf("f32", [floats.length], floats);
  throw node.refuse("only tensors and numbers can be constants");
};

const constantOfShape = (node: NodeContext): Value => {
  const shape = node.staticInts(0, "the shape");
  const given = node.tensor("value");
  const one = given === undefined ? node.lowering.scalar("f32", 0) : node.lowering.dense(given);
  if (shape.some((size) => size < 0)) throw node.invalid("a size is negative");
  if (elementCount(shape) === 0) return node.lowering.empty(one.element, shape);
  // One stored element seen everywhere: no memory, whatever the shape says.
  return { ...one, shape, strides: shape.map(() => 0) };
};

const shapeOf = (node: NodeContext): Value => {
  const { shape } = node.in(0);
  const rank = shape.length;
  const bound = (at: number): number => Math.min(Math.max(at < 0 ? at + rank : at, 0), rank);
  const sizes = shape.slice(bound(node.int("start", 0)), bound(node.int("end", rank)));
  return node.lowering.constantOf("i64", [sizes.length], sizes);
};

const rangeOf = (node: NodeContext): Value => {
  const values = [node.in(0), node.in(1), node.in(2)];
  const dtype = sameType(node, values);
  const [start, limit, delta] = atLeast(
    range(3).map((i) => item(node.staticFloats(i, "start, limit or delta"), 0)),
    3,
  );
  if (delta === 0) throw node.invalid("delta is 0");
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  if (count === 0) return node.lowering.empty(dtype, [0]);
  return node.lowering.emit({
    dtype,
    shape: [count],
    finish: (s, out) => {
      const [i] = atLeast(out, 1);
      const n = s.affine(i);
      const only = (value: Value): Ref => s.load(firstElement(value), []);
      const [from, step] = [only(node.in(0)), only(node.in(2))];
      return dtype === "f32"
        ? s.op("fadd", from, s.op("fmul", step, s.op("i2f", n)))
        : s.op("iadd", from, s.op("imul", step, n));
    },
  });
};

const eyeLike = (node: NodeContext): Value => {
  const x = node.in(0);
  const k = node.int("k", 0);
  const number = node.int("dtype");
  const element = number === undefined ? x.element : elementType(number, "dtype");
  const dtype = computable(node, { ...x, element });
  const one = node.lowering.scalar(dtype, 1);
  return node.lowering.emit({
    dtype,
    shape: x.shape,
    finish: (s, [row, column]) => {
      if (row === undefined || column === undefined) throw node.invalid("a matrix is needed");
      return s.load(one, [], { guards: [{ index: column.minus(row).minus(k), bound: 1 }] });
    },
  });
};

const oneHot = (node: NodeContext): Value => {
  const [indices, depthInput, values] = [node.in(0), node.in(1), node.in(2)];
  const depth = Number(node.lowering.elements(depthInput)?.[0] ?? Number.NaN);
  if (!Number.isInteger(depth) || depth < 1) throw node.refuse("the depth depends on the model's inputs");
  const rank = indices.shape.length + 1;
  const axis = node.axis(node.int("axis", -1), rank);
  const at = inserted(indices, axis);
  const dtype = storageOf(values.element);
  const indexType = computable(node, indices);
  const shape = at.shape.map((size, d) => (d === axis ? depth : size));
  return node.lowering.emit(
    {
      dtype,
      shape,
      finish: (s, out) => {
        const raw = s.load(
          at,
          out.map((index, d) => (d === axis ? 0 : index)),
        );
        const index = indexType === "f32" ? s.op("f2i", raw) : raw;
        const normal = s.select(s.op("ilt", index, s.i(0)), s.op("iadd", index, s.i(depth)), index);
        const hit = s.op("ieq", normal, s.affine(item(out, axis)));
        return s.select(hit, s.load(values, [1]), s.load(values, [0]));
      },
    },
    values.element,
  );
};

/** Operators whose result is known at import, and those that make patterns. */
export const CONSTANTS: readonly Operator[] = [
  onnx("Constant", 1, constant),
  onnx("ConstantOfShape", 9, constantOfShape),
  onnx("Shape", 1, shapeOf),
  onnx("Size", 1, (node) => node.lowering.constant(tensorFrom("i64", [elementCount(node.in(0).shape)]), [])),
  onnx("Range", 11, rangeOf),
  onnx("EyeLike", 9, eyeLike),
  onnx("OneHot", 9, oneHot),
];
