import { id, parseEther, toBeHex, zeroPadValue } from "ethers";

import { SHIPPED } from "../../../ignition/modules/Assay.ts";
import { LEVEL_BYTES, type Place } from "../../../runner/dispute/view.ts";
import { encodeTerms } from "../../../services/chain/calldata.ts";
import {
  answerOf,
  commitmentOf as accusationOf,
  executionOf,
  FORGED,
  HONEST,
  kernelAt,
  kernelOpening,
  MANIFEST,
  outputOf,
  TRACE_TREE,
  type Trace,
  WRONG,
} from "../../../testing/toy-court.ts";
import { type Audited, type Claimed, commitTrace, ethers, networkHelpers } from "./audit.ts";
import { ask, shipped } from "./payoffs.ts";
import type { Signer } from "./protocol.ts";

/*
 * Many sybils against one honest party, over one claim: how long until it is final, or convicted, and what it costs whom.
 * Everything is played on the contracts with the shipped parameters. Whoever delays always acts in the last second that it
 * has.
 */

const { time, mine } = networkHelpers;
const PURSE = parseEther("1000");
const { traceWindow, demandWindow, answerWindow, proofMargin } = SHIPPED.court;
/** Answers that fit in one transaction. */
const BATCH = 12;
const TREE_PLACES: readonly Place[] = [0, 16].map((index) => ({ level: 0, index }));

/** How one claim ended. */
export interface Siege {
  readonly sybils: number;
  readonly verdict: "final" | "convicted";
  /** Seconds from the claim until then, and the most that the rules allow. */
  readonly seconds: number;
  readonly bound: number;
  /** Disputes that were opened, and attempts that were refused. */
  readonly disputes: number;
  readonly refused: number;
  readonly demands: number;
  readonly accusations: number;
  /** What all sybils lost, and of that what was burnt. */
  readonly lost: bigint;
  readonly burnt: bigint;
  /** What the honest party gained: the operator when its answer stands, the watcher otherwise. */
  readonly gained: bigint;
  /** Gas of the honest party, and of the sybils. */
  readonly honestGas: bigint;
  readonly sybilGas: bigint;
}

interface Sent {
  wait(): Promise<{ readonly gasUsed: bigint } | null>;
}

/** Counts gas by side. */
class Meter {
  honest = 0n;
  sybils = 0n;
  async add(side: "honest" | "sybils", sent: Promise<Sent>): Promise<void> {
    this[side] += (await (await sent).wait())?.gasUsed ?? 0n;
  }
}

/** Accounts with tokens for the court's bonds. */
async function gather({ token, judge }: Audited, count: number): Promise<Signer[]> {
  const sybils: Signer[] = [];
  for (let i = 0; i < count; i++) {
    const address = zeroPadValue(toBeHex(0x5b1_0000n + BigInt(i)), 20);
    await networkHelpers.impersonateAccount(address);
    await networkHelpers.setBalance(address, parseEther("10"));
    const sybil = await ethers.getSigner(address);
    await token.mint(sybil, PURSE);
    await token.connect(sybil).approve(judge, PURSE);
    sybils.push(sybil);
  }
  return sybils;
}

async function wealth({ token, judge, market, staking, desk }: Audited, who: { readonly address: string }) {
  let sum = (await token.balanceOf(who.address)) + (await staking.totalStakeOf(who.address));
  for (const ledger of [judge, market, staking, desk]) sum += await ledger.creditOf(who.address);
  return sum;
}

async function wealthOfAll(stage: Audited, all: readonly { readonly address: string }[]): Promise<bigint> {
  let sum = 0n;
  for (const one of all) sum += await wealth(stage, one);
  return sum;
}

/** Every place of every tree of a trace that may be demanded. */
function* places(): Iterable<readonly [kernel: number, place: Place]> {
  for (const place of TREE_PLACES) yield [TRACE_TREE, place];
  for (let kernel = 0; kernel < MANIFEST.kernelCount; kernel++) {
    const { tree } = HONEST.commitment(kernel);
    for (let index = 0; index < tree.width; index++) yield [kernel, { level: LEVEL_BYTES, index }];
    for (let level = 0; level === 0 || Math.ceil(tree.width / 2 ** (level - 1)) > 1; level++) {
      const width = Math.ceil(tree.width / 2 ** level);
      for (let index = 0; index < width; index += 16) yield [kernel, { level, index }];
    }
  }
}

