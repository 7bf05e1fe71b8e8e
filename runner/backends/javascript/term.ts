import { item } from "../../items.ts";
import { DTYPE_BYTES, DTYPES, type DType } from "../../machine/dtype.ts";
import type { Opcode } from "../../machine/scalar.ts";

/**
 * What is known of a register's value. An int whose range lies in the safe integers is a JavaScript number (-0 may
 * stand for 0); any other int is a bigint in the range of i64, of which nothing is known. The range of an f32 does
 * not say whether it may be NaN: any may.
 */
export type Range =
  | { readonly kind: "f32"; readonly lo: number; readonly hi: number }
  | { readonly kind: "int"; readonly lo: number; readonly hi: number }
  | { readonly kind: "big" };

/** A value in generated code: an expression without side effects, and its range. */
export interface Term {
  readonly js: string;
  readonly range: Range;
}

export const ANY_F32: Range = { kind: "f32", lo: -Infinity, hi: Infinity };
export const BIG: Range = { kind: "big" };

/** The range of ints from `lo` to `hi`; big when it leaves the safe integers. */
export const intRange = (lo: number, hi: number): Range =>
  -lo <= Number.MAX_SAFE_INTEGER && hi <= Number.MAX_SAFE_INTEGER ? { kind: "int", lo, hi } : BIG;

export const isInt32 = (range: Range): boolean => range.kind === "int" && range.lo >= -(2 ** 31) && range.hi < 2 ** 31;

/** Smallest range that holds both, which are of one class. */
export function hull(a: Range, b: Range): Range {
  if (a.kind === "big" || b.kind === "big") return BIG;
  return { kind: a.kind, lo: Math.min(a.lo, b.lo), hi: Math.max(a.hi, b.hi) };
}

/** Register values that an element of a dtype can have. */
export function dtypeRange(dtype: DType): Range {
  if (dtype === "f32") return ANY_F32;
  const values = 2 ** (8 * DTYPE_BYTES[dtype]);
  return dtype.startsWith("i") ? intRange(-values / 2, values / 2 - 1) : intRange(0, values - 1);
}

/** A literal f32 or int. */
export function literal(value: number | bigint): Term {
  if (typeof value === "number") {
    const [lo, hi] = Number.isNaN(value) ? [-Infinity, Infinity] : [value, value];
    return { js: Object.is(value, -0) ? "(-0)" : `(${String(value)})`, range: { kind: "f32", lo, hi } };
  }
  const range = intRange(Number(value), Number(value));
  return { js: range.kind === "int" ? `(${String(value)})` : `(${String(value)}n)`, range };
}

/** The term as a bigint expression. */
export const asBig = (term: Term): string => (term.range.kind === "int" ? `BigInt(${term.js})` : term.js);

/** The term as an expression of the kind that `range` has; `range` holds every value of it. */
export function asKind(term: Term, range: Range): string {
  if (term.range.kind === "big" && range.kind === "int") return `Number(${term.js})`;
  if (term.range.kind === "int" && range.kind === "big") return `BigInt(${term.js})`;
  return term.js;
}

/**
 * The result of an instruction (other than `index`) as a term. Generated code has in scope: `fround` and what the
 * interpreter defines scalars with: `FLOAT`, `TO_INT`, `TO_FLOAT`, `INTEGER`, `wrapTo`.
 */
