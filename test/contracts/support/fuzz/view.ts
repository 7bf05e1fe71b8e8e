import type { BaseContract } from "ethers";

import { addressOf } from "./move.ts";
import type { World } from "./world.ts";

export interface RequestView {
  readonly status: bigint;
  readonly operator: string;
  readonly outputRoot: string;
  /** End of the stage, in the market's time. */
  readonly deadline: number;
  readonly claimId: string;
  /** Stake locked for it. */
  readonly lock: bigint;
}

export interface DisputeView {
  readonly status: bigint;
  readonly challenger: string;
  readonly termsId: number;
  readonly traceUntil: number;
  readonly operator: string;
  readonly demandUntil: number;
  readonly end: number;
  readonly demands: bigint;
  readonly openDemands: bigint;
  readonly accusations: bigint;
  readonly requestId: string;
}

export interface DemandView {
  readonly demander: string;
  readonly answerUntil: number;
  readonly answered: boolean;
}

export interface OperatorView {
  readonly stake: bigint;
  readonly locked: bigint;
  readonly status: bigint;
  readonly exits: readonly { readonly amount: bigint; readonly releaseAt: number }[];
}

export interface PayoutView {
  readonly amounts: readonly bigint[];
  readonly payableAt: number;
  readonly frozen: boolean;
}

/** What all contracts say at one block. */
export interface View {
  readonly time: number;
  readonly block: number;
  readonly clock: number;
  readonly paused: boolean;
  readonly requests: ReadonlyMap<string, RequestView>;
  readonly disputes: ReadonlyMap<string, DisputeView>;
  /** By claim, in the order in which they were made. */
  readonly demands: ReadonlyMap<string, readonly DemandView[]>;
  /** Who paid for each accusation and has not got the bond back; by claim, in the order in which they were made. */
  readonly payers: ReadonlyMap<string, readonly string[]>;
  readonly operators: ReadonlyMap<string, OperatorView>;
  /** Locks of the manager that is no market. */
  readonly locks: ReadonlyMap<string, { readonly operator: string; readonly amount: bigint }>;
  readonly credits: Readonly<Record<"market" | "court", ReadonlyMap<string, bigint>>>;
  /** Tokens, of everybody who can have some. */
  readonly balances: ReadonlyMap<string, bigint>;
  readonly payouts: readonly PayoutView[];
  readonly totalHeld: bigint;
  readonly supply: bigint;
  /** By version: status, operators, and all else that the registry says of it. */
  readonly versions: ReadonlyMap<string, { readonly status: bigint; readonly holders: bigint; readonly facts: string }>;
  /** Terms of the court, as text. */
  readonly terms: readonly string[];
  readonly court: string;
}

const word = (value: number): string => value.toString(16).padStart(64, "0");
/** Encoded calls that were made before, by contract, function and arguments. */
const known = new Map<string, string>();

/**
 * Collects views of contracts and reads them all at once. The envelope is encoded here: by ethers it takes longer than
 * everything else in a step.
 */
class Batch {
  readonly #calls: { contract: BaseContract; fragment: string; data: string; done: (result: unknown) => void }[] = [];

  /** What the view will give: its values in order. */
  read<T extends readonly unknown[]>(contract: BaseContract, fragment: string, ...values: unknown[]): Promise<T> {
    const key = `${addressOf(contract)} ${fragment} ${JSON.stringify(values)}`;
    const data = known.get(key) ?? contract.interface.encodeFunctionData(fragment, values);
    known.set(key, data);
    return new Promise((resolve) => {
      const done = (result: unknown): void => {
        resolve(result as T);
      };
      this.#calls.push({ contract, fragment, data, done });
    });
  }

  async flush({ contracts: { reader }, connection }: World): Promise<void> {
    const { selector } = reader.interface.getFunction("read");
    const targets = this.#calls.map(({ contract }) => addressOf(contract).slice(2).padStart(64, "0"));
    const count = targets.length;
    const offsets: string[] = [];
    const calls: string[] = [];
    let at = 32 * count;
    for (const { data } of this.#calls) {
      const bytes = data.slice(2);
      const padded = bytes.padEnd(64 * Math.ceil(bytes.length / 64), "0");
      offsets.push(word(at));
      calls.push(word(bytes.length / 2), padded);
      at += 32 + padded.length / 2;
    }
    const head = [word(64), word(96 + 32 * count), word(count), ...targets, word(count)];
    const call = { to: addressOf(reader), data: selector + [...head, ...offsets, ...calls].join("") };
    const given = (await connection.provider.request({ method: "eth_call", params: [call, "latest"] })) as string;
    const wordAt = (index: number): number => Number.parseInt(given.slice(2 + 64 * index, 66 + 64 * index), 16);
    this.#calls.forEach(({ contract, fragment, done }, i) => {
      const start = 2 + wordAt(2 + i) / 32;
      const answer = given.slice(66 + 64 * start, 66 + 64 * start + 2 * wordAt(start));
      done(contract.interface.decodeFunctionResult(fragment, `0x${answer}`));
    });
  }
}

type Struct<Names extends string> = Readonly<Record<Names, bigint>>;

