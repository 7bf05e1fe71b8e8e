import { item, lastItem } from "../../items.ts";
import { DTYPE_CODE, registerClass } from "../../machine/dtype.ts";
import type { Affine, Instruction, Kernel, Operand, Read, Stage } from "../../machine/kernel.ts";
import { OPCODES } from "../../machine/scalar.ts";
import { LIMITS } from "../../machine/limits.ts";
import { elementCount } from "../file/element-type.ts";
import { liveKernels } from "./live.ts";

/**
 * Joins chains of kernels that work element by element: a kernel without a reduction that reads another kernel's
 * output only at its own place takes over that kernel's work, if nobody else reads it. The arithmetic is the same
 * instruction by instruction, so no bit changes; the trace gets shorter. Fused-away kernels stay in the list, unused.
 * @returns The kernels, and for each of them the kernels whose work it does, in order.
 */
export const fuseKernels = (
  kernels: readonly Kernel[],
  outputs: readonly number[],
): { readonly kernels: readonly Kernel[]; readonly parts: readonly (readonly number[])[] } => {
  const result = [...kernels];
  const parts = kernels.map((_, k): readonly number[] => [k]);
  const readers = kernels.map(() => new Set<number>());
  kernels.forEach((kernel, k) => {
    for (const { space, index } of kernel.operands) if (space === "kernel") readers[index]?.add(k);
  });
  const live = liveKernels(kernels, outputs);
  readers.forEach((set) => set.forEach((k) => (live.has(k) ? undefined : set.delete(k))));
  for (let k = 0; k < result.length; k++) {
    if (!live.has(k)) continue;
    let current = item(result, k);
    for (let n = 0; n < current.operands.length; n++) {
      const operand = current.operands[n];
      if (operand?.space !== "kernel" || outputs.includes(operand.index)) continue;
      if (readers[operand.index]?.size !== 1) continue;
      const inner = item(result, operand.index);
      const fused = fuse(inner, current, n);
      if (fused === undefined) continue;
      for (const { space, index } of inner.operands) {
        if (space !== "kernel") continue;
        readers[index]?.delete(operand.index);
        readers[index]?.add(k);
      }
      current = fused;
      parts[k] = [...item(parts, operand.index), ...item(parts, k)];
      n = -1;
    }
    result[k] = current;
  }
  return { kernels: result, parts };
};

/** `outer` with the work of its operand `n`, the kernel `inner`, done in place; undefined where that cannot be. */
const fuse = (inner: Kernel, outer: Kernel, n: number): Kernel | undefined => {
  if (outer.reduce !== undefined || usesIndex(outer.finish) || usesIndexAnywhere(inner)) return undefined;
  const length = elementCount(outer.shape);
  if (elementCount(inner.shape) !== length) return undefined;
  const dims = commonDimensions(inner.shape, outer.shape);
  if (dims === undefined || dims.length > LIMITS.rank) return undefined;
  const own = outer.finish.reads.map((read) => splitRead(read, outer.shape, dims));
  for (const read of own) {
    if (read.gather?.operand === n) return undefined;
    if (read.operand === n && !isIdentity(read, dims)) return undefined;
  }
  const operands: Operand[] = [...inner.operands];
  const numbers = outer.operands.map((operand, i) => (i === n ? -1 : operandNumber(operands, operand)));
  const stage = joinStages(inner, outer, n, own, numbers, (read) => splitRead(read, inner.shape, dims));
  const accumulators = inner.reduce?.accumulators ?? 0;
  const registers = accumulators + stage.reads.length + stage.constants.length + stage.code.length;
  if (operands.length > LIMITS.operands || stage.reads.length > LIMITS.reads) return undefined;
  if (stage.constants.length > LIMITS.constants || registers > LIMITS.registers) return undefined;
  const reduce = inner.reduce && {
    ...inner.reduce,
    init: splitStage(inner.reduce.init, inner.shape, dims, 0),
    step: splitStage(inner.reduce.step, inner.shape, dims, inner.reduce.dims.length),
  };
  return { dtype: outer.dtype, shape: dims, operands, ...(reduce && { reduce }), finish: stage };
};

const operandNumber = (operands: Operand[], operand: Operand): number => {
  const found = operands.findIndex(({ space, index }) => space === operand.space && index === operand.index);
  return found >= 0 ? found : operands.push(operand) - 1;
};

