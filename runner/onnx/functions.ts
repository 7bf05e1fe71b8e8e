import { expOfLibrary, log, sineOrCosine } from "./fixedPoint.ts";
import type { Ref, StageBuilder } from "./stage.ts";

export { expOfLibrary, log };

/*
 * Elementary functions as fixed sequences of scalar instructions. exp, tanh, sigmoid and erf follow the formulas of
 * onnxruntime-web's WASM kernels bit for bit (test/runner/onnx/oracle.test.ts); the others are binary32 algorithms of
 * our own arrangement. docs/functions.md has the measured errors.
 */

/** A stage's builder with short names for what formulas use. */
export interface Arithmetic {
  readonly f: (value: number) => Ref;
  readonly i: (value: number | bigint) => Ref;
  readonly add: (a: Ref, b: Ref) => Ref;
  readonly sub: (a: Ref, b: Ref) => Ref;
  readonly mul: (a: Ref, b: Ref) => Ref;
  readonly div: (a: Ref, b: Ref) => Ref;
  readonly neg: (a: Ref) => Ref;
  readonly abs: (a: Ref) => Ref;
  readonly sqrt: (a: Ref) => Ref;
  readonly lt: (a: Ref, b: Ref) => Ref;
  readonly le: (a: Ref, b: Ref) => Ref;
  readonly eq: (a: Ref, b: Ref) => Ref;
  readonly select: (condition: Ref, yes: Ref, no: Ref) => Ref;
  /** Polynomial by Horner's rule, highest coefficient first, each step rounded twice. */
  readonly horner: (x: Ref, ...coefficients: readonly number[]) => Ref;
}

export const arithmetic = (s: StageBuilder): Arithmetic => {
  const add = (a: Ref, b: Ref): Ref => s.op("fadd", a, b);
  const mul = (a: Ref, b: Ref): Ref => s.op("fmul", a, b);
  return {
    f: (value) => s.f(value),
    i: (value) => s.i(value),
    add,
    sub: (a, b) => s.op("fsub", a, b),
    mul,
    div: (a, b) => s.op("fdiv", a, b),
    neg: (a) => s.op("fneg", a),
    abs: (a) => s.op("fabs", a),
    sqrt: (a) => s.op("fsqrt", a),
    lt: (a, b) => s.op("flt", a, b),
    le: (a, b) => s.op("fle", a, b),
    eq: (a, b) => s.op("feq", a, b),
    select: (condition, yes, no) => s.select(condition, yes, no),
    horner: (x, first, ...rest) => rest.reduce((p, coefficient) => add(mul(p, x), s.f(coefficient)), s.f(first ?? 0)),
  };
};

/** A function of one f32. */
export type Unary = (s: StageBuilder, x: Ref) => Ref;

/** 1.5 * 2^23: adding it rounds to an integral value and leaves that in the low bits. */
const ROUND = 12582912;
const LOG2_E = 1.44269504088896341;
const LN2_HIGH = -6.93145752e-1;
const LN2_LOW = -1.42860677e-6;
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

export const clamp = (s: StageBuilder, x: Ref, low: number, high: number): Ref =>
  s.op("fmin", s.op("fmax", x, s.f(low)), s.f(high));

export const tanh: Unary = (s, x) => {
  const { mul, div, horner } = arithmetic(s);
  const v = clamp(s, x, -9, 9);
  const v2 = mul(v, v);
  const p = mul(
    horner(
      v2,
      -2.76076847742355e-16,
      2.00018790482477e-13,
      -8.60467152213735e-11,
      5.12229709037114e-8,
      1.48572235717979e-5,
      6.37261928875436e-4,
      4.89352455891786e-3,
    ),
    v,
  );
  const q = horner(v2, 1.19825839466702e-6, 1.18534705686654e-4, 2.268434632439e-3, 4.89352518554385e-3);
  return div(p, q);
};

