import type { Ref, StageBuilder } from "../stage.ts";
import { arithmetic, clamp, negateIf } from "./arithmetic.ts";
import { splitExponent } from "./logarithm.ts";

/** The two parts of a product of f32: a b = high + low exactly, barring over- and underflow (Dekker's splitting). */
const exactProduct = (s: StageBuilder, a: Ref, b: Ref): readonly [Ref, Ref] => {
  const { add, sub, mul } = arithmetic(s);
  const split = (v: Ref): readonly [Ref, Ref] => {
    const high = s.op("bitsf", s.op("iand", s.op("fbits", v), s.i(0xfffff000)));
    return [high, sub(v, high)];
  };
  const high = mul(a, b);
  const [ah, al] = split(a);
  const [bh, bl] = split(b);
  const low = add(add(add(sub(mul(ah, bh), high), mul(ah, bl)), mul(al, bh)), mul(al, bl));
  return [high, low];
};

/** x^y: 2^(y log2 x) with log2 x in two parts, and the special cases of IEEE 754 pow. */
export const pow = (s: StageBuilder, x: Ref, y: Ref): Ref => {
  const { f, add, sub, mul, div, lt, le, eq, select, abs } = arithmetic(s);
  const a = abs(x);
  const { k, m } = splitExponent(s, a);
  // log2 m = 2/ln 2 atanh(t), t = (m - 1) / (m + 1) in two parts.
  const [num, den] = [sub(m, f(1)), add(m, f(1))];
  const denLow = sub(m, sub(den, f(1)));
  const t = div(num, den);
  const [ph, pl] = exactProduct(s, t, den);
  const tl = div(sub(sub(sub(num, ph), pl), mul(t, denLow)), den);
  const z = mul(t, t);
  const series = mul(
    mul(t, z),
    add(f(1 / 3), mul(z, add(f(1 / 5), mul(z, add(f(1 / 7), mul(z, add(f(1 / 9), mul(z, f(1 / 11))))))))),
  );
  // ln m / 2 = t + (tl + series); times 2 / ln 2 in two parts.
  const c = 2 / Math.LN2;
  const ch = Math.fround(c);
  const [lh, ll] = exactProduct(s, t, f(ch));
  const low0 = add(ll, add(mul(t, f(c - ch)), mul(add(tl, series), f(ch))));
  const dk = s.op("i2f", k);
  const sum = add(dk, lh);
  const lost = select(le(abs(lh), abs(dk)), sub(lh, sub(sum, dk)), sub(dk, sub(sum, lh)));
  const low1 = add(lost, low0);
  const high = add(sum, low1);
  const low = sub(low1, sub(high, sum));
  // y log2 x = e + g in two parts.
  const [eh, el0] = exactProduct(s, y, high);
  const el = add(el0, mul(y, low));
  const bounded = clamp(s, eh, -200, 200);
  const n = s.op("frint", bounded);
  const g = sub(bounded, n);
  const gl = select(lt(abs(eh), f(200)), el, f(0));
  // 2^(g + gl), |g| <= 1/2.
  const [vh, vl] = exactProduct(s, g, f(0.693147182464599609));
  const v = add(vl, add(mul(g, f(-1.904654323148236e-9)), mul(gl, f(Math.LN2))));
  const r = add(vh, v);
  const rl = sub(v, sub(r, vh));
  const r2 = mul(r, r);
  const poly = mul(
    r2,
    add(f(0.5), mul(r, add(f(1 / 6), mul(r, add(f(1 / 24), mul(r, add(f(1 / 120), mul(r, f(1 / 720))))))))),
  );
  // 1 + r in two parts, the rest added to the smaller: one rounding in the end.
  const whole = add(f(1), r);
  const left = sub(r, sub(whole, f(1)));
  const e = add(whole, add(left, add(rl, add(poly, mul(r, rl)))));
  const ni = s.op("f2i", n);
  const firstHalf = s.op("ishr", ni, s.i(1));
  const scale = (p: Ref): Ref => s.op("bitsf", s.op("ishl", s.op("iadd", p, s.i(127)), s.i(23)));
  const magnitude = mul(mul(e, scale(firstHalf)), scale(s.op("isub", ni, firstHalf)));

  const integral = eq(s.op("ffloor", y), y);
  const halfY = mul(y, f(0.5));
  const odd = s.op("iand", integral, s.op("ieq", eq(s.op("ffloor", halfY), halfY), s.i(0)));
  const negative = s.op("ushr", s.op("fbits", x), s.i(31));
  const flip = s.op("iand", negative, odd);
  // Magnitudes at the edges: 0 and inf to powers, |x| < 1 and > 1 to infinite powers.
  const infinity = f(Infinity);
  const up = lt(f(0), y);
  const ofZero = select(up, f(0), infinity);
  const ofInfinity = select(up, infinity, f(0));
  const toInfinity = select(eq(a, f(1)), f(1), select(s.op("ieq", lt(f(1), a), up), infinity, f(0)));
  const edge = select(
    eq(a, f(0)),
    ofZero,
    select(eq(a, infinity), ofInfinity, select(eq(abs(y), infinity), toInfinity, magnitude)),
  );
  const signed = negateIf(s, flip, edge);
  const finiteBase = lt(a, infinity);
  const imaginary = s.op("iand", s.op("iand", lt(x, f(0)), s.op("ieq", integral, s.i(0))), finiteBase);
  const real = select(imaginary, f(NaN), signed);
  const nan = s.op("ieq", s.op("iand", eq(x, x), eq(y, y)), s.i(0));
  const withNaN = select(nan, f(NaN), real);
  return select(s.op("ior", eq(y, f(0)), eq(x, f(1))), f(1), withNaN);
};
