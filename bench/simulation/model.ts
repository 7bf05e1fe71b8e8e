import type { Random } from "../../runner/machine/prng.ts";
import { lognormal, normal, poisson, uniform } from "./chance.ts";
import {
  ASSUMED,
  collateralFor,
  leastFeeFor,
  type Mechanisms,
  RULES,
  shareOf,
  TOKEN_DIGITS as DIGITS,
} from "./rules.ts";

/*
 * A pure model of years of the protocol, a day at a time. Amounts are tokens, prices dollars. It knows the contracts only by
 * their parameters; what it assumes of the world is in rules.ts.
 */

export interface Operator {
  stake: number;
  /** Dollars that one answer costs it. */
  readonly cost: number;
  /** Where it runs, and with what: those of one provider fail together. */
  readonly provider: number;
  /** Whether it would answer without work where that pays. */
  readonly tempted: boolean;
  /** Day on which its stake is free, once it leaves. */
  leavesOn: number;
}

/** What is known of a day. */
export interface Day {
  readonly price: number;
  /** Dollars for a million gas. */
  readonly gas: number;
  readonly operators: number;
  readonly stake: number;
  /** Least number of operators that have more than half of all draws. */
  readonly nakamoto: number;
  /** Herfindahl index of draws: 1 when one operator has all. */
  readonly herfindahl: number;
  /** Dollars for which nobody else is drawn for a week, and the part of the stake. */
  readonly siege: number;
  readonly siegeShare: number;
  /** Dollars that an auditor has left of one audit. */
  readonly auditor: number;
  /** Dollars a day of everybody who executes answers to check them: rewards of audits and shares of penalties, less costs. */
  readonly watchers: number;
  /** Dollars that requesters lost by wrong answers that became final, in all. */
  readonly harmed: number;
  readonly requests: number;
  /** Largest part of the stake at one provider. */
  readonly crowded: number;
  /** Tokens taken for fraud, in all. */
  readonly slashed: number;
}

interface State {
  operators: Operator[];
  price: number;
  gas: number;
  demand: number;
  harmed: number;
  slashed: number;
  /** Tokens slashed for fraud, by day, for what counts as lately. */
  readonly slashes: { readonly day: number; readonly amount: number }[];
}

/** Effective weights of operators: they stop growing at a part of the whole where that is so. */
export function drawShares(stakes: readonly number[], saturates: boolean): readonly number[] {
  const total = stakes.reduce((sum, stake) => sum + stake, 0);
  const limit = saturates ? total / Math.min(RULES.saturation, stakes.length) : Infinity;
  const weights = stakes.map((stake) => Math.min(stake, limit));
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => (all === 0 ? 0 : weight / all));
}

/** Least number of the largest that have more than half together. */
export function nakamotoOf(shares: readonly number[]): number {
  let sum = 0;
  const sorted = [...shares].sort((a, b) => b - a);
  const found = sorted.findIndex((share) => (sum += share) > 0.5);
  return found < 0 ? 0 : found + 1;
}

export const herfindahlOf = (shares: readonly number[]): number => shares.reduce((sum, it) => sum + it * it, 0);

/** Tokens that shut out everybody for a week: requests that lock all stake, in locks of at most one operator's stake. */
export function siegeOf(stakes: readonly number[], { lockPrice }: Mechanisms): number {
  const { minimumFee, lockFeeShare, longestLockDays } = RULES;
  const locks = stakes.length * Math.ceil(7 / longestLockDays);
  const all = stakes.reduce((sum, stake) => sum + stake, 0);
  return locks * minimumFee + (lockPrice ? all * lockFeeShare * 7 : 0);
}

const newcomer = (random: Random, state: State, mechanisms: Mechanisms, stake: number): Operator => ({
  ...{ stake: Math.max(RULES.minimumStake, stake), cost: ASSUMED.compute * lognormal(random, 0.3) },
  ...{ provider: providerFor(random, state, mechanisms), tempted: uniform(random) < ASSUMED.tempted },
  leavesOn: Infinity,
});

/** The provider that costs least is the one that most have; whoever fears to fail together looks for another one. */
function providerFor(random: Random, { operators }: State, { correlation }: Mechanisms): number {
  const at = Array.from({ length: ASSUMED.providers }, () => 1);
  for (const { provider } of operators) at[provider] = (at[provider] ?? 0) + 1;
  const appeal = at.map((count) => (correlation ? 1 / count : count ** ASSUMED.herd));
  let point = uniform(random) * appeal.reduce((sum, it) => sum + it, 0);
  const found = appeal.findIndex((it) => (point -= it) < 0);
  return Math.max(0, found);
}

