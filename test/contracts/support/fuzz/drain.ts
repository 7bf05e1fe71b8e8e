import { encodeTerms } from "../../../../services/chain/calldata.ts";
import { MARKET, STAKING } from "../protocol.ts";
import { addressOf, ASSIGNED, CHALLENGED, CLAIMED, FINAL, OPEN } from "./move.ts";
import { endAudits } from "./audits.ts";
import { settleAll } from "./data.ts";
import { outputOfAnswer } from "./toy.ts";
import type { World } from "./world.ts";

const DAY = 86_400;
/** Longer than any stage, window, pause, jail and unbonding together. */
const FOREVER = MARKET.maxDisputeSeconds + STAKING.unbondingSeconds + 60 * DAY;

/** Ends everything by exits that anyone may use, and lets everybody take what is theirs. Gives what is then left. */
export async function drain(world: World): Promise<Readonly<Record<string, bigint>>> {
  const { market, staking, court } = world.contracts;
  const anyone = world.people.pauper;
  await world.chain.passTo(world.next + FOREVER);
  await world.look(true);
  await settleAll(world);
  await endRequests(world);
  await endDisputes(world);
  await endAudits(world);
  for (const contract of ["market", "court", "availability", "desk"] as const) {
    for (const [address, credit] of world.view.credits[contract]) {
      if (credit > 0n) await world.contracts[contract].connect(anyone).withdraw(address);
    }
  }
  for (const [lockId, { amount }] of world.view.locks) {
    if (amount > 0n) await staking.connect(world.people.manager).release(lockId);
  }
  await leaveAll(world);
  const { balances, totalHeld, auditFund } = await world.look(true);
  const left = (contract: { readonly target: unknown }): bigint => balances.get(addressOf(contract)) ?? 0n;
  const shown = left(world.contracts.availability);
  return {
    market: left(market) - auditFund,
    staking: left(staking),
    court: left(court),
    availability: shown,
    desk: left(world.contracts.desk),
    totalHeld,
  };
}

/** @throws Error when a request does not end. */
async function endRequests(world: World): Promise<void> {
  const keeper = world.contracts.market.connect(world.people.pauper);
  await world.look(true);
  for (const { id, request, answer } of world.jobs) {
    const { status } = await keeper.stateOf(id);
    if (status === OPEN) await keeper.refund(request);
    if (status === ASSIGNED) await keeper.timeOut(request);
    if (status === CLAIMED) await keeper.finalise(request, outputOfAnswer(answer ?? "honest").bytes);
    if (status === CHALLENGED) await keeper.expireDispute(request);
    if ((await keeper.stateOf(id)).status < FINAL) throw new Error(`request ${id} has no end`);
  }
}

/** What the court still has open is ended by anyone, and its bonds given back. */
async function endDisputes(world: World): Promise<void> {
  const court = world.contracts.court.connect(world.people.pauper);
  const view = await world.look(true);
  for (const { claimId, job, demands, accusations } of world.cases) {
    const { status, openDemands } = await court.disputeOf(claimId);
    const records = view.demands.get(claimId) ?? [];
    const open = demands.find((_, i) => records[i]?.answered === false);
    if (status === 1n) await court.convictWithoutTrace(claimId, encodeTerms(job.request));
    if (status === 2n && openDemands === 0n) await court.resolve(claimId);
    if (status === 2n && open !== undefined)
      await court.convictUnanswered(claimId, encodeTerms(job.request), open.opening);
    if ((await court.disputeOf(claimId)).status !== 4n) continue;
    for (const [i, { commitment }] of accusations.entries()) {
      if (BigInt(view.accusers.get(claimId)?.[i] ?? 0) !== 0n) await court.reclaimAccusation(claimId, commitment);
    }
    for (const [i, { opening }] of demands.entries()) {
      if (BigInt(records[i]?.demander ?? 0) !== 0n) await court.reclaim(claimId, opening);
    }
  }
  await world.look(true);
}

/** Every operator unbonds and withdraws all, and everybody takes what is left. */
async function leaveAll(world: World): Promise<void> {
  const { staking } = world.contracts;
  const withdrawAll = async (): Promise<void> => {
    const { operators } = await world.look(true);
    for (const [operator, { exits }] of operators) {
      for (const [slot, { amount }] of exits.entries())
        if (amount > 0n) await staking.completeUnbonding(operator, slot);
    }
  };
  await withdrawAll();
  for (const operator of world.people.operators) {
    const free = await staking.freeStakeOf(operator);
    if (free > 0n) await staking.connect(operator).unbond(free);
  }
  await world.look(true);
  await world.chain.passTo(world.next + STAKING.unbondingSeconds);
  await withdrawAll();
  for (const [account, credit] of world.view.credits.staking) if (credit > 0n) await staking.withdraw(account);
}
