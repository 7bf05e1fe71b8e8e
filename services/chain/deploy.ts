import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { formatEther, getAddress, isAddress, ZeroAddress } from "ethers";
import { network } from "hardhat";

import { EPOCH_SECONDS, governanceModule, handoverModule } from "../../ignition/modules/Assay.ts";
import {
  DELAY_BLOCKS,
  MARGIN_SECONDS,
  RANDOMNESS_CONTRACTS,
  type RandomnessSource,
} from "../../ignition/randomness.ts";
import { AssayError } from "../../runner/errors.ts";
import { AssayToken__factory } from "../../typechain-types/index.ts";
import { invalid } from "../environment/options.ts";
import { type Connection, readDeployment } from "./connection.ts";
import { type ContractName, type Deployment, DEPLOYMENTS, fileOf, NAMES } from "./deployment.ts";
import { preflight, requireFeatures } from "./preflight.ts";

/** Every contract that a deployment can have. */
export const CONTRACT_NAMES: readonly string[] = [
  ...Object.values(NAMES),
  ...Object.values(RANDOMNESS_CONTRACTS),
].filter((name) => name !== NAMES.randomness);

/** Parameters of the Ignition modules, by module and name. */
export type DeploymentParameters = Exclude<
  NonNullable<NonNullable<Parameters<Connection["ignition"]["deploy"]>[1]>["parameters"]>,
  string
>;

export interface DeployOptions {
  readonly parameters?: DeploymentParameters;
  /** Who governs after the delay; the deployer when it is not given. */
  readonly governance?: string | undefined;
  /** Who may start and end a pause; who governs when it is not given. */
  readonly guardian?: string | undefined;
  /** A token that is there already. */
  readonly token?: string | undefined;
  /** Is told what the deployment will cost at most, before anything is sent. */
  readonly onCost?: (cost: DeploymentCost) => void;
  /** Source of the seeds of draws: `drand`, `randao` or `local`. See `randomnessFor` for the default. */
  readonly randomness?: string | undefined;
  readonly displayUi?: boolean;
  /** Where addresses are written. */
  readonly folder?: string | undefined;
}

/** What a deployment costs at most: its gas, measured on a chain in this process, at the price of now. */
export interface DeploymentCost {
  readonly gas: bigint;
  readonly wei: bigint;
  /** What the deployer has. */
  readonly balance: bigint;
}

export const DEVELOPMENT_CHAIN = 31_337;
/** A developer who stakes does not wait for an hour until draws count it, and seeds come within an epoch. */
const DEVELOPMENT = {
  Assay: { epochSeconds: 60 },
  DrandRandomness: { marginSeconds: 24 },
  RandaoRandomness: { delayBlocks: 4 },
};
const ETHEREUM_SLOT_SECONDS = 12;

/** Addresses of the options, else of the parameters. Checked before anything is sent. @throws AssayError OPTION_INVALID. */
function rolesOf({ governance, guardian, token, parameters = {} }: DeployOptions, deployer: string) {
  const addressOf = (name: "ASSAY_GOVERNANCE" | "ASSAY_GUARDIAN" | "ASSAY_TOKEN", given: unknown): string => {
    if (typeof given === "string" && isAddress(given) && given !== ZeroAddress) return getAddress(given);
    throw invalid(name, typeof given === "string" ? given : typeof given, "give an address that is not zero");
  };
  const governor = addressOf("ASSAY_GOVERNANCE", governance ?? parameters.Governance?.governance ?? deployer);
  const existing = token ?? parameters.Assay?.token;
  return {
    governance: governor,
    // Whoever hands governance over keeps no power, this one neither.
    guardian: addressOf("ASSAY_GUARDIAN", guardian ?? parameters.Assay?.guardian ?? governor),
    token: existing === undefined ? undefined : addressOf("ASSAY_TOKEN", existing),
  };
}

/** @throws AssayError OPTION_INVALID for what is no token with 18 decimals: every amount here is in units of 1e-18. */
async function requireToken(provider: Connection["ethers"]["provider"], address: string): Promise<void> {
  const decimals = await AssayToken__factory.connect(address, provider)
    .decimals()
    .catch(() => undefined);
  if (decimals === 18n) return;
  const reason = decimals === undefined ? "there is no token" : `it has ${String(decimals)} decimals, not 18`;
  throw invalid("ASSAY_TOKEN", address, reason);
}

