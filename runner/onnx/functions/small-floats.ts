import type { Ref, StageBuilder } from "../build/stage.ts";
import type { ForeignType } from "../file/element-type.ts";

/*
 * Conversions between f32 and the float types that the machine has no registers for, on their bits. All round once,
 * to nearest even.
 */

/** Layout of a float type below 32 bits: exponent bias, mantissa bits, and what its largest codes mean. */
interface Layout {
  readonly bits: number;
  readonly mantissa: number;
  readonly bias: number;
  /** Code (without sign) of infinity, or undefined when there is none. */
  readonly infinity?: number;
  /** Code of NaN; `fnuz` types have it at minus zero, which they lack. */
  readonly nan?: number;
  readonly unsignedZero?: boolean;
  /** Largest finite code (without sign). */
  readonly largest: number;
}

export const LAYOUTS: Readonly<Partial<Record<ForeignType, Layout>>> = {
  f16: { bits: 16, mantissa: 10, bias: 15, infinity: 0x7c00, nan: 0x7e00, largest: 0x7bff },
  bf16: { bits: 16, mantissa: 7, bias: 127, infinity: 0x7f80, nan: 0x7fc0, largest: 0x7f7f },
  f8e4m3fn: { bits: 8, mantissa: 3, bias: 7, nan: 0x7f, largest: 0x7e },
  f8e4m3fnuz: { bits: 8, mantissa: 3, bias: 8, nan: 0x80, unsignedZero: true, largest: 0x7f },
  f8e5m2: { bits: 8, mantissa: 2, bias: 15, infinity: 0x7c, nan: 0x7e, largest: 0x7b },
  f8e5m2fnuz: { bits: 8, mantissa: 2, bias: 16, nan: 0x80, unsignedZero: true, largest: 0x7f },
  f4e2m1: { bits: 4, mantissa: 1, bias: 1, largest: 7 },
};

/** The f32 of a small float's code. Exact. */
export const widen = (s: StageBuilder, type: ForeignType, code: Ref): Ref => {
  const layout = LAYOUTS[type];
  if (layout === undefined) throw new RangeError(`${type} is not a small float`);
  const { bits, mantissa, bias, infinity, nan } = layout;
  const sign = s.op("ishl", s.op("ushr", s.op("iand", code, s.i(2 ** bits - 1)), s.i(bits - 1)), s.i(31));
  const rest = s.op("iand", code, s.i(2 ** (bits - 1) - 1));
  const moved = s.op("bitsf", s.op("ishl", rest, s.i(23 - mantissa)));
  const finite = bias === 127 ? moved : s.op("fmul", moved, s.f(2 ** (127 - bias)));
  const signed = (magnitude: Ref): Ref => s.op("bitsf", s.op("ior", s.op("fbits", magnitude), sign));
  let result = signed(finite);
  if (infinity !== undefined) {
    result = s.select(s.op("ieq", rest, s.i(infinity)), signed(s.f(Infinity)), result);
    result = s.select(s.op("ilt", s.i(infinity), rest), s.f(NaN), result);
  } else if (nan !== undefined) {
    const tested = layout.unsignedZero ? s.op("iand", code, s.i(2 ** bits - 1)) : rest;
    result = s.select(s.op("ieq", tested, s.i(nan)), s.f(NaN), result);
  }
  return result;
};

/** The code of an f32 rounded to a small float. `saturate`: values too large become the largest finite one. */
export const narrow = (s: StageBuilder, type: ForeignType, x: Ref, saturate: boolean): Ref => {
  const layout = LAYOUTS[type];
  if (layout === undefined) throw new RangeError(`${type} is not a small float`);
  const { bits, mantissa, bias, infinity, nan, largest } = layout;
  const all = s.op("fbits", x);
  const magnitude = s.op("iand", all, s.i(0x7fffffff));
  const drop = s.i(23 - mantissa);
  // Normal codes: round the bits; below them one addition rounds to the spacing of the subnormal codes.
  const even = s.op("iand", s.op("ushr", magnitude, drop), s.i(1));
  const rounded = s.op("iadd", s.op("iadd", magnitude, s.i(2 ** (22 - mantissa) - 1)), even);
  const normal = s.op("isub", s.op("ushr", rounded, drop), s.i((127 - bias) * 2 ** mantissa));
  const smallest = s.i((128 - bias) * 2 ** 23);
  const magic = s.f(2 ** (1 - bias - mantissa + 23));
  const subnormal = s.op("isub", s.op("fbits", s.op("fadd", s.op("fabs", x), magic)), s.op("fbits", magic));
  const code = bias === 127 ? normal : s.select(s.op("ilt", magnitude, smallest), subnormal, normal);
  // A type without NaN has 0 in its place.
  const ofNaN = nan ?? 0;
  const over = saturate || (infinity === undefined && nan === undefined) ? largest : (infinity ?? nan ?? largest);
  const limited = s.select(s.op("ilt", s.i(largest), code), s.i(over), code);
  const sign = s.op("ishl", s.op("ushr", all, s.i(31)), s.i(bits - 1));
  const joined = s.op("ior", limited, sign);
  const signed = layout.unsignedZero
    ? s.select(s.op("ieq", limited, s.i(ofNaN)), s.i(ofNaN), s.select(s.op("ieq", limited, s.i(0)), s.i(0), joined))
    : joined;
  return s.select(s.op("feq", x, x), signed, s.i(ofNaN));
};

