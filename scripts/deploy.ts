/** Deploys the suite and writes the addresses that other scripts and integrators read. Interrupted, it goes on later. */
import { readDeploymentParameters } from "@nomicfoundation/hardhat-ignition/helpers";
import { formatEther } from "ethers";
import hre, { network } from "hardhat";

import { type DeploymentCost, deploySuite, DEVELOPMENT_CHAIN, randomnessFor } from "../services/chain/deploy.ts";
import { preflight } from "../services/chain/preflight.ts";
import { log } from "../services/environment/log.ts";
import { option } from "../services/environment/options.ts";
import { runScript, type Script } from "../services/environment/run.ts";

const SCRIPT: Script = {
  about: "Deploys the suite and writes its addresses. Interrupted, it goes on where it stopped.",
  example: "npx hardhat run scripts/deploy.ts --network sepolia",
  options: [
    "ASSAY_PARAMETERS",
    "ASSAY_GOVERNANCE",
    "ASSAY_GUARDIAN",
    "ASSAY_TOKEN",
    "ASSAY_RANDOMNESS",
    "ASSAY_VERIFY",
    "ASSAY_DEPLOYMENTS",
  ],
};

await runScript(SCRIPT, async (signal) => {
  // Ignition cannot be asked to stop, and need not be: its journal says what was sent.
  signal.addEventListener("abort", () => {
    log("stopped; run it again to go on");
    process.exit(130);
  });
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
    guardian: option("ASSAY_GUARDIAN"),
    token: option("ASSAY_TOKEN"),
    ...(chainId === DEVELOPMENT_CHAIN ? {} : { onCost: printCost }),
    randomness,
    folder: option("ASSAY_DEPLOYMENTS"),
    displayUi: true,
  });
  console.table(deployment.contracts);
  console.log(`Seeds of draws: ${deployment.randomness}`);
  console.log(`Addresses: ${deployment.file ?? "none written for an in-process network"}`);
  await connection.close();
  if (chainId === DEVELOPMENT_CHAIN) return;
  // What explorers do not take is printed, and can be tried again: npx hardhat ignition verify.
  await hre.tasks.getTask(["ignition", "verify"]).run({ deploymentId: `chain-${String(chainId)}`, force: false });
});

function printCost({ gas, wei, balance }: DeploymentCost): void {
  const cost = `at most ${gas.toLocaleString("en")} gas, ${formatEther(wei)} ether at the price of now`;
  console.log(`Deploying costs ${cost}; the deployer has ${formatEther(balance)}.`);
}
