import { item } from "../../items.ts";
import { DTYPE_BYTES, DTYPES, type DType } from "../../machine/dtype.ts";
import type { Opcode } from "../../machine/scalar.ts";
import type { FunctionBody } from "../../webassembly/assembler.ts";
import type { WasmOpcode } from "../../webassembly/opcodes.ts";
import { pushCanonical } from "./value.ts";

/** Instructions that WebAssembly has, on f32 and i64. */
const DIRECT: Partial<Record<Opcode, WasmOpcode>> = {
  fadd: "f32.add",
  fsub: "f32.sub",
  fmul: "f32.mul",
  fdiv: "f32.div",
  fsqrt: "f32.sqrt",
  fneg: "f32.neg",
  fabs: "f32.abs",
  fmin: "f32.min",
  fmax: "f32.max",
  ffloor: "f32.floor",
  fceil: "f32.ceil",
  ftrunc: "f32.trunc",
  frint: "f32.nearest",
  f2i: "i64.trunc_sat_f32_s",
  i2f: "f32.convert_i64_s",
  u2f: "f32.convert_i64_u",
  iadd: "i64.add",
  isub: "i64.sub",
  imul: "i64.mul",
  iand: "i64.and",
  ior: "i64.or",
  ixor: "i64.xor",
};

const COMPARISONS: Partial<Record<Opcode, WasmOpcode>> = {
  feq: "f32.eq",
  flt: "f32.lt",
  fle: "f32.le",
  ieq: "i64.eq",
  ilt: "i64.lt_s",
  ult: "i64.lt_u",
};

const DIVISIONS: Partial<Record<Opcode, WasmOpcode>> = {
  idiv: "i64.div_s",
  irem: "i64.rem_s",
  udiv: "i64.div_u",
  urem: "i64.rem_u",
};

const SHIFTS: Partial<Record<Opcode, WasmOpcode>> = { ishl: "i64.shl", ishr: "i64.shr_s", ushr: "i64.shr_u" };

/**
 * An instruction on one element: `push` pushes operand 0, 1 or 2 (an f32, or an int as i64), as often as it is called.
 * Leaves the result on the stack. `field` is the instruction's field b.
 */
export function pushScalar(
  f: FunctionBody,
  op: Exclude<Opcode, "index">,
  field: number,
  push: (operand: number) => void,
): void {
  const direct = DIRECT[op];
  const comparison = COMPARISONS[op];
  const division = DIVISIONS[op];
  const shift = SHIFTS[op];
  if (direct !== undefined) {
    push(0);
    if (BINARY.has(op)) push(1);
    f.op(direct);
  } else if (comparison !== undefined) {
    push(0);
    push(1);
    f.op(comparison).op("i64.extend_i32_u");
  } else if (division !== undefined) pushDivision(f, op, division, push);
  else if (shift !== undefined) pushShift(f, op, shift, push);
  else if (op === "fbits") {
    push(0);
    pushCanonical(f, { form: "scalar f32", locals: [f.keep("f32")] });
    f.op("i32.reinterpret_f32").op("i64.extend_i32_u");
  } else if (op === "bitsf") {
    push(0);
    f.op("i32.wrap_i64").op("f32.reinterpret_i32");
  } else if (op === "imin" || op === "imax") {
    push(op === "imin" ? 0 : 1);
    push(op === "imin" ? 1 : 0);
    push(0);
    push(1);
    f.op("i64.lt_s").op("select");
  } else if (op === "wrap") {
    push(0);
    pushWrapped(f, item(DTYPES, field));
  } else if (op === "select") {
    push(1);
    push(2);
    push(0);
    f.i64(0n).op("i64.ne").op("select");
  } else throw new RangeError(`no code for ${op}`);
}

const BINARY = new Set<Opcode>([
  ...(["fadd", "fsub", "fmul", "fdiv", "fmin", "fmax"] as const),
  ...(["iadd", "isub", "imul", "iand", "ior", "ixor"] as const),
]);

/** By 0 the result is 0. -2^63 / -1 would trap: there the divisor becomes 1, which gives -2^63 and remainder 0 as well. */
function pushDivision(f: FunctionBody, op: Opcode, division: WasmOpcode, push: (operand: number) => void): void {
  push(1);
  const divisor = f.keep("i64");
  f.get(divisor).op("i64.eqz");
  f.if(
    "i64",
    () => f.i64(0n),
    () => {
      push(0);
      if (op === "idiv" || op === "irem") {
        f.i64(1n).get(divisor);
        push(0);
        f.i64(-(2n ** 63n)).op("i64.eq");
        f.get(divisor).i64(-1n).op("i64.eq").op("i32.and").op("select");
      } else f.get(divisor);
      f.op(division);
    },
  );
}

/** WebAssembly shifts by the low six bits. */
function pushShift(f: FunctionBody, op: Opcode, shift: WasmOpcode, push: (operand: number) => void): void {
  push(0);
  push(1);
  f.op(shift);
  push(0);
  if (op === "ishr") f.i64(63n).op("i64.shr_s");
  else f.i64(0n).op("i64.and");
  push(1);
  f.i64(64n).op("i64.lt_u").op("select");
}

/** Wraps the i64 on the stack to a dtype and back. */
export function pushWrapped(f: FunctionBody, dtype: DType): void {
  const bytes = DTYPE_BYTES[dtype];
  if (bytes === 8) return;
  if (!dtype.startsWith("i")) f.i64(2n ** BigInt(8 * bytes) - 1n).op("i64.and");
  else f.op(bytes === 4 ? "i64.extend32_s" : bytes === 2 ? "i64.extend16_s" : "i64.extend8_s");
}
