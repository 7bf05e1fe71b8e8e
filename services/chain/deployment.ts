import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { type ContractRunner, isAddress } from "ethers";

import { AssayError } from "../../runner/errors.ts";
import type { RandomnessSource } from "../../ignition/source.ts";
import {
  AssayToken__factory,
  AttestationVerifier__factory,
  AuditDesk__factory,
  Authority__factory,
  CircuitRegistry__factory,
  DataAvailability__factory,
  DisputeCourt__factory,
  Groth16Verifier__factory,
  InferenceMarket__factory,
  IRandomness__factory,
  ModeQuoteReader__factory,
  ModelRegistry__factory,
  OperatorPools__factory,
  OperatorStaking__factory,
  QuorumMarket__factory,
  QuoteReader__factory,
  RequestRelay__factory,
  SignatureVerifier__factory,
  TensorMachine__factory,
} from "../../typechain-types/index.ts";

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
  circuits: "CircuitRegistry",
  groth16: "Groth16Verifier",
  halo2: "Halo2Verifier",
  availability: "DataAvailability",
  market: "InferenceMarket",
  machine: "TensorMachine",
  court: "DisputeCourt",
  auditDesk: "AuditDesk",
  quorums: "QuorumMarket",
  relay: "RequestRelay",
  quotes: "QuoteReader",
  modeQuotes: "ModeQuoteReader",
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
  circuits: CircuitRegistry__factory.connect(contracts.CircuitRegistry, runner),
  groth16: Groth16Verifier__factory.connect(contracts.Groth16Verifier, runner),
  availability: DataAvailability__factory.connect(contracts.DataAvailability, runner),
  market: InferenceMarket__factory.connect(contracts.InferenceMarket, runner),
  machine: TensorMachine__factory.connect(contracts.TensorMachine, runner),
  court: DisputeCourt__factory.connect(contracts.DisputeCourt, runner),
  auditDesk: AuditDesk__factory.connect(contracts.AuditDesk, runner),
  quorums: QuorumMarket__factory.connect(contracts.QuorumMarket, runner),
  relay: RequestRelay__factory.connect(contracts.RequestRelay, runner),
  quotes: QuoteReader__factory.connect(contracts.QuoteReader, runner),
  modeQuotes: ModeQuoteReader__factory.connect(contracts.ModeQuoteReader, runner),
});

/** Where addresses are, unless an option says otherwise. */
export const DEPLOYMENTS = "deployments";
export const fileOf = (folder: string, chainId: number): string => join(folder, `${String(chainId)}.json`);

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
