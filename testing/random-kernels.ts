import { item } from "../runner/items.ts";
import { inferClasses, type KernelSkeleton } from "../runner/machine/classes.ts";
import {
  DTYPE_BYTES,
  DTYPE_CODE,
  DTYPES,
  type DType,
  type RegisterClass,
  registerClass,
} from "../runner/machine/dtype.ts";
import { f32ToBits } from "../runner/machine/float.ts";
import type {
  Affine,
  Constant,
  Guard,
  Instruction,
  Kernel,
  Operand,
  Program,
  Read,
  Stage,
} from "../runner/machine/kernel.ts";
import type { Random } from "../runner/machine/prng.ts";
import { OPCODES, type Opcode, type OpcodeRow } from "../runner/machine/scalar.ts";
import { product } from "../runner/machine/shape.ts";
import { createTensor, setElementBits, type Tensor } from "../runner/machine/tensor.ts";

/*
 * Random valid kernels and data, for fuzzing one implementation of the machine against another: every opcode, dtype
 * and rank, guards, gathers, fills, several accumulators, and values at which arithmetic is difficult.
 */

/** Upper bounds of what is generated. */
export interface RandomLimits {
  /** Output elements, at least 1. */
  readonly elements: number;
  /** Reduction steps of an element, at least 1. */
  readonly steps: number;
  /** Elements of an operand, at least 1. */
  readonly operandLength: number;
}

export const DEFAULT_LIMITS: RandomLimits = { elements: 48, steps: 24, operandLength: 400 };

/** A kernel that `verifyKernel` accepts, with tensors for its operands, in order. */
export interface RandomKernel {
  readonly kernel: Kernel;
  readonly operands: readonly Tensor[];
}

export function randomKernel(random: Random, limits: RandomLimits = DEFAULT_LIMITS): RandomKernel {
  const operands: Operand[] = [];
  const tensors: Tensor[] = [];
  for (let i = random.below(5); i > 0; i--) {
    const tensor = randomTensor(random, random.pick(DTYPES), random.between(1, limits.operandLength));
    const { dtype, data } = tensor;
    const space = random.pick(["input", "constant", "kernel"] as const);
    operands.push({ space, index: operands.length, dtype, length: data.length });
    tensors.push(tensor);
  }
  return { kernel: randomKernelOver(random, operands, limits), operands: tensors };
}

/** A program that `verifyProgram` accepts, with its inputs and constants. Later kernels read earlier ones. */
export function randomProgram(
  random: Random,
  kernelCount: number,
  limits: RandomLimits = DEFAULT_LIMITS,
): { readonly program: Program; readonly inputs: readonly Tensor[]; readonly constants: readonly Tensor[] } {
  const tensors = (): Tensor[] =>
    Array.from({ length: random.between(1, 3) }, () =>
      randomTensor(random, random.pick(DTYPES), random.between(1, limits.operandLength)),
    );
  const [inputs, constants] = [tensors(), tensors()];
  const pool: Operand[] = [];
  const offer = (space: Operand["space"], row: readonly Tensor[]): void =>
    row.forEach(({ dtype, data }, index) => pool.push({ space, index, dtype, length: data.length }));
  offer("input", inputs);
  offer("constant", constants);
  const kernels: Kernel[] = [];
  for (let index = 0; index < kernelCount; index++) {
    const operands = new Set(Array.from({ length: random.between(1, 4) }, () => random.pick(pool)));
    const kernel = randomKernelOver(random, [...operands], limits);
    pool.push({ space: "kernel", index, dtype: kernel.dtype, length: product(kernel.shape) });
    kernels.push(kernel);
  }
  const types = (row: readonly Tensor[]) => row.map(({ dtype, data }) => ({ dtype, length: data.length }));
  const program = { inputs: types(inputs), constants: types(constants), kernels, outputs: [kernelCount - 1] };
  return { program, inputs, constants };
}

/** A kernel over given operands. */
export function randomKernelOver(random: Random, operands: readonly Operand[], limits: RandomLimits): Kernel {
  const shape = randomDims(random, random.below(9), limits.elements);
  const reduces = random.chance(0.6);
  const dims = reduces ? randomDims(random, random.between(1, 8), limits.steps) : [];
  const classes = reduces
    ? Array.from({ length: random.between(1, 4) }, () => random.pick(["f32", "int"] as const))
    : [];
  const dtype = random.pick(DTYPES);
  const stage = (loops: readonly number[], given: readonly RegisterClass[], results: readonly RegisterClass[]): Stage =>
    randomStage(random, operands, loops, given, results);
  const kernel: Kernel = { dtype, shape, operands, finish: stage(shape, classes, [registerClass(dtype)]) };
  if (!reduces) return withInferredTags(kernel);
  const init = stage(shape, [], classes);
  const step = stage([...shape, ...dims], classes, classes);
  return withInferredTags({ ...kernel, reduce: { dims, accumulators: classes.length, init, step } });
}