/** Whether a deployment of Ignition has sent anything yet. */
async function hasSent(folder: string): Promise<boolean> {
  const journal = await readFile(join(folder, "journal.jsonl"), "utf8").catch(() => "");
  return journal.includes('"type":"TRANSACTION_SEND"');
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
 * Deploys once on a chain in this process and adds up the gas: what it does here it does there. With a token for tests in
 * the place of an existing one, so never too little.
 */
async function tellCost(
  { ethers: { provider } }: Connection,
  deployer: string,
  module: ReturnType<typeof governanceModule | typeof handoverModule>,
  parameters: DeploymentParameters,
  onCost: (cost: DeploymentCost) => void,
): Promise<void> {
  const rehearsal = await network.create({ network: "default", override: { allowUnlimitedContractSize: false } });
  let gas = 0n;
  try {
    await rehearsal.ignition.deploy(module, { parameters, config: { requiredConfirmations: 1 } });
    const own = rehearsal.ethers.provider;
    for (let block = await own.getBlockNumber(); block > 0; block--) gas += (await own.getBlock(block))?.gasUsed ?? 0n;
  } finally {
    await rehearsal.close();
  }
  const { maxFeePerGas, gasPrice } = await provider.getFeeData();
  const cost = { gas, wei: gas * (maxFeePerGas ?? gasPrice ?? 0n), balance: await provider.getBalance(deployer) };
  onCost(cost);
  if (cost.balance >= cost.wei) return;
  const reason = `${deployer} has ${formatEther(cost.balance)} ether; deploying may cost ${formatEther(cost.wei)}`;
  throw new AssayError("NOT_READY", `${reason}; send it more`, { reasons: [reason] });
}

/**
 * Deploys the suite with Ignition, which goes on where an interrupted deployment stopped, and writes its addresses.
 * @returns The deployment and the file that holds it; no file on an in-process network, which nobody else can reach.
 * @throws AssayError OPTION_INVALID, CHAIN_LACKS, NOT_READY with too little ether, all before anything is sent.
 */
export async function deploySuite(
  connection: Connection,
  options: DeployOptions = {},
): Promise<Deployment & { readonly file?: string }> {
  const { ethers, ignition, networkConfig } = connection;
  const { folder = DEPLOYMENTS } = options;
  const provider = ethers.provider;
  const chainId = Number((await provider.getNetwork()).chainId);
  const block = await provider.getBlockNumber();
  const deployer = (await ethers.getSigners())[0]?.address ?? "";
  const persistent = networkConfig.type === "http";
  const known = persistent ? await readDeployment(connection, folder).catch(() => undefined) : undefined;
  const development = chainId === DEVELOPMENT_CHAIN;
  const deploymentId = `chain-${String(chainId)}`;
  const { governance, guardian, token } = rolesOf(options, deployer);
  if (token !== undefined) await requireToken(provider, token);
  const randomness = randomnessFor(chainId, options.randomness ?? known?.randomness);
  const parameters = parametersOf(options.parameters ?? {}, development);
  requireSeedsInTime(randomness, parameters);
  requireFeatures(await preflight(provider, randomness), chainId);
  const given = {
    ...parameters,
    Assay: { ...parameters.Assay, guardian, ...(token === undefined ? {} : { token }) },
    Governance: { ...parameters.Governance, governance },
    Handover: { ...parameters.Governance, governance },
  };
  const moduleOf = governance === deployer ? governanceModule : handoverModule;
  const module = moduleOf(randomness, token !== undefined);
  if (options.onCost !== undefined) await tellCost(connection, deployer, moduleOf(randomness), given, options.onCost);
  // A development chain starts anew with the same id: what was deployed on the last one is no start for this one. Neither
  // is a deployment that never sent anything: perhaps its account is another one now.
  const ignitionFolder = join("ignition", "deployments", deploymentId);
  if (persistent && known === undefined && (development || !(await hasSent(ignitionFolder)))) {
    await rm(ignitionFolder, { recursive: true, force: true });
  }
  const settings = {
    deploymentId,
    displayUi: options.displayUi ?? false,
    parameters: given,
    ...(development ? { config: { requiredConfirmations: 1 } } : {}),
  };
  const result = await ignition.deploy(module, settings);

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
    ...(token === undefined ? {} : { existingToken: true }),
    contracts: Object.fromEntries(addresses) as Record<ContractName, string>,
  };
  if (!persistent) return deployment;
  const file = fileOf(folder, chainId);
  await mkdir(folder, { recursive: true });
  await writeFile(`${file}.part`, JSON.stringify(deployment, null, 2) + "\n");
  await rename(`${file}.part`, file);
  return { ...deployment, file };
}
