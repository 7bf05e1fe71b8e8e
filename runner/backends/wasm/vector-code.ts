import { item } from "../../items.ts";
import { DTYPE_BYTES, DTYPES } from "../../machine/dtype.ts";
import type { Opcode } from "../../machine/scalar.ts";
import type { FunctionBody } from "../../webassembly/assembler.ts";
import type { WasmOpcode } from "../../webassembly/opcodes.ts";
import { isInt32, pointOf, type Range } from "./range.ts";
import { pushScalar } from "./scalar-code.ts";
import {
  converted,
  fromLanes,
  type Held,
  intForm,
  pushCanonical,
  pushLane,
  pushLow,
  pushMask,
  pushWide,
  pushWideMask,
} from "./value.ts";

/** An operand of an instruction, with its range. */
export interface Given {
  readonly value: Held;
  readonly range: Range;
}

/** Instructions that are one of WebAssembly's on four f32s. */
const FLOAT: Partial<Record<Opcode, WasmOpcode>> = {
  fadd: "f32x4.add",
  fsub: "f32x4.sub",
  fmul: "f32x4.mul",
  fdiv: "f32x4.div",
  fsqrt: "f32x4.sqrt",
  fneg: "f32x4.neg",
  fabs: "f32x4.abs",
  fmin: "f32x4.min",
  fmax: "f32x4.max",
  ffloor: "f32x4.floor",
  fceil: "f32x4.ceil",
  ftrunc: "f32x4.trunc",
  frint: "f32x4.nearest",
};

const FLOAT_COMPARISONS: Partial<Record<Opcode, WasmOpcode>> = { feq: "f32x4.eq", flt: "f32x4.lt", fle: "f32x4.le" };

/** Instructions of which the low bits of the result depend on the low bits of the operands alone. */
const MODULAR: Partial<Record<Opcode, readonly [WasmOpcode, WasmOpcode]>> = {
  iadd: ["i32x4.add", "i64x2.add"],
  isub: ["i32x4.sub", "i64x2.sub"],
  imul: ["i32x4.mul", "i64x2.mul"],
  iand: ["v128.and", "v128.and"],
  ior: ["v128.or", "v128.or"],
  ixor: ["v128.xor", "v128.xor"],
};

/**
 * An instruction on four elements. `range` holds its result. What WebAssembly has no vector instruction for is done lane
 * by lane.
 */
