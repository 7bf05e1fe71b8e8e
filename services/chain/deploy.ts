import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { getAddress, isAddress, ZeroAddress } from "ethers";

import GovernanceModule, { HandoverModule } from "../../ignition/modules/Assay.ts";
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
  const { parameters = {} } = options;
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
