import type { Random } from "../../../runner/machine/prng.ts";

/*
 * The scalar instructions in JavaScript's own arithmetic, on 64-bit registers (unsigned bigints). Every f32 operation
 * is Math.fround of a binary64 one; conversions from ints round once, in bigints.
 */
const word = new Uint32Array(1);
const single = new Float32Array(word.buffer);
const NAN = 0x7fc00000n;

const value = (bits: bigint): number => {
  word[0] = Number(bits);
  return single[0] ?? 0;
};
const bits = (number: number): bigint => {
  if (Number.isNaN(number)) return NAN;
  single[0] = number;
  return BigInt(word[0] ?? 0);
};

/** |v| <= 2^64 to the nearest f32, even of two, by cutting it to 24 bits. */
const roundOnce = (v: bigint): number => {
  const magnitude = v < 0n ? -v : v;
  const places = BigInt(Math.max(0, magnitude.toString(2).length - 24));
  const half = places === 0n ? 0n : 1n << (places - 1n);
  const rest = magnitude & ((1n << places) - 1n);
  const whole = magnitude >> places;
  const up = places > 0n && (rest > half || (rest === half && whole % 2n === 1n));
  const rounded = Number(whole + (up ? 1n : 0n)) * 2 ** Number(places);
  return v < 0n ? -rounded : rounded;
};

const toInt = (a: number): bigint => {
  if (Number.isNaN(a)) return 0n;
  if (Math.abs(a) >= 2 ** 63) return a < 0 ? -(2n ** 63n) : 2n ** 63n - 1n;
  return BigInt(Math.trunc(a));
};

const rint = (a: number): number => {
  if (!Number.isFinite(a) || Math.abs(a) >= 2 ** 24) return a;
  const low = Math.floor(a);
  const up = a - low > 0.5 || (a - low === 0.5 && low % 2 !== 0);
  const nearest = up ? low + 1 : low;
  return nearest === 0 ? Math.sign(a) * 0 : nearest;
};

type Unary = (a: number) => number;
type Binary = (a: number, b: number) => number;
const unary = (f: Unary) => (a: bigint) => bits(Math.fround(f(value(a))));
const binary = (f: Binary) => (a: bigint, b: bigint) => bits(Math.fround(f(value(a), value(b))));
const compare = (f: (a: number, b: number) => boolean) => (a: bigint, b: bigint) => (f(value(a), value(b)) ? 1n : 0n);
const signed = (f: (a: bigint, b: bigint) => bigint) => (a: bigint, b: bigint) =>
  f(BigInt.asIntN(64, a), BigInt.asIntN(64, b));
const int = (condition: boolean): bigint => (condition ? 1n : 0n);

export interface ScalarRow {
  readonly name: string;
  readonly op: number;
  /** What a and b are drawn from. `dtype`: the field of wrap. */
  readonly takes: "f" | "ff" | "i" | "ii" | "dtype";
  readonly reference: (a: bigint, b: bigint) => bigint;
}

const WIDTHS = [0, 64, 32, 16, 8, 64, 32, 16, 8, 8];