/** `rank` dimensions whose product is at most `most`. */
function randomDims(random: Random, rank: number, most: number): number[] {
  const dims: number[] = Array.from({ length: rank }, () => 1);
  let left = most;
  for (let tries = rank; tries > 0; tries--) {
    const d = random.below(rank);
    const dim = random.between(1, Math.max(1, Math.min(left, random.pick([2, 3, 5, 9, most]))));
    if (dims[d] !== 1) continue;
    dims[d] = dim;
    left = Math.floor(left / dim);
  }
  return dims;
}

function randomStage(
  random: Random,
  operands: readonly Operand[],
  dims: readonly number[],
  given: readonly RegisterClass[],
  results: readonly RegisterClass[],
): Stage {
  const registers: RegisterClass[] = [...given];
  const reads: Read[] = [];
  if (operands.length > 0) {
    for (let i = random.chance(0.1) ? 0 : random.between(1, 3); i > 0; i--) {
      const read = randomRead(random, operands, dims);
      reads.push(read);
      registers.push(registerClass(item(operands, read.operand).dtype));
    }
  }
  const constants: Constant[] = [];
  const least = registers.length === 0 ? 1 : 0;
  for (let i = random.between(least, 3); i > 0; i--) {
    const kind = random.pick(["f32", "int"] as const);
    constants.push(kind === "f32" ? { f32: randomF32Bits(random) } : { int: randomInt(random) });
    registers.push(kind);
  }
  const code: Instruction[] = [];
  const emit = (gives: RegisterClass | undefined): void => {
    const [instruction, result] = randomInstruction(random, registers, dims.length, gives);
    code.push(instruction);
    registers.push(result);
  };
  for (let i = random.below(8); i > 0; i--) emit(undefined);
  const last = registers.slice(-results.length);
  const already = last.length === results.length && results.every((kind, i) => last[i] === kind);
  if (!already || random.chance(0.7)) for (const kind of results) emit(kind);
  return { reads, constants, code };
}

const OPCODE_NAMES = Object.keys(OPCODES) as Opcode[];

/** Instructions whose result depends on all of both operands: without enough of them, all elements are the same. */
const CARRYING: readonly Opcode[] = [
  ...(["fadd", "fsub", "fmul", "fneg", "i2f", "fbits", "bitsf"] as const),
  ...(["iadd", "isub", "imul", "ixor", "index", "select", "wrap"] as const),
];

/** An instruction over the registers, of the class wanted, if any. There is at least one register. */
function randomInstruction(
  random: Random,
  registers: readonly RegisterClass[],
  rank: number,
  gives: RegisterClass | undefined,
): readonly [Instruction, RegisterClass] {
  const named = (kind: RegisterClass): number[] => registers.flatMap((r, i) => (r === kind ? [i] : []));
  const rows = { f32: named("f32"), int: named("int") };
  for (;;) {
    const op = random.pick(random.chance(0.5) ? CARRYING : OPCODE_NAMES);
    const { takes, gives: result }: OpcodeRow = OPCODES[op];
    const any = random.pick(registers);
    const kind = result === "any" ? any : result;
    if (gives !== undefined && kind !== gives) continue;
    if (op === "index") {
      if (rank > 0) return [{ op, a: random.below(rank), b: 0, c: 0 }, "int"];
      continue;
    }
    const candidates = takes.map((t) => rows[t === "any" ? any : t]);
    if (candidates.some((row) => row.length === 0)) continue;
    // Later registers more often, so that code is deep rather than wide.
    const choose = (row: readonly number[] = []): number => {
      if (row.length === 0) return 0;
      return item(row, random.chance(0.4) ? row.length - 1 : random.below(row.length));
    };
    const [a, b, c] = [choose(candidates[0]), choose(candidates[1]), choose(candidates[2])];
    return [{ op, a, b: op === "wrap" ? DTYPE_CODE[random.pick(DTYPES.slice(1))] : b, c }, kind];
  }
}

function randomRead(random: Random, operands: readonly Operand[], dims: readonly number[]): Read {
  const operand = random.below(operands.length);
  const { dtype, length } = operands[operand] as Operand;
  const fill = registerClass(dtype) === "f32" ? BigInt(randomF32Bits(random)) : randomInt(random);
  const guards = Array.from({ length: random.chance(0.3) ? random.between(1, 4) : 0 }, (): Guard => {
    const bound = random.chance(0.1) ? 0 : random.between(1, 40);
    return { ...randomAffine(random, dims, bound), bound };
  });
  const read = { operand, fill, ...randomAffine(random, dims, length), guards };
  const indices = operands.flatMap((o, i) => (o.dtype === "f32" || o.dtype === "bool" ? [] : [i]));
  if (indices.length === 0 || random.chance(0.7)) return read;
  const table = random.pick(indices);
  const gather = {
    operand: table,
    ...randomAffine(random, dims, item(operands, table).length),
    bound: random.pick([0, 1, 4, 16, length, 2 ** 31, 2 ** 40]),
    stride: random.pick([0, 1, 1, 2, 3, -1, 7]),
  };
  return { ...read, gather };
}

