import { item } from "../items.ts";
import { DTYPE_BYTES } from "./dtype.ts";
import type { Affine, Kernel, Operand, Read, Stage } from "./kernel.ts";
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

/** Units of work that one transaction takes: a unit is at most some 700 gas, of ten million. */
const TRANSACTION_WORK = 14_000;
/** Bytes of a witness that one transaction takes. */
const TRANSACTION_BYTES = 90_000;

/**
 * Upper bound on the transactions that replay the reduction of one element, for ordinary data; 1 without a reduction. A
 * transaction ends when its work or its witness is full. The witness grows by a leaf with its path whenever a read goes
 * from one leaf to another, and each transaction opens anew the leaves of its first step.
 */
export function replayTransactions(kernel: Kernel): number {
  const { reduce } = kernel;
  if (reduce === undefined) return 1;
  const first = looksOf(kernel).reduce((sum, look) => sum + leafBytes(look.operand), 0);
  // So much for a step that few of them fit a transaction.
  if (first > TRANSACTION_BYTES / 3) return product(reduce.dims);
  const full = reductionWork(kernel) / TRANSACTION_WORK + 1;
  const room = TRANSACTION_BYTES - first;
  return Math.ceil((full * room + reductionBytes(kernel)) / (room - first));
}

/** Upper bound on the bytes of all leaves, with their paths, that the steps of one element go through. */
export const reductionBytes = (kernel: Kernel): number =>
  looksOf(kernel).reduce((sum, look) => sum + look.moves * leafBytes(look.operand), 0);

/** As `reductionBytes`, for one read of the step. */
export const readBytes = (kernel: Kernel, read: Read): number =>
  looksAt(kernel, read).reduce((sum, look) => sum + look.moves * leafBytes(look.operand), 0);

/** Where a read or a gathered index looks, and how often the steps of one element move it to another leaf. */
interface Look {
  readonly operand: Operand;
  readonly moves: number;
}

const looksOf = (kernel: Kernel): readonly Look[] =>
  (kernel.reduce?.step.reads ?? []).flatMap((read) => looksAt(kernel, read));

function looksAt({ operands, reduce }: Kernel, read: Read): readonly Look[] {
  const dims = reduce?.dims ?? [];
  const operand = item(operands, read.operand);
  if (read.gather === undefined) return [{ operand, moves: leafMoves(operand, read, dims) }];
  const by = item(operands, read.gather.operand);
  // Data decide where a gather looks.
  return [
    { operand, moves: product(dims) },
    { operand: by, moves: leafMoves(by, read.gather, dims) },
  ];
}

/** How often an affine look goes from one leaf to another while the reduction's indices run. */
function leafMoves({ dtype, length }: Operand, { strides }: Affine, dims: readonly number[]): number {
  const size = DTYPE_BYTES[dtype];
  const inner = strides.slice(strides.length - dims.length);
  // From the innermost dimension outwards: moves, bytes from the first to the last look, and the sign of every step.
  let [moves, extent, sign] = [0, 0, 0];
  for (let d = dims.length - 1; d >= 0; d--) {
    const count = item(dims, d);
    if (count === 1) continue;
    const stride = item(inner, d) * size;
    const jump = stride - extent;
    const direction = Math.sign(jump);
    const monotone = direction === 0 || sign === 0 || direction === sign;
    moves = count * moves + (direction === 0 ? 0 : count - 1);
    extent += stride * (count - 1);
    sign = monotone ? sign || direction : NaN;
    // Looks that only ever go one way cross each border between leaves once.
    if (!Number.isNaN(sign)) moves = Math.min(moves, Math.floor(Math.abs(extent) / LEAF_BYTES) + 1);
  }
  // One leaf is never left.
  return length * size <= LEAF_BYTES ? 0 : moves;
}

/** A leaf of an operand in a witness: its bytes, its segment and up to two hashes for each level. */
function leafBytes({ dtype, length }: Operand): number {
  const leaves = Math.ceil((length * DTYPE_BYTES[dtype]) / LEAF_BYTES);
  return LEAF_BYTES + SEGMENT_BYTES + 2 * HASH_BYTES * Math.ceil(Math.log2(leaves));
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
