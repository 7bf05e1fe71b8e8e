import { item } from "../items.ts";
import { DTYPE_BYTES } from "./dtype.ts";
import type { Kernel, Stage } from "./kernel.ts";
import { CONSTANTS } from "../protocol/constants.ts";
import { product } from "./shape.ts";

/*
 * Upper bounds on the proof of one element, for the limits of a kernel: a kernel whose elements cannot be re-executed on
 * chain could never be convicted. The bounds are normative (docs/tensor-machine.md section 2), so they are simple and
 * rather too high; runner/proving and runner/inspection estimate what a proof really costs.
 */

const { LEAF_BYTES } = CONSTANTS.TensorTree;
/** A segment of one leaf in calldata without its bytes and siblings: six words. */
const SEGMENT_BYTES = 192;
const HASH_BYTES = 32;
/** The proof of an operand's root: two words and a hash for each level of a list of 2^32. */
const OPERAND_BYTES = 1088;

/**
 * Upper bound on the bytes of the smallest proof, an element with one reduction step: kernel, operand roots, and a leaf with
 * its path for each look (read or gathered index) of `init`, one `step` and `finish`.
 */
export function proofBytes({ operands, reduce, finish }: Kernel, encodedBytes: number): number {
  const stages = reduce === undefined ? [finish] : [reduce.init, reduce.step, finish];
  const looks = operands.map(() => 0);
  const look = (operand: number): void => {
    looks[operand] = item(looks, operand) + 1;
  };
  for (const read of stages.flatMap(({ reads }) => reads)) {
    look(read.operand);
    if (read.gather !== undefined) look(read.gather.operand);
  }
  return operands.reduce((bytes, { dtype, length }, i) => {
    const leaves = Math.ceil((length * DTYPE_BYTES[dtype]) / LEAF_BYTES);
    const leaf = LEAF_BYTES + SEGMENT_BYTES + HASH_BYTES * Math.ceil(Math.log2(leaves));
    return bytes + OPERAND_BYTES + Math.min(item(looks, i), leaves) * leaf;
  }, encodedBytes);
}

/** Work of one element's reduction, steps times the work of a step; 0 without one. A unit is about a thousand gas. */
export function reductionWork({ reduce }: Kernel): number {
  if (reduce === undefined) return 0;
  return product(reduce.dims) * stepWork(reduce.step);
}

const stepWork = ({ reads, code }: Stage): number =>
  reads.reduce(
    (work, { guards, gather }) => work + 4 + guards.length + (gather === undefined ? 0 : 4),
    4 + code.length,
  );
