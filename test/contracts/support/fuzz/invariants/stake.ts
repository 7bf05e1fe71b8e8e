import type { BaseContract } from "ethers";
import { ZeroAddress } from "ethers";

import { encodeTerms } from "../../../../../services/chain/calldata.ts";
import { MARKET, STAKING } from "../../protocol.ts";
import { addressOf, CHALLENGED, FINAL, OPEN, REQUEST_STATES, short, TOMBSTONED } from "../move.ts";
import type { View } from "../view.ts";
import { PENALTIES, type World } from "../world.ts";
import { always, bigOf, changes, type Invariant, least, saidBy, sum, textOf } from "./base.ts";

/*
 * Stake, its locks, and what a verdict takes of it.
 */

const FRAUD = 1n;

/** What a slash may take of, as it was before it. */
function lockIn({ contracts }: World, before: View, manager: string, lockId: string): bigint {
  if (manager === addressOf(contracts.market)) return before.requests.get(lockId)?.lock ?? 0n;
  if (manager === addressOf(contracts.desk)) return before.audits.get(lockId)?.lock ?? 0n;
  return before.locks.get(lockId)?.amount ?? 0n;
}

export const STAKE: readonly Invariant[] = [
  always("I-03", "an operator's locks add up to what is recorded, and never exceed its stake", function* ({ view }) {
    const locks = new Map<string, readonly bigint[]>();
    const add = (operator: string, amount: bigint): void => {
      if (amount > 0n) locks.set(operator, [...(locks.get(operator) ?? []), amount]);
    };
    for (const { lockedOf, lock } of view.requests.values()) add(lockedOf, lock);
    for (const { operator, amount } of view.locks.values()) add(operator, amount);
    for (const { lockedOf, lock } of view.audits.values()) add(lockedOf, lock);
    for (const [operator, { stake, locked, open }] of view.operators) {
      const own = locks.get(operator) ?? [];
      if (locked !== sum(own) || locked > stake) yield `${operator}: ${locked} of ${stake}, locks are ${sum(own)}`;
      if (open !== BigInt(own.length)) yield `${operator}: ${open} open, locks are ${own.length}`;
    }
  }),

  always(
    "I-04",
    "every request from assignment to its end has its whole collateral locked, of its operator, and no other request has",
    function* ({ view, jobs }) {
      for (const { id, request } of jobs) {
        const { status = 0n, lock = 0n, operator = "", lockedOf = "" } = view.requests.get(id) ?? {};
        const expected = status > OPEN && status < FINAL ? BigInt(request.collateral) : 0n;
        if (lock !== expected) yield `${short(id)}: ${lock} of ${expected} while ${REQUEST_STATES[Number(status)]}`;
        if (lock > 0n && operator !== lockedOf) yield `${short(id)}: of ${lockedOf}, not of ${operator}`;
      }
    },
  ),

  always(
    "I-08",
    "whatever has happened, a verdict on a challenged claim would be taken",
    async function* (world, { before }) {
      if (!isShaken(world, before)) return;
      const { market, court } = world.contracts;
      const challenged = world.jobs.flatMap(({ id, request }) => {
        const { status, claimId = "" } = world.view.requests.get(id) ?? {};
        return status === CHALLENGED ? [{ id, lock: 0n, values: [claimId, encodeTerms(request), court.target] }] : [];
      });
      yield* tried(challenged, await asIf(world, market, addressOf(court), "convict", challenged));
    },
  ),

  always(
    "I-12",
    "every lock could be slashed for all of it, whatever its operator has done",
    async function* (world, { before }) {
      if (!isShaken(world, before)) return;
      const { contracts, view, people } = world;
      const { staking, market, desk } = contracts;
      const of = (rows: Iterable<readonly [string, bigint]>): Attempt[] =>
        [...rows].flatMap(([id, lock]) =>
          lock > 0n ? [{ id, lock, values: [id, 1, view.time, ZeroAddress, ZeroAddress] }] : [],
        );
      const requests = of([...view.requests].map(([id, { lock }]) => [id, lock]));
      const locks = of([...view.locks].map(([id, { amount }]) => [id, amount]));
      yield* tried(requests, await asIf(world, staking, addressOf(market), "slash", requests));
      const audits = of([...view.audits].map(([id, { lock }]) => [id, lock]));
      yield* tried(audits, await asIf(world, staking, addressOf(desk), "slash", audits));
      yield* tried(locks, await asIf(world, staking, people.manager.address, "slash", locks));
    },
  ),

  always(
    "I-31",
    "fraud takes the whole lock, at least the least penalty, and more the more was slashed lately; the rest is owed",
    function* (world, { before }) {
      for (const event of saidBy(world, "staking.Slashed")) {
        if (bigOf(event, "fault") !== FRAUD) continue;
        const [operator, lockId] = [textOf(event, "operator"), textOf(event, "lockId")];
        const lock = lockIn(world, before, textOf(event, "manager"), lockId);
        const taken = sum(["fromLock", "fromFree", "fromUnbonding"].map((part) => bigOf(event, part)));
        const collected = sum(saidBy(world, "staking.OwedTaken").map((it) => bigOf(it, "amount")));
        const [then, now] = [before, world.view].map((view) => view.operators.get(operator)?.owed ?? 0n);
        const owed = (now ?? 0n) + collected - (then ?? 0n);
        const due = penaltyOf(world, before, operator, lock, taken);
        if (bigOf(event, "fromLock") !== lock || taken + owed !== due) {
          yield `${short(lockId)}: ${taken} taken and ${owed} owed of ${due}, lock ${lock}`;
        }
      }
    },
  ),

  always(
    "I-32",
    "a missed answer takes the small penalty from its own lock, and nothing else",
    function* (world, { before }) {
      for (const event of saidBy(world, "staking.Slashed")) {
        if (bigOf(event, "fault") === FRAUD) continue;
        const lock = lockIn(world, before, textOf(event, "manager"), textOf(event, "lockId"));
        const [fromLock, rest] = [bigOf(event, "fromLock"), bigOf(event, "fromFree") + bigOf(event, "fromUnbonding")];
        if (fromLock !== least(STAKING.livenessPenalty, lock) || rest !== 0n)
          yield `${fromLock} and ${rest} of ${lock}`;
      }
    },
  ),

  always("I-33", "a penalty touches no lock but its own and no exit that is ripe", function* (world, { before }) {
    const { view } = world;
    const slashed = saidBy(world, "staking.Slashed");
    if (slashed.length === 0) return;
    const own = new Set(slashed.map((event) => textOf(event, "lockId")));
    for (const [id, now, then] of changes(view.requests, before.requests)) {
      if (!own.has(id) && then !== undefined && now.lock !== then.lock) yield `lock of ${short(id)} changed`;
    }
    for (const [id, now, then] of changes(view.audits, before.audits)) {
      if (!own.has(id) && then !== undefined && now.lock !== then.lock) yield `lock of audit ${short(id)} changed`;
    }
    for (const [id, now, then] of changes(view.locks, before.locks)) {
      if (!own.has(id) && then !== undefined && now.amount !== then.amount) yield `lock ${short(id)} changed`;
    }
    for (const [operator, now, then] of changes(view.operators, before.operators)) {
      for (const [i, exit] of (then?.exits ?? []).entries()) {
        const ripe = exit.amount > 0n && exit.releaseAt <= view.time;
        if (ripe && now.exits[i]?.amount !== exit.amount) yield `${operator}: ripe exit ${i} was ${exit.amount}`;
      }
    }
  }),

  always("I-34", "a penalty touches no other operator", function* (world, { before }) {
    const named = new Set(world.ledger.latest.map(({ args }) => String(args.operator)));
    if (saidBy(world, "staking.Slashed", "staking.DrawMissed").length === 0) return;
    for (const [operator, now, then] of changes(world.view.operators, before.operators)) {
      if (!named.has(operator) && then !== undefined && now.stake !== then.stake) yield `${operator}: ${now.stake}`;
    }
  }),

  always(
    "I-35",
    "what is owed of penalties is taken as soon as stake is free, and only then falls",
    function* (world, { before }) {
      for (const [operator, now, then] of changes(world.view.operators, before.operators)) {
        const opened = saidBy(world, "staking.Released", "staking.Slashed").some(
          (event) => textOf(event, "operator") === operator,
        );
        if (opened && now.owed > 0n && now.stake > now.locked) yield `${operator}: owes ${now.owed} with free stake`;
        const taken = saidBy(world, "staking.OwedTaken").filter((event) => textOf(event, "operator") === operator);
        const paid = sum(taken.map((event) => bigOf(event, "amount")));
        if (now.owed + paid < (then?.owed ?? 0n)) yield `${operator}: ${then?.owed} became ${now.owed} for ${paid}`;
      }
    },
  ),

  always(
    "I-36",
    "jail counts from the missed deadline, ends where it was said to, and is never shortened",
    function* (world, { before, move }) {
      for (const [operator, now, then] of changes(world.view.operators, before.operators)) {
        if (now.jailedUntil === then?.jailedUntil) continue;
        if (now.jailedUntil < (then?.jailedUntil ?? 0)) yield `${operator}: jail was shortened`;
        if (move !== "market.timeOut" && move !== "desk.lapse") continue;
        const ids = saidBy(world, "staking.Slashed").map((event) => textOf(event, "lockId"));
        const missed = ids.map((id) => before.requests.get(id)?.deadline ?? before.audits.get(id)?.commitBy ?? 0);
        const ends = missed.map((deadline) => missedAt(world, deadline) + STAKING.jailSeconds);
        if (!ends.includes(now.jailedUntil)) yield `${operator}: until ${now.jailedUntil}, not ${ends.join()}`;
      }
    },
  ),

  always("I-37", "nobody leaves jail before its time or without the least stake", function* (world, { before }) {
    for (const event of saidBy(world, "staking.Unjailed")) {
      const operator = textOf(event, "operator");
      const { jailedUntil = 0, stake = 0n } = before.operators.get(operator) ?? {};
      if (world.view.time < jailedUntil || stake < STAKING.minimumStake) yield `${operator} is free`;
    }
  }),

  always(
    "I-38",
    "who was convicted stays out: its status never changes again and its stake never grows",
    function* ({ view }, { before }) {
      for (const [operator, now, then] of changes(view.operators, before.operators)) {
        if (then?.status !== TOMBSTONED) continue;
        if (now.status !== TOMBSTONED || now.stake > then.stake) yield `${operator}: ${now.status}, ${now.stake}`;
      }
    },
  ),

  always(
    "I-39",
    "an exit takes the whole time of unbonding, fixed when it was queued, and only grows smaller",
    function* (world, { before }) {
      const { view } = world;
      for (const [operator, now, then] of changes(view.operators, before.operators)) {
        for (const [i, exit] of now.exits.entries()) {
          const was = then?.exits[i] ?? { amount: 0n, releaseAt: 0 };
          if (exit.amount === 0n || (exit.releaseAt === was.releaseAt && exit.amount <= was.amount)) continue;
          const queued = was.amount === 0n && exit.releaseAt === view.time + STAKING.unbondingSeconds;
          if (!queued) yield `${operator}: exit ${i} of ${exit.amount} until ${exit.releaseAt}`;
        }
      }
    },
  ),

  always("I-40", "an exit leaves to its operator, whole and not before its time", function* (world, { before }) {
    for (const event of saidBy(world, "staking.UnbondingCompleted")) {
      const [operator, position] = [textOf(event, "operator"), Number(event.args.position)];
      const { amount = 0n, releaseAt = Infinity } = before.operators.get(operator)?.exits[position] ?? {};
      const got = (world.view.balances.get(operator) ?? 0n) - (before.balances.get(operator) ?? 0n);
      if (got !== amount || world.view.time < releaseAt) yield `${operator} got ${got} of ${amount} at ${releaseAt}`;
    }
  }),

  always("I-41", "unbonding takes longer than any request that an operator can be drawn for", function* ({ view }) {
    // Three stages of a day, the longest window, dispute and pause, and the time to show data: see InferenceMarket's constructor.
    const longest = 3 * 86_400 + 13 * 3_600 + 7 * 86_400 + MARKET.maxDisputeSeconds + 3 * 86_400;
    if (STAKING.unbondingSeconds < longest && view.time > 0) yield `${STAKING.unbondingSeconds} of ${longest}`;
  }),

  always(
    "I-42",
    "keys and agents are their operator's own word: nobody else sets them, and old keys stay in force for what they signed",
    function* (world, { move }) {
      for (const event of saidBy(world, "staking.SigningKeyRotated")) {
        const operator = textOf(event, "operator");
        const keys = world.ledger.account(operator).keys;
        const [last, previous] = [keys.at(-1), keys.at(-2)];
        const delay = previous === undefined ? 0 : STAKING.keyDelaySeconds;
        if (move !== "staking.rotateSigningKey" || last?.activeFrom !== world.view.time + delay)
          yield `${operator}'s key`;
      }
      for (const [operator, account] of world.ledger.accounts) {
        const { agent = ZeroAddress } = world.view.operators.get(operator) ?? {};
        if (world.view.operators.has(operator) && agent !== account.agent) yield `${operator}'s agent`;
      }
    },
  ),
];