/** Takes a penalty for fraud. @returns What the accuser gets. */
function slash(state: State, operator: Operator, lock: number, day: number, { correlation }: Mechanisms): number {
  const lately = state.slashes.filter((it) => it.day > day - RULES.unbondingDays);
  const recent = lately.reduce((sum, { amount }) => sum + amount, 0);
  const all = state.operators.reduce((sum, { stake }) => sum + stake, 0) + recent;
  const part = Math.min(RULES.correlationFactor * (recent + lock), all) / all;
  const wanted = Math.max(lock, RULES.fraudMinimum, correlation ? operator.stake * part : 0);
  const taken = Math.min(operator.stake, wanted);
  operator.stake = 0;
  operator.leavesOn = day;
  state.slashed += taken;
  state.slashes.push({ day, amount: taken });
  return taken * RULES.accuserShare;
}

/** Plays years of days with the mechanisms that are on. */
export function simulate(random: Random, days: number, mechanisms: Mechanisms): readonly Day[] {
  const state: State = {
    ...{ operators: [], price: ASSUMED.price, gas: ASSUMED.gas, demand: ASSUMED.requests, harmed: 0, slashed: 0 },
    slashes: [],
  };
  for (let i = 0; i < ASSUMED.operators; i++) {
    const stake = RULES.minimumStake * (1 + 2 * lognormal(random, 1));
    state.operators.push(newcomer(random, state, mechanisms, stake));
  }
  return Array.from({ length: days }, (_, day) => live(random, state, mechanisms, day));
}

function live(random: Random, state: State, mechanisms: Mechanisms, day: number): Day {
  walkPrices(random, state);
  const active = state.operators.filter(({ leavesOn }) => leavesOn === Infinity);
  const stakes = active.map(({ stake }) => stake);
  const shares = drawShares(stakes, mechanisms.saturation);
  const requests = active.length === 0 ? 0 : poisson(random, state.demand);
  const value = (ASSUMED.value * lognormal(random, 0.5)) / state.price;
  const { fee, collateral } = priced(value, state.price, mechanisms);
  const share = shareOf(fee);
  const audits = mechanisms.audits ? requests * RULES.rate : 0;
  const reward = mechanisms.audits ? share / RULES.rate : 0;
  const auditCost = (ASSUMED.auditGas / 1e6) * state.gas + ASSUMED.compute;
  const auditor = mechanisms.audits ? reward * state.price - auditCost : 0;
  // Some check answers without being asked to; they get nothing but shares of penalties.
  const looked = requests * ASSUMED.goodwill;
  let watchers = audits * auditor - looked * ASSUMED.compute;

  const net = fee - (mechanisms.audits ? share : 0);
  const caught = mechanisms.audits ? RULES.rate * ASSUMED.ableAuditors + ASSUMED.goodwill : ASSUMED.goodwill;
  for (const [i, operator] of active.entries()) {
    const answers = requests * (shares[i] ?? 0);
    if (!operator.tempted || answers < 1 || operator.leavesOn !== Infinity) continue;
    // Who is caught loses at least its collateral, and gets a part back as its own accuser.
    const loss = Math.max(collateral, RULES.fraudMinimum) * (1 - RULES.accuserShare);
    const gain = (value * ASSUMED.worthOfLie + operator.cost / state.price) * (1 - caught) - loss * caught;
    if (gain <= 0) continue;
    for (let answer = 0; answer < Math.min(answers, ASSUMED.liesADay); answer++) {
      if (uniform(random) < caught) {
        watchers += slash(state, operator, collateral, day, mechanisms) * state.price;
        break;
      }
      state.harmed += value * state.price;
    }
  }
  // A fault of a provider makes all its operators answer wrongly once; audits and watchers find those that they look at.
  if (uniform(random) < ASSUMED.faultsADay) {
    const failing = Math.floor(uniform(random) * ASSUMED.providers);
    for (const operator of active) {
      if (operator.provider !== failing || operator.leavesOn !== Infinity) continue;
      if (uniform(random) < caught) watchers += slash(state, operator, collateral, day, mechanisms) * state.price;
      else state.harmed += value * state.price;
    }
  }
  moveOperators(random, state, mechanisms, { day, shares, active, requests, net });
  state.operators = state.operators.filter(({ leavesOn }) => leavesOn > day);
  const all = stakes.reduce((sum, it) => sum + it, 0);
  const siege = siegeOf(stakes, mechanisms);
  return {
    ...{ price: state.price, gas: state.gas, operators: active.length, stake: all, requests },
    ...{ nakamoto: nakamotoOf(shares), herfindahl: herfindahlOf(shares), siege: siege * state.price },
    ...{ siegeShare: all === 0 ? 0 : siege / all, auditor, watchers, harmed: state.harmed, slashed: state.slashed },
    crowded: crowdedOf(active, all),
  };
}

