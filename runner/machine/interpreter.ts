import { inferClasses } from "./classes.ts";
import { DTYPE_BYTES, DTYPES, type DType, type RegisterClass } from "./dtype.ts";
import { f32FromBits, f32FromInteger, f32Rint, f32ToBits, f32ToInteger } from "./float.ts";
import type { Affine, Instruction, Kernel, Program, Read, Stage } from "./kernel.ts";
import type { Opcode } from "./scalar.ts";
import { product } from "./shape.ts";
import { createTensor, setElementBits, type Tensor } from "./tensor.ts";

/*
 * The readable definition of the tensor machine: what docs/tensor-machine.md says, as code. Written to be read, not to
 * be fast; the compiled backend is fast and must agree with it on every bit. Kernels must have passed `verify`.
 */

/** State of a reduction: the next reduction index (flat) and the accumulators' bits as unsigned 64-bit. */
export interface Progress {
  readonly position: number;
  readonly accumulators: readonly bigint[];
}

/** Result of executing a piece of an element. */
export type Piece = { readonly done: true; readonly bits: bigint } | { readonly done: false; readonly next: Progress };

/** Called for each element of an operand that is read (operand number, offset), gathered indices included. */
export type ReadObserver = (operand: number, offset: number) => void;

export const START: Progress = { position: 0, accumulators: [] };

/** Outputs of all kernels, in order. */
export function executeProgram(
  program: Program,
  inputs: readonly Tensor[],
  constants: readonly Tensor[],
): readonly Tensor[] {
  const outputs: Tensor[] = [];
  const spaces = { input: inputs, constant: constants, kernel: outputs };
  for (const kernel of program.kernels) {
    outputs.push(
      executeKernel(
        kernel,
        kernel.operands.map(({ space, index }) => entry(spaces[space], index)),
      ),
    );
  }
  return outputs;
}

/** The whole output of a kernel. `operands` are the tensors of `kernel.operands`, in order. */
export function executeKernel(kernel: Kernel, operands: readonly Tensor[]): Tensor {
  const output = createTensor(kernel.dtype, product(kernel.shape));
  for (let o = 0; o < output.data.length; o++) setElementBits(output, o, executeElement(kernel, operands, o));
  return output;
}

/** Bits of one output element, zero-extended. `element` is its flat row-major index. */
export function executeElement(
  kernel: Kernel,
  operands: readonly Tensor[],
  element: number,
  observe?: ReadObserver,
): bigint {
  const piece = executePiece(kernel, operands, element, START, Infinity, observe);
  return piece.done ? piece.bits : 0n;
}

/** Executes one element from `progress`, for at most `maxSteps` reduction steps: ITensorMachine.execute in TypeScript. */
export function executePiece(
  kernel: Kernel,
  operands: readonly Tensor[],
  element: number,
  progress: Progress,
  maxSteps: number,
  observe: ReadObserver = () => undefined,
): Piece {
  const outer = indicesOf(element, kernel.shape);
  const frame: Frame = { f32: new Float64Array(256), int: new BigInt64Array(256) };
  const { reduce } = kernel;
  if (reduce !== undefined) {
    const n = reduce.accumulators;
    const steps = product(reduce.dims);
    const classes = accumulatorClasses(kernel);
    if (progress.position === 0) {
      const count = runStage(reduce.init, 0, operands, outer, frame, observe);
      keepLast(frame, count, n);
    } else {
      progress.accumulators.forEach((bits, i) => {
        if (classes[i] === "f32") frame.f32[i] = f32FromBits(Number(bits));
        else frame.int[i] = BigInt.asIntN(64, bits);
      });
    }
    const end = Math.min(steps, progress.position + maxSteps);
    for (let k = progress.position; k < end; k++) {
      const count = runStage(reduce.step, n, operands, [...outer, ...indicesOf(k, reduce.dims)], frame, observe);
      keepLast(frame, count, n);
    }
    if (end < steps) {
      const accumulators = classes.map((c, i) =>
        c === "f32" ? BigInt(f32ToBits(entry(frame.f32, i))) : BigInt.asUintN(64, entry(frame.int, i)),
      );
      return { done: false, next: { position: end, accumulators } };
    }
  }
  const last = runStage(kernel.finish, reduce?.accumulators ?? 0, operands, outer, frame, observe) - 1;
  if (kernel.dtype === "f32") return { done: true, bits: BigInt(f32ToBits(entry(frame.f32, last))) };
  return { done: true, bits: BigInt.asUintN(8 * DTYPE_BYTES[kernel.dtype], entry(frame.int, last)) };
}

