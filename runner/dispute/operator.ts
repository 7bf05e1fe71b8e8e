import { item } from "../items.ts";
import type { Hash } from "../commitment/keccak.ts";
import { levelWidth } from "../commitment/merkle.ts";
import { openSegment } from "../commitment/tensor.ts";
import type { TraceCommitment } from "../commitment/trace.ts";
import { AssayError } from "../errors.ts";
import type { Tensor } from "../machine/tensor.ts";
import { type Budget, DEFAULT_BUDGET } from "../proving/witness.ts";
import {
  type Demand,
  type DemandAnswer,
  type DisputeView,
  LEVEL_BYTES,
  NODES,
  type Opening,
  TRACE_TREE,
} from "./view.ts";

/** A trace that an operator defends. */
export interface DefendedTrace {
  /** Indices of the kernels whose outputs are the answer, in order. */
  readonly outputKernels: readonly number[];
  readonly trace: readonly Tensor[];
  readonly commitment: TraceCommitment;
}

/** What an operator does next. Every move is one transaction. */
export type OperatorMove =
  | { readonly kind: "wait"; readonly until?: number }
  | { readonly kind: "done" }
  | {
      readonly kind: "commitTrace";
      readonly traceRoot: Hash;
      readonly outputRoots: readonly Hash[];
      readonly outputSiblings: readonly (readonly Hash[])[];
    }
  | { readonly kind: "answer"; readonly answers: readonly DemandAnswer[] }
  | { readonly kind: "resolve" };

/** Upper estimate of what an answer costs: checking and storing it, and each byte as calldata and in the event. */
const ANSWER_GAS = { base: 20_000, byte: 30 };
/** Bytes of an answer's fixed fields and offsets in calldata. */
const ANSWER_BYTES = 448;

/**
 * The defending operator as a function of the view; it can stop and start at any time.
 * @param time Earliest time of the next transaction, in seconds.
 * @param budget What a transaction may carry: as many answers as fit go into one.
 */
export function nextOperatorMove(
  defended: DefendedTrace,
  view: DisputeView,
  time: number,
  budget: Budget = DEFAULT_BUDGET,
): OperatorMove {
  const { outputKernels, commitment } = defended;
  switch (view.status) {
    case "none":
      return { kind: "wait" };
    case "challenged":
      if (time > view.traceUntil) return { kind: "done" };
      return {
        kind: "commitTrace",
        traceRoot: commitment.root,
        outputRoots: outputKernels.map((kernel) => item(commitment.outputs, kernel).root),
        outputSiblings: outputKernels.map((kernel) => commitment.tree.prove(kernel)),
      };
    case "traceCommitted": {
      const open = [...view.demands.values()].filter(({ answer }) => answer === undefined);
      const due = open.filter(({ answerUntil }) => answerUntil >= time).sort((a, b) => a.answerUntil - b.answerUntil);
      if (due.length > 0) return { kind: "answer", answers: fitting(defended, due, budget) };
      if (open.length > 0) return { kind: "done" };
      return time > view.end ? { kind: "resolve" } : { kind: "wait", until: view.end };
    }
    case "upheld":
    case "convicted":
      return { kind: "done" };
  }
}

/** The first answers that fit one transaction; one at least. */
function fitting(defended: DefendedTrace, due: readonly Demand[], budget: Budget): readonly DemandAnswer[] {
  const answers: DemandAnswer[] = [];
  let [bytes, gas] = [0, 0];
  for (const { opening } of due) {
    const answer = answerTo(defended, opening);
    const words = answer.nodes.length + answer.siblings.length + answer.traceSiblings.length;
    const size = ANSWER_BYTES + 32 * words + answer.data.length;
    bytes += size;
    gas += ANSWER_GAS.base + ANSWER_GAS.byte * size;
    if (answers.length > 0 && (bytes > budget.bytes || gas > budget.gas)) break;
    answers.push(answer);
  }
  return answers;
}

/**
 * The answer to a demand, from the trace.
 * @throws AssayError OUT_OF_RANGE when the place does not exist; the court accepts no such demand.
 */
export function answerTo({ trace, commitment }: DefendedTrace, opening: Opening): DemandAnswer {
  const { kernelIndex, place } = opening;
  const { level, index } = place;
  if (kernelIndex === TRACE_TREE) return { ...nodesOf(commitment.tree, opening), traceSiblings: [] };
  const [tensor, output] = [trace[kernelIndex], commitment.outputs[kernelIndex]];
  if (tensor === undefined || output === undefined) {
    const range = `0 to ${String(trace.length - 1)}`;
    const details = { name: "kernel", value: kernelIndex, range };
    throw new AssayError("OUT_OF_RANGE", `kernel ${String(kernelIndex)} is not in ${range}`, details);
  }
  const traceSiblings = commitment.tree.prove(kernelIndex);
  if (level !== LEVEL_BYTES) return { ...nodesOf(output.tree, opening), traceSiblings };
  const { data, siblings } = openSegment(tensor, output, index, 1);
  return { opening, nodes: [], data, siblings, traceSiblings };
}

function nodesOf(tree: TraceCommitment["tree"], opening: Opening): Omit<DemandAnswer, "traceSiblings"> {
  const { level, index } = opening.place;
  const count = Math.min(NODES, levelWidth(tree.width, level) - index);
  const nodes = tree.nodes(index, count, level);
  return { opening, nodes, data: new Uint8Array(), siblings: tree.proveRange(index, count, level) };
}
