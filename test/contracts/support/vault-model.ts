import { STAKING } from "./protocol.ts";
import { PERIOD, VESTING, VIRTUAL_SHARES } from "./vault.ts";

/*
 * A vault and its stake as plain numbers: what docs and NatSpec say, written a second time.
 */

const zero = 0n;
const BPS = 10_000n;
const UNBONDING = STAKING.unbondingSeconds;

const least = (...values: readonly bigint[]): bigint => values.reduce((low, value) => (value < low ? value : low));
const atLeastZero = (value: bigint): bigint => (value < zero ? zero : value);

interface Batch {
  shares: bigint;
  unclaimed: bigint;
  assets: bigint;
  unpaid: bigint;
  releaseAt: number;
  /** Whether it was closed at a price, which is the most that it gets. */
  limited: boolean;
}

/** The staking contract's account of one operator. */
class Stake {
  amount = zero;
  locked = zero;
  owed = zero;
  tombstoned = false;
  readonly locks = new Map<string, bigint>();
  readonly queue: { amount: bigint; releaseAt: number }[] = Array.from({ length: 8 }, () => ({
    amount: zero,
    releaseAt: 0,
  }));

  get free(): bigint {
    return this.amount - this.locked;
  }

  lock(id: string, amount: bigint): void {
    this.locks.set(id, amount);
    this.locked += amount;
  }

  release(id: string): bigint {
    const amount = this.locks.get(id) ?? zero;
    this.locks.delete(id);
    this.locked -= amount;
    return amount;
  }

  slash(id: string, fraud: boolean, now: number): void {
    const lock = this.release(id);
    if (!fraud) {
      this.amount -= least(lock, STAKING.livenessPenalty);
    } else {
      this.amount -= lock;
      let missing = atLeastZero(STAKING.fraudMinimum - lock);
      for (const exit of this.queue) {
        if (exit.releaseAt <= now) continue;
        const part = least(missing, exit.amount);
        exit.amount -= part;
        missing -= part;
      }
      const fromFree = least(missing, this.free);
      this.amount -= fromFree;
      this.owed += missing - fromFree;
      this.tombstoned = true;
    }
    this.collectOwed();
  }

  collectOwed(): void {
    const taken = least(this.owed, this.free);
    this.amount -= taken;
    this.owed -= taken;
  }

  unbond(amount: bigint, now: number): void {
    const place = this.queue.find((exit) => exit.amount === zero);
    if (place === undefined) throw new Error("the queue is full");
    Object.assign(place, { amount, releaseAt: now + UNBONDING });
    this.amount -= amount;
  }
}

export class VaultModel {
  readonly stake = new Stake();
  readonly balances = new Map<string, bigint>();
  readonly batches = new Map<number, Batch>();
  /** Shares by batch and controller. */
  readonly requests = new Map<number, Map<string, bigint>>();
  tokens = zero;
  reserved = zero;
  commissionOwed = zero;
  supply = zero;
  exiting = zero;
  open = 1;
  settled = 0;
  commission = { before: 1_000n, after: 1_000n, from: 0 };
  vesting = { amount: zero, from: 0, until: 0 };
  windingDownSince = 0;
  #openedIn = 0;
  #unbondedIn = 0;

  // ---------------------------------------------------------------------------------------------- numbers

  unvested(now: number): bigint {
    const { amount, from, until } = this.vesting;
    if (now >= until) return zero;
    const [left, whole] = [BigInt(until - now), BigInt(until - from)];
    return (amount * left + whole - 1n) / whole;
  }