const known = new WeakMap<Kernel, readonly RegisterClass[]>();

/** Inferred once for each kernel. */
function accumulatorClasses(kernel: Kernel): readonly RegisterClass[] {
  const classes = known.get(kernel) ?? inferClasses(kernel).accumulators;
  known.set(kernel, classes);
  return classes;
}

/** Two register files, one for each class; a register is in the file of its class. BigInt64Array wraps what it stores. */
interface Frame {
  readonly f32: Float64Array;
  readonly int: BigInt64Array;
}

/** Runs a stage whose first `first` registers (the accumulators) are in the frame. Returns its register count. */
function runStage(
  stage: Stage,
  first: number,
  operands: readonly Tensor[],
  indices: readonly number[],
  frame: Frame,
  observe: ReadObserver,
): number {
  let next = first;
  for (const read of stage.reads) {
    const value = runRead(read, operands, indices, observe);
    if (typeof value === "number") frame.f32[next++] = value;
    else frame.int[next++] = value;
  }
  for (const constant of stage.constants) {
    if ("f32" in constant) frame.f32[next++] = f32FromBits(constant.f32);
    else frame.int[next++] = constant.int;
  }
  for (const instruction of stage.code) runInstruction(instruction, next++, indices, frame);
  return next;
}

/** The results of `init` and `step`, their last `n` registers, become the accumulators. */
function keepLast(frame: Frame, count: number, n: number): void {
  frame.f32.copyWithin(0, count - n, count);
  frame.int.copyWithin(0, count - n, count);
}

function runRead(
  read: Read,
  operands: readonly Tensor[],
  indices: readonly number[],
  observe: ReadObserver,
): number | bigint {
  const operand = entry(operands, read.operand);
  const fill = operand.dtype === "f32" ? f32FromBits(Number(read.fill)) : read.fill;
  for (const guard of read.guards) {
    if (!inside(affine(guard, indices), guard.bound)) return fill;
  }
  let offset = affine(read, indices);
  if (read.gather !== undefined) {
    const source = entry(operands, read.gather.operand);
    const g = affine(read.gather, indices);
    if (!inside(g, source.data.length)) return fill;
    observe(read.gather.operand, g);
    const j = load(source, g);
    if (j < 0n || j >= BigInt(read.gather.bound)) return fill;
    offset += read.gather.stride * Number(j);
  }
  if (!inside(offset, operand.data.length)) return fill;
  observe(read.operand, offset);
  return load(operand, offset);
}

/** An element as its register: an f32 as a number, an int as a bigint in the range of i64. */
function load(tensor: Tensor, index: number): number | bigint {
  const value = entry<number | bigint>(tensor.data, index);
  if (tensor.dtype === "f32") return value;
  return BigInt.asIntN(64, BigInt(value));
}

function runInstruction({ op, a, b, c }: Instruction, result: number, indices: readonly number[], frame: Frame): void {
  const { f32, int } = frame;
  if (op === "index") int[result] = BigInt(entry(indices, a));
  else if (op === "wrap") int[result] = wrapTo(entry(DTYPES, b), entry(int, a));
  else if (op === "select") {
    const chosen = entry(int, a) !== 0n ? b : c;
    f32[result] = entry(f32, chosen);
    int[result] = entry(int, chosen);
  } else if (op in FLOAT) f32[result] = FLOAT[op as FloatOp](entry(f32, a), entry(f32, b));
  else if (op in TO_INT) int[result] = TO_INT[op as ToIntOp](entry(f32, a), entry(f32, b));
  else if (op in TO_FLOAT) f32[result] = TO_FLOAT[op as ToFloatOp](entry(int, a));
  else int[result] = INTEGER[op as IntegerOp](entry(int, a), entry(int, b));
}

type FloatOp = "fadd" | "fsub" | "fmul" | "fdiv" | "fsqrt" | "fneg" | "fabs" | "fmin" | "fmax" | RoundOp;
type RoundOp = "ffloor" | "fceil" | "ftrunc" | "frint";
type ToIntOp = "feq" | "flt" | "fle" | "f2i" | "fbits";
type ToFloatOp = "i2f" | "u2f" | "bitsf";
type IntegerOp = Exclude<Opcode, FloatOp | ToIntOp | ToFloatOp | "wrap" | "select" | "index">;

