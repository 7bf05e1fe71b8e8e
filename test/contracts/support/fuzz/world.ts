import { parseEther } from "ethers";
import { network } from "hardhat";

import { createRandom, type Random } from "../../../../runner/machine/prng.ts";
import { BEGINNING, steadyTime } from "../../../../testing/court-stage.ts";
import { TERMS } from "../../../../testing/toy-court.ts";
import { Ledger } from "../ledger.ts";
import { type Connection, MARKET, metadataOf, OPTIMISTIC, type RequestStruct, SIGNED, STAKING } from "../protocol.ts";
import { addressOf } from "./move.ts";
import { type Answer, manifestFor, type Size } from "./toy.ts";
import { readView, type View } from "./view.ts";

export type Signer = Awaited<ReturnType<Connection["ethers"]["getSigners"]>>[number];
export type Contracts = Awaited<ReturnType<typeof deploy>>;

/** Start money of each account that has any. */
export const PURSE = parseEther("100000");
export const COURT_TERMS = {
  ...TERMS,
  challengeBond: parseEther("50"),
  demandBond: parseEther("1"),
  accusationBond: parseEther("2"),
};
const OPERATORS = 10;

/** A request and what its operator means to do. */
export interface Job {
  readonly id: string;
  readonly request: RequestStruct;
  readonly version: Version;
  answer?: Answer;
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

export interface Case {
  readonly claimId: string;
  readonly job: Job;
  readonly demands: Demand[];
  /** Elements that were accused: who, with which salt. */
  readonly accusations: {
    readonly kernel: number;
    readonly element: number;
    readonly accuser: string;
    readonly commitment: string;
    readonly salt: string;
  }[];
  /** Positions of kernel 1, element 600 that a replay stored. */
  readonly replays: Set<number>;
}

/** The whole suite on a chain of its own, with the real court on the toy machine. */
async function deploy({ ethers }: Connection, sink: string, admin: Signer) {
  const authority = await ethers.deployContract("Authority", [admin]);
  const successor = await ethers.deployContract("Authority", [admin]);
  const token = await ethers.deployContract("AssayToken");
  const registry = await ethers.deployContract("ModelRegistry");
  const randomness = await ethers.deployContract("FutureBlockRandomness");
  const staking = await ethers.deployContract("OperatorStaking", [authority, token, registry, sink, STAKING]);
  const attestation = await ethers.deployContract("AttestationVerifier", [authority]);
  const optimistic = await ethers.deployContract("OptimisticVerifier", [60]);
  const signature = await ethers.deployContract("SignatureVerifier", [staking]);
  const parts = [authority, registry, staking, attestation, randomness, MARKET] as const;
  const market = await ethers.deployContract("InferenceMarket", [...parts]);
  const machine = await ethers.deployContract("ToyMachine");
  const court = await ethers.deployContract("DisputeCourt", [authority, token, registry, machine, market, COURT_TERMS]);
  const second = await ethers.deployContract("InferenceMarket", [...parts]);
  const reader = await ethers.deployContract("BatchReader");
  const rules = { authority, successor, registry, attestation, optimistic, signature };
  return { ...rules, token, staking, market, second, court, reader };
}

/** Accounts by what they do; one account does one thing, so that a walk reads like a story. */
function cast(signers: readonly Signer[]) {
  const at = (index: number): Signer => {
    const signer = signers[index];
    if (signer === undefined) throw new RangeError(`no account ${index}`);
    return signer;
  };
  return {
    ...{ admin: at(0), manager: at(1), sink: at(2), royaltee: at(3), pauper: at(4) },
    publishers: [at(5), at(6)],
    requesters: [at(7), at(8)],
    watchers: [at(9), at(10)],
    operators: signers.slice(11, 11 + OPERATORS),
  };
}

/**
 * The suite on a chain, before anybody moves: a version of each size is published, everybody has money, and three
 * operators have begun. The market does not know its court yet.
 */
export async function openStage() {
  const accounts = { count: 11 + OPERATORS };
  const connection = await network.create({ override: { initialDate: BEGINNING, accounts } });
  steadyTime(connection);
  const { ethers, networkHelpers } = connection;
  const people = cast(await ethers.getSigners());
  const { sink, admin, manager, royaltee } = people;
  const contracts = await deploy(connection, sink.address, admin);
  const { token, market, staking, court, attestation, registry, optimistic, signature } = contracts;

  // Consumers: one that listens, one that reverts, one that burns its gas, one that calls back into the market.
  const consumers: string[] = [];
  for (const mode of [0, 1, 2, 4]) {
    const consumer = await ethers.deployContract("ConsumerMock");
    const [payer] = people.requesters;
    await consumer.behave(mode, market, market.interface.encodeFunctionData("withdraw", [payer?.address ?? ""]));
    consumers.push(await consumer.getAddress());
  }
  await attestation.addRoute(OPTIMISTIC, optimistic);
  await attestation.addRoute(SIGNED, signature);
  await staking.addManager(market);
  await staking.addManager(manager);

  const { operators, requesters, watchers, publishers } = people;
  for (const holder of [...operators, ...requesters, ...watchers]) {
    await token.mint(holder, PURSE);
    for (const spender of [market, staking, court]) await token.connect(holder).approve(spender, 2n ** 256n - 1n);
  }
  const beginners = operators.slice(0, 3);
  for (const operator of beginners) {
    await staking.connect(operator).deposit(parseEther("3000"));
    await staking.connect(operator).rotateSigningKey(operator);
  }
  const versions: Version[] = [];
  for (const size of ["small", "large"] as const) {
    const [publisher = admin] = publishers;
    const metadata = metadataOf({ royaltyBps: 1_000, royaltyRecipient: royaltee.address });
    await registry.connect(publisher).publish(manifestFor(size), metadata);
    const id = await registry.versionIdFor(publisher, manifestFor(size), metadata);
    versions.push({ id, size, publisher });
    for (const operator of beginners) await staking.connect(operator).optIn(id);
  }
  const snapshot = await networkHelpers.takeSnapshot();
  return { connection, contracts, people, consumers, versions, snapshot };
}
export type Stage = Awaited<ReturnType<typeof openStage>>;

/** A stage as it was at first, and what those who play on it remember. */
export class World {
  readonly connection: Connection;
  readonly random: Random;
  readonly contracts: Contracts;
  readonly people: Stage["people"];
  readonly ledger: Ledger;
  readonly consumers: readonly string[];
  readonly jobs: Job[] = [];
  readonly versions: Version[];
  readonly cases: Case[] = [];
  /** Routes of evidence: what each verifies by, and whether it was tombstoned. */
  readonly routes = new Map<string, { readonly by: "time" | "signature"; dead: boolean }>();
  /** Locks of the manager that is no market. */
  readonly locks: string[] = [];
  readonly managers: string[];
  /** Terms of the court, by id. */
  readonly terms: (typeof COURT_TERMS)[] = [COURT_TERMS];
  /** End of the pause that was begun last. */
  pausedUntil = 0;
  pauseSpent = false;
  /** Earliest start of the next pause, and when the newest terms of the court count. */
  nextPauseFrom = 0;
  termsFrom = 0;
  /** Whether the second source of claims was added, and tombstoned. */
  source: "unknown" | "active" | "tombstoned" = "unknown";
  #view: View | undefined;
  #serial = 0;

