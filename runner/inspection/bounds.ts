import { item } from "../items.ts";
import { LEAF_BYTES, leafCount } from "../commitment/tensor.ts";
import { DTYPE_BYTES } from "../machine/dtype.ts";
import { encodeKernel } from "../machine/encoding.ts";
import { product } from "../machine/shape.ts";
import type { Affine, Kernel, Program, Read, TensorType } from "../machine/kernel.ts";
import { startGas, stepGas } from "../proving/gas.ts";

/** Upper bound on the proof of one element of a kernel in one transaction. */
export interface ProofBound {
  /** Whole leaves of operands. */
  readonly leaves: number;
  /** Runs of consecutive leaves, each with its own range proof. */
  readonly segments: number;
  /** Bytes of calldata of IDisputeCourt.proveFraud. */
  readonly bytes: number;
  /** Gas of TensorMachine.execute, calldata not counted. */
  readonly executionGas: number;
  /** Gas of the transaction, calldata counted as if no byte were zero. */
  readonly gas: number;
}

/** Upper bounds on the gas without the reduction steps; measured on the digit models of the repository. */
const GAS = {
  transaction: 21_000,
  /** What court, market and staking do besides the call of the machine: up to 296,000 was measured. */
  court: 300_000,
  machine: 13_000,
  kernelByte: 95,
  leaf: 600,
  segment: 5_500,
  sibling: 300,
  /** Stages that run once an element. */
  stage: 1_000,
  read: 600,
  instruction: 850,
  /** Calldata: a byte that is not zero, and the floor of EIP-7623 for it. */
  byte: 16,
  floorByte: 40,
} as const;

/**
 * Upper bound on the proof of any element of a kernel, from its strides alone: it holds for all data. Leaves that
 * guards skip are counted, so convolutions with padding stay a little below it.
 * @param program The kernel's program, whose lists are the trees that roots are proven in.
 */
export function proofBound(program: Program, kernel: Kernel): ProofBound {
  const touched = kernel.operands.map((operand, i) => operandBound(kernel, operand, i));
  const leaves = sum(touched.map((operand) => operand.leaves));
  const segments = sum(touched.map((operand) => operand.segments));
  const trees = { input: program.inputs, constant: program.constants, kernel: program.kernels };
  const output: TensorType = { dtype: kernel.dtype, length: product(kernel.shape) };
  const listDepth = depth(program.kernels.length);
  const encoded = encodeKernel(kernel).length;

  const kernelOpening = 5 * WORD + padded(encoded) + listDepth * WORD;
  const progress = 3 * WORD + (kernel.reduce?.accumulators ?? 0) * WORD;
  const siblings = touched.map(({ segments: runs, siblingsCap }, i) => {
    const levels = depth(leafCount(item(kernel.operands, i)));
    return runs * Math.min(2 * levels, siblingsCap);
  });
  const witness =
    WORD +
    sum(
      touched.map((operand, i) => {
        const proofs = operand.segments * 6 * WORD + item(siblings, i) * WORD;
        return 2 * WORD + operand.leaves * LEAF_BYTES + proofs;
      }),
    );
  const operandSiblings = WORD + sum(kernel.operands.map(({ space }) => (2 + depth(trees[space].length)) * WORD));
  const opening = (2 + 5) * WORD + LEAF_BYTES + (depth(leafCount(output)) + 1 + listDepth) * WORD;
  // Claim, request, accusation, offsets of execution and output, head of execution.
  const heads = 4 + (1 + 15 + 2 + 2 + 5) * WORD;
  const bytes = heads + kernelOpening + progress + witness + operandSiblings + opening;

  const steps = kernel.reduce === undefined ? 0 : product(kernel.reduce.dims);
  const once = [kernel.finish, ...(kernel.reduce === undefined ? [] : [kernel.reduce.init])];
  const executionGas =
    GAS.machine +
    encoded * GAS.kernelByte +
    (leaves + 1) * GAS.leaf +
    segments * GAS.segment +
    sum(siblings) * GAS.sibling +
    sum(once.map(({ reads, code }) => GAS.stage + GAS.read * reads.length + GAS.instruction * code.length)) +
    startGas(kernel) +
    steps * stepGas(kernel);
  const gas = GAS.transaction + Math.max(GAS.court + executionGas + bytes * GAS.byte, bytes * GAS.floorByte);
  return { leaves, segments, bytes, executionGas: Math.round(executionGas), gas: Math.round(gas) };
}

const WORD = 32;
const padded = (bytes: number): number => Math.ceil(bytes / WORD) * WORD;
const depth = (leaves: number): number => (leaves <= 1 ? 0 : Math.ceil(Math.log2(leaves)));
const sum = (row: readonly number[]): number => row.reduce((total, n) => total + n, 0);

interface OperandBound {
  readonly leaves: number;
  readonly segments: number;
  /** A range proof has at most as many siblings as there are other leaves. */
  readonly siblingsCap: number;
}

function operandBound(kernel: Kernel, operand: TensorType, index: number): OperandBound {
  const outer = kernel.shape.map(() => 1);
  const inner = [...outer, ...(kernel.reduce?.dims ?? [])];
  const stages = [
    { reads: kernel.finish.reads, dims: outer },
    { reads: kernel.reduce?.init.reads ?? [], dims: outer },
    { reads: kernel.reduce?.step.reads ?? [], dims: inner },
  ];
  const width = DTYPE_BYTES[operand.dtype];
  const all = leafCount(operand);
  let [leaves, segments] = [0, 0];
  const add = (bound: Reach): void => {
    leaves += bound.leaves;
    segments += bound.regions;
  };
  for (const { reads, dims } of stages) {
    for (const read of reads) {
      if (read.operand === index) add(reach(read, dims, width, jumps(read, dims)));
      if (read.gather?.operand === index) add(reach(read.gather, dims, width, []));
    }
  }
  leaves = Math.min(leaves, all);
  return { leaves, segments: Math.min(segments, leaves, Math.ceil(all / 2)), siblingsCap: all - 1 };
}

/** Dimensions along which a gathered index may change: there the offset may jump anywhere. */
const jumps = ({ gather }: Read, dims: readonly number[]): readonly number[] =>
  dims.flatMap((_, d) => (gather !== undefined && gather.strides[d] !== 0 ? [d] : []));

interface Reach {
  readonly regions: number;
  readonly leaves: number;
}

/**
 * Most leaves that an affine function touches while the given dimensions run: dimensions in the order of their
 * strides grow one region, as long as no gap in it can skip a leaf; then they multiply regions.
 */
function reach({ strides }: Affine, dims: readonly number[], width: number, jumping: readonly number[]): Reach {
  const running = dims
    .map((size, d) => ({ size, stride: Math.abs(item(strides, d)) * width, jumps: jumping.includes(d) }))
    .filter(({ size, stride, jumps: free }) => size > 1 && (stride > 0 || free))
    .sort((a, b) => a.stride - b.stride);
  let [regions, span] = [1, width];
  for (const { size, stride, jumps: free } of running) {
    if (free || regions > 1 || stride - span >= LEAF_BYTES) regions *= size;
    else span += stride * (size - 1);
  }
  // Elements never straddle a leaf, so a region of `span` bytes that begins on an element touches at most this many.
  const each = Math.floor((span - width) / LEAF_BYTES) + (span > width ? 2 : 1);
  return { regions, leaves: regions * each };
}
