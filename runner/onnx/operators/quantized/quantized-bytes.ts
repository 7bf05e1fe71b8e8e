import type { NodeContext } from "../../build/node.ts";
import type { Ref, StageBuilder } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { firstElement } from "../../build/view.ts";
import { elementCount } from "../../file/element-type.ts";
import * as fn from "../../functions/index.ts";
import { computable, integerRange } from "../common.ts";

/* What ONNX Runtime's operators on quantised bytes have in common. */

/** The only element of a value as a scalar; `what` names the value in the refusal of more elements. */
export const scalarOf = (node: NodeContext, value: Value, what: string): Value => {
  if (elementCount(value.shape) !== 1) throw node.refuse(`${what} with more than one element`);
  return firstElement(value);
};

/** An input of one element as a scalar. */
export const scalar = (node: NodeContext, i: number): Value => scalarOf(node, node.in(i), `input ${String(i)}`);

/** A zero point of one element, 0 where it is not given. */
export const zeroPoint = (node: NodeContext, i: number, dtype: "u8" | "i8"): Value =>
  node.opt(i) === undefined ? node.lowering.scalar(dtype, 0) : scalar(node, i);

/** Requires u8 or i8. */
export const byte = (node: NodeContext, value: Value): "u8" | "i8" => {
  const dtype = computable(node, value);
  if (dtype !== "u8" && dtype !== "i8") throw node.refuse(`element type ${dtype}`);
  return dtype;
};

/** (q - zp) * scale. */
export const dequantized = (s: StageBuilder, q: Ref, scale: Ref, zero: Ref): Ref =>
  s.op("fmul", s.op("i2f", s.op("isub", q, zero)), scale);

/** round(v / scale) + zp, saturated, as QuantizeLinear. */
export const quantized = (s: StageBuilder, dtype: "u8" | "i8", v: Ref, scale: Ref, zero: Ref): Ref => {
  const [low, high] = integerRange(dtype);
  const moved = s.op("iadd", s.op("f2i", s.op("frint", s.op("fdiv", v, scale))), zero);
  return s.op("imin", s.op("imax", moved, s.i(low)), s.i(high));
};

/** round(v / scale + zp), saturated: some operators round after they add the zero point. */
export const quantizedAfter = (s: StageBuilder, dtype: "u8" | "i8", v: Ref, scale: Ref, zero: Ref): Ref => {
  const moved = s.op("fadd", s.op("fdiv", v, scale), s.op("i2f", zero));
  const [low, high] = integerRange(dtype);
  return s.op("f2i", s.op("frint", fn.clamp(s, moved, Number(low), Number(high))));
};
