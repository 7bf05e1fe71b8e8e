import { type Interface, ZeroAddress } from "ethers";

import { STAKING } from "../protocol.ts";
import type { Log } from "./chain.ts";
import { PlainPool, type PlainTerms } from "./plain-pools.ts";

/*
 * The state of staking, pools, market and court, rebuilt from their events alone.
 */

export interface Account {
  stake: bigint;
  locked: bigint;
  /** Number of its locks. */
  open: bigint;
  status: bigint;
  jailedUntil: number;
  owed: bigint;
  agent: string;
  /** By slot; a slot that was never used is a hole. */
  readonly exits: ({ amount: bigint; releaseAt: number } | undefined)[];
  readonly keys: { readonly key: string; readonly activeFrom: number }[];
  /** By version: number of its place. */
  readonly places: Map<string, number>;
  /** Versions it answers for. */
  readonly memberships: Set<string>;
}

export interface JobRecord {
  status: bigint;
  /** The draw that was committed last. */
  ticket: number;
  epoch: number;
  committed: boolean;
  /** Whether its operator demanded its input. */
  demanded: boolean;
  /** Operators that it was taken from, because they did not claim in time. */
  readonly missed: string[];
  /** Who claimed; zero before. */
  claimedBy: string;
  /** Callbacks, by stage. */
  readonly callbacks: number[];
}

interface AuditRecord {
  status: bigint;
  /** Rewards that were paid. */
  rewards: number;
}

interface CaseRecord {
  status: bigint;
  demands: bigint;
  answers: bigint;
}

/** Who keeps credits. */
export type Creditor = "market" | "court" | "staking" | "availability" | "desk";

/** A demand for a chunk of a committed input. */
export interface DataDemand {
  readonly requestId: string;
  readonly chunk: number;
  readonly demander: string;
  /** In the market's time. */
  readonly until: number;
  shown: boolean;
  /** Whether its bond went back to its demander; no event says so. */
  returned: boolean;
}

export type Args = Readonly<Record<string, unknown>>;

/** An event of one of the contracts: `contract.Event` and its arguments. */
export interface Event {
  readonly name: string;
  readonly args: Args;
}

interface Source {
  readonly target: unknown;
  readonly interface: Interface;
}

const zero = 0n;

export class Ledger {
  readonly #sources: ReadonlyMap<string, { readonly name: string; readonly interface: Interface }>;
  readonly accounts = new Map<string, Account>();
  readonly pools = new Map<string, PlainPool>();
  /** Money that each of them owes. */
  readonly credits = {
    ...{ market: new Map<string, bigint>(), court: new Map<string, bigint>(), staking: new Map<string, bigint>() },
    ...{ availability: new Map<string, bigint>(), desk: new Map<string, bigint>() },
  };
  /** What was credited to whom, by who owes it and the cause: a request, a claim or a lock. */
  readonly causes = new Map<string, Map<string, bigint>>();
  readonly jobs = new Map<string, JobRecord>();
  readonly cases = new Map<string, CaseRecord>();
  readonly audits = new Map<string, AuditRecord>();
  readonly data: DataDemand[] = [];
  /** Events of each kind, by `contract.Event`. */
  readonly counts = new Map<string, number>();
  /** Stake that was slashed for fraud, by period of unbonding. */
  readonly slashedIn = new Map<number, bigint>();
  /** Events since the last reading. */
  latest: readonly Event[] = [];
  readonly #locks = new Map<string, bigint>();
  #payer = "";

