import { AssayError } from "../errors.ts";
import { inferClasses, type StageSkeleton } from "./classes.ts";
import { DTYPE_CODE, DTYPES, type RegisterClass, registerClass } from "./dtype.ts";
import type { Affine, Constant, Guard, Instruction, Kernel, Operand, Read, Space, Stage } from "./kernel.ts";
import { LIMITS } from "./limits.ts";
import { OPCODES, type Opcode } from "./scalar.ts";

/** Codes of the address spaces in encodings and on chain. */
export const SPACES: readonly Space[] = ["input", "constant", "kernel"];

const OPCODE_BY_CODE: ReadonlyMap<number, Opcode> = new Map(
  Object.entries(OPCODES).map(([name, row]) => [row.code, name as Opcode]),
);

/**
 * Bytes of a kernel, docs/tensor-machine.md section 4. The kernel should be one that `verifyKernel` accepts: fields
 * that do not fit their width are refused, nothing else is checked.
 * @throws AssayError OUT_OF_RANGE when a field does not fit its width.
 */
export function encodeKernel(kernel: Kernel): Uint8Array {
  const out: number[] = [];
  const put = (name: string, value: number | bigint, bytes: number, signed = false): void => {
    const big = BigInt(value);
    const fitted = signed ? BigInt.asIntN(8 * bytes, big) : BigInt.asUintN(8 * bytes, big);
    if (fitted !== big) {
      const range = `${signed ? "int" : "uint"}${String(8 * bytes)}`;
      throw new AssayError("OUT_OF_RANGE", `${name} ${String(value)} is not a ${range}`, { name, value, range });
    }
    for (let shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out.push(Number((big >> BigInt(shift)) & 0xffn));
  };
  const dims = (name: string, row: readonly number[]): void => {
    put(`${name} rank`, row.length, 1);
    for (const dim of row) put(name, dim, 4);
  };
  const affine = (name: string, { base, strides }: Affine): void => {
    put(`${name}.base`, base, 8, true);
    for (const stride of strides) put(`${name}.stride`, stride, 8, true);
  };
  const read = (r: Read): void => {
    put("read.operand", r.operand, 1);
    put("guard count", r.guards.length, 1);
    put("hasGather", r.gather === undefined ? 0 : 1, 1);
    put("fill", BigInt.asUintN(64, r.fill), 8);
    affine("read", r);
    for (const guard of r.guards) {
      affine("guard", guard);
      put("guard.bound", guard.bound, 8);
    }
    if (r.gather === undefined) return;
    put("gather.operand", r.gather.operand, 1);
    affine("gather", r.gather);
    put("gather.bound", r.gather.bound, 8);
    put("gather.stride", r.gather.stride, 8, true);
  };
  const stage = ({ reads, constants, code }: Stage): void => {
    put("read count", reads.length, 1);
    put("constant count", constants.length, 1);
    put("code count", code.length, 1);
    reads.forEach(read);
    for (const constant of constants) {
      put("constant", "f32" in constant ? constant.f32 : BigInt.asUintN(64, constant.int), 8);
    }
    for (const { op, a, b, c } of code) [OPCODES[op].code, a, b, c].forEach((field) => put(op, field, 1));
  };

  put("dtype", DTYPE_CODE[kernel.dtype], 1);
  dims("shape", kernel.shape);
  dims("reduction", kernel.reduce?.dims ?? []);
  put("accumulators", kernel.reduce?.accumulators ?? 0, 1);
  put("operand count", kernel.operands.length, 1);
  for (const operand of kernel.operands) {
    put("operand.space", SPACES.indexOf(operand.space), 1);
    put("operand.index", operand.index, 4);
    put("operand.dtype", DTYPE_CODE[operand.dtype], 1);
    put("operand.length", operand.length, 4);
  }
  if (kernel.reduce) [kernel.reduce.init, kernel.reduce.step].forEach(stage);
  stage(kernel.finish);
  return Uint8Array.from(out);
}

/**
 * The kernel that the bytes encode. Safe on hostile input: time and memory are linear in the bytes, and what comes
 * back encodes to the same bytes. It is well formed but not verified: call `verifyKernel` before executing it.
 * @throws AssayError KERNEL_ENCODING on malformed bytes, KERNEL_INVALID when the classes of registers conflict.
 */
export function decodeKernel(bytes: Uint8Array): Kernel {
  let at = 0;
  const refuse = (reason: string): AssayError =>
    new AssayError("KERNEL_ENCODING", `not an encoded kernel: ${reason} at byte ${String(at)}`, { offset: at, reason });
  const take = (width: number): bigint => {
    if (at + width > bytes.length) throw refuse("ends too early");
    let value = 0n;
    for (const end = at + width; at < end; at++) value = (value << 8n) | BigInt(bytes[at] ?? 0);
    return value;
  };
  const uint = (width: number): number => Number(take(width));
  const safe = (value: bigint): number => {
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw refuse("number beyond 2^53");
    return number;
  };
  const int64 = (): number => safe(BigInt.asIntN(64, take(8)));
  const many = <T>(count: number, one: () => T): T[] => Array.from({ length: count }, one);
  const named = <T>(table: readonly T[], code: number, what: string): T => {
    const found = table[code];
    if (found === undefined) throw refuse(`unknown ${what} ${String(code)}`);
    return found;
  };
  const dims = (limit: number): number[] => {
    const rank = uint(1);
    if (rank > limit) throw refuse(`rank ${String(rank)}`);
    return many(rank, () => uint(4));
  };

  if (bytes.length > LIMITS.kernelBytes) throw refuse(`longer than ${String(LIMITS.kernelBytes)} bytes`);
  const dtype = named(DTYPES, uint(1), "dtype");
  const shape = dims(LIMITS.rank);
  const reductionDims = dims(LIMITS.reductionRank);
  const accumulators = uint(1);
  const reduces = reductionDims.length > 0;
  if (reduces ? accumulators < 1 || accumulators > LIMITS.accumulators : accumulators !== 0)
    throw refuse("accumulator count");
  const operands = many(uint(1), (): Operand => ({
    space: named(SPACES, uint(1), "space"),
    index: uint(4),
    dtype: named(DTYPES, uint(1), "dtype"),
    length: uint(4),
  }));

  const stage = (rank: number): RawStage => {
    const affine = (): Affine => ({ base: int64(), strides: many(rank, int64) });
    const read = (): Read => {
      const operand = uint(1);
      const guardCount = uint(1);
      const hasGather = uint(1);
      if (hasGather > 1) throw refuse("hasGather is neither 0 nor 1");
      const source = named(operands, operand, "operand");
      const fill = take(8);
      const head = {
        operand,
        fill: registerClass(source.dtype) === "f32" ? fill : BigInt.asIntN(64, fill),
        ...affine(),
      };
      const guards = many(guardCount, (): Guard => ({ ...affine(), bound: safe(take(8)) }));
      if (hasGather === 0) return { ...head, guards };
      return { ...head, guards, gather: { operand: uint(1), ...affine(), bound: safe(take(8)), stride: int64() } };
    };
    const instruction = (): Instruction => {
      const code = uint(1);
      const op = OPCODE_BY_CODE.get(code);
      if (op === undefined) throw refuse(`unknown opcode ${String(code)}`);
      return { op, a: uint(1), b: uint(1), c: uint(1) };
    };
    const [readCount, constantCount, codeCount] = [uint(1), uint(1), uint(1)];
    return {
      reads: many(readCount, read),
      constants: many(constantCount, () => take(8)),
      code: many(codeCount, instruction),
    };
  };
  const init = reduces ? stage(shape.length) : EMPTY;
  const step = reduces ? stage(shape.length + reductionDims.length) : EMPTY;
  const finish = stage(shape.length);
  if (at !== bytes.length) throw refuse("trailing bytes");

  const skeleton = { dtype, operands, finish, ...(reduces ? { reduce: { accumulators, init, step } } : {}) };
  const classes = inferClasses(skeleton);
  const typed = (raw: RawStage, registers: readonly RegisterClass[], first: number): Stage => ({
    reads: raw.reads,
    constants: raw.constants.map((bits, i): Constant => {
      if (registers[first + raw.reads.length + i] !== "f32") return { int: BigInt.asIntN(64, bits) };
      if (bits >> 32n !== 0n) throw refuse("f32 constant beyond 32 bits");
      return { f32: Number(bits) };
    }),
    code: raw.code,
  });
  const kernel: Kernel = { dtype, shape, operands, finish: typed(finish, classes.finish, accumulators) };
  if (!reduces) return kernel;
  const reduce = {
    dims: reductionDims,
    accumulators,
    init: typed(init, classes.init, 0),
    step: typed(step, classes.step, accumulators),
  };
  return { ...kernel, reduce };
}

/** A stage whose constants are still bits. */
interface RawStage extends StageSkeleton {
  readonly reads: readonly Read[];
  readonly constants: readonly bigint[];
}

const EMPTY: RawStage = { reads: [], constants: [], code: [] };
