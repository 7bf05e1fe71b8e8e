import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { getAddress, isAddress, ZeroAddress } from "ethers";
import type { network } from "hardhat";

import { AssayError } from "../../runner/errors.ts";
import { invalid } from "../environment/options.ts";
import { EPOCH_SECONDS, governanceModule, handoverModule } from "../../ignition/modules/Assay.ts";
import {
  DELAY_BLOCKS,
  MARGIN_SECONDS,
  RANDOMNESS_CONTRACTS,
  type RandomnessSource,
} from "../../ignition/randomness.ts";
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
import { preflight, requireFeatures } from "./preflight.ts";

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
  readonly contracts: Readonly<Record<ContractName, string>>;
}

const NAMES = {
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

/** Every contract that a deployment can have. */
export const CONTRACT_NAMES: readonly string[] = [
  ...Object.values(NAMES),
  ...Object.values(RANDOMNESS_CONTRACTS),
].filter((name) => name !== NAMES.randomness);

/** The contracts of a deployment, typed, with a signer or provider behind them. */
export type Suite = ReturnType<typeof attach>;

/** Binds a deployment's contracts to a signer or provider. */
export const attach = ({ contracts }: Deployment, runner: Signer | Connection["ethers"]["provider"]) => ({
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

/** Parameters of the Ignition modules, by module and name. */
export type DeploymentParameters = Exclude<
  NonNullable<NonNullable<Parameters<Connection["ignition"]["deploy"]>[1]>["parameters"]>,
  string
>;

export interface DeployOptions {
  readonly parameters?: DeploymentParameters;
  /** Who governs after the delay; the deployer when it is not given. */
  readonly governance?: string | undefined;
  /** Source of the seeds of draws: `drand`, `randao` or `local`. See `randomnessFor` for the default. */
  readonly randomness?: string | undefined;
  readonly displayUi?: boolean;
  /** Where addresses are written. */
  readonly folder?: string | undefined;
}

const DEVELOPMENT_CHAIN = 31_337;
/** A developer who stakes does not wait for an hour until draws count it, and seeds come within an epoch. */
const DEVELOPMENT = {
  Assay: { epochSeconds: 60 },
  DrandRandomness: { marginSeconds: 24 },
  RandaoRandomness: { delayBlocks: 4 },
};
const ETHEREUM_SLOT_SECONDS = 12;
const FOLDER = "deployments";
const fileOf = (folder: string, chainId: number): string => join(folder, `${String(chainId)}.json`);

/** Who governs: as the options say, else as the parameters say, else the deployer. Checked before anything is sent. */
function governorOf({ governance, parameters }: DeployOptions, deployer: string): string {
  const given = governance ?? parameters?.Governance?.governance ?? deployer;
  if (typeof given === "string" && isAddress(given) && given !== ZeroAddress) return getAddress(given);
  throw invalid(
    "ASSAY_GOVERNANCE",
    typeof given === "string" ? given : typeof given,
    "give the address of the account that shall govern",
  );
}

/**
 * Source of the seeds of draws on a chain: what is asked for, else `local` on a development chain and `drand` elsewhere.
 * @throws AssayError OPTION_INVALID for what is no source, and for `local` on a public chain.
 */
export function randomnessFor(chainId: number, asked?: string): RandomnessSource {
  const development = chainId === DEVELOPMENT_CHAIN;
  const source = asked ?? (development ? "local" : "drand");
  if (!isSource(source)) throw invalid("ASSAY_RANDOMNESS", source, "give drand, randao or local");
  if (source !== "local" || development) return source;
  const remedy = `give drand or randao: on chain ${String(chainId)} whoever builds a block would choose the outcome of draws`;
  throw invalid("ASSAY_RANDOMNESS", source, remedy);
}

const isSource = (text: string): text is RandomnessSource => Object.hasOwn(RANDOMNESS_CONTRACTS, text);

/** Parameters of all modules: those of a development chain below those that are given. */
function parametersOf(given: DeploymentParameters, development: boolean): DeploymentParameters {
  if (!development) return given;
  const modules = new Set([...Object.keys(DEVELOPMENT), ...Object.keys(given)]);
  const defaults: DeploymentParameters = DEVELOPMENT;
  return Object.fromEntries([...modules].map((name) => [name, { ...defaults[name], ...given[name] }]));
}

/**
 * Refuses a source whose seeds come too late: a draw counts until the end of the epoch after its own, so one that is
 * committed in the last second of an epoch has one epoch left.
 * @throws AssayError OPTION_INVALID
 */
function requireSeedsInTime(source: RandomnessSource, parameters: DeploymentParameters): void {
  const epoch = Number(parameters.Assay?.epochSeconds ?? EPOCH_SECONDS);
  const { marginSeconds = MARGIN_SECONDS } = parameters.DrandRandomness ?? {};
  const { delayBlocks = DELAY_BLOCKS } = parameters.RandaoRandomness ?? {};
  const waits = { drand: Number(marginSeconds), randao: Number(delayBlocks) * ETHEREUM_SLOT_SECONDS, local: 0 };
  if (waits[source] < epoch) return;
  const seconds = `${String(waits[source])} seconds`;
  const remedy = `its seeds come after ${seconds}, and an epoch has ${String(epoch)}: give a longer one, or wait less`;
  throw invalid("ASSAY_RANDOMNESS", source, remedy);
}

/**
 * Deploys the suite with Ignition, which goes on where an interrupted deployment stopped, and writes its addresses.
 * @returns The deployment and the file that holds it; no file on an in-process network, which nobody else can reach.
 * @throws AssayError OPTION_INVALID, CHAIN_LACKS, both before anything is sent.
 */
export async function deploySuite(
  connection: Connection,
  options: DeployOptions = {},
): Promise<Deployment & { readonly file?: string }> {
  const { ethers, ignition, networkConfig } = connection;
  const { folder = FOLDER } = options;
  const provider = ethers.provider;
  const chainId = Number((await provider.getNetwork()).chainId);
  const block = await provider.getBlockNumber();
  const deployer = (await ethers.getSigners())[0]?.address ?? "";
  const persistent = networkConfig.type === "http";
  const known = persistent ? await readDeployment(connection, folder).catch(() => undefined) : undefined;
  const development = chainId === DEVELOPMENT_CHAIN;
  const deploymentId = `chain-${String(chainId)}`;
  // A development chain starts anew with the same id: what was deployed on the last one is no start for this one.
  if (persistent && development && known === undefined) {
    await rm(join("ignition", "deployments", deploymentId), { recursive: true, force: true });
  }
  const governance = governorOf(options, deployer);
  const randomness = randomnessFor(chainId, options.randomness ?? known?.randomness);
  const parameters = parametersOf(options.parameters ?? {}, development);
  requireSeedsInTime(randomness, parameters);
  requireFeatures(await preflight(provider, randomness), chainId);
  const settings = {
    deploymentId,
    displayUi: options.displayUi ?? false,
    parameters: {
      ...parameters,
      Governance: { ...parameters.Governance, governance },
      Handover: { ...parameters.Governance, governance },
    },
    ...(development ? { config: { requiredConfirmations: 1 } } : {}),
  };
  const moduleOf = governance === deployer ? governanceModule : handoverModule;
  const result = await ignition.deploy(moduleOf(randomness), settings);

  const addresses = await Promise.all(
    Object.entries(NAMES).map(async ([key, name]) => {
      const contract = result[key as keyof typeof NAMES];
      return [name, await contract.getAddress()] as const;
    }),
  );
  const deployment: Deployment = {
    chainId,
    block: known?.block ?? block,
    randomness,
    contracts: Object.fromEntries(addresses) as Record<ContractName, string>,
  };
  if (!persistent) return deployment;
  const file = fileOf(folder, chainId);
  await mkdir(folder, { recursive: true });
  await writeFile(`${file}.part`, JSON.stringify(deployment, null, 2) + "\n");
  await rename(`${file}.part`, file);
  return { ...deployment, file };
}

/**
 * Reads where the suite is on the connection's chain.
 * @throws AssayError DEPLOYMENT_MISSING when it was never deployed there, or its chain is gone.
 */
export async function readDeployment(connection: Connection, folder = FOLDER): Promise<Deployment> {
  const provider = connection.ethers.provider;
  const chainId = Number((await provider.getNetwork()).chainId);
  const file = fileOf(folder, chainId);
  const remedy = `run npx hardhat run scripts/deploy.ts --network ${connection.networkName}`;
  const missing = (reason: string): AssayError<"DEPLOYMENT_MISSING"> =>
    new AssayError("DEPLOYMENT_MISSING", `${reason}; ${remedy}`, { chainId, file });
  if (!existsSync(file)) throw missing(`there is no ${file}`);
  const deployment = JSON.parse(await readFile(file, "utf8")) as Deployment;
  const market = deployment.contracts.InferenceMarket;
  if ((await provider.getCode(market)) === "0x") throw missing(`${file} names ${market}, where nothing is deployed`);
  return deployment;
}
