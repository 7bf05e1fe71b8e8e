import type { Ref, StageBuilder } from "../build/stage.ts";
import { arithmetic, type Unary } from "./arithmetic.ts";
import { add, down, lookUp, multiplyHigh, up } from "./fixed-point.ts";

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

export const LOG_HIGH = 6.9313812256e-1;
export const LOG_LOW = 9.0580006145e-6;

/** Values of log outside (0, inf): -inf at 0, NaN below, inf and NaN stay. */
const logEdges = (s: StageBuilder, x: Ref, inside: Ref): Ref => {
  const { f, lt, eq, select } = arithmetic(s);
  const finite = select(lt(x, f(Infinity)), inside, x);
  return select(eq(x, f(0)), f(-Infinity), select(lt(x, f(0)), f(NaN), finite));
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

/** 1/c (Q53) and ln c (Q60) of sixteen intervals from 0.699 to 1.398: constants published with ARM's math routines. */
export const LOG_TABLE: readonly (readonly [bigint, bigint])[] = [
  [0x2cc3d8f3f1e77cn, -387025757104945024n],
  [0x2ae3da955f107an, -337695385384089280n],
  [0x292a73e1e02160n, -290389403938757056n],
  [0x27932b6170070an, -244948190317813024n],
  [0x261a321910c94an, -201230287425694464n],
  [0x24bc44f6171d40n, -159109747626221568n],
  [0x2376949434687en, -118473945165915616n],
  [0x2246b1e115cb74n, -79221761187630272n],
  [0x212a7e8332014en, -41262067684499696n],
  [0x20000000000000n, 0n],
  [0x1e608cfd9a47acn, 60004004269313056n],
  [0x1ca4b31f026aa0n, 127760204461960000n],
  [0x1b2036576afce6n, 190519727965823232n],
  [0x19c2d163a1aa2dn, 250038571934215680n],
  [0x1886e6037841edn, 306635041832679488n],
  [0x1767dcf5534862n, 360582733488685632n],
];

/** Coefficients of r^4 (Q62), r^3 (Q64) and r^2 (Q62) of ln(1 + r) - r, and ln 2 (Q56). */
const LOG_A0 = -1157041687009375232n;
const LOG_A1 = 6151191617327704064n;
const LOG_A2 = -2305841849744564992n;
const LN2 = 49946518145322872n;

/** Natural logarithm. */
export const log = (s: StageBuilder, x: Ref): Ref => {
  const tiny = s.op("flt", x, s.f(2 ** -126));
  const bits = s.op("fbits", s.select(tiny, s.op("fmul", x, s.f(2 ** 23)), x));
  const moved = s.op("isub", bits, s.i(0x3f330000));
  const index = s.op("iand", s.op("ushr", moved, s.i(19)), s.i(15));
  const shift = down(s, moved, 23);
  const k = s.op("isub", shift, s.select(tiny, s.i(23), s.i(0)));
  // z = x / 2^k between 0.699 and 1.398, as an int (Q24).
  const z = s.op("f2i", s.op("fmul", s.op("bitsf", s.op("isub", bits, up(s, shift, 23))), s.f(2 ** 24)));
  const inverse = lookUp(
    s,
    index,
    LOG_TABLE.map(([c]) => c),
  );
  const logC = lookUp(
    s,
    index,
    LOG_TABLE.map(([, l]) => l),
  );
  // r = z / c - 1, Q62 and Q66.
  const upper = down(s, inverse, 26);
  const high = s.op("isub", s.op("imul", z, upper), s.i(1n << 51n));
  const low = s.op("imul", z, s.op("isub", inverse, up(s, upper, 26)));
  const r = add(s, up(s, high, 11), down(s, low, 15));
  const wide = up(s, r, 4);
  const square = multiplyHigh(s, wide, wide); // Q68
  const linear = down(s, multiplyHigh(s, wide, s.i(LOG_A1)), 4);
  const quadratic = down(s, multiplyHigh(s, square, s.i(LOG_A0)), 4);
  const tail = multiplyHigh(s, add(s, linear, quadratic, s.i(LOG_A2)), square); // Q66
  // Without a power of two the sum is below 1 and kept to Q62, otherwise to Q56.
  const small = s.op("iadd", r, down(s, tail, 4));
  const near = s.op("iadd", up(s, logC, 2), small);
  const far = add(s, s.op("imul", k, s.i(LN2)), down(s, logC, 4), down(s, small, 6));
  const isNear = s.op("ieq", k, s.i(0));
  const value = s.op("fmul", s.op("i2f", s.select(isNear, near, far)), s.select(isNear, s.f(2 ** -62), s.f(2 ** -56)));
  const finite = s.select(s.op("flt", x, s.f(Infinity)), value, x);
  const positive = s.select(s.op("flt", x, s.f(0)), s.f(NaN), finite);
  return s.select(s.op("feq", x, s.f(0)), s.f(-Infinity), positive);
};
