import type { Hash } from "../commitment/keccak.ts";
import { rootsTree } from "../commitment/model.ts";
import type { TraceCommitment } from "../commitment/trace.ts";
import { commitTensor } from "../commitment/tensor.ts";
import { elementBits, type Tensor, tensorBytes } from "../machine/tensor.ts";
import { DTYPE_BYTES } from "../machine/dtype.ts";

/** What an operator has shown of its trace. */
export interface OperatorTrace {
  /** The traceRoot that it committed on chain. */
  readonly root: Hash;
  /** Tensor roots of all kernel outputs that it published, in order. */
  readonly roots: readonly Hash[];
  /** Fetches the output of a kernel; undefined when it cannot be had. Called for one kernel at most. */
  readonly fetchOutput: (kernel: number) => Promise<Tensor | undefined>;
}

/** How an operator's trace stands against one's own. */
export type Comparison =
  | { readonly kind: "equal" }
  /** The published roots are not what the operator committed: demand the nodes of the trace tree on chain. */
  | { readonly kind: "roots-unfaithful"; readonly expected: Hash; readonly actual: Hash }
  /** The first wrong kernel's output is not published: demand it on chain. */
  | { readonly kind: "output-missing"; readonly kernel: number }
  /** What is published for it does not hash to its root: demand it on chain. */
  | { readonly kind: "output-unfaithful"; readonly kernel: number; readonly expected: Hash; readonly actual: Hash }
  | Fault;

/** A wrong element, with all that convicts it. */
export interface Fault {
  readonly kind: "fault";
  /** First kernel whose output differs: all its operands are as in one's own trace. */
  readonly kernel: number;
  /** First element of it that differs, flat row-major. */
  readonly element: number;
  /** Bits that the machine gives. */
  readonly expected: bigint;
  /** Bits that the operator committed. */
  readonly claimed: bigint;
  /** The operator's output of that kernel. */
  readonly output: Tensor;
}

/**
 * Finds the first wrong kernel of an operator's trace and its first wrong element.
 * @param own One's own trace of the same model and input, and its commitment.
 */
export async function compareTraces(
  own: readonly Tensor[],
  commitment: TraceCommitment,
  operator: OperatorTrace,
): Promise<Comparison> {
  if (commitment.root === operator.root) return { kind: "equal" };
  const published = rootsTree(operator.roots).root;
  if (published !== operator.root || operator.roots.length !== own.length) {
    return { kind: "roots-unfaithful", expected: operator.root, actual: published };
  }
  // Roots that differ in the tree differ in the list, so there is such a kernel.
  const kernel = commitment.outputs.findIndex(({ root }, i) => root !== operator.roots[i]);
  const [mine, expected] = [own[kernel], operator.roots[kernel]];
  if (mine === undefined || expected === undefined) return { kind: "equal" };
  const output = await operator.fetchOutput(kernel);
  if (output === undefined) return { kind: "output-missing", kernel };
  const actual = commitTensor(output).root;
  // An output of another type has another root: its element cannot even be opened as this kernel's.
  const sameType = output.dtype === mine.dtype && output.data.length === mine.data.length;
  if (actual !== expected || !sameType) return { kind: "output-unfaithful", kernel, expected, actual };
  const element = firstDifference(mine, output);
  return {
    kind: "fault",
    kernel,
    element,
    expected: elementBits(mine, element),
    claimed: elementBits(output, element),
    output,
  };
}

/** First element whose bits differ, of two tensors of one type; -1 when there is none. */
export function firstDifference(a: Tensor, b: Tensor): number {
  const [left, right] = [tensorBytes(a), tensorBytes(b)];
  if (Buffer.compare(left, right) === 0) return -1;
  return Math.floor(left.findIndex((byte, i) => byte !== right[i]) / DTYPE_BYTES[a.dtype]);
}
