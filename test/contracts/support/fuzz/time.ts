import { EPOCH_SECONDS, MARKET } from "../protocol.ts";
import { awaited, periodOf, seedIn } from "./audits.ts";
import { type Act, AUDITED, CHALLENGED, CLAIMED, FINAL } from "./move.ts";
import { AUDIT, type World } from "./world.ts";

/*
 * Time passes only by these moves, and by one second with each transaction.
 */

/** Lets time pass. */
export interface TimeAct extends Act {
  /** What time it is then. */
  readonly to: number;
}

export interface TimeMove {
  readonly name: string;
  readonly weight: number;
  readonly valid: (world: World) => TimeAct | undefined;
}

const MINUTE = 60;
const DAY = 86_400;

/** All moments at which something may be done, or may no longer be done. */
export function moments(world: World): number[] {
  const { view, ledger } = world;
  const times: number[] = [world.pausedUntil];
  for (const { status, deadline } of view.requests.values()) {
    if (status < FINAL) times.push(world.timeOf(deadline + (status === CHALLENGED ? MARKET.maxDisputeSeconds : 0)));
  }
  for (const [claimId, { status, traceUntil, demandUntil, end }] of view.disputes) {
    if (status === 1n) times.push(traceUntil);
    if (status !== 2n) continue;
    times.push(demandUntil, end);
    for (const { answered, answerUntil } of view.demands.get(claimId) ?? []) if (!answered) times.push(answerUntil);
  }
  for (const { status, commitBy } of view.audits.values()) {
    if (status === AUDITED.begun) times.push(world.timeOf(commitBy));
    if (status === AUDITED.committed) times.push(world.timeOf(commitBy + AUDIT.publishSeconds));
  }
  for (const job of world.jobs) {
    if (view.requests.get(job.id)?.status !== CLAIMED) continue;
    const period = periodOf(world, job);
    if (!world.periods.has(period)) times.push(world.timeOf((period + 1) * AUDIT.periodSeconds));
  }
  for (const { until, shown, returned } of ledger.data) if (!shown && !returned) times.push(world.timeOf(until));
  for (const { exits } of view.operators.values()) {
    for (const { amount, releaseAt } of exits) if (amount > 0n) times.push(releaseAt);
  }
  for (const { status, jailedUntil, keys } of ledger.accounts.values()) {
    if (status === 2n) times.push(jailedUntil);
    times.push(keys.at(-1)?.activeFrom ?? 0);
  }
  return times;
}

/** Those that are still ahead, the next one first. */
const deadlines = (world: World): number[] =>
  moments(world)
    .filter((time) => time > world.next + 1)
    .sort((a, b) => a - b);

const passTo = (world: World, to: number, why: string): TimeAct => ({
  ...{ text: `time passes to ${to} (${why})`, to },
  send: () => world.chain.passTo(to),
});

const passing = (name: string, weight: number, timeOf: (world: World) => number | undefined): TimeMove => ({
  name: `time.${name}`,
  weight,
  valid: (world) => {
    const time = timeOf(world);
    return time === undefined ? undefined : passTo(world, time, name);
  },
});

/** Time passes until somebody honest can do its duty. */
export const passingTo = (to: number): TimeMove => passing("toDuty", 0, () => to);

const mining = (name: string, blocks: number, weight: number, useful: (world: World) => boolean): TimeMove => ({
  name: `time.${name}`,
  weight,
  valid: (world) => {
    if (!useful(world)) return undefined;
    const to = world.chain.time + blocks;
    return { text: `${blocks} blocks are mined`, to, send: () => world.chain.mine(blocks) };
  },
});

const waiting = (world: World): boolean =>
  [...world.view.requests.values()].some(({ status }) => status === 1n) ||
  [...world.periods].some((period) => seedIn(world, period) === "pending");

const disputed = (world: World): boolean =>
  [...world.view.requests.values()].some(({ status }) => status === CHALLENGED);

export const TIME_MOVES: readonly TimeMove[] = [
  // The transaction after it is the last before the moment, the first at it, or the first past it.
  passing("toDeadline", 7, (world) => {
    const [next] = deadlines(world);
    return next === undefined ? undefined : next - 2 + world.random.below(3);
  }),
  // Where every demand is answered and nobody has shown a fault, a dispute can only wait for its end.
  passing("toEnd", 5, (world) => {
    const { view } = world;
    const quiet = world.some(world.cases, ({ claimId, job }) => {
      const { status, openDemands } = view.disputes.get(claimId) ?? {};
      return status === 2n && openDemands === 0n && job.answer === "honest";
    });
    const end = quiet === undefined ? 0 : (view.disputes.get(quiet.claimId)?.end ?? 0);
    return end > world.next ? end : undefined;
  }),
  passing("toAnyDeadline", 0.7, (world) => world.some(deadlines(world))),
  passing("minutes", 1.5, (world) => world.next + MINUTE * world.random.between(1, 30)),
  passing("days", 0.4, (world) => world.next + DAY * world.random.between(1, 20)),
  // So long that the market gives up on its disputes, and what was unbonded is free.
  passing("pastDisputes", 2, (world) => (disputed(world) ? world.next + 46 * DAY : undefined)),
  // Weights and terms that were changed count from there on.
  passing("toEpoch", 2, ({ next }) => (Math.floor(next / EPOCH_SECONDS) + 1) * EPOCH_SECONDS),
  // The claims of a period can be picked when it is over.
  passing("toPeriodEnd", 8, (world) => {
    const job = world.some(awaited(world), (it) => !world.periods.has(periodOf(world, it)));
    const end = job === undefined ? 0 : world.timeOf((periodOf(world, job) + 1) * AUDIT.periodSeconds);
    return end > world.next ? end : undefined;
  }),
  mining("toSeed", 3, 10, waiting),
  mining("pastSeeds", 300, 1.5, waiting),
];
