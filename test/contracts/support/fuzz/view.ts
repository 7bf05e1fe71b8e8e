import type { BaseContract } from "ethers";

import { SINK } from "../../../../testing/toy-court.ts";
import { EPOCH_SECONDS } from "../protocol.ts";
import type { Log } from "./chain.ts";
import type { Creditor } from "./ledger.ts";
import { addressOf } from "./move.ts";
import { answersIn, batchOf, type Read, Words, wordOf } from "./words.ts";
import type { Case, Job, World } from "./world.ts";

export interface RequestView {
  readonly status: bigint;
  readonly operator: string;
  readonly outputRoot: string;
  /** End of the stage, in the market's time. */
  readonly deadline: number;
  readonly claimedBlock: number;
  readonly claimId: string;
  /** Stake locked for it, and whose. */
  readonly lock: bigint;
  readonly lockedOf: string;
  readonly finality: bigint;
  readonly result: string;
  readonly compensation: bigint;
  readonly damages: bigint;
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
  readonly challengeableUntil: number;
  readonly source: number;
  readonly accusations: bigint;
  /** Whether an audit opened it: there is no bond then. */
  readonly audit: boolean;
  readonly requestId: string;
  /** What the trace is judged against, as words. */
  readonly trace: string;
}

export interface AuditView {
  readonly auditor: string;
  readonly commitBy: number;
  readonly status: bigint;
  readonly candidate: number;
  readonly spent: number;
  readonly payer: string;
  readonly commitment: string;
  /** Stake locked until the auditor commits, and whose. */
  readonly lock: bigint;
  readonly lockedOf: string;
}

/** The seed of a period. */
export interface PeriodView {
  readonly ticket: number;
  readonly epoch: number;
  readonly pickSeed: string;
}

export interface DemandView {
  readonly demander: string;
  readonly answerUntil: number;
  readonly answered: boolean;
}

export interface OperatorView {
  readonly stake: bigint;
  readonly locked: bigint;
  /** Number of its locks. */
  readonly open: bigint;
  readonly status: bigint;
  readonly exits: readonly { readonly amount: bigint; readonly releaseAt: number }[];
  readonly owed: bigint;
  readonly jailedUntil: number;
  readonly agent: string;
}

/** Who answers for a version: weight and terms in the epoch in which they were read, and in the one before. */
export interface PlaceView {
  readonly epoch: number;
  readonly optedIn: boolean;
  readonly weight: bigint;
  readonly weightBefore: bigint;
  /** As words; empty when there is no place. */
  readonly terms: string;
  readonly termsBefore: string;
}

export interface VersionView {
  readonly status: bigint;
  /** Operators with weight from the next epoch on. */
  readonly holders: bigint;
  /** Sum of weights in the epoch in which it was read, and in the one before. */
  readonly epoch: number;
  readonly total: bigint;
  readonly totalBefore: bigint;
  /** All else that the registry says of it. */
  readonly facts: string;
}

interface CoreView {
  readonly clock: number;
  readonly paused: boolean;
  readonly court: string;
  readonly requestCount: number;
  /** What fees left for audits. */
  readonly auditFund: bigint;
  readonly totalHeld: bigint;
  readonly totalStake: bigint;
  readonly slashedLately: bigint;
  readonly supply: bigint;
}

interface Sections {
  readonly core: ReadonlyMap<string, CoreView>;
  readonly requests: ReadonlyMap<string, RequestView>;
  readonly disputes: ReadonlyMap<string, DisputeView>;
  /** By claim. */
  readonly audits: ReadonlyMap<string, AuditView>;
  readonly periods: ReadonlyMap<number, PeriodView>;
  /** By claim, in the order in which they were made. */
  readonly demands: ReadonlyMap<string, readonly DemandView[]>;
  readonly operators: ReadonlyMap<string, OperatorView>;
  /** By `operator version`. */
  readonly places: ReadonlyMap<string, PlaceView>;
  /** Locks of the manager that is no market. */
  readonly locks: ReadonlyMap<string, { readonly operator: string; readonly amount: bigint }>;
  readonly marketCredits: ReadonlyMap<string, bigint>;
  readonly courtCredits: ReadonlyMap<string, bigint>;
  readonly stakingCredits: ReadonlyMap<string, bigint>;
  readonly dataCredits: ReadonlyMap<string, bigint>;
  readonly deskCredits: ReadonlyMap<string, bigint>;
  /** Who paid for each accusation of a claim, in their order; zero when it has its bond back. */
  readonly accusers: ReadonlyMap<string, readonly string[]>;
  /** Tokens, of everybody who can have some. */
  readonly balances: ReadonlyMap<string, bigint>;
  readonly versions: ReadonlyMap<string, VersionView>;
  /** Terms of the court by id, as words. */
  readonly terms: ReadonlyMap<string, string>;
  /** By selector: verifier and state, as words. */
  readonly routes: ReadonlyMap<string, string>;
  /** By manager: since when it counts. */
  readonly managers: ReadonlyMap<string, number>;
  /** By draw (`request epoch`): what the walk's own seed would name, as words. */
  readonly draws: ReadonlyMap<string, string>;
}
type Section = keyof Sections;
type Key<S extends Section> = S extends "periods" ? number : string;
type Value<S extends Section> = Sections[S] extends ReadonlyMap<string | number, infer T> ? T : never;

