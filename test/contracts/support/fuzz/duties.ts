import { auditing, auditOf, publication } from "./audits.ts";
import { accusing, answering, committing, isFraud, isWrong, proving } from "./court.ts";
import { showing } from "./data.ts";
import { claimed, isLive, stateOf } from "./market.ts";
import { MARKET } from "../protocol.ts";
import { type Act, ASSIGNED, AUDITED, CHALLENGED, CLAIMED, DISPUTE } from "./move.ts";
import { AUDIT, type Audited, type Case, type Job, type World } from "./world.ts";

/*
 * What the honest do in time, whatever else happens: honest operators claim, show their traces, answer demands and end
 * their disputes, execute what they are drawn to audit and publish what they have; the honest watcher challenges every wrong answer and convicts it. Only so can a walk show that nobody
 * harms them.
 */

/** What somebody honest must do from one moment until another, in the chain's time. */
export interface Duty {
  /** `contract.function`. */
  readonly move: string;
  readonly from: number;
  readonly until: number;
  /** Whether a pause of the market stops it, and its time. */
  readonly pausable: boolean;
  readonly act: () => Act;
}

/** Challenge windows from this length on are long enough to be watched. */
export const WATCHABLE = 300;

/** A duty is done when this much of its time is left. */
export const HASTE = 240;

const isHonest = (world: World, operator: string): boolean => world.characterOf(operator) === "honest";

function* ofRequest(world: World, job: Job): Iterable<Duty> {
  const { status, operator, deadline } = stateOf(world, job);
  const until = world.timeOf(deadline);
  if (status === ASSIGNED && isHonest(world, operator) && isLive(world, job)) {
    yield { move: "market.claim", from: 0, until, pausable: true, act: () => claimed(world, job) };
  }
  const { claimedBy } = world.ledger.job(job.id);
  if (isHonest(world, claimedBy) && (status === CLAIMED || status === CHALLENGED)) {
    // Whoever claims has the input, and shows it.
    for (const found of world.ledger.data) {
      if (found.requestId !== job.id || found.shown) continue;
      const act = () => showing(world, found, world.signerOf(claimedBy));
      yield { move: "availability.show", from: 0, until: world.timeOf(found.until), pausable: false, act };
    }
  }
  if (status === CLAIMED && isWatched(job) && isWrong(job)) {
    const known = world.cases.some(({ claimId }) => claimId === stateOf(world, job).claimId);
    const act = () => accusing.challenge(world, job);
    if (!known) yield { move: "court.challenge", from: 0, until, pausable: false, act };
  }
}

/** Whether a request leaves time to watch it. */
export const isWatched = ({ request }: Job): boolean => Number(request.windowSeconds) >= WATCHABLE;

function* ofDispute(world: World, found: Case): Iterable<Duty> {
  const dispute = world.view.disputes.get(found.claimId);
  const { status, deadline } = stateOf(world, found.job);
  if (dispute === undefined || status !== CHALLENGED) return;
  const { operator, traceUntil, end, openDemands } = dispute;
  const givesUp = world.timeOf(deadline + MARKET.maxDisputeSeconds);
  const duty = (move: string, from: number, until: number, act: () => Act): Duty => ({
    ...{ move: `court.${move}`, from, until, pausable: false, act },
  });
  const honest = isHonest(world, operator);
  if (dispute.status === DISPUTE.challenged) {
    if (honest) yield duty("commitTrace", 0, traceUntil, () => committing(world, found));
    else if (isWrong(found.job)) {
      yield duty("convictWithoutTrace", traceUntil + 1, givesUp, () => accusing.convict(world, found));
    }
  }
  if (dispute.status !== DISPUTE.traced) return;
  if (honest) {
    const open = (world.view.demands.get(found.claimId) ?? []).filter(({ answered }) => !answered);
    const [first] = open.map(({ answerUntil }) => answerUntil).sort((a, b) => a - b);
    if (first !== undefined) yield duty("answer", 0, first, () => answering(world, found));
    if (openDemands === 0n) yield duty("resolve", end + 1, givesUp, () => committing.resolve(world, found));
  } else if (isFraud(found)) {
    const proof = proving(world, found);
    if (proof === undefined) yield duty("accuse", 0, end, () => accusing.accuse(world, found));
    else yield duty("proveFraud", 0, end, () => proof);
  }
}

function* ofAudit(world: World, found: Audited): Iterable<Duty> {
  const { status, auditor, commitBy } = auditOf(world, found.claimId);
  const { status: claim, operator } = stateOf(world, found.job);
  const until = world.timeOf(commitBy);
  if (status === AUDITED.begun && isHonest(world, auditor)) {
    yield { move: "desk.commit", from: 0, until, pausable: false, act: () => auditing(world, found) };
  }
  if (status !== AUDITED.committed || claim !== CLAIMED || !isHonest(world, operator)) return;
  const act = publication(world, found);
  const last = until + AUDIT.publishSeconds;
  if (act !== undefined) yield { move: "desk.publish", from: 0, until: last, pausable: false, act: () => act };
}

/** All that is to be done, the most urgent first. */
export function duties(world: World): readonly Duty[] {
  const all = [
    ...world.jobs.flatMap((job) => [...ofRequest(world, job)]),
    ...world.cases.flatMap((found) => [...ofDispute(world, found)]),
    ...world.audits.flatMap((found) => [...ofAudit(world, found)]),
  ];
  return all.sort((a, b) => a.until - b.until);
}

/** The most urgent of what must be done before the chain's time is `time`. */
export function dueBy(world: World, time: number): Duty | undefined {
  return duties(world).find(({ until }) => until <= time + HASTE);
}
