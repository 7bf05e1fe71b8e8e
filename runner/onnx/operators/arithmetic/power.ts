import { atLeast } from "../../../items.ts";
import { DTYPE_BYTES } from "../../../machine/dtype.ts";
import { type Lowering } from "../../build/lowering.ts";
import type { NodeContext } from "../../build/node.ts";
import type { Ref, StageBuilder } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { broadcastShapes, broadcastTo } from "../../build/view.ts";
import { down, inverseOf, multiplyHigh, up } from "../../functions/fixed-point.ts";
import * as fn from "../../functions/index.ts";
import { computable, isUnsigned } from "../common.ts";

/** x^n for ints, n >= 0, by squaring: a fold over the bits of n. Negative exponents give 0, or ±1 for bases ±1. */
const integerPower = (node: NodeContext, x: Value, y: Value): Value => {
  const dtype = computable(node, x);
  const shape = broadcastShapes([x.shape, y.shape]);
  const exponents = node.lowering.elements(y);
  const largest = exponents?.reduce<bigint>((n, e) => (BigInt(e) > n ? BigInt(e) : n), 1n) ?? 2n ** 63n - 1n;
  if (exponents?.some((e) => Number(e) < 0)) throw node.refuse("negative integer exponents are not supported");
  const bits = Math.max(1, largest.toString(2).length);
  const [bx, by] = [broadcastTo(x, shape), broadcastTo(y, shape)];
  return node.lowering.emit({
    dtype,
    shape,
    fold: {
      dims: [bits],
      classes: ["int", "int"],
      init: (s, out) => [s.i(1), s.load(bx, out)],
      step: (s, out, red) => {
        const [k] = atLeast(red, 1);
        const [result, base] = [s.accumulator(0), s.accumulator(1)];
        const bit = s.op("iand", s.op("ushr", s.load(by, out), s.affine(k)), s.i(1));
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

/** x^y of f32 as the C library computes it: a kernel of logarithms, and one that raises 2 to their multiples. */
export const floatPower = (lowering: Lowering, x: Value, y: Value): Value => {
  const logarithm = lowering.map("i64", [x], fn.binaryLogarithm);
  return lowering.map("f32", [x, logarithm, y], fn.powerOf);
};

/** A product of two significands (Q62, from 1 up to 2): its significand, and what it adds to the exponents. */
const multiplied = (s: StageBuilder, a: Ref, b: Ref): readonly [significand: Ref, carry: Ref] => {
  const product = multiplyHigh(s, a, b);
  const carry = s.op("ushr", product, s.i(61));
  return [s.op("ishl", product, s.op("isub", s.i(2), carry)), carry];
};

/** An exponent beyond all of f32, even halved and doubled; also those of 0 and infinity. */
const BEYOND = 2 ** 20;

/**
 * x^n of f32 and an integer, which ONNX Runtime computes in binary64: by squaring, with significands of 62 bits and
 * exponents apart. A fold over the bits of |n|.
 */
const floatToIntegerPower = (lowering: Lowering, x: Value, n: Value): Value => {
  const shape = broadcastShapes([x.shape, n.shape]);
  const [bases, exponents] = [broadcastTo(x, shape), broadcastTo(n, shape)];
  const type = lowering.typeOf(n).dtype;
  const signed = !isUnsigned(type);
  const magnitude = (s: StageBuilder, v: Ref): Ref => (signed ? s.op("imax", v, s.op("isub", s.i(0), v)) : v);
  const bitsOf = (e: number | bigint): number => BigInt(e).toString(2).replace("-", "").length;
  const bits = lowering.elements(n)?.reduce<number>((most, e) => Math.max(most, bitsOf(e)), 1);
  return lowering.emit({
    dtype: "f32",
    shape,
    fold: {
      dims: [bits ?? 8 * DTYPE_BYTES[type]],
      classes: ["int", "int", "int", "int"],
      init: (s, out) => {
        const a = s.op("fabs", s.load(bases, out));
        const tiny = s.op("flt", a, s.f(2 ** -126));
        const bits = s.op("fbits", s.select(tiny, s.op("fmul", a, s.f(2 ** 23)), a));
        const field = s.op("ushr", bits, s.i(23));
        const exponent = s.op("isub", field, s.select(tiny, s.i(127 + 23), s.i(127)));
        const ofInfinite = s.select(s.op("ieq", field, s.i(255)), s.i(BEYOND), exponent);
        const significand = s.op("ior", s.op("iand", bits, s.i(0x7fffff)), s.i(0x800000));
        return [s.i(1n << 62n), s.i(0), up(s, significand, 39), s.select(bits, ofInfinite, s.i(-BEYOND))];
      },
      step: (s, out, red) => {
        const [k] = atLeast(red, 1);
        const [result, exponent, base, scale] = [0, 1, 2, 3].map((slot) => s.accumulator(slot)) as [Ref, Ref, Ref, Ref];
        const bit = s.op("iand", s.op("ushr", magnitude(s, s.load(exponents, out)), s.affine(k)), s.i(1));
        const [product, carry] = multiplied(s, result, base);
        const [square, more] = multiplied(s, base, base);
        const doubled = s.op("iadd", s.op("iadd", scale, scale), more);
        return [
          s.select(bit, product, result),
          s.select(bit, s.op("iadd", s.op("iadd", exponent, scale), carry), exponent),
          square,
          s.op("imax", s.op("imin", doubled, s.i(BEYOND)), s.i(-BEYOND)),
        ];
      },
    },
    finish: (s, out) => {
      const [a, e] = [s.load(bases, out), s.load(exponents, out)];
      const [result, exponent] = [s.accumulator(0), s.accumulator(1)];
      const below = signed ? s.op("ilt", e, s.i(0)) : s.i(0);
      // 1 / result is between 1/2 and 1: twice that, and one less for its exponent.
      const inverse = down(s, inverseOf(s, down(s, result, 1)), 2);
      const scale = s.select(below, s.op("isub", s.i(-1), exponent), exponent);
      const value = fn.floatOf(s, {
        significand: s.select(below, inverse, down(s, result, 4)),
        exponent: s.op("imax", s.op("imin", scale, s.i(128)), s.i(-200)),
      });
      const odd = s.op("iand", e, s.op("ushr", s.op("fbits", a), s.i(31)));
      const flipped = s.select(s.op("iand", odd, s.i(1)), s.op("fneg", value), value);
      return s.select(s.op("ior", s.op("feq", a, a), s.not(e)), flipped, s.f(NaN));
    },
  });
};

/** Pow. */
export const power = (node: NodeContext): Value => {
  const [x, y] = [node.in(0), node.in(1)];
  const dtype = computable(node, x);
  const exponentType = computable(node, y);
  if (dtype !== "f32" && exponentType !== "f32") return integerPower(node, x, y);
  // An integer base would have to be a float that holds it exactly.
  if (dtype !== "f32") throw node.refuse("Pow of an integer by a float is not supported");
  const inGeneral = exponentType === "f32" ? floatPower : floatToIntegerPower;
  if (!exponentStands(x, y)) return inGeneral(node.lowering, x, y);
  const exponents = new Set(node.lowering.elements(y)?.map(Number));
  if (exponents.size === 1 && exponents.has(2)) return node.lowering.map("f32", [x, y], squareOf);
  if (exponents.size === 1 && exponents.has(3)) return node.lowering.map("f32", [x, y], cubeOf);
  const result = inGeneral(node.lowering, x, y);
  if (exponents.size > 0 && !exponents.has(2) && !exponents.has(3)) return result;
  return node.lowering.map("f32", [x, y, result], (s, a, n, otherwise) => {
    const is = (value: number): Ref => (n.class === "f32" ? s.op("feq", n, s.f(value)) : s.op("ieq", n, s.i(value)));
    return s.select(is(2), squareOf(s, a), s.select(is(3), cubeOf(s, a), otherwise));
  });
};