/** The finish of `inner`, then that of `outer` with the reads of the inner output replaced by its register. */
const joinStages = (
  inner: Kernel,
  outer: Kernel,
  n: number,
  own: readonly Read[],
  numbers: readonly number[],
  split: (read: Read) => Read,
): Stage => {
  const first = inner.finish;
  const second = outer.finish;
  const accumulators = inner.reduce?.accumulators ?? 0;
  const kept = own.filter((read) => read.operand !== n);
  const reads = [
    ...first.reads.map(split),
    ...kept.map((read) => ({
      ...read,
      operand: item(numbers, read.operand),
      ...(read.gather && { gather: { ...read.gather, operand: item(numbers, read.gather.operand) } }),
    })),
  ];
  const constants = [...first.constants, ...second.constants];
  const [readBase, constantBase] = [accumulators, accumulators + reads.length];
  const codeBase = constantBase + constants.length;
  const firstRegister = (register: number): number => {
    if (register < accumulators + first.reads.length) return register;
    const past = register - accumulators - first.reads.length;
    if (past < first.constants.length) return constantBase + past;
    return codeBase + past - first.constants.length;
  };
  const code: Instruction[] = first.code.map((instruction) => moved(instruction, firstRegister));
  const lastOf = accumulators + first.reads.length + first.constants.length + first.code.length - 1;
  let value = firstRegister(lastOf);
  if (registerClass(inner.dtype) === "int" && inner.dtype !== "i64" && inner.dtype !== "u64") {
    code.push({ op: "wrap", a: value, b: DTYPE_CODE[inner.dtype], c: 0 });
    value = codeBase + code.length - 1;
  }
  const skipped = codeBase + code.length;
  let nextRead = readBase + first.reads.length;
  const readRegister = own.map((read) => (read.operand === n ? value : nextRead++));
  const secondRegister = (register: number): number => {
    if (register < second.reads.length) return item(readRegister, register);
    const past = register - second.reads.length;
    if (past < second.constants.length) return constantBase + first.constants.length + past;
    return skipped + past - second.constants.length;
  };
  code.push(...second.code.map((instruction) => moved(instruction, secondRegister)));
  // A kernel that only copies: its value must still be the last register.
  if (second.code.length === 0) {
    const result = secondRegister(second.reads.length + second.constants.length - 1);
    const isFloat = registerClass(outer.dtype) === "f32";
    code.push(isFloat ? { op: "fmax", a: result, b: result, c: 0 } : { op: "ior", a: result, b: result, c: 0 });
  }
  return { reads, constants, code };
};

const moved = (instruction: Instruction, register: (old: number) => number): Instruction => {
  const { op, a, b, c } = instruction;
  if (op === "index") return instruction;
  if (op === "wrap") return { op, a: register(a), b, c };
  const { length } = OPCODES[op].takes;
  return { op, a: register(a), b: length > 1 ? register(b) : 0, c: length > 2 ? register(c) : 0 };
};

const usesIndex = (stage: Stage): boolean => stage.code.some(({ op }) => op === "index");

const usesIndexAnywhere = ({ reduce, finish }: Kernel): boolean =>
  usesIndex(finish) || (reduce !== undefined && (usesIndex(reduce.init) || usesIndex(reduce.step)));

/** The coarsest dimensions that refine both lists, whose products are equal; undefined where they cross. */
const commonDimensions = (a: readonly number[], b: readonly number[]): number[] | undefined => {
  const edges = (dims: readonly number[]): number[] => {
    const list = [1];
    for (const size of [...dims].reverse()) if (size > 1) list.push(lastItem(list) * size);
    return list;
  };
  const all = [...new Set([...edges(a), ...edges(b)])].sort((x, y) => x - y);
  const dims: number[] = [];
  for (let i = 1; i < all.length; i++) {
    const ratio = item(all, i) / item(all, i - 1);
    if (!Number.isInteger(ratio)) return undefined;
    dims.unshift(ratio);
  }
  return dims;
};

/** An affine function over `from` dimensions (and `inner` more that stay) written over the finer `to`. */
const splitAffine = <T extends Affine>(affine: T, from: readonly number[], to: readonly number[], inner = 0): T => {
  const strides = to.map(() => 0);
  let t = to.length - 1;
  for (let d = from.length - 1; d >= 0; d--) {
    let stride = item(affine.strides, d);
    for (let covered = 1; covered < item(from, d); t--) {
      strides[t] = stride;
      stride *= item(to, t);
      covered *= item(to, t);
    }
  }
  return {
    ...affine,
    strides: [...strides, ...affine.strides.slice(affine.strides.length - inner, affine.strides.length)],
  };
};

const splitRead = (read: Read, from: readonly number[], to: readonly number[], inner = 0): Read => ({
  ...splitAffine(read, from, to, inner),
  guards: read.guards.map((guard) => splitAffine(guard, from, to, inner)),
  ...(read.gather && { gather: splitAffine(read.gather, from, to, inner) }),
});

const splitStage = (stage: Stage, from: readonly number[], to: readonly number[], inner: number): Stage => ({
  ...stage,
  reads: stage.reads.map((read) => splitRead(read, from, to, inner)),
});

/** Whether a read walks its operand element by element in the order of the output. */
const isIdentity = (read: Read, dims: readonly number[]): boolean => {
  if (read.base !== 0 || read.guards.length > 0 || read.gather !== undefined) return false;
  let stride = 1;
  for (let d = dims.length - 1; d >= 0; d--) {
    if (read.strides[d] !== stride) return false;
    stride *= item(dims, d);
  }
  return true;
};