/** What all contracts say at one block. */
export interface View extends Omit<Sections, "core" | "terms">, CoreView {
  readonly time: number;
  readonly block: number;
  /** Of the pools, at the latest block. */
  readonly epoch: number;
  readonly credits: Readonly<Record<Creditor, ReadonlyMap<string, bigint>>>;
  readonly terms: readonly string[];
}

/** One thing that is read: what says that it may have changed, what is read of it, and what that means. */
interface Subject {
  readonly section: Section;
  readonly key: string | number;
  /** Words in a log after which it is read again, with a mark in front where only the pools' logs count; none when it is
   * read every time. */
  readonly stale: readonly string[];
  readonly reads: () => readonly Read[];
  readonly decode: (answers: readonly Words[]) => unknown;
  answered?: string;
}

/** Views that are read in one call: the cost of a call grows faster than their number. */
const BATCH = 48;

/** Marks a word that only the pools said. */
const POOLS = "pools ";

/** Reads what a transaction may have changed, by its logs and its sender, and everything when asked. */
export class Lens {
  readonly #world: World;
  readonly #subjects: Subject[] = [];
  readonly #known = new Set<string>();
  readonly #sections: { [S in Section]: Sections[S] } = {
    ...{ core: new Map(), requests: new Map(), disputes: new Map(), demands: new Map(), operators: new Map() },
    ...{ audits: new Map(), periods: new Map(), deskCredits: new Map() },
    ...{ places: new Map(), locks: new Map(), marketCredits: new Map(), courtCredits: new Map() },
    ...{
      stakingCredits: new Map(),
      dataCredits: new Map(),
      accusers: new Map(),
      balances: new Map(),
      versions: new Map(),
      terms: new Map(),
      routes: new Map(),
    },
    ...{ managers: new Map(), draws: new Map() },
  };
  #epoch = 0;

  constructor(world: World) {
    this.#world = world;
    this.#addFixed();
  }

  /** The view after a step whose logs and senders are given; after any step when `all` is asked for. */
  async look(logs: readonly Log[], senders: readonly string[], all: boolean): Promise<View> {
    const { chain, contracts } = this.#world;
    this.#addFound();
    const dirty = new Set(senders.map(wordOf));
    const pools = addressOf(contracts.pools).toLowerCase();
    for (const { address, topics, data } of logs) {
      for (const topic of topics) dirty.add(topic.slice(2));
      if (address.toLowerCase() === pools) for (const topic of topics) dirty.add(POOLS + topic.slice(2));
      for (let at = 2; at < data.length; at += 64) dirty.add(data.slice(at, at + 64));
    }
    const epoch = Math.floor(chain.time / EPOCH_SECONDS);
    this.#epoch = epoch;
    const due = this.#subjects.filter(
      ({ stale, answered }) =>
        all || answered === undefined || stale.length === 0 || stale.some((word) => dirty.has(word)),
    );
    const reads = due.map((subject) => subject.reads());
    const answers = await this.#read(reads.flat());
    const changed = new Map<Section, Map<string | number, unknown>>();
    let at = 0;
    for (const [i, subject] of due.entries()) {
      const own = answers.slice(at, (at += reads[i]?.length ?? 0));
      const answered = own.map(({ hex, reverted }) => (reverted ? "reverted" : hex)).join(" ");
      const { section, key } = subject;
      // Weights are of the epoch in which they are read.
      const aged = section === "places" || section === "versions" ? ` ${epoch}` : "";
      if (answered + aged === subject.answered) continue;
      subject.answered = answered + aged;
      const row = changed.get(section) ?? new Map<string | number, unknown>(this.#sections[section]);
      changed.set(section, row);
      row.set(key, subject.decode(own));
    }
    Object.assign(this.#sections, Object.fromEntries(changed));
    return this.#view();
  }

  async #read(reads: readonly Read[]): Promise<Words[]> {
    const { chain, contracts } = this.#world;
    const answers: Words[] = [];
    for (let at = 0; at < reads.length; at += BATCH) {
      const part = reads.slice(at, at + BATCH);
      const call = { to: addressOf(contracts.reader), data: batchOf(part) };
      answers.push(...answersIn(await chain.call(call), part.length));
    }
    return answers;
  }

  #view(): View {
    const { time, block } = this.#world.chain;
    const { core, marketCredits, courtCredits, stakingCredits, dataCredits, terms, ...rest } = this.#sections;
    const { deskCredits } = rest;
    const facts = core.get("core");
    if (facts === undefined) throw new Error("nothing was read");
    return {
      ...rest,
      ...facts,
      ...{ time, block, epoch: this.#epoch, marketCredits, courtCredits, stakingCredits, dataCredits },
      credits: {
        ...{ market: marketCredits, court: courtCredits, staking: stakingCredits, availability: dataCredits },
        desk: deskCredits,
      },
      terms: [...terms.values()],
    };
  }

  #add<S extends Section>(
    section: S,
    key: Key<S>,
    stale: readonly string[] | "always",
    reads: readonly Read[] | (() => readonly Read[]),
    decode: (answers: readonly Words[]) => Value<S>,
  ): void {
    const name = `${section} ${key}`;
    if (this.#known.has(name)) return;
    this.#known.add(name);
    const words = stale === "always" ? [] : stale;
    this.#subjects.push({
      ...{ section, key, stale: words, decode },
      reads: typeof reads === "function" ? reads : () => reads,
    });
  }

  /** What is there from the beginning. */
  #addFixed(): void {
    const { market, staking, court, token, availability, desk } = this.#world.contracts;
    const { people } = this.#world;
    const core = ["clock", "paused", "court", "requestCount", "auditFund"].map((name) => read(market, name));
    const more = [
      ...["totalHeld", "totalStake", "slashedLately"].map((name) => read(staking, name)),
      read(token, "totalSupply"),
    ];
    this.#add("core", "core", "always", [...core, ...more], (answers) => {
      const [clock, paused, judge, requests, fund, held, stake, slashed, supply] = answers as [Words, ...Words[]];
      return {
        ...{ clock: clock.number(0), paused: paused?.number(0) === 1, court: judge?.address(0) ?? "" },
        ...{ auditFund: fund?.big(0) ?? 0n, requestCount: requests?.number(0) ?? 0, totalStake: stake?.big(0) ?? 0n },
        ...{ slashedLately: slashed?.big(0) ?? 0n, totalHeld: held?.big(0) ?? 0n, supply: supply?.big(0) ?? 0n },
      };
    });
    for (const { address } of people.operators) {
      const names = ["operatorOf", "unbondingOf", "owedOf", "jailedUntil", "agentOf"] as const;
      const reads = names.map((name) => read(staking, name, address));
      this.#add("operators", address, [wordOf(address)], reads, decodeOperator);
    }
    const consumers = this.#world.consumers;
    const owners = [...this.#world.everybody, SINK, ...consumers];
    for (const owner of owners) {
      this.#add("marketCredits", owner, [wordOf(owner)], [read(market, "creditOf", owner)], big);
      this.#add("courtCredits", owner, [wordOf(owner)], [read(court, "creditOf", owner)], big);
      this.#add("dataCredits", owner, [wordOf(owner)], [read(availability, "creditOf", owner)], big);
      this.#add("deskCredits", owner, [wordOf(owner)], [read(desk, "creditOf", owner)], big);
      this.#add("stakingCredits", owner, [wordOf(owner)], [read(staking, "creditOf", owner)], big);
    }
    for (const holder of [...owners, ...[market, staking, court, token, availability, desk].map(addressOf)]) {
      this.#add("balances", holder, [wordOf(holder)], [read(token, "balanceOf", holder)], big);
    }
  }

  /** What came to be since. */
  #addFound(): void {
    const { contracts, jobs, cases, versions, locks, ledger, terms, routes, managers, people } = this.#world;
    const { market, staking, court, pools, registry, attestation, desk } = contracts;
    for (const { claimId } of this.#world.audits) {
      const reads = [read(desk, "auditOf", claimId), read(staking, "lockOf", addressOf(desk), claimId)];
      this.#add("audits", claimId, [wordOf(claimId)], reads, decodeAudit);
    }
    // The seed of a period may be read by a move that says nothing.
    for (const period of this.#world.periods) {
      this.#add("periods", period, "always", [read(desk, "periodOf", period)], ([it = NOTHING]) => ({
        ...{ ticket: it.number(0), epoch: it.number(1), pickSeed: it.hash(2) },
      }));
    }
    for (const job of jobs) {
      const { id } = job;
      const reads = [
        ...["claimOf", "resultOf", "compensationOf", "damagesOf"].map((name) => read(market, name, id)),
        read(staking, "lockOf", addressOf(market), id),
      ];
      this.#add("requests", id, [wordOf(id)], reads, decodeRequest);
      this.#addDraws(job);
    }
    for (const { claimId } of cases) {
      const reads = [read(court, "disputeOf", claimId), read(court, "caseOf", claimId)];
      this.#add("disputes", claimId, [wordOf(claimId)], reads, decodeDispute);
    }
    for (const found of cases) {
      const reads = (): Read[] => found.demands.map(({ opening }) => demandRead(found, opening, court));
      this.#add("demands", found.claimId, [wordOf(found.claimId)], reads, (answers) => answers.map(decodeDemand));
    }
    for (const found of cases) {
      const reads = (): Read[] =>
        found.accusations.map(({ commitment }) => read(court, "accusationOf", found.claimId, commitment));
      const decode = (answers: readonly Words[]): string[] => answers.map((it) => it.address(0));
      this.#add("accusers", found.claimId, [wordOf(found.claimId)], reads, decode);
    }
    for (const id of locks) {
      const reads = [read(staking, "lockOf", people.manager.address, id)];
      this.#add("locks", id, [wordOf(id)], reads, ([it]) => ({
        operator: it?.address(0) ?? "",
        amount: it?.big(1) ?? 0n,
      }));
    }
    for (const { id } of versions) {
      const total = (back: number): Read => epochRead(pools, "totalWeightOf", [id], this.#epoch - back);
      const reads = (): Read[] => [read(registry, "versionOf", id), read(pools, "holders", id), total(0), total(1)];
      this.#add("versions", id, [wordOf(id)], reads, (answers) => decodeVersion(answers, this.#epoch));
    }
    for (const [operator, { places }] of ledger.accounts) {
      for (const version of places.keys()) {
        const at = (name: string, back: number): Read =>
          epochRead(pools, name, [operator, version], this.#epoch - back);
        const reads = (): Read[] => [
          read(pools, "isOptedIn", operator, version),
          ...[at("weightOf", 0), at("weightOf", 1), at("termsOf", 0), at("termsOf", 1)],
        ];
        this.#add("places", `${operator} ${version}`, [POOLS + wordOf(version)], reads, (answers) =>
          decodePlace(answers, this.#epoch),
        );
      }
    }
    for (const id of terms.keys()) {
      this.#add("terms", String(id), [wordOf(0)], [read(court, "termsOf", id)], ([it]) => it?.hex ?? "");
    }
    for (const selector of routes.keys()) {
      const word = selector.slice(2).padEnd(64, "0");
      this.#add("routes", selector, [word], [read(attestation, "routeOf", selector)], ([it]) => it?.hex ?? "");
    }
    for (const manager of managers) {
      const reads = [read(staking, "managerActiveFrom", manager)];
      this.#add("managers", manager, [wordOf(manager)], reads, ([it]) => it?.number(0) ?? 0);
    }
  }

  /** The draw that a request waits for, with a seed of the walk's own: read as long as its epoch is kept. */
  #addDraws({ id, request }: Job): void {
    const { ledger, contracts } = this.#world;
    const { epoch, committed } = ledger.job(id);
    if (!committed) return;
    const { versionId, fee, royalty, collateral, claimSeconds, callbackGas } = request;
    const terms = [versionId, epoch, BigInt(fee) - BigInt(royalty), collateral, claimSeconds, callbackGas];
    const words = terms.map((it) => wordOf(it as string | bigint)).join("");
    const { selector } = contracts.pools.interface.getFunction("draw");
    const probe = { to: addressOf(contracts.pools), data: selector + words + wordOf(id) };
    this.#add(
      "draws",
      `${id} ${epoch}`,
      [POOLS + wordOf(String(versionId))],
      () => (this.#epoch - epoch <= 1 ? [probe] : []),
      ([it]) => (it === undefined ? "" : it.reverted ? "reverted" : it.hex),
    );
  }
}

