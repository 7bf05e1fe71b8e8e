import type { Hash } from "../../runner/commitment/keccak.ts";
import type { RequestStatus } from "../../runner/protocol/enums.ts";
import type { DataDemand } from "./data-demands.ts";
import type { QuorumRequestStruct } from "../../typechain-types/quorum/QuorumMarket.ts";
import type { RequestStruct } from "../../typechain-types/market/InferenceMarket.ts";

/** A published version as the registry's event tells it. A text that is not UTF-8 is empty. */
export interface VersionView {
  readonly versionId: Hash;
  /** Of its model. */
  readonly commitment: Hash;
  readonly publisher: string;
  /** keccak256 of the model file. */
  readonly fileHash: Hash;
  /** Where the publisher says that the file is. */
  readonly contentUri: string;
  readonly licence: string;
  readonly kernelCount: number;
  readonly constantCount: number;
}

/** A request as the market's events tell it. */
export interface RequestView {
  readonly id: Hash;
  readonly request: RequestStruct;
  readonly requester: string;
  readonly status: RequestStatus;
  /** End of the present stage, in the market's time. */
  readonly deadline: number;
  /** Input bytes when they stood in calldata; empty otherwise. */
  readonly inputs: Uint8Array;
  readonly inputUri: string;
  /** Chunks of a committed input or output that were demanded on chain. */
  readonly demands: readonly DataDemand[];
  /** What the randomness of the present draw is asked with. */
  readonly ticket: bigint;
  readonly operator?: string | undefined;
  readonly claim?: ClaimView;
  /** Whether the request is in a terminal state. */
  readonly settled: boolean;
}

/** A quorum as the events tell it; where its seats stand is read from the chain. */
export interface QuorumView {
  readonly id: Hash;
  readonly request: QuorumRequestStruct;
  readonly requester: string;
  readonly inputs: Uint8Array;
  /** What the randomness of the present draw is asked with. */
  readonly ticket: bigint;
}

/** What is claimed for a request. */
export interface ClaimView {
  readonly id: Hash;
  readonly operator: string;
  readonly outputRoot: Hash;
  /** In the market's time. */
  readonly windowEnd: number;
  readonly outputs: Uint8Array;
  readonly outputUri: string;
}
