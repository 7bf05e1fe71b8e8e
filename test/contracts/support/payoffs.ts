import { AbiCoder, id, keccak256, parseEther, toBeHex } from "ethers";

import { encodeTerms } from "../../../services/chain/calldata.ts";
import { SHIPPED } from "../../../ignition/modules/Assay.ts";
import {
  commitmentOf as accusationOf,
  executionOf,
  FORGED,
  HONEST,
  outputOf,
  WRONG,
} from "../../../testing/toy-court.ts";
import {
  type Audited,
  begin,
  type Claimed,
  claimOf,
  commitmentOf,
  commitTrace,
  convictSilent,
  deployAudited,
  ethers,
  networkHelpers,
  outputRootOf,
  INPUTS,
  uphold,
  WINDOW,
  connection,
} from "./audit.ts";
import { assign, open, type Signer, STAKING } from "./protocol.ts";

/*
 * What each strategy of an operator and of an auditor earns, by playing it on the contracts with the shipped parameters.
 * Amounts are what the players own in the end less what they owned before: tokens, credits, stake.
 */

const { time } = networkHelpers;

/** Value at risk and fee of the request that is played. */
export const VALUE = parseEther("80");
export const FEE = parseEther("20");

/** The suite with the shipped parameters; every operator can lock the collateral of many requests. */
export const shipped = () => deployAudited(undefined, { ...SHIPPED, staking: STAKING, stake: parseEther("20000") });

/** What is asked, and what for. */
export interface Stakes {
  readonly fee: bigint;
  readonly valueAtRisk: bigint;
}
const USUAL: Stakes = { fee: FEE, valueAtRisk: VALUE };

/** All that accounts own here. */
async function wealthOf(
  { token, market, judge, desk, staking }: Audited,
  accounts: readonly Signer[],
): Promise<bigint> {
  let sum = 0n;
  for (const account of accounts) {
    sum += (await token.balanceOf(account)) + (await staking.totalStakeOf(account));
    for (const ledger of [market, judge, desk, staking]) sum += await ledger.creditOf(account);
  }
  return sum;
}

interface Plan {
  readonly wrong: boolean;
  /** Whether the operator asked the question itself. */
  readonly ownRequest?: boolean;
  /** When it accuses itself, by another account of its own. */
  readonly accusesItself?: "at once" | "when audited";
  readonly silentInAudit?: boolean;
}

/** What operators can do. */
export const OPERATOR_PLANS = {
  "answers rightly": { wrong: false },
  "answers wrongly": { wrong: true },
  "answers wrongly, is silent in the audit": { wrong: true, silentInAudit: true },
  "answers wrongly, accuses itself at once": { wrong: true, accusesItself: "at once" },
  "answers wrongly, accuses itself when audited": { wrong: true, accusesItself: "when audited" },
  "asks itself, accuses itself when audited": { wrong: true, accusesItself: "when audited", ownRequest: true },
  "asks itself, accuses itself at once": { wrong: true, accusesItself: "at once", ownRequest: true },
} as const satisfies Record<string, Plan>;

/** What auditors can do. */
export const AUDITOR_PLANS = ["executes", "is silent", "guesses", "copies another's commitment"] as const;
export type AuditorPlan = (typeof AUDITOR_PLANS)[number];

export async function ask(stage: Audited, { wrong, ownRequest }: Plan, stakes = USUAL): Promise<Claimed> {
  const asker = ownRequest === true ? stage.accuser : stage.requester;
  const terms = { inputs: INPUTS, windowSeconds: WINDOW, ...stakes };
  const opened = await open(stage, terms, asker);
  await assign(connection, stage, opened);
  return claimOf(stage, opened, wrong ? WRONG : HONEST);
}

/** Convicts a wrong answer in dispute whose operator shows its trace. */
async function convict({ judge }: Audited, claim: Claimed, accuser: Signer): Promise<void> {
  const accusation = { accuser: accuser.address, salt: id("salt") };
  await judge
    .connect(accuser)
    .accuse(claim.claimId, accusationOf(claim.claimId, FORGED.kernel, FORGED.element, accusation));
  const execution = executionOf(WRONG, FORGED.kernel, FORGED.element);
  const output = outputOf(WRONG, FORGED.kernel, FORGED.leaf);
  await judge.connect(accuser).proveFraud(claim.claimId, encodeTerms(claim.request), accusation, execution, output);
}

async function accuseItself(stage: Audited, claim: Claimed): Promise<void> {
  const { judge, accuser } = stage;
  await judge.connect(accuser).challenge(stage.market, claim.requestId, claim.claimId);
  await commitTrace(stage, claim, WRONG);
  await convict(stage, claim, accuser);
}

/**
 * Plays one request by an operator's plan, audited by an honest auditor or not at all.
 * @returns What the operator and its other account gained in the contracts.
 */