function crowdedOf(active: readonly Operator[], all: number): number {
  const at = Array.from({ length: ASSUMED.providers }, () => 0);
  for (const { provider, stake } of active) at[provider] = (at[provider] ?? 0) + stake;
  return all === 0 ? 0 : Math.max(...at) / all;
}

/** Prices follow random walks in their logarithms; that of gas returns to where it began. */
function walkPrices(random: Random, state: State): void {
  const { priceWalk, gasWalk, gasReturn, demandWalk, growth } = ASSUMED;
  state.price *= Math.exp(priceWalk * normal(random) - priceWalk ** 2 / 2);
  state.gas *= Math.exp(gasWalk * normal(random) - gasReturn * Math.log(state.gas / ASSUMED.gas));
  state.demand *= Math.exp(demandWalk * normal(random) - demandWalk ** 2 / 2 + growth);
  state.price = Math.max(DIGITS, state.price);
}

/** Fee and collateral of the usual request: enough for its lock, and for what an execution costs. */
function priced(value: number, price: number, { lockPrice }: Mechanisms): { fee: number; collateral: number } {
  const least = leastFeeFor(value, lockPrice);
  const fee = Math.max(least, (ASSUMED.margin * ASSUMED.compute) / price);
  return { fee, collateral: collateralFor(value, fee) };
}

interface Business {
  readonly day: number;
  readonly shares: readonly number[];
  readonly active: readonly Operator[];
  readonly requests: number;
  readonly net: number;
}

/** Operators come where it pays, leave where it does not, and merge where that saves the cost of a place. */
function moveOperators(random: Random, state: State, mechanisms: Mechanisms, business: Business): void {
  const { day, shares, active, requests, net } = business;
  // Whoever was convicted today, or leaves, decides nothing more.
  const staying = active.flatMap((operator, i) => (operator.leavesOn === Infinity ? [{ operator, i }] : []));
  const yearly = staying.map(({ operator, i }) => {
    const earned = requests * (shares[i] ?? 0) * (net * state.price - operator.cost) - ASSUMED.place;
    return (365 * earned) / (operator.stake * state.price);
  });
  const usual = yearly.reduce((sum, it) => sum + it, 0) / Math.max(1, yearly.length);
  const coming = ASSUMED.comingADay * Math.min(4, Math.max(0, usual / ASSUMED.wanted));
  for (let i = poisson(random, coming); i > 0; i--) {
    state.operators.push(newcomer(random, state, mechanisms, RULES.minimumStake * (1 + lognormal(random, 1.2))));
  }
  for (const [i, { operator }] of staying.entries()) {
    const own = yearly[i] ?? 0;
    if (uniform(random) < (own < 0 ? ASSUMED.leaving : ASSUMED.leaving / 20)) operator.leavesOn = day + 1;
    else if (own > ASSUMED.wanted) operator.stake *= 1 + (own * ASSUMED.reinvested) / 365;
  }
  if (uniform(random) < ASSUMED.mergersADay && active.length > 2) merge(random, state, mechanisms, active);
}

/** Two become one where the one has as many draws as the two had: then it saves a place. */
function merge(random: Random, state: State, mechanisms: Mechanisms, active: readonly Operator[]): void {
  const sorted = active.filter(({ leavesOn }) => leavesOn === Infinity).sort((a, b) => b.stake - a.stake);
  const [buyer] = sorted;
  const other = sorted[1 + Math.floor(uniform(random) * (sorted.length - 1))];
  if (buyer === undefined || other === undefined) return;
  const together = sorted.map(({ stake }) => stake);
  const before = drawShares(together, mechanisms.saturation);
  const index = sorted.indexOf(other);
  const merged = together.filter((_, i) => i !== index);
  merged[0] = buyer.stake + other.stake;
  const after = drawShares(merged, mechanisms.saturation)[0] ?? 0;
  if (after < ((before[0] ?? 0) + (before[index] ?? 0)) * ASSUMED.mergerLoss) return;
  buyer.stake += other.stake;
  state.operators = state.operators.filter((it) => it !== other);
}
