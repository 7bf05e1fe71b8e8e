import { item } from "../items.ts";
import { LEAF_BYTES, openSegment, type Segment, type TensorCommitment } from "../commitment/tensor.ts";
import { AssayError } from "../errors.ts";
import { DTYPE_BYTES } from "../machine/dtype.ts";
import { executePiece, type Progress, START } from "../machine/interpreter.ts";
import { product } from "../machine/shape.ts";
import type { Kernel } from "../machine/kernel.ts";
import { elementBits, type Tensor } from "../machine/tensor.ts";
import { stepGas } from "./gas.ts";

/** Segments for each operand of a kernel, in order: the `witness` argument of ITensorMachine.execute. */
export type Witness = readonly (readonly Segment[])[];

/** What one transaction may contain. */
export interface Budget {
  /** Approximate bytes of the witness, siblings included. */
  readonly bytes: number;
  /** Gas of reduction steps, by `stepGas`. */
  readonly gas: number;
}

/** Under the 128 KB of public mempools and the 16,777,216 gas of EIP-7825, with room for everything else. */
export const DEFAULT_BUDGET: Budget = { bytes: 90_000, gas: 10_000_000 };

/**
 * Half a budget, for a proof that did not fit a transaction: `stepGas` is for ordinary data, and other data (subnormal
 * weights, for example) can cost more than twice as much. At least a sixteenth of the default, which is enough for all.
 */
export const halved = ({ bytes, gas }: Budget): Budget => ({
  bytes: Math.max(bytes / 2, DEFAULT_BUDGET.bytes / 16),
  gas: Math.max(gas / 2, DEFAULT_BUDGET.gas / 16),
});

/** A part of an element's reduction that fits a budget. */
export interface Part {
  /** Where it starts. */
  readonly progress: Progress;
  /** Reduction steps of it; 0 for a kernel that does not reduce. */
  readonly steps: number;
  /** Leaves that it reads, ascending, for each operand. */
  readonly leaves: readonly (readonly number[])[];
}

/**
 * Splits an element into parts that each fit the budget; one part when the whole element fits. A single step is never
 * split: a step that alone is over the budget is a part of its own.
 * @param operands Tensors of the kernel's operands, in order.
 * @throws AssayError OUT_OF_RANGE when the element is not in the output.
 */
export function splitElement(
  kernel: Kernel,
  operands: readonly Tensor[],
  element: number,
  budget: Budget = DEFAULT_BUDGET,
): readonly Part[] {
  const parts: Part[] = [];
  for (let from: Progress | undefined = START; from !== undefined;) {
    const { part, next }: NextPart = nextPart(kernel, operands, element, from, budget);
    parts.push(part);
    from = next;
  }
  return parts;
}

/** A part, and where the one after it starts; undefined when it is the last. */
export interface NextPart {
  readonly part: Part;
  readonly next?: Progress | undefined;
}

/**
 * The part of an element that starts at `from`, as long as the budget allows.
 * @throws AssayError OUT_OF_RANGE when the element is not in the output.
 */
export function nextPart(
  kernel: Kernel,
  operands: readonly Tensor[],
  element: number,
  from: Progress,
  budget: Budget,
): NextPart {
  expectElement(kernel, element);
  const maxSteps = Math.max(1, Math.floor(budget.gas / Math.max(1, stepGas(kernel))));
  const current = new LeafSet(operands);
  let reached = from;
  for (let steps = 0; ; steps++) {
    const touched = new LeafSet(operands);
    const piece = executePiece(kernel, operands, element, reached, 1, touched.add);
    const over = steps >= maxSteps || current.bytesWith(touched) > budget.bytes;
    if (over && steps > 0) return { part: { progress: from, steps, leaves: current.sorted() }, next: reached };
    current.merge(touched);
    if (piece.done) {
      const taken = kernel.reduce === undefined ? 0 : steps + 1;
      return { part: { progress: from, steps: taken, leaves: current.sorted() } };
    }
    reached = piece.next;
  }
}