const demand = ({ judge }: Audited, { claimId }: Claimed, by: Signer, kernel: number, wanted: readonly Place[]) =>
  kernel === TRACE_TREE
    ? judge.connect(by).demandTrace(claimId, [...wanted])
    : judge.connect(by).demandTensor(claimId, kernelOpening(kernel), [...wanted]);

/** Answers demands, so many in one transaction as fit. */
async function answerAll(
  { judge }: Audited,
  { claimId, operator }: Claimed,
  trace: Trace,
  asked: readonly (readonly [number, Place])[],
  spend: (sent: Promise<Sent>) => Promise<void>,
): Promise<void> {
  for (let first = 0; first < asked.length; first += BATCH) {
    const answers = asked.slice(first, first + BATCH).map(([kernel, place]) => answerOf(trace, kernel, place));
    await spend(judge.connect(operator).answer(claimId, answers));
  }
}

/** Everybody tries to open another dispute; gives how many were refused. */
async function crowdIn({ judge, market }: Audited, { requestId, claimId }: Claimed, crowd: readonly Signer[]) {
  let refused = 0;
  for (const sybil of crowd) {
    await judge
      .connect(sybil)
      .challenge.staticCall(market, requestId, claimId)
      .catch(() => refused++);
  }
  return refused;
}

const guessBy = ({ claimId }: Claimed, sybil: Signer, i: number, element = i % kernelAt(0).length): string =>
  accusationOf(claimId, element === FORGED.element ? FORGED.kernel : 0, element, {
    accuser: sybil.address,
    salt: id(`sybil ${i}`),
  });

/**
 * Sybils keep a right answer from becoming final: one disputes it in the last second of its window, all the others try to,
 * demand every place of the trace in the last second, and accuse.
 */
export async function keepFromFinal(count: number): Promise<Siege> {
  const stage = await networkHelpers.loadFixture(shipped);
  const { judge, market, desk } = stage;
  const meter = new Meter();
  const sybils = await gather(stage, count);
  const [first = stage.stranger, ...crowd] = sybils;
  const claim = await ask(stage, { wrong: false });
  const claimedAt = Number(claim.windowEnd) - Number(claim.request.windowSeconds);
  const before = [await wealthOfAll(stage, sybils), await wealth(stage, claim.operator)] as const;

  await time.setNextBlockTimestamp(claim.windowEnd - 1n);
  await meter.add("sybils", judge.connect(first).challenge(market, claim.requestId, claim.claimId));
  const refused = await crowdIn(stage, claim, crowd);
  // It has the trace, and gains nothing by waiting.
  await meter.add("honest", commitTrace(stage, claim, HONEST));
  const { demandUntil } = await judge.disputeOf(claim.claimId);
  const all = [...places()];
  // A second for each transaction: the last one is sent in the last second.
  await time.increaseTo(demandUntil - BigInt(all.length));
  for (const [i, [kernel, place]] of all.entries()) {
    await meter.add("sybils", demand(stage, claim, sybils[i % sybils.length] ?? first, kernel, [place]));
  }
  await answerAll(stage, claim, HONEST, all, (sent) => meter.add("honest", sent));
  for (const [i, sybil] of sybils.entries()) {
    await meter.add("sybils", judge.connect(sybil).accuse(claim.claimId, guessBy(claim, sybil, i)));
  }
  const dispute = await judge.disputeOf(claim.claimId);
  await time.setNextBlockTimestamp(dispute.end + 1n);
  await meter.add("honest", judge.resolve(claim.claimId));
  const ended = await time.latest();
  await meter.add("honest", market.finalise(claim.request, "0x"));
  const after = [await wealthOfAll(stage, sybils), await wealth(stage, claim.operator)] as const;
  return {
    ...{ sybils: count, verdict: "final", seconds: ended - claimedAt, bound: boundOf(claim), disputes: 1, refused },
    ...{ demands: Number(dispute.demands), accusations: Number(dispute.accusations) },
    ...{ lost: before[0] - after[0], burnt: await judge.creditOf(await desk.SINK()), gained: after[1] - before[1] },
    ...{ honestGas: meter.honest, sybilGas: meter.sybils },
  };
}

/** Window, trace, demands, answers, proof: longer than that no claim waits for its verdict. */
const boundOf = ({ request }: Claimed): number =>
  Number(request.windowSeconds) + traceWindow + demandWindow + answerWindow + proofMargin;

/** How an operator with a wrong answer defends it. */
export type Defence = "shows what it must in the last second" | "shows no trace" | "does not answer";

