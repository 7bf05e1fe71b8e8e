/*
 * Elementary functions of numbers known at import, rounded once from more bits than any caller keeps: the same on every
 * machine, which JavaScript's own are not promised to be.
 */

/** Fraction bits of the fixed-point numbers below. */
const BITS = 256;

const ONE = 1n << BigInt(BITS);

/** A binary64 number as fixed point; bits below 2^-256 are dropped. */
const fixed = (x: number): bigint => {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const mantissa = (bits & 0xfffffffffffffn) | (exponent === 0 ? 0n : 1n << 52n);
  const shift = BITS + Math.max(exponent, 1) - 1075;
  const value = shift >= 0 ? mantissa << BigInt(shift) : mantissa >> BigInt(-shift);
  return x < 0 ? -value : value;
};

/** 2 atanh(n / d), by its series. */
const twiceAtanh = (n: bigint, d: bigint): bigint => {
  const y = (n * ONE) / d;
  const square = (y * y) >> BigInt(BITS);
  let [sum, power] = [0n, y];
  for (let k = 1n; power !== 0n; k += 2n) {
    sum += power / k;
    power = (power * square) >> BigInt(BITS);
  }
  return 2n * sum;
};

const LN2 = twiceAtanh(1n, 3n);

/** value 2^exponent to the nearest f32, ties to even. */
const toF32 = (value: bigint, exponent: number): number => {
  // 40 bits and a sticky one are exact in binary64, which is then rounded once.
  const extra = value.toString(2).length - 40;
  if (extra <= 0) return Math.fround(Number(value) * 2 ** exponent);
  const kept = value >> BigInt(extra);
  const sticky = kept << BigInt(extra) === value ? 0 : 1;
  const scale = exponent + extra - 1;
  return Math.fround((2 * Number(kept) + sticky) * 2 ** scale);
};

/** e^x as an f32, correctly rounded, for |x| <= 700. */
export const expF32 = (x: number): number => {
  const value = fixed(x);
  const k = (value + (LN2 >> 1n)) / LN2 - (value < 0n ? 1n : 0n);
  const rest = value - k * LN2;
  let [sum, term] = [0n, ONE];
  for (let n = 1n; term !== 0n; n++) {
    sum += term;
    term = ((term * rest) >> BigInt(BITS)) / n;
  }
  return toF32(sum, Number(k) - BITS);
};

/** The natural logarithm of a finite x >= 1 as an f32, correctly rounded. */
export const logF32 = (x: number): number => {
  let exponent = 0;
  let mantissa = x;
  while (mantissa >= 2) {
    mantissa /= 2;
    exponent++;
  }
  const m = fixed(mantissa);
  return toF32(twiceAtanh(m - ONE, m + ONE) + BigInt(exponent) * LN2, -BITS);
};
