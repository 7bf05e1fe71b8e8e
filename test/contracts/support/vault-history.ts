import { id, parseEther } from "ethers";

import { createRandom, type Random } from "../../../runner/machine/prng.ts";
import { FAULT, OPERATOR_STATUS } from "../../../runner/protocol/enums.ts";
import type { Signer } from "./protocol.ts";
import { VaultModel } from "./vault-model.ts";
import { PERIOD, VIRTUAL_SHARES, ethers, networkHelpers, type VaultProtocol } from "./vault.ts";

const zero = 0n;
const HOUR = 3_600;
const DAY = 24 * HOUR;

interface Call {
  readonly target: { readonly target: unknown };
  readonly data: string;
}

/** What a history did, by name of the move. */
export type Tally = Map<string, number>;

/** Something that a vault must never do. */
export class Wrong extends Error {}

/**
 * One random history of a vault, played on chain and in the model. After every move all that both know is compared, and
 * what must hold without any model is checked: no move but a slash lowers the price, nobody gets more than its part of a
 * batch, and no batch more than its part of the assets.
 */
export class History {
  readonly model = new VaultModel();
  readonly story: string[] = [];
  /** What stayed when a vault had wound down and the last shares were settled. */
  remainder: bigint | undefined;
  readonly #protocol: VaultProtocol;
  readonly #random: Random;
  readonly #tally: Tally;
  readonly #reader: Awaited<ReturnType<typeof deployReader>>;
  readonly #holders: readonly Signer[];
  /** What each holder put in and took out. */
  readonly #flows = new Map<string, { paidIn: bigint; paidOut: bigint }>();
  #now = 0;
  #locks = 0;
  #settledSeen = 0;
  #priceBefore: { assets: bigint; shares: bigint } = { assets: zero, shares: zero };
  readonly #closings = new Map<number, { assets: bigint; shares: bigint }>();

