import { arithmetic, clamp, type Unary } from "./arithmetic.ts";

export const sigmoid: Unary = (s, x) => {
  const { f, add, mul, div, horner } = arithmetic(s);
  const v = clamp(s, x, -18, 18);
  const v2 = mul(v, v);
  const p = mul(
    horner(
      v2,
      4.37031012579801e-11,
      1.15627324459942e-7,
      6.08574864600143e-5,
      8.51377133304701e-3,
      2.48287947061529e-1,
    ),
    v,
  );
  const q = horner(
    v2,
    6.10247389755681e-13,
    5.76102136993427e-9,
    6.2910678501704e-6,
    1.70198817374094e-3,
    1.16817656904453e-1,
    9.9315192102318e-1,
  );
  return clamp(s, add(div(p, q), f(0.5)), 0, 1);
};
