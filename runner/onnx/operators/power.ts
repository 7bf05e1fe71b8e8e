import * as fn from "../functions/index.ts";
import { broadcastTo, type Lowering } from "../lowering.ts";
import type { NodeContext } from "../node.ts";
import type { Ref, StageBuilder } from "../stage.ts";
import type { Value } from "../value.ts";
import { computable } from "./common.ts";

/** x^n for ints, n >= 0, by squaring: a fold over the bits of n. Negative exponents give 0, or ±1 for bases ±1. */
const integerPower = (node: NodeContext, x: Value, y: Value): Value => {
  const dtype = computable(node, x);
  const shape = node.b.map("bool", [x, y], (s) => s.i(0)).shape;
  const exponents = node.b.elements(y);
  const largest = exponents?.reduce<bigint>((n, e) => (BigInt(e) > n ? BigInt(e) : n), 1n) ?? 2n ** 63n - 1n;
  if (exponents?.some((e) => Number(e) < 0)) throw node.refuse("negative integer exponents are not supported");
  const bits = Math.max(1, largest.toString(2).length);
  const [bx, by] = [broadcastTo(x, shape), broadcastTo(y, shape)];
  return node.b.emit({
    dtype,
    shape,
    fold: {
      dims: [bits],
      classes: ["int", "int"],
      init: (s, out) => [s.i(1), s.load(bx, out)],
      step: (s, out, [k]) => {
        const [result, base] = [s.accumulator(0), s.accumulator(1)];
        const bit = s.op("iand", s.op("ushr", s.load(by, out), s.affine(k ?? 0)), s.i(1));
        return [s.select(bit, s.op("imul", result, base), result), s.op("imul", base, base)];
      },
    },
    finish: (s) => s.accumulator(0),
  });
};

/**
 * Whether ONNX Runtime runs through bases under one exponent: it does where the exponent is broadcast along the innermost
 * dimension of more than one element. There x^2 is x x, and x^3 is (x x) x.
 */
const exponentStands = (x: Value, y: Value): boolean => {
  for (let d = 1; d <= Math.max(x.shape.length, y.shape.length); d++) {
    const [ofX, ofY] = [x.shape.at(-d) ?? 1, y.shape.at(-d) ?? 1];
    if (d <= x.shape.length && ofX > 1) return d > y.shape.length || ofY === 1;
    if (ofY > 1) return false;
  }
  return false;
};

const squareOf = (s: StageBuilder, x: Ref): Ref => s.op("fmul", x, x);
const cubeOf = (s: StageBuilder, x: Ref): Ref => s.op("fmul", squareOf(s, x), x);

/** x^y of f32 as the C library computes it: a kernel of logarithms and one that goes on from them. */
export const raise = (b: Lowering, x: Value, y: Value): Value => {
  const logarithm = b.map("i64", [x], fn.binaryLogarithm);
  return b.map("f32", [x, logarithm, y], fn.powerOf);
};

/** Pow. */
export const power = (node: NodeContext): Value => {
  const [x, given] = [node.in(0), node.in(1)];
  const dtype = computable(node, x);
  const exponentType = computable(node, given);
  if (dtype !== "f32" && exponentType !== "f32") return integerPower(node, x, given);
  // An integer base would have to be a float that holds it exactly.
  if (dtype !== "f32") throw node.refuse("Pow of an integer by a float is not supported");
  const y =
    exponentType === "f32"
      ? given
      : node.b.map("f32", [given], (s, n) => s.op(exponentType === "u64" ? "u2f" : "i2f", n));
  if (!exponentStands(x, y)) return raise(node.b, x, y);
  const exponents = new Set(node.b.elements(y));
  if (exponents.size === 1 && exponents.has(2)) return node.b.map("f32", [x, y], squareOf);
  if (exponents.size === 1 && exponents.has(3)) return node.b.map("f32", [x, y], cubeOf);
  const result = raise(node.b, x, y);
  if (exponents.size > 0 && !exponents.has(2) && !exponents.has(3)) return result;
  return node.b.map("f32", [x, y, result], (s, a, n, otherwise) => {
    const ofThree = s.select(s.op("feq", n, s.f(3)), cubeOf(s, a), otherwise);
    return s.select(s.op("feq", n, s.f(2)), squareOf(s, a), ofThree);
  });
};
