import { concat, type ContractTransactionResponse, id, parseEther, type Typed, ZeroAddress, ZeroHash } from "ethers";
import type { network } from "hardhat";

import * as tree from "./tree.ts";

export type Connection = Awaited<ReturnType<typeof network.create>>;
export type Protocol = Awaited<ReturnType<typeof deployProtocol>>;

export const DAY = 86_400;
export const OPTIMISTIC = "0x00000001";
export const SIGNED = "0x00000002";
export const WINDOW = 3_600;

export const STAKING = {
  minimumStake: parseEther("1000"),
  fraudMinimum: parseEther("500"),
  livenessPenalty: parseEther("10"),
  unbondingSeconds: 45 * DAY,
  jailSeconds: DAY,
  keyDelaySeconds: DAY,
  correlationFactor: 0,
} as const;

/** Bond of a demand for committed data. */
export const DATA_BOND = parseEther("25");

export const MARKET = {
  minimumFee: parseEther("1"),
  lockFeeBps: 20,
  minimumCollateral: parseEther("100"),
  catchBps: 5_000,
  auditBps: 1_000,
  maxDisputeSeconds: 30 * DAY,
} as const;

export const AUDIT = {
  rateBps: 5_000,
  bond: parseEther("50"),
  periodSeconds: 600,
  commitSeconds: 600,
  publishSeconds: 600,
  marginSeconds: 600,
} as const;

/** Seconds of an epoch of the pools, and the part at which weights stop growing. */
export const [EPOCH_SECONDS, SATURATION] = [3_600, 10];

/** Terms of a place that takes every request. */
export const OPEN_TERMS = {
  minimumFee: 0n,
  callbackPrice: 0n,
  minimumClaimSeconds: 0,
  maximumCallbackGas: 1_000_000,
  capacity: 1_000,
} as const;

/** A policy word: selectors left to right. */
export const policyOf = (...selectors: readonly string[]): string => {
  const bytes = concat(selectors);
  return bytes + "00".repeat(32 - (bytes.length - 2) / 2);
};

export interface TensorType {
  readonly dtype: number;
  readonly length: number;
}

/** A manifest of a model with f32 input of 64 and f32 output of 10 elements, changed as told. */
export const manifestOf = (overrides: object = {}) => ({
  numericsVersion: 1,
  programRoot: id("program"),
  kernelCount: 3,
  weightsRoot: id("weights"),
  constantCount: 2,
  inputs: [{ dtype: 0, length: 64 }] as TensorType[],
  outputs: [{ dtype: 0, length: 10 }] as TensorType[],
  outputKernels: [2],
  ...overrides,
});

export const metadataOf = (overrides: object = {}) => ({
  fileHash: id("file"),
  contentUri: "ipfs://model",
  licence: "MIT",
  parents: [] as { versionId: string; relation: number }[],
  royaltyBps: 0,
  royaltyRecipient: ZeroAddress,
  ...overrides,
});

/** `size` bytes, all of one value. */
export const filled = (size: number, value: number): string => "0x" + value.toString(16).padStart(2, "0").repeat(size);

/** Root of a list of one f32 tensor. */
export const rootOfF32 = (data: string): string => tree.leafHash(tree.rootOf(0, (data.length - 2) / 8, data));

interface Parsed {
  readonly name: string;
  readonly args: { toObject(deep?: boolean): Record<string, unknown> };
}

/** Events of one contract in a transaction, in order. */
export async function eventsOf(
  contract: {
    readonly target: unknown;
    readonly interface: { parseLog(log: { topics: string[]; data: string }): Parsed | null };
  },
  transaction: Pick<ContractTransactionResponse, "wait">,
) {
  const receipt = await transaction.wait();
  return (receipt?.logs ?? [])
    .filter((log) => log.address === contract.target)
    .flatMap((log) => {
      const parsed = contract.interface.parseLog({ topics: [...log.topics], data: log.data });
      return parsed === null ? [] : [{ name: parsed.name, args: parsed.args.toObject(true) }];
    });
}

/** Constants of an object, as what they are constants of. */
type Widened<T> = { readonly [K in keyof T]: T[K] extends bigint ? bigint : number };

/** Parameters of the contracts that have some. */
export interface Rules {
  readonly staking: Widened<typeof STAKING>;
  readonly market: Widened<typeof MARKET>;
  readonly audit: Widened<typeof AUDIT>;
}
const PARAMETERS: Rules = { staking: STAKING, market: MARKET, audit: AUDIT };

/**
 * Deploys everything but the court, which is the signer `court`, and publishes a model. A token at `tokenAddress` that
 * anyone can mint replaces the usual one.
 */
