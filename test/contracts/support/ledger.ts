import type { Provider } from "ethers";

import type { Opened, Protocol, Signer } from "./protocol.ts";

interface Account {
  stake: bigint;
  locked: bigint;
  status: bigint;
  /** By slot; a slot that was never used is a hole. */
  readonly exits: ({ amount: bigint; releaseAt: bigint } | undefined)[];
}

const zero = 0n;

/** The state of staking and market, rebuilt from their events alone. */
export class Ledger {
  readonly #staking: Protocol["staking"];
  readonly #market: Protocol["market"];
  readonly #accounts = new Map<string, Account>();
  readonly #credits = new Map<string, bigint>();
  readonly #states = new Map<string, bigint>();
  readonly #locks = new Map<string, bigint>();
  readonly #pending: bigint[] = [];
  #block = 0;
  /** Slashes whose shares do not add up, or whose accuser got more than half. */
  readonly badSplits: string[] = [];

  constructor(staking: Protocol["staking"], market: Protocol["market"]) {
    this.#staking = staking;
    this.#market = market;
  }

  /** Reads the blocks since the last call. */
  async readOn(provider: Provider): Promise<void> {
    const to = await provider.getBlockNumber();
    if (to < this.#block) return;
    const address = [await this.#staking.getAddress(), await this.#market.getAddress()];
    for (const log of await provider.getLogs({ address, fromBlock: this.#block, toBlock: to })) {
      const contract = log.address === address[0] ? this.#staking : this.#market;
      const parsed = contract.interface.parseLog({ topics: [...log.topics], data: log.data });
      const block = log.blockNumber;
      if (parsed !== null) {
        const time = BigInt((await provider.getBlock(block))?.timestamp ?? 0);
        this.#apply(parsed.name, parsed.args.toObject(), time);
      }
    }
    this.#block = to + 1;
  }

  /** What the contracts say otherwise than the events. */
  async differences(operators: readonly Signer[], requests: readonly Opened[]): Promise<string[]> {
    const found: string[] = [];
    const compare = (what: string, actual: bigint, rebuilt: bigint) => {
      if (actual !== rebuilt) found.push(`${what}: ${actual}, events say ${rebuilt}`);
    };
    for (const { address } of operators) {
      const account = this.#account(address);
      const { stake, locked, status } = await this.#staking.operatorOf(address);
      compare(`stake of ${address}`, stake, account.stake);
      compare(`locks of ${address}`, locked, account.locked);
      compare(`status of ${address}`, status, account.status);
      for (const [slot, exit] of (await this.#staking.unbondingOf(address)).entries()) {
        compare(`exit ${slot} of ${address}`, exit.amount, account.exits[slot]?.amount ?? zero);
      }
      compare(`credit of ${address}`, await this.#market.creditOf(address), this.#credits.get(address) ?? zero);
    }
    for (const { id } of requests) {
      compare(`state of ${id}`, (await this.#market.stateOf(id)).status, this.#states.get(id) ?? zero);
    }
    return found;
  }

  #account(operator: string): Account {
    const known = this.#accounts.get(operator);
    if (known !== undefined) return known;
    const account: Account = { stake: zero, locked: zero, status: zero, exits: [] };
    this.#accounts.set(operator, account);
    return account;
  }

  #apply(name: string, args: Readonly<Record<string, unknown>>, time: bigint): void {
    const text = (key: string): string => String(args[key]);
    const amount = (key = "amount"): bigint => BigInt(text(key));
    const account = this.#account(text("operator"));
    const state = (status: bigint): unknown => this.#states.set(text("requestId"), status);
    switch (name) {
      case "Deposited":
        account.stake += amount();
        if (account.status === zero) account.status = 1n;
        break;
      case "UnbondingQueued":
        account.stake -= amount();
        account.exits[Number(amount("position"))] = { amount: amount(), releaseAt: amount("releaseAt") };
        break;
      case "Withdrawn":
        account.exits[Number(amount("position"))] = { amount: zero, releaseAt: zero };
        break;
      case "Locked":
        account.locked += amount();
        this.#locks.set(text("lockId"), amount());
        break;
      case "Released":
        account.locked -= amount();
        break;
      case "Slashed": {
        // A slash frees what it does not take of its lock.
        account.locked -= this.#locks.get(text("lockId")) ?? zero;
        account.stake -= amount("fromLock") + amount("fromFree");
        let left = amount("fromUnbonding");
        for (const exit of account.exits) {
          if (exit === undefined || exit.releaseAt <= time) continue;
          const part = left < exit.amount ? left : exit.amount;
          exit.amount -= part;
          left -= part;
        }
        this.#pending.push(amount("fromLock") + amount("fromFree") + amount("fromUnbonding"));
        break;
      }
      case "PayoutMarked": {
        const [accuser = zero, harmed = zero, sink = zero] = text("amounts").split(",").map(BigInt);
        const taken = this.#pending.pop() ?? zero;
        if (accuser + harmed + sink !== taken || 2n * accuser > taken) {
          this.badSplits.push(`${accuser} + ${harmed} + ${sink} of ${taken}`);
        }
        break;
      }
      case "Jailed":
        account.status = 2n;
        break;
      case "Unjailed":
        account.status = 1n;
        break;
      case "Tombstoned":
        account.status = 3n;
        break;
      case "Credited":
        this.#credits.set(text("account"), (this.#credits.get(text("account")) ?? zero) + amount());
        break;
      case "CreditWithdrawn":
        this.#credits.set(text("account"), (this.#credits.get(text("account")) ?? zero) - amount());
        break;
      case "RequestOpened":
        state(1n);
        break;
      case "RequestAssigned":
      case "InputAnswered":
        state(2n);
        break;
      case "InputDemanded":
        state(3n);
        break;
      case "Claimed":
      case "ClaimUpheld":
        state(4n);
        break;
      case "ClaimChallenged":
        state(5n);
        break;
      case "RequestSettled":
        state(amount("status"));
        break;
      default:
        // Everything else (keys, endpoints, opt-ins, draws, pauses) is no money and no state of a request.
        break;
    }
  }
}
