import type { Ref, StageBuilder } from "../build/stage.ts";
import { negateIf, type Unary } from "./arithmetic.ts";
import { add, biasedExponent, down, lookUp, multiplyHigh, up } from "./fixed-point.ts";
import { LOG_TABLE } from "./logarithm.ts";
import { floatOf, powerOfTwo } from "./power-of-two.ts";

/*
 * x^y = 2^(y log2 |x|) as the C library of onnxruntime-web computes it in binary64. It is too long for one stage:
 * `binaryLogarithm` gives log2 |x| as an int of 64 bits, and `powerOf` computes the power from it. Every element of an operator
 * Pow is so two elements of two kernels, and where bases or exponents are broadcast the logarithms are computed once.
 */

/** log2 c (Q62) of the intervals of `LOG_TABLE`: constants published with ARM's math routines, as all those below. */
const LOG2_C: readonly bigint[] = [
  -2233440561886402816n,
  -1948765831298851840n,
  -1675773411956587264n,
  -1413542157784939264n,
  -1161255750982840576n,
  -918187375429777408n,
  -683687092661669760n,
  -457171367983535872n,
  -238114321701009856n,
  0n,
  346269917571272512n,
  737276053600918784n,
  1099447466911230208n,
  1442917631041805312n,
  1769523416859146240n,
  2080843685737253888n,
];

/** Coefficients of log2(1 + r): r^5 (Q32), r^4 (Q62), r^3 (Q64), r^2 (Q62), r (Q62). */
const LOG2_POLYNOMIAL = [
  1238915877n,
  -1664477675181734400n,
  8871011213160182784n,
  -3326628030300655616n,
  6653256548868992000n,
] as const;

/**
 * log2 |x| as an int: m 2^(e - 90) with e in the low 9 bits and m the rest, whose magnitude is between 2^61 and 2^62, so
 * that it has the 53 bits that binary64 would have. 0 is 0 with any e. Of 0 and infinity e is 255: y times that leaves
 * the range of f32 for every y but 0.
 */
export const binaryLogarithm: Unary = (s, x) => {
  const a = s.op("fabs", x);
  const scaled = s.op("fmul", a, s.f(2 ** 23));
  const tiny = s.op("flt", a, s.f(2 ** -126));
  const moved = s.op("isub", s.op("fbits", s.select(tiny, scaled, a)), s.i(0x3f330000));
  const index = down(s, moved, 19);
  const k = s.op("isub", down(s, moved, 23), s.select(tiny, s.i(23), s.i(0)));
  // z = x / 2^k between 0.699 and 1.398, as an int (Q24).
  const z = s.op("f2i", s.op("bitsf", s.op("iadd", s.op("iand", moved, s.i(0x7fffff)), s.i(0x4b330000))));
  const inverse = lookUp(
    s,
    index,
    LOG_TABLE.map(([c]) => c),
  );
  const logC = lookUp(s, index, LOG2_C);
  // r = z / c - 1 (Q62), from z / c rounded as binary64 rounds it: for x near 1 and large y that rounding shows.
  const high = up(s, s.op("imul", z, down(s, inverse, 32)), 17);
  const low = down(s, s.op("imul", z, s.op("iand", inverse, s.i(0xffffffff))), 15);
  const exact = s.op("isub", s.op("iadd", high, low), s.i(1n << 62n));
  const half = s.select(s.op("ilt", exact, s.i(0)), s.i(256), s.i(512));
  const r = s.op("iand", s.op("iadd", exact, half), s.op("isub", s.i(0), s.op("iadd", half, half)));
  const wide = up(s, r, 4);
  const [a0, a1, a2, a3, a4] = LOG2_POLYNOMIAL;
  const p1 = s.op("iadd", down(s, s.op("imul", down(s, wide, 32), s.i(a0)), 4), s.i(a1)); // Q62
  const p2 = s.op("iadd", multiplyHigh(s, p1, wide), s.i(a2)); // Q64
  const p3 = s.op("iadd", down(s, multiplyHigh(s, p2, wide), 4), s.i(a3)); // Q62
  const p4 = s.op("iadd", down(s, multiplyHigh(s, p3, wide), 2), s.i(a4)); // Q62
  // In the middle interval, around 1, the logarithm is r p4 alone, and r is brought to as many bits as p4 has.
  const middle = s.op("ieq", index, s.i(9));
  const size = biasedExponent(s, r);
  const shifted = s.op("ishl", r, s.op("isub", s.i(188), size));
  const product = multiplyHigh(s, p4, s.select(middle, shifted, wide)); // Q(248 - size), Q64
  const near = s.op("iadd", logC, down(s, product, 2)); // Q62
  const far = s.op("iadd", up(s, k, 54), down(s, near, 8)); // Q54
  const value = s.select(middle, product, s.select(k, far, near));
  // The exponents of r p4, of a sum with k and of one without: 98 and what the Q of each is.
  const scale = s.select(middle, s.op("isub", s.i(346), size), s.op("iadd", s.select(k, s.i(0), s.i(8)), s.i(152)));
  const exponent = biasedExponent(s, value);
  const significand = s.op("ishl", value, s.op("isub", s.i(188), exponent));
  const rounded = s.op("iand", s.op("iadd", significand, s.i(256)), s.op("isub", s.i(0), s.i(512)));
  const finite = s.op("ior", rounded, s.op("imax", s.op("isub", exponent, scale), s.i(0)));
  // Only 0 and infinity stay as they are when they are scaled.
  const infinite = s.op("isub", s.i((1n << 61n) + 255n), s.op("imul", tiny, s.i(1n << 62n)));
  return s.select(s.op("feq", scaled, a), infinite, finite);
};

