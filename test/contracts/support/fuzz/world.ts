import { parseEther } from "ethers";
import { network } from "hardhat";

import { createRandom, type Random } from "../../../../runner/machine/prng.ts";
import { BEGINNING, steadyTime } from "../../../../testing/court-stage.ts";
import { TERMS } from "../../../../testing/toy-court.ts";
import type { TokenMock } from "../../../../typechain-types/index.ts";
import {
  AUDIT as AUDIT_OF_TESTS,
  type Connection,
  DATA_BOND,
  EPOCH_SECONDS,
  MARKET,
  metadataOf,
  OPEN_TERMS,
  OPTIMISTIC,
  type RequestStruct,
  SATURATION,
  SIGNED,
  STAKING,
} from "../protocol.ts";
import { type Actor, type Character, CHARACTERS, SIDES } from "./actors.ts";
import { Chain, Player } from "./chain.ts";
import { type Args, Ledger } from "./ledger.ts";
import { addressOf } from "./move.ts";
import { type Answer, manifestFor, type Size } from "./toy.ts";
import { bondOf } from "./invariants/bonds.ts";
import { Lens, type View } from "./view.ts";

/** Who sends transactions and signs. */
export type Signer = Player;
export type Contracts = Awaited<ReturnType<typeof deploy>>;

/** Start money of each account that has any. */
export const PURSE = parseEther("100000");
export const COURT_TERMS = {
  ...TERMS,
  challengeBond: parseEther("50"),
  demandBond: parseEther("1"),
  accusationBond: parseEther("0.5"),
};
/** Amounts and times of stake: those of other tests, with the rule that operators who fail together lose more. */
export const PENALTIES = { ...STAKING, correlationFactor: 3 };
/** Amounts and times of audits: those of other tests, but that most claims are audited. */
export const AUDIT = { ...AUDIT_OF_TESTS, rateBps: 8_000 };
const OPERATORS = CHARACTERS.length;
const REQUESTERS = SIDES.length;
const WATCHERS = SIDES.length;
/** How many of the operators have begun. */
const BEGINNERS = 9;

/** A request and what its operator means to do. */
export interface Job {
  readonly id: string;
  readonly request: RequestStruct;
  readonly version: Version;
  answer?: Answer;
  /** Whose answer that is. */
  answeredBy?: string;
}

export interface Version {
  readonly id: string;
  readonly size: Size;
  readonly publisher: Signer;
}

/** What the record of a demand needs to be found again. */
export interface Demand {
  readonly claimId: string;
  readonly opening: {
    readonly kernelIndex: number;
    readonly dtype: number;
    readonly length: number;
    readonly place: { readonly level: number; readonly index: number };
  };
}

/** An audit that was begun. */
export interface Audited {
  readonly claimId: string;
  readonly job: Job;
  /** What was claimed: the market forgets it when a claim fails. */
  readonly outputRoot: string;
}

export interface Case {
  readonly claimId: string;
  readonly job: Job;
  readonly demands: Demand[];
  /** Elements that were accused: who, with which salt. */
  readonly accusations: {
    readonly commitment: string;
    readonly kernel: number;
    readonly element: number;
    readonly accuser: string;
    readonly salt: string;
  }[];
  /** Positions of kernel 1, element 600 that a replay stored. */
  readonly replays: Set<number>;
}

/** The whole suite on a chain of its own, with the real court on the toy machine. */
async function deploy(
  { ethers }: Connection,
  sink: string,
  admin: { readonly address: string },
  liar: TokenMock | undefined,
) {
  const authority = await ethers.deployContract("Authority", [admin.address]);
  const successor = await ethers.deployContract("Authority", [admin.address]);
  // One that lies has the same functions, but for permits.
  const token =
    liar === undefined ? await ethers.deployContract("AssayToken") : await ethers.getContractAt("AssayToken", liar);
  const registry = await ethers.deployContract("ModelRegistry");
  const randomness = await ethers.deployContract("LocalBlockRandomness");
  const staking = await ethers.deployContract("OperatorStaking", [authority, token, sink, PENALTIES]);
  const pools = await ethers.deployContract("OperatorPools", [registry, staking, EPOCH_SECONDS, SATURATION]);
  const attestation = await ethers.deployContract("AttestationVerifier", [authority]);
  const optimistic = await ethers.deployContract("OptimisticVerifier", [60]);
  const signature = await ethers.deployContract("SignatureVerifier", [staking]);
  const availability = await ethers.deployContract("DataAvailability", [token, registry, DATA_BOND]);
  const parts = [authority, registry, pools, attestation, randomness, availability, MARKET] as const;
  const market = await ethers.deployContract("InferenceMarket", [...parts]);
  // Another source of claims, which nobody uses.
  const spare = await ethers.deployContract("InferenceMarket", [...parts]);
  const machine = await ethers.deployContract("ToyMachine");
  const court = await ethers.deployContract("DisputeCourt", [
    ...[authority, token, registry, machine, market, COURT_TERMS],
  ]);
  const reader = await ethers.deployContract("BatchReader");
  const prober = await ethers.deployContract("VerdictProber");
  const desk = await ethers.deployContract("AuditDesk", [market, court, pools, randomness, AUDIT]);
  const relay = await ethers.deployContract("RequestRelay", [market]);
  const rules = { authority, successor, registry, attestation, optimistic, signature };
  return { ...rules, token, staking, pools, market, court, relay, desk, availability, spare, reader, prober };
}

