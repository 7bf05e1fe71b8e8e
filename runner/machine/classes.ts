import { item } from "../items.ts";
import { AssayError } from "../errors.ts";
import { type DType, type RegisterClass, registerClass } from "./dtype.ts";
import type { Instruction } from "./kernel.ts";
import { OPCODES, type OpcodeRow } from "./scalar.ts";

/** What class inference needs of a stage: everything but the constants' classes. */
export interface StageSkeleton {
  readonly reads: readonly { readonly operand: number }[];
  readonly constants: readonly unknown[];
  readonly code: readonly Instruction[];
}

export interface KernelSkeleton {
  readonly dtype: DType;
  readonly operands: readonly { readonly dtype: DType }[];
  readonly reduce?: { readonly accumulators: number; readonly init: StageSkeleton; readonly step: StageSkeleton };
  readonly finish: StageSkeleton;
}

/** Class of every register of every stage. A register that nothing determines is an int. */
export interface KernelClasses {
  /** Empty when the kernel does not reduce. */
  readonly accumulators: readonly RegisterClass[];
  readonly init: readonly RegisterClass[];
  readonly step: readonly RegisterClass[];
  readonly finish: readonly RegisterClass[];
}

/** Registers of a stage in all. */
export const registerCount = (stage: StageSkeleton, accumulators: number): number =>
  accumulators + stage.reads.length + stage.constants.length + stage.code.length;

/** The two classes as nodes of the union-find. */
const F32 = 0;
const INT = 1;
const nodeOf = (dtype: DType): number => (registerClass(dtype) === "f32" ? F32 : INT);

/**
 * Infers the classes of all registers by unification over the whole kernel: an init constant is an f32 because a step
 * adds it. The kernel need not be valid: operand and register numbers may be out of range.
 * @throws AssayError KERNEL_INVALID when a register is used as both classes or does not exist.
 */
export function inferClasses(kernel: KernelSkeleton): KernelClasses {
  const parent: number[] = [F32, INT];
  const find = (node: number): number => {
    const up = item(parent, node);
    return up === node ? node : (parent[node] = find(up));
  };
  const unite = (a: number, b: number, field: string): void => {
    const [low, high] = [Math.min(find(a), find(b)), Math.max(find(a), find(b))];
    if (low === F32 && high === INT) throw invalid(field, "is used both as an f32 and as an int");
    parent[high] = low;
  };
  const fresh = (): number => parent.push(parent.length) - 1;

  const walk = (name: string, stage: StageSkeleton, accumulators: readonly number[]): readonly number[] => {
    const registers = [...accumulators];
    const register = (index: number, field: string): number => {
      const node = registers[index];
      if (node === undefined) throw invalid(field, `names register ${String(index)}, which does not exist yet`);
      return node;
    };
    stage.reads.forEach((read, i) => {
      const operand = kernel.operands[read.operand];
      const field = `${name}.reads[${String(i)}].operand`;
      if (operand === undefined) throw invalid(field, `names operand ${String(read.operand)}, which does not exist`);
      registers.push(nodeOf(operand.dtype));
    });
    stage.constants.forEach(() => registers.push(fresh()));
    stage.code.forEach((instruction, i) => {
      const row: OpcodeRow = OPCODES[instruction.op];
      const result = row.gives === "any" ? fresh() : row.gives === "f32" ? F32 : INT;
      row.takes.forEach((takes, position) => {
        const letter = item(FIELDS, position);
        const field = `${name}.code[${String(i)}].${letter}`;
        const wanted = takes === "any" ? result : takes === "f32" ? F32 : INT;
        unite(register(instruction[letter], field), wanted, field);
      });
      registers.push(result);
    });
    return registers;
  };
  const results = (name: string, registers: readonly number[], count: number): readonly number[] => {
    if (registers.length < count || registers.length === 0) throw invalid(name, "has fewer registers than results");
    return registers.slice(registers.length - count);
  };

  const { reduce } = kernel;
  const accumulators = Array.from({ length: reduce?.accumulators ?? 0 }, fresh);
  const init = reduce ? walk("init", reduce.init, []) : [];
  const step = reduce ? walk("step", reduce.step, accumulators) : [];
  const finish = walk("finish", kernel.finish, accumulators);
  accumulators.forEach((node, i) => {
    unite(item(results("init", init, accumulators.length), i), node, `init result ${String(i)}`);
    unite(item(results("step", step, accumulators.length), i), node, `step result ${String(i)}`);
  });
  for (const node of results("finish", finish, 1)) unite(node, nodeOf(kernel.dtype), "finish result");

  const classes = (nodes: readonly number[]): readonly RegisterClass[] =>
    nodes.map((node) => (find(node) === F32 ? "f32" : "int"));
  return {
    accumulators: classes(accumulators),
    init: classes(init),
    step: classes(step),
    finish: classes(finish),
  };
}

const FIELDS = ["a", "b", "c"] as const;

function invalid(field: string, reason: string): AssayError {
  return new AssayError("KERNEL_INVALID", `${field} ${reason}`, { field, reason });
}
