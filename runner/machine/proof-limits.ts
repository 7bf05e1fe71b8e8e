import { at } from "../at.ts";
import { DTYPE_BYTES } from "./dtype.ts";
import type { Kernel, Stage } from "./kernel.ts";
import { product } from "./shape.ts";

/*
 * What it takes to convict: a wrong element is worth nothing to whoever cannot bring its re-execution on chain. These are
 * normative bounds (docs/tensor-machine.md section 2), so they are simple and err upwards; what a proof really costs is
 * estimated in runner/proving and runner/inspection.
 */

const LEAF_BYTES = 1024;
/** A segment of one leaf in calldata beside its bytes and siblings: six words. */
const SEGMENT_BYTES = 192;
const HASH_BYTES = 32;
/** The proof of an operand's root: two words and a hash for each level of a list of 2^32. */
const OPERAND_BYTES = 1088;

/**
 * Bytes of the smallest unit of proof, from above: kernel, operand roots, and a leaf with its path for each look of `init`,
 * one `step` and `finish` together, which is what a reduction of one step takes.
 */
export function proofBytes({ operands, reduce, finish }: Kernel, encodedBytes: number): number {
  const stages = reduce === undefined ? [finish] : [reduce.init, reduce.step, finish];
  const looks = operands.map(() => 0);
  const look = (operand: number): void => {
    looks[operand] = at(looks, operand) + 1;
  };
  for (const read of stages.flatMap(({ reads }) => reads)) {
    look(read.operand);
    if (read.gather !== undefined) look(read.gather.operand);
  }
  return operands.reduce((bytes, { dtype, length }, i) => {
    const leaves = Math.ceil((length * DTYPE_BYTES[dtype]) / LEAF_BYTES);
    const leaf = LEAF_BYTES + SEGMENT_BYTES + HASH_BYTES * Math.ceil(Math.log2(leaves));
    return bytes + OPERAND_BYTES + Math.min(at(looks, i), leaves) * leaf;
  }, encodedBytes);
}

/** Work of one element's reduction: steps, each counted by its parts. A unit is about a thousand gas; 0 without one. */
export function reductionWork({ reduce }: Kernel): number {
  if (reduce === undefined) return 0;
  return product(reduce.dims) * stepWork(reduce.step);
}

const stepWork = ({ reads, code }: Stage): number =>
  reads.reduce(
    (work, { guards, gather }) => work + 4 + guards.length + (gather === undefined ? 0 : 4),
    4 + code.length,
  );
