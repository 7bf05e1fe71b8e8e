/*
 * Elementary functions in binary64, to measure binary32 ones against: JavaScript's Math, whose functions are within an
 * ulp or so of binary64, and what Math lacks, arranged so that nothing cancels.
 */

/** A function of one number, or of two. */
export type Reference = (x: number, y: number) => number;

/** 2 / sqrt(pi). */
const TWO_OVER_ROOT_PI = 2 / Math.sqrt(Math.PI);

/** Up to here erf is summed as a series, from here on erfc is a continued fraction. */
const SERIES_END = 3;

/** e^-x^2 times a series of positive terms: x (1 + 2x^2/3 (1 + 2x^2/5 (…))). For 0 <= x <= 3. */
const erfSeries = (x: number): number => {
  let term = x;
  let sum = x;
  for (let n = 1; term > sum * 2 ** -54; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return TWO_OVER_ROOT_PI * Math.exp(-x * x) * sum;
};

/** The continued fraction x + (1/2)/(x + 1/(x + (3/2)/(x + …))), from its 60th term back. For x >= 3. */
const erfcFraction = (x: number): number => {
  let tail = x;
  for (let n = 60; n >= 1; n--) tail = x + n / 2 / tail;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * tail);
};

/** 1 - erf x, without losing small results. */
export const erfc = (x: number): number => {
  if (x < 0) return 2 - erfc(-x);
  return x < SERIES_END ? 1 - erfSeries(x) : erfcFraction(x);
};

/** The error function. */
export const erf = (x: number): number => {
  const a = Math.abs(x);
  return Math.sign(x) * (a < SERIES_END ? erfSeries(a) : 1 - erfcFraction(a));
};

/** 1 / (1 + e^-x). */
export const logistic = (x: number): number => {
  const e = Math.exp(-Math.abs(x));
  return x < 0 ? e / (1 + e) : 1 / (1 + e);
};

/** log(1 + e^x). */
export const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** x tanh(log(1 + e^x)). */
export const mish = (x: number): number => x * Math.tanh(softplus(x));

/** x P(Z <= x) of the normal distribution. */
export const gelu = (x: number): number => 0.5 * x * erfc(-x * Math.SQRT1_2);

/** GELU by tanh: 0.5 x (1 + tanh u) is x times the logistic function of 2u. */
export const geluByTanh = (x: number): number => x * logistic(2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3));

/** x above 0, alpha (e^x - 1) below. */
export const elu = (x: number, alpha = 1): number => (x > 0 ? x : alpha * Math.expm1(x));
