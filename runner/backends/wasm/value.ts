import { CANONICAL_NAN } from "../../machine/float.ts";
import type { FunctionBody } from "../../webassembly/assembler.ts";
import { isInt32, isUint32, type Range } from "./range.ts";

/**
 * How generated code holds a register.
 *
 * - `scalar f32`, `scalar i64`: one element, in a local of that type.
 * - `f32`: four elements.
 * - `i32`, `u32`: four ints that fit signed or unsigned 32 bits.
 * - `i64`: four ints in two vectors, the first two and the last two.
 * - `mask`: four conditions, all bits of a lane set where it holds.
 *
 * An f32 may be any NaN: what shows its bits (a store, `fbits`) makes it the canonical one.
 */
export type Form = "scalar f32" | "scalar i64" | "f32" | "i32" | "u32" | "i64" | "mask";

export interface Held {
  readonly form: Form;
  readonly locals: readonly number[];
  /** The bits of an f32 that is a constant. */
  readonly bits?: number;
}

/** The form of an int of a range, in a vector. */
export const intForm = (range: Range): "i32" | "u32" | "i64" =>
  isInt32(range) ? "i32" : isUint32(range) ? "u32" : "i64";

/** Low halves of the four 64-bit lanes of two vectors. */
const LOW_WORDS = [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27];

/** The low 32 bits of four ints, on the stack. */
export function pushLow(f: FunctionBody, { form, locals }: Held): void {
  const [first = 0, second = 0] = locals;
  f.get(first);
  if (form === "mask") f.op("i32x4.neg");
  else if (form === "i64") f.get(second).shuffle(LOW_WORDS);
}

/** Half 0 or 1 of four ints as i64x2, on the stack. */
export function pushWide(f: FunctionBody, value: Held, half: 0 | 1): void {
  const [first = 0, second = 0] = value.locals;
  if (value.form === "i64") {
    f.get(half === 0 ? first : second);
    return;
  }
  pushLow(f, value);
  const sign = value.form === "i32" ? "s" : "u";
  f.op(half === 0 ? `i64x2.extend_low_i32x4_${sign}` : `i64x2.extend_high_i32x4_${sign}`);
}

/** A vector whose lanes of 32 bits are all set where the int is not 0, on the stack. */
export function pushMask(f: FunctionBody, value: Held): void {
  const [first = 0, second = 0] = value.locals;
  if (value.form === "mask") f.get(first);
  else if (value.form === "i64") {
    for (const half of [first, second]) f.get(half).v128([0, 0, 0, 0]).op("i64x2.ne");
    f.shuffle(LOW_WORDS);
  } else f.get(first).v128([0, 0, 0, 0]).op("i32x4.ne");
}

/** A mask of 64-bit lanes for half 0 or 1, on the stack. */
export function pushWideMask(f: FunctionBody, value: Held, half: 0 | 1): void {
  pushMask(f, value);
  f.op(half === 0 ? "i64x2.extend_low_i32x4_s" : "i64x2.extend_high_i32x4_s");
}

/** The value in another form that holds it too. */
export function converted(f: FunctionBody, value: Held, form: Form): Held {
  if (value.form === form) return value;
  switch (form) {
    case "i32":
    case "u32":
      pushLow(f, value);
      return { form, locals: [f.keep("v128")] };
    case "mask":
      pushMask(f, value);
      return { form, locals: [f.keep("v128")] };
    case "i64": {
      pushWide(f, value, 0);
      const low = f.keep("v128");
      pushWide(f, value, 1);
      return { form, locals: [low, f.keep("v128")] };
    }
    case "f32":
    case "scalar f32":
    case "scalar i64":
      throw new RangeError(`a ${value.form} is not a ${form}`);
  }
}

/** Pushes one lane: an f32, or an int as i64. */
export function pushLane(f: FunctionBody, value: Held, lane: number): void {
  const [first = 0, second = 0] = value.locals;
  switch (value.form) {
    case "scalar f32":
    case "scalar i64":
      f.get(first);
      return;
    case "f32":
      f.get(first).lane("f32x4.extract_lane", lane);
      return;
    case "i64":
      f.get(lane < 2 ? first : second).lane("i64x2.extract_lane", lane % 2);
      return;
    case "mask":
    case "i32":
    case "u32":
      pushLow(f, value);
      f.lane("i32x4.extract_lane", lane).op(value.form === "i32" ? "i64.extend_i32_s" : "i64.extend_i32_u");
  }
}

/** A value of four lanes, each pushed by `push` as `pushLane` would. */
export function fromLanes(f: FunctionBody, form: Form, push: (lane: number) => void): Held {
  const locals = form === "i64" ? [f.local("v128"), f.local("v128")] : [f.local("v128")];
  for (let lane = 0; lane < 4; lane++) {
    const [first = 0, second = first] = locals;
    const vector = form === "i64" && lane > 1 ? second : first;
    if (lane === 0 || (lane === 2 && form === "i64")) {
      push(lane);
      if (form === "f32") f.op("f32x4.splat");
      else if (form === "i64") f.op("i64x2.splat");
      else f.op("i32.wrap_i64").op("i32x4.splat");
    } else {
      f.get(vector);
      push(lane);
      if (form === "f32") f.lane("f32x4.replace_lane", lane);
      else if (form === "i64") f.lane("i64x2.replace_lane", 1);
      else f.op("i32.wrap_i64").lane("i32x4.replace_lane", lane);
    }
    f.set(vector);
  }
  return { form, locals };
}

const NANS = [CANONICAL_NAN, CANONICAL_NAN, CANONICAL_NAN, CANONICAL_NAN];

/** The f32s with every NaN as the canonical one, on the stack. */
export function pushCanonical(f: FunctionBody, { form, locals }: Held): void {
  const [local = 0] = locals;
  if (form === "scalar f32") f.get(local).f32(CANONICAL_NAN).get(local).get(local).op("f32.eq").op("select");
  else f.get(local).v128(NANS).get(local).get(local).op("f32x4.eq").op("v128.bitselect");
}

/** An int that is the same in all lanes, or one lane of it. */
export function intConstant(f: FunctionBody, lanes: number, value: bigint, range: Range): Held {
  if (lanes === 1) {
    f.i64(value);
    return { form: "scalar i64", locals: [f.keep("i64")] };
  }
  const form = intForm(range);
  const low = Number(BigInt.asUintN(32, value));
  if (form !== "i64") {
    f.v128([low, low, low, low]);
    return { form, locals: [f.keep("v128")] };
  }
  const high = Number(BigInt.asUintN(32, value >> 32n));
  f.v128([low, high, low, high]);
  const both = f.keep("v128");
  return { form, locals: [both, both] };
}

/** An f32 that is the same in all lanes, or one lane of it. */
export function floatConstant(f: FunctionBody, lanes: number, bits: number): Held {
  if (lanes === 1) {
    f.f32(bits);
    return { form: "scalar f32", locals: [f.keep("f32")] };
  }
  f.v128([bits, bits, bits, bits]);
  return { form: "f32", locals: [f.keep("v128")], bits };
}