export const sigmoid: Unary = (s, x) => {
  const { f, add, mul, div, horner } = arithmetic(s);
  const v = clamp(s, x, -18, 18);
  const v2 = mul(v, v);
  const p = mul(
    horner(
      v2,
      4.37031012579801e-11,
      1.15627324459942e-7,
      6.08574864600143e-5,
      8.51377133304701e-3,
      2.48287947061529e-1,
    ),
    v,
  );
  const q = horner(
    v2,
    6.10247389755681e-13,
    5.76102136993427e-9,
    6.2910678501704e-6,
    1.70198817374094e-3,
    1.16817656904453e-1,
    9.9315192102318e-1,
  );
  return clamp(s, add(div(p, q), f(0.5)), 0, 1);
};

export const erf: Unary = (s, x) => {
  const { f, add, sub, mul, lt, select, horner } = arithmetic(s);
  const a = s.op("fmin", f(3.925), s.op("fabs", x));
  const a2 = mul(a, a);
  const small = add(
    mul(horner(a2, -5.99104969e-4, 4.99339588e-3, -2.67667342e-2, 1.12818025e-1, -3.76124859e-1, 1.28379151e-1), a),
    a,
  );
  const big = add(
    mul(
      horner(
        a,
        1.7294893e-5,
        -3.8320868e-4,
        3.88393435e-3,
        -2.42545605e-2,
        1.06777847e-1,
        6.34846687e-1,
        1.28717512e-1,
      ),
      a,
    ),
    a,
  );
  const t = s.op("fmax", f(-88.3762626647949), s.op("fneg", big));
  const biased = add(mul(f(LOG2_E), t), f(ROUND));
  const m = sub(biased, f(ROUND));
  const r = add(mul(m, f(LN2_LOW)), add(mul(m, f(LN2_HIGH)), t));
  const e = horner(r, 1.38319808e-3, 8.37550033e-3, 4.16689515e-2, 1.66664466e-1, 4.99999851e-1, 1, 1);
  const scale = s.op("bitsf", s.op("ishl", s.op("iadd", s.op("f2i", m), s.i(127)), s.i(23)));
  const large = sub(f(1), mul(e, scale));
  const magnitude = select(lt(f(0.921875), a), large, small);
  return copySign(s, magnitude, x);
};

/** |magnitude| with the sign bit of `sign`; NaN stays NaN. */
export const copySign = (s: StageBuilder, magnitude: Ref, sign: Ref): Ref => {
  const bits = s.op("fbits", s.op("fabs", magnitude));
  return s.op("bitsf", s.op("ior", bits, s.op("iand", s.op("fbits", sign), s.i(0x80000000))));
};

/** x = 2^k m with m in [sqrt(1/2), sqrt(2)): for finite x > 0. */
const splitExponent = (s: StageBuilder, x: Ref): { readonly k: Ref; readonly m: Ref } => {
  const { f, mul, lt, select } = arithmetic(s);
  const tiny = lt(x, f(2 ** -126));
  const normal = select(tiny, mul(x, f(2 ** 25)), x);
  const shifted = s.op("iadd", s.op("fbits", normal), s.i(0x3f800000 - 0x3f3504f3));
  const k = s.op("isub", s.op("ushr", shifted, s.i(23)), s.i(127));
  const m = s.op("bitsf", s.op("iadd", s.op("iand", shifted, s.i(0x7fffff)), s.i(0x3f3504f3)));
  return { k: s.op("isub", k, s.select(tiny, s.i(25), s.i(0))), m };
};

/** log(1 + f) - f + f^2/2 for |f| small, over f - hfsq: shared by log and log1p. */
const logTail = (s: StageBuilder, f1: Ref): { readonly tail: Ref; readonly half: Ref } => {
  const { f, add, mul, div } = arithmetic(s);
  const q = div(f1, add(f(2), f1));
  const z = mul(q, q);
  const w = mul(z, z);
  const r = add(
    mul(z, add(f(0.66666662693023682), mul(w, f(0.28498786687850952)))),
    mul(w, add(f(0.40000972151756287), mul(w, f(0.24279078841209412)))),
  );
  const half = mul(mul(f(0.5), f1), f1);
  return { tail: mul(q, add(half, r)), half };
};

const LOG_HIGH = 6.9313812256e-1;
const LOG_LOW = 9.0580006145e-6;

