import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { type ContractRunner, isAddress } from "ethers";
// What the plugins add to a connection.
import type {} from "@nomicfoundation/hardhat-toolbox-mocha-ethers";
import type { network } from "hardhat";

import { AssayError } from "../../runner/errors.ts";
import type { RandomnessSource } from "../../ignition/randomness.ts";
import {
  AssayToken__factory,
  AttestationVerifier__factory,
  AuditDesk__factory,
  Authority__factory,
  DataAvailability__factory,
  DisputeCourt__factory,
  InferenceMarket__factory,
  IRandomness__factory,
  ModelRegistry__factory,
  OperatorPools__factory,
  OperatorStaking__factory,
  QuoteReader__factory,
  RequestRelay__factory,
  SignatureVerifier__factory,
  TensorMachine__factory,
} from "../../typechain-types/index.ts";

/** An open connection to a network of hardhat.config.ts. */
export type Connection = Awaited<ReturnType<typeof network.create>>;
export type Signer = Awaited<ReturnType<Connection["ethers"]["getSigners"]>>[number];

/** Where the suite is on one chain: what `deployments/CHAIN_ID.json` holds. */
export interface Deployment {
  readonly chainId: number;
  /** Block from which events are read. */
  readonly block: number;
  /** Where the seeds of draws come from; `contracts.IRandomness` is its contract. */
  readonly randomness: RandomnessSource;
  /** Whether `contracts.AssayToken` is a token that was there before, which nobody mints here. */
  readonly existingToken?: boolean;
  readonly contracts: Readonly<Record<ContractName, string>>;
}

export const NAMES = {
  authority: "Authority",
  token: "AssayToken",
  registry: "ModelRegistry",
  randomness: "IRandomness",
  staking: "OperatorStaking",
  pools: "OperatorPools",
  attestation: "AttestationVerifier",
  optimistic: "OptimisticVerifier",
  signature: "SignatureVerifier",
  availability: "DataAvailability",
  market: "InferenceMarket",
  machine: "TensorMachine",
  court: "DisputeCourt",
  auditDesk: "AuditDesk",
  relay: "RequestRelay",
  quotes: "QuoteReader",
} as const;

export type ContractName = (typeof NAMES)[keyof typeof NAMES];

/** The contracts of a deployment, typed, with a signer or provider behind them. */
export type Suite = ReturnType<typeof attach>;

/** Binds a deployment's contracts to a signer or provider. */
export const attach = ({ contracts }: Deployment, runner: ContractRunner) => ({
  authority: Authority__factory.connect(contracts.Authority, runner),
  token: AssayToken__factory.connect(contracts.AssayToken, runner),
  registry: ModelRegistry__factory.connect(contracts.ModelRegistry, runner),
  randomness: IRandomness__factory.connect(contracts.IRandomness, runner),
  staking: OperatorStaking__factory.connect(contracts.OperatorStaking, runner),
  pools: OperatorPools__factory.connect(contracts.OperatorPools, runner),
  attestation: AttestationVerifier__factory.connect(contracts.AttestationVerifier, runner),
  signature: SignatureVerifier__factory.connect(contracts.SignatureVerifier, runner),
  availability: DataAvailability__factory.connect(contracts.DataAvailability, runner),
  market: InferenceMarket__factory.connect(contracts.InferenceMarket, runner),
  machine: TensorMachine__factory.connect(contracts.TensorMachine, runner),
  court: DisputeCourt__factory.connect(contracts.DisputeCourt, runner),
  auditDesk: AuditDesk__factory.connect(contracts.AuditDesk, runner),
  relay: RequestRelay__factory.connect(contracts.RequestRelay, runner),
  quotes: QuoteReader__factory.connect(contracts.QuoteReader, runner),
});

/** Where addresses are, unless an option says otherwise. */
export const DEPLOYMENTS = "deployments";
export const fileOf = (folder: string, chainId: number): string => join(folder, `${String(chainId)}.json`);

/**
 * Reads where the suite is on the connection's chain.
 * @throws AssayError DEPLOYMENT_MISSING when it was never deployed there, or its chain is gone.
 */
export async function readDeployment(connection: Connection, folder = DEPLOYMENTS): Promise<Deployment> {
  const provider = connection.ethers.provider;
  const chainId = Number((await provider.getNetwork()).chainId);
  const file = fileOf(folder, chainId);
  const remedy = `run npx hardhat run scripts/deploy.ts --network ${connection.networkName}`;
  const missing = (reason: string): AssayError<"DEPLOYMENT_MISSING"> =>
    new AssayError("DEPLOYMENT_MISSING", `${reason}; ${remedy}`, { chainId, file });
  if (!existsSync(file)) throw missing(`there is no ${file}`);
  const deployment = await deploymentIn(file);
  const market = deployment.contracts.InferenceMarket;
  if ((await provider.getCode(market)) === "0x") throw missing(`${file} names ${market}, where nothing is deployed`);
  return deployment;
}

const SOURCES: Readonly<Record<RandomnessSource, true>> = { drand: true, randao: true, local: true };

/** The deployment that a file holds. @throws AssayError FILE_UNREADABLE, FILE_MALFORMED. */
export async function deploymentIn(file: string): Promise<Deployment> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new AssayError("FILE_UNREADABLE", `${file} cannot be read: ${reason}`, { path: file, reason });
  });
  const malformed = (reason: string): AssayError<"FILE_MALFORMED"> =>
    new AssayError("FILE_MALFORMED", `${file} is not a deployment: ${reason}`, { path: file, reason });
  let parsed: Partial<Deployment>;
  try {
    parsed = JSON.parse(text) as Partial<Deployment>;
  } catch {
    throw malformed("it is not JSON");
  }
  const { chainId, block, randomness, contracts } = parsed;
  if (!Number.isSafeInteger(chainId) || !Number.isSafeInteger(block)) throw malformed("it has no chainId or no block");
  if (randomness === undefined || !Object.hasOwn(SOURCES, randomness)) throw malformed("it names no randomness");
  const missing = Object.values(NAMES).filter((name) => !isAddress(contracts?.[name]));
  if (missing.length > 0) throw malformed(`it has no address of ${missing.join(", ")}`);
  return parsed as Deployment;
}
