/**
 * Deploys the suite and writes the addresses that the other scripts and integrators read.
 *
 *   npx hardhat run scripts/deploy.ts --network sepolia
 *
 * Environment: ASSAY_PARAMETERS (a JSON5 file like those in ignition/parameters/), ASSAY_GOVERNANCE (address that governs
 * after the delay; default the deployer). Interrupted, it goes on where it stopped.
 */
import { readDeploymentParameters } from "@nomicfoundation/hardhat-ignition/helpers";
import { network } from "hardhat";

import { deploySuite } from "../services/chain/deployment.ts";
import { option } from "../services/environment/options.ts";
import { run } from "../services/environment/run.ts";

await run(async () => {
  const connection = await network.create();
  const file = option("ASSAY_PARAMETERS");
  const deployment = await deploySuite(connection, {
    ...(file === undefined ? {} : { parameters: await readDeploymentParameters(file) }),
    governance: option("ASSAY_GOVERNANCE"),
    displayUi: true,
  });
  console.table(deployment.contracts);
  console.log(`Addresses: ${deployment.file ?? "none written for an in-process network"}`);
  await connection.close();
});
