import { item } from "../../items.ts";
import type { Ref, StageBuilder } from "../build/stage.ts";
import { finiteOnly, negateIf, type Unary } from "./arithmetic.ts";
import { biasedExponent, inverseOf, multiplyHigh, up } from "./fixed-point.ts";

/** 2/pi as 64-bit words, most significant first: enough for every binary32. */
const TWO_OVER_PI = [0xa2f9836e4e441529n, 0xfc2757d1f534ddc0n, 0xdb6295993c439041n, 0xfe5163abdebbc561n];

/** The largest x that the C library reduces by the binary64 nearest to a multiple of pi/2, just below 9 pi/4. */
const NEAR = 0x40e231d5;

/** pi/2 (Q62), and the binary64 nearest to it (Q59). */
const HALF_PI = 7244019458077122842n;
const HALF_PI_BINARY64 = 905502432259640320n;

/**
 * |x| = quadrant pi/2 + r, the quadrant with two bits that count and r as Q62, at most pi/4 or a little more. For x of every
 * size in integers: with |x| = M 2^(E-150), the fixed-point number |x| 2/pi 2^62 modulo 2^64 needs only the 128 bits of 2/pi
 * that start E - 88 bits after a leading word of zeros.
 */
const reduceQuadrant = (s: StageBuilder, x: Ref): { readonly quadrant: Ref; readonly r: Ref } => {
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
      i(item(stream, n)),
      s.select(s.op("ieq", word, i(1)), i(item(stream, n + 1)), i(item(stream, n + 2))),
    );
  const window = (n: number): Ref =>
    s.op("ior", s.op("ishl", at(n), part), s.op("ushr", at(n + 1), s.op("isub", i(64), part)));
  const second = window(1);
  const carried = s.op(
    "iadd",
    s.op("imul", significand, s.op("ushr", second, i(32))),
    s.op("ushr", s.op("imul", significand, s.op("iand", second, i(0xffffffff))), i(32)),
  );
  const product = s.op("imul", significand, window(0));
  const turns = s.op("iadd", product, s.op("ushr", carried, i(32)));
  const quadrant = s.op("ushr", s.op("iadd", turns, i(1n << 61n)), i(62));
  const left = s.op("iadd", s.op("ishl", product, i(2)), s.op("ushr", carried, i(30))); // Q64 of pi/2
  // Near 0 as the C library does it, with a pi/2 that is too small by a little: next to its multiples that shows.
  const a = s.op("fabs", x);
  const near = s.op("fle", a, s.bits(NEAR));
  // One ulp less than 1/2 puts the ends of the intervals where the library has them, all five of them.
  const multiple = s.op("f2i", s.op("fadd", s.op("fmul", a, s.f(2 / Math.PI)), s.bits(0x3effffff)));
  const fixed = s.op("f2i", s.op("fmul", a, s.f(2 ** 59)));
  const rest = up(s, s.op("isub", fixed, s.op("imul", multiple, i(HALF_PI_BINARY64))), 3);
  return {
    quadrant: s.select(near, multiple, quadrant),
    r: s.select(near, rest, multiplyHigh(s, left, i(HALF_PI))),
  };
};

/** Coefficients of sine (Q64, Q69, Q74, Q81) and cosine (Q63, Q67, Q72, Q78) in z = r^2. */
const SINE = [-3074457340999167488n, 4919129422829635584n, -3747544394896435200n, 6572473901679025152n] as const;
const COSINE = [-4611685993072624128n, 6148908294949373952n, -6557838780474629120n, 7371560825452078080n] as const;

/** Sine or cosine of r (Q62), as f32: `cosine` says which. */
const sineOrCosine = (s: StageBuilder, r: Ref, cosine: Ref): Ref => {
  const z = up(s, multiplyHigh(s, r, r), 2); // Q62
  const [s1, s2, s3, s4] = SINE;
  const [c0, c1, c2, c3] = COSINE;
  const pick = (ofCosine: bigint, ofSine: bigint): Ref => s.select(cosine, s.i(ofCosine), s.i(ofSine));
  // One Horner chain serves both: only the coefficients and the shifts between their scales differ.
  const shift = (ofCosine: number, ofSine: number): Ref => s.select(cosine, s.i(ofCosine), s.i(ofSine));
  const step = (p: Ref, by: Ref, coefficient: Ref): Ref =>
    s.op("iadd", s.op("ishr", multiplyHigh(s, z, p), by), coefficient);
  const third = step(pick(c3, s4), shift(4, 5), pick(c2, s3));
  const second = step(third, s.i(3), pick(c1, s2));
  const first = step(second, shift(2, 3), pick(c0, s1));
  const series = multiplyHigh(s, z, first); // cosine: Q61, sine: Q62
  const ofCosine = s.op("iadd", up(s, series, 1), s.i(1n << 62n));
  const ofSine = s.op("iadd", r, up(s, multiplyHigh(s, r, series), 2));
  return s.op("fmul", s.op("i2f", s.select(cosine, ofCosine, ofSine)), s.f(2 ** -62));
};

export const sin: Unary = (s, x) => {
  const { quadrant, r } = reduceQuadrant(s, x);
  const value = sineOrCosine(s, r, s.op("iand", quadrant, s.i(1)));
  const magnitude = negateIf(s, s.op("iand", quadrant, s.i(2)), value);
  const signed = negateIf(s, s.op("flt", x, s.f(0)), magnitude);
  return s.select(s.op("flt", s.op("fabs", x), s.f(2 ** -12)), x, finiteOnly(s, x, signed));
};

export const cos: Unary = (s, x) => {
  const { quadrant, r } = reduceQuadrant(s, x);
  const next = s.op("iadd", quadrant, s.i(1));
  const value = sineOrCosine(s, r, s.op("iand", next, s.i(1)));
  const signed = negateIf(s, s.op("iand", next, s.i(2)), value);
  return s.select(s.op("flt", s.op("fabs", x), s.f(2 ** -12)), s.f(1), finiteOnly(s, x, signed));
};

/** Coefficients of tangent (Q64 to Q69) in z = r^2, from r^3 on. */
const TANGENT = [
  6148878935865588736n,
  4921296271051704320n,
  3938840131426188288n,
  3619740854851705856n,
  877875365781579520n,
  5587532267853394944n,
] as const;

export const tan: Unary = (s, x) => {
  const { quadrant, r } = reduceQuadrant(s, x);
  const z = up(s, multiplyHigh(s, r, r), 3); // Q63
  const series = TANGENT.slice(0, -1).reduceRight(
    (p, coefficient) => s.op("iadd", multiplyHigh(s, z, p), s.i(coefficient)),
    s.i(TANGENT[5]),
  ); // Q64
  // With all bits of a small r: Q(62 + raised).
  const raised = s.op("isub", s.i(188), biasedExponent(s, r));
  const leading = s.op("ishl", r, raised);
  const tangent = s.op("iadd", leading, up(s, multiplyHigh(s, leading, multiplyHigh(s, z, series)), 1));
  const odd = s.op("iand", quadrant, s.i(1));
  const significand = s.select(odd, s.op("isub", s.i(0), inverseOf(s, tangent)), tangent);
  const exponent = s.select(odd, s.op("iadd", raised, s.i(67)), s.op("isub", s.i(65), raised));
  const value = s.op("fmul", s.op("i2f", significand), s.op("bitsf", up(s, exponent, 23)));
  const signed = negateIf(s, s.op("flt", x, s.f(0)), value);
  return s.select(s.op("flt", s.op("fabs", x), s.f(2 ** -12)), x, finiteOnly(s, x, signed));
};
