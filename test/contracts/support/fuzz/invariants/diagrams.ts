import { DISPUTE_STATES, REQUEST_STATES } from "../move.ts";
import type { World } from "../world.ts";
import type { Step } from "./base.ts";

/*
 * Which way requests and disputes go.
 */

const VERDICTS = ["court.convictWithoutTrace", "court.convictUnanswered", "court.proveFraud"] as const;

/** The transitions of a request and the moves that may make them. */
export const REQUEST_DIAGRAM: Readonly<Record<string, readonly string[]>> = {
  "None to Open": ["market.request", "market.requestWithPermit"],
  "Open to Assigned": ["market.assign"],
  "Open to Refunded": ["market.refund"],
  "Assigned to InputDemanded": ["market.demandInput"],
  "Assigned to Claimed": ["market.claim"],
  "Assigned to TimedOut": ["market.timeOut"],
  "Assigned to Cancelled": ["market.timeOut"],
  "Assigned to Open": ["market.timeOut"],
  "InputDemanded to Assigned": ["market.answerInput"],
  "InputDemanded to Cancelled": ["market.cancelWithheld"],
  "Claimed to Challenged": ["court.challenge"],
  "Claimed to Final": ["market.finalise"],
  "Challenged to Claimed": ["court.resolve"],
  "Challenged to Cancelled": ["market.expireDispute"],
  "Challenged to Convicted": VERDICTS,
};

/** The transitions of a dispute and the moves that may make them. */
export const DISPUTE_DIAGRAM: Readonly<Record<string, readonly string[]>> = {
  "None to Challenged": ["court.challenge"],
  "Challenged to TraceCommitted": ["court.commitTrace"],
  "Challenged to Convicted": ["court.convictWithoutTrace"],
  "TraceCommitted to Upheld": ["court.resolve"],
  "TraceCommitted to Convicted": ["court.convictUnanswered", "court.proveFraud"],
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
    requests: changes(view.requests, before.requests, REQUEST_STATES),
    disputes: changes(view.disputes, before.disputes, DISPUTE_STATES).map((change) => ({
      ...change,
      late: before.requests.has(change.state.requestId) && view.requests.get(change.state.requestId)?.status === 9n,
    })),
  };
}
