import type { Ref, StageBuilder } from "../build/stage.ts";
import { add, down, lookUp, multiplyHigh, up } from "./fixed-point.ts";

/*
 * 2^p as the C library of onnxruntime-web computes it in binary64, for e^x and x^y. Its 32 powers 2^(i/32) are products
 * of eight and four here, which costs less than a table of 32.
 */

/** 2^(i/8) and 2^(i/32), Q62. */
const EIGHTHS: readonly bigint[] = [
  0x4000000000000000n,
  0x45cae0f1f545eb73n,
  0x4c1bf828c6dc54b8n,
  0x52ff6b54d8a89c75n,
  0x5a827999fcef3242n,
  0x62b39508aa836d6fn,
  0x6ba27e656b4eb57an,
  0x75606373ee921c97n,
];
const THIRTY_SECONDS: readonly bigint[] = [
  0x4000000000000000n,
  0x4166c34c5615d0ecn,
  0x42d561b3e6243d8an,
  0x444c0740496d4294n,
];

/** Coefficients of 2^r: r^3 (Q35), r^2 (Q64), r (Q63): constants published with ARM's math routines. */
const EXP2_POLYNOMIAL = [1907089710n, 4431432777778980352n, 6393154323815815168n] as const;

/** significand 2^exponent, the significand (Q58) between 0.98 and 2. */
export interface Scaled {
  readonly significand: Ref;
  readonly exponent: Ref;
}

/** 2^power (Q53), of which k is the nearest 32nd: |power - k / 32| <= 1/64. */
export const powerOfTwo = (s: StageBuilder, power: Ref, k: Ref): Scaled => {
  const r = up(s, s.op("isub", power, up(s, k, 48)), 15); // Q68
  const [c0, c1, c2] = EXP2_POLYNOMIAL;
  const p1 = s.op("iadd", down(s, s.op("imul", down(s, r, 32), s.i(c0)), 7), s.i(c1)); // Q64
  const p2 = s.op("iadd", down(s, multiplyHigh(s, p1, r), 5), s.i(c2)); // Q63
  const p3 = s.op("iadd", down(s, multiplyHigh(s, p2, r), 5), s.i(1n << 62n)); // Q62
  const table = multiplyHigh(s, lookUp(s, down(s, k, 2), EIGHTHS), lookUp(s, k, THIRTY_SECONDS)); // Q60
  return { significand: multiplyHigh(s, p3, table), exponent: down(s, k, 5) };
};

/** A power of two as f32, given twice, as 2^-57 times 2^(exponent - 1) of a Q58, so that 2^127 is the largest factor. */
const times = (s: StageBuilder, significand: Ref, exponent: Ref): Ref =>
  s.op("fmul", s.op("fmul", significand, s.f(2 ** -57)), s.op("bitsf", up(s, s.op("iadd", exponent, s.i(126)), 23)));

/** The f32, rounded once, where it is at least 2^-125 and its exponent at most 128. */
export const normalOf = (s: StageBuilder, { significand, exponent }: Scaled): Ref =>
  times(s, s.op("i2f", significand), exponent);

/** The f32, rounded once, also where it is subnormal or 0. Exponents are at most 128. */
export const floatOf = (s: StageBuilder, { significand, exponent }: Scaled): Ref => {
  const drop = s.op("imax", s.op("isub", s.i(-125), exponent), s.i(0));
  const dropped = s.op("ishr", significand, drop);
  // Below 2^-126: a multiple of 2^-149, by the addition of a number whose last place that is.
  const anchor = s.op("ishl", s.op("ilt", dropped, s.i(1n << 57n)), s.i(57));
  const rounded = s.op("fsub", s.op("i2f", s.op("iadd", dropped, anchor)), s.op("i2f", anchor));
  return times(s, rounded, add(s, exponent, drop));
};
