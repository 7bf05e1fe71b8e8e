import type { Provider } from "ethers";

import type { Contracts } from "./fuzz/world.ts";

interface Account {
  stake: bigint;
  locked: bigint;
  status: bigint;
  jailedUntil: number;
  /** By slot; a slot that was never used is a hole. */
  readonly exits: ({ amount: bigint; releaseAt: number } | undefined)[];
  readonly keys: { readonly key: string; readonly activeFrom: number }[];
  /** By version: undefined while opted in, else the last block. */
  readonly memberships: Map<string, number | undefined>;
}

interface Job {
  status: bigint;
  ticket: number;
  chunk: number;
}

interface Case {
  status: bigint;
  demands: bigint;
  answers: bigint;
}

type Args = Readonly<Record<string, unknown>>;

const zero = 0n;

/** The state of staking, market and court, rebuilt from their events alone. */
export class Ledger {
  readonly #contracts: Contracts;
  readonly accounts = new Map<string, Account>();
  /** Money that the market, and the court, owe. */
  readonly credits = { market: new Map<string, bigint>(), court: new Map<string, bigint>() };
  readonly jobs = new Map<string, Job>();
  readonly cases = new Map<string, Case>();
  /** Operators that were drawn, in order, with their status just before. */
  readonly draws: { readonly operator: string; readonly status: bigint }[] = [];
  /** Slashes, in order. */
  readonly slashes: { readonly operator: string; readonly taken: bigint }[] = [];
  /** Slashes whose shares do not add up, or whose accuser got more than half. */
  readonly badSplits: string[] = [];
  /** Events of each kind, by `contract.Event`. */
  readonly counts = new Map<string, number>();
  readonly #locks = new Map<string, bigint>();
  readonly #pending: bigint[] = [];
  #block = 0;

  constructor(contracts: Contracts) {
    this.#contracts = contracts;
  }

  /** Reads the blocks since the last call. */
  async readOn(provider: Provider): Promise<void> {
    const to = await provider.getBlockNumber();
    if (to < this.#block) return;
    const { staking, market, court } = this.#contracts;
    const sources = Object.entries({ staking, market, court });
    const address = sources.map(([, { target }]) => target as string);
    const times = new Map<number, number>();
    for (const log of await provider.getLogs({ address, fromBlock: this.#block, toBlock: to })) {
      const [name, contract] = sources.find(([, { target }]) => target === log.address) ?? [];
      const parsed = contract?.interface.parseLog({ topics: [...log.topics], data: log.data });
      if (name === undefined || !parsed) continue;
      const time = times.get(log.blockNumber) ?? (await provider.getBlock(log.blockNumber))?.timestamp ?? 0;
      times.set(log.blockNumber, time);
      const event = `${name}.${parsed.name}`;
      this.counts.set(event, (this.counts.get(event) ?? 0) + 1);
      this.#apply(event, parsed.args.toObject(), time);
    }
    this.#block = to + 1;
  }

  account(operator: string): Account {
    const account = { stake: zero, locked: zero, status: zero, jailedUntil: 0, exits: [], keys: [] };
    return entry(this.accounts, operator, () => ({ ...account, memberships: new Map<string, number | undefined>() }));
  }

  job(requestId: string): Job {
    return entry(this.jobs, requestId, () => ({ status: zero, ticket: 0, chunk: 0 }));
  }

  case(claimId: string): Case {
    return entry(this.cases, claimId, () => ({ status: zero, demands: zero, answers: zero }));
  }

  #apply(event: string, args: Args, time: number): void {
    if (event.startsWith("staking.")) this.#applyStake(event, args, time);
    else if (event.startsWith("market.")) this.#applyRequest(event, args);
    else this.#applyDispute(event, args);
  }

  #applyStake(event: string, args: Args, time: number): void {
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
      case "staking.Withdrawn":
        account.exits[position] = undefined;
        break;
      case "staking.SigningKeyRotated":
        account.keys.push({ key: text(args, "key"), activeFrom: Number(args.activeFrom) });
        break;
      case "staking.OptedIn":
        account.memberships.set(text(args, "versionId"), undefined);
        break;
      case "staking.OptedOut":
        account.memberships.set(text(args, "versionId"), Number(args.lastBlock));
        break;
      case "staking.Locked":
        this.draws.push({ operator: text(args, "operator"), status: account.status });
        account.locked += amount(args);
        this.#locks.set(lockKey(args), amount(args));
        break;
      case "staking.Released":
        account.locked -= amount(args);
        break;
      case "staking.Slashed":
        this.#slash(account, args, time);
        break;
      case "staking.PayoutMarked": {
        const [accuser = zero, harmed = zero, sink = zero] = text(args, "amounts").split(",").map(BigInt);
        const taken = this.#pending.pop() ?? zero;
        if (accuser + harmed + sink !== taken || 2n * accuser > taken) {
          this.badSplits.push(`${accuser} + ${harmed} + ${sink} of ${taken}`);
        }
        break;
      }
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
    account.stake -= amount(args, "fromLock") + amount(args, "fromFree");
    let left = amount(args, "fromUnbonding");
    for (const exit of account.exits) {
      if (exit === undefined || exit.releaseAt <= time) continue;
      const part = left < exit.amount ? left : exit.amount;
      exit.amount -= part;
      left -= part;
    }
    const taken = amount(args, "fromLock") + amount(args, "fromFree") + amount(args, "fromUnbonding");
    this.slashes.push({ operator: text(args, "operator"), taken });
    if (taken !== zero) this.#pending.push(taken);
  }

  #applyRequest(event: string, args: Args): void {
    const job = this.job(text(args, "requestId"));
    switch (event) {
      case "market.Credited":
        add(this.credits.market, text(args, "account"), amount(args));
        break;
      case "market.CreditWithdrawn":
        add(this.credits.market, text(args, "account"), -amount(args));
        break;
      case "market.RequestOpened":
        job.status = 1n;
        break;
      case "market.DrawCommitted":
        job.ticket = Number(args.ticket);
        break;
      case "market.RequestAssigned":
        job.status = 2n;
        break;
      case "market.InputAnswered":
        job.status = 2n;
        job.chunk++;
        break;
      case "market.InputDemanded":
        job.status = 3n;
        break;
      case "market.Claimed":
      case "market.ClaimUpheld":
        job.status = 4n;
        break;
      case "market.ClaimChallenged":
        job.status = 5n;
        break;
      case "market.RequestSettled":
        job.status = amount(args, "status");
        break;
      default:
        // Pauses, callbacks and the court's name are no state of a request.
        break;
    }
  }

  #applyDispute(event: string, args: Args): void {
    const dispute = this.case(text(args, "claimId"));
    switch (event) {
      case "court.Credited":
        add(this.credits.court, text(args, "account"), amount(args));
        break;
      case "court.CreditWithdrawn":
        add(this.credits.court, text(args, "account"), -amount(args));
        break;
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

const text = (args: Args, key: string): string => String(args[key]);
const amount = (args: Args, key = "amount"): bigint => BigInt(text(args, key));
const lockKey = (args: Args): string => `${text(args, "manager")} ${text(args, "lockId")}`;
const add = (row: Map<string, bigint>, key: string, by: bigint): unknown => row.set(key, (row.get(key) ?? zero) + by);

function entry<T>(row: Map<string, T>, key: string, make: () => T): T {
  const known = row.get(key);
  if (known !== undefined) return known;
  const made = make();
  row.set(key, made);
  return made;
}
