import { item } from "../items.ts";
import { type Hash, ZERO_HASH } from "../commitment/keccak.ts";
import { LEAF_BYTES, segmentRoot } from "../commitment/tensor.ts";
import { AssayError } from "../errors.ts";
import { executePiece, type Piece, type Progress } from "../machine/interpreter.ts";
import type { Kernel } from "../machine/kernel.ts";
import { createTensor, tensorBytes } from "../machine/tensor.ts";
import { DTYPE_BYTES } from "../machine/dtype.ts";
import type { Witness } from "./witness.ts";

/** What ITensorMachine.execute returns. */
export interface Replay {
  readonly piece: Piece;
  /** Tensor root of every operand, in order; zero where the witness has no segment. */
  readonly roots: readonly Hash[];
}

/**
 * ITensorMachine.execute in TypeScript: executes from a witness alone. It allocates operands in full size, so it is
 * for checking proofs before they are sent, not for untrusted kernels.
 * @throws AssayError OUT_OF_RANGE when a segment is malformed, COMMITMENT_MISMATCH when segments of an operand lead to
 * different roots, or when a read is not covered.
 */
export function replayWitness(
  kernel: Kernel,
  element: number,
  progress: Progress,
  maxSteps: number,
  witness: Witness,
): Replay {
  const covered: Set<number>[] = [];
  const roots: Hash[] = [];
  const operands = kernel.operands.map((type, i) => {
    const tensor = createTensor(type.dtype, type.length);
    const leaves = new Set<number>();
    let root: Hash | undefined;
    for (const segment of witness[i] ?? []) {
      const actual = segmentRoot(type, segment);
      root ??= actual;
      if (actual !== root) throw mismatch(`segments of operand ${String(i)}`, root, actual);
      tensorBytes(tensor).set(segment.data, segment.firstLeaf * LEAF_BYTES);
      const count = Math.ceil(segment.data.length / LEAF_BYTES);
      for (let i = 0; i < count; i++) leaves.add(segment.firstLeaf + i);
    }
    roots.push(root ?? ZERO_HASH);
    covered.push(leaves);
    return tensor;
  });
  const piece = executePiece(kernel, operands, element, progress, maxSteps, (operand, offset) => {
    const leaf = Math.floor((offset * DTYPE_BYTES[item(kernel.operands, operand).dtype]) / LEAF_BYTES);
    if (covered[operand]?.has(leaf) === true) return;
    throw mismatch(`operand ${String(operand)} of the witness`, `leaf ${String(leaf)}`, "not covered");
  });
  return { piece, roots };
}

function mismatch(name: string, expected: string, actual: string): AssayError {
  return new AssayError("COMMITMENT_MISMATCH", `${name}: expected ${expected}, found ${actual}`, {
    name,
    expected,
    actual,
  });
}
