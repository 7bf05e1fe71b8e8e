import { item } from "../../items.ts";
import { DTYPE_BYTES, DTYPES, type DType, registerClass } from "../../machine/dtype.ts";
import { f32FromBits } from "../../machine/float.ts";
import type { Constant } from "../../machine/kernel.ts";
import type { Opcode } from "../../machine/scalar.ts";

/**
 * What is known of a register's value: it lies in `lo` to `hi`. Of an f32 that may always be NaN as well. An int that may
 * leave the safe integers is `ANY`; any other range of ints has ends that are safe integers.
 */
export interface Range {
  readonly lo: number;
  readonly hi: number;
}

export const ANY: Range = { lo: -Infinity, hi: Infinity };
const FLAG: Range = { lo: 0, hi: 1 };

export const isInt32 = ({ lo, hi }: Range): boolean => lo >= -(2 ** 31) && hi < 2 ** 31;
export const isUint32 = ({ lo, hi }: Range): boolean => lo >= 0 && hi < 2 ** 32;

/** A range of ints; `ANY` when it leaves the safe integers. */
export const intRange = (lo: number, hi: number): Range =>
  lo >= -Number.MAX_SAFE_INTEGER && hi <= Number.MAX_SAFE_INTEGER ? { lo, hi } : ANY;

/** Smallest range that holds both. */
export const hull = (a: Range, b: Range): Range => ({ lo: Math.min(a.lo, b.lo), hi: Math.max(a.hi, b.hi) });

/** The one value of an int whose range is a point. */
export const pointOf = ({ lo, hi }: Range): number | undefined => (lo === hi ? lo : undefined);

/** Register values that an element of a dtype can have. */
export function dtypeRange(dtype: DType): Range {
  const bytes = DTYPE_BYTES[dtype];
  if (registerClass(dtype) === "f32" || bytes === 8) return ANY;
  const values = 2 ** (8 * bytes);
  return dtype.startsWith("i") ? { lo: -values / 2, hi: values / 2 - 1 } : { lo: 0, hi: values - 1 };
}

export function constantRange(constant: Constant): Range {
  if ("int" in constant) return intRange(Number(constant.int), Number(constant.int));
  const value = f32FromBits(constant.f32);
  return Number.isNaN(value) ? ANY : { lo: value, hi: value };
}

/** Range of the result of an instruction other than `index`; `b` is the field of that name. */
export function resultRange(op: Exclude<Opcode, "index">, x: Range, y: Range, z: Range, b: number): Range {
  switch (op) {
    case "fadd":
      return floatRange(x.lo + y.lo, x.hi + y.hi);
    case "fsub":
      return floatRange(x.lo - y.hi, x.hi - y.lo);
    case "fneg":
      return { lo: -x.hi, hi: -x.lo };
    case "fabs":
      return { lo: 0, hi: Math.max(-x.lo, x.hi) };
    case "fmin":
      return { lo: Math.min(x.lo, y.lo), hi: Math.min(x.hi, y.hi) };
    case "fmax":
      return { lo: Math.max(x.lo, y.lo), hi: Math.max(x.hi, y.hi) };
    case "ffloor":
    case "fceil":
    case "ftrunc":
    case "frint":
      return { lo: Math.floor(x.lo), hi: Math.ceil(x.hi) };
    case "fmul":
    case "fdiv":
    case "fsqrt":
    case "bitsf":
      return ANY;
    case "i2f":
      return floatRange(x.lo, x.hi);
    case "u2f":
      return x.lo >= 0 ? floatRange(x.lo, x.hi) : ANY;
    case "feq":
    case "flt":
    case "fle":
    case "ieq":
    case "ilt":
    case "ult":
      return FLAG;
    case "f2i":
      return intRange(Math.min(0, Math.trunc(x.lo)), Math.max(0, Math.trunc(x.hi)));
    case "fbits":
      return { lo: 0, hi: 2 ** 32 - 1 };
    case "iadd":
      return intRange(x.lo + y.lo, x.hi + y.hi);
    case "isub":
      return intRange(x.lo - y.hi, x.hi - y.lo);
    case "imul": {
      if (x === ANY || y === ANY) return ANY;
      const corners = [x.lo * y.lo, x.lo * y.hi, x.hi * y.lo, x.hi * y.hi];
      return intRange(Math.min(...corners), Math.max(...corners));
    }
    case "idiv":
      return symmetric(Math.max(-x.lo, x.hi));
    case "irem":
      return intRange(Math.min(0, x.lo), Math.max(0, x.hi));
    case "udiv":
    case "urem":
      return x.lo >= 0 && y.lo >= 0 ? intRange(0, x.hi) : ANY;
    case "iand":
      // Neither bits above a non-negative operand nor its sign survive.
      if (x.lo >= 0 && y.lo >= 0) return intRange(0, Math.min(x.hi, y.hi));
      if (x.lo >= 0 || y.lo >= 0) return intRange(0, x.lo >= 0 ? x.hi : y.hi);
      return bitsRange(x, y);
    case "ior":
    case "ixor":
      return bitsRange(x, y);
    case "ishl": {
      const by = pointOf(y);
      return by === undefined || by < 0 || by > 52 ? ANY : intRange(x.lo * 2 ** by, x.hi * 2 ** by);
    }
    case "ishr":
    case "ushr": {
      const by = pointOf(y);
      if (by === undefined || by < 0 || by > 63) return ANY;
      // From below zero `ushr` gives up to 64 - by bits.
      if (op === "ushr" && x.lo < 0) return by > 11 ? { lo: 0, hi: 2 ** (64 - by) - 1 } : ANY;
      if (x === ANY || x.lo === -Infinity) return symmetric(2 ** (63 - by));
      return intRange(Math.floor(x.lo / 2 ** by), Math.floor(x.hi / 2 ** by));
    }
    case "imin":
      return intRange(Math.min(x.lo, y.lo), Math.min(x.hi, y.hi));
    case "imax":
      return intRange(Math.max(x.lo, y.lo), Math.max(x.hi, y.hi));
    case "wrap": {
      const target = dtypeRange(item(DTYPES, b));
      return x.lo >= target.lo && x.hi <= target.hi ? x : target;
    }
    case "select":
      return hull(y, z);
  }
}

/** Ends rounded to f32; an end that is NaN (inf - inf) says nothing. */
const floatRange = (lo: number, hi: number): Range =>
  Number.isNaN(lo) || Number.isNaN(hi) ? ANY : { lo: Math.fround(lo), hi: Math.fround(hi) };

const symmetric = (most: number): Range => intRange(-most, most);

/** Range of a bitwise combination: no bit above both operands is set, or, with signs, differs from the sign. */
function bitsRange(x: Range, y: Range): Range {
  const most = Math.max(x.hi, y.hi, -x.lo - 1, -y.lo - 1, 1);
  if (!Number.isFinite(most)) return ANY;
  const all = 2 ** (Math.floor(Math.log2(most)) + 1) - 1;
  return x.lo >= 0 && y.lo >= 0 ? intRange(0, all) : intRange(-all - 1, all);
}
