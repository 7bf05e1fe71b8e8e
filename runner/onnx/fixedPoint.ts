import type { Ref, StageBuilder } from "./stage.ts";

/*
 * log and exp as the C library behind onnxruntime-web computes them: a table and a short polynomial in binary64,
 * rounded once to binary32. The machine has no binary64, so the same polynomials are evaluated in 64-bit fixed point,
 * whose error is below that of binary64 itself: the rounded results are the same, but for the rare argument whose
 * result lies closer to a rounding boundary than both errors. "Qn" below: an int that stands for itself over 2^n.
 */

/** 1/c (Q53) and ln c (Q60) of sixteen intervals from 0.699 to 1.398: constants published with ARM's math routines. */
const LOG_TABLE: readonly (readonly [bigint, bigint])[] = [
  [0x2cc3d8f3f1e77cn, -387025757104945024n],
  [0x2ae3da955f107an, -337695385384089280n],
  [0x292a73e1e02160n, -290389403938757056n],
  [0x27932b6170070an, -244948190317813024n],
  [0x261a321910c94an, -201230287425694464n],
  [0x24bc44f6171d40n, -159109747626221568n],
  [0x2376949434687en, -118473945165915616n],
  [0x2246b1e115cb74n, -79221761187630272n],
  [0x212a7e8332014en, -41262067684499696n],
  [0x20000000000000n, 0n],
  [0x1e608cfd9a47acn, 60004004269313056n],
  [0x1ca4b31f026aa0n, 127760204461960000n],
  [0x1b2036576afce6n, 190519727965823232n],
  [0x19c2d163a1aa2dn, 250038571934215680n],
  [0x1886e6037841edn, 306635041832679488n],
  [0x1767dcf5534862n, 360582733488685632n],
];

/** Coefficients of r^4 (Q62), r^3 (Q64) and r^2 (Q62) of ln(1 + r) - r, and ln 2 (Q56). */
const LOG_A0 = -1157041687009375232n;
const LOG_A1 = 6151191617327704064n;
const LOG_A2 = -2305841849744564992n;
const LN2 = 49946518145322872n;

/** 2^(i/32), Q62. */
const POWER_TABLE: readonly bigint[] = [
  0x4000000000000000n,
  0x4166c34c5615d000n,
  0x42d561b3e6243c00n,
  0x444c0740496d4400n,
  0x45cae0f1f545ec00n,
  0x47521cc5a2e6a800n,
  0x48e1e9b9d588e000n,
  0x4a7a77d47f7b8400n,
  0x4c1bf828c6dc5400n,
  0x4dc69cdceaa72c00n,
  0x4f7a993048d08800n,
  0x513821818624b400n,
  0x52ff6b54d8a89c00n,
  0x54d0ad5a753e0800n,
  0x56ac1f752150a400n,
  0x5891fac0e9561400n,
  0x5a827999fcef3400n,
  0x5c7dd7a3b17dd000n,
  0x5e8451cfac061c00n,
  0x6096266533384c00n,
  0x62b39508aa836c00n,
  0x64dcdec337179400n,
  0x6712460a8fc24000n,
  0x69540ec8f8957400n,
  0x6ba27e656b4eb400n,
  0x6dfddbcbed791c00n,
  0x70666f76154a7000n,
  0x72dc8373be41a400n,
  0x75606373ee921c00n,
  0x77f25ccdee6d7c00n,
  0x7a92be8a92436800n,
  0x7d41d96db9150000n,
];

/** 32 / ln 2 (Q57) and the coefficients of 2^(r/32): r^3 (Q82), r^2 (Q75), r (Q68). */
const INVERSE_LN2 = 6653256548922161152n;
const EXP_C0 = 8190887936138301440n;
const EXP_C1 = 8862865555557960704n;
const EXP_C2 = 6393154323815815168n;

