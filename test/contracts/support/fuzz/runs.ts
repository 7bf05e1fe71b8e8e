import { drain } from "./drain.ts";
import { Tally, Walk } from "./walk.ts";
import { openStage, type Stage, World } from "./world.ts";

/*
 * Many walks: each on a stage of its own kind, as many at once as pay, in an order that changes nothing.
 */

/** What decides a walk. */
export interface Plan {
  readonly seed: number;
  readonly steps: number;
  /** What is played whenever it can be. */
  readonly hunted?: readonly string[];
}

/** How a walk ended. */
export interface Outcome {
  readonly plan: Plan;
  readonly tally: Tally;
  readonly calls: number;
  /** Which invariant failed. */
  readonly invariant?: string;
  /** What failed, with seed and story. */
  readonly report?: string;
}

/** What is checked when a walk is over and everything was ended. */
export const DRAINED =
  "I-10 every request and dispute reaches an end by time, and the last one out empties all contracts";

/** Functions that only the court may call on the market: their events tell that they succeeded. */
const BY_COURT = {
  "market.markChallenged": "market.ClaimChallenged",
  "market.upheld": "market.ClaimUpheld",
  "market.convict": "market.ClaimConvicted",
} as const;

/** Stages on which walks are made at the same time: while one waits for the chain, another one thinks. */
export async function openStages(count = 2, options: { readonly lies?: boolean } = {}): Promise<readonly Stage[]> {
  const stages: Stage[] = [];
  for (let i = 0; i < count; i++) stages.push(await openStage(options));
  return stages;
}

/** Makes one walk to its end. */
export async function walkOn(stage: Stage, plan: Plan): Promise<Outcome> {
  const walk = new Walk(await World.on(stage, plan.seed), plan.seed, plan.hunted);
  await walk.play(plan.steps);
  await walk.settle();
  const { tally, violation, story } = walk;
  const done = { plan, tally, calls: story.length };
  if (violation !== undefined) return { ...done, invariant: violation.invariant, report: walk.report() };
  for (const [move, event] of Object.entries(BY_COURT)) {
    Tally.add(tally.succeeded, move, walk.world.ledger.counts.get(event) ?? 0);
  }
  // What the market does with data that were demanded, it is told.
  Tally.add(tally.succeeded, "market.noteDemand", tally.succeeded.get("availability.demand") ?? 0);
  Tally.add(tally.succeeded, "market.noteWithheld", tally.succeeded.get("availability.settle") ?? 0);
  // What the desk asks of market and court.
  const { ledger, view } = walk.world;
  const rewards = [...ledger.audits.values()].reduce((sum, it) => sum + it.rewards, 0);
  const disputes = [...view.disputes.values()].filter(({ audit }) => audit).length;
  Tally.add(tally.succeeded, "market.payAudit", rewards);
  for (const of of ["market", "court"]) Tally.add(tally.succeeded, `${of}.challengeFor`, disputes);
  const left = await leftAfter(walk.world);
  if (left !== "") return { ...done, invariant: DRAINED, report: `${left}\n${walk.report()}` };
  await walk.conclude();
  return walk.violation === undefined ? done : { ...done, ...walk.violation, report: walk.report() };
}

/** What the contracts still hold, or what refused to end, when everything has been ended; empty when nothing. */
async function leftAfter(world: World): Promise<string> {
  try {
    const left = Object.entries(await drain(world)).filter(([, amount]) => amount !== 0n);
    return left.map(([contract, amount]) => `${contract} keeps ${amount}`).join("\n");
  } catch (error) {
    return String(error);
  }
}

/** Makes walks until there are no more plans or, unless they are to go on, one went wrong; tells of each as it ends. */
export async function walkAll(
  stages: readonly Stage[],
  plans: Iterator<Plan>,
  tell: (outcome: Outcome) => void,
  { goOn = false } = {},
): Promise<void> {
  let broken = false;
  const lane = async (stage: Stage): Promise<void> => {
    for (let next = plans.next(); next.done !== true && !broken; next = plans.next()) {
      const outcome = await walkOn(stage, next.value);
      broken ||= outcome.invariant !== undefined && !goOn;
      tell(outcome);
    }
  };
  await Promise.all(stages.map(lane));
}

/** Plans of `count` walks with seeds from `first` on. */
export function* plansFrom(first: number, count: number, steps: number, hunted: readonly string[] = []) {
  for (let seed = first; seed < first + count; seed++) yield { seed, steps, hunted };
}
