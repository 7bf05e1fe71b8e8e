import { AUDIT_STATES, CANCELLED, DISPUTE_STATES, REQUEST_STATES } from "../move.ts";
import type { World } from "../world.ts";
import type { Step } from "./base.ts";

/*
 * Which way requests, disputes and audits go.
 */

const VERDICTS = ["court.convictWithoutTrace", "court.convictUnanswered", "court.proveFraud"] as const;

/** The transitions of a request and the moves that may make them. */
export const REQUEST_DIAGRAM: Readonly<Record<string, readonly string[]>> = {
  "None to Open": ["market.request", "market.requestWithPermit", "market.requestFor", "relay.request"],
  "Open to Assigned": ["market.assign"],
  "Open to Claimed": ["market.claim"],
  "Open to Refunded": ["market.refund"],
  "Assigned to Claimed": ["market.claim"],
  "Assigned to TimedOut": ["market.timeOut"],
  "Assigned to Cancelled": ["market.timeOut", "availability.settle"],
  "Assigned to Open": ["market.timeOut"],
  "Claimed to Cancelled": ["availability.settle"],
  "Claimed to Challenged": ["court.challenge", "desk.publish", "desk.escalate"],
  "Claimed to Final": ["market.finalise"],
  "Challenged to Claimed": ["court.resolve"],
  "Challenged to Cancelled": ["market.expireDispute"],
  "Challenged to Convicted": VERDICTS,
};

/** The transitions of a dispute and the moves that may make them. */
export const DISPUTE_DIAGRAM: Readonly<Record<string, readonly string[]>> = {
  "None to Challenged": ["court.challenge", "desk.publish", "desk.escalate"],
  "Challenged to TraceCommitted": ["court.commitTrace"],
  "Challenged to Convicted": ["court.convictWithoutTrace"],
  "TraceCommitted to Upheld": ["court.resolve"],
  "TraceCommitted to Convicted": ["court.convictUnanswered", "court.proveFraud"],
};

/** The transitions of an audit and the moves that may make them. */
export const AUDIT_DIAGRAM: Readonly<Record<string, readonly string[]>> = {
  "None to Begun": ["desk.begin"],
  "Begun to Committed": ["desk.commit"],
  "Begun to None": ["desk.lapse"],
  "Begun to Settled": ["desk.settle"],
  "Committed to Settled": ["desk.publish", "desk.settle"],
};

/** Changes of state in a step, by name; `late` marks those of disputes on which the market has given up. */
export function transitions({ view }: World, { before }: Pick<Step, "before">) {
  const changes = <T extends { readonly status: bigint }>(
    now: ReadonlyMap<string, T>,
    then: ReadonlyMap<string, T>,
    names: readonly string[],
  ) =>
    [...now].flatMap(([id, state]) => {
      const [from, to] = [then.get(id)?.status ?? 0n, state.status];
      return from === to ? [] : [{ id, state, name: `${names[Number(from)] ?? "?"} to ${names[Number(to)] ?? "?"}` }];
    });
  return {
    audits: changes(view.audits, before.audits, AUDIT_STATES),
    requests: changes(view.requests, before.requests, REQUEST_STATES),
    disputes: changes(view.disputes, before.disputes, DISPUTE_STATES).map((change) => ({
      ...change,
      late:
        before.requests.has(change.state.requestId) && view.requests.get(change.state.requestId)?.status === CANCELLED,
    })),
  };
}
