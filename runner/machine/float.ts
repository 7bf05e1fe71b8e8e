/** Bits of the one NaN that an f32 register may hold. */
export const CANONICAL_NAN = 0x7fc00000;

const word = new Uint32Array(1);
const single = new Float32Array(word.buffer);

/** The f32 with these bits (the low 32), as a JavaScript number. Every NaN is the one NaN. */
export function f32FromBits(bits: number): number {
  word[0] = bits;
  return single[0] ?? 0;
}

/** Bits of an f32, 0 to 2^32 - 1. Engines may keep any payload in a NaN, so NaN is spelled out. */
export function f32ToBits(value: number): number {
  if (Number.isNaN(value)) return CANONICAL_NAN;
  single[0] = value;
  return word[0] ?? 0;
}

/**
 * An integer, |value| <= 2^64, rounded once to f32, to nearest even. `Number` rounds to 53 bits first, so above that
 * the low 11 bits are folded into a sticky bit (round to odd), after which the second rounding is the only one.
 */
export function f32FromInteger(value: bigint): number {
  const near = Number(value);
  if (Math.abs(near) < 2 ** 53) return Math.fround(near);
  const sticky = (value & 0x7ffn) === 0n ? 0n : 1n;
  return Math.fround(Number((value >> 11n) | sticky) * 2 ** 11);
}

/** An f32 toward zero; NaN gives 0; saturates to the range of i64. */
export function f32ToInteger(value: number): bigint {
  if (Number.isNaN(value)) return 0n;
  if (value >= 2 ** 63) return 2n ** 63n - 1n;
  if (value <= -(2 ** 63)) return -(2n ** 63n);
  return BigInt(Math.trunc(value));
}

/** Adding and subtracting it rounds a small binary64 to an integral value, to nearest even. */
const ROUND = 1.5 * 2 ** 52;

/** To an integral value, nearest even; a result of zero keeps the sign of the operand. */
export function f32Rint(value: number): number {
  if (!(Math.abs(value) < 2 ** 23)) return value;
  const rounded = value + ROUND - ROUND;
  return rounded === 0 ? value * 0 : rounded;
}
