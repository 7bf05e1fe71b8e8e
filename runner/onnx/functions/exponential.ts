import type { Ref, StageBuilder } from "../build/stage.ts";
import { arithmetic, clamp, type Unary } from "./arithmetic.ts";
import { down, multiplyHigh, up } from "./fixed-point.ts";
import { LOG_HIGH, LOG_LOW } from "./logarithm.ts";
import { floatOf, normalOf, powerOfTwo, type Scaled } from "./power-of-two.ts";

/** 1.5 * 2^23: adding it rounds to an integral value and leaves that in the low bits. */
export const ROUND = 12582912;
export const LOG2_E = 1.44269504088896341;
export const LN2_HIGH = -6.93145752e-1;
export const LN2_LOW = -1.42860677e-6;
const EXP_POLYNOMIAL = [
  0.0013780593872070312, 0.008373124524950981, 0.041669536381959915, 0.166664719581604, 0.49999985098838806, 1,
];

/** x = m ln 2 + r: the rounded m with the rounding bias still in it, and r. */
const reduceExponent = (s: StageBuilder, x: Ref): { readonly biased: Ref; readonly r: Ref } => {
  const { f, add, sub, mul } = arithmetic(s);
  const biased = add(mul(x, f(LOG2_E)), f(ROUND));
  const m = sub(biased, f(ROUND));
  const r = add(mul(m, f(LN2_LOW)), add(mul(m, f(LN2_HIGH)), x));
  return { biased, r };
};

/** The integer that a biased value carries, moved to the exponent field: a signed 32-bit int. */
const exponentField = (s: StageBuilder, biased: Ref): Ref =>
  s.wrap(s.op("ishl", s.op("fbits", biased), s.i(23)), "i32");

/** e^x over the whole range, the scale applied in two steps. */
export const exp: Unary = (s, x) => {
  const { f, add, mul, horner } = arithmetic(s);
  const clamped = clamp(s, x, -103.9720840454, 88.776262664795);
  const { biased, r } = reduceExponent(s, clamped);
  const field = exponentField(s, biased);
  const one = s.i(0x3f800000);
  const normal = s.op("imax", s.op("imin", field, one), s.i(-0x3f000000));
  const high = s.op("bitsf", s.op("iadd", s.op("isub", field, normal), one));
  const low = s.op("bitsf", s.op("iadd", normal, one));
  const p = horner(r, ...EXP_POLYNOMIAL);
  const scaled = mul(r, high);
  const result = mul(add(mul(p, scaled), high), low);
  return s.select(s.op("feq", x, x), result, f(NaN));
};

/** e^x for x <= 0 as softmax uses it: clamped below at -88.376. */
export const expNegative: Unary = (s, x) => {
  const { mul, horner } = arithmetic(s);
  const { biased, r } = reduceExponent(s, s.op("fmax", s.f(-88.3762626647949), x));
  const scale = s.op("bitsf", s.op("iadd", exponentField(s, biased), s.i(0x3f800000)));
  return mul(horner(r, ...EXP_POLYNOMIAL, 1), scale);
};

/** log2 e, Q62. */
const LOG2_E_FIXED = 6653256548922161152n;

/** e^x in binary64, for x from -110 to 89; beyond and for NaN some other number. */
const expParts = (s: StageBuilder, x: Ref): Scaled => {
  const power = multiplyHigh(s, s.op("f2i", s.op("fmul", x, s.f(2 ** 55))), s.i(LOG2_E_FIXED)); // Q53
  return powerOfTwo(s, power, down(s, s.op("iadd", power, s.i(1n << 47n)), 48));
};

/** e^x as the C library computes it, correctly rounded but for about one argument in five hundred. */
export const expOfLibrary: Unary = (s, x) =>
  s.select(s.op("feq", x, x), floatOf(s, expParts(s, clamp(s, x, -110, 89))), s.f(NaN));

/** The same for x from -87, where results are normal. NaN gives some number. */
export const expNormal: Unary = (s, x) => normalOf(s, expParts(s, s.op("fmin", x, s.f(89))));

