import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { getAddress, isAddress, ZeroAddress } from "ethers";
import type { network } from "hardhat";

import { AssayError } from "../../runner/errors.ts";
import { invalid } from "../environment/options.ts";
import GovernanceModule, { HandoverModule } from "../../ignition/modules/Assay.ts";
import {
  AssayToken__factory,
  AttestationVerifier__factory,
  AuditDesk__factory,
  Authority__factory,
  DisputeCourt__factory,
  FutureBlockRandomness__factory,
  InferenceMarket__factory,
  ModelRegistry__factory,
  OperatorPools__factory,
  OperatorStaking__factory,
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
  readonly contracts: Readonly<Record<ContractName, string>>;
}

const NAMES = {
  authority: "Authority",
  token: "AssayToken",
  registry: "ModelRegistry",
  randomness: "FutureBlockRandomness",
  staking: "OperatorStaking",
  pools: "OperatorPools",
  attestation: "AttestationVerifier",
  optimistic: "OptimisticVerifier",
  signature: "SignatureVerifier",
  market: "InferenceMarket",
  machine: "TensorMachine",
  court: "DisputeCourt",
  auditDesk: "AuditDesk",
} as const;

export type ContractName = (typeof NAMES)[keyof typeof NAMES];

/** Every contract of a deployment. */
export const CONTRACT_NAMES: readonly ContractName[] = Object.values(NAMES);

/** The contracts of a deployment, typed, with a signer or provider behind them. */
export type Suite = ReturnType<typeof attach>;

/** Binds a deployment's contracts to a signer or provider. */
export const attach = ({ contracts }: Deployment, runner: Signer | Connection["ethers"]["provider"]) => ({
  authority: Authority__factory.connect(contracts.Authority, runner),
  token: AssayToken__factory.connect(contracts.AssayToken, runner),
  registry: ModelRegistry__factory.connect(contracts.ModelRegistry, runner),
  randomness: FutureBlockRandomness__factory.connect(contracts.FutureBlockRandomness, runner),
  staking: OperatorStaking__factory.connect(contracts.OperatorStaking, runner),
  pools: OperatorPools__factory.connect(contracts.OperatorPools, runner),
  attestation: AttestationVerifier__factory.connect(contracts.AttestationVerifier, runner),
  signature: SignatureVerifier__factory.connect(contracts.SignatureVerifier, runner),
  market: InferenceMarket__factory.connect(contracts.InferenceMarket, runner),
  machine: TensorMachine__factory.connect(contracts.TensorMachine, runner),
  court: DisputeCourt__factory.connect(contracts.DisputeCourt, runner),
  auditDesk: AuditDesk__factory.connect(contracts.AuditDesk, runner),
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
  readonly displayUi?: boolean;
  /** Where addresses are written. */
  readonly folder?: string | undefined;
}

const DEVELOPMENT_CHAIN = 31_337;
/** A developer who stakes does not wait for an hour until draws count it. */
const DEVELOPMENT_EPOCH_SECONDS = 60;
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
 * Deploys the suite with Ignition, which goes on where an interrupted deployment stopped, and writes its addresses.
 * @returns The deployment and the file that holds it; no file on an in-process network, which nobody else can reach.
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
  const { parameters = {} } = options;
  const settings = {
    deploymentId,
    displayUi: options.displayUi ?? false,
    parameters: {
      ...parameters,
      ...(development ? { Assay: { epochSeconds: DEVELOPMENT_EPOCH_SECONDS, ...parameters.Assay } } : {}),
      Governance: { ...parameters.Governance, governance },
      Handover: { ...parameters.Governance, governance },
    },
    ...(development ? { config: { requiredConfirmations: 1 } } : {}),
  };
  const result = await ignition.deploy(governance === deployer ? GovernanceModule : HandoverModule, settings);

  const addresses = await Promise.all(
    Object.entries(NAMES).map(async ([key, name]) => {
      const contract = result[key as keyof typeof NAMES];
      return [name, await contract.getAddress()] as const;
    }),
  );
  const deployment: Deployment = {
    chainId,
    block: known?.block ?? block,
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
