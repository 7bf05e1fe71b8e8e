import { type Hash, ZERO_HASH } from "../commitment/keccak.ts";
import { rootsTree } from "../commitment/model.ts";
import { commitTensor } from "../commitment/tensor.ts";
import { item } from "../items.ts";
import { elementBits, type Tensor } from "../machine/tensor.ts";
import { locate, type LocateResult, type OwnTrace } from "./locate.ts";
import { noDispute } from "./view.ts";

/** What an operator has shown of its trace. */
export interface OperatorTrace {
  /** The traceRoot that it committed on chain. */
  readonly root: Hash;
  /** Tensor roots of all kernel outputs that it published, in order. */
  readonly roots: readonly Hash[];
  /** Fetches the output of a kernel; undefined when it is not available. Called for one kernel at most. */
  readonly fetchOutput: (kernel: number) => Promise<Tensor | undefined>;
}

/** How an operator's trace differs from one's own. */
export type Comparison =
  | { readonly kind: "equal" }
  /** The published roots are not what the operator committed: demand the nodes of the trace tree on chain. */
  | { readonly kind: "roots-unfaithful"; readonly expected: Hash; readonly actual: Hash }
  /** The first wrong kernel's output is not published: demand it on chain. */
  | { readonly kind: "output-missing"; readonly kernel: number }
  /** What is published for it does not hash to its root: demand it on chain. */
  | { readonly kind: "output-unfaithful"; readonly kernel: number; readonly expected: Hash; readonly actual: Hash }
  | Fault;

/** A wrong element, with what its proof is made from. */
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

/** `locate` from published data alone: the first wrong element, or what has to be demanded on chain to find it. */
export async function compareTraces(own: OwnTrace, operator: OperatorTrace): Promise<Comparison> {
  if (operator.root === own.commitment.root) return { kind: "equal" };
  const actual = rootsTree(operator.roots).root;
  if (actual !== operator.root || operator.roots.length !== own.trace.length) {
    return { kind: "roots-unfaithful", expected: operator.root, actual };
  }
  const view = { ...noDispute(ZERO_HASH), traceRoot: operator.root };
  const outputs = new Map<number, Tensor | null>();
  const look = (): LocateResult => locate(own, view, { roots: operator.roots, outputs }, Infinity);
  const first = look();
  // Faithful roots lead to the first wrong kernel.
  if (first.kind !== "fetchOutput") throw new Error(`locate gives ${first.kind} without an output`);
  const { kernel } = first;
  const output = await operator.fetchOutput(kernel);
  if (output === undefined) return { kind: "output-missing", kernel };
  outputs.set(kernel, output);
  const found = look();
  if (found.kind !== "located") {
    const [expected, hashed] = [item(operator.roots, kernel), commitTensor(output).root];
    return { kind: "output-unfaithful", kernel, expected, actual: hashed };
  }
  const { element } = found;
  const expected = elementBits(item(own.trace, kernel), element);
  return { kind: "fault", kernel, element, expected, claimed: elementBits(output, element), output };
}