/** The high 64 bits of the product of two signed ints: Qa times Qb gives Q(a + b - 64). */
const multiplyHigh = (s: StageBuilder, a: Ref, b: Ref): Ref => {
  const mask = s.i(0xffffffff);
  const shift = s.i(32);
  const [al, ah] = [s.op("iand", a, mask), s.op("ishr", a, shift)];
  const [bl, bh] = [s.op("iand", b, mask), s.op("ishr", b, shift)];
  const middle = s.op("iadd", s.op("imul", ah, bl), s.op("ushr", s.op("imul", al, bl), shift));
  const other = s.op("iadd", s.op("imul", al, bh), s.op("iand", middle, mask));
  const carries = s.op("iadd", s.op("ishr", middle, shift), s.op("ishr", other, shift));
  return s.op("iadd", s.op("imul", ah, bh), carries);
};

/** The entry of a table at an int index, by a tree of selections over the index's bits. */
const lookUp = (s: StageBuilder, index: Ref, table: readonly bigint[]): Ref => {
  let level = table.map((entry) => s.i(entry));
  for (let bit = 1; level.length > 1; bit *= 2) {
    const odd = s.op("iand", index, s.i(bit));
    level = level.flatMap((entry, i) => (i % 2 === 0 ? [s.select(odd, level[i + 1] ?? entry, entry)] : []));
  }
  return level[0] ?? s.i(0);
};

const down = (s: StageBuilder, value: Ref, bits: number): Ref => s.op("ishr", value, s.i(bits));
const up = (s: StageBuilder, value: Ref, bits: number): Ref => s.op("ishl", value, s.i(bits));
const add = (s: StageBuilder, ...terms: readonly Ref[]): Ref => terms.reduce((sum, term) => s.op("iadd", sum, term));

/** Natural logarithm. */
export const log = (s: StageBuilder, x: Ref): Ref => {
  const tiny = s.op("flt", x, s.f(2 ** -126));
  const bits = s.op("fbits", s.select(tiny, s.op("fmul", x, s.f(2 ** 23)), x));
  const moved = s.op("isub", bits, s.i(0x3f330000));
  const index = s.op("iand", s.op("ushr", moved, s.i(19)), s.i(15));
  const shift = down(s, moved, 23);
  const k = s.op("isub", shift, s.select(tiny, s.i(23), s.i(0)));
  // z = x / 2^k between 0.699 and 1.398, as an int (Q24).
  const z = s.op("f2i", s.op("fmul", s.op("bitsf", s.op("isub", bits, up(s, shift, 23))), s.f(2 ** 24)));
  const inverse = lookUp(
    s,
    index,
    LOG_TABLE.map(([c]) => c),
  );
  const logC = lookUp(
    s,
    index,
    LOG_TABLE.map(([, l]) => l),
  );
  // r = z / c - 1, Q62 and Q66.
  const upper = down(s, inverse, 26);
  const high = s.op("isub", s.op("imul", z, upper), s.i(1n << 51n));
  const low = s.op("imul", z, s.op("isub", inverse, up(s, upper, 26)));
  const r = add(s, up(s, high, 11), down(s, low, 15));
  const wide = up(s, r, 4);
  const square = multiplyHigh(s, wide, wide); // Q68
  const linear = down(s, multiplyHigh(s, wide, s.i(LOG_A1)), 4);
  const quadratic = down(s, multiplyHigh(s, square, s.i(LOG_A0)), 4);
  const tail = multiplyHigh(s, add(s, linear, quadratic, s.i(LOG_A2)), square); // Q66
  // Without a power of two the sum is below 1 and kept to Q62, otherwise to Q56.
  const small = s.op("iadd", r, down(s, tail, 4));
  const near = s.op("iadd", up(s, logC, 2), small);
  const far = add(s, s.op("imul", k, s.i(LN2)), down(s, logC, 4), down(s, small, 6));
  const isNear = s.op("ieq", k, s.i(0));
  const value = s.op("fmul", s.op("i2f", s.select(isNear, near, far)), s.select(isNear, s.f(2 ** -62), s.f(2 ** -56)));
  const finite = s.select(s.op("flt", x, s.f(Infinity)), value, x);
  const positive = s.select(s.op("flt", x, s.f(0)), s.f(NaN), finite);
  return s.select(s.op("feq", x, s.f(0)), s.f(-Infinity), positive);
};

