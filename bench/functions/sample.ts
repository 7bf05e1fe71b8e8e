/** Samples of f32 arguments, the same on every run, and distances in units in the last place. */

/** An interval of f32 values, both ends in it. */
export type Interval = readonly [low: number, high: number];

export const EVEN = 2 ** 18;
export const DENSE = 2 ** 17;

const view = new DataView(new ArrayBuffer(4));

/** Bits of an f32 as an integer in the order of the values; 0 and -0 are both 0. */
const rank = (value: number): number => {
  view.setFloat32(0, value);
  const bits = view.getUint32(0);
  return bits < 2 ** 31 ? bits : 2 ** 31 - bits;
};

const ofRank = (order: number): number => {
  view.setUint32(0, order < 0 ? 2 ** 31 - order : order);
  return view.getFloat32(0);
};

/** f32 values at evenly spaced bit patterns: as many in every power of two. */
export const evenly = ([low, high]: Interval, count = EVEN): number[] => {
  const [first, last] = [rank(low), rank(high)];
  return Array.from({ length: count }, (_, i) => ofRank(first + Math.round(((last - first) * i) / (count - 1))));
};

/** Evenly spaced values, each rounded to f32. */
export const densely = ([low, high]: Interval, count = DENSE): number[] =>
  Array.from({ length: count }, (_, i) => Math.fround(low + ((high - low) * i) / (count - 1)));

/** Numbers of [low, high] in the order of the golden ratio, so that no stretch of them is unlike another. */
export const golden = ([low, high]: Interval, count: number): number[] =>
  Array.from({ length: count }, (_, i) => low + (high - low) * ((i * 0.6180339887498949) % 1));

/** Spacing of f32 in the binade of a finite binary64 number, at least that of the subnormals. */
const spacing = (value: number): number => {
  let exponent = Math.max(-126, Math.floor(Math.log2(Math.abs(value))));
  if (exponent > -126 && 2 ** exponent > Math.abs(value)) exponent--;
  return 2 ** (Math.min(exponent, 127) - 23);
};

/**
 * |result - exact| in ulps of f32 at the exact value. An infinite result counts as 2^128, so that overflow is an error
 * only where the exact value does not round to infinity; NaN for anything else is infinitely wrong.
 */
export const ulps = (result: number, exact: number): number => {
  if (Number.isNaN(exact) || Number.isNaN(result)) return Number.isNaN(exact) === Number.isNaN(result) ? 0 : Infinity;
  if (Object.is(Math.fround(exact), result) && !Number.isFinite(result)) return 0;
  const finite = (value: number): number => Math.max(-(2 ** 128), Math.min(2 ** 128, value));
  return Math.abs(finite(result) - finite(exact)) / spacing(finite(exact));
};