  /** Assets and the shares that they belong to. */
  pool(now: number): { assets: bigint; shares: bigint } {
    const { stake } = this;
    if (!stake.tombstoned) return { assets: atLeastZero(stake.amount - this.unvested(now)), shares: this.supply };
    const staked = stake.amount - (this.#forgotten(now) ? stake.locked : zero);
    const queued = stake.queue.reduce((sum, { amount }) => sum + amount, zero);
    const cash = this.tokens - this.reserved;
    return { assets: atLeastZero(staked - stake.owed) + queued + cash, shares: this.supply + this.exiting };
  }

  totalAssets(now: number): bigint {
    const { assets, shares } = this.pool(now);
    return this.stake.tombstoned && shares !== zero ? (this.supply * assets) / shares : assets;
  }

  retired(now: number): boolean {
    const { supply, stake } = this;
    return stake.tombstoned || (this.totalAssets(now) + 1n) * VIRTUAL_SHARES * 1_000n < supply + VIRTUAL_SHARES;
  }

  sharesFor(assets: bigint, now: number): bigint {
    return (assets * (this.supply + VIRTUAL_SHARES)) / (this.totalAssets(now) + 1n);
  }

  commissionNow(now: number): bigint {
    return now >= this.commission.from ? this.commission.after : this.commission.before;
  }

  balanceOf(holder: string): bigint {
    return this.balances.get(holder) ?? zero;
  }

  /** What a controller can claim, oldest first. */
  claimable(controller: string): { id: number; shares: bigint; assets: bigint }[] {
    const rows: { id: number; shares: bigint; assets: bigint }[] = [];
    for (let id = 1; id <= this.settled; id++) {
      const shares = this.requests.get(id)?.get(controller) ?? zero;
      const batch = this.batch(id);
      if (shares !== zero) rows.push({ id, shares, assets: (shares * batch.assets) / batch.shares });
    }
    return rows;
  }

  batch(id: number): Batch {
    const known = this.batches.get(id);
    if (known !== undefined) return known;
    const made = { shares: zero, unclaimed: zero, assets: zero, unpaid: zero, releaseAt: 0, limited: false };
    this.batches.set(id, made);
    return made;
  }

  // ---------------------------------------------------------------------------------------------- moves

  deposit(holder: string, assets: bigint, now: number): bigint {
    const shares = this.sharesFor(assets, now);
    this.#enter(holder, assets, shares);
    return shares;
  }

  mint(holder: string, shares: bigint, now: number): bigint {
    const whole = this.supply + VIRTUAL_SHARES;
    const assets = (shares * (this.totalAssets(now) + 1n) + whole - 1n) / whole;
    this.#enter(holder, assets, shares);
    return assets;
  }

  transfer(from: string, to: string, shares: bigint): void {
    this.#credit(from, -shares);
    this.#credit(to, shares);
  }

  request(owner: string, controller: string, shares: bigint, now: number): void {
    this.sync(now);
    const batch = this.batch(this.open);
    if (batch.shares === zero) this.#openedIn = this.#period(now);
    batch.shares += shares;
    const row = this.requests.get(this.open) ?? new Map<string, bigint>();
    this.requests.set(this.open, row.set(controller, (row.get(controller) ?? zero) + shares));
    this.#credit(owner, -shares);
  }

  redeem(controller: string, shares: bigint): bigint {
    let [left, assets] = [shares, zero];
    for (const row of this.claimable(controller)) {
      const part = least(left, row.shares);
      const paid = (part * this.batch(row.id).assets) / this.batch(row.id).shares;
      this.#take(row.id, controller, part, paid);
      left -= part;
      assets += paid;
    }
    return assets;
  }

  withdraw(controller: string, assets: bigint): bigint {
    let [left, shares] = [assets, zero];
    for (const row of this.claimable(controller)) {
      if (left === zero) break;
      const batch = this.batch(row.id);
      const partly = row.assets > left;
      const part = partly ? (left * batch.shares + batch.assets - 1n) / batch.assets : row.shares;
      const paid = partly ? left : row.assets;
      this.#take(row.id, controller, part, paid);
      left -= paid;
      shares += part;
    }
    return shares;
  }

  announce(bps: bigint, now: number): void {
    const before = this.commissionNow(now);
    this.commission = { before, after: bps, from: bps > before ? now + UNBONDING + 2 * PERIOD : now };
  }

  withdrawCommission(): bigint {
    const amount = this.commissionOwed;
    this.commissionOwed = zero;
    this.reserved -= amount;
    this.tokens -= amount;
    return amount;
  }

  /** Withdraws what matured, as any stranger can. */
  collect(now: number): void {
    for (const exit of this.stake.queue) {
      if (exit.releaseAt > now) continue;
      this.tokens += exit.amount;
      exit.amount = zero;
    }
  }

  sync(now: number): void {
    const { stake } = this;
    this.collect(now);
    if (!stake.tombstoned) {
      for (const id of this.#matured(now)) this.#settle(id, this.batch(id).assets);
      this.#stakeEarnings(now);
      this.#closeAtPrice(now);
      return;
    }
    if (this.windingDownSince === 0) this.windingDownSince = now;
    if (this.#due(now)) this.#close(2n ** 104n - 1n, now);
    this.#settleEstate(now);
    this.#unbond(stake.free, now);
  }

  // ---------------------------------------------------------------------------------------------- parts

  #enter(holder: string, assets: bigint, shares: bigint): void {
    this.stake.amount += assets;
    this.supply += shares;
    this.#credit(holder, shares);
  }

  #credit(holder: string, shares: bigint): void {
    this.balances.set(holder, this.balanceOf(holder) + shares);
  }

  #period(now: number): number {
    return Math.floor(now / PERIOD);
  }

