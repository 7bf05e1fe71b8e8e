/** Deploys the suite and writes the addresses that other scripts and integrators read. Interrupted, it goes on later. */
import { readDeploymentParameters } from "@nomicfoundation/hardhat-ignition/helpers";
import { network } from "hardhat";

import { deploySuite, randomnessFor } from "../services/chain/deploy.ts";
import { preflight } from "../services/chain/preflight.ts";
import { option } from "../services/environment/options.ts";
import { runScript, type Script } from "../services/environment/run.ts";

const SCRIPT: Script = {
  about: "Deploys the suite and writes its addresses. Interrupted, it goes on where it stopped.",
  example: "npx hardhat run scripts/deploy.ts --network sepolia",
  options: ["ASSAY_PARAMETERS", "ASSAY_GOVERNANCE", "ASSAY_RANDOMNESS", "ASSAY_DEPLOYMENTS"],
};

await runScript(SCRIPT, async () => {
  const connection = await network.create();
  const { provider } = connection.ethers;
  const chainId = Number((await provider.getNetwork()).chainId);
  const randomness = option("ASSAY_RANDOMNESS");
  // What the chain has, before the first transaction; deploySuite refuses a chain without what is required.
  console.table(await preflight(provider, randomnessFor(chainId, randomness)), ["name", "required", "present", "use"]);
  const file = option("ASSAY_PARAMETERS");
  const deployment = await deploySuite(connection, {
    ...(file === undefined ? {} : { parameters: await readDeploymentParameters(file) }),
    governance: option("ASSAY_GOVERNANCE"),
    randomness,
    folder: option("ASSAY_DEPLOYMENTS"),
    displayUi: true,
  });
  console.table(deployment.contracts);
  console.log(`Seeds of draws: ${deployment.randomness}`);
  console.log(`Addresses: ${deployment.file ?? "none written for an in-process network"}`);
  await connection.close();
});
