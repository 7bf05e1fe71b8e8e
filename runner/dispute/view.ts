import { AbiCoder, keccak256 } from "ethers";

import type { Hash } from "../commitment/keccak.ts";
import type { Progress } from "../machine/interpreter.ts";
import { CONSTANTS } from "../protocol/constants.ts";
import type { DisputeStatus } from "../protocol/enums.ts";
import { GrowingMap } from "./growing-map.ts";

/*
 * What anybody can know of a dispute from the court's events. Times are seconds since the epoch; a move at exactly its
 * deadline is in time.
 */

/** `level` of a place that means the bytes of a leaf. */
export const LEVEL_BYTES = CONSTANTS.CourtRecord.LEVEL_BYTES;

/** `kernelIndex` of an opening that means the tree of traceRoot itself. */
export const TRACE_TREE = CONSTANTS.OpeningGame.TRACE_TREE;

/** Nodes of one demand at most; the index of a place is a multiple of it, except where the place means bytes. */
export const NODES = CONSTANTS.OpeningGame.NODES;

/** `Place` of contracts/types/Dispute.sol. */
export interface Place {
  readonly level: number;
  readonly index: number;
}

/** `Opening` of contracts/types/Dispute.sol. */
export interface Opening {
  /** Kernel, or TRACE_TREE. */
  readonly kernelIndex: number;
  /** Code of the output's dtype; 0 for TRACE_TREE. */
  readonly dtype: number;
  /** Elements of the output; 0 for TRACE_TREE. */
  readonly length: number;
  readonly place: Place;
}

/** An answer to a demand: `Answer` of contracts/types/Dispute.sol. The court has checked every answer of a view. */
export interface DemandAnswer {
  readonly opening: Opening;
  readonly nodes: readonly Hash[];
  readonly data: Uint8Array;
  readonly siblings: readonly Hash[];
  readonly traceSiblings: readonly Hash[];
}

export interface Demand {
  readonly opening: Opening;
  readonly demander: string;
  readonly answerUntil: number;
  readonly answer?: DemandAnswer;
}

export type { DisputeStatus };

/** State of a dispute as the court's events give it. */
export interface DisputeView {
  readonly claimId: Hash;
  readonly status: DisputeStatus;
  readonly challenger: string;
  readonly operator: string;
  readonly termsId: number;
  readonly traceUntil: number;
  /** Zero before a trace is committed, like the three below. */
  readonly traceRoot: Hash | 0;
  readonly demandUntil: number;
  readonly end: number;
  readonly location: string;
  /** By `openingKey`. */
  readonly demands: GrowingMap<Demand>;
  /** Block of each accusation, by commitment. */
  readonly accusations: GrowingMap<number>;
  /** The furthest stored state of the replay of each element, by `elementKey`, as the court has it. */
  readonly replays: GrowingMap<Progress>;
}

/** An event of the court about one claim, decoded. Events of other kinds change nothing here. */
export type DisputeEvent =
  | {
      readonly name: "Challenged";
      readonly challenger: string;
      readonly operator: string;
      readonly termsId: number;
      readonly traceUntil: number;
    }
  | {
      readonly name: "TraceCommitted";
      readonly traceRoot: Hash;
      readonly demandUntil: number;
      readonly end: number;
      readonly location: string;
    }
  | { readonly name: "Demanded"; readonly opening: Opening; readonly demander: string; readonly answerUntil: number }
  | { readonly name: "Answered"; readonly answer: DemandAnswer }
  | { readonly name: "Accused"; readonly commitment: string; readonly block: number }
  | {
      readonly name: "Replayed";
      readonly kernel: number;
      readonly element: number;
      readonly position: number;
      readonly accumulators: readonly bigint[];
    }
  | { readonly name: "Convicted" }
  | { readonly name: "Upheld" };

/** A claim that nobody has challenged. */
export const noDispute = (claimId: Hash): DisputeView => ({
  claimId,
  status: "none",
  challenger: "",
  operator: "",
  termsId: 0,
  traceUntil: 0,
  traceRoot: 0,
  demandUntil: 0,
  end: 0,
  location: "",
  demands: GrowingMap.empty(),
  accusations: GrowingMap.empty(),
  replays: GrowingMap.empty(),
});

/** The view after the claim's next event. */
export function afterEvent(view: DisputeView, event: DisputeEvent): DisputeView {
  switch (event.name) {
    case "Challenged": {
      const { challenger, operator, termsId, traceUntil } = event;
      return { ...view, status: "challenged", challenger, operator, termsId, traceUntil };
    }
    case "TraceCommitted": {
      const { traceRoot, demandUntil, end, location } = event;
      return { ...view, status: "traceCommitted", traceRoot, demandUntil, end, location };
    }
    case "Demanded": {
      const { opening, demander, answerUntil } = event;
      return { ...view, demands: view.demands.with(openingKey(opening), { opening, demander, answerUntil }) };
    }
    case "Answered": {
      const key = openingKey(event.answer.opening);
      const demand = view.demands.get(key);
      if (demand === undefined) return view;
      return { ...view, demands: view.demands.with(key, { ...demand, answer: event.answer }) };
    }
    case "Accused":
      return { ...view, accusations: view.accusations.with(event.commitment, event.block) };
    case "Replayed": {
      const { kernel, element, position, accumulators } = event;
      const key = elementKey(kernel, element);
      // A state that is not further than the one that is known is of no use: everybody continues from the furthest.
      if (position <= (view.replays.get(key)?.position ?? 0)) return view;
      return { ...view, replays: view.replays.with(key, { position, accumulators }) };
    }
    case "Convicted":
      return { ...view, status: "convicted" };
    case "Upheld":
      return { ...view, status: "upheld" };
  }
}

/** One name for each place of each tree. */
export const openingKey = ({ kernelIndex, place: { level, index } }: Opening): string =>
  [kernelIndex, level, index].join(":");

/** One name for each element of each kernel. */
export const elementKey = (kernel: number, element: number): string => [kernel, element].join(":");

/** What `accuse` commits to: keccak256(abi.encode(claimId, kernelIndex, element, accuser, salt)). */
export const accusationOf = (
  claimId: Hash,
  kernel: number,
  element: number,
  { accuser, salt }: { readonly accuser: string; readonly salt: string },
): string =>
  keccak256(
    AbiCoder.defaultAbiCoder().encode(
      ["bytes32", "uint32", "uint32", "address", "bytes32"],
      [claimId, kernel, element, accuser, salt],
    ),
  );
