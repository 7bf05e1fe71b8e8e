import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { getAddress, isAddress, ZeroAddress } from "ethers";

import { EPOCH_SECONDS, governanceModule, handoverModule } from "../../ignition/modules/Assay.ts";
import {
  DELAY_BLOCKS,
  MARGIN_SECONDS,
  RANDOMNESS_CONTRACTS,
  type RandomnessSource,
} from "../../ignition/randomness.ts";
import { invalid } from "../environment/options.ts";
import {
  type Connection,
  type ContractName,
  type Deployment,
  DEPLOYMENTS,
  fileOf,
  NAMES,
  readDeployment,
} from "./deployment.ts";
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
  const { folder = DEPLOYMENTS } = options;
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
