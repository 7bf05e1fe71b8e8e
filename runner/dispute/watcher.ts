import { AbiCoder, keccak256 } from "ethers";

import { item } from "../items.ts";
import type { Hash } from "../commitment/keccak.ts";
import { type Progress, START } from "../machine/interpreter.ts";
import { buildProofPart, type Execution, type OutputOpening, type ProofPart } from "../proving/fraud-proof.ts";
import { type Budget, DEFAULT_BUDGET } from "../proving/witness.ts";
import { type Located, locate, type OwnExecution, type Published } from "./locate.ts";
import { accusationOf, type Demand, type DisputeView, elementKey, type Opening, type Place } from "./view.ts";

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
 * @throws AssayError as buildProofPart does.
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

/** What a watcher does next without a trace at hand. */
export type TracelessMove =
  /** The whole trace is needed: execute again. */
  | { readonly kind: "execute" }
  | Extract<WatcherMove, { kind: "wait" | "done" | "challenge" | "convictWithoutTrace" | "convictUnanswered" }>;

/** What is known of a claim whose trace was not kept. */
export interface KnownRoots {
  /** Of one's own trace; undefined when nobody needed it yet. */
  readonly traceRoot?: Hash | undefined;
}

/**
 * The honest watcher about a claim that is challenged and whose trace it has not at hand: because the answer is right, or
 * because the trace was dropped.
 */
export function nextMoveWithoutTrace(view: DisputeView, time: number, { traceRoot }: KnownRoots): TracelessMove {
  switch (view.status) {
    case "none":
      return { kind: "challenge" };
    case "challenged":
      return time > view.traceUntil ? { kind: "convictWithoutTrace" } : { kind: "wait", until: view.traceUntil };
    case "traceCommitted": {
      const late = lateDemand(view, time);
      if (late !== undefined) return { kind: "convictUnanswered", opening: late.opening };
      return traceRoot === view.traceRoot ? { kind: "done" } : { kind: "execute" };
    }
    case "upheld":
    case "convicted":
      return { kind: "done" };
  }
}

/**
 * A demand that is not answered in time convicts, whoever made it and even if the trace is right: otherwise the dispute
 * would not end.
 */
function lateDemand({ demands }: DisputeView, time: number): Demand | undefined {
  for (const demand of demands.values()) {
    if (demand.answer === undefined && time > demand.answerUntil) return demand;
  }
  return undefined;
}

function pursue(
  watcher: WatcherIdentity,
  own: OwnExecution,
  view: DisputeView,
  published: Published,
  chain: ChainState,
  budget: Budget,
): WatcherMove {
  const late = lateDemand(view, chain.time);
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
      return { kind: "demand", kernel: found.kernel, places: found.places.slice(0, placesIn(budget)) };
    case "pending":
      return { kind: "wait", until: firstAnswer(view) };
    case "located":
      return chain.time > view.end ? { kind: "done" } : convict(watcher, own, view, found, chain, budget);
  }
}

/** Until when the first of the open demands must be answered. */
function firstAnswer({ demands }: DisputeView): number {
  let until = Infinity;
  for (const { answer, answerUntil } of demands.values())
    if (answer === undefined) until = Math.min(until, answerUntil);
  return until;
}

/** Upper estimate of the gas that a demand for one more place takes. */
const PLACE_GAS = 45_000;

/** Places that one transaction may demand: the rest follows in others. */
const placesIn = ({ gas }: Budget): number => Math.max(1, Math.floor(gas / PLACE_GAS));

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

  // Whoever stored a state, it is the one that the court's machine reached there: everybody continues from the furthest.
  // Its accumulators can differ from ours for a NaN: a constant keeps its payload in the contract until something
  // computes with it, the interpreter has only one NaN.
  const from = view.replays.get(elementKey(kernel, element)) ?? START;
  const { execution, maxSteps, last } = proofPartOf(own, located, from, budget);
  if (!last) return { kind: "replay", accusation, execution, maxSteps };
  return { kind: "proveFraud", accusation, execution, output: { leaves: located.leaves, siblings: located.siblings } };
}

/**
 * The next transaction of the fraud proof of a located element. The operands are one's own: left of the first wrong kernel
 * the operator's trace is the same, and only the proofs in its tree differ.
 */
export function proofPartOf(
  own: OwnExecution,
  { kernel, element, traceTree }: Located,
  from: Progress,
  budget: Budget = DEFAULT_BUDGET,
): ProofPart {
  const { program, model, inputs, constants, trace, commitment } = own;
  const traceRoots = commitment.outputs.map(({ root }) => root);
  const part = buildProofPart(
    { program, model, inputs, constants, trace, traceRoots, traceCommitments: commitment.outputs },
    { kernel, element },
    from,
    budget,
  );
  const { operands } = item(program.kernels, kernel);
  const { execution } = part;
  const operandSiblings = execution.operandSiblings.map((row, i) => {
    const [operand, covered] = [item(operands, i), item(execution.witness, i).length > 0];
    return operand.space === "kernel" && covered ? traceTree.prove(operand.index, kernel) : row;
  });
  return { ...part, execution: { ...execution, operandSiblings } };
}
