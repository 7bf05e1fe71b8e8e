import type { Ref, StageBuilder } from "../stage.ts";
import { arithmetic, copySign, type Unary } from "./arithmetic.ts";

export const atan: Unary = (s, x) => {
  const { f, add, sub, mul, div, lt, select, abs } = arithmetic(s);
  const a = abs(x);
  const one = f(1);
  // Five intervals: the argument moved near 0 and the angle that it was moved by, in two parts.
  const rows: readonly (readonly [number, Ref, number, number])[] = [
    [0.4375, a, 0, 0],
    [0.6875, div(sub(mul(f(2), a), one), add(f(2), a)), 4.6364760399e-1, 5.012158244e-9],
    [1.1875, div(sub(a, one), add(a, one)), 7.8539812565e-1, 3.7748947079e-8],
    [2.4375, div(sub(a, f(1.5)), add(one, mul(f(1.5), a))), 9.8279368877e-1, 3.447321717e-8],
    [Infinity, div(f(-1), a), 1.5707962513, 7.5497894159e-8],
  ];
  const pick = (field: (row: readonly [number, Ref, number, number]) => Ref): Ref =>
    rows
      .slice(0, -1)
      .reduceRight((rest, row) => select(lt(a, f(row[0])), field(row), rest), field(rows[4] ?? [0, a, 0, 0]));
  const t = pick((row) => row[1]);
  const z = mul(t, t);
  const w = mul(z, z);
  const s1 = mul(z, add(f(3.3333328366e-1), mul(w, add(f(1.4253635705e-1), mul(w, f(6.1687607318e-2))))));
  const s2 = mul(w, add(f(-1.9999158382e-1), mul(w, f(-1.0648017377e-1))));
  const product = mul(t, add(s1, s2));
  const result = sub(
    pick((row) => f(row[2])),
    sub(
      sub(
        product,
        pick((row) => f(row[3])),
      ),
      t,
    ),
  );
  const first = select(lt(a, f(0.4375)), sub(t, product), result);
  // The C library's ends: small arguments as they are, large ones the leading part of pi / 2.
  const large = select(lt(a, f(2 ** 26)), first, f(1.5707962513));
  const value = select(lt(a, f(2 ** -12)), a, large);
  return select(s.op("feq", x, x), copySign(s, value, x), f(NaN));
};

/** asin(x)/x - 1 over x^2, as a rational in z = x^2. */
const asinRational = (s: StageBuilder, z: Ref): Ref => {
  const { f, add, mul, div } = arithmetic(s);
  const p = mul(z, add(f(1.6666586697e-1), mul(z, add(f(-4.2743422091e-2), mul(z, f(-8.656363003e-3))))));
  return div(p, add(f(1), mul(z, f(-7.066296339e-1))));
};

export const asin: Unary = (s, x) => {
  const { f, add, sub, mul, div, sqrt, lt, select, abs } = arithmetic(s);
  const a = abs(x);
  const near = add(a, mul(a, asinRational(s, mul(a, a))));
  const z = mul(sub(f(1), a), f(0.5));
  const root = sqrt(z);
  const high = s.op("bitsf", s.op("iand", s.op("fbits", root), s.i(0xfffff000)));
  // At 1 and -1 there is no rest, and nothing to divide it by.
  const c = select(lt(f(0), z), div(sub(z, mul(high, high)), add(root, high)), f(0));
  const r = asinRational(s, z);
  const [pioLow, quarter] = [f(-4.37113900018624283e-8), f(0.785398185253143311)];
  const p = sub(mul(mul(f(2), root), r), sub(pioLow, mul(f(2), c)));
  const q = sub(quarter, mul(f(2), high));
  const far = sub(quarter, sub(p, q));
  const result = select(lt(a, f(0.5)), near, far);
  return copySign(s, select(lt(f(1), a), f(NaN), result), x);
};

export const acos: Unary = (s, x) => {
  const { f, add, sub, mul, div, sqrt, lt, select, abs } = arithmetic(s);
  const [high, low] = [f(1.57079637050628662), f(-4.37113900018624283e-8)];
  const a = abs(x);
  const middle = sub(high, sub(x, sub(low, mul(x, asinRational(s, mul(x, x))))));
  const z = mul(sub(f(1), a), f(0.5));
  const root = sqrt(z);
  const r = asinRational(s, z);
  const df = s.op("bitsf", s.op("iand", s.op("fbits", root), s.i(0xfffff000)));
  const c = div(sub(z, mul(df, df)), add(root, df));
  const positive = mul(f(2), add(df, add(mul(r, root), select(lt(f(0), z), c, f(0)))));
  const negative = mul(f(2), sub(high, add(root, sub(mul(r, root), low))));
  const result = select(lt(a, f(0.5)), middle, select(lt(x, f(0)), negative, positive));
  return select(lt(f(1), a), f(NaN), result);
};