  #due(now: number): boolean {
    return this.batch(this.open).shares !== zero && this.#period(now) > this.#openedIn;
  }

  #forgotten(now: number): boolean {
    return this.windingDownSince !== 0 && now >= this.windingDownSince + UNBONDING;
  }

  #matured(now: number): number[] {
    const ids: number[] = [];
    for (let id = this.settled + 1; id < this.open && this.batch(id).releaseAt <= now; id++) ids.push(id);
    return ids;
  }

  #settle(id: number, assets: bigint): void {
    const batch = this.batch(id);
    Object.assign(batch, { assets, unpaid: assets, unclaimed: batch.shares });
    this.exiting -= batch.shares;
    this.reserved += assets;
    this.settled = id;
  }

  #settleEstate(now: number): void {
    if (this.stake.locks.size !== 0 && !this.#forgotten(now)) return;
    for (const id of this.#matured(now)) {
      const batch = this.batch(id);
      const { assets, shares } = this.pool(now);
      const part = least(batch.assets, (batch.shares * assets) / shares);
      if (part > this.tokens - this.reserved) return;
      this.#settle(id, part);
    }
  }

  #stakeEarnings(now: number): void {
    const earnings = this.tokens - this.reserved;
    if (earnings === zero) return;
    const commission = (earnings * this.commissionNow(now)) / BPS;
    const amount = earnings - commission;
    const before = this.unvested(now);
    const left = before === zero ? 0 : this.vesting.until - now;
    const time = (before * BigInt(left) + amount * BigInt(VESTING)) / (before + amount);
    this.vesting = { amount: before + amount, from: now, until: now + Number(time) };
    this.commissionOwed += commission;
    this.reserved += commission;
    this.tokens -= amount;
    this.stake.amount += amount;
  }

  #closeAtPrice(now: number): void {
    if (!this.#due(now)) return;
    const assets = (this.batch(this.open).shares * this.totalAssets(now)) / (this.supply + VIRTUAL_SHARES);
    if (assets > this.stake.free) return;
    this.#close(assets, now);
    this.#unbond(assets, now);
  }

  #close(limit: bigint, now: number): void {
    const batch = this.batch(this.open);
    const matures = limit !== zero && !this.stake.tombstoned;
    const limited = !this.stake.tombstoned;
    Object.assign(batch, { assets: limit, releaseAt: matures ? now + UNBONDING : now, limited });
    this.exiting += batch.shares;
    this.supply -= batch.shares;
    this.open++;
  }

  #unbond(amount: bigint, now: number): void {
    if (amount === zero || this.#period(now) === this.#unbondedIn) return;
    this.#unbondedIn = this.#period(now);
    this.stake.unbond(amount, now);
  }

  #take(id: number, controller: string, part: bigint, paid: bigint): void {
    const batch = this.batch(id);
    const row = this.requests.get(id);
    row?.set(controller, (row.get(controller) ?? zero) - part);
    batch.unclaimed -= part;
    batch.unpaid -= paid;
    this.reserved -= paid;
    this.tokens -= paid;
    if (batch.unclaimed !== zero) return;
    this.reserved -= batch.unpaid;
    batch.unpaid = zero;
  }
}
