import type { DType } from "../../../machine/dtype.ts";
import type { Lowering } from "../../build/lowering.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Ref, StageBuilder } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { elementCount, type ElementType, type ForeignType, storageOf } from "../../file/element-type.ts";
import { elementType } from "../../file/tensors.ts";
import { LAYOUTS, narrow, narrowBinary64, widen, widenToBinary64 } from "../../functions/small-floats.ts";

const NARROW_INTEGERS: Readonly<Partial<Record<ElementType, number>>> = { u4: 4, i4: 4, u2: 2, i2: 2 };

const isSmallFloat = (element: ElementType): element is ForeignType => element in LAYOUTS;
const isInteger = (element: ElementType): boolean => element !== "f32" && element !== "f64" && !isSmallFloat(element);

/** An element as f32, or undefined when that would round what it should not. */
const asFloat = (s: StageBuilder, from: ElementType, x: Ref, odd: boolean): Ref => {
  if (from === "f32") return x;
  if (from === "f64") return narrowBinary64(s, x, odd);
  if (isSmallFloat(from)) return widen(s, from, x);
  return s.op(from === "u64" ? "u2f" : "i2f", x);
};

/** An int stored to an integer type of fewer bits than its dtype. */
const toInteger = (s: StageBuilder, to: ElementType, x: Ref): Ref => {
  const bits = NARROW_INTEGERS[to];
  if (to === "bool") return s.not(s.not(x));
  if (bits === undefined) return s.op("ior", x, x);
  const shift = s.i(64 - bits);
  return s.op(to.startsWith("i") ? "ishr" : "ushr", s.op("ishl", x, shift), shift);
};

/** The binary64 bits of an int of at most 53 bits: exact. */
const integerToBinary64 = (s: StageBuilder, x: Ref): Ref => {
  // Its upper and lower 24 bits as f32 parts would need an addition in binary64; below 2^24 one f32 holds it.
  return widenToBinary64(s, s.op("i2f", x));
};

const EXACT_IN_FLOAT: readonly ElementType[] = ["bool", "u8", "i8", "u16", "i16", "u4", "i4", "u2", "i2"];

/** Cast of a value. @throws AssayError ONNX_UNSUPPORTED for pairs of types that would round twice. */
export const castTo = (
  lowering: Lowering,
  refuse: (reason: string) => Error,
  x: Value,
  to: ElementType,
  saturate = true,
): Value => {
  const from = x.element;
  if (from === to) return x;
  if (elementCount(x.shape) === 0) return lowering.empty(to, x.shape);
  const dtype: DType = storageOf(to);
  if (from === "f64" && isInteger(to) && to !== "bool") throw refuse(`a cast from double (binary64) to ${to}`);
  if (to === "f64" && isInteger(from) && !EXACT_IN_FLOAT.includes(from))
    throw refuse(`a cast from ${from} to double (binary64)`);
  return lowering.map(
    dtype,
    [x],
    (s, v) => {
      if (isInteger(from) && isInteger(to)) return toInteger(s, to, v);
      if (to === "f32") return asFloat(s, from, v, false);
      if (to === "f64")
        return isInteger(from) ? integerToBinary64(s, v) : widenToBinary64(s, asFloat(s, from, v, false));
      if (isSmallFloat(to)) return narrow(s, to, asFloat(s, from, v, true), saturate && to.startsWith("f8"));
      const value = asFloat(s, from, v, false);
      if (to === "bool") return s.not(s.op("feq", value, s.f(0)));
      return toInteger(s, to, s.op("f2i", value));
    },
    to,
  );
};

const cast = (node: NodeContext): Value => {
  const to = elementType(castTarget(node), "to");
  const saturate = node.int("saturate", 1) === 1;
  node.ignore("round_mode");
  return castTo(node.lowering, (reason) => node.refuse(reason), node.in(0), to, saturate);
};

const castTarget = (node: NodeContext): number => {
  if (node.opset < 6) throw node.refuse("Cast before opset 6");
  const to = node.int("to");
  if (to === undefined) throw node.invalid("the attribute is missing", "to");
  return to;
};

/** The same bits under another type of the same width. */
const bitCast = (node: NodeContext): Value => {
  const x = node.in(0);
  const to = elementType(castTarget(node), "to");
  const dtype = storageOf(to);
  return node.lowering.map(
    dtype,
    [x],
    (s, v) => {
      if (v.class === "f32") return dtype === "f32" ? v : s.op("fbits", v);
      return dtype === "f32" ? s.op("bitsf", v) : s.op("ior", v, v);
    },
    to,
  );
};

/** Conversions between element types. */
export const CAST: readonly Operator[] = [
  onnx("Cast", 6, cast),
  onnx("CastLike", 15, (node) => {
    const saturate = node.int("saturate", 1) === 1;
    node.ignore("round_mode");
    return castTo(node.lowering, (reason) => node.refuse(reason), node.in(0), node.in(1).element, saturate);
  }),
  onnx("BitCast", 26, bitCast),
];
