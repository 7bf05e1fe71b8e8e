import { type BaseContract, ZeroAddress } from "ethers";

import { ACTIVE, addressOf, CHALLENGED, DISPUTE_STATES, FINAL, OPEN, REQUEST_STATES, short } from "./move.ts";
import type { View } from "./view.ts";
import { COURT_TERMS, type World } from "./world.ts";

/** What was true before a move, and the move: `contract.function`. */
export interface Step {
  readonly before: View;
  readonly move: string;
}

type Check = (world: World, step: Step) => Iterable<string> | AsyncIterable<string>;

const sum = (amounts: Iterable<bigint>): bigint => [...amounts].reduce((total, amount) => total + amount, 0n);
const VERDICTS = ["court.convictWithoutTrace", "court.convictUnanswered", "court.proveFraud"] as const;

/** The transitions of a request and the moves that may make them. */
export const REQUEST_DIAGRAM: Readonly<Record<string, readonly string[]>> = {
  "None to Open": ["market.request", "market.requestWithPermit"],
  "Open to Assigned": ["market.assign"],
  "Open to Refunded": ["market.refund"],
  "Assigned to InputDemanded": ["market.demandInput"],
  "Assigned to Claimed": ["market.claim"],
  "Assigned to TimedOut": ["market.timeOut"],
  "Assigned to Cancelled": ["market.timeOut"],
  "Assigned to Open": ["market.timeOut"],
  "InputDemanded to Assigned": ["market.answerInput"],
  "InputDemanded to Cancelled": ["market.cancelWithheld"],
  "Claimed to Challenged": ["court.challenge"],
  "Claimed to Final": ["market.finalise"],
  "Challenged to Claimed": ["court.resolve"],
  "Challenged to Cancelled": ["market.expireDispute"],
  "Challenged to Convicted": VERDICTS,
};

/** The transitions of a dispute and the moves that may make them. */
export const DISPUTE_DIAGRAM: Readonly<Record<string, readonly string[]>> = {
  "None to Challenged": ["court.challenge"],
  "Challenged to TraceCommitted": ["court.commitTrace"],
  "Challenged to Convicted": ["court.convictWithoutTrace"],
  "TraceCommitted to Upheld": ["court.resolve"],
  "TraceCommitted to Convicted": ["court.convictUnanswered", "court.proveFraud"],
};

/** Changes of state in a step, by name; `late` marks those of disputes on which the market has given up. */
export function transitions({ view }: World, { before }: Pick<Step, "before">) {
  const changes = <T extends { readonly status: bigint }>(
    now: ReadonlyMap<string, T>,
    then: ReadonlyMap<string, T>,
    names: readonly string[],
  ) =>
    [...now].flatMap(([id, state]) => {
      const [from, to] = [then.get(id)?.status ?? 0n, state.status];
      return from === to ? [] : [{ id, state, name: `${names[Number(from)] ?? "?"} to ${names[Number(to)] ?? "?"}` }];
    });
  return {
    requests: changes(view.requests, before.requests, REQUEST_STATES),
    disputes: changes(view.disputes, before.disputes, DISPUTE_STATES).map((change) => ({
      ...change,
      late: before.requests.has(change.state.requestId) && view.requests.get(change.state.requestId)?.status === 9n,
    })),
  };
}