/**
 * Sybils keep a wrong answer from its conviction: one of them occupies its only dispute in the first second, the operator
 * shows nothing but what the court asks for and that in the last second, and all others accuse at random before and after.
 * One honest watcher, which executed the request, looks for the fault.
 */
export async function keepFromVerdict(count: number, defence: Defence): Promise<Siege> {
  const stage = await networkHelpers.loadFixture(shipped);
  const { judge, market, accuser: watcher } = stage;
  const meter = new Meter();
  const sybils = await gather(stage, count);
  const [friend = stage.stranger, ...crowd] = sybils;
  const claim = await ask(stage, { wrong: true });
  const { claimId, request, requestId, windowEnd, operator } = claim;
  const claimedAt = Number(windowEnd) - Number(request.windowSeconds);
  const gang = [...sybils, operator];
  const before = [await wealthOfAll(stage, gang), await wealth(stage, watcher)] as const;
  const terms = encodeTerms(request);

  await meter.add("sybils", judge.connect(friend).challenge(market, requestId, claimId));
  const refused = await crowdIn(stage, claim, crowd);
  const { traceUntil } = await judge.disputeOf(claimId);
  if (defence === "shows no trace") {
    await time.setNextBlockTimestamp(traceUntil + 1n);
    await meter.add("honest", judge.connect(watcher).convictWithoutTrace(claimId, terms));
  } else {
    await time.setNextBlockTimestamp(traceUntil);
    await meter.add("sybils", commitTrace(stage, claim, WRONG));
    for (const [i, sybil] of crowd.entries()) {
      await meter.add("sybils", judge.connect(sybil).accuse(claimId, guessBy(claim, sybil, i)));
    }
    await search(stage, claim, meter, defence);
  }
  const { status, demands, accusations } = await judge.disputeOf(claimId);
  if (status !== 4n) throw new Error(`the dispute stands at ${status}`);
  const ended = await time.latest();
  // Whoever accused or demanded gets its bond back with a conviction; they all ask for it.
  for (const [i, sybil] of crowd.entries()) {
    if (accusations > 1n) await judge.connect(sybil).reclaimAccusation(claimId, guessBy(claim, sybil, i));
  }
  const after = [await wealthOfAll(stage, gang), await wealth(stage, watcher)] as const;
  return {
    ...{ sybils: count, verdict: "convicted", seconds: ended - claimedAt, bound: boundOf(claim), disputes: 1, refused },
    ...{ demands: Number(demands), accusations: Number(accusations) },
    ...{ lost: before[0] - after[0], burnt: await stage.staking.creditOf(await stage.staking.SINK()) },
    ...{ gained: after[1] - before[1], honestGas: meter.honest, sybilGas: meter.sybils },
  };
}

/** The watcher asks for the roots, the nodes and the leaf where the trace is not its own, and convicts. */
async function search(stage: Audited, claim: Claimed, meter: Meter, defence: Defence): Promise<void> {
  const { judge, accuser: watcher } = stage;
  const { claimId, request } = claim;
  const terms = encodeTerms(request);
  const rounds: readonly (readonly [number, readonly Place[]])[] = [
    [TRACE_TREE, TREE_PLACES],
    [FORGED.kernel, [{ level: 0, index: 0 }]],
    [FORGED.kernel, [{ level: LEVEL_BYTES, index: FORGED.leaf }]],
  ];
  for (const [kernel, wanted] of rounds) {
    await meter.add("honest", demand(stage, claim, watcher, kernel, wanted));
    const answerUntil = BigInt(await time.latest()) + BigInt(answerWindow);
    if (defence === "does not answer") {
      await time.setNextBlockTimestamp(answerUntil + 1n);
      const { opening } = answerOf(WRONG, kernel, wanted[0] as Place);
      await meter.add("honest", judge.connect(watcher).convictUnanswered(claimId, terms, opening));
      return;
    }
    await time.setNextBlockTimestamp(answerUntil);
    const asked = wanted.map((place) => [kernel, place] as const);
    await answerAll(stage, claim, WRONG, asked, (sent) => meter.add("sybils", sent));
  }
  const accusation = { accuser: watcher.address, salt: id("watcher") };
  const { kernel, element, leaf } = FORGED;
  await meter.add("honest", judge.connect(watcher).accuse(claimId, accusationOf(claimId, kernel, element, accusation)));
  await mine(1);
  const proof = [executionOf(WRONG, kernel, element), outputOf(WRONG, kernel, leaf)] as const;
  await meter.add("honest", judge.connect(watcher).proveFraud(claimId, terms, accusation, ...proof));
}