export async function playOperator(stage: Audited, plan: Plan, audited: boolean, stakes = USUAL): Promise<bigint> {
  const { desk, market, accuser, alice, bob, carol } = stage;
  const side = [accuser];
  const before = new Map<string, bigint>();
  for (const each of [alice, bob, carol]) before.set(each.address, await wealthOf(stage, [each, ...side]));
  const claim = await ask(stage, plan, stakes);
  const { request, claimId } = claim;
  if (plan.accusesItself === "at once") await accuseItself(stage, claim);
  else {
    if (audited) {
      await drawByLuck(stage, claim);
      const { auditor, commitBy } = await begin(stage, claim);
      await desk.connect(auditor).commit(claimId, commitmentOf(stage, claimId, HONEST, auditor.address));
      const byOperator = desk.connect(claim.operator);
      if (plan.accusesItself === "when audited") await accuseItself(stage, claim);
      else if (plan.silentInAudit === true) {
        await time.increaseTo(commitBy + (await desk.PUBLISH_SECONDS()));
        await desk.escalate(request);
        await convictSilent(stage, claim);
      } else {
        await byOperator.publish(request, (plan.wrong ? WRONG : HONEST).root);
        if (plan.wrong) {
          await commitTrace(stage, claim, WRONG);
          await convict(stage, claim, auditor);
        }
      }
    }
    if (!plan.wrong || !audited) {
      await time.increaseTo(claim.windowEnd);
      await market.finalise(request, "0x");
    }
  }
  const after = await wealthOf(stage, [claim.operator, ...side]);
  return after - (before.get(claim.operator.address) ?? 0n);
}

const abi = AbiCoder.defaultAbiCoder();
const PICK_TAG = id("assay.audit.pick.v1");
/** Where the desk keeps the seeds of periods: after credits and audits. */
const PERIODS_SLOT = 2;

/**
 * Asks for the seed of a claim's period and has the luck that it picks the claim, however rare that is: the seed that picks
 * is written where the desk keeps it. Who audits is drawn as always.
 */
async function drawByLuck({ desk }: Audited, claim: Claimed): Promise<void> {
  await time.increaseTo((claim.period + 1n) * (await desk.PERIOD_SECONDS()));
  await desk.commitPeriod(claim.period);
  await networkHelpers.mine(3);
  const rate = await desk.RATE_BPS();
  const picks = (seed: string): boolean =>
    BigInt(keccak256(abi.encode(["bytes32", "bytes32", "bytes32"], [PICK_TAG, seed, claim.claimId]))) % 10_000n < rate;
  let luck = 1n;
  while (!picks(toBeHex(luck, 32))) luck++;
  const record = BigInt(keccak256(abi.encode(["uint256", "uint256"], [claim.period, PERIODS_SLOT])));
  await networkHelpers.setStorageAt(await desk.getAddress(), toBeHex(record + 1n, 32), toBeHex(luck, 32));
  const { pickSeed } = await desk.periodOf(claim.period);
  if (BigInt(pickSeed) !== luck) throw new Error("the desk keeps its seeds somewhere else");
}

/** Plays one audit of a right answer by an auditor's plan. @returns What the auditor gained. */
export async function playAuditor(
  stage: Audited,
  plan: AuditorPlan,
  stakes = USUAL,
  { answersBefore = 5 } = {},
): Promise<bigint> {
  const { desk, stranger } = stage;
  // Answers before, so that there is something to earn.
  for (let i = 0; i < answersBefore; i++) {
    const { request, windowEnd } = await ask(stage, { wrong: false }, stakes);
    await time.increaseTo(windowEnd);
    await stage.market.finalise(request, "0x");
  }
  const claim = await ask(stage, { wrong: false }, stakes);
  const { request, claimId, operator } = claim;
  await drawByLuck(stage, claim);
  const { auditor, commitBy } = await begin(stage, claim);
  const before = await wealthOf(stage, [auditor]);
  const byAuditor = desk.connect(auditor);
  if (plan === "is silent") {
    await time.increaseTo(commitBy);
    await desk.lapse(request);
  } else {
    const commitments = {
      executes: commitmentOf(stage, claimId, HONEST, auditor.address),
      guesses: commitmentOf(stage, claimId, WRONG, auditor.address),
      "copies another's commitment": commitmentOf(stage, claimId, HONEST, stranger.address),
    };
    await byAuditor.commit(claimId, commitments[plan]);
    await desk.connect(operator).publish(request, HONEST.root);
    if (plan !== "executes") {
      await commitTrace(stage, claim, HONEST);
      await uphold(stage, claim);
      await desk.settle(request, outputRootOf(HONEST));
    }
  }
  return (await wealthOf(stage, [auditor])) - before;
}

