import type { Ref, StageBuilder } from "../build/stage.ts";

/*
 * Sums of f32 terms in binary64, which the machine does not have: each addition is the correctly rounded one, by integer
 * arithmetic. A sum is mantissa * 2^exponent with |mantissa| in [2^52, 2^53], or 0 with a low exponent; terms that are
 * not finite are summed by themselves.
 */

/** The registers of a sum, in the order of `SUM_CLASSES`. */
export interface Binary64Sum {
  readonly mantissa: Ref;
  readonly exponent: Ref;
  readonly special: Ref;
}

export const SUM_CLASSES = ["int", "int", "f32"] as const;

/** Extra bits below both operands. The lowest is sticky: it is 1 when any bit below it was 1. */
const GUARD = 8;

/** Exponent of a sum of 0: below that of every f32. */
const LOWEST = -1000;

/** The sum 0. */
export const zeroSum = (s: StageBuilder): readonly Ref[] => [s.i(0), s.i(LOWEST), s.f(0)];

const magnitude = (s: StageBuilder, v: Ref): Ref => s.op("imax", v, s.op("isub", s.i(0), v));
const signedAs = (s: StageBuilder, v: Ref, sign: Ref): Ref =>
  s.select(s.op("ilt", sign, s.i(0)), s.op("isub", s.i(0), v), v);
const lowBits = (s: StageBuilder, v: Ref, count: Ref): Ref =>
  s.op("iand", v, s.op("isub", s.op("ishl", s.i(1), count), s.i(1)));

/** v / 2^count to the nearest integer, ties to even; count >= 0. */
const roundedShift = (s: StageBuilder, v: Ref, count: Ref): Ref => {
  const quotient = s.op("ushr", v, count);
  const rest = lowBits(s, v, count);
  const half = s.op("ushr", s.op("ishl", s.i(1), count), s.i(1));
  const tie = s.op("iand", s.op("ieq", rest, half), s.op("iand", quotient, s.op("ilt", s.i(0), count)));
  return s.op("iadd", quotient, s.op("ior", s.op("ilt", half, rest), s.op("iand", tie, s.i(1))));
};

/** Position of the highest bit of a positive int. */
const highestBit = (s: StageBuilder, v: Ref): Ref => {
  // With the next bit cleared the conversion cannot round up to another power of two.
  const alone = s.op("iand", v, s.op("ixor", s.op("ushr", v, s.i(1)), s.i(-1)));
  return s.op("isub", s.op("ushr", s.op("fbits", s.op("u2f", alone)), s.i(23)), s.i(127));
};

/** sum + term, rounded as binary64. */
export const plusTerm = (s: StageBuilder, sum: Binary64Sum, term: Ref): readonly Ref[] => {
  const finite = s.op("feq", s.op("fsub", term, term), s.f(0));
  const special = s.op("fadd", sum.special, s.select(finite, s.f(0), term));
  const bits = s.op("fbits", s.select(finite, term, s.f(0)));
  const field = s.op("iand", s.op("ushr", bits, s.i(23)), s.i(255));
  const fraction = s.op("iand", bits, s.i(0x7fffff));
  const whole = s.select(field, s.op("ior", fraction, s.i(0x800000)), fraction);
  const negative = s.op("isub", s.i(0), s.op("ushr", bits, s.i(31)));
  const mantissa = signedAs(s, s.op("ishl", whole, s.i(29)), negative);
  const exponent = s.op("isub", s.op("imax", field, s.i(1)), s.i(150 + 29));
  // The operand of the lower exponent is shifted to the other exponent; one sticky bit keeps whether bits were lost.
  const termFirst = s.op("ilt", sum.exponent, exponent);
  const [high, low] = [s.select(termFirst, mantissa, sum.mantissa), s.select(termFirst, sum.mantissa, mantissa)];
  const top = s.op("imax", sum.exponent, exponent);
  const apart = s.op("imin", s.op("isub", top, s.op("imin", sum.exponent, exponent)), s.i(62));
  const wide = s.op("ishl", magnitude(s, low), s.i(GUARD));
  const sticky = s.op("ilt", s.i(0), lowBits(s, wide, apart));
  const shifted = signedAs(s, s.op("ior", s.op("ushr", wide, apart), sticky), low);
  const total = s.op("iadd", s.op("ishl", high, s.i(GUARD)), shifted);
  const size = magnitude(s, total);
  const shift = s.op("isub", highestBit(s, size), s.i(52));
  const right = roundedShift(s, size, s.op("imax", shift, s.i(0)));
  const exact = s.op("ishl", right, s.op("imax", s.op("isub", s.i(0), shift), s.i(0)));
  const nothing = s.op("ieq", total, s.i(0));
  return [
    s.select(nothing, s.i(0), signedAs(s, exact, total)),
    s.select(nothing, s.i(LOWEST), s.op("iadd", s.op("isub", top, s.i(GUARD)), shift)),
    special,
  ];
};

/** A sum of terms as an f32, rounded once more. */
export const toF32 = (s: StageBuilder, { mantissa, exponent, special }: Binary64Sum): Ref => {
  const size = magnitude(s, mantissa);
  const bits = s.op("fbits", s.op("i2f", size));
  const field = s.op("iadd", s.op("ushr", bits, s.i(23)), exponent);
  const normal = s.op("iadd", bits, s.op("imul", exponent, s.i(2 ** 23)));
  const short = s.op("imin", s.op("imax", s.op("isub", s.i(-149), exponent), s.i(0)), s.i(62));
  const subnormal = roundedShift(s, size, short);
  const inside = s.select(s.op("ilt", s.i(0), field), normal, subnormal);
  const value = s.op("bitsf", s.select(s.op("ilt", field, s.i(255)), inside, s.i(0x7f800000)));
  const signed = s.select(s.op("ilt", mantissa, s.i(0)), s.op("fneg", value), value);
  return s.select(s.op("feq", special, s.f(0)), signed, special);
};