/** |x|^y of y and log2 |x|: 0, infinity and what lies between. */
const magnitudeOf = (s: StageBuilder, logarithm: Ref, y: Ref): Ref => {
  const bits = s.op("fbits", s.op("fabs", y));
  const significand = s.op("ior", s.op("iand", bits, s.i(0x7fffff)), s.i(0x800000));
  const exponent = s.op("iadd", down(s, bits, 23), s.op("iand", logarithm, s.i(255)));
  const product = s.op(
    "iadd",
    s.op("imul", significand, down(s, logarithm, 23)),
    down(s, s.op("imul", significand, s.op("iand", logarithm, s.i(0x7ffe00))), 23),
  );
  // y log2 |x| (Q53), from 256 on at least that, then as far as results go: 128.5 and -152 are beyond both ends.
  const size = s.op("ishr", product, s.op("imax", s.op("isub", s.i(164), exponent), s.i(0)));
  const signed = s.select(s.op("flt", y, s.f(0)), s.op("isub", s.i(0), size), size);
  const power = s.op("imax", s.op("imin", signed, s.i(257n << 52n)), s.i(-(152n << 53n)));
  // The nearest 32nd, of two the even one.
  const even = s.op("iand", down(s, power, 48), s.i(1));
  const k = down(s, add(s, power, s.i((1n << 47n) - 1n), even), 48);
  return floatOf(s, powerOfTwo(s, power, k));
};

/** x^y of x, y and log2 |x| as `binaryLogarithm` gives it, with the special cases of IEEE 754 pow. */
export const powerOf = (s: StageBuilder, x: Ref, logarithm: Ref, y: Ref): Ref => {
  const magnitude = magnitudeOf(s, logarithm, y);
  const integral = s.op("feq", s.op("ftrunc", y), y);
  // From 2^24 on all are even, and f2i gives -2^63 from 2^63 on.
  const odd = s.op("iand", integral, s.op("f2i", s.op("fneg", s.op("fabs", y))));
  const flipped = negateIf(s, s.op("iand", odd, s.op("ushr", s.op("fbits", x), s.i(31))), magnitude);
  const number = s.op("iand", s.op("feq", x, x), s.op("feq", y, y));
  const finiteBelow0 = s.op("iand", s.op("flt", x, s.f(0)), s.op("flt", s.f(-Infinity), x));
  const real = s.op("ior", s.not(finiteBelow0), integral);
  const value = s.select(s.op("iand", number, real), flipped, s.f(NaN));
  return s.select(s.op("ior", s.op("feq", y, s.f(0)), s.op("feq", x, s.f(1))), s.f(1), value);
};
