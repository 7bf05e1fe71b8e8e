import type { DType } from "./dtype.ts";
import type { Opcode } from "./scalar.ts";

/**
 * The program of a model: kernels in topological order over three address spaces. Nothing here knows of ONNX,
 * chains or files. `docs/tensor-machine.md` is the normative text.
 */
export interface Program {
  readonly inputs: readonly TensorType[];
  readonly constants: readonly TensorType[];
  readonly kernels: readonly Kernel[];
  /** Indices of the kernels whose outputs are the program's outputs, in order. At least one, no repeats. */
  readonly outputs: readonly number[];
}

/** To the machine a tensor is a flat row of elements; shapes live in the kernels that read and write it. */
export interface TensorType {
  readonly dtype: DType;
  /** Elements, 1 to 2^32 - 1. */
  readonly length: number;
}

/** Where a tensor comes from. A kernel reads only inputs, constants and the outputs of earlier kernels. */
export type Space = "input" | "constant" | "kernel";

export interface Operand extends TensorType {
  readonly space: Space;
  readonly index: number;
}

/**
 * One loop nest: for every output index `o`, in row-major order,
 *
 *     acc = init(o)
 *     for every reduction index k, row-major ascending:  acc = step(acc, o, k)
 *     out[o] = finish(acc, o)
 *
 * A kernel without `reduce` has only `finish`.
 */
export interface Kernel {
  /** Element type of the output. */
  readonly dtype: DType;
  /** Output dimensions: any factorisation of the row-major output that suits the reads. 0 to 8 of them, each >= 1. */
  readonly shape: readonly number[];
  readonly operands: readonly Operand[];
  readonly reduce?: Reduce;
  readonly finish: Stage;
}

export interface Reduce {
  /** Reduction dimensions, 1 to 8 of them, each >= 1. */
  readonly dims: readonly number[];
  /** Number of accumulators, 1 to 4: the last `accumulators` registers of `init` and of `step`. */
  readonly accumulators: number;
  readonly init: Stage;
  readonly step: Stage;
}

/**
 * A straight-line scalar program. Its registers are, in order: the accumulators (in `step` and `finish` of a kernel
 * that reduces), one per read, one per constant, one per instruction. Its result is its last register (`init` and
 * `step`: its last `accumulators` registers).
 */
export interface Stage {
  readonly reads: readonly Read[];
  readonly constants: readonly Constant[];
  readonly code: readonly Instruction[];
}

/** An f32 given by its bits, or an int in the range of i64. */
export type Constant = { readonly f32: number } | { readonly int: bigint };

/** `a`, `b`, `c` are registers, except: `index` has a dimension in `a`, `wrap` has a dtype code in `b`. */
export interface Instruction {
  readonly op: Opcode;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

/** An affine function of the loop indices: output dimensions first, then (in `step`) reduction dimensions. */
export interface Affine {
  readonly base: number;
  readonly strides: readonly number[];
}

/**
 * One element of an operand, at `offset = affine(indices) + gather.stride * J`. The read gives `fill` when a guard
 * does not hold, when the gathered index J is outside `[0, gather.bound)`, or when the offset is outside the operand.
 */
export interface Read extends Affine {
  /** Which of the kernel's operands. */
  readonly operand: number;
  /** Bits: of an f32 for an f32 operand, an int of the register otherwise. */
  readonly fill: bigint;
  readonly guards: readonly Guard[];
  readonly gather?: Gather;
}

/** Holds when `0 <= affine(indices) < bound`. */
export interface Guard extends Affine {
  readonly bound: number;
}

/** J is the element of an integer operand at `affine(indices)`; outside that operand the read gives `fill`. */
export interface Gather extends Affine {
  readonly operand: number;
  readonly bound: number;
  readonly stride: number;
}
