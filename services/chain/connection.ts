import { existsSync } from "node:fs";

// What the plugins add to a connection.
import type {} from "@nomicfoundation/hardhat-toolbox-mocha-ethers";
import type { network } from "hardhat";

import { AssayError } from "../../runner/errors.ts";
import type { ServiceContext } from "./context.ts";
import { attach, type Deployment, deploymentIn, DEPLOYMENTS, fileOf } from "./deployment.ts";
import type { Journal } from "./journal.ts";
import { Ledger } from "./ledger.ts";
import { plainSender } from "./sender.ts";

/* What stands on Hardhat: scripts and tests. What the package gives to others needs none of it. */

/** An open connection to a network of hardhat.config.ts. */
export type Connection = Awaited<ReturnType<typeof network.create>>;
export type Signer = Awaited<ReturnType<Connection["ethers"]["getSigners"]>>[number];

/** The context of an account on a connection. */
export const contextOf = (
  { ethers }: Connection,
  deployment: Deployment,
  signer: Signer,
  { report, clock, journal }: Pick<ServiceContext, "report" | "clock"> & { readonly journal?: Journal },
): ServiceContext => {
  const { provider } = ethers;
  const suite = attach(deployment, signer);
  const ledger = new Ledger(suite, provider, deployment, report, journal);
  const { randomness, existingToken = false } = deployment;
  const sender = plainSender(signer);
  return { suite, signer, sender, provider, randomness, existingToken, ledger, report, clock };
};

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
