import type { Ref, StageBuilder } from "../stage.ts";
import { arithmetic, clamp, type Unary } from "./arithmetic.ts";
import { add, down, lookUp, multiplyHigh, up } from "./fixedPoint.ts";
import { LOG_HIGH, LOG_LOW } from "./logarithm.ts";

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

/** e^x - 1 without losing small x. */
export const expm1: Unary = (s, x) => {
  const { f, add, sub, mul, div, lt, select } = arithmetic(s);
  const v = clamp(s, x, -40, 90);
  const biased = add(mul(v, f(LOG2_E)), f(ROUND));
  const m = sub(biased, f(ROUND));
  const high = sub(v, mul(m, f(LOG_HIGH)));
  const low = mul(m, f(LOG_LOW));
  const r = sub(high, low);
  const c = sub(sub(high, r), low);
  const hr = mul(f(0.5), r);
  const hxs = mul(r, hr);
  const r1 = add(f(1), mul(hxs, add(f(-3.3333212137e-2), mul(hxs, f(1.5807170421e-3)))));
  const t = sub(f(3), mul(r1, hr));
  const e = mul(hxs, div(sub(r1, t), sub(f(6), mul(r, t))));
  const e2 = sub(sub(mul(r, sub(e, c)), c), hxs);
  // e^r - 1 = r - e2; scaled by 2^m, minus what 2^m is above 1.
  const k = s.op("f2i", m);
  const scale = (n: Ref): Ref => s.op("bitsf", s.op("ishl", s.op("iadd", n, s.i(127)), s.i(23)));
  const zero = sub(r, sub(mul(r, e), hxs));
  const y = add(f(1), sub(r, e2));
  const two = s.op("imin", k, s.i(127));
  const large = sub(mul(mul(y, scale(two)), scale(s.op("isub", k, two))), f(1));
  const down = scale(s.op("imax", s.op("isub", s.i(0), k), s.i(-126)));
  const middle = mul(add(sub(f(1), down), sub(r, e2)), scale(two));
  const isZero = s.op("ieq", k, s.i(0));
  const small = s.op("ilt", k, s.i(25));
  const result = select(isZero, zero, select(small, middle, large));
  const tiny = select(lt(s.op("fabs", x), f(2 ** -25)), x, result);
  return select(lt(f(89.5), x), f(Infinity), tiny);
};

/** 2^(i/32), Q62. */
const POWER_TABLE: readonly bigint[] = [
  0x4000000000000000n,
  0x4166c34c5615d000n,
  0x42d561b3e6243c00n,
  0x444c0740496d4400n,
  0x45cae0f1f545ec00n,
  0x47521cc5a2e6a800n,
  0x48e1e9b9d588e000n,
  0x4a7a77d47f7b8400n,
  0x4c1bf828c6dc5400n,
  0x4dc69cdceaa72c00n,
  0x4f7a993048d08800n,
  0x513821818624b400n,
  0x52ff6b54d8a89c00n,
  0x54d0ad5a753e0800n,
  0x56ac1f752150a400n,
  0x5891fac0e9561400n,
  0x5a827999fcef3400n,
  0x5c7dd7a3b17dd000n,
  0x5e8451cfac061c00n,
  0x6096266533384c00n,
  0x62b39508aa836c00n,
  0x64dcdec337179400n,
  0x6712460a8fc24000n,
  0x69540ec8f8957400n,
  0x6ba27e656b4eb400n,
  0x6dfddbcbed791c00n,
  0x70666f76154a7000n,
  0x72dc8373be41a400n,
  0x75606373ee921c00n,
  0x77f25ccdee6d7c00n,
  0x7a92be8a92436800n,
  0x7d41d96db9150000n,
];

/** 32 / ln 2 (Q57) and the coefficients of 2^(r/32): r^3 (Q82), r^2 (Q75), r (Q68). */
const INVERSE_LN2 = 6653256548922161152n;
const EXP_C0 = 8190887936138301440n;
const EXP_C1 = 8862865555557960704n;
const EXP_C2 = 6393154323815815168n;

/** e^x, correctly rounded but for about one argument in five hundred. */
export const expOfLibrary = (s: StageBuilder, x: Ref): Ref => {
  const bounded = s.op("fmin", s.op("fmax", x, s.f(-110)), s.f(100));
  const fixed = s.op("f2i", s.op("fmul", bounded, s.f(2 ** 56)));
  const turns = multiplyHigh(s, fixed, s.i(INVERSE_LN2)); // 32 x / ln 2, Q49
  const k = down(s, s.op("iadd", turns, s.i(1n << 48n)), 49);
  const r = up(s, s.op("isub", turns, up(s, k, 49)), 14); // Q63
  const square = multiplyHigh(s, r, r); // Q62
  const linear = down(s, multiplyHigh(s, r, s.i(EXP_C2)), 5);
  const cubic = add(s, down(s, multiplyHigh(s, r, s.i(EXP_C0)), 6), s.i(EXP_C1)); // Q75
  const rest = down(s, multiplyHigh(s, cubic, square), 11);
  const y = add(s, s.i(1n << 62n), linear, rest);
  const table = lookUp(s, s.op("iand", k, s.i(31)), POWER_TABLE);
  const product = multiplyHigh(s, y, table); // Q60
  const value = s.op("fmul", s.op("i2f", product), s.f(2 ** -60));
  const exponent = down(s, k, 5);
  const half = down(s, exponent, 1);
  const scale = (n: Ref): Ref => s.op("bitsf", up(s, s.op("iadd", n, s.i(127)), 23));
  const normal = s.op("fmul", s.op("fmul", value, scale(half)), scale(s.op("isub", exponent, half)));
  // Below 2^-126 the product is rounded once, to a multiple of 2^-149.
  const drop = s.op("imin", s.op("imax", s.op("isub", s.i(-89), exponent), s.i(1)), s.i(62));
  const even = s.op("iand", s.op("ishr", product, drop), s.i(1));
  const nearly = s.op("isub", s.op("ishl", s.i(1), s.op("isub", drop, s.i(1))), s.i(1));
  const units = s.op("ishr", add(s, product, nearly, even), drop);
  const subnormal = s.op("bitsf", units);
  const result = s.select(s.op("ilt", exponent, s.i(-126)), subnormal, normal);
  return s.select(s.op("feq", x, x), result, s.f(NaN));
};