/** The penalty for fraud as the rules say: lock, least penalty, or the part of its stake for what was slashed lately. */
function penaltyOf({ view, ledger }: World, before: View, operator: string, lock: bigint, taken: bigint): bigint {
  const period = Math.floor(view.time / STAKING.unbondingSeconds);
  const lately = (ledger.slashedIn.get(period) ?? 0n) + (ledger.slashedIn.get(period - 1) ?? 0n) - taken;
  const { stake = 0n, exits = [] } = before.operators.get(operator) ?? {};
  const own = stake + sum(exits.filter(({ releaseAt }) => releaseAt > view.time).map(({ amount }) => amount));
  const all = before.totalStake + lately;
  const part = least(BigInt(PENALTIES.correlationFactor) * (lately + lock), all);
  const correlated = (own * part) / all;
  return [lock, STAKING.fraudMinimum, correlated].reduce((most, it) => (it > most ? it : most));
}

/** When a deadline of the market was missed, in the chain's time. */
function missedAt({ view }: World, deadline: number): number {
  return view.time - (view.clock - deadline);
}

/** Whether anything changed that a verdict could depend on. */
const isShaken = ({ view }: World, before: View): boolean =>
  view.operators !== before.operators ||
  view.locks !== before.locks ||
  view.audits !== before.audits ||
  view.disputes !== before.disputes ||
  view.paused !== before.paused;

