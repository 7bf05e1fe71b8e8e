import { arithmetic, clamp, copySign, type Unary } from "./arithmetic.ts";
import { exp, expm1 } from "./exponential.ts";
import { log1p, shortLog } from "./logarithm.ts";

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

export const sinh: Unary = (s, x) => {
  const { f, add, mul, div, lt, select, abs } = arithmetic(s);
  const a = abs(x);
  const t = expm1(s, s.op("fmin", a, f(88)));
  const small = mul(f(0.5), add(t, div(t, add(t, f(1)))));
  const half = exp(s, mul(f(0.5), a));
  const large = mul(mul(f(0.5), half), half);
  return copySign(s, select(lt(a, f(20)), small, large), x);
};

export const cosh: Unary = (s, x) => {
  const { f, add, mul, div, lt, select, abs } = arithmetic(s);
  const a = abs(x);
  const e = exp(s, s.op("fmin", a, f(88)));
  const small = mul(f(0.5), add(e, div(f(1), e)));
  const half = exp(s, mul(f(0.5), a));
  const large = mul(mul(f(0.5), half), half);
  return select(lt(a, f(20)), small, large);
};

export const asinh: Unary = (s, x) => {
  const { f, add, mul, div, sqrt, lt, select, abs } = arithmetic(s);
  const a = abs(x);
  const a2 = mul(a, a);
  const moderate = log1p(s, add(a, div(a2, add(f(1), sqrt(add(a2, f(1)))))));
  const huge = add(shortLog(s, a), f(Math.LN2));
  return copySign(s, select(lt(a, f(2 ** 14)), moderate, huge), x);
};

export const acosh: Unary = (s, x) => {
  const { f, add, sub, mul, sqrt, lt, select } = arithmetic(s);
  const t = sub(x, f(1));
  const moderate = log1p(s, add(t, sqrt(add(mul(f(2), t), mul(t, t)))));
  const huge = add(shortLog(s, x), f(Math.LN2));
  return select(lt(x, f(1)), f(NaN), select(lt(x, f(2 ** 14)), moderate, huge));
};

export const atanh: Unary = (s, x) => {
  const { f, add, sub, mul, div, abs } = arithmetic(s);
  const a = abs(x);
  const t = add(a, a);
  return copySign(s, mul(f(0.5), log1p(s, div(t, sub(f(1), a)))), x);
};
