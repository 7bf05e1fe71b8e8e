import { item } from "../items.ts";
import type { Hash } from "../commitment/keccak.ts";
import { type ModelCommitment, rootsTree } from "../commitment/model.ts";
import { commitTensor, type Segment, type TensorCommitment } from "../commitment/tensor.ts";
import type { MerkleTree } from "../commitment/merkle.ts";
import { AssayError } from "../errors.ts";
import type { Progress } from "../machine/interpreter.ts";
import type { Kernel, Operand, Program } from "../machine/kernel.ts";
import type { Tensor } from "../machine/tensor.ts";
import {
  type Budget,
  DEFAULT_BUDGET,
  nextPart,
  openElement,
  openWitness,
  type Part,
  splitElement,
  type Witness,
} from "./witness.ts";

/** `KernelOpening` of contracts/types/Dispute.sol. */
export interface KernelOpening {
  readonly index: number;
  readonly encoded: Uint8Array;
  readonly siblings: readonly Hash[];
}

/** `Execution` of contracts/types/Dispute.sol. */
export interface Execution {
  readonly kernel: KernelOpening;
  readonly element: number;
  readonly progress: Progress;
  readonly witness: Witness;
  readonly operandSiblings: readonly (readonly Hash[])[];
}

/** `OutputOpening` of contracts/types/Dispute.sol. */
export interface OutputOpening {
  readonly leaves: Segment;
  readonly siblings: readonly Hash[];
}

/** All transactions of a conviction: each replay in order, then the fraud proof. */
export interface FraudProof {
  readonly kernel: number;
  readonly element: number;
  /** For IDisputeCourt.replay; empty when one transaction suffices. */
  readonly replays: readonly { readonly execution: Execution; readonly maxSteps: bigint }[];
  /** For IDisputeCourt.proveFraud. */
  readonly execution: Execution;
  readonly output: OutputOpening;
}

/** What a proof is built from. */
export interface Evidence {
  readonly program: Program;
  readonly model: ModelCommitment;
  readonly inputs: readonly Tensor[];
  readonly constants: readonly Tensor[];
  /** Outputs of the kernels before the wrong one; they hash to the operator's roots. */
  readonly trace: readonly Tensor[];
  /** The operator's tensor roots of all kernel outputs. */
  readonly traceRoots: readonly Hash[];
  /** Commitments to the tensors of `trace`, when they are known: they are not computed again. */
  readonly traceCommitments?: readonly TensorCommitment[];
}

/** One transaction of a conviction. */
export interface ProofPart {
  readonly execution: Execution;
  readonly maxSteps: bigint;
  /** Whether it ends the element: it is for IDisputeCourt.proveFraud, the others are for replay. */
  readonly last: boolean;
}

/**
 * Builds the proof that an element of the operator's trace is not what its operands give.
 * @param fault The place, and the operator's output of that kernel.
 * @throws AssayError OUT_OF_RANGE when the place does not exist, COMMITMENT_MISMATCH when an operand or the output does
 * not hash to the operator's root.
 */
export function buildFraudProof(
  evidence: Evidence,
  fault: { readonly kernel: number; readonly element: number; readonly output: Tensor },
  budget: Budget = DEFAULT_BUDGET,
): FraudProof {
  const { element, output } = fault;
  const { traceRoots } = evidence;
  const opened = openPlace(evidence, fault.kernel);
  const parts = splitElement(opened.kernel, opened.operands, element, budget).map((part) =>
    executionOf(opened, element, part),
  );
  const last = parts.at(-1);
  if (last === undefined) throw new AssayError("NO_FAULT", "the element has no parts", { reason: "no parts" });

  const committed = commitTensor(output);
  expectRoot(`output of kernel ${String(fault.kernel)}`, committed, traceRoots[fault.kernel]);
  return {
    kernel: fault.kernel,
    element,
    replays: parts.slice(0, -1),
    execution: last.execution,
    output: { leaves: openElement(output, committed, element).leaves, siblings: opened.traceTree.prove(fault.kernel) },
  };
}

