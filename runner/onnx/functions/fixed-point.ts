import { item } from "../../items.ts";
import type { Ref, StageBuilder } from "../build/stage.ts";

/*
 * Arithmetic of binary64 formulas in 64-bit fixed point. The C library of onnxruntime-web computes most functions of
 * binary32 in binary64, by a table and a short polynomial, and rounds once. The machine has no binary64, so the same
 * polynomials are evaluated in 64-bit fixed point, whose error is below that of binary64 itself: the rounded results are
 * the same, but for the rare argument whose result lies closer to a rounding boundary than both errors. "Qn": an int that
 * represents itself divided by 2^n.
 */

/**
 * The high 64 bits of the product of two signed ints, or up to three less, as the product of the low halves and two
 * fractions are left out: Qa times Qb gives Q(a + b - 64).
 */
export const multiplyHigh = (s: StageBuilder, a: Ref, b: Ref): Ref => {
  const [mask, shift] = [s.i(0xffffffff), s.i(32)];
  const [al, ah] = [s.op("iand", a, mask), s.op("ishr", a, shift)];
  const [bl, bh] = [s.op("iand", b, mask), s.op("ishr", b, shift)];
  const middle = s.op("iadd", s.op("ishr", s.op("imul", ah, bl), shift), s.op("ishr", s.op("imul", al, bh), shift));
  return s.op("iadd", s.op("imul", ah, bh), middle);
};

/** The entry of a table at an int index, by a tree of selections over the index's bits. */
export const lookUp = (s: StageBuilder, index: Ref, table: readonly bigint[]): Ref => {
  // When the number of entries is odd, the last entry is used twice.
  let level = table.map((entry) => s.i(entry));
  for (let bit = 1; level.length > 1; bit *= 2) {
    const odd = s.op("iand", index, s.i(bit));
    level = level.flatMap((entry, i) => (i % 2 === 0 ? [s.select(odd, level[i + 1] ?? entry, entry)] : []));
  }
  return item(level, 0);
};

export const down = (s: StageBuilder, value: Ref, bits: number): Ref => s.op("ishr", value, s.i(bits));
export const up = (s: StageBuilder, value: Ref, bits: number): Ref => s.op("ishl", value, s.i(bits));
export const add = (s: StageBuilder, ...terms: readonly Ref[]): Ref =>
  terms.reduce((sum, term) => s.op("iadd", sum, term));

/** floor(log2) of |value|, from 127 on; 0 for 0. Next to a power of two it may be one more. */
export const biasedExponent = (s: StageBuilder, value: Ref): Ref =>
  s.op("ushr", s.op("fbits", s.op("fabs", s.op("i2f", value))), s.i(23));

/**
 * 2^122 / value, to 58 bits, for magnitudes between 2^60.9 and 2^62.4: a digit of 31 bits, which is 2^91 / value, and what is
 * left, over the same divisor.
 */
export const inverseOf = (s: StageBuilder, value: Ref): Ref => {
  const divisor = down(s, value, 31);
  const digit = s.op("idiv", s.i(1n << 60n), divisor);
  const rest = s.op("idiv", s.op("isub", s.i(0), s.op("imul", digit, value)), divisor);
  return s.op("iadd", up(s, digit, 31), rest);
};