/** e^x, correctly rounded but for about one argument in five hundred. */
export const expOfLibrary = (s: StageBuilder, x: Ref): Ref => {
  const bounded = s.op("fmin", s.op("fmax", x, s.f(-110)), s.f(100));
  const fixed = s.op("f2i", s.op("fmul", bounded, s.f(2 ** 56)));
  const turns = multiplyHigh(s, fixed, s.i(INVERSE_LN2)); // 32 x / ln 2, Q49
  const k = down(s, s.op("iadd", turns, s.i(1n << 48n)), 49);
  const r = up(s, s.op("isub", turns, up(s, k, 49)), 14); // Q63
  const square = multiplyHigh(s, r, r); // Q62
  const linear = down(s, multiplyHigh(s, r, s.i(EXP_C2)), 5);
  const cubic = add(s, down(s, multiplyHigh(s, r, s.i(EXP_C0)), 6), s.i(EXP_C1)); // Q75
  const rest = down(s, multiplyHigh(s, cubic, square), 11);
  const y = add(s, s.i(1n << 62n), linear, rest);
  const table = lookUp(s, s.op("iand", k, s.i(31)), POWER_TABLE);
  const product = multiplyHigh(s, y, table); // Q60
  const value = s.op("fmul", s.op("i2f", product), s.f(2 ** -60));
  const exponent = down(s, k, 5);
  const half = down(s, exponent, 1);
  const scale = (n: Ref): Ref => s.op("bitsf", up(s, s.op("iadd", n, s.i(127)), 23));
  const normal = s.op("fmul", s.op("fmul", value, scale(half)), scale(s.op("isub", exponent, half)));
  // Below 2^-126 the product is rounded once, to a multiple of 2^-149.
  const drop = s.op("imin", s.op("imax", s.op("isub", s.i(-89), exponent), s.i(1)), s.i(62));
  const even = s.op("iand", s.op("ishr", product, drop), s.i(1));
  const nearly = s.op("isub", s.op("ishl", s.i(1), s.op("isub", drop, s.i(1))), s.i(1));
  const units = s.op("ishr", add(s, product, nearly, even), drop);
  const subnormal = s.op("bitsf", units);
  const result = s.select(s.op("ilt", exponent, s.i(-126)), subnormal, normal);
  return s.select(s.op("feq", x, x), result, s.f(NaN));
};

/** pi/2 (Q62), and the coefficients of sine (Q64, Q69, Q74, Q81) and cosine (Q63, Q67, Q72, Q78) in z = r^2. */
const HALF_PI = 7244019458077122842n;
const SINE = [-3074457340999167488n, 4919129422829635584n, -3747544394896435200n, 6572473901679025152n] as const;
const COSINE = [-4611685993072624128n, 6148908294949373952n, -6557838780474629120n, 7371560825452078080n] as const;

/**
 * Sine and cosine of what is left of an angle (Q64 of a quarter turn, at most half of it), as f32. One of them per
 * element is wanted: `cosine` says which.
 */
export const sineOrCosine = (s: StageBuilder, left: Ref, cosine: Ref): Ref => {
  const r = multiplyHigh(s, left, s.i(HALF_PI)); // Q62
  const z = up(s, multiplyHigh(s, r, r), 2); // Q62
  const [s1, s2, s3, s4] = SINE;
  const [c0, c1, c2, c3] = COSINE;
  const pick = (ofCosine: bigint, ofSine: bigint): Ref => s.select(cosine, s.i(ofCosine), s.i(ofSine));
  // One Horner chain serves both: only the coefficients and the shifts between their scales differ.
  const shift = (ofCosine: number, ofSine: number): Ref => s.select(cosine, s.i(ofCosine), s.i(ofSine));
  const step = (p: Ref, by: Ref, coefficient: Ref): Ref =>
    s.op("iadd", s.op("ishr", multiplyHigh(s, z, p), by), coefficient);
  const third = step(pick(c3, s4), shift(4, 5), pick(c2, s3));
  const second = step(third, s.i(3), pick(c1, s2));
  const first = step(second, shift(2, 3), pick(c0, s1));
  const series = multiplyHigh(s, z, first); // cosine: Q61, sine: Q62
  const ofCosine = s.op("iadd", up(s, series, 1), s.i(1n << 62n));
  const ofSine = s.op("iadd", r, up(s, multiplyHigh(s, r, series), 2));
  return s.op("fmul", s.op("i2f", s.select(cosine, ofCosine, ofSine)), s.f(2 ** -62));
};