/** Values of log outside (0, inf): -inf at 0, NaN below, inf and NaN stay. */
const logEdges = (s: StageBuilder, x: Ref, inside: Ref): Ref => {
  const { f, lt, eq, select } = arithmetic(s);
  const finite = select(lt(x, f(Infinity)), inside, x);
  return select(eq(x, f(0)), f(-Infinity), select(lt(x, f(0)), f(NaN), finite));
};

/** log in f32 steps, within an ulp, where the longer one would not fit beside other work. */
const shortLog: Unary = (s, x) => {
  const { f, add, sub, mul } = arithmetic(s);
  const { k, m } = splitExponent(s, x);
  const f1 = sub(m, f(1));
  const { tail, half } = logTail(s, f1);
  const dk = s.op("i2f", k);
  const inside = add(add(sub(add(tail, mul(dk, f(LOG_LOW))), half), f1), mul(dk, f(LOG_HIGH)));
  return logEdges(s, x, inside);
};

/**
 * log(1 + x) without losing small x, step by step as the C library: near 1 the argument itself is the fraction,
 * elsewhere the rounding error of 1 + x is put back.
 */
export const log1p: Unary = (s, x) => {
  const { f, add, sub, mul, div, lt, le, select } = arithmetic(s);
  const near = s.op("iand", lt(x, s.bits(0x3ed413d0)), le(s.bits(0xbe95f619), x));
  const u = add(f(1), x);
  const shifted = s.op("iadd", s.op("fbits", u), s.i(0x3f800000 - 0x3f3504f3));
  const exponent = s.op("isub", s.op("ushr", shifted, s.i(23)), s.i(127));
  const k = select(near, s.i(0), exponent);
  const m = s.op("bitsf", s.op("iadd", s.op("iand", shifted, s.i(0x7fffff)), s.i(0x3f3504f3)));
  const lost = select(s.op("ilt", s.i(1), k), sub(f(1), sub(u, x)), sub(x, sub(u, f(1))));
  const far = s.op("iand", s.not(near), s.op("ilt", k, s.i(25)));
  const correction = select(far, div(lost, u), f(0));
  const f1 = select(near, x, sub(m, f(1)));
  const { tail, half } = logTail(s, f1);
  const dk = s.op("i2f", k);
  const low = add(mul(dk, f(LOG_LOW)), correction);
  const inside = add(add(sub(add(tail, low), half), f1), mul(dk, f(LOG_HIGH)));
  const tiny = lt(s.op("fabs", x), f(2 ** -24));
  return select(tiny, x, logEdges(s, u, inside));
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

export const sinh: Unary = (s, x) => {
  const { f, add, mul, div, lt, select, abs } = arithmetic(s);
  const a = abs(x);
  const t = expm1(s, s.op("fmin", a, f(88)));
  const small = mul(f(0.5), add(t, div(t, add(t, f(1)))));
  const half = exp(s, mul(f(0.5), a));
  const large = mul(mul(f(0.5), half), half);
  return copySign(s, select(lt(a, f(20)), small, large), x);
};

export const cosh: Unary = (s, x) => {
  const { f, add, mul, div, lt, select, abs } = arithmetic(s);
  const a = abs(x);
  const e = exp(s, s.op("fmin", a, f(88)));
  const small = mul(f(0.5), add(e, div(f(1), e)));
  const half = exp(s, mul(f(0.5), a));
  const large = mul(mul(f(0.5), half), half);
  return select(lt(a, f(20)), small, large);
};

export const asinh: Unary = (s, x) => {
  const { f, add, mul, div, sqrt, lt, select, abs } = arithmetic(s);
  const a = abs(x);
  const a2 = mul(a, a);
  const moderate = log1p(s, add(a, div(a2, add(f(1), sqrt(add(a2, f(1)))))));
  const huge = add(shortLog(s, a), f(Math.LN2));
  return copySign(s, select(lt(a, f(2 ** 14)), moderate, huge), x);
};

export const acosh: Unary = (s, x) => {
  const { f, add, sub, mul, sqrt, lt, select } = arithmetic(s);
  const t = sub(x, f(1));
  const moderate = log1p(s, add(t, sqrt(add(mul(f(2), t), mul(t, t)))));
  const huge = add(shortLog(s, x), f(Math.LN2));
  return select(lt(x, f(1)), f(NaN), select(lt(x, f(2 ** 14)), moderate, huge));
};

export const atanh: Unary = (s, x) => {
  const { f, add, sub, mul, div, abs } = arithmetic(s);
  const a = abs(x);
  const t = add(a, a);
  return copySign(s, mul(f(0.5), log1p(s, div(t, sub(f(1), a)))), x);
};

export const atan: Unary = (s, x) => {
  const { f, add, sub, mul, div, lt, select, abs } = arithmetic(s);
  const a = abs(x);
  const one = f(1);
  // Five intervals: the argument moved near 0 and the angle that it was moved by, in two parts.
  const rows: readonly (readonly [number, Ref, number, number])[] = [
    [0.4375, a, 0, 0],
    [0.6875, div(sub(mul(f(2), a), one), add(f(2), a)), 4.6364760399e-1, 5.012158244e-9],
    [1.1875, div(sub(a, one), add(a, one)), 7.8539812565e-1, 3.7748947079e-8],
    [2.4375, div(sub(a, f(1.5)), add(one, mul(f(1.5), a))), 9.8279368877e-1, 3.447321717e-8],
    [Infinity, div(f(-1), a), 1.5707962513, 7.5497894159e-8],
  ];
  const pick = (field: (row: readonly [number, Ref, number, number]) => Ref): Ref =>
    rows
      .slice(0, -1)
      .reduceRight((rest, row) => select(lt(a, f(row[0])), field(row), rest), field(rows[4] ?? [0, a, 0, 0]));
  const t = pick((row) => row[1]);
  const z = mul(t, t);
  const w = mul(z, z);
  const s1 = mul(z, add(f(3.3333328366e-1), mul(w, add(f(1.4253635705e-1), mul(w, f(6.1687607318e-2))))));
  const s2 = mul(w, add(f(-1.9999158382e-1), mul(w, f(-1.0648017377e-1))));
  const product = mul(t, add(s1, s2));
  const result = sub(
    pick((row) => f(row[2])),
    sub(
      sub(
        product,
        pick((row) => f(row[3])),
      ),
      t,
    ),
  );
  const first = select(lt(a, f(0.4375)), sub(t, product), result);
  // The C library's ends: small arguments as they are, large ones the leading part of pi / 2.
  const large = select(lt(a, f(2 ** 26)), first, f(1.5707962513));
  const value = select(lt(a, f(2 ** -12)), a, large);
  return select(s.op("feq", x, x), copySign(s, value, x), f(NaN));
};

/** asin(x)/x - 1 over x^2, as a rational in z = x^2. */
const asinRational = (s: StageBuilder, z: Ref): Ref => {
  const { f, add, mul, div } = arithmetic(s);
  const p = mul(z, add(f(1.6666586697e-1), mul(z, add(f(-4.2743422091e-2), mul(z, f(-8.656363003e-3))))));
  return div(p, add(f(1), mul(z, f(-7.066296339e-1))));
};

export const asin: Unary = (s, x) => {
  const { f, add, sub, mul, div, sqrt, lt, select, abs } = arithmetic(s);
  const a = abs(x);
  const near = add(a, mul(a, asinRational(s, mul(a, a))));
  const z = mul(sub(f(1), a), f(0.5));
  const root = sqrt(z);
  const high = s.op("bitsf", s.op("iand", s.op("fbits", root), s.i(0xfffff000)));
  // At 1 and -1 there is no rest, and nothing to divide it by.
  const c = select(lt(f(0), z), div(sub(z, mul(high, high)), add(root, high)), f(0));
  const r = asinRational(s, z);
  const [pioLow, quarter] = [f(-4.37113900018624283e-8), f(0.785398185253143311)];
  const p = sub(mul(mul(f(2), root), r), sub(pioLow, mul(f(2), c)));
  const q = sub(quarter, mul(f(2), high));
  const far = sub(quarter, sub(p, q));
  const result = select(lt(a, f(0.5)), near, far);
  return copySign(s, select(lt(f(1), a), f(NaN), result), x);
};

export const acos: Unary = (s, x) => {
  const { f, add, sub, mul, div, sqrt, lt, select, abs } = arithmetic(s);
  const [high, low] = [f(1.57079637050628662), f(-4.37113900018624283e-8)];
  const a = abs(x);
  const middle = sub(high, sub(x, sub(low, mul(x, asinRational(s, mul(x, x))))));
  const z = mul(sub(f(1), a), f(0.5));
  const root = sqrt(z);
  const r = asinRational(s, z);
  const df = s.op("bitsf", s.op("iand", s.op("fbits", root), s.i(0xfffff000)));
  const c = div(sub(z, mul(df, df)), add(root, df));
  const positive = mul(f(2), add(df, add(mul(r, root), select(lt(f(0), z), c, f(0)))));
  const negative = mul(f(2), sub(high, add(root, sub(mul(r, root), low))));
  const result = select(lt(a, f(0.5)), middle, select(lt(x, f(0)), negative, positive));
  return select(lt(f(1), a), f(NaN), result);
};

/** 2/pi as 64-bit words, most significant first: enough for every binary32. */
const TWO_OVER_PI = [0xa2f9836e4e441529n, 0xfc2757d1f534ddc0n, 0xdb6295993c439041n, 0xfe5163abdebbc561n];

/**
 * |x| = q pi/2 + r + low, reduced in integers: with |x| = M 2^(E-150), the fixed-point number |x| 2/pi 2^62 modulo
 * 2^64 needs only the 128 bits of 2/pi that start E - 88 bits behind a leading word of zeros.
 */
const reduceQuadrant = (
  s: StageBuilder,
  x: Ref,
): { readonly quadrant: Ref; readonly r: Ref; readonly low: Ref; readonly left: Ref } => {
  const { f, add, sub, mul } = arithmetic(s);
  const i = (value: number | bigint): Ref => s.i(BigInt.asIntN(64, BigInt(value)));
  const bits = s.op("iand", s.op("fbits", x), i(0x7fffffff));
  const significand = s.op("ior", s.op("iand", bits, i(0x7fffff)), i(0x800000));
  const start = s.op("imax", s.op("isub", s.op("ushr", bits, i(23)), i(88)), i(0));
  const word = s.op("ushr", start, i(6));
  const part = s.op("iand", start, i(63));
  const stream = [0n, ...TWO_OVER_PI];
  const at = (n: number): Ref =>
    s.select(
      s.op("ieq", word, i(0)),
      i(stream[n] ?? 0n),
      s.select(s.op("ieq", word, i(1)), i(stream[n + 1] ?? 0n), i(stream[n + 2] ?? 0n)),
    );
  const window = (n: number): Ref =>
    s.op("ior", s.op("ishl", at(n), part), s.op("ushr", at(n + 1), s.op("isub", i(64), part)));
  const second = window(1);
  const carried = s.op(
    "iadd",
    s.op("imul", significand, s.op("ushr", second, i(32))),
    s.op("ushr", s.op("imul", significand, s.op("iand", second, i(0xffffffff))), i(32)),
  );
  const turns = s.op("iadd", s.op("imul", significand, window(0)), s.op("ushr", carried, i(32)));
  const quadrant = s.op("iand", s.op("ushr", s.op("iadd", turns, i(1n << 61n)), i(62)), i(3));
  // What is left of the quadrant, in [-1/2, 1/2) of it with 64 fraction bits, in pieces of 12, 12 and 40 bits.
  const left = s.op("ishl", turns, i(2));
  const top = s.op("ishl", s.op("ishr", left, i(52)), i(52));
  const next = s.op("ishl", s.op("ishr", s.op("isub", left, top), i(40)), i(40));
  const rest = s.op("isub", s.op("isub", left, top), next);
  const piece = (value: Ref): Ref => mul(s.op("i2f", value), f(2 ** -64));
  const [a, b, c] = [piece(top), piece(next), piece(rest)];
  // pi/2 = 1.5703125 + 4.838…e-4: products with the first are exact.
  const main = mul(a, f(1.5703125));
  const small = add(mul(b, f(1.5703125)), add(mul(add(a, b), f(4.8382679489661923e-4)), mul(c, f(Math.PI / 2))));
  const r = add(main, small);
  return { quadrant, r, low: sub(small, sub(r, main)), left };
};

/** sine and cosine of |x|'s remainder, and the quadrant. */
const sineAndCosine = (
  s: StageBuilder,
  x: Ref,
): { readonly sine: Ref; readonly cosine: Ref; readonly quadrant: Ref } => {
  const { f, add, sub, mul, horner } = arithmetic(s);
  const { quadrant, r, low } = reduceQuadrant(s, x);
  const z = mul(r, r);
  const sine = add(
    r,
    add(
      mul(
        mul(r, z),
        horner(z, 2.7183114939898219e-6, -1.98393348360966317e-4, 8.3333293858894632e-3, -1.6666666641626524e-1),
      ),
      low,
    ),
  );
  const tail = mul(mul(z, z), horner(z, 2.4390448796277409e-5, -1.3886763774609929e-3, 4.1666623323739063e-2));
  const half = mul(f(0.5), z);
  const w = sub(f(1), half);
  const cosine = add(w, add(sub(sub(f(1), w), half), sub(tail, mul(r, low))));
  return { sine, cosine, quadrant };
};

/** Negates where the int is not 0. */
const negateIf = (s: StageBuilder, condition: Ref, x: Ref): Ref => s.select(condition, s.op("fneg", x), x);

/** NaN for infinite x. */
const finiteOnly = (s: StageBuilder, x: Ref, result: Ref): Ref =>
  s.select(s.op("flt", s.op("fabs", x), s.f(Infinity)), result, s.f(NaN));

export const sin: Unary = (s, x) => {
  const { quadrant, left } = reduceQuadrant(s, x);
  const value = sineOrCosine(s, left, s.op("iand", quadrant, s.i(1)));
  const magnitude = negateIf(s, s.op("iand", quadrant, s.i(2)), value);
  const signed = negateIf(s, s.op("flt", x, s.f(0)), magnitude);
  return s.select(s.op("flt", s.op("fabs", x), s.f(2 ** -12)), x, finiteOnly(s, x, signed));
};

export const cos: Unary = (s, x) => {
  const { quadrant, left } = reduceQuadrant(s, x);
  const next = s.op("iadd", quadrant, s.i(1));
  const value = sineOrCosine(s, left, s.op("iand", next, s.i(1)));
  const signed = negateIf(s, s.op("iand", next, s.i(2)), value);
  return s.select(s.op("flt", s.op("fabs", x), s.f(2 ** -12)), s.f(1), finiteOnly(s, x, signed));
};

export const tan: Unary = (s, x) => {
  const { sine, cosine, quadrant } = sineAndCosine(s, x);
  const odd = s.op("iand", quadrant, s.i(1));
  const straight = s.op("fdiv", sine, cosine);
  const turned = s.op("fneg", s.op("fdiv", cosine, sine));
  const signed = negateIf(s, s.op("flt", x, s.f(0)), s.select(odd, turned, straight));
  return s.select(s.op("flt", s.op("fabs", x), s.f(2 ** -13)), x, finiteOnly(s, x, signed));
};

/** The two parts of a product of f32: a b = high + low exactly, barring over- and underflow (Dekker's splitting). */
const exactProduct = (s: StageBuilder, a: Ref, b: Ref): readonly [Ref, Ref] => {
  const { add, sub, mul } = arithmetic(s);
  const split = (v: Ref): readonly [Ref, Ref] => {
    const high = s.op("bitsf", s.op("iand", s.op("fbits", v), s.i(0xfffff000)));
    return [high, sub(v, high)];
  };
  const high = mul(a, b);
  const [ah, al] = split(a);
  const [bh, bl] = split(b);
  const low = add(add(add(sub(mul(ah, bh), high), mul(ah, bl)), mul(al, bh)), mul(al, bl));
  return [high, low];
};

/** x^y: 2^(y log2 x) with log2 x in two parts, and the special cases of IEEE 754 pow. */
export const pow = (s: StageBuilder, x: Ref, y: Ref): Ref => {
  const { f, add, sub, mul, div, lt, le, eq, select, abs } = arithmetic(s);
  const a = abs(x);
  const { k, m } = splitExponent(s, a);
  // log2 m = 2/ln 2 atanh(t), t = (m - 1) / (m + 1) in two parts.
  const [num, den] = [sub(m, f(1)), add(m, f(1))];
  const denLow = sub(m, sub(den, f(1)));
  const t = div(num, den);
  const [ph, pl] = exactProduct(s, t, den);
  const tl = div(sub(sub(sub(num, ph), pl), mul(t, denLow)), den);
  const z = mul(t, t);
  const series = mul(
    mul(t, z),
    add(f(1 / 3), mul(z, add(f(1 / 5), mul(z, add(f(1 / 7), mul(z, add(f(1 / 9), mul(z, f(1 / 11))))))))),
  );
  // ln m / 2 = t + (tl + series); times 2 / ln 2 in two parts.
  const c = 2 / Math.LN2;
  const ch = Math.fround(c);
  const [lh, ll] = exactProduct(s, t, f(ch));
  const low0 = add(ll, add(mul(t, f(c - ch)), mul(add(tl, series), f(ch))));
  const dk = s.op("i2f", k);
  const sum = add(dk, lh);
  const lost = select(le(abs(lh), abs(dk)), sub(lh, sub(sum, dk)), sub(dk, sub(sum, lh)));
  const low1 = add(lost, low0);
  const high = add(sum, low1);
  const low = sub(low1, sub(high, sum));
  // y log2 x = e + g in two parts.
  const [eh, el0] = exactProduct(s, y, high);
  const el = add(el0, mul(y, low));
  const bounded = clamp(s, eh, -200, 200);
  const n = s.op("frint", bounded);
  const g = sub(bounded, n);
  const gl = select(lt(abs(eh), f(200)), el, f(0));
  // 2^(g + gl), |g| <= 1/2.
  const [vh, vl] = exactProduct(s, g, f(0.693147182464599609));
  const v = add(vl, add(mul(g, f(-1.904654323148236e-9)), mul(gl, f(Math.LN2))));
  const r = add(vh, v);
  const rl = sub(v, sub(r, vh));
  const r2 = mul(r, r);
  const poly = mul(
    r2,
    add(f(0.5), mul(r, add(f(1 / 6), mul(r, add(f(1 / 24), mul(r, add(f(1 / 120), mul(r, f(1 / 720))))))))),
  );
  // 1 + r in two parts, the rest added to the smaller: one rounding in the end.
  const whole = add(f(1), r);
  const left = sub(r, sub(whole, f(1)));
  const e = add(whole, add(left, add(rl, add(poly, mul(r, rl)))));
  const ni = s.op("f2i", n);
  const firstHalf = s.op("ishr", ni, s.i(1));
  const scale = (p: Ref): Ref => s.op("bitsf", s.op("ishl", s.op("iadd", p, s.i(127)), s.i(23)));
  const magnitude = mul(mul(e, scale(firstHalf)), scale(s.op("isub", ni, firstHalf)));

  const integral = eq(s.op("ffloor", y), y);
  const halfY = mul(y, f(0.5));
  const odd = s.op("iand", integral, s.op("ieq", eq(s.op("ffloor", halfY), halfY), s.i(0)));
  const negative = s.op("ushr", s.op("fbits", x), s.i(31));
  const flip = s.op("iand", negative, odd);
  // Magnitudes at the edges: 0 and inf to powers, |x| < 1 and > 1 to infinite powers.
  const infinity = f(Infinity);
  const up = lt(f(0), y);
  const ofZero = select(up, f(0), infinity);
  const ofInfinity = select(up, infinity, f(0));
  const toInfinity = select(eq(a, f(1)), f(1), select(s.op("ieq", lt(f(1), a), up), infinity, f(0)));
  const edge = select(
    eq(a, f(0)),
    ofZero,
    select(eq(a, infinity), ofInfinity, select(eq(abs(y), infinity), toInfinity, magnitude)),
  );
  const signed = negateIf(s, flip, edge);
  const finiteBase = lt(a, infinity);
  const imaginary = s.op("iand", s.op("iand", lt(x, f(0)), s.op("ieq", integral, s.i(0))), finiteBase);
  const real = select(imaginary, f(NaN), signed);
  const nan = s.op("ieq", s.op("iand", eq(x, x), eq(y, y)), s.i(0));
  const withNaN = select(nan, f(NaN), real);
  return select(s.op("ior", eq(y, f(0)), eq(x, f(1))), f(1), withNaN);
};