const AGENTS = 2;
const FIRST_OPERATOR = 7 + REQUESTERS + WATCHERS;

/** The contracts as `player` calls them where nobody else is named. */
function sentBy<T extends Readonly<Record<string, { connect(runner: Player): unknown }>>>(player: Player, all: T): T {
  return Object.fromEntries(Object.entries(all).map(([name, contract]) => [name, contract.connect(player)])) as T;
}

/** Accounts by what they do; one account does one thing, so that a walk reads like a story. */
function cast(players: readonly Player[]) {
  const at = (index: number): Player => {
    const player = players[index];
    if (player === undefined) throw new RangeError(`no account ${index}`);
    return player;
  };
  return {
    ...{ admin: at(0), manager: at(1), sink: at(2), royaltee: at(3), pauper: at(4) },
    publishers: [at(5), at(6)],
    requesters: players.slice(7, 7 + REQUESTERS),
    watchers: players.slice(7 + REQUESTERS, 7 + REQUESTERS + WATCHERS),
    operators: players.slice(FIRST_OPERATOR, FIRST_OPERATOR + OPERATORS),
    agents: players.slice(FIRST_OPERATOR + OPERATORS, FIRST_OPERATOR + OPERATORS + AGENTS),
  };
}

/**
 * The suite on a chain, before anybody moves: a version of each size is published, everybody has money, and one
 * operator of each character has begun. The market does not know its court yet.
 */
export async function openStage({ lies = false } = {}) {
  const accounts = { count: FIRST_OPERATOR + OPERATORS + AGENTS };
  // What is refused is told by its receipt, which is cheaper than an error with the story of its call.
  const quiet = { throwOnTransactionFailures: false, throwOnCallFailures: false };
  const connection = await network.create({ override: { initialDate: BEGINNING, accounts, ...quiet } });
  steadyTime(connection);
  const { ethers, networkHelpers } = connection;
  const chain = new Chain(connection);
  const signers = await ethers.getSigners();
  const people = cast(signers.map((signer) => new Player(chain, signer)));
  const { sink, admin, manager, royaltee } = people;
  const liar = lies ? (await ethers.deployContract("TokenMock")).connect(people.pauper) : undefined;
  const contracts = sentBy(people.pauper, await deploy(connection, sink.address, admin, liar));
  const { token, market, staking, pools, court, attestation, registry, optimistic, signature } = contracts;

  // Consumers: one that listens, one that reverts, one that burns its gas, one that calls back into the market.
  const consumers: string[] = [];
  for (const mode of [0, 1, 2, 4]) {
    const consumer = await ethers.deployContract("ConsumerMock");
    const [payer] = people.requesters;
    await consumer.behave(mode, market, market.interface.encodeFunctionData("withdraw", [payer?.address ?? ""]));
    consumers.push(await consumer.getAddress());
  }
  await chain.sync();
  await attestation.connect(admin).addRoute(OPTIMISTIC, optimistic);
  await attestation.connect(admin).addRoute(SIGNED, signature);
  await staking.connect(admin).addManager(market);
  await staking.connect(admin).addManager(manager.address);
  await staking.connect(admin).addManager(contracts.desk);

  const { operators, requesters, watchers, publishers } = people;
  for (const holder of [...operators, ...requesters, ...watchers]) {
    await token.connect(admin).mint(holder, PURSE);
    for (const spender of [market, staking, court, contracts.relay, contracts.availability, contracts.desk])
      await token.connect(holder).approve(spender, 2n ** 256n - 1n);
  }
  if (liar !== undefined) await equip(liar, contracts);
  const beginners = operators.slice(0, BEGINNERS);
  for (const [i, operator] of beginners.entries()) {
    // The swarm has no more than it must.
    await staking.connect(operator).deposit(CHARACTERS[i] === "sybil" ? STAKING.minimumStake : parseEther("3000"));
    await staking.connect(operator).rotateSigningKey(operator);
  }
  const versions: Version[] = [];
  for (const size of ["small", "large"] as const) {
    const [publisher = admin] = publishers;
    const metadata = metadataOf({ royaltyBps: 1_000, royaltyRecipient: royaltee.address });
    await registry.connect(publisher).publish(manifestFor(size), metadata);
    const id = await registry.versionIdFor(publisher, manifestFor(size), metadata);
    versions.push({ id, size, publisher });
    // Every third takes little at once.
    for (const [i, operator] of beginners.entries())
      await pools.connect(operator).optIn(id, { ...OPEN_TERMS, capacity: i % 3 === 1 ? 2 : OPEN_TERMS.capacity });
  }
  // Those who begin count when a walk does.
  await chain.passTo((Math.floor(chain.time / EPOCH_SECONDS) + 1) * EPOCH_SECONDS);
  const past = chain.takeLogs().logs;
  const probe = (await chain.request("eth_getCode", [addressOf(contracts.prober), "latest"])) as string;
  const setUpUntil = Number(await staking.SETUP_UNTIL());
  const snapshot = await networkHelpers.takeSnapshot();
  return { connection, chain, contracts, people, consumers, versions, past, probe, setUpUntil, liar, snapshot };
}
/** Gives a token that lies what it needs to call back as an account of its own. */
async function equip(liar: TokenMock, { token, staking, market, court, availability, desk }: Contracts): Promise<void> {
  await token.mint(token, PURSE);
  for (const spender of [staking, market, court, availability, desk]) {
    await liar.execute(token, token.interface.encodeFunctionData("approve", [addressOf(spender), PURSE]));
  }
}