/**
 * The leaves of a part as segments with proofs: consecutive leaves in one segment, segments ascending.
 * @param commitments Of the kernel's operands, in order.
 */
export function openWitness(
  leaves: Part["leaves"],
  operands: readonly Tensor[],
  commitments: readonly TensorCommitment[],
): Witness {
  return leaves.map((row, i) =>
    runsOf(row).map(([first, count]) => openSegment(item(operands, i), item(commitments, i), first, count)),
  );
}

/** Witness of a whole element. @throws AssayError OUT_OF_RANGE when the element is not in the output. */
export function witnessElement(
  kernel: Kernel,
  operands: readonly Tensor[],
  commitments: readonly TensorCommitment[],
  element: number,
): Witness {
  expectElement(kernel, element);
  const touched = new LeafSet(operands);
  executePiece(kernel, operands, element, START, Infinity, touched.add);
  return openWitness(touched.sorted(), operands, commitments);
}

/** The committed bits of one element with the leaf that holds them. */
export function openElement(
  tensor: Tensor,
  commitment: TensorCommitment,
  element: number,
): { readonly bits: bigint; readonly leaves: Segment } {
  const leaf = Math.floor((element * DTYPE_BYTES[tensor.dtype]) / LEAF_BYTES);
  return { bits: elementBits(tensor, element), leaves: openSegment(tensor, commitment, leaf, 1) };
}

function expectElement(kernel: Kernel, element: number): void {
  const count = product(kernel.shape);
  if (Number.isInteger(element) && element >= 0 && element < count) return;
  const range = `0 to ${String(count - 1)}`;
  throw new AssayError("OUT_OF_RANGE", `element ${String(element)} is not in ${range}`, {
    name: "element",
    value: element,
    range,
  });
}

/** Ascending numbers as runs of consecutive ones: [first, count]. */
function runsOf(row: readonly number[]): readonly (readonly [number, number])[] {
  const runs: [number, number][] = [];
  for (const leaf of row) {
    const last = runs.at(-1);
    if (last !== undefined && last[0] + last[1] === leaf) last[1]++;
    else runs.push([leaf, 1]);
  }
  return runs;
}

/** Leaves touched, for each operand. */
class LeafSet {
  readonly #sets: readonly Set<number>[];
  readonly #operands: readonly Tensor[];

  constructor(operands: readonly Tensor[]) {
    this.#operands = operands;
    this.#sets = operands.map(() => new Set<number>());
  }

  readonly add = (operand: number, offset: number): void => {
    const tensor = item(this.#operands, operand);
    item(this.#sets, operand).add(Math.floor((offset * DTYPE_BYTES[tensor.dtype]) / LEAF_BYTES));
  };

  merge(other: LeafSet): void {
    other.#sets.forEach((set, i) => set.forEach((leaf) => item(this.#sets, i).add(leaf)));
  }

  /** Bytes of the witness of both: leaves, and up to two siblings a level for each run. */
  bytesWith(other: LeafSet): number {
    let bytes = 0;
    this.#sets.forEach((set, i) => {
      const added = item(other.#sets, i);
      const has = (leaf: number): boolean => set.has(leaf) || added.has(leaf);
      const leaves = Math.ceil(item(this.#operands, i).data.byteLength / LEAF_BYTES);
      let runs = 0;
      for (const leaf of set) if (!has(leaf - 1)) runs++;
      for (const leaf of added) if (!set.has(leaf) && !has(leaf - 1)) runs++;
      let size = set.size;
      for (const leaf of added) if (!set.has(leaf)) size++;
      bytes += Math.min(leaves, size) * LEAF_BYTES + runs * (96 + 64 * Math.ceil(Math.log2(Math.max(2, leaves))));
    });
    return bytes;
  }

  sorted(): readonly (readonly number[])[] {
    return this.#sets.map((set) => [...set].sort((a, b) => a - b));
  }
}