  constructor(protocol: VaultProtocol, reader: Awaited<ReturnType<typeof deployReader>>, seed: number, tally: Tally) {
    this.#protocol = protocol;
    this.#reader = reader;
    this.#random = createRandom(seed);
    this.#tally = tally;
    this.#holders = [protocol.alice, protocol.bob, protocol.carol, protocol.accuser];
    for (const { address } of this.#holders) this.#flows.set(address, { paidIn: zero, paidOut: zero });
  }

  // ---------------------------------------------------------------------------------------------- running

  async start(): Promise<void> {
    const { token, vault, accuser } = this.#protocol;
    await token.connect(accuser).approve(vault, parseEther("100000"));
    this.#now = await networkHelpers.time.latest();
    await this.#play("deposit", () => this.#deposit());
  }

  async walk(steps: number): Promise<void> {
    const moves: readonly (readonly [number, string, () => Promise<boolean>])[] = [
      [14, "deposit", () => this.#deposit()],
      [6, "mint", () => this.#mint()],
      [18, "request", () => this.#request()],
      [10, "redeem", () => this.#redeem()],
      [20, "withdraw", () => this.#withdraw()],
      [8, "transfer", () => this.#transfer()],
      [12, "earn", () => this.#earn()],
      [24, "sync", () => this.#sync()],
      [12, "lock", () => this.#lock()],
      [8, "release", () => this.#release()],
      [5, "liveness", () => this.#slash("liveness")],
      [3, "fraud", () => this.#slash("fraud")],
      [3, "commission", () => this.#announce()],
      [3, "payCommission", () => this.#payCommission()],
      [14, "strangerWithdraws", () => this.#strangerWithdraws()],
    ];
    const total = moves.reduce((sum, [weight]) => sum + weight, 0);
    for (let step = 0; step < steps; step++) {
      let point = this.#random.below(total);
      const found = moves.find(([weight]) => (point -= weight) < 0);
      if (found === undefined) continue;
      await this.#play(found[1], found[2]);
    }
  }

  /** Everybody leaves. */
  async end(): Promise<void> {
    while (this.model.stake.locks.size !== 0) await this.#play("release", () => this.#release());
    for (const holder of this.#holders) await this.#play("request", () => this.#request(holder, 1));
    for (let round = 0; round < 24 && this.model.supply + this.model.exiting !== zero; round++) {
      this.#now += PERIOD;
      await this.#play("sync", () => this.#sync());
    }
    for (const holder of this.#holders) await this.#play("redeem", () => this.#redeem(holder, 1));
    const { supply, exiting, reserved, commissionOwed } = this.model;
    this.#require(supply === zero && exiting === zero, `shares stay: ${supply} and ${exiting}`);
    this.#require(reserved === commissionOwed, `claims stay: ${reserved} and ${commissionOwed}`);
  }

  async #play(name: string, move: () => Promise<boolean>): Promise<void> {
    const hours = this.#random.pick([0, 0, 1, 5, 24, 24 * 3, 24 * 8, 24 * 20]);
    this.#now += hours * HOUR + 1 + this.#random.below(HOUR);
    if (!(await move())) return;
    this.#tally.set(name, (this.#tally.get(name) ?? 0) + 1);
    await this.#compare(name);
  }

  /** Sends a transaction at the time of the history. */
  async #send(text: string, send: () => Promise<unknown>): Promise<void> {
    this.story.push(`${this.#now} ${text}`);
    await networkHelpers.time.setNextBlockTimestamp(this.#now);
    try {
      await send();
    } catch (error) {
      throw new Wrong(`${text} reverted: ${String(error)}`);
    }
  }

  #require(condition: boolean, what: string): void {
    if (!condition) throw new Wrong(what);
  }

  #flow(holder: string): { paidIn: bigint; paidOut: bigint } {
    const flow = this.#flows.get(holder);
    if (flow === undefined) throw new Wrong(`${holder} is nobody`);
    return flow;
  }

  /** A part of `whole`: all, very little, or something between. */
  #part(whole: bigint): bigint {
    if (this.#random.chance(0.3)) return whole;
    if (this.#random.chance(0.15)) return whole < 3n ? whole : BigInt(this.#random.between(1, 3));
    return (whole * BigInt(this.#random.between(1, 999))) / 1_000n;
  }

  // ---------------------------------------------------------------------------------------------- moves

  async #deposit(): Promise<boolean> {
    const { vault } = this.#protocol;
    const holder = this.#random.pick(this.#holders);
    const assets = this.#random.chance(0.1)
      ? BigInt(this.#random.between(1, 1_000))
      : parseEther("1") * BigInt(this.#random.between(1, 2_000)) + this.#random.u64();
    if (this.model.retired(this.#now) || this.model.sharesFor(assets, this.#now) === zero) return false;
    const shares = this.model.deposit(holder.address, assets, this.#now);
    this.#flow(holder.address).paidIn += assets;
    await this.#send(`deposit ${assets} for ${shares}`, () => vault.connect(holder).deposit(assets, holder));
    this.#requireWorth(shares, assets);
    return true;
  }

  async #mint(): Promise<boolean> {
    const { vault } = this.#protocol;
    const holder = this.#random.pick(this.#holders);
    const shares = this.model.sharesFor(parseEther("1") * BigInt(this.#random.between(1, 500)), this.#now);
    if (this.model.retired(this.#now) || shares === zero) return false;
    const assets = this.model.mint(holder.address, shares, this.#now);
    this.#flow(holder.address).paidIn += assets;
    await this.#send(`mint ${shares} for ${assets}`, () => vault.connect(holder).mint(shares, holder));
    this.#requireWorth(shares, assets);
    return true;
  }

  /** Who enters cannot leave with more. */
  #requireWorth(shares: bigint, assets: bigint): void {
    const pool = this.model.pool(this.#now);
    this.#require(
      shares * pool.assets <= assets * (pool.shares + VIRTUAL_SHARES),
      `${shares} shares are worth too much`,
    );
  }

  async #request(given?: Signer, whole = 0): Promise<boolean> {
    const { vault } = this.#protocol;
    const holder = given ?? this.#random.pick(this.#holders);
    const balance = this.model.balanceOf(holder.address);
    const shares = whole === 1 ? balance : this.#part(balance);
    if (shares === zero) return false;
    const controller = whole === 1 || this.#random.chance(0.8) ? holder : this.#random.pick(this.#holders);
    this.#noteClosing();
    this.model.request(holder.address, controller.address, shares, this.#now);
    await this.#send(`request ${shares}`, () => vault.connect(holder).requestRedeem(shares, controller, holder));
    return true;
  }

  async #redeem(given?: Signer, whole = 0): Promise<boolean> {
    const { vault } = this.#protocol;
    const holder = given ?? this.#random.pick(this.#holders);
    const most = this.model.claimable(holder.address).reduce((sum, { shares }) => sum + shares, zero);
    const shares = whole === 1 ? most : this.#part(most);
    if (shares === zero) return false;
    this.#flow(holder.address).paidOut += this.model.redeem(holder.address, shares);
    await this.#send(`redeem ${shares}`, () => vault.connect(holder).redeem(shares, holder, holder));
    return true;
  }

  async #withdraw(): Promise<boolean> {
    const { vault } = this.#protocol;
    const holder = this.#random.pick(this.#holders);
    const assets = this.#part(this.model.claimable(holder.address).reduce((sum, row) => sum + row.assets, zero));
    if (assets === zero) return false;
    this.model.withdraw(holder.address, assets);
    this.#flow(holder.address).paidOut += assets;
    await this.#send(`withdraw ${assets}`, () => vault.connect(holder).withdraw(assets, holder, holder));
    return true;
  }

  async #transfer(): Promise<boolean> {
    const { vault } = this.#protocol;
    const [from, to] = [this.#random.pick(this.#holders), this.#random.pick(this.#holders)];
    const shares = this.#part(this.model.balanceOf(from.address));
    if (shares === zero) return false;
    this.model.transfer(from.address, to.address, shares);
    await this.#send(`transfer ${shares}`, () => vault.connect(from).transfer(to, shares));
    return true;
  }

  async #earn(): Promise<boolean> {
    const { token, vault, market, requester } = this.#protocol;
    const much = this.#random.chance(0.2);
    const factor = BigInt(much ? this.#random.between(50, 400) : this.#random.between(1, 20));
    const amount = this.#random.chance(0.2) ? 1n : this.#random.u64() * factor;
    this.model.tokens += amount;
    if (much || this.#random.chance(0.5)) {
      await this.#send(`donate ${amount}`, () => token.mint(vault, amount));
    } else {
      await this.#send(`credit ${amount}`, () => market.connect(requester).deposit(vault, amount));
      this.#now += 1;
      await this.#send("withdraw credit", () => market.withdraw(vault));
    }
    return true;
  }

  async #sync(): Promise<boolean> {
    this.#noteClosing();
    this.model.sync(this.#now);
    await this.#send("sync", () => this.#protocol.vault.sync());
    return true;
  }

  async #lock(): Promise<boolean> {
    const { vault, staking, court, curator } = this.#protocol;
    const { stake } = this.model;
    const amount = this.#part(stake.free);
    if (stake.tombstoned || amount === zero) return false;
    const { status } = await staking.operatorOf(vault);
    if (status === OPERATOR_STATUS.jailed) {
      if (stake.amount < parseEther("1000") || this.#now < (await staking.jailedUntil(vault))) return false;
      await this.#send("unjail", () => vault.connect(curator).unjail());
      this.#now += 1;
    }
    const name = id(`lock ${this.#locks++}`);
    stake.lock(name, amount);
    await this.#send(`lock ${amount}`, () => staking.connect(court).lockDrawn(vault, 0, 1_000, amount, name));
    return true;
  }

  async #release(): Promise<boolean> {
    const { staking, court } = this.#protocol;
    const { stake } = this.model;
    const name = this.#anyLock();
    if (name === undefined) return false;
    stake.release(name);
    const owed = stake.owed;
    stake.collectOwed();
    await this.#send("release", () => staking.connect(court).release(name));
    if (owed !== stake.owed) this.#noteLoss();
    return true;
  }

  async #slash(fault: "liveness" | "fraud"): Promise<boolean> {
    const { staking, court, stranger, requester } = this.#protocol;
    const name = this.#anyLock();
    if (name === undefined) return false;
    this.model.stake.slash(name, fault === "fraud", this.#now);
    await this.#send(fault, () =>
      staking.connect(court).slash(name, FAULT[fault], this.#now - DAY / 2, stranger, requester),
    );
    this.#noteLoss();
    return true;
  }

  async #announce(): Promise<boolean> {
    const { vault, curator } = this.#protocol;
    const bps = BigInt(this.#random.below(2_001));
    this.model.announce(bps, this.#now);
    await this.#send(`commission ${bps}`, () => vault.connect(curator).announceCommission(bps));
    return true;
  }

  async #payCommission(): Promise<boolean> {
    const { vault, curator } = this.#protocol;
    if (this.model.withdrawCommission() === zero) return false;
    await this.#send("pay commission", () => vault.connect(curator).withdrawCommission(curator));
    return true;
  }

  async #strangerWithdraws(): Promise<boolean> {
    const { vault, staking, stranger } = this.#protocol;
    const place = this.model.stake.queue.findIndex(
      ({ amount, releaseAt }) => amount !== zero && releaseAt <= this.#now,
    );
    const exit = this.model.stake.queue[place];
    if (exit === undefined) return false;
    this.model.tokens += exit.amount;
    exit.amount = zero;
    await this.#send("a stranger withdraws", () => staking.connect(stranger).completeUnbonding(vault, place));
    return true;
  }

  #anyLock(): string | undefined {
    const names = [...this.model.stake.locks.keys()];
    return names.length === 0 ? undefined : this.#random.pick(names);
  }

  // ---------------------------------------------------------------------------------------------- checks

  /** The price that a batch is closed at, if the coming move closes one. */
  #noteClosing(): void {
    const { open, stake } = this.model;
    // While the vault winds down, the part of a batch is known when it is settled.
    if (stake.tombstoned) this.#closings.delete(open);
    else this.#closings.set(open, this.model.pool(this.#now));
  }

  #noteLoss(): void {
    this.#priceBefore = { assets: zero, shares: zero };
  }

  async #read(): Promise<Map<string, bigint>> {
    const { vault, staking, token, market } = this.#protocol;
    const calls: [string, Call][] = [];
    const add = (name: string, target: typeof vault | typeof staking | typeof token | typeof market, data: string) =>
      calls.push([name, { target, data }]);
    const ofVault = (name: string, data: string) => add(name, vault, data);
    ofVault("supply", vault.interface.encodeFunctionData("totalSupply"));
    ofVault("assets", vault.interface.encodeFunctionData("totalAssets"));
    ofVault("reserved", vault.interface.encodeFunctionData("reserved"));
    ofVault("commissionOwed", vault.interface.encodeFunctionData("commissionOwed"));
    ofVault("commission", vault.interface.encodeFunctionData("commissionBps"));
    ofVault("exiting", vault.interface.encodeFunctionData("exitingShares"));
    ofVault("settled", vault.interface.encodeFunctionData("settledBatch"));
    ofVault("open", vault.interface.encodeFunctionData("openBatch"));
    ofVault("unvested", vault.interface.encodeFunctionData("unvested"));
    ofVault("retired", vault.interface.encodeFunctionData("retired"));
    add("tokens", token, token.interface.encodeFunctionData("balanceOf", [vault.target]));
    add("staked", staking, staking.interface.encodeFunctionData("totalStakeOf", [vault.target]));
    add("free", staking, staking.interface.encodeFunctionData("freeStakeOf", [vault.target]));
    add("owed", staking, staking.interface.encodeFunctionData("owedOf", [vault.target]));
    add("now", market, market.interface.encodeFunctionData("clock"));
    for (const { address } of this.#holders) {
      ofVault(`balance ${address}`, vault.interface.encodeFunctionData("balanceOf", [address]));
      ofVault(`maxRedeem ${address}`, vault.interface.encodeFunctionData("maxRedeem", [address]));
      ofVault(`maxWithdraw ${address}`, vault.interface.encodeFunctionData("maxWithdraw", [address]));
      add(`tokens ${address}`, token, token.interface.encodeFunctionData("balanceOf", [address]));
    }
    const answers = await this.#reader.read(
      calls.map(([, { target }]) => target.target as string),
      calls.map(([, { data }]) => data),
    );
    return new Map(calls.map(([name], i) => [name, BigInt(answers[i] ?? "0x0")]));
  }

  async #compare(move: string): Promise<void> {
    const read = await this.#read();
    const { model } = this;
    const now = Number(read.get("now"));
    const { stake } = model;
    const queued = stake.queue.reduce((sum, { amount }) => sum + amount, zero);
    const expected = new Map<string, bigint>([
      ["supply", model.supply],
      ["assets", model.totalAssets(now)],
      ["reserved", model.reserved],
      ["commissionOwed", model.commissionOwed],
      ["commission", model.commissionNow(now)],
      ["exiting", model.exiting],
      ["settled", BigInt(model.settled)],
      ["open", BigInt(model.open)],
      ["unvested", model.unvested(now)],
      ["retired", model.retired(now) ? 1n : zero],
      ["tokens", model.tokens],
      ["staked", stake.amount + queued],
      ["free", stake.free],
      ["owed", stake.owed],
    ]);
    for (const { address } of this.#holders) {
      const claimable = model.claimable(address);
      const { paidIn, paidOut } = this.#flow(address);
      expected.set(`balance ${address}`, model.balanceOf(address));
      expected.set(
        `maxRedeem ${address}`,
        claimable.reduce((sum, { shares }) => sum + shares, zero),
      );
      expected.set(
        `maxWithdraw ${address}`,
        claimable.reduce((sum, { assets }) => sum + assets, zero),
      );
      expected.set(`tokens ${address}`, parseEther("100000") - paidIn + paidOut);
    }
    for (const [name, value] of expected) {
      this.#require(read.get(name) === value, `after ${move}, ${name} is ${read.get(name)}, not ${value}`);
    }
    this.#checkPrice(read, now, move);
    await this.#checkBatches();
    const claims = [...model.batches.values()].reduce((sum, { unpaid }) => sum + unpaid, zero);
    this.#require(claims + model.commissionOwed === model.reserved, `claims of ${claims}, reserved ${model.reserved}`);
    this.#require(model.reserved <= model.tokens, `reserved ${model.reserved} of ${model.tokens}`);
  }

  /** No move but a slash lowers what a share gets. */
  #checkPrice(read: ReadonlyMap<string, bigint>, now: number, move: string): void {
    const { assets, shares } = this.model.pool(now);
    const before = this.#priceBefore;
    if (!this.model.stake.tombstoned) this.#require(read.get("assets") === assets, "assets");
    // While the vault winds down nobody can enter, and no virtual share gets a part.
    const virtual = this.model.stake.tombstoned ? zero : VIRTUAL_SHARES;
    const lower = assets * (before.shares + virtual) < before.assets * (shares + virtual);
    // A lock that never ends is forgotten after a time.
    const forgets = this.model.stake.tombstoned && this.model.stake.locks.size !== 0;
    this.#require(
      !lower || shares === zero || forgets,
      `${move} lowered the price from ${before.assets}/${before.shares} to ${assets}/${shares}`,
    );
    this.#priceBefore = { assets, shares };
    // A batch with a limit leaves earnings that came after it was closed to others, and there are no others.
    if (!this.model.stake.tombstoned || shares !== zero || this.model.batch(this.model.settled).limited) return;
    this.remainder ??= assets;
  }

  /** A batch gets at most its exact part of the assets at its closing, whatever the model says. */
  async #checkBatches(): Promise<void> {
    const { vault } = this.#protocol;
    for (let id_ = this.#settledSeen + 1; id_ <= this.model.settled; id_++) {
      const { shares, assets } = await vault.batchOf(id_);
      const closing = this.#closings.get(id_);
      if (closing === undefined) continue;
      const within = assets * closing.shares <= shares * closing.assets;
      this.#require(within, `batch ${id_} got ${assets} for ${shares} of ${closing.assets}/${closing.shares}`);
    }
    this.#settledSeen = this.model.settled;
  }
}

export const deployReader = () => ethers.deployContract("ViewReader");