export function scalarTerm(op: Exclude<Opcode, "index">, a: Term, b: Term, c: Term, field: number): Term {
  const f = (js: string, range: Range = ANY_F32): Term => ({ js, range });
  const big = (): Term => ({ js: `BigInt.asIntN(64, INTEGER.${op}(${asBig(a)}, ${asBig(b)}))`, range: BIG });
  const int = (js: string, range: Range): Term => (range.kind === "big" ? big() : { js, range });
  const flag = (condition: string): Term => ({ js: `(${condition} ? 1 : 0)`, range: intRange(0, 1) });
  const [x, y] = [a.range, b.range];
  switch (op) {
    case "fadd":
      return f(
        `fround(${a.js} + ${b.js})`,
        monotone(x, y, (p, q) => p + q),
      );
    case "fsub":
      return f(
        `fround(${a.js} - ${b.js})`,
        monotone(x, negated(y), (p, q) => p + q),
      );
    case "fmul":
      return f(`fround(${a.js} * ${b.js})`);
    case "fdiv":
      return f(`fround(${a.js} / ${b.js})`);
    case "fsqrt":
      return f(`fround(Math.sqrt(${a.js}))`);
    case "fneg":
      return f(`(-${a.js})`, negated(x));
    case "fabs":
      return f(`Math.abs(${a.js})`);
    case "fmin":
      return f(`Math.min(${a.js}, ${b.js})`, monotone(x, y, Math.min));
    case "fmax":
      return f(`Math.max(${a.js}, ${b.js})`, monotone(x, y, Math.max));
    case "ffloor":
      return f(`Math.floor(${a.js})`, monotone(x, x, Math.floor));
    case "fceil":
      return f(`Math.ceil(${a.js})`, monotone(x, x, Math.ceil));
    case "ftrunc":
      return f(`Math.trunc(${a.js})`, monotone(x, x, Math.trunc));
    case "frint":
      return f(`FLOAT.frint(${a.js})`, outward(x));
    case "feq":
      return flag(`${a.js} === ${b.js}`);
    case "flt":
      return flag(`${a.js} < ${b.js}`);
    case "fle":
      return flag(`${a.js} <= ${b.js}`);
    case "f2i": {
      const range = x.kind === "f32" ? intRange(Math.min(0, Math.trunc(x.lo)), Math.max(0, Math.trunc(x.hi))) : BIG;
      if (range.kind === "big") return { js: `TO_INT.f2i(${a.js})`, range };
      return { js: `(Math.trunc(${a.js}) || 0)`, range };
    }
    case "fbits":
      return { js: `f32ToBits(${a.js})`, range: intRange(0, 2 ** 32 - 1) };
    case "i2f":
      // + 0 turns -0 into 0.
      if (x.kind === "int") {
        return f(`fround(${a.js} + 0)`, { kind: "f32", lo: Math.fround(x.lo), hi: Math.fround(x.hi) });
      }
      return f(`TO_FLOAT.i2f(${a.js})`);
    case "u2f":
      return x.kind === "int" && x.lo >= 0 ? f(`fround(${a.js} + 0)`) : f(`TO_FLOAT.u2f(${asBig(a)})`);
    case "bitsf":
      return f(x.kind === "int" ? `f32FromBits(${a.js})` : `TO_FLOAT.bitsf(${a.js})`);
    case "iadd":
      return x.kind !== "int" || y.kind !== "int" ? big() : int32(int, "+", a, b, intRange(x.lo + y.lo, x.hi + y.hi));
    case "isub":
      return x.kind !== "int" || y.kind !== "int" ? big() : int32(int, "-", a, b, intRange(x.lo - y.hi, x.hi - y.lo));
    case "imul": {
      if (x.kind !== "int" || y.kind !== "int") return big();
      const corners = [x.lo * y.lo, x.lo * y.hi, x.hi * y.lo, x.hi * y.hi];
      const range = intRange(Math.min(...corners), Math.max(...corners));
      if (isInt32(range) && isInt32(x) && isInt32(y)) return { js: `Math.imul(${a.js}, ${b.js})`, range };
      return int(`(${a.js} * ${b.js})`, range);
    }
    case "idiv":
    case "udiv": {
      // A quotient of safe integers never rounds up to the next integer: it would have to be within 2^-53 of it.
      if (x.kind !== "int" || y.kind !== "int" || (op === "udiv" && (x.lo < 0 || y.lo < 0))) return big();
      const most = Math.max(-x.lo, x.hi);
      return int(
        `(${b.js} === 0 ? 0 : Math.trunc(${a.js} / ${b.js}))`,
        intRange(x.lo < 0 || y.lo < 0 ? -most : 0, most),
      );
    }
    case "irem":
    case "urem": {
      if (x.kind !== "int" || y.kind !== "int" || (op === "urem" && (x.lo < 0 || y.lo < 0))) return big();
      return int(`(${b.js} === 0 ? 0 : ${a.js} % ${b.js})`, intRange(Math.min(0, x.lo), Math.max(0, x.hi)));
    }
    case "iand":
    case "ior":
    case "ixor": {
      if (!isInt32(x) || !isInt32(y) || x.kind !== "int" || y.kind !== "int") return big();
      const sign = { iand: "&", ior: "|", ixor: "^" }[op];
      // Bits above both operands stay clear when neither is negative.
      const most = 2 ** Math.ceil(Math.log2(Math.max(x.hi, y.hi, 1) + 1)) - 1;
      return int(
        `(${a.js} ${sign} ${b.js})`,
        x.lo >= 0 && y.lo >= 0 ? intRange(0, most) : intRange(-(2 ** 31), 2 ** 31 - 1),
      );
    }
    case "ishl": {
      const by = constant(y);
      if (x.kind !== "int" || by === undefined || by < 0 || by > 52) return big();
      return int(`(${a.js} * ${String(2 ** by)})`, intRange(x.lo * 2 ** by, x.hi * 2 ** by));
    }
    case "ishr":
    case "ushr": {
      const by = constant(y);
      if (x.kind !== "int" || by === undefined || by < 0 || by > 63 || (op === "ushr" && x.lo < 0)) return big();
      const range = intRange(Math.floor(x.lo / 2 ** by), Math.floor(x.hi / 2 ** by));
      return int(
        isInt32(x) && by < 32 ? `(${a.js} >> ${String(by)})` : `Math.floor(${a.js} / ${String(2 ** by)})`,
        range,
      );
    }
    case "imin":
      return x.kind === "int" && y.kind === "int"
        ? int(`Math.min(${a.js}, ${b.js})`, intRange(Math.min(x.lo, y.lo), Math.min(x.hi, y.hi)))
        : big();
    case "imax":
      return x.kind === "int" && y.kind === "int"
        ? int(`Math.max(${a.js}, ${b.js})`, intRange(Math.max(x.lo, y.lo), Math.max(x.hi, y.hi)))
        : big();
    case "ieq":
      return x.kind === y.kind ? flag(`${a.js} === ${b.js}`) : flag(`${asBig(a)} === ${asBig(b)}`);
    case "ilt":
      return x.kind === y.kind ? flag(`${a.js} < ${b.js}`) : flag(`${asBig(a)} < ${asBig(b)}`);
    case "ult":
      if (x.kind === "int" && y.kind === "int" && x.lo >= 0 && y.lo >= 0) return flag(`${a.js} < ${b.js}`);
      return flag(`BigInt.asUintN(64, ${asBig(a)}) < BigInt.asUintN(64, ${asBig(b)})`);
    case "wrap":
      return wrapTerm(a, item(DTYPES, field));
    case "select": {
      const range = hull(b.range, c.range);
      const zero = x.kind === "big" ? "0n" : "0";
      return { js: `(${a.js} !== ${zero} ? ${asKind(b, range)} : ${asKind(c, range)})`, range };
    }
  }
}

