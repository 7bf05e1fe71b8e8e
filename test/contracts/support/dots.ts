import { type DType, DTYPE_BYTES } from "../../../runner/machine/dtype.ts";
import type { Affine, Constant, Guard, Instruction, Kernel, Operand, Read } from "../../../runner/machine/kernel.ts";
import type { Random } from "../../../runner/machine/prng.ts";
import { randomF32Bits, randomInt, type RandomKernel } from "../../../testing/random-kernels.ts";
import { createTensor, setElementBits, type Tensor } from "../../../runner/machine/tensor.ts";

/*
 * Random kernels of the forms that the contract has fast paths for: dot products and sums, with padding by guards and
 * by range, zero points, runs that cross leaves, and, now and then, something that makes them fall off the path.
 */

const product = (dims: readonly number[]): number => dims.reduce((p, d) => p * d, 1);

/** What the elements of an f32 operand look like: from what networks hold to what hurts. */
const f32Element = (random: Random, mood: number): bigint => {
  if (mood === 0) return BigInt(randomF32Bits(random));
  if (random.chance(mood === 1 ? 0.5 : 0.05)) return 0n;
  if (mood === 2 && random.chance(0.02)) return BigInt(randomF32Bits(random));
  const spread = mood === 3 ? random.between(1, 254) : random.between(100, 150);
  const mantissa = random.chance(0.3) ? random.u32() & 0x700000 : random.u32() & 0x7fffff;
  return BigInt(((random.below(2) << 31) | (spread << 23) | mantissa) >>> 0);
};

const tensorOf = (random: Random, dtype: DType, length: number): Tensor => {
  const tensor = createTensor(dtype, length);
  const mood = random.below(5);
  const width = 8 * DTYPE_BYTES[dtype];
  for (let i = 0; i < length; i++) {
    setElementBits(tensor, i, dtype === "f32" ? f32Element(random, mood) : BigInt.asUintN(width, random.u64()));
  }
  return tensor;
};

/** Row-major strides over the last dimensions, so that the innermost is contiguous. */
const contiguous = (dims: readonly number[]): number[] => dims.map((_, d) => product(dims.slice(d + 1)));

export function randomDot(random: Random): RandomKernel {
  const float = random.chance(0.5);
  const sum = float && random.chance(0.2);
  const square = !sum && random.chance(0.05);
  const dtypes: readonly DType[] = float ? ["f32"] : ["i8", "u8", "i8", "u8", "bool", "i16"];
  const outer = random.between(1, 4);
  const dims = [random.pick([1, 2, 7, 8, 9, 31, 32, 33, 64, 100, 300])];
  for (let i = random.below(4); i > 0; i--) {
    const dim = random.pick([1, 2, 3, 5, 8]);
    if (dim * product(dims) <= 500) dims.unshift(dim);
  }
  if (random.chance(0.2)) dims.push(1);
  const steps = product(dims);
  const shape = [outer];

  const operands: Operand[] = [];
  const tensors: Tensor[] = [];
  const reads: Read[] = [];
  for (let i = 0; i < (sum || square ? 1 : 2); i++) {
    const dtype = random.pick(dtypes);
    const padded = random.chance(0.4);
    const length = padded ? Math.max(1, Math.floor(steps * outer * 0.8)) : steps * outer;
    const tensor = tensorOf(random, dtype, length);
    tensors.push(tensor);
    operands.push({ space: i === 0 ? "input" : "constant", index: i, dtype, length });
    const strides = [random.chance(0.8) ? steps : 0, ...contiguous(dims)];
    if (random.chance(0.1)) strides[1 + random.below(dims.length)] = random.between(-2, 3);
    if (random.chance(0.1)) strides[strides.length - 1] = 0;
    const base = padded ? random.between(-Math.min(steps, 40), 10) : 0;
    const guards: Guard[] = [];
    if (random.chance(0.3)) {
      const over = random.below(dims.length);
      const affine: Affine = { base: random.between(-2, 1), strides: [0, ...dims.map((_, d) => (d === over ? 1 : 0))] };
      guards.push({ ...affine, bound: Math.max(1, (dims[over] ?? 1) - 1) });
    }
    const value = float ? f32Element(random, random.pick([0, 1, 4])) : randomInt(random);
    const fill = random.chance(0.6) ? 0n : value;
    const gather = { operand: operands.length - 1, base: 0, strides: strides.map(() => 0), bound: 4, stride: 1 };
    const gathers = (dtype === "i8" || dtype === "u8") && random.chance(0.05);
    reads.push({ operand: i, base, strides, fill, guards, ...(gathers ? { gather } : {}) });
  }

  // Registers: the accumulator, the reads, the constants, the code.
  const constants: Constant[] = [];
  const code: Instruction[] = [];
  const factors = reads.map((_, i) => 1 + i);
  if (square) factors.push(factors[0] ?? 1);
  const zeroPoints = float ? [] : factors.filter(() => !square && random.chance(0.4));
  const shared = random.chance(0.2);
  for (const _ of zeroPoints) {
    if (shared && constants.length > 0) continue;
    constants.push({ int: random.chance(0.8) ? BigInt(random.between(-128, 255)) : randomInt(random) });
  }
  const firstCode = 1 + reads.length + constants.length;
  zeroPoints.forEach((factor, i) => {
    const constant = 1 + reads.length + Math.min(i, constants.length - 1);
    factors[factors.indexOf(factor)] = firstCode + code.length;
    code.push({ op: "isub", a: factor, b: constant, c: 0 });
  });
  if (random.chance(0.5)) factors.reverse();
  const [left = 1, right = 1] = factors;
  let term = left;
  if (!sum) {
    term = firstCode + code.length;
    code.push({ op: float ? "fmul" : "imul", a: left, b: right, c: 0 });
  }
  const [a, b] = random.chance(0.5) ? [0, term] : [term, 0];
  code.push({ op: float ? "fadd" : "iadd", a, b, c: 0 });

  const start: Constant = float
    ? { f32: Number(random.pick([0n, 0x80000000n, f32Element(random, 0), f32Element(random, 3)])) }
    : { int: randomInt(random) };
  const result: DType = float ? "f32" : random.pick(["i32", "i64", "u8"]);
  const copy: Instruction = float ? { op: "fadd", a: 0, b: 1, c: 0 } : { op: "ior", a: 0, b: 0, c: 0 };
  const kernel: Kernel = {
    dtype: result,
    shape,
    operands,
    reduce: {
      dims,
      accumulators: 1,
      init: { reads: [], constants: [start], code: [] },
      step: { reads, constants, code },
    },
    finish: { reads: [], constants: float ? [{ f32: 0x80000000 }] : [], code: [copy] },
  };
  return { kernel, operands: tensors };
}
