import type { Hash } from "../../runner/commitment/keccak.ts";
import { disputeEventOf } from "../../runner/dispute/events.ts";
import { afterEvent, type DisputeView, noDispute } from "../../runner/dispute/view.ts";
import { requestStatusOf, SHARE } from "../../runner/protocol/enums.ts";
import type { RequestStruct } from "../../typechain-types/market/InferenceMarket.ts";
import { Chronicle, UndoableMap } from "./chronicle.ts";
import type { SuiteEvent } from "./decode.ts";
import type { ClaimView, PayoutView, RequestView } from "./views.ts";

/** All that the suite's events say. */
export class LedgerState {
  readonly chronicle = new Chronicle();
  readonly requests = new UndoableMap<RequestView>(this.chronicle);
  readonly disputes = new UndoableMap<DisputeView>(this.chronicle);
  /** Model commitments by version. */
  readonly versions = new UndoableMap<Hash>(this.chronicle);
  readonly payouts = new UndoableMap<PayoutView>(this.chronicle);
}

type Handler = (state: LedgerState, event: SuiteEvent) => void;

/** What each event changes; events that are not here change nothing. */
export const HANDLERS: Readonly<Record<string, Handler>> = {
  "registry.VersionPublished": ({ versions }, { args }) => {
    versions.set(String(args.versionId), args.commitment as Hash);
  },

  "market.RequestOpened": ({ requests }, { args }) => {
    const id = args.requestId as Hash;
    requests.set(id, {
      id,
      request: (args.request as { toObject: () => RequestStruct }).toObject(),
      requester: String(args.requester),
      status: "open",
      deadline: Number(args.assignBy),
      inputs: bytesOf(args.inputs),
      inputUri: String(args.inputUri),
      chunks: [],
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
  "market.InputDemanded": requestChange(({ args }) => ({ status: "inputDemanded", deadline: Number(args.answerBy) })),
  "market.InputAnswered": requestChange(({ args }, { chunks }) => ({
    status: "assigned",
    deadline: Number(args.claimBy),
    chunks: [...chunks, bytesOf((args.segment as { data: string }).data)],
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

  "court.Challenged": disputeChange,
  "court.TraceCommitted": disputeChange,
  "court.Demanded": disputeChange,
  "court.Answered": disputeChange,
  "court.Accused": disputeChange,
  "court.Replayed": disputeChange,
  "court.Convicted": disputeChange,
  "court.Upheld": disputeChange,

  "staking.PayoutMarked": ({ payouts }, { args }) => {
    const id = args.payoutId as bigint;
    for (const role of PAID_ROLES) {
      const share = Number(SHARE[role]);
      if ((args.amounts as readonly bigint[])[share] === 0n) continue;
      const recipient = String(args[role]);
      payouts.set(payoutKey(id, share), { id, share, recipient, payableAt: Number(args.payableAt) });
    }
  },
  "staking.PayoutPaid": ({ payouts }, { args }) => {
    payouts.set(payoutKey(args.payoutId as bigint, Number(args.share)), undefined);
  },
  "staking.PayoutFrozen": ({ payouts }, { args }) => {
    for (const role of PAID_ROLES) {
      const key = payoutKey(args.payoutId as bigint, Number(SHARE[role]));
      const payout = payouts.get(key);
      if (payout !== undefined) payouts.set(key, { ...payout, payableAt: Number(args.payableAt) });
    }
  },
};

function requestChange(change: (event: SuiteEvent, known: RequestView) => Partial<RequestView>): Handler {
  return ({ requests }, event) => {
    const id = String(event.args.requestId);
    const known = requests.get(id);
    if (known !== undefined) requests.set(id, { ...known, ...change(event, known) });
  };
}

function disputeChange({ disputes }: LedgerState, { name, args, list, block }: SuiteEvent): void {
  const event = disputeEventOf({ name: name.slice("court.".length), args: list, block });
  const claimId = args.claimId as Hash;
  if (event !== undefined) disputes.set(claimId, afterEvent(disputes.get(claimId) ?? noDispute(claimId), event));
}

/** Shares whose recipient the event names; the third one goes to the sink. */
const PAID_ROLES = ["accuser", "harmed"] as const;

const payoutKey = (id: bigint, share: number): string => `${String(id)}:${String(share)}`;

const bytesOf = (hex: unknown): Uint8Array => Uint8Array.from(Buffer.from(String(hex).slice(2), "hex"));