export type Stage = Awaited<ReturnType<typeof openStage>>;

/** A stage as it was at first, and what those who play on it remember. */
export class World {
  readonly connection: Connection;
  readonly chain: Chain;
  readonly random: Random;
  readonly contracts: Contracts;
  readonly people: Stage["people"];
  readonly ledger: Ledger;
  readonly consumers: readonly string[];
  readonly jobs: Job[] = [];
  readonly versions: Version[];
  readonly cases: Case[] = [];
  readonly audits: Audited[] = [];
  /** Periods of claims whose seed somebody asked for. */
  readonly periods = new Set<number>();
  /** Seeds of those periods, by ticket. */
  readonly seeds = new Map<number, string>();
  /** Everybody who may own something. */
  readonly everybody: readonly string[];
  /** Routes of evidence: what each verifies by, and whether it was tombstoned. */
  readonly routes = new Map<string, { readonly by: "time" | "signature"; dead: boolean }>();
  /** Locks of the manager that is no market. */
  readonly locks: string[] = [];
  readonly managers: string[];
  /** From when on the court's newest terms count, and the next pause can begin. */
  termsFrom = 0;
  pauseFrom = 0;
  /** Sources that the court was told of besides the market, and whether they were tombstoned. */
  readonly sources = new Map<string, boolean>();
  /** Terms of the court, by id. */
  readonly terms: (typeof COURT_TERMS)[] = [COURT_TERMS];
  /** End of the pause that was begun last. */
  pausedUntil = 0;
  pauseSpent = false;
  /** What the last move turned out to be, when it was decided while it was sent. */
  playedAs: string | undefined;
  /** Whose turn it is, when it is an actor's. */
  spotlight: Actor | undefined;
  #view: View | undefined;
  #serial = 0;

  /** Code of contracts/mocks/VerdictProber.sol. */
  readonly probe: string;
  /** The token when it lies now and then; it knows no permits. */
  readonly liar: TokenMock | undefined;
  /** Until when managers of stake count at once. */
  readonly setUpUntil: number;
  readonly #lens: Lens;
  readonly #past: Stage["past"];

  private constructor(stage: Stage, seed: number) {
    const { connection, chain, contracts, people, consumers, versions, past, probe } = stage;
    this.connection = connection;
    this.chain = chain;
    this.random = createRandom(seed);
    this.contracts = contracts;
    this.people = people;
    this.consumers = consumers;
    this.versions = [...versions];
    const { staking, pools, market, court, availability, desk } = contracts;
    this.ledger = new Ledger({ staking, pools, market, court, availability, desk });
    this.routes.set(OPTIMISTIC, { by: "time", dead: false });
    this.routes.set(SIGNED, { by: "signature", dead: false });
    this.managers = [addressOf(contracts.market), people.manager.address, addressOf(contracts.desk)];
    const { admin, manager, sink, royaltee, pauper, publishers, requesters, watchers, operators, agents } = people;
    const all = [admin, manager, sink, royaltee, pauper, ...publishers, ...requesters, ...watchers];
    this.everybody = [...all, ...operators, ...agents].map(({ address }) => address);
    this.#past = past;
    this.probe = probe;
    this.setUpUntil = stage.setUpUntil;
    this.liar = stage.liar;
    this.#lens = new Lens(this);
  }

