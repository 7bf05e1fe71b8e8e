import type { Ref, StageBuilder } from "../build/stage.ts";
import { arithmetic, clamp, copySign, type Unary } from "./arithmetic.ts";
import { expm1, expm1Signed, expm1Small, expNormal } from "./exponential.ts";
import { log, log1p } from "./logarithm.ts";

/** tanh within [-10, 10] by onnxruntime-web's rational. */
export const tanhWithin: Unary = (s, v) => {
  const { mul, div, horner } = arithmetic(s);
  const v2 = mul(v, v);
  const p = mul(
    horner(
      v2,
      -2.76076847742355e-16,
      2.00018790482477e-13,
      -8.60467152213735e-11,
      5.12229709037114e-8,
      1.48572235717979e-5,
      6.37261928875436e-4,
      4.89352455891786e-3,
    ),
    v,
  );
  const q = horner(v2, 1.19825839466702e-6, 1.18534705686654e-4, 2.268434632439e-3, 4.89352518554385e-3);
  return div(p, q);
};

export const tanh: Unary = (s, x) => tanhWithin(s, clamp(s, x, -9, 9));

/** tanh as the C library computes it, which Attention's softcap uses. */
export const tanhOfLibrary: Unary = (s, x) => {
  const { f, add, sub, div, neg, lt, le, select, abs } = arithmetic(s);
  const a = abs(x);
  // ln(5/3) / 2 and ln(3) / 2.
  const [low, middle] = [le(a, s.bits(0x3e82c578)), le(a, s.bits(0x3f0c9f54))];
  const twice = add(a, a);
  const t = expm1Signed(s, select(low, neg(twice), twice));
  const quotient = div(select(low, neg(t), select(middle, t, f(2))), add(t, f(2)));
  const magnitude = select(middle, quotient, sub(f(1), quotient));
  return select(s.op("feq", x, x), copySign(s, select(lt(f(10), a), f(1), magnitude), x), x);
};

/** From here on, at ln of the largest f32, sinh and cosh go through e^(x - 235 ln 2). */
const LARGE = 0x42b17217;
const K_LN2 = 162.88958740234375;

/** e^x, and over 2^235 where x is large. */
const expOfLarge = (s: StageBuilder, a: Ref, large: Ref): Ref =>
  expNormal(s, s.select(large, s.op("fsub", a, s.f(K_LN2)), a));

/** e^x / 2 from e^x / 2^235, or infinity. */
const restored = (s: StageBuilder, t: Ref): Ref => s.op("fmul", s.op("fmul", t, s.f(2 ** 117)), s.f(2 ** 117));

export const sinh: Unary = (s, x) => {
  const { f, add, sub, mul, div, lt, select, abs } = arithmetic(s);
  const a = abs(x);
  const large = s.not(lt(a, s.bits(LARGE)));
  const t = expm1(s, a);
  const one = lt(a, f(1));
  const quotient = div(select(one, mul(t, t), t), add(t, f(1)));
  const moderate = mul(f(0.5), select(one, sub(mul(f(2), t), quotient), add(t, quotient)));
  const far = restored(s, expNormal(s, sub(a, f(K_LN2))));
  const magnitude = select(lt(a, f(2 ** -12)), a, select(large, far, moderate));
  return select(s.op("feq", x, x), copySign(s, magnitude, x), x);
};

export const cosh: Unary = (s, x) => {
  const { f, add, mul, div, lt, select, abs } = arithmetic(s);
  const a = abs(x);
  const large = s.not(lt(a, s.bits(LARGE)));
  const t = expm1Small(s, a);
  const small = add(f(1), div(mul(t, t), mul(f(2), add(f(1), t))));
  const e = expOfLarge(s, a, large);
  const moderate = mul(f(0.5), add(e, div(f(1), e)));
  const far = select(large, restored(s, e), moderate);
  const magnitude = select(lt(a, f(2 ** -12)), f(1), select(lt(a, s.bits(0x3f317217)), small, far));
  return select(s.op("feq", x, x), magnitude, x);
};

/** From here on x^2 + 1 and x^2 - 1 are x^2 as far as their roots show. */
const HUGE = 2 ** 12;

/** log of x, or of what is under the logarithm of asinh and acosh, and for huge x the ln 2 between. */
const logOfSum = (s: StageBuilder, x: Ref, sum: Ref): Ref => {
  const huge = s.not(s.op("flt", x, s.f(HUGE)));
  return s.op("fadd", log(s, s.select(huge, x, sum)), s.select(huge, s.f(Math.LN2), s.f(0)));
};

/** asinh |x| for |x| from 2 on, or NaN. */
export const asinhFar: Unary = (s, x) => {
  const { f, add, mul, div, sqrt, abs } = arithmetic(s);
  const a = abs(x);
  return logOfSum(s, a, add(mul(f(2), a), div(f(1), add(sqrt(add(mul(a, a), f(1))), a))));
};

/** asinh x of x and `asinhFar`. */
export const asinh = (s: StageBuilder, x: Ref, far: Ref): Ref => {
  const { f, add, mul, div, sqrt, lt, select, abs } = arithmetic(s);
  const a = abs(x);
  const square = mul(a, a);
  const near = log1p(s, add(a, div(square, add(sqrt(add(square, f(1))), f(1)))));
  return copySign(s, select(lt(a, f(2 ** -12)), a, select(lt(a, f(2)), near, far)), x);
};

/** acosh x for x from 2 on, or NaN. */
export const acoshFar: Unary = (s, x) => {
  const { f, add, sub, mul, div, sqrt } = arithmetic(s);
  return logOfSum(s, x, sub(mul(f(2), x), div(f(1), add(x, sqrt(sub(mul(x, x), f(1)))))));
};

/** acosh x of x and `acoshFar`. */
export const acosh = (s: StageBuilder, x: Ref, far: Ref): Ref => {
  const { f, add, sub, mul, sqrt, lt, select } = arithmetic(s);
  const t = sub(x, f(1));
  const near = log1p(s, add(t, sqrt(add(mul(t, t), mul(f(2), t)))));
  return select(lt(x, f(1)), f(NaN), select(lt(x, f(2)), near, far));
};

export const atanh: Unary = (s, x) => {
  const { f, add, sub, mul, div, lt, select, abs } = arithmetic(s);
  const a = abs(x);
  const [twice, rest] = [mul(f(2), a), sub(f(1), a)];
  const small = add(twice, div(mul(twice, a), rest));
  const argument = select(lt(a, f(0.5)), small, mul(f(2), div(a, rest)));
  return copySign(s, mul(f(0.5), log1p(s, argument)), x);
};
