import { AbiCoder, keccak256 } from "ethers";

import { item } from "../items.ts";
import type { Hash } from "../commitment/keccak.ts";
import { buildFraudProof, type Execution, type FraudProof, type OutputOpening } from "../proving/fraud-proof.ts";
import { type Budget, DEFAULT_BUDGET } from "../proving/witness.ts";
import { type Located, locate, type OwnExecution, type Published } from "./locate.ts";
import { accusationOf, type DisputeView, type Opening, type Place, stateKey } from "./view.ts";

/** Who watches. Salts come from the secret: nobody can guess them, and after a restart they are the same. */
export interface WatcherIdentity {
  readonly address: string;
  readonly secret: string;
}

/** `Accusation` of contracts/types/Dispute.sol. */
export interface Accusation {
  readonly accuser: string;
  readonly salt: string;
}

/** The earliest time and block of the next transaction, and what the chain says of the claim. */
export interface ChainState {
  readonly time: number;
  readonly block: number;
  readonly claimedRoot: Hash;
  /** Of the dispute's terms; any value while there is no dispute. */
  readonly answerWindow: number;
}

/** What an honest watcher does next. A move is one transaction; the `fetch…` moves are downloads by the caller. */
export type WatcherMove =
  /** Nothing now; look again after the next event of the court or, if given, after that second. */
  | { readonly kind: "wait"; readonly until?: number }
  | { readonly kind: "done" }
  | { readonly kind: "challenge" }
  | { readonly kind: "convictWithoutTrace" }
  | { readonly kind: "fetchRoots"; readonly location: string }
  | { readonly kind: "fetchOutput"; readonly kernel: number; readonly location: string }
  | { readonly kind: "demand"; readonly kernel: number; readonly places: readonly Place[] }
  | { readonly kind: "convictUnanswered"; readonly opening: Opening }
  | { readonly kind: "accuse"; readonly commitment: string }
  | {
      readonly kind: "replay";
      readonly accusation: Accusation;
      readonly execution: Execution;
      readonly maxSteps: bigint;
    }
  | {
      readonly kind: "proveFraud";
      readonly accusation: Accusation;
      readonly execution: Execution;
      readonly output: OutputOpening;
    };

/**
 * The honest watcher as a function of the view: it has no memory of its own, so it can stop and start at any time, and
 * several watchers can share the work.
 * @throws AssayError as buildFraudProof does.
 */
export function nextWatcherMove(
  watcher: WatcherIdentity,
  own: OwnExecution,
  ownOutputRoot: Hash,
  view: DisputeView,
  published: Published,
  chain: ChainState,
  budget: Budget = DEFAULT_BUDGET,
): WatcherMove {
  switch (view.status) {
    case "none":
      return chain.claimedRoot === ownOutputRoot ? { kind: "done" } : { kind: "challenge" };
    case "challenged":
      if (chain.time > view.traceUntil) return { kind: "convictWithoutTrace" };
      return { kind: "wait", until: view.traceUntil };
    case "traceCommitted":
      return pursue(watcher, own, view, published, chain, budget);
    case "upheld":
    case "convicted":
      return { kind: "done" };
  }
}

function pursue(
  watcher: WatcherIdentity,
  own: OwnExecution,
  view: DisputeView,
  published: Published,
  chain: ChainState,
  budget: Budget,
): WatcherMove {
  // A demand that is not answered in time convicts, whoever made it and even if the trace is right: otherwise the
  // dispute would not end.
  const open = [...view.demands.values()].filter(({ answer }) => answer === undefined);
  const late = open.find(({ answerUntil }) => chain.time > answerUntil);
  if (late !== undefined) return { kind: "convictUnanswered", opening: late.opening };

  const rounds = 1 + Math.max(0, Math.floor((view.demandUntil - chain.time) / Math.max(1, chain.answerWindow)));
  const found = locate(own, view, published, rounds);
  switch (found.kind) {
    case "equal":
      return { kind: "done" };
    case "fetchRoots":
      return { kind: "fetchRoots", location: view.location };
    case "fetchOutput":
      return { kind: "fetchOutput", kernel: found.kernel, location: view.location };
    case "demand":
      if (chain.time > view.demandUntil) return { kind: "done" };
      return { kind: "demand", kernel: found.kernel, places: found.places };
    case "pending":
      return { kind: "wait", until: Math.min(...open.map(({ answerUntil }) => answerUntil)) };
    case "located":
      return chain.time > view.end ? { kind: "done" } : convict(watcher, own, view, found, chain, budget);
  }
}

/** Accuse, then in a later block replay what is not replayed yet, then prove. */
function convict(
  { address, secret }: WatcherIdentity,
  own: OwnExecution,
  view: DisputeView,
  located: Located,
  { block }: ChainState,
  budget: Budget,
): WatcherMove {
  const { kernel, element } = located;
  const salt = keccak256(
    AbiCoder.defaultAbiCoder().encode(
      ["bytes32", "bytes32", "uint32", "uint32"],
      [secret, view.claimId, kernel, element],
    ),
  );
  const accusation = { accuser: address, salt };
  const commitment = accusationOf(view.claimId, kernel, element, accusation);
  const accusedIn = view.accusations.get(commitment);
  if (accusedIn === undefined) return { kind: "accuse", commitment };
  if (accusedIn >= block) return { kind: "wait" };

  const { replays, execution, output } = proofOf(own, located, budget);
  const starts = [...replays.map((part) => part.execution), execution];
  // The court continues only from the accumulator bits that it stored. They can differ from ours for a NaN: a constant
  // keeps its payload in the contract until something computes with it, the interpreter has only one NaN.
  const resumed = (one: Execution): Execution => {
    const { position } = one.progress;
    const accumulators = view.replays.get(stateKey(kernel, element, position));
    return accumulators === undefined ? one : { ...one, progress: { position, accumulators } };
  };
  for (const [i, { execution: part, maxSteps }] of replays.entries()) {
    const reached = item(starts, i + 1).progress.position;
    if (view.replays.has(stateKey(kernel, element, reached))) continue;
    return { kind: "replay", accusation, execution: resumed(part), maxSteps };
  }
  return { kind: "proveFraud", accusation, execution: resumed(execution), output };
}

/**
 * The fraud proof of a located element. The operands are one's own: left of the first wrong kernel the operator's trace
 * is the same, and only the proofs in its tree differ.
 */
export function proofOf(own: OwnExecution, located: Located, budget: Budget = DEFAULT_BUDGET): FraudProof {
  const { kernel, element, leaves, siblings, traceTree } = located;
  const { program, model, inputs, constants, trace, commitment } = own;
  const traceRoots = commitment.outputs.map(({ root }) => root);
  const output = item(trace, kernel);
  const proof = buildFraudProof(
    { program, model, inputs, constants, trace, traceRoots },
    { kernel, element, output },
    budget,
  );
  const operands = item(program.kernels, kernel).operands;
  const inOperatorsTree = (execution: Execution): Execution => ({
    ...execution,
    operandSiblings: execution.operandSiblings.map((row, i) => {
      const [operand, covered] = [item(operands, i), item(execution.witness, i).length > 0];
      return operand.space === "kernel" && covered ? traceTree.prove(operand.index, kernel) : row;
    }),
  });
  return {
    ...proof,
    replays: proof.replays.map((part) => ({ ...part, execution: inOperatorsTree(part.execution) })),
    execution: inOperatorsTree(proof.execution),
    output: { leaves, siblings },
  };
}