const big = ([it]: readonly Words[]): bigint => it?.big(0) ?? 0n;

/** Encoded calls that were made before, by contract, function and arguments. */
const known = new Map<string, Read>();

function read(contract: BaseContract, name: string, ...values: readonly unknown[]): Read {
  const key = `${addressOf(contract)} ${name} ${values.join()}`;
  const made = known.get(key) ?? {
    to: addressOf(contract),
    data: contract.interface.encodeFunctionData(name, values),
  };
  known.set(key, made);
  return made;
}

/** A view whose last argument is an epoch. */
function epochRead(contract: BaseContract, name: string, values: readonly string[], epoch: number): Read {
  const { data } = read(contract, name, ...values, 0);
  return { to: addressOf(contract), data: data.slice(0, -64) + wordOf(epoch) };
}

function demandRead({ claimId }: Case, opening: object, court: BaseContract): Read {
  const key = `${claimId} ${JSON.stringify(opening)}`;
  const made = known.get(key) ?? {
    to: addressOf(court),
    data: court.interface.encodeFunctionData("demandOf", [claimId, opening]),
  };
  known.set(key, made);
  return made;
}

const NOTHING = new Words("", true);

function decodeRequest([
  claim = NOTHING,
  result = NOTHING,
  paid = NOTHING,
  harm = NOTHING,
  lock = NOTHING,
]: readonly Words[]): RequestView {
  return {
    ...{ status: claim.big(0), operator: claim.address(1), outputRoot: claim.hash(2), deadline: claim.number(3) },
    ...{ claimedBlock: claim.number(4), claimId: claim.hash(5), lockedOf: lock.address(0), lock: lock.big(1) },
    ...{ finality: result.big(0), result: result.hash(1), compensation: paid.big(0), damages: harm.big(0) },
  };
}

