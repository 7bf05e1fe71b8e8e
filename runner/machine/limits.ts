import { CONSTANTS } from "../protocol/constants.ts";

const { KernelDecoder } = CONSTANTS;

/** Limits of a kernel: docs/tensor-machine.md section 2. */
export const LIMITS = {
  /** Dimensions of the output. */
  rank: KernelDecoder.MAX_RANK,
  /** Dimensions of the reduction. */
  reductionRank: KernelDecoder.MAX_RANK,
  accumulators: KernelDecoder.MAX_ACCUMULATORS,
  operands: KernelDecoder.MAX_OPERANDS,
  /** Reads of one stage. */
  reads: KernelDecoder.MAX_READS,
  /** Guards of one read. */
  guards: KernelDecoder.MAX_GUARDS,
  /** Constants of one stage. */
  constants: KernelDecoder.MAX_CONSTANTS,
  /** Registers of one stage. */
  registers: KernelDecoder.MAX_REGISTERS,
  /** |base|, bounds, and the largest distance that one stride can cover. */
  reach: KernelDecoder.MAX_REACH,
  /** Elements of a tensor, steps of a reduction. */
  count: KernelDecoder.MAX_COUNT,
  /** Bytes of an encoding. */
  kernelBytes: KernelDecoder.MAX_BYTES,
  /** Transactions of `replayTransactions`. */
  transactions: 1_000,
  /** Bytes of `proofBytes`: under the 128 KB that public mempools take, with room for the request and the output. */
  proofBytes: 122_880,
} as const;