export function vectorCode(
  f: FunctionBody,
  op: Exclude<Opcode, "index">,
  field: number,
  given: readonly Given[],
  range: Range,
): Held {
  const at = (i: number): Given => item(given, i);
  const kept = (form: Held["form"]): Held => ({ form, locals: [f.keep("v128")] });
  const [same] = given;
  if (same !== undefined && IDEMPOTENT.has(op) && given[1]?.value === same.value) return same.value;
  if (op === "fmin" || op === "fmax") {
    const clamped = clampCode(f, op, at(0), at(1)) ?? clampCode(f, op, at(1), at(0));
    if (clamped !== undefined) return clamped;
  }
  const float = FLOAT[op];
  if (float !== undefined) {
    for (const { value } of given) f.get(item(value.locals, 0));
    f.op(float);
    return kept("f32");
  }
  const comparison = FLOAT_COMPARISONS[op];
  if (comparison !== undefined) {
    f.get(item(at(0).value.locals, 0))
      .get(item(at(1).value.locals, 0))
      .op(comparison);
    return kept("mask");
  }
  const modular = MODULAR[op];
  if (modular !== undefined) return modularCode(f, modular, at(0).value, at(1).value, range);
  switch (op) {
    case "fbits":
      pushCanonical(f, at(0).value);
      return kept("u32");
    case "bitsf":
      pushLow(f, at(0).value);
      return kept("f32");
    case "f2i":
      if (!isInt32(range)) break;
      f.get(item(at(0).value.locals, 0)).op("i32x4.trunc_sat_f32x4_s");
      return kept("i32");
    case "i2f":
    case "u2f": {
      const { value, range: from } = at(0);
      if (value.form === "i64" || (op === "u2f" && from.lo < 0)) break;
      pushLow(f, value);
      f.op(value.form === "i32" ? "f32x4.convert_i32x4_s" : "f32x4.convert_i32x4_u");
      return kept("f32");
    }
    case "ishl":
    case "ishr":
    case "ushr": {
      const by = pointOf(at(1).range);
      if (by === undefined || by < 0 || by > 63) break;
      return shiftCode(f, op, at(0), by, range);
    }
    case "imin":
    case "imax":
    case "ieq":
    case "ilt":
    case "ult":
      return compareCode(f, op, at(0), at(1), range);
    case "wrap": {
      const dtype = item(DTYPES, field);
      const { value, range: from } = at(0);
      const unchanged = DTYPE_BYTES[dtype] === 8 || (from.lo >= range.lo && from.hi <= range.hi);
      if (unchanged) return value;
      pushLow(f, value);
      const spare = 32 - 8 * DTYPE_BYTES[dtype];
      if (spare > 0) {
        f.i32(spare).op("i32x4.shl");
        f.i32(spare).op(dtype.startsWith("i") ? "i32x4.shr_s" : "i32x4.shr_u");
      }
      return kept(intForm(range));
    }
    case "select":
      return selectCode(f, at(0).value, at(1).value, at(2).value, range);
    default:
      break;
  }
  const form =
    item(given, given.length - 1).value.form === "f32" || op === "i2f" || op === "u2f" ? "f32" : intForm(range);
  const result = op === "f2i" ? intForm(range) : form;
  return fromLanes(f, result, (lane) => pushScalar(f, op, field, (operand) => pushLane(f, at(operand).value, lane)));
}

/** Of a value and itself these give the value. */
const IDEMPOTENT = new Set<Opcode>(["fmin", "fmax", "iand", "ior", "imin", "imax"]);

/**
 * The lesser or greater of a value and a constant that is a number. `pmin(a, b)` is b < a ? b : a, which keeps a NaN in a;
 * it is one instruction of most processors. Of two zeros it gives a; 0 is added where +0 should win over -0.
 */
function clampCode(
  f: FunctionBody,
  op: "fmin" | "fmax",
  { value }: Given,
  { value: limit, range }: Given,
): Held | undefined {
  const by = pointOf(range);
  if (by === undefined || limit.bits === undefined || (op === "fmin" && Object.is(by, -0))) return undefined;
  f.get(item(value.locals, 0))
    .get(item(limit.locals, 0))
    .op(op === "fmin" ? "f32x4.pmin" : "f32x4.pmax");
  if (op === "fmax" && Object.is(by, 0)) f.v128([0, 0, 0, 0]).op("f32x4.add");
  return { form: "f32", locals: [f.keep("v128")] };
}

function modularCode(
  f: FunctionBody,
  [narrow, wide]: readonly [WasmOpcode, WasmOpcode],
  a: Held,
  b: Held,
  range: Range,
): Held {
  const form = intForm(range);
  if (form !== "i64") {
    pushLow(f, a);
    pushLow(f, b);
    f.op(narrow);
    return { form, locals: [f.keep("v128")] };
  }
  const locals = ([0, 1] as const).map((half) => {
    pushWide(f, a, half);
    pushWide(f, b, half);
    f.op(wide);
    return f.keep("v128");
  });
  return { form, locals };
}