  constructor(contracts: Readonly<Record<string, Source>>) {
    this.#sources = new Map(
      Object.entries(contracts).map(([name, { target, interface: abi }]) => [
        (target as string).toLowerCase(),
        { name, interface: abi },
      ]),
    );
  }

  /** Takes in what the contracts said; `time` is that of the block, `payer` who sent the transaction. */
  read(logs: readonly Log[], time: number, payer: string): void {
    this.#payer = payer;
    const events: Event[] = [];
    for (const log of logs) {
      const source = this.#sources.get(log.address.toLowerCase());
      const parsed = source?.interface.parseLog({ topics: [...log.topics], data: log.data });
      if (source === undefined || !parsed) continue;
      const event = { name: `${source.name}.${parsed.name}`, args: parsed.args.toObject(true) };
      events.push(event);
      this.counts.set(event.name, (this.counts.get(event.name) ?? 0) + 1);
      this.#apply(event, time);
    }
    this.latest = events;
  }

  account(operator: string): Account {
    return entry(this.accounts, operator, () => ({
      ...{ stake: zero, locked: zero, open: zero, status: zero, jailedUntil: 0, owed: zero, agent: ZeroAddress },
      ...{ exits: [], keys: [], places: new Map<string, number>(), memberships: new Set<string>() },
    }));
  }

  pool(versionId: string): PlainPool {
    return entry(this.pools, versionId, () => new PlainPool());
  }

  job(requestId: string): JobRecord {
    const make = (): JobRecord => ({
      ...{
        status: zero,
        ticket: 0,
        epoch: 0,
        committed: false,
        demanded: false,
        missed: [],
        claimedBy: ZeroAddress,
        callbacks: [0, 0, 0, 0],
      },
    });
    return entry(this.jobs, requestId, make);
  }

  case(claimId: string): CaseRecord {
    return entry(this.cases, claimId, () => ({ status: zero, demands: zero, answers: zero }));
  }

  audit(claimId: string): AuditRecord {
    return entry(this.audits, claimId, () => ({ status: zero, rewards: 0 }));
  }

  /** Credited for a cause so far, by account. */
  creditedFor(of: Creditor, cause: string): ReadonlyMap<string, bigint> {
    return this.causes.get(`${of} ${cause}`) ?? new Map<string, bigint>();
  }

  #apply({ name, args }: Event, time: number): void {
    if (name.startsWith("staking.")) this.#applyStake(name, args, time);
    else if (name.startsWith("pools.")) this.#applyPlace(name, args);
    else if (name.startsWith("market.")) this.#applyRequest(name, args);
    else if (name.startsWith("court.")) this.#applyDispute(name, args);
    else if (name.startsWith("availability.")) this.#applyData(name, args);
    else if (name.startsWith("desk.")) this.#applyAudit(name, args);
  }

  #applyAudit(event: string, args: Args): void {
    if (this.#applyCredit("desk", event, args) || args.claimId === undefined) return;
    const audit = this.audit(text(args, "claimId"));
    const statuses: Readonly<Record<string, bigint>> = {
      ...{ "desk.AuditBegun": 1n, "desk.AuditCommitted": 2n, "desk.AuditLapsed": zero, "desk.AuditSettled": 3n },
    };
    audit.status = statuses[event] ?? audit.status;
    if (event === "desk.AuditSettled" && amount(args, "reward") > zero) audit.rewards++;
  }

  #applyStake(event: string, args: Args, time: number): void {
    if (this.#applyCredit("staking", event, args)) return;
    if (args.operator === undefined) return;
    const account = this.account(text(args, "operator"));
    const position = Number(args.position);
    switch (event) {
      case "staking.Deposited":
        account.stake += amount(args);
        if (account.status === zero) account.status = 1n;
        break;
      case "staking.UnbondingQueued":
        account.stake -= amount(args);
        account.exits[position] = { amount: amount(args), releaseAt: Number(args.releaseAt) };
        break;
      case "staking.UnbondingCompleted":
        account.exits[position] = undefined;
        break;
      case "staking.SigningKeyRotated":
        account.keys.push({ key: text(args, "key"), activeFrom: Number(args.activeFrom) });
        break;
      case "staking.AgentSet":
        account.agent = text(args, "agent");
        break;
      case "staking.Locked":
        account.locked += amount(args);
        account.open++;
        this.#locks.set(lockKey(args), amount(args));
        break;
      case "staking.DrawMissed":
        account.stake -= amount(args, "penalty");
        break;
      case "staking.Released":
        account.locked -= amount(args);
        account.open--;
        break;
      case "staking.PenaltyOwed":
        account.owed = amount(args, "owed");
        break;
      case "staking.OwedTaken":
        account.stake -= amount(args);
        account.owed = amount(args, "owed");
        break;
      case "staking.Slashed":
        this.#slash(account, args, time);
        break;
      case "staking.Jailed":
        account.status = 2n;
        account.jailedUntil = Number(args.until);
        break;
      case "staking.Unjailed":
        account.status = 1n;
        break;
      case "staking.Tombstoned":
        account.status = 3n;
        break;
      default:
        // Endpoints, managers, payments: neither an operator's stake nor its standing.
        break;
    }
  }

  /** A slash frees what it does not take of its lock. */
  #slash(account: Account, args: Args, time: number): void {
    const lock = this.#locks.get(lockKey(args)) ?? zero;
    account.locked -= lock;
    account.open--;
    account.stake -= amount(args, "fromLock") + amount(args, "fromFree");
    let left = amount(args, "fromUnbonding");
    if (amount(args, "fault") === 1n) {
      const period = Math.floor(time / STAKING.unbondingSeconds);
      const taken = amount(args, "fromLock") + amount(args, "fromFree") + left;
      this.slashedIn.set(period, (this.slashedIn.get(period) ?? zero) + taken);
    }
    for (const exit of account.exits) {
      if (exit === undefined || exit.releaseAt <= time) continue;
      const part = left < exit.amount ? left : exit.amount;
      exit.amount -= part;
      left -= part;
    }
  }

  /** The size of a lock that was made, also after its end. */
  lockOf(manager: string, lockId: string): bigint {
    return this.#locks.get(`${manager} ${lockId}`) ?? zero;
  }

  #applyPlace(event: string, args: Args): void {
    const [operator, versionId] = [text(args, "operator"), text(args, "versionId")];
    const [account, pool] = [this.account(operator), this.pool(versionId)];
    const epoch = Number(args.fromEpoch);
    switch (event) {
      case "pools.OptedIn":
        pool.take(Number(args.place), operator);
        account.places.set(versionId, Number(args.place));
        account.memberships.add(versionId);
        break;
      case "pools.OptedOut":
        account.memberships.delete(versionId);
        break;
      case "pools.TermsSet":
        pool.setTerms(operator, args.terms as PlainTerms, epoch);
        break;
      case "pools.Weighed":
        pool.setWeight(operator, amount(args, "weight"), epoch);
        break;
      default:
        break;
    }
  }

  #applyRequest(event: string, args: Args): void {
    if (this.#applyCredit("market", event, args) || args.requestId === undefined) return;
    const job = this.job(text(args, "requestId"));
    switch (event) {
      case "market.RequestOpened":
        job.status = 1n;
        this.#charge((args.request as { readonly fee: bigint }).fee);
        break;
      case "market.DrawCommitted":
        [job.ticket, job.epoch, job.committed] = [Number(args.ticket), Number(args.epoch), true];
        break;
      case "market.RequestReopened":
        job.status = 1n;
        job.missed.push(text(args, "operator"));
        job.demanded = false;
        break;
      case "market.ClaimPostponed":
        job.demanded = true;
        break;
      case "market.RequestAssigned":
        [job.status, job.committed] = [2n, false];
        break;
      case "market.Claimed":
        [job.status, job.claimedBy] = [3n, text(args, "operator")];
        break;
      case "market.ClaimUpheld":
        job.status = 3n;
        break;
      case "market.ClaimChallenged":
        job.status = 4n;
        break;
      case "market.RequestSettled":
        [job.status, job.committed] = [amount(args, "status"), false];
        break;
      case "market.CallbackDone": {
        const stage = Number(args.stage);
        job.callbacks[stage] = (job.callbacks[stage] ?? 0) + 1;
        break;
      }
      default:
        // Pauses and the court's name are no state of a request.
        break;
    }
  }

  #applyCredit(of: Creditor, event: string, args: Args): boolean {
    const [kind] = event.split(".").slice(1);
    const row = this.credits[of];
    if (kind === "Credited") {
      const [account, cause] = [text(args, "account"), text(args, "cause")];
      add(row, account, amount(args));
      add(
        entry(this.causes, `${of} ${cause}`, () => new Map<string, bigint>()),
        account,
        amount(args),
      );
    } else if (kind === "CreditDeposited") add(row, text(args, "account"), amount(args));
    else if (kind === "CreditWithdrawn") add(row, text(args, "account"), -amount(args));
    else return false;
    return true;
  }

  /** A payment is taken from credit that covers it, otherwise from tokens. No event says so, nor whose credit it was. */
  #charge(fee: bigint): void {
    this.charge("market", fee);
  }

  /** Whoever sent the last transaction was charged. */
  charge(of: Creditor, amount: bigint): void {
    const credit = this.credits[of].get(this.#payer) ?? zero;
    if (amount > zero && credit >= amount) this.credits[of].set(this.#payer, credit - amount);
  }

  #applyData(event: string, args: Args): void {
    if (this.#applyCredit("availability", event, args)) return;
    const [requestId, chunk] = [text(args, "id"), Number(args.chunk)];
    if (event === "availability.DataDemanded") {
      const [demander, until] = [text(args, "demander"), Number(args.answerUntil)];
      this.data.push({ requestId, chunk, demander, until, shown: false, returned: false });
    }
    const known = this.data.find((it) => it.requestId === requestId && it.chunk === chunk);
    if (event === "availability.DataShown" && known !== undefined) known.shown = true;
  }

  #applyDispute(event: string, args: Args): void {
    if (this.#applyCredit("court", event, args) || args.claimId === undefined) return;
    const dispute = this.case(text(args, "claimId"));
    switch (event) {
      case "court.Challenged":
        dispute.status = 1n;
        break;
      case "court.TraceCommitted":
        dispute.status = 2n;
        break;
      case "court.Upheld":
        dispute.status = 3n;
        break;
      case "court.Convicted":
        dispute.status = 4n;
        break;
      case "court.Demanded":
        dispute.demands++;
        break;
      case "court.Answered":
        dispute.answers++;
        break;
      default:
        // Accusations, replays and terms change no dispute's standing.
        break;
    }
  }
}

export const text = (args: Args, key: string): string => String(args[key]);
export const amount = (args: Args, key = "amount"): bigint => BigInt(text(args, key));
const lockKey = (args: Args): string => `${text(args, "manager")} ${text(args, "lockId")}`;
const add = (row: Map<string, bigint>, key: string, by: bigint): unknown => row.set(key, (row.get(key) ?? zero) + by);

function entry<T>(row: Map<string, T>, key: string, make: () => T): T {
  const known = row.get(key);
  if (known !== undefined) return known;
  const made = make();
  row.set(key, made);
  return made;
}