/** f32 results. binary64 has more than 2 * 24 + 2 bits, so rounding its result to binary32 is rounding once. */
export const FLOAT: Readonly<Record<FloatOp, (a: number, b: number) => number>> = {
  fadd: (a, b) => Math.fround(a + b),
  fsub: (a, b) => Math.fround(a - b),
  fmul: (a, b) => Math.fround(a * b),
  fdiv: (a, b) => Math.fround(a / b),
  fsqrt: (a) => Math.fround(Math.sqrt(a)),
  fneg: (a) => -a,
  fabs: (a) => Math.abs(a),
  fmin: (a, b) => Math.min(a, b), // ECMAScript: NaN wins, -0 < +0
  fmax: (a, b) => Math.max(a, b),
  ffloor: (a) => Math.floor(a),
  fceil: (a) => Math.ceil(a),
  ftrunc: (a) => Math.trunc(a),
  frint: (a) => f32Rint(a),
};

export const TO_INT: Readonly<Record<ToIntOp, (a: number, b: number) => bigint>> = {
  feq: (a, b) => truth(a === b),
  flt: (a, b) => truth(a < b),
  fle: (a, b) => truth(a <= b),
  f2i: (a) => f32ToInteger(a),
  fbits: (a) => BigInt(f32ToBits(a)),
};

export const TO_FLOAT: Readonly<Record<ToFloatOp, (a: bigint) => number>> = {
  i2f: (a) => f32FromInteger(a),
  u2f: (a) => f32FromInteger(unsigned(a)),
  bitsf: (a) => f32FromBits(Number(BigInt.asUintN(32, a))),
};

/** int results, before they wrap to 64 bits. Operands are in the range of i64. */
export const INTEGER: Readonly<Record<IntegerOp, (a: bigint, b: bigint) => bigint>> = {
  iadd: (a, b) => a + b,
  isub: (a, b) => a - b,
  imul: (a, b) => a * b,
  idiv: (a, b) => (b === 0n ? 0n : a / b),
  irem: (a, b) => (b === 0n ? 0n : a % b),
  udiv: (a, b) => (b === 0n ? 0n : unsigned(a) / unsigned(b)),
  urem: (a, b) => (b === 0n ? 0n : unsigned(a) % unsigned(b)),
  iand: (a, b) => a & b,
  ior: (a, b) => a | b,
  ixor: (a, b) => a ^ b,
  ishl: (a, b) => (unsigned(b) >= 64n ? 0n : a << b),
  ishr: (a, b) => (unsigned(b) >= 64n ? a >> 63n : a >> b),
  ushr: (a, b) => (unsigned(b) >= 64n ? 0n : unsigned(a) >> b),
  imin: (a, b) => (a < b ? a : b),
  imax: (a, b) => (a > b ? a : b),
  ieq: (a, b) => truth(a === b),
  ilt: (a, b) => truth(a < b),
  ult: (a, b) => truth(unsigned(a) < unsigned(b)),
};

/** What a register holds after its value was stored as `dtype` and read back. */
export function wrapTo(dtype: DType, value: bigint): bigint {
  const width = 8 * DTYPE_BYTES[dtype];
  return dtype.startsWith("i") ? BigInt.asIntN(width, value) : BigInt.asIntN(64, BigInt.asUintN(width, value));
}

/** Row-major indices of a flat index. */
export function indicesOf(flat: number, dims: readonly number[]): number[] {
  const indices = dims.map(() => 0);
  for (let d = dims.length - 1; d >= 0; d--) {
    indices[d] = flat % entry(dims, d);
    flat = Math.floor(flat / entry(dims, d));
  }
  return indices;
}

/** Exact: `verify` bounds every term by 2^47. */
const affine = ({ base, strides }: Affine, indices: readonly number[]): number =>
  strides.reduce((sum, stride, d) => sum + stride * entry(indices, d), base);

const inside = (value: number, bound: number): boolean => 0 <= value && value < bound;
const truth = (condition: boolean): bigint => (condition ? 1n : 0n);
const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value);

/** An entry whose index `verify` has shown to be in range; the check of `runner/items.ts` would cost a third of the time. */
function entry<T>(row: ArrayLike<T>, index: number): T {
  return row[index] as T;
}