function shiftCode(
  f: FunctionBody,
  op: "ishl" | "ishr" | "ushr",
  { value, range: from }: Given,
  by: number,
  range: Range,
): Held {
  const form = intForm(range);
  const narrow = op === "ishl" ? form !== "i64" : value.form !== "i64" && (op === "ishr" || from.lo >= 0);
  if (narrow && by < 32) {
    pushLow(f, value);
    const signed = value.form === "i32" && op === "ishr";
    f.i32(by).op(op === "ishl" ? "i32x4.shl" : signed ? "i32x4.shr_s" : "i32x4.shr_u");
    return { form: op === "ishl" ? form : value.form === "i32" ? "i32" : "u32", locals: [f.keep("v128")] };
  }
  const locals = ([0, 1] as const).map((half) => {
    pushWide(f, value, half);
    f.i32(by).op(op === "ishl" ? "i64x2.shl" : op === "ishr" ? "i64x2.shr_s" : "i64x2.shr_u");
    return f.keep("v128");
  });
  return { form: "i64", locals };
}

const SIGN = [0, 0x80000000, 0, 0x80000000];

function compareCode(
  f: FunctionBody,
  op: "imin" | "imax" | "ieq" | "ilt" | "ult",
  a: Given,
  b: Given,
  range: Range,
): Held {
  const narrow = (given: Given): boolean => given.value.form !== "i64";
  // Of an unsigned word and a signed one both are unsigned when the signed one is not negative.
  const unsigned = (given: Given): boolean => given.value.form !== "i32" || given.range.lo >= 0;
  const signed = (given: Given): boolean => given.value.form === "i32" || given.value.form === "mask";
  const kept = (form: Held["form"]): Held => ({ form, locals: [f.keep("v128")] });
  const bothSigned = signed(a) && signed(b);
  if (narrow(a) && narrow(b) && (bothSigned || (unsigned(a) && unsigned(b)))) {
    pushLow(f, a.value);
    pushLow(f, b.value);
    const sign = bothSigned ? "s" : "u";
    switch (op) {
      case "ieq":
        f.op("i32x4.eq");
        return kept("mask");
      case "ilt":
        f.op(`i32x4.lt_${sign}`);
        return kept("mask");
      case "ult":
        f.op("i32x4.lt_u");
        return kept("mask");
      case "imin":
      case "imax":
        f.op(op === "imin" ? `i32x4.min_${sign}` : `i32x4.max_${sign}`);
        return kept(bothSigned ? "i32" : "u32");
    }
  }
  const wideMask = (half: 0 | 1): void => {
    for (const { value } of [a, b]) {
      pushWide(f, value, half);
      if (op === "ult") f.v128(SIGN).op("v128.xor");
    }
    f.op(op === "ieq" ? "i64x2.eq" : "i64x2.lt_s");
  };
  if (op === "imin" || op === "imax") {
    const [chosen, other] = op === "imin" ? [a, b] : [b, a];
    const locals = ([0, 1] as const).map((half) => {
      pushWide(f, chosen.value, half);
      pushWide(f, other.value, half);
      wideMask(half);
      f.op("v128.bitselect");
      return f.keep("v128");
    });
    return converted(f, { form: "i64", locals }, intForm(range));
  }
  wideMask(0);
  const low = f.keep("v128");
  wideMask(1);
  pushLow(f, { form: "i64", locals: [low, f.keep("v128")] });
  return kept("mask");
}

function selectCode(f: FunctionBody, condition: Held, a: Held, b: Held, range: Range): Held {
  const form = a.form === "f32" ? "f32" : intForm(range);
  if (form === "f32") {
    f.get(item(a.locals, 0)).get(item(b.locals, 0));
    pushMask(f, condition);
    f.op("v128.bitselect");
    return { form, locals: [f.keep("v128")] };
  }
  if (form !== "i64") {
    pushLow(f, a);
    pushLow(f, b);
    pushMask(f, condition);
    f.op("v128.bitselect");
    return { form, locals: [f.keep("v128")] };
  }
  const locals = ([0, 1] as const).map((half) => {
    pushWide(f, a, half);
    pushWide(f, b, half);
    pushWideMask(f, condition, half);
    f.op("v128.bitselect");
    return f.keep("v128");
  });
  return { form, locals };
}