/** Every opcode but select and index, which have no arithmetic. */
export const SCALAR_ROWS: readonly ScalarRow[] = [
  { name: "fadd", op: 0x01, takes: "ff", reference: binary((a, b) => a + b) },
  { name: "fsub", op: 0x02, takes: "ff", reference: binary((a, b) => a - b) },
  { name: "fmul", op: 0x03, takes: "ff", reference: binary((a, b) => a * b) },
  { name: "fdiv", op: 0x04, takes: "ff", reference: binary((a, b) => a / b) },
  { name: "fsqrt", op: 0x05, takes: "f", reference: unary(Math.sqrt) },
  { name: "fneg", op: 0x06, takes: "f", reference: unary((a) => -a) },
  { name: "fabs", op: 0x07, takes: "f", reference: unary(Math.abs) },
  { name: "fmin", op: 0x08, takes: "ff", reference: binary(Math.min) },
  { name: "fmax", op: 0x09, takes: "ff", reference: binary(Math.max) },
  { name: "ffloor", op: 0x0a, takes: "f", reference: unary(Math.floor) },
  { name: "fceil", op: 0x0b, takes: "f", reference: unary(Math.ceil) },
  { name: "ftrunc", op: 0x0c, takes: "f", reference: unary(Math.trunc) },
  { name: "frint", op: 0x0d, takes: "f", reference: unary(rint) },
  { name: "feq", op: 0x0e, takes: "ff", reference: compare((a, b) => a === b) },
  { name: "flt", op: 0x0f, takes: "ff", reference: compare((a, b) => a < b) },
  { name: "fle", op: 0x10, takes: "ff", reference: compare((a, b) => a <= b) },
  { name: "f2i", op: 0x11, takes: "f", reference: (a) => toInt(value(a)) },
  { name: "i2f", op: 0x12, takes: "i", reference: (a) => bits(roundOnce(BigInt.asIntN(64, a))) },
  { name: "u2f", op: 0x13, takes: "i", reference: (a) => bits(roundOnce(a)) },
  { name: "fbits", op: 0x14, takes: "f", reference: (a) => bits(value(a)) },
  { name: "bitsf", op: 0x15, takes: "i", reference: (a) => bits(value(a & 0xffffffffn)) },
  { name: "iadd", op: 0x20, takes: "ii", reference: (a, b) => a + b },
  { name: "isub", op: 0x21, takes: "ii", reference: (a, b) => a - b },
  { name: "imul", op: 0x22, takes: "ii", reference: (a, b) => a * b },
  { name: "idiv", op: 0x23, takes: "ii", reference: signed((a, b) => (b === 0n ? 0n : a / b)) },
  { name: "irem", op: 0x24, takes: "ii", reference: signed((a, b) => (b === 0n ? 0n : a % b)) },
  { name: "udiv", op: 0x25, takes: "ii", reference: (a, b) => (b === 0n ? 0n : a / b) },
  { name: "urem", op: 0x26, takes: "ii", reference: (a, b) => (b === 0n ? 0n : a % b) },
  { name: "iand", op: 0x27, takes: "ii", reference: (a, b) => a & b },
  { name: "ior", op: 0x28, takes: "ii", reference: (a, b) => a | b },
  { name: "ixor", op: 0x29, takes: "ii", reference: (a, b) => a ^ b },
  { name: "ishl", op: 0x2a, takes: "ii", reference: (a, b) => (b >= 64n ? 0n : a << b) },
  { name: "ishr", op: 0x2b, takes: "ii", reference: (a, b) => BigInt.asIntN(64, a) >> (b >= 64n ? 63n : b) },
  { name: "ushr", op: 0x2c, takes: "ii", reference: (a, b) => (b >= 64n ? 0n : a >> b) },
  { name: "imin", op: 0x2d, takes: "ii", reference: signed((a, b) => (a < b ? a : b)) },
  { name: "imax", op: 0x2e, takes: "ii", reference: signed((a, b) => (a > b ? a : b)) },
  { name: "ieq", op: 0x2f, takes: "ii", reference: (a, b) => int(a === b) },
  { name: "ilt", op: 0x30, takes: "ii", reference: signed((a, b) => int(a < b)) },
  { name: "ult", op: 0x31, takes: "ii", reference: (a, b) => int(a < b) },
  {
    name: "wrap",
    op: 0x32,
    takes: "dtype",
    reference: (a, b) => {
      const width = WIDTHS[Number(b)] ?? 64;
      return b <= 4n ? BigInt.asIntN(width, a) : BigInt.asUintN(width, a);
    },
  },
];

const EDGES: readonly number[] = [
  ...[0x00000000, 0x00000001, 0x00000002, 0x007fffff, 0x00800000, 0x00800001, 0x00ffffff, 0x01000000],
  ...[0x3f000000, 0x3effffff, 0x3f000001, 0x3f7fffff, 0x3f800000, 0x3f800001, 0x3fc00000, 0x40200000, 0x40000000],
  ...[0x4a7fffff, 0x4a800001, 0x4affffff, 0x4b000000, 0x4b000001, 0x4b7fffff, 0x4b800000],
  ...[0x4effffff, 0x4f000000, 0x5effffff, 0x5f000000, 0x5f7fffff, 0x5f800000],
  ...[0x7effffff, 0x7f000000, 0x7f7ffffe, 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fbfffff, 0x7fc00000, 0x7fffffff],
];