export async function deployProtocol(connection: Connection, tokenAddress?: string, rules: Rules = PARAMETERS) {
  const { ethers } = connection;
  const signers = await ethers.getSigners();
  const account = (index: number) => {
    const signer = signers[index];
    if (signer === undefined) throw new RangeError(`no account ${index}`);
    return signer;
  };
  const [admin, court, publisher, requester] = [account(0), account(1), account(2), account(3)];
  const [alice, bob, carol, accuser] = [account(4), account(5), account(6), account(7)];
  const [sink, royaltee, stranger] = [account(8), account(9), account(10)];
  const authority = await ethers.deployContract("Authority", [admin]);
  const token =
    tokenAddress === undefined
      ? await ethers.deployContract("AssayToken")
      : await ethers.getContractAt("AssayToken", tokenAddress);
  const registry = await ethers.deployContract("ModelRegistry");
  const randomness = await ethers.deployContract("LocalBlockRandomness");
  const staking = await ethers.deployContract("OperatorStaking", [authority, token, sink, rules.staking]);
  const pools = await ethers.deployContract("OperatorPools", [registry, staking, EPOCH_SECONDS, SATURATION]);
  const attestation = await ethers.deployContract("AttestationVerifier", [authority]);
  const optimistic = await ethers.deployContract("OptimisticVerifier", [60]);
  const signature = await ethers.deployContract("SignatureVerifier", [staking]);
  const availability = await ethers.deployContract("DataAvailability", [token, registry, DATA_BOND]);
  const market = await ethers.deployContract("InferenceMarket", [
    authority,
    registry,
    pools,
    attestation,
    randomness,
    availability,
    rules.market,
  ]);
  await attestation.addRoute(OPTIMISTIC, optimistic);
  await attestation.addRoute(SIGNED, signature);
  const desk = await ethers.deployContract("AuditDesk", [market, court, pools, randomness, rules.audit]);
  await staking.addManager(market);
  await staking.addManager(desk);
  await market.setCourt(court, desk);

  const metadata = metadataOf({ royaltyBps: 1_000, royaltyRecipient: royaltee.address });
  const versionId = await registry.versionIdFor(publisher, manifestOf(), metadata);
  await registry.connect(publisher).publish(manifestOf(), metadata);
  for (const holder of [requester, alice, bob, carol, accuser]) {
    await token.mint(holder, parseEther("100000"));
    await token.connect(holder).approve(market, parseEther("100000"));
    await token.connect(holder).approve(staking, parseEther("100000"));
    await token.connect(holder).approve(availability, parseEther("100000"));
  }
  return {
    ...{ admin, court, publisher, requester, alice, bob, carol, accuser, sink, royaltee, stranger },
    ...{
      authority,
      token,
      registry,
      randomness,
      staking,
      pools,
      attestation,
      optimistic,
      signature,
      availability,
      market,
      desk,
      versionId,
    },
  };
}

export type Signer = Protocol["admin"];

/**
 * For a `describe`: contracts and accounts in the state that `fixture` makes, fresh before each test. The object is filled
 * by then, so tests read its fields and a `describe` does not.
 */
export function useFixture<T extends object>({ networkHelpers }: Connection, fixture: () => Promise<T>): T {
  const protocol = {} as T;
  beforeEach(async () => {
    Object.assign(protocol, await networkHelpers.loadFixture(fixture));
  });
  return protocol;
}

/** Stakes, sets a key and opts in; counts from the next epoch on. */
export async function join(protocol: Protocol, operator: Signer, amount = STAKING.minimumStake): Promise<void> {
  const staking = protocol.staking.connect(operator);
  await staking.deposit(amount);
  if ((await staking.signingKeyAt(operator, 2 ** 39)) === ZeroAddress) await staking.rotateSigningKey(operator);
  await protocol.pools.connect(operator).optIn(protocol.versionId, OPEN_TERMS);
}

/** Goes on to the first second of the next epoch. */
export async function nextEpoch({ networkHelpers }: Connection): Promise<bigint> {
  const next = Math.floor((await networkHelpers.time.latest()) / EPOCH_SECONDS) + 1;
  await networkHelpers.time.increaseTo(next * EPOCH_SECONDS);
  return BigInt(next);
}

/** Terms of a request for the published model, optimistic and without callback, changed as told. */
export const termsOf = (protocol: Protocol, overrides: object = {}) => ({
  versionId: protocol.versionId,
  inputs: filled(256, 1),
  inputRoot: ZeroHash,
  inputUri: "",
  policy: policyOf(OPTIMISTIC),
  fee: parseEther("10"),
  valueAtRisk: parseEther("40"),
  openSeconds: 600,
  claimSeconds: 600,
  windowSeconds: WINDOW,
  callback: ZeroAddress,
  callbackGas: 0,
  minimumHolders: 0,
  ...overrides,
});

/** The struct of a request, to hand back in calldata. */
export type RequestStruct = Exclude<Parameters<Protocol["market"]["assign"]["staticCall"]>[0], Typed>;

/** Opens a request; gives its id and the struct to hand back. */
export async function open(protocol: Protocol, overrides: object = {}, by: Signer = protocol.requester) {
  const transaction = await protocol.market.connect(by).request(termsOf(protocol, overrides));
  return requestIn(protocol, transaction);
}

/** The request opened in a transaction. */
export async function requestIn(
  protocol: Pick<Protocol, "market">,
  transaction: Pick<ContractTransactionResponse, "wait">,
) {
  const events = await eventsOf(protocol.market, transaction);
  const opened = events.find(({ name }) => name === "RequestOpened");
  if (opened === undefined) throw new Error("no request was opened");
  return { id: opened.args.requestId as string, request: opened.args.request as RequestStruct, transaction };
}

export type Opened = Awaited<ReturnType<typeof open>>;

/** Mines until a seed is there that names an able operator, and assigns. */
export async function assign(connection: Connection, protocol: Protocol, { id, request }: Opened): Promise<string> {
  // A draw whose operator is busy is followed by another one.
  for (let draws = 0; draws < 50; draws++) {
    await connection.networkHelpers.mine(3);
    await protocol.market.assign(request);
    const { operator } = await protocol.market.stateOf(id);
    if (operator !== ZeroAddress) return operator;
  }
  throw new Error("no operator was drawn");
}

export const OUTPUT = filled(40, 7);
export const EVIDENCE = ["0x"];

/** Claims the standard output as the assigned operator. */
export async function claim(connection: Connection, protocol: Protocol, opened: Opened, outputs = OUTPUT) {
  const { operator } = await protocol.market.stateOf(opened.id);
  const signer = await connection.ethers.getSigner(operator);
  const market = protocol.market.connect(signer);
  const transaction = await market.claim(opened.request, outputs, rootOfF32(outputs), "", EVIDENCE);
  const { claimId } = await protocol.market.claimOf(opened.id);
  return { operator: signer, claimId, transaction };
}