/** x = k ln 2 + r + c, and e^r - 1 = r - e. */
interface SmallExp {
  readonly r: Ref;
  readonly e: Ref;
}

/** e^(r + c) - 1 by the C library's rational function, in f32. */
const smallExpm1 = (s: StageBuilder, x: Ref, k: Ref): SmallExp => {
  const { f, add, sub, mul, div } = arithmetic(s);
  const high = sub(x, mul(k, f(LOG_HIGH)));
  const low = mul(k, f(LOG_LOW));
  const r = sub(high, low);
  const c = sub(sub(high, r), low);
  const half = mul(f(0.5), r);
  const hxs = mul(r, half);
  const r1 = add(f(1), mul(hxs, add(f(-3.3333212137e-2), mul(hxs, f(1.5807170421e-3)))));
  const t = sub(f(3), mul(r1, half));
  const q = mul(hxs, div(sub(r1, t), sub(f(6), mul(r, t))));
  return { r, e: sub(sub(mul(r, sub(q, c)), c), hxs) };
};

/** e^x - 1 for x from 0 to 1.5 ln 2, where k is 0 or 1. */
const expm1Below = (s: StageBuilder, { r, e }: SmallExp, reduced: Ref): Ref => {
  const { f, add, sub, mul, lt, select } = arithmetic(s);
  const zero = sub(r, e);
  const below = mul(f(-2), sub(e, add(r, f(0.5))));
  const above = add(f(1), mul(f(2), zero));
  return select(reduced, select(lt(r, f(-0.25)), below, above), zero);
};

/** x > ln 2 / 2 as the C library draws the line. */
const isReduced = (s: StageBuilder, x: Ref): Ref => s.op("flt", s.bits(0x3eb17218), x);

/** e^x - 1 for x from 2^-25 to ln 2, step by step as the C library. */
export const expm1Small: Unary = (s, x) => {
  const reduced = isReduced(s, x);
  return expm1Below(s, smallExpm1(s, x, s.op("i2f", reduced)), reduced);
};

/** e^x - 1, step by step as the C library; `negative` says where x is below 0, if it can be. */
const expm1From = (s: StageBuilder, x: Ref, negative?: Ref): Ref => {
  const { f, add, sub, mul, lt, select, abs } = arithmetic(s);
  const a = negative === undefined ? x : abs(x);
  const reduced = isReduced(s, a);
  const unit = negative === undefined ? reduced : select(negative, s.op("isub", s.i(0), reduced), reduced);
  const one = lt(a, s.bits(0x3f851592));
  const rounded = s.op("f2i", add(mul(s.op("fmin", x, f(89)), f(1.4426950216)), f(0.5)));
  const k = select(one, unit, rounded);
  const parts = smallExpm1(s, x, s.op("i2f", k));
  const { r, e } = parts;
  // 2^k in two factors, as 2^128 is one too many; 2^-k as far as it shows.
  const power = (n: Ref): Ref => s.op("bitsf", up(s, n, 23));
  const inverse = power(s.op("isub", s.i(127), s.op("imin", k, s.i(60))));
  const few = add(sub(r, e), sub(f(1), inverse));
  const many = add(sub(r, add(e, inverse)), f(1));
  const sum = select(s.op("ilt", k, s.i(23)), few, many);
  const large = mul(add(sum, sum), power(s.op("iadd", k, s.i(126))));
  const below = sub(mul(f(0.5), sub(r, e)), f(0.5));
  const small = expm1Below(s, parts, reduced);
  const near = negative === undefined ? small : select(s.op("iand", negative, reduced), below, small);
  return select(one, near, large);
};

/** e^x - 1 for x from 2^-25 to 88.72. */
export const expm1: Unary = (s, x) => expm1From(s, x);

/** e^x - 1 for x from -1.5 ln 2 to 88.72. */
export const expm1Signed: Unary = (s, x) => expm1From(s, x, s.op("flt", x, s.f(0)));
