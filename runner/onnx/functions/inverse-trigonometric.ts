import { lastItem } from "../../items.ts";
import type { Ref, StageBuilder } from "../build/stage.ts";
import { arithmetic, copySign, type Unary } from "./arithmetic.ts";
import { add, down, multiplyHigh, up } from "./fixed-point.ts";

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
    rows.slice(0, -1).reduceRight((rest, row) => select(lt(a, f(row[0])), field(row), rest), field(lastItem(rows)));
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

/** asin(x)/x - 1 for z = x^2, as a rational function. */
const asinRational = (s: StageBuilder, z: Ref): Ref => {
  const { f, add, mul, div } = arithmetic(s);
  const p = mul(z, add(f(1.6666586697e-1), mul(z, add(f(-4.2743422091e-2), mul(z, f(-8.656363003e-3))))));
  return div(p, add(f(1), mul(z, f(-7.066296339e-1))));
};

/** x^2 below 1/2 and (1 - |x|) / 2 from there on, and the rational function of that. */
const asinParts = (s: StageBuilder, a: Ref): { readonly low: Ref; readonly z: Ref; readonly rational: Ref } => {
  const { f, sub, mul, lt, select } = arithmetic(s);
  const low = lt(a, f(0.5));
  const z = select(low, mul(a, a), mul(sub(f(1), a), f(0.5)));
  return { low, z, rational: asinRational(s, z) };
};

/** The square root (Q62) of a multiple of 2^-25 that is at most 1/4: the f32 one and what it lacks. */
const wideRoot = (s: StageBuilder, z: Ref): Ref => {
  const root = s.op("f2i", s.op("fmul", s.op("fsqrt", z), s.f(2 ** 37)));
  const whole = up(s, s.op("f2i", s.op("fmul", z, s.f(2 ** 25))), 49);
  // z - root^2, less than 2^49 in Q74, modulo 2^64; over 2 root that is 26 bits, over what is left of it more.
  const lacking = up(s, s.op("isub", whole, s.op("imul", root, root)), 13); // Q87
  const twice = s.op("iadd", root, root); // Q37
  const first = s.op("idiv", lacking, twice); // Q50
  const rest = s.op("isub", lacking, s.op("imul", first, s.op("iadd", twice, down(s, first, 13))));
  const second = s.op("idiv", up(s, rest, 12), twice); // Q62
  return add(s, up(s, root, 25), up(s, first, 12), second);
};

/** pi/2 as binary64 has it, Q61. */
const HALF_PI = 3622009729038561280n;

export const asin: Unary = (s, x) => {
  const { f, mul, select, le, abs } = arithmetic(s);
  const a = abs(x);
  const { low, z, rational } = asinParts(s, a);
  const near = s.op("fadd", a, mul(a, rational));
  // pi/2 - 2 (root + root * rational), rounded once.
  const root = wideRoot(s, z);
  const product = multiplyHigh(s, root, s.op("f2i", mul(rational, f(2 ** 62)))); // Q60
  const angle = s.op("isub", s.i(HALF_PI), s.op("iadd", root, up(s, product, 2)));
  const far = mul(s.op("i2f", angle), f(2 ** -61));
  return select(le(a, f(1)), copySign(s, select(low, near, far), x), f(NaN));
};

export const acos: Unary = (s, x) => {
  const { f, add, sub, mul, div, sqrt, lt, le, select, abs } = arithmetic(s);
  // pi/2 in two parts.
  const [high, rest] = [s.bits(0x3fc90fda), s.bits(0x33a22168)];
  const a = abs(x);
  const { low, z, rational } = asinParts(s, a);
  const middle = sub(high, sub(x, sub(rest, mul(x, rational))));
  const root = sqrt(z);
  const product = mul(rational, root);
  const leading = s.op("bitsf", s.op("iand", s.op("fbits", root), s.i(0xfffff000)));
  // At 1 and -1 the library ends: the root lacks nothing, and pi is its leading part alone.
  const inside = lt(f(0), z);
  const c = select(inside, div(sub(z, mul(leading, leading)), add(root, leading)), f(0));
  const positive = mul(f(2), add(leading, add(product, c)));
  const negative = mul(f(2), sub(high, add(root, sub(product, select(inside, rest, f(0))))));
  const far = select(lt(x, f(0)), negative, positive);
  return select(le(a, f(2 ** -26)), high, select(low, middle, far));
};