/** One line of the table: what an operator gains if its answer is audited, if not, and on average. */
export interface Payoff {
  readonly plan: string;
  readonly unaudited: bigint;
  readonly audited: bigint;
  readonly expected: bigint;
}

/**
 * The table, in the case that is worst for honesty: the work of a right answer costs all that the operator gets for it, and
 * a wrong answer gains the whole value at risk even where it is convicted later.
 */
export async function operatorPayoffs(
  fixture: () => Promise<Audited> = shipped,
  { market }: Pick<typeof SHIPPED, "market"> = SHIPPED,
  stakes = USUAL,
): Promise<readonly Payoff[]> {
  const catchBps = BigInt(market.catchBps);
  const { fee, valueAtRisk } = stakes;
  // It neither gains nor loses by its work, so that nothing but the rules speaks for a right answer.
  const work = fee - (fee * BigInt(market.auditBps)) / 10_000n;
  const rows: Payoff[] = [];
  for (const [plan, strategy] of Object.entries<Plan>(OPERATOR_PLANS)) {
    const outcomes: bigint[] = [];
    for (const audited of [false, true]) {
      const stage = await networkHelpers.loadFixture(fixture);
      const besides = strategy.wrong ? valueAtRisk : -work;
      outcomes.push((await playOperator(stage, strategy, audited, stakes)) + besides);
    }
    const [unaudited = 0n, audited = 0n] = outcomes;
    const expected = (unaudited * (10_000n - catchBps) + audited * catchBps) / 10_000n;
    rows.push({ plan, unaudited, audited, expected });
  }
  return rows;
}

/** What each plan of an auditor gains in one audit, its work and gas not counted. */
export async function auditorPayoffs(): Promise<readonly { readonly plan: AuditorPlan; readonly gain: bigint }[]> {
  const rows = [];
  for (const plan of AUDITOR_PLANS) {
    rows.push({ plan, gain: await playAuditor(await networkHelpers.loadFixture(shipped), plan) });
  }
  return rows;
}

/** What a run of right answers brought to all auditors together. */
export interface Income {
  readonly claims: number;
  readonly audits: number;
  readonly earned: bigint;
  /** Gas that auditors spent. */
  readonly gas: bigint;
}

/** Answers in one period, all of them right; whoever is drawn audits. */
export async function playHonestPeriods(periods: number, claimsEach: number): Promise<Income> {
  const stage = await networkHelpers.loadFixture(shipped);
  const { desk, market } = stage;
  let [claims, audits, gas, earned] = [0, 0, 0n, 0n];
  const spend = async (sent: Promise<{ wait: () => Promise<{ readonly gasUsed: bigint } | null> }>): Promise<void> => {
    gas += (await (await sent).wait())?.gasUsed ?? 0n;
  };
  for (let i = 0; i < periods; i++) {
    const seconds = await desk.PERIOD_SECONDS();
    const next = (BigInt(await time.latest()) / seconds + 1n) * seconds;
    await time.increaseTo(next);
    const made: Claimed[] = [];
    for (let j = 0; j < claimsEach; j++) made.push(await ask(stage, { wrong: false }));
    claims += made.length;
    const [first] = made;
    if (first === undefined) break;
    await time.increaseTo((first.period + 1n) * seconds);
    await spend(desk.connect(stage.alice).commitPeriod(first.period));
    await networkHelpers.mine(3);
    for (const claim of made) {
      if (claim.period !== first.period) continue;
      const drawn = await desk.begin.staticCall(claim.request).catch(() => undefined);
      if (drawn === undefined) continue;
      const auditor = await ethers.getSigner(drawn);
      const byAuditor = desk.connect(auditor);
      await spend(byAuditor.begin(claim.request));
      await spend(byAuditor.commit(claim.claimId, commitmentOf(stage, claim.claimId, HONEST, drawn)));
      const before = await market.creditOf(drawn);
      await desk.connect(claim.operator).publish(claim.request, HONEST.root);
      earned += (await market.creditOf(drawn)) - before;
      await spend(desk.withdraw(drawn));
      audits++;
    }
    for (const claim of made) {
      if ((await time.latest()) < claim.windowEnd) await time.increaseTo(claim.windowEnd);
      await market.finalise(claim.request, "0x");
    }
  }
  return { claims, audits, earned, gas };
}

/** Plays the dispute of a right answer by somebody who knows that it is right. @returns What the challenger gained. */
export async function playGriefer(stage: Audited, stakes = USUAL): Promise<bigint> {
  const { judge, market, accuser } = stage;
  const claim = await ask(stage, { wrong: false }, stakes);
  const before = await wealthOf(stage, [accuser]);
  await judge.connect(accuser).challenge(market, claim.requestId, claim.claimId);
  await commitTrace(stage, claim, HONEST);
  await uphold(stage, claim);
  await market.finalise(claim.request, "0x");
  return (await wealthOf(stage, [accuser])) - before;
}
