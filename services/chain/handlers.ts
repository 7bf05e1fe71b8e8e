import type { Hash } from "../../runner/commitment/keccak.ts";
import { disputeEventOf } from "../../runner/dispute/events.ts";
import { afterEvent, type DisputeView, noDispute } from "../../runner/dispute/view.ts";
import { requestStatusOf } from "../../runner/protocol/enums.ts";
import type { QuorumRequestStruct } from "../../typechain-types/quorum/QuorumMarket.ts";
import type { RequestStruct } from "../../typechain-types/market/InferenceMarket.ts";
import { afterDataEvent } from "./data-demands.ts";
import { Chronicle, UndoableMap } from "./chronicle.ts";
import type { SuiteEvent } from "./decode.ts";
import { versionOf } from "./versions.ts";
import type { ClaimView, QuorumView, RequestView, VersionView } from "./views.ts";

/** All that the suite's events say. */
export class LedgerState {
  readonly chronicle = new Chronicle();
  /** Quorums that are not settled. */
  readonly quorums = new UndoableMap<QuorumView>(this.chronicle);
  readonly requests = new UndoableMap<RequestView>(this.chronicle);
  readonly disputes = new UndoableMap<DisputeView>(this.chronicle);
  readonly versions = new UndoableMap<VersionView>(this.chronicle);
}

type Handler = (state: LedgerState, event: SuiteEvent) => void;

/** What each event changes; events that are not here change nothing. */
export const HANDLERS: Readonly<Record<string, Handler>> = {
  "registry.VersionPublished": ({ versions }, { args }) => {
    versions.set(String(args.versionId), versionOf(args));
  },

  "market.RequestOpened": ({ requests }, { args }) => {
    const id = args.requestId as Hash;
    const request = (args.request as { toObject: () => RequestStruct }).toObject();
    requests.set(id, {
      id,
      request,
      requester: String(args.requester),
      status: "open",
      deadline: Number(request.openUntil),
      inputs: bytesOf(args.inputs),
      inputUri: String(args.inputUri),
      demands: [],
      ticket: 0n,
      settled: false,
    });
  },
  "market.DrawCommitted": requestChange(({ args }) => ({ ticket: args.ticket as bigint })),
  "market.RequestAssigned": requestChange(({ args }) => ({
    status: "assigned",
    operator: String(args.operator),
    deadline: Number(args.claimBy),
  })),
  "market.ClaimPostponed": requestChange(({ args }) => ({ deadline: Number(args.claimBy) })),
  // Nobody is drawn yet, as at the beginning.
  "market.RequestReopened": requestChange((_, { request }) => ({
    status: "open",
    operator: undefined,
    deadline: Number(request.openUntil),
  })),
  "market.Claimed": requestChange(({ args }) => {
    const claim: ClaimView = {
      id: args.claimId as Hash,
      operator: String(args.operator),
      outputRoot: args.outputRoot as Hash,
      windowEnd: Number(args.windowEnd),
      outputs: bytesOf(args.outputs),
      outputUri: String(args.outputUri),
    };
    return { status: "claimed", deadline: claim.windowEnd, claim };
  }),
  "market.ClaimChallenged": requestChange(() => ({ status: "challenged" })),
  "market.ClaimUpheld": requestChange(() => ({ status: "claimed" })),
  "market.RequestSettled": requestChange(({ args }) => ({
    status: requestStatusOf(args.status as bigint),
    settled: true,
  })),

  "quorums.QuorumOpened": ({ quorums }, { args }) => {
    const id = args.quorumId as Hash;
    const request = (args.request as { toObject: () => QuorumRequestStruct }).toObject();
    quorums.set(id, { id, request, requester: String(args.requester), inputs: bytesOf(args.inputs), ticket: 0n });
  },
  "quorums.QuorumDrawCommitted": ({ quorums }, { args }) => {
    const known = quorums.get(String(args.quorumId));
    if (known !== undefined) quorums.set(known.id, { ...known, ticket: args.ticket as bigint });
  },
  "quorums.QuorumSettled": ({ quorums }, { args }) => {
    quorums.set(String(args.quorumId), undefined);
  },

  "court.Challenged": disputeChange,
  "court.TraceCommitted": disputeChange,
  "court.Demanded": disputeChange,
  "court.Answered": disputeChange,
  "court.Accused": disputeChange,
  "court.Replayed": disputeChange,
  "court.Convicted": disputeChange,
  "court.Upheld": disputeChange,

  "availability.DataDemanded": dataChange,
  "availability.DataShown": dataChange,
};

function requestChange(change: (event: SuiteEvent, known: RequestView) => Partial<RequestView>): Handler {
  return ({ requests }, event) => {
    const id = String(event.args.requestId);
    const known = requests.get(id);
    if (known !== undefined) requests.set(id, { ...known, ...change(event, known) });
  };
}

function dataChange({ requests }: LedgerState, { name, args }: SuiteEvent): void {
  // Requests have ids that no other source's can have: they bind the market.
  const known = requests.get(String(args.id));
  if (known === undefined) return;
  const demands = afterDataEvent(known.demands, name.slice("availability.".length), args);
  requests.set(known.id, { ...known, demands });
}

function disputeChange({ disputes }: LedgerState, { name, args, list, block }: SuiteEvent): void {
  const event = disputeEventOf({ name: name.slice("court.".length), args: list, block });
  const claimId = args.claimId as Hash;
  if (event !== undefined) disputes.set(claimId, afterEvent(disputes.get(claimId) ?? noDispute(claimId), event));
}

const bytesOf = (hex: unknown): Uint8Array => Uint8Array.from(Buffer.from(String(hex).slice(2), "hex"));