/** What must hold after every move. Each check gives what is wrong. */
export const INVARIANTS: Readonly<Record<string, Check>> = {
  *"I-01 staking holds exactly the tokens it owes: stake, exits and unpaid shares"({ view, contracts }) {
    const stakes = sum(
      [...view.operators.values()].map(({ stake, exits }) => stake + sum(exits.map((it) => it.amount))),
    );
    const owed = stakes + sum(view.payouts.flatMap(({ amounts }) => amounts));
    const held = view.balances.get(addressOf(contracts.staking));
    if (owed !== view.totalHeld || owed !== held) yield `owes ${owed}, says ${view.totalHeld}, holds ${held}`;
  },

  *"I-02 the market holds exactly the fees of open requests and the credits"({ view, contracts, jobs }) {
    const open = jobs.filter(({ id }) => (view.requests.get(id)?.status ?? FINAL) < FINAL);
    const owed = sum(open.map(({ request }) => BigInt(request.fee))) + sum(view.credits.market.values());
    const held = view.balances.get(addressOf(contracts.market));
    if (owed !== held) yield `owes ${owed}, holds ${held}`;
  },

  *"I-03 an operator's locks add up to what is recorded and never exceed its stake"({ view }) {
    const locks = new Map<string, bigint>();
    const add = (operator: string, amount: bigint): unknown =>
      locks.set(operator, (locks.get(operator) ?? 0n) + amount);
    for (const { lockedOf, lock } of view.requests.values()) if (lock > 0n) add(lockedOf, lock);
    for (const { operator, amount } of view.locks.values()) if (operator !== ZeroAddress) add(operator, amount);
    for (const [operator, { stake, locked }] of view.operators) {
      const expected = locks.get(operator) ?? 0n;
      if (locked !== expected || locked > stake) yield `${operator}: ${locked} of ${stake}, locks are ${expected}`;
    }
  },

  *"I-04 every request from assignment to its end has its whole collateral locked, and no other request has"({
    view,
    jobs,
  }) {
    for (const { id, request } of jobs) {
      const { status = 0n, lock = 0n } = view.requests.get(id) ?? {};
      const expected = status > OPEN && status < FINAL ? BigInt(request.collateral) : 0n;
      if (lock !== expected)
        yield `${short(id)}: ${lock} instead of ${expected} while ${REQUEST_STATES[Number(status)]}`;
    }
  },

  *"I-05 per slash: accuser + requester + sink = taken, and the accuser gets at most half"({ ledger: { latest } }) {
    const taken = latest
      .filter(({ name }) => ["staking.Slashed", "staking.DrawMissed", "staking.OwedTaken"].includes(name))
      .map(({ args }) =>
        sum(["fromLock", "fromFree", "fromUnbonding", "penalty", "amount"].map((part) => BigInt(String(args[part] ?? 0)))),
      )
      .filter((amount) => amount > 0n);
    const marked = latest.filter(({ name }) => name === "staking.PayoutMarked").map(({ args }) => args.amounts as bigint[]);
    const sums = marked.map((amounts) => sum(amounts));
    if (sums.join() !== taken.join()) yield `paid out ${sums.join()} of ${taken.join()}`;
    for (const [i, [accuser = 0n]] of marked.entries()) if (2n * accuser > (sums[i] ?? 0n)) yield `accuser gets ${accuser}`;
  },

  *"I-06 requests and disputes go only where the diagrams say, by the moves they name, and ends stay"(world, step) {
    const { requests, disputes } = transitions(world, step);
    const rows = [
      ...requests.map((it) => [it, REQUEST_DIAGRAM] as const),
      ...disputes.map((it) => [it, DISPUTE_DIAGRAM] as const),
    ];
    for (const [{ id, name }, diagram] of rows) {
      if (diagram[name]?.includes(step.move) !== true) yield `${short(id)}: ${name} by ${step.move}`;
    }
  },

  *"I-07 only active operators are drawn"({ ledger: { latest } }, { before }) {
    for (const { name, args } of latest) {
      const { status } = before.operators.get(String(args.operator)) ?? {};
      if (name === "staking.Locked" && status !== ACTIVE) yield `${args.operator} was drawn with status ${status}`;
    }
  },

  async *"I-08 whatever has happened, a verdict on a challenged claim would be taken, for at least its lock"(
    world,
    { before },
  ) {
    if (!isShaken(world, before)) return;
    const { market, court } = world.contracts;
    const challenged = world.jobs.flatMap(({ id, request }) => {
      const { status, claimId = "", lock = 0n } = world.view.requests.get(id) ?? {};
      return status === CHALLENGED ? [{ id, lock, values: [request, claimId, court.target] }] : [];
    });
    yield* tried(challenged, await asIf(world, market, addressOf(court), "convict", challenged));
  },

  *"I-09 events alone rebuild stakes, locks, exits, credits and states"({ view, ledger, cases }) {
    const compare = function* (what: string, actual: bigint, rebuilt = 0n) {
      if (actual !== rebuilt) yield `${what}: ${actual}, events say ${rebuilt}`;
    };
    for (const [address, operator] of view.operators) {
      const account = ledger.account(address);
      yield* compare(`stake of ${address}`, operator.stake, account.stake);
      yield* compare(`locks of ${address}`, operator.locked, account.locked);
      yield* compare(`status of ${address}`, operator.status, account.status);
      yield* compare(`number of locks of ${address}`, operator.open, account.open);
      yield* compare(`penalties owed by ${address}`, operator.owed, account.owed);
      for (const [slot, { amount }] of operator.exits.entries()) {
        yield* compare(`exit ${slot} of ${address}`, amount, account.exits[slot]?.amount);
      }
    }
    for (const name of ["market", "court"] as const) {
      for (const [address, credit] of view.credits[name]) {
        yield* compare(`credit of ${address} at the ${name}`, credit, ledger.credits[name].get(address));
      }
    }
    for (const [id, { status }] of view.requests) yield* compare(`state of ${id}`, status, ledger.job(id).status);
    for (const { claimId } of cases) {
      const { status = 0n, demands = 0n, openDemands = 0n } = view.disputes.get(claimId) ?? {};
      const rebuilt = ledger.case(claimId);
      yield* compare(`dispute of ${claimId}`, status, rebuilt.status);
      yield* compare(`demands on ${claimId}`, demands, rebuilt.demands);
      yield* compare(`open demands on ${claimId}`, openDemands, rebuilt.demands - rebuilt.answers);
    }
  },

  *"I-11 no wei is made or lost: the supply stays with its holders"({ view }, { before }) {
    const held = sum(view.balances.values());
    if (held !== view.supply || view.supply !== before.supply)
      yield `${held} of ${view.supply}, before ${before.supply}`;
  },

  async *"I-12 every lock could be slashed for all of it, whatever its operator has done"(world, { before }) {
    if (!isShaken(world, before)) return;
    const { staking, market } = world.contracts;
    const { view, people } = world;
    const now = view.time;
    const of = (rows: Iterable<readonly [string, bigint]>) =>
      [...rows].flatMap(([id, lock]) =>
        lock > 0n ? [{ id, lock, values: [id, 1, now, ZeroAddress, ZeroAddress] }] : [],
      );
    const requests = of([...view.requests].map(([id, { lock }]) => [id, lock]));
    const locks = of([...view.locks].map(([id, { amount }]) => [id, amount]));
    yield* tried(requests, await asIf(world, staking, addressOf(market), "slash", requests));
    yield* tried(locks, await asIf(world, staking, people.manager.address, "slash", locks));
  },

  *"I-13 the court holds exactly its credits and the bonds of disputes and demands that are not settled"({
    view,
    contracts,
    terms,
  }) {
    let owed = sum(view.credits.court.values());
    for (const [claimId, { status, termsId, demands }] of view.disputes) {
      const { challengeBond, demandBond } = terms[termsId] ?? COURT_TERMS;
      if (status === 1n || status === 2n) owed += challengeBond + demands * demandBond;
      const kept = (view.demands.get(claimId) ?? []).filter(({ demander }) => demander !== ZeroAddress).length;
      if (status === 4n) owed += BigInt(kept) * demandBond;
    }
    const held = view.balances.get(addressOf(contracts.court));
    if (owed !== held) yield `owes ${owed}, holds ${held}`;
  },

  *"I-14 deadlines of disputes and demands, and terms of the court, never change once they are set"(
    { view },
    { before },
  ) {
    for (const [claimId, then] of before.disputes) {
      const now = view.disputes.get(claimId);
      const pairs = (["traceUntil", "demandUntil", "end", "termsId"] as const).map(
        (key) => [key, then[key], now?.[key]] as const,
      );
      for (const [key, was, is] of pairs)
        if (was !== 0 && was !== is) yield `${short(claimId)}: ${key} ${was}, now ${is}`;
      for (const [i, was] of (before.demands.get(claimId) ?? []).entries()) {
        const is = view.demands.get(claimId)?.[i]?.answerUntil;
        const reclaimed = now?.status === 4n && is === 0;
        if (was.answerUntil !== is && !reclaimed && was.answerUntil !== 0) yield `${short(claimId)}: demand ${i} moved`;
      }
    }
    for (const [i, terms] of before.terms.entries()) if (view.terms[i] !== terms) yield `terms ${i} changed`;
  },

  *"I-15 the market's clock never runs back, never faster than time, and stands still in a pause"(
    { view },
    { before },
  ) {
    const [seconds, passed] = [view.clock - before.clock, view.time - before.time];
    if (seconds < 0 || seconds > passed) yield `${seconds} in ${passed} seconds`;
    if (before.paused && view.paused && seconds !== 0) yield `${seconds} in a pause`;
  },

  *"I-16 what a version is never changes, and its standing only falls"({ view }, { before }) {
    for (const [id, then] of before.versions) {
      const now = view.versions.get(id);
      if (now?.facts !== then.facts || now.status < then.status) yield `${id}: ${then.status} to ${now?.status}`;
    }
  },

  *"I-17 the number of a version's holders is that of the operators with weight from the next epoch on"({ view, ledger }) {
    for (const [id, { holders }] of view.versions) {
      const counted = ledger.pool(id).holdersAt(Infinity);
      if (BigInt(counted) !== holders) yield `${short(id)}: ${holders}, events say ${counted}`;
    }
  },

  *"I-18 nobody loses tokens, stake or credit but by their own move, a slash or a withdrawal to them"(
    { view, ledger },
    { before, move },
  ) {
    const penalties = ["staking.Slashed", "staking.DrawMissed", "staking.OwedTaken"];
    const slashed = new Set(
      ledger.latest.filter(({ name }) => penalties.includes(name)).map(({ args }) => String(args.operator)),
    );
    const paying = new Set([
      ...["market.request", "market.requestWithPermit", "staking.deposit", "staking.depositWithPermit"],
      ...["court.challenge", "court.demandTrace", "court.demandTensor", "market.deposit", "court.deposit"],
    ]);
    const total = (at: View, address: string): bigint => {
      const { stake = 0n, exits = [] } = at.operators.get(address) ?? {};
      const owed = (at.credits.market.get(address) ?? 0n) + (at.credits.court.get(address) ?? 0n);
      return (at.balances.get(address) ?? 0n) + stake + sum(exits.map(({ amount }) => amount)) + owed;
    };
    for (const address of before.credits.market.keys()) {
      const lost = total(before, address) - total(view, address);
      if (lost > 0n && !paying.has(move) && !slashed.has(address)) yield `${address} lost ${lost} by ${move}`;
    }
  },
};

/** Whether anything changed that a verdict could depend on. */
const isShaken = ({ view }: World, before: View): boolean =>
  view.operators !== before.operators ||
  view.requests !== before.requests ||
  view.locks !== before.locks ||
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
  const [returned] = prober.interface.decodeFunctionResult("probe", answer) as unknown as [bigint[]];
  return [...returned].map((amount) => (amount === REFUSED ? undefined : amount));
}