/** Reads all. */
export async function readView(world: World): Promise<View> {
  const { market, staking, court, token, registry } = world.contracts;
  const { people } = world;
  const batch = new Batch();
  const owners = [...people.operators, ...people.requesters, ...people.watchers, people.royaltee, people.sink];
  const addresses = [...owners.map(({ address }) => address), await court.SINK()];
  const holders = [...addresses, people.pauper.address, ...[market, staking, court].map(addressOf)];
  const payoutCount = Number(await staking.payoutCount());
  const { block, time } = await latest(world);

  const table = async <K, V>(keys: readonly K[], read: (key: K) => Promise<V>): Promise<V[]> =>
    Promise.all(keys.map((key) => read(key)));
  const one = async (contract: BaseContract, fragment: string, ...values: unknown[]): Promise<bigint> =>
    (await batch.read<[bigint]>(contract, fragment, ...values))[0];

  const reads = Promise.all([
    table(world.jobs, async ({ id }) => {
      type Claim = Struct<"status" | "windowEnd"> & { operator: string; outputRoot: string; claimId: string };
      const [[claim], [{ amount }]] = await Promise.all([
        batch.read<[Claim]>(market, "claimOf", id),
        batch.read<[Struct<"amount">]>(staking, "lockOf", market.target, id),
      ]);
      const { status, operator, outputRoot, windowEnd, claimId } = claim;
      return [id, { status, operator, outputRoot, deadline: Number(windowEnd), claimId, lock: amount }] as const;
    }),
    table(world.cases, async ({ claimId }) => {
      type Dispute = Struct<
        "status" | "termsId" | "traceUntil" | "demandUntil" | "end" | "demands" | "openDemands" | "accusations"
      > & {
        challenger: string;
        operator: string;
        id: string;
      };
      const [dispute] = await batch.read<[Dispute]>(court, "disputeOf", claimId);
      const { status, challenger, operator, demands, openDemands, accusations, id: requestId } = dispute;
      const [termsId, traceUntil] = [Number(dispute.termsId), Number(dispute.traceUntil)];
      const [demandUntil, end] = [Number(dispute.demandUntil), Number(dispute.end)];
      const times = { traceUntil, demandUntil, end };
      const counts = { demands, openDemands, accusations };
      return [claimId, { status, challenger, operator, ...counts, requestId, termsId, ...times }] as const;
    }),
    table(world.cases, async ({ claimId, demands }) => {
      const records = await table(demands, async ({ opening }) => {
        const read = await batch.read<[string, bigint, boolean]>(court, "demandOf", claimId, opening);
        const [demander, answerUntil, answered] = read;
        return { demander, answerUntil: Number(answerUntil), answered };
      });
      return [claimId, records] as const;
    }),
    table(world.cases, async ({ claimId, accusations }) => {
      const payers = await table(accusations, async ({ commitment }) => {
        const [payer] = await batch.read<[string, bigint]>(court, "accusationOf", claimId, commitment);
        return payer;
      });
      return [claimId, payers] as const;
    }),
    table(people.operators, async ({ address }) => {
      const [[record], [queue]] = await Promise.all([
        batch.read<[Struct<"stake" | "locked" | "status">]>(staking, "operatorOf", address),
        batch.read<[readonly Struct<"amount" | "releaseAt">[]]>(staking, "unbondingOf", address),
      ]);
      const exits = [...queue].map(({ amount, releaseAt }) => ({ amount, releaseAt: Number(releaseAt) }));
      return [address, { stake: record.stake, locked: record.locked, status: record.status, exits }] as const;
    }),
    table(world.locks, async (id) => {
      type Lock = Struct<"amount"> & { operator: string };
      const [{ operator, amount }] = await batch.read<[Lock]>(staking, "lockOf", people.manager.address, id);
      return [id, { operator, amount }] as const;
    }),
    table(addresses, async (address) => [address, await one(market, "creditOf", address)] as const),
    table(addresses, async (address) => [address, await one(court, "creditOf", address)] as const),
    table(holders, async (address) => [address, await one(token, "balanceOf", address)] as const),
    table([...Array(payoutCount).keys()], async (index) => {
      type Payout = Struct<"payableAt"> & { amounts: readonly bigint[]; frozen: boolean };
      const [{ amounts, payableAt, frozen }] = await batch.read<[Payout]>(staking, "payoutOf", index + 1);
      return { amounts: [...amounts], payableAt: Number(payableAt), frozen };
    }),
    table(world.versions, async ({ id }) => {
      const [[version], operators] = await Promise.all([
        batch.read<[readonly unknown[] & Struct<"status">]>(registry, "versionOf", id),
        one(staking, "holders", id),
      ]);
      const facts = version.map((fact, i) => (i === 2 ? "" : String(fact))).join(" ");
      return [id, { status: version.status, holders: operators, facts }] as const;
    }),
    table(world.terms, async (_terms) => {
      const [terms] = await batch.read<[readonly unknown[]]>(court, "termsOf", world.terms.indexOf(_terms));
      return [...terms].join(" ");
    }),
    table(["clock", "paused", "court"], async (name) => (await batch.read<[unknown]>(market, name))[0]),
    table(["totalHeld"], async (name) => one(staking, name)),
    one(token, "totalSupply"),
  ]);
  await batch.flush(world);
  const [requests, disputes, demands, payers, operators, locks, owedByMarket, owedByCourt, balances, ...rest] =
    await reads;
  const [payouts, versions, terms, [clock, paused, courtName], [totalHeld = 0n], supply] = rest;
  return {
    ...{ time, block, clock: Number(clock), paused: paused === true, payouts, terms, totalHeld, supply },
    ...{ requests: new Map(requests), disputes: new Map(disputes), demands: new Map(demands) },
    payers: new Map(payers),
    ...{ operators: new Map(operators), locks: new Map(locks), balances: new Map(balances) },
    ...{ credits: { market: new Map(owedByMarket), court: new Map(owedByCourt) }, versions: new Map(versions) },
    court: String(courtName),
  };
}

async function latest({ connection }: World): Promise<{ block: number; time: number }> {
  const block = await connection.ethers.provider.getBlock("latest");
  if (block === null) throw new Error("a chain without a block");
  return { block: block.number, time: block.timestamp };
}
