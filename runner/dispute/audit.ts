import type { AuditStatus, DisputeStatus, RequestStatus, TicketState } from "../protocol/enums.ts";

/** What the desk, the market and the court say of a claim and its audit. Times are seconds of the market's clock. */
export interface AuditView {
  /** Where the request stands. */
  readonly request: RequestStatus;
  /** The dispute of the claim. */
  readonly dispute: DisputeStatus;
  readonly status: AuditStatus;
  /** Who was drawn last. */
  readonly auditor: string;
  readonly operator: string;
  readonly commitBy: number;
  /** Whether draws are left. */
  readonly triesLeft: boolean;
  readonly windowEnd: number;
  /** When the claim's period is over. */
  readonly periodEnd: number;
  /** Last moment at which an audit may begin. */
  readonly latestBegin: number;
  /** Time after `commitBy` in which the operator publishes. */
  readonly publishSeconds: number;
  /** The seed of the period: nobody asked for it, or it is of no use any more, or its state. */
  readonly seed: "none" | "stale" | TicketState;
}

/** What an operator does next for the audit of a claim, its own or another's. Every move is one transaction. */
export type AuditMove =
  | { readonly kind: "wait" }
  | { readonly kind: "done" }
  | { readonly kind: "commitPeriod" }
  /** Worth a try: only the desk knows whether the claim is picked, and who is drawn. */
  | { readonly kind: "begin" }
  | { readonly kind: "commit" }
  | { readonly kind: "publish" }
  | { readonly kind: "escalate" }
  | { readonly kind: "lapse" }
  | { readonly kind: "settle" };

const WAIT = { kind: "wait" } as const;
const DONE = { kind: "done" } as const;

/**
 * An operator's part in audits as a function of the view; it can stop and start at any time.
 * @param self Address of the operator.
 * @param time Earliest time of the next transaction, of the market's clock.
 */
export function nextAuditMove(self: string, view: AuditView, time: number): AuditMove {
  switch (view.status) {
    case "none":
      return beforeAudit(view, time);
    case "begun":
      if (view.dispute !== "none") return view.auditor === self ? { kind: "settle" } : WAIT;
      if (time >= view.commitBy) return { kind: "lapse" };
      return view.auditor === self ? { kind: "commit" } : WAIT;
    case "committed":
      return afterCommitment(self, view, time);
    case "settled":
      return DONE;
  }
}

function beforeAudit(view: AuditView, time: number): AuditMove {
  if (view.request !== "claimed" || view.dispute !== "none" || !view.triesLeft || time > view.latestBegin) return DONE;
  if (time < view.periodEnd) return WAIT;
  switch (view.seed) {
    case "none":
    case "stale":
    case "expired":
      return { kind: "commitPeriod" };
    case "pending":
      return WAIT;
    case "ready":
      return { kind: "begin" };
  }
}

function afterCommitment(self: string, view: AuditView, time: number): AuditMove {
  const { auditor, operator, dispute, request, windowEnd } = view;
  if (dispute === "none") {
    if (operator === self && request === "claimed" && time < windowEnd) return { kind: "publish" };
    if (auditor !== self) return DONE;
    if (time >= windowEnd) return { kind: "settle" };
    return request === "claimed" && time >= view.commitBy + view.publishSeconds ? { kind: "escalate" } : WAIT;
  }
  // Whoever gets the bond settles; the other one would do it for nothing.
  if (auditor !== self && operator !== self) return DONE;
  return request === "challenged" ? WAIT : { kind: "settle" };
}