  static async on(stage: Stage, seed: number): Promise<World> {
    await stage.snapshot.restore();
    await stage.chain.sync();
    const world = new World(stage, seed);
    world.ledger.read(world.#past, 0, "");
    await world.look(true);
    return world;
  }

  /** Everything that can be read, as it is now. */
  get view(): View {
    if (this.#view === undefined) throw new Error("nobody has looked yet");
    return this.#view;
  }

  /** Takes in events, and reads what they may have changed: everything when asked for. */
  async look(all = false): Promise<View> {
    const { logs, senders } = this.chain.takeLogs();
    this.ledger.read(logs, this.chain.time, this.payer);
    for (const { name, args } of this.ledger.latest) if (name === "market.RequestOpened") this.#opened(args);
    this.#view = await this.#lens.look(logs, senders, all);
    for (const of of ["court", "availability", "desk"] as const) this.ledger.charge(of, bondOf(this, of));
    for (const { ticket } of this.#view.periods.values()) {
      if (ticket === 0 || ticket > this.chain.block || this.seeds.has(ticket)) continue;
      this.seeds.set(ticket, await this.chain.hashOf(ticket));
    }
    return this.#view;
  }

  /** Who paid what the last transaction charged: who sent it, or the relay between. */
  get payer(): string {
    const { lastSender, lastTarget } = this.chain;
    return lastTarget === addressOf(this.contracts.relay) ? lastTarget : lastSender;
  }

  #opened({ requestId, versionId, request }: Args): void {
    const version = this.versions.find(({ id }) => id === versionId);
    if (version === undefined) throw new Error(`a request for an unknown version ${String(versionId)}`);
    this.jobs.push({ id: String(requestId), request: request as RequestStruct, version });
  }

  /** Time of the next transaction. */
  get next(): number {
    return this.chain.time + 1;
  }

  /** The market's time in the next transaction: it stands still up to the end of a pause. */
  get nextClock(): number {
    const running = Math.max(this.view.time, this.pausedUntil);
    return this.view.clock + Math.max(0, this.next - running);
  }

  /** Whether the market is paused in the next transaction. */
  get pausedNext(): boolean {
    return this.next < this.pausedUntil;
  }

  /** The time at which the market's clock will show `clock`, if it is not paused meanwhile. */
  timeOf(clock: number): number {
    return Math.max(this.view.time, this.pausedUntil) + clock - this.view.clock;
  }

  /** What an operator is like. */
  characterOf(operator: string): Character {
    return CHARACTERS[this.people.operators.findIndex(({ address }) => address === operator)] ?? "lazy";
  }

  /** The name of the last move, which may have been decided while it was sent. */
  nameOf(move: string): string {
    const name = this.playedAs ?? move;
    this.playedAs = undefined;
    return name;
  }

  /** What a requester or a watcher is like. */
  sideOf(account: string): (typeof SIDES)[number] {
    const { requesters, watchers } = this.people;
    const at = [requesters, watchers].map((row) => row.findIndex(({ address }) => address === account));
    return SIDES[Math.max(...at)] ?? "honest";
  }

  /** Whether it is not somebody else's turn. */
  isLit(role: "operators" | "requesters" | "watchers", account: string): boolean {
    const own = this.spotlight?.[role] ?? [];
    return own.length === 0 || own.some((index) => this.people[role][index]?.address === account);
  }

  /** A number that nobody had before. */
  serial(): number {
    return ++this.#serial;
  }

  /** One of the entries for which the condition holds. */
  some<T>(entries: Iterable<T>, condition: (entry: T) => boolean = () => true): T | undefined {
    const fitting = [...entries].filter(condition);
    return fitting.length === 0 ? undefined : this.random.pick(fitting);
  }

  /** The account of that address. */
  signerOf(address: string): Signer {
    const { admin, manager, pauper, operators, agents, requesters, watchers } = this.people;
    const all = [...operators, ...agents, ...requesters, ...watchers, admin, manager];
    return all.find((player) => player.address === address) ?? pauper;
  }
}