/**
 * The part of the proof that starts at `from`, a state that the court has stored or the beginning.
 * @throws AssayError as buildFraudProof does.
 */
export function buildProofPart(
  evidence: Evidence,
  place: { readonly kernel: number; readonly element: number },
  from: Progress,
  budget: Budget = DEFAULT_BUDGET,
): ProofPart {
  const opened = openPlace(evidence, place.kernel);
  const { part, next } = nextPart(opened.kernel, opened.operands, place.element, from, budget);
  return { ...executionOf(opened, place.element, part), last: next === undefined };
}

/** A kernel with its operands, opened. */
type OpenedPlace = ReturnType<typeof openPlace>;

function openPlace(evidence: Evidence, index: number) {
  const { program, model, traceRoots } = evidence;
  const kernel = program.kernels[index];
  const encoded = model.kernels[index];
  if (kernel === undefined || encoded === undefined) {
    const range = `0 to ${String(program.kernels.length - 1)}`;
    throw new AssayError("OUT_OF_RANGE", `kernel ${String(index)} is not in ${range}`, {
      name: "kernel",
      value: index,
      range,
    });
  }
  const traceTree = rootsTree(traceRoots);
  const opening: KernelOpening = { index, encoded, siblings: model.programTree.prove(index) };
  return { kernel, opening, traceTree, ...openOperands(kernel, evidence, traceTree) };
}

function executionOf(
  { opening, operands, commitments, siblings }: OpenedPlace,
  element: number,
  { progress, steps, leaves }: Part,
): { readonly execution: Execution; readonly maxSteps: bigint } {
  const witness = openWitness(leaves, operands, commitments);
  const operandSiblings = witness.map((segments, i) => (segments.length === 0 ? [] : item(siblings, i)));
  return { execution: { kernel: opening, element, progress, witness, operandSiblings }, maxSteps: BigInt(steps) };
}

/** The operands' tensors with their commitments and their proofs in the roots that the court holds. */
function openOperands(
  kernel: Kernel,
  { inputs, constants, trace, traceRoots, traceCommitments, model }: Evidence,
  traceTree: MerkleTree,
): {
  readonly operands: readonly Tensor[];
  readonly commitments: readonly TensorCommitment[];
  readonly siblings: readonly (readonly Hash[])[];
} {
  const inputCommitments = inputs.map(commitTensor);
  const inputTree = rootsTree(inputCommitments.map(({ root }) => root));
  const open = ({ space, index }: Operand) => {
    const name = `${space} ${String(index)}`;
    const tensor = { input: inputs, constant: constants, kernel: trace }[space][index];
    if (tensor === undefined) {
      const details = { name, expected: "a tensor", actual: "missing" };
      throw new AssayError("TENSOR_MISMATCH", `${name} is missing from the evidence`, details);
    }
    switch (space) {
      case "input":
        return { tensor, commitment: item(inputCommitments, index), tree: inputTree };
      case "constant":
        return { tensor, commitment: item(model.constants, index), tree: model.weightsTree };
      case "kernel": {
        const commitment = traceCommitments?.[index] ?? commitTensor(tensor);
        expectRoot(name, commitment, traceRoots[index]);
        return { tensor, commitment, tree: traceTree };
      }
    }
  };
  const opened = kernel.operands.map(open);
  return {
    operands: opened.map(({ tensor }) => tensor),
    commitments: opened.map(({ commitment }) => commitment),
    siblings: opened.map(({ tree }, i) => tree.prove(item(kernel.operands, i).index)),
  };
}

function expectRoot(name: string, { root }: TensorCommitment, expected: Hash | undefined): void {
  if (root === expected) return;
  const details = { name, expected: expected ?? "a root", actual: root };
  throw new AssayError("COMMITMENT_MISMATCH", `${name} does not hash to the operator's root`, details);
}
