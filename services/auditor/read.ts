import type { AuditView } from "../../runner/dispute/audit.ts";
import { CONSTANTS } from "../../runner/protocol/constants.ts";
import { auditStatusOf, disputeStatusOf, requestStatusOf, ticketStateOf } from "../../runner/protocol/enums.ts";
import type { ServiceContext } from "../chain/context.ts";
import type { ClaimView, RequestView } from "../chain/ledger.ts";

/** An audit as the chain shows it, with the period of the claim and the ticket of its seed. */
export interface AuditReading {
  readonly audit: AuditView;
  readonly period: bigint;
  readonly ticket: bigint;
}

/** Reads everything that decides the next move of a claim's audit. */
export async function readAudit(
  { suite }: Pick<ServiceContext, "suite">,
  { id, request }: RequestView,
  { id: claimId, operator, windowEnd }: ClaimView,
): Promise<AuditReading> {
  const { auditDesk, market, court } = suite;
  const [record, state, dispute, periodSeconds, publishSeconds, marginSeconds, commitSeconds] = await Promise.all([
    auditDesk.auditOf(claimId),
    market.stateOf(id),
    court.disputeOf(claimId),
    auditDesk.PERIOD_SECONDS(),
    auditDesk.PUBLISH_SECONDS(),
    auditDesk.MARGIN_SECONDS(),
    auditDesk.COMMIT_SECONDS(),
  ]);
  const period = (BigInt(windowEnd) - BigInt(request.windowSeconds)) / periodSeconds;
  const { seed, ticket } = await readSeed(suite, period);
  const claimSeconds = BigInt(request.claimSeconds);
  const stage = claimSeconds > commitSeconds ? claimSeconds : commitSeconds;
  const audit: AuditView = {
    request: requestStatusOf(state.status),
    dispute: disputeStatusOf(dispute.status),
    status: auditStatusOf(record.status),
    auditor: record.auditor,
    operator,
    commitBy: Number(record.commitBy),
    triesLeft: record.tries < CONSTANTS.AuditDesk.MAX_TRIES,
    windowEnd,
    periodEnd: Number((period + 1n) * periodSeconds),
    latestBegin: windowEnd - Number(stage + publishSeconds + marginSeconds),
    publishSeconds: Number(publishSeconds),
    seed,
  };
  return { audit, period, ticket };
}

/** The seed of a period: a draw can use it while the pools keep the weights of its epoch. */
async function readSeed(
  { auditDesk, randomness, pools }: ServiceContext["suite"],
  period: bigint,
): Promise<{ readonly seed: AuditView["seed"]; readonly ticket: bigint }> {
  const [{ ticket, epoch }, present] = await Promise.all([auditDesk.periodOf(period), pools.epoch()]);
  if (epoch === 0n) return { seed: "none", ticket };
  const state = ticketStateOf((await randomness.seedOf(ticket)).state);
  return { seed: state === "ready" && epoch + 1n < present ? "stale" : state, ticket };
}
