import type { TransactionReceipt } from "ethers";

import type { DataKind } from "../../runner/protocol/enums.ts";
import type { Hash } from "../../runner/commitment/keccak.ts";

/** What a transaction does. Amounts are units of 1e-18 token. */
export type Action =
  /** What a person asked for by a command. */
  | { readonly kind: "called"; readonly command: string }
  | { readonly kind: "minted"; readonly amount: bigint }
  | { readonly kind: "approved" }
  | { readonly kind: "published"; readonly model: string }
  | { readonly kind: "staked"; readonly amount: bigint }
  | { readonly kind: "signingKeySet" }
  | { readonly kind: "endpointSet"; readonly endpoint: string }
  | { readonly kind: "optedIn"; readonly model: string }
  | { readonly kind: "asked"; readonly model: string }
  | { readonly kind: "dataDemanded"; readonly requestId: Hash; readonly data: DataKind }
  | { readonly kind: "dataShown"; readonly requestId: Hash; readonly data: DataKind; readonly chunk: number }
  | { readonly kind: "refunded"; readonly requestId: Hash }
  | { readonly kind: "timedOut"; readonly requestId: Hash }
  | { readonly kind: "roundSubmitted"; readonly round: bigint }
  | { readonly kind: "headerSubmitted"; readonly block: bigint }
  | { readonly kind: "drawn"; readonly requestId: Hash }
  | { readonly kind: "weighed"; readonly model: string }
  | { readonly kind: "cancelled"; readonly requestId: Hash }
  | { readonly kind: "claimed"; readonly requestId: Hash; readonly model: string }
  | { readonly kind: "finalised"; readonly requestId: Hash }
  | { readonly kind: "periodCommitted" }
  | { readonly kind: "auditBegun"; readonly requestId: Hash }
  | { readonly kind: "auditCommitted"; readonly requestId: Hash }
  | { readonly kind: "auditPublished"; readonly requestId: Hash }
  | { readonly kind: "auditEscalated"; readonly requestId: Hash }
  | { readonly kind: "auditLapsed"; readonly requestId: Hash }
  | { readonly kind: "auditSettled"; readonly requestId: Hash }
  | { readonly kind: "quorumDrawn"; readonly requestId: Hash }
  | { readonly kind: "quorumRefunded"; readonly requestId: Hash }
  | { readonly kind: "quorumCommitted"; readonly requestId: Hash; readonly seat: number }
  | { readonly kind: "quorumRevealed"; readonly requestId: Hash; readonly seat: number }
  | { readonly kind: "quorumClosed"; readonly requestId: Hash }
  | { readonly kind: "quorumSettled"; readonly requestId: Hash }
  | { readonly kind: "traceCommitted"; readonly requestId: Hash }
  | { readonly kind: "demandsAnswered"; readonly requestId: Hash; readonly demands: number }
  | { readonly kind: "upheld"; readonly requestId: Hash }
  | { readonly kind: "challenged"; readonly requestId: Hash }
  | { readonly kind: "demanded"; readonly requestId: Hash; readonly places: number }
  | { readonly kind: "bondReclaimed" }
  | { readonly kind: "accused"; readonly requestId: Hash }
  | { readonly kind: "replayed"; readonly requestId: Hash }
  | { readonly kind: "convictedForSilence"; readonly requestId: Hash; readonly missing: "trace" | "answer" | "output" }
  | {
      readonly kind: "convicted";
      readonly requestId: Hash;
      readonly kernel: number;
      readonly element: number;
      /** What the kernel does, in the words of the model. */
      readonly nodes: string;
    }
  | {
      readonly kind: "collected";
      readonly from: "market" | "availability" | "court" | "staking" | "auditDesk" | "quorums";
      readonly amount: bigint;
    };

/** A transaction that was included. */
export interface SentEvent {
  readonly kind: "sent";
  readonly action: Action;
  /** Account that sent it. */
  readonly from: string;
  readonly receipt: TransactionReceipt;
  /** Bytes. */
  readonly calldata: number;
}

/** What a service did or noticed. */
export type ServiceEvent =
  | SentEvent
  | { readonly kind: "reorganised" }
  /** A text of a stranger's event is not UTF-8; it counts as empty. */
  | { readonly kind: "textUnusable"; readonly event: string; readonly field: string; readonly block: number }
  | { readonly kind: "eventUnusable"; readonly event: string; readonly block: number; readonly reason: string }
  | { readonly kind: "publishedBefore"; readonly model: string; readonly versionId: Hash }
  /** The model of a version was fetched from its publisher's location, and is what the registry says. */
  | { readonly kind: "hosted"; readonly model: string; readonly versionId: Hash }
  /** A node of the chain gave no answer that can be used. */
  | { readonly kind: "endpointFailed"; readonly endpoint: string; readonly reason: string }
  /** A transaction was not included in time: it was sent again and pays more, in wei. */
  | { readonly kind: "feeRaised"; readonly nonce: number; readonly maxFeePerGas: bigint }
  /** Nobody gives what the seed of a draw needs. */
  | { readonly kind: "seedUnavailable"; readonly ticket: bigint; readonly reason: string }
  | { readonly kind: "inputUnavailable"; readonly requestId: Hash; readonly reason: string }
  /** A disk that is full, for example. */
  | { readonly kind: "traceNotKept"; readonly requestId: Hash; readonly reason: string }
  | {
      readonly kind: "outputUnavailable";
      readonly requestId: Hash;
      readonly outputRoot: Hash;
      readonly reason: string;
    }
  | { readonly kind: "retrying"; readonly task: string; readonly reason: string };

/** Is told of everything that a service does or notices. */
export type Reporter = (event: ServiceEvent) => void;