/** One f32 pattern: edges, subnormals, powers of two and neighbours, few mantissa bits, halves, and any bits. */
const f32Bits = (random: Random): number => {
  const sign = random.below(2) * 2 ** 31;
  const exponent = random.below(255);
  switch (random.below(8)) {
    case 0:
      return sign + random.pick(EDGES);
    case 1:
      return sign + random.below(0x01000000);
    case 2:
      return sign + Math.max(0, exponent * 2 ** 23 + random.below(3) - 1);
    case 3:
      return sign + exponent * 2 ** 23 + ((random.below(16) << 19) & 0x7fffff);
    case 4:
      return sign + exponent * 2 ** 23 + 2 ** random.below(23);
    case 5:
      // Around integers and halves.
      return sign + (120 + random.below(34)) * 2 ** 23 + ((random.u32() << random.below(23)) & 0x7fffff);
    default:
      return random.u32();
  }
};

/** A partner for `a` that makes sums cancel or tie, products underflow or overflow, quotients come close to ties. */
const partner = (random: Random, a: number): number => {
  const exponent = (a >>> 23) & 0xff;
  const sign = random.below(2) * 2 ** 31;
  const at = (field: number): number => sign + Math.min(255, Math.max(0, field)) * 2 ** 23;
  switch (random.below(8)) {
    case 0:
      return (a ^ 0x80000000) >>> 0;
    case 1:
      return ((a ^ 0x80000000) + random.below(5) - 2) >>> 0;
    case 2:
      // Half and quarter places of a: ties, and just beside them.
      return (at(exponent - 24 - random.below(2)) + random.pick([0, 1, 0x400000, 0x7fffff])) >>> 0;
    case 3:
      return (at(exponent - random.below(30)) + (random.u32() & 0x7fffff)) >>> 0;
    case 4:
      // Products near the smallest numbers.
      return (at(127 - exponent + random.below(30)) + (random.u32() & random.pick([0x7fffff, 0x700000]))) >>> 0;
    case 5:
      // Products near the largest.
      return (at(381 - exponent - random.below(4)) + (random.u32() & 0x7fffff)) >>> 0;
    default:
      return f32Bits(random);
  }
};

const intBits = (random: Random): bigint => {
  const any = (BigInt(random.u32()) << 32n) | BigInt(random.u32());
  const near = BigInt(random.below(5) - 2);
  switch (random.below(6)) {
    case 0:
      return BigInt.asUintN(64, (1n << BigInt(random.below(65))) + near);
    case 1:
      return BigInt.asUintN(64, -(1n << BigInt(random.below(65))) + near);
    case 2:
      return BigInt.asUintN(64, near * 32n + BigInt(random.below(70)));
    case 3: {
      // 24 bits, a half, and something or nothing far below: where rounding twice would err.
      const head = (BigInt(random.u32() | 0x800000) & 0xffffffn) << 40n;
      return BigInt.asUintN(64, (head + (1n << 39n) + near) >> BigInt(random.below(40)));
    }
    case 4:
      return any >> BigInt(random.below(64));
    default:
      return any;
  }
};

/** Operands of one instruction, as registers. */
export const operandsFor = (random: Random, takes: ScalarRow["takes"]): readonly [bigint, bigint] => {
  if (takes === "f") return [BigInt(f32Bits(random)), 0n];
  if (takes === "ff") {
    const a = f32Bits(random);
    const b = partner(random, a);
    return random.below(2) === 0 ? [BigInt(a), BigInt(b)] : [BigInt(b), BigInt(a)];
  }
  if (takes === "i") return [intBits(random), 0n];
  if (takes === "ii") return [intBits(random), random.below(8) === 0 ? 0n : intBits(random)];
  return [intBits(random), BigInt(1 + random.below(9))];
};