interface Attempt {
  readonly id: string;
  readonly lock: bigint;
  readonly values: readonly unknown[];
}

/** What calls took that would take less than their locks; undefined when a call would be refused. */
function* tried(attempts: readonly Attempt[], taken: readonly (bigint | undefined)[]): Iterable<string> {
  for (const [i, { id, lock }] of attempts.entries()) {
    const amount = taken[i];
    if (amount === undefined || amount < lock) yield `${short(id)}: ${amount ?? "refused"} of ${lock}`;
  }
}

const REFUSED = 2n ** 256n - 1n;

/** What each call would return if `from` sent it now and nothing else. */
async function asIf(
  { chain, contracts: { prober }, probe }: World,
  contract: BaseContract,
  from: string,
  name: string,
  attempts: readonly Attempt[],
): Promise<(bigint | undefined)[]> {
  if (attempts.length === 0) return [];
  const calls = attempts.map(({ values }) => contract.interface.encodeFunctionData(name, values));
  const data = prober.interface.encodeFunctionData("probe", [addressOf(contract), calls]);
  const answer = await chain.call({ to: from, data }, { [from]: { code: probe } });
  const returned = prober.interface.decodeFunctionResult("probe", answer)[0] as bigint[];
  return [...returned].map((amount) => (amount === REFUSED ? undefined : amount));
}
