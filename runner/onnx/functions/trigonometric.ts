import type { Ref, StageBuilder } from "../stage.ts";
import { arithmetic, finiteOnly, negateIf, type Unary } from "./arithmetic.ts";
import { multiplyHigh, up } from "./fixedPoint.ts";

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

/** pi/2 (Q62), and the coefficients of sine (Q64, Q69, Q74, Q81) and cosine (Q63, Q67, Q72, Q78) in z = r^2. */
const HALF_PI = 7244019458077122842n;
const SINE = [-3074457340999167488n, 4919129422829635584n, -3747544394896435200n, 6572473901679025152n] as const;
const COSINE = [-4611685993072624128n, 6148908294949373952n, -6557838780474629120n, 7371560825452078080n] as const;

/**
 * Sine and cosine of what is left of an angle (Q64 of a quarter turn, at most half of it), as f32. One of them per
 * element is wanted: `cosine` says which.
 */
export const sineOrCosine = (s: StageBuilder, left: Ref, cosine: Ref): Ref => {
  const r = multiplyHigh(s, left, s.i(HALF_PI)); // Q62
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