  private constructor({ connection, contracts, people, consumers, versions }: Stage, seed: number) {
    this.connection = connection;
    this.random = createRandom(seed);
    this.contracts = contracts;
    this.people = people;
    this.consumers = consumers;
    this.versions = [...versions];
    this.ledger = new Ledger(contracts);
    this.routes.set(OPTIMISTIC, { by: "time", dead: false });
    this.routes.set(SIGNED, { by: "signature", dead: false });
    this.managers = [addressOf(contracts.market), people.manager.address];
  }

  static async on(stage: Stage, seed: number): Promise<World> {
    await stage.snapshot.restore();
    const world = new World(stage, seed);
    await world.look();
    return world;
  }

  /** Everything that can be read, as it is now. */
  get view(): View {
    if (this.#view === undefined) throw new Error("nobody has looked yet");
    return this.#view;
  }

  /** Reads events and views anew. */
  async look(): Promise<View> {
    await this.ledger.readOn(this.connection.ethers.provider);
    this.#view = await readView(this);
    return this.#view;
  }

  /** Time of the next transaction. */
  get next(): number {
    return this.view.time + 1;
  }

  /** The market's time in the next transaction: it stands still up to the end of a pause. */
  get nextClock(): number {
    return this.view.clock + (this.view.time < this.pausedUntil ? 0 : 1);
  }

  /** Whether the market is paused in the next transaction. */
  get pausedNext(): boolean {
    return this.next < this.pausedUntil;
  }

  /** The time at which the market's clock will show `clock`, if it is not paused meanwhile. */
  timeOf(clock: number): number {
    return Math.max(this.view.time, this.pausedUntil) + clock - this.view.clock;
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

  /** Mines a block at a time. */
  async passTo(time: number): Promise<void> {
    const { provider } = this.connection;
    await provider.request({ method: "evm_setNextBlockTimestamp", params: [time] });
    await provider.request({ method: "evm_mine", params: [] });
  }

  async signerOf(address: string): Promise<Signer> {
    return this.connection.ethers.getSigner(address);
  }
}