/** The value stored as `dtype` and read back. */
function wrapTerm(a: Term, dtype: DType): Term {
  const target = dtypeRange(dtype);
  const { range } = a;
  // A register already holds what a 64-bit dtype gives back.
  if (target.kind !== "int") return a;
  if (range.kind === "int" && range.lo >= target.lo && range.hi <= target.hi) return a;
  const width = 8 * DTYPE_BYTES[dtype];
  const low = range.kind === "int" ? a.js : `Number(BigInt.asIntN(32, ${a.js}))`;
  const shift = String(32 - width);
  const js = target.lo < 0 ? `(${low} << ${shift} >> ${shift})` : `(${low} << ${shift} >>> ${shift})`;
  return { js, range: target };
}

/** A sum or difference, kept in 32 bits where its range allows. */
function int32(int: (js: string, range: Range) => Term, sign: "+" | "-", a: Term, b: Term, range: Range): Term {
  return int(isInt32(range) ? `(${a.js} ${sign} ${b.js} | 0)` : `(${a.js} ${sign} ${b.js})`, range);
}

/** Range of a function that grows with both arguments, rounded to f32. NaN at an end (inf - inf) says nothing. */
function monotone(x: Range, y: Range, of: (p: number, q: number) => number): Range {
  if (x.kind !== "f32" || y.kind !== "f32") return ANY_F32;
  const [lo, hi] = [Math.fround(of(x.lo, y.lo)), Math.fround(of(x.hi, y.hi))];
  return Number.isNaN(lo) || Number.isNaN(hi) ? ANY_F32 : { kind: "f32", lo, hi };
}

const negated = (range: Range): Range => (range.kind === "f32" ? { kind: "f32", lo: -range.hi, hi: -range.lo } : range);

const outward = (range: Range): Range =>
  range.kind === "f32" ? { kind: "f32", lo: Math.floor(range.lo), hi: Math.ceil(range.hi) } : range;

const constant = (range: Range): number | undefined =>
  range.kind === "int" && range.lo === range.hi ? range.lo : undefined;
