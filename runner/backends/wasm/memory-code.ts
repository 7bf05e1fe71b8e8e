import { item } from "../../items.ts";
import { DTYPE_BYTES, type DType, registerClass } from "../../machine/dtype.ts";
import type { FunctionBody } from "../../webassembly/assembler.ts";
import type { WasmOpcode } from "../../webassembly/opcodes.ts";
import { type Form, type Held, pushCanonical, pushLow, pushWide } from "./value.ts";

/** Pushes an address plus so many bytes and returns what is left to add. */
export type Address = (extra: number) => number;

const SCALAR_LOADS: Readonly<Record<DType, WasmOpcode>> = {
  f32: "f32.load",
  i64: "i64.load",
  u64: "i64.load",
  i32: "i64.load32_s",
  u32: "i64.load32_u",
  i16: "i64.load16_s",
  u16: "i64.load16_u",
  i8: "i64.load8_s",
  u8: "i64.load8_u",
  bool: "i64.load8_u",
};

/** The form of four elements of a dtype as they are loaded. */
export const loadedForm = (dtype: DType): Form => {
  if (registerClass(dtype) === "f32") return "f32";
  return DTYPE_BYTES[dtype] === 8 ? "i64" : dtype === "u32" ? "u32" : "i32";
};

/** Pushes one element: an f32, or an int as i64. */
export function pushElement(f: FunctionBody, dtype: DType, address: Address): void {
  f.memory(SCALAR_LOADS[dtype], address(0));
}

/** Four elements that are `stride` elements apart. */
export function load(f: FunctionBody, dtype: DType, stride: number, address: Address): Held {
  const form = loadedForm(dtype);
  const bytes = DTYPE_BYTES[dtype];
  if (stride === 0) {
    if (bytes >= 4) f.memory(bytes === 4 ? "v128.load32_splat" : "v128.load64_splat", address(0));
    else f.memory(narrowLoad(dtype), address(0)).op("i32x4.splat");
    const local = f.keep("v128");
    return { form, locals: form === "i64" ? [local, local] : [local] };
  }
  if (stride === 1) return loadRow(f, dtype, form, address);
  const lane = (i: number): number => address(i * stride * bytes);
  if (bytes === 8) {
    const locals = [0, 2].map((first) => {
      const local = f.memory("v128.load64_zero", lane(first)).keep("v128");
      const offset = lane(first + 1);
      return f.get(local).memory("v128.load64_lane", offset, 1).keep("v128");
    });
    return { form, locals };
  }
  if (bytes === 4) f.memory("v128.load32_zero", lane(0));
  else f.memory(narrowLoad(dtype), lane(0)).op("i32x4.splat");
  const local = f.keep("v128");
  for (let i = 1; i < 4; i++) {
    if (bytes === 4) {
      const offset = lane(i);
      f.get(local).memory("v128.load32_lane", offset, i);
    } else {
      f.get(local);
      f.memory(narrowLoad(dtype), lane(i)).lane("i32x4.replace_lane", i);
    }
    f.set(local);
  }
  return { form, locals: [local] };
}

function loadRow(f: FunctionBody, dtype: DType, form: Form, address: Address): Held {
  const sign = dtype.startsWith("i") ? "s" : "u";
  switch (DTYPE_BYTES[dtype]) {
    case 8:
      return { form, locals: [0, 16].map((extra) => f.memory("v128.load", address(extra)).keep("v128")) };
    case 4:
      f.memory("v128.load", address(0));
      break;
    case 2:
      f.memory(`v128.load16x4_${sign}`, address(0));
      break;
    default:
      f.memory("v128.load32_zero", address(0));
      f.op(`i16x8.extend_low_i8x16_${sign}`).op(`i32x4.extend_low_i16x8_${sign}`);
  }
  return { form, locals: [f.keep("v128")] };
}

const narrowLoad = (dtype: DType): WasmOpcode => {
  const sign = dtype.startsWith("i") ? "s" : "u";
  return DTYPE_BYTES[dtype] === 2 ? `i32.load16_${sign}` : `i32.load8_${sign}`;
};

/** Bytes of a shuffle that brings the low 16 or 8 bits of each word to the front. */
const LOW_HALVES = [0, 1, 4, 5, 8, 9, 12, 13, 0, 1, 4, 5, 8, 9, 12, 13];
const LOW_BYTES = [0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12];

/** Stores a register, or four that are `stride` elements apart. */
export function store(f: FunctionBody, dtype: DType, value: Held, stride: number, address: Address): void {
  const bytes = DTYPE_BYTES[dtype];
  const [first = 0] = value.locals;
  if (value.form === "scalar f32") {
    const offset = address(0);
    pushCanonical(f, value);
    f.memory("f32.store", offset);
    return;
  }
  if (value.form === "scalar i64") {
    const offset = address(0);
    f.get(first).memory(item(SCALAR_STORES, Math.log2(bytes)), offset);
    return;
  }
  if (bytes === 8) {
    for (const half of [0, 1] as const) {
      pushWide(f, value, half);
      const local = f.keep("v128");
      if (stride === 1) {
        const offset = address(16 * half);
        f.get(local).memory("v128.store", offset);
        continue;
      }
      for (const lane of [0, 1]) {
        const offset = address((2 * half + lane) * stride * 8);
        f.get(local).memory("v128.store64_lane", offset, lane);
      }
    }
    return;
  }
  if (value.form === "f32") pushCanonical(f, value);
  else pushLow(f, value);
  const local = f.keep("v128");
  if (stride === 1) {
    const offset = address(0);
    f.get(local);
    if (bytes === 4) f.memory("v128.store", offset);
    else if (bytes === 2) f.get(local).shuffle(LOW_HALVES).memory("v128.store64_lane", offset, 0);
    else f.get(local).shuffle(LOW_BYTES).memory("v128.store32_lane", offset, 0);
    return;
  }
  const opcode = bytes === 4 ? "v128.store32_lane" : bytes === 2 ? "v128.store16_lane" : "v128.store8_lane";
  for (let lane = 0; lane < 4; lane++) {
    const offset = address(lane * stride * bytes);
    f.get(local).memory(opcode, offset, (4 / bytes) * lane);
  }
}

const SCALAR_STORES: readonly WasmOpcode[] = ["i64.store8", "i64.store16", "i64.store32", "i64.store"];