function decodeDispute([it = NOTHING, trace = NOTHING]: readonly Words[]): DisputeView {
  return {
    ...{ challenger: it.address(0), termsId: it.number(1), traceUntil: it.number(2), status: it.big(3) },
    ...{ source: it.number(4), operator: it.address(5), demandUntil: it.number(6), end: it.number(7) },
    ...{ demands: it.big(8), openDemands: it.big(9), challengeableUntil: it.number(10), accusations: it.big(11) },
    ...{ audit: it.number(12) === 1 },
    ...{ requestId: it.hash(13), trace: trace.hex },
  };
}

const decodeAudit = ([it = NOTHING, lock = NOTHING]: readonly Words[]): AuditView => ({
  ...{ auditor: it.address(0), commitBy: it.number(1), status: it.big(2), candidate: it.number(3) },
  ...{ spent: it.number(4), payer: it.address(5), commitment: it.hash(6) },
  ...{ lock: lock.big(1), lockedOf: lock.address(0) },
});

const decodeDemand = (it: Words): DemandView => ({
  ...{ demander: it.address(0), answerUntil: it.number(1), answered: it.number(2) === 1 },
});

function decodeOperator(answers: readonly Words[]): OperatorView {
  const [record = NOTHING, queue = NOTHING, owed = NOTHING, jail = NOTHING, agent = NOTHING] = answers;
  const exits = Array.from({ length: queue.number(1) }, (_, i) => ({
    ...{ amount: queue.big(2 + 2 * i), releaseAt: queue.number(3 + 2 * i) },
  }));
  return {
    ...{ stake: record.big(0), locked: record.big(1), open: record.big(2), status: record.big(3), exits },
    ...{ owed: owed.big(0), jailedUntil: jail.number(0), agent: agent.address(0) },
  };
}

function decodePlace(answers: readonly Words[], epoch: number): PlaceView {
  const [optedIn = NOTHING, weight = NOTHING, before = NOTHING, terms = NOTHING, termsBefore = NOTHING] = answers;
  const text = (it: Words): string => (it.reverted ? "" : it.hex);
  return {
    ...{ epoch, optedIn: optedIn.number(0) === 1, weight: weight.big(0), weightBefore: before.big(0) },
    ...{ terms: text(terms), termsBefore: text(termsBefore) },
  };
}

function decodeVersion(answers: readonly Words[], epoch: number): VersionView {
  const [version = NOTHING, holders = NOTHING, total = NOTHING, before = NOTHING] = answers;
  // The struct begins at the second word; its status is the third of its fields.
  const facts = version.hex.slice(0, 64 * 3) + version.hex.slice(64 * 4);
  return {
    ...{
      epoch,
      status: version.big(3),
      holders: holders.big(0),
      total: total.big(0),
      totalBefore: before.big(0),
      facts,
    },
  };
}
