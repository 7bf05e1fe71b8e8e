import { atLeast, item } from "../../../items.ts";
import type { NodeContext } from "../../build/node.ts";
import type { Value } from "../../build/value.ts";
import { permuted } from "../../build/view.ts";
import { elementCount } from "../../file/element-type.ts";
import { expF32, logF32 } from "../../functions/exact-functions.ts";
import { LARGEST_F32, integerRange, range } from "../common.ts";
import { reshaped } from "../tensor/movement.ts";
import { byte, scalar, zeroPoint } from "./quantized-bytes.ts";

/** What ONNX Runtime leaves between the largest sum of a row and the largest float. */
const RESERVE = 5;

/** e^((i - 255) scale), times a factor that keeps the sums of rows of n below the largest float; exact in its rounding. */
const powersOf = (scale: number, n: number): Float32Array => {
  const room = logF32(Math.fround(LARGEST_F32 / n));
  const shift = Math.max(0, room - RESERVE) / scale;
  // The exponent is at most 89. Below -700, where expF32 ends, the power is 0 as an f32.
  return Float32Array.from(range(256), (i) => expF32(Math.max(-700, (i - 255 + shift) * scale)));
};

const constantScale = (node: NodeContext, i: number): number => {
  const scale = node.lowering.elements(scalar(node, i))?.[0];
  if (scale === undefined) throw node.refuse(`the scale (input ${String(i)}) depends on the model's inputs`);
  if (!(Number(scale) > 0 && Number(scale) < Infinity)) throw node.invalid(`a scale of ${String(scale)}`);
  return Number(scale);
};

/** Softmax of bytes: a table of powers for the distance from the row's largest byte, their sum, quotients rounded. */
export const quantizedSoftmax = (node: NodeContext): Value => {
  const x = node.in(0);
  const dtype = byte(node, x);
  const rank = x.shape.length;
  const opset = node.int("opset", 0);
  if (opset < 1) throw node.invalid("the attribute is missing", "opset");
  const axis = node.axis(node.int("axis", opset < 13 ? 1 : -1), rank);
  const order = [...range(rank).filter((d) => d !== axis), axis];
  const turned = opset < 13 ? x : permuted(x, order);
  const n = opset < 13 ? elementCount(x.shape.slice(axis)) : item(x.shape, axis);
  const rows = reshaped(node.lowering, turned, [elementCount(x.shape) / n, n]);
  const [table, zero] = [powersOf(constantScale(node, 1), n), zeroPoint(node, 4, dtype)];
  const factor = Math.floor(Math.fround(1 / constantScale(node, 3)));
  if (!(item(table, 255) * factor <= LARGEST_F32)) throw node.refuse("scales with which ONNX Runtime overflows");
  const [low, high] = integerRange(dtype);
  const powers = node.lowering.constantOf("f32", [256], table);
  const largest = node.lowering.emit({
    dtype,
    shape: rows.shape.slice(0, 1),
    fold: {
      dims: [n],
      classes: ["int"],
      init: (s) => [s.i(low)],
      step: (s, out, red) => {
        const [k] = atLeast(red, 1);
        return [s.op("imax", s.accumulator(), s.load(rows, [...out, k]))];
      },
    },
    finish: (s) => s.accumulator(),
  });
  const distance = node.lowering.emit({
    dtype: "i16",
    shape: rows.shape,
    finish: (s, out) => s.op("iadd", s.op("isub", s.load(rows, out), s.load(largest, out.slice(0, 1))), s.i(255)),
  });
  const sum = node.lowering.emit({
    dtype: "f32",
    shape: rows.shape.slice(0, 1),
    fold: {
      dims: [n],
      classes: ["f32"],
      init: (s) => [s.f(0)],
      step: (s, out, red) => {
        const [k] = atLeast(red, 1);
        const at = [...out, k];
        return [s.op("fadd", s.accumulator(), s.load(powers, [0], { gather: { dimension: 0, by: distance, at } }))];
      },
    },
    finish: (s) => s.accumulator(),
  });
  const result = node.lowering.emit({
    dtype,
    shape: rows.shape,
    finish: (s, out) => {
      const power = s.load(powers, [0], { gather: { dimension: 0, by: distance, at: out } });
      const quotient = s.op("fdiv", s.op("fmul", power, s.f(factor)), s.load(sum, out.slice(0, 1)));
      const moved = s.op("iadd", s.op("f2i", s.op("frint", quotient)), s.load(zero, []));
      return s.op("imin", moved, s.i(high));
    },
  });
  const back = reshaped(node.lowering, result, turned.shape);
  return opset < 13
    ? back
    : permuted(
        back,
        range(rank).map((d) => order.indexOf(d)),
      );
};
