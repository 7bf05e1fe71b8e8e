/** Limits of a kernel: docs/tensor-machine.md section 2. */
export const LIMITS = {
  /** Dimensions of the output. */
  rank: 8,
  /** Dimensions of the reduction. */
  reductionRank: 8,
  accumulators: 4,
  operands: 16,
  /** Reads of one stage. */
  reads: 16,
  /** Guards of one read. */
  guards: 4,
  /** Constants of one stage. */
  constants: 64,
  /** Registers of one stage. */
  registers: 255,
  /** |base|, bounds, and the largest distance that one stride can cover. */
  reach: 2 ** 47,
  /** Elements of a tensor, steps of a reduction. */
  count: 2 ** 32 - 1,
  /** Bytes of an encoding. */
  kernelBytes: 24_576,
  /** Units of `reductionWork`: what can be replayed on chain while a dispute lasts, some 1,500 transactions. */
  work: 2 ** 24,
  /** Bytes of `proofBytes`: under the 128 KB that public mempools take, with room for the request and the output. */
  proofBytes: 122_880,
} as const;