/** The f32 nearest to a binary64, or with `odd` the one toward zero whose last bit tells that something was lost. */
export const narrowBinary64 = (s: StageBuilder, bits: Ref, odd: boolean): Ref => {
  const sign = s.op("ishl", s.op("ushr", bits, s.i(63)), s.i(31));
  const exponent = s.op("iand", s.op("ushr", bits, s.i(52)), s.i(0x7ff));
  const fraction = s.op("iand", bits, s.i(2n ** 52n - 1n));
  const significand = s.op("ior", fraction, s.i(2n ** 52n));
  // Bits to drop: 29 for normal results, more below 2^-126.
  const drop = s.op("imin", s.op("imax", s.i(29), s.op("isub", s.i(926), exponent)), s.i(60));
  const kept = s.op("ushr", significand, drop);
  const lost = s.op("isub", significand, s.op("ishl", kept, drop));
  const half = s.op("ishl", s.i(1), s.op("isub", drop, s.i(1)));
  const isHalf = s.op("ieq", lost, half);
  const up = s.op("ior", s.op("ilt", half, lost), s.op("iand", isHalf, s.op("iand", kept, s.i(1))));
  const whole = odd ? s.op("ior", kept, s.not(s.op("ieq", lost, s.i(0)))) : s.op("iadd", kept, up);
  // Normal results carry the leading bit into the exponent field.
  const field = s.op("imax", s.op("isub", exponent, s.i(897)), s.i(0));
  const body = s.op("iadd", s.op("ishl", field, s.i(23)), whole);
  const tooLarge = s.op("ilt", s.i(0x7f7fffff), body);
  const finite = s.select(
    s.op("ior", tooLarge, s.op("ilt", s.i(1150), exponent)),
    s.i(odd ? 0x7f7fffff : 0x7f800000),
    body,
  );
  const nonzero = s.select(s.op("ieq", exponent, s.i(0)), s.i(0), finite);
  const special = s.select(s.op("ieq", fraction, s.i(0)), s.i(0x7f800000), s.i(0x7fc00000));
  const magnitude = s.select(s.op("ieq", exponent, s.i(0x7ff)), special, nonzero);
  return s.op("bitsf", s.op("ior", magnitude, sign));
};

/** The binary64 bits of an f32. Exact. */
export const widenToBinary64 = (s: StageBuilder, x: Ref): Ref => {
  const all = s.op("fbits", x);
  const sign = s.op("ishl", s.op("ushr", all, s.i(31)), s.i(63));
  const small = s.op("flt", s.op("fabs", x), s.f(2 ** -126));
  const scaled = s.select(small, s.op("fmul", x, s.f(2 ** 24)), x);
  const magnitude = s.op("iand", s.op("fbits", scaled), s.i(0x7fffffff));
  const shifted = s.op("ishl", magnitude, s.i(29));
  const offset = s.select(small, s.i((896n - 24n) << 52n), s.i(896n << 52n));
  const finite = s.select(s.op("ieq", magnitude, s.i(0)), s.i(0), s.op("iadd", shifted, offset));
  const infinite = s.op("ieq", magnitude, s.i(0x7f800000));
  const result = s.select(infinite, s.i(0x7ffn << 52n), s.select(s.op("feq", x, x), finite, s.i(0x7ff8n << 48n)));
  return s.op("ior", result, sign);
};