/** Mostly inside `[0, span)`, sometimes over its edges, rarely far beyond. */
function randomAffine(random: Random, dims: readonly number[], span: number): Affine {
  if (random.chance(0.03)) {
    const far = 2 ** 47;
    const strides = dims.map((dim) => random.pick([1, -1]) * Math.floor(far / dim));
    return { base: random.pick([-far, far, 0]), strides };
  }
  let left = Math.max(1, span);
  let lowest = 0;
  const strides = dims.map((dim) => {
    if (dim === 1) return random.between(-2, 2);
    const stride = random.chance(0.25) ? 0 : random.between(1, Math.max(1, Math.floor(left / dim)));
    left = Math.max(1, left - stride * (dim - 1));
    if (!random.chance(0.2)) return stride;
    lowest += stride * (dim - 1);
    return -stride;
  });
  return { base: lowest + (random.chance(0.2) ? random.between(-8, 8) : random.below(left)), strides };
}

/** A tensor of random and adversarial values. */
export function randomTensor(random: Random, dtype: DType, length: number): Tensor {
  const tensor = createTensor(dtype, length);
  const tame = random.chance(0.6);
  const width = BigInt(8 * DTYPE_BYTES[dtype]);
  for (let i = 0; i < length; i++) {
    const bits = dtype === "f32" ? BigInt(tame ? tameF32Bits(random) : randomF32Bits(random)) : randomElement();
    setElementBits(tensor, i, bits);
  }
  return tensor;

  function randomElement(): bigint {
    if (dtype === "bool") return BigInt(random.below(2));
    return tame ? BigInt(random.below(20)) : BigInt.asUintN(Number(width), randomInt(random));
  }
}

/** Zero, infinities, NaNs, subnormals and the edges between; integers around 2^24, 2^31, 2^63, 2^64; halves. */
export const ADVERSARIAL_F32_BITS: readonly number[] = [
  0x00000000, 0x7f800000, 0x7fc00000, 0x7f800001, 0x7fffffff, 0x00000001, 0x007fffff, 0x00800000, 0x00800001,
  0x7f7fffff, 0x3f800000, 0x3f7fffff, 0x3f800001, 0x3f000000, 0x3effffff, 0x3f000001, 0x3fc00000, 0x40200000,
  0x4b000000, 0x4b7fffff, 0x4b800000, 0x4effffff, 0x4f000000, 0x4f7fffff, 0x5effffff, 0x5f000000, 0x5f7fffff,
  0x5f800000, 0x1f800000, 0x20000000, 0x33800000, 0x34000000, 0x7e800000,
].flatMap((bits) => [bits, (bits | 0x80000000) >>> 0]);

/** Small numbers, powers of two and their neighbours, and the edges of all widths. */
export const ADVERSARIAL_INTS: readonly bigint[] = [
  ...[0n, 1n, 2n, 3n, 5n, 7n, 10n],
  ...[8n, 15n, 16n, 24n, 25n, 31n, 32n, 33n, 53n, 54n, 62n, 63n, 64n, 65n].flatMap((n) => [n, 1n << n]),
  ...[7n, 8n, 16n, 24n, 31n, 32n, 40n, 53n, 63n].flatMap((n) => [(1n << n) - 1n, (1n << n) + 1n]),
]
  .flatMap((n) => [n, -n])
  .map((n) => BigInt.asIntN(64, n));

export function randomF32Bits(random: Random): number {
  if (random.chance(0.4)) return random.pick(ADVERSARIAL_F32_BITS);
  return random.chance(0.5) ? random.u32() : tameF32Bits(random);
}

const tameF32Bits = (random: Random): number =>
  f32ToBits(random.chance(0.3) ? random.between(-9, 9) / 2 : (random.u32() / 2 ** 32 - 0.5) * 4);

export function randomInt(random: Random): bigint {
  if (random.chance(0.4)) return random.pick(ADVERSARIAL_INTS);
  if (random.chance(0.4)) return BigInt(random.between(-20, 70));
  return BigInt.asIntN(64, random.u64() >> BigInt(random.below(64)));
}

/** A constant that nothing makes an f32 is an int. */
function withInferredTags(kernel: Kernel): Kernel {
  const skeleton: KernelSkeleton = kernel;
  const classes = inferClasses(skeleton);
  const retag = (stage: Stage, registers: readonly RegisterClass[], first: number): Stage => ({
    ...stage,
    constants: stage.constants.map((constant, i) =>
      "f32" in constant && registers[first + stage.reads.length + i] === "int"
        ? { int: BigInt(constant.f32) }
        : constant,
    ),
  });
  const { reduce } = kernel;
  const finish = retag(kernel.finish, classes.finish, reduce?.accumulators ?? 0);
  if (reduce === undefined) return { ...kernel, finish };
  const init = retag(reduce.init, classes.init, 0);
  return {
    ...kernel,
    finish,
    reduce: { ...reduce, init, step: retag(reduce.step, classes.step, reduce.accumulators) },
  };
}
