import { access, constants, mkdir } from "node:fs/promises";

import { formatEther } from "ethers";

import type { Deployment } from "../chain/deployment.ts";
import { deploymentIn } from "../chain/deployment.ts";
import { Endpoints } from "../chain/endpoints.ts";
import { openDatabase } from "../database/database.ts";
import { SYSTEM_CLOCK } from "../environment/clock.ts";
import { describeError } from "../environment/describe.ts";
import type { Environment } from "../environment/options.ts";
import { type Finding, fundsOf, operatorFindings } from "../operator/readiness.ts";
import { type Configuration, readConfiguration } from "./configuration.ts";
import { type Node, openNode } from "./node.ts";

/** Seconds by which the machine's clock may differ from a block that was just made. */
const SKEW_SECONDS = 120;

/** Checks all that a node needs, and says what to do about what is missing. It changes nothing on chain. */
export async function diagnose(file: string | undefined, environment: Environment): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const check = async (what: string, remedy: string, work: () => Promise<readonly Finding[]>): Promise<boolean> => {
    try {
      findings.push(...(await work()));
      return true;
    } catch (error) {
      findings.push({ level: "failure", text: `${what}: ${describeError(error)}`, remedy });
      return false;
    }
  };
  let configuration: Configuration | undefined;
  await check("configuration", "mend each line", async () => {
    configuration = await readConfiguration(file, environment);
    return [{ level: "ok", text: "the configuration is valid" }];
  });
  if (configuration === undefined) return findings;
  const given = configuration;
  let deployment: Deployment | undefined;
  await check("deployment", "run scripts/deploy.ts, or take the file from who did", async () => {
    deployment = await deploymentIn(given.deployment);
    return [{ level: "ok", text: `${given.deployment} is of chain ${String(deployment.chainId)}` }];
  });
  if (deployment === undefined) return findings;
  const known = deployment;
  await check("chain", "check rpc", () => chainFindings(given, known));
  await check("database", "check that nobody else has the folder open, or that Postgres runs", async () => {
    await (await openDatabase(given.database)).close();
    return [{ level: "ok", text: "the database opens" }];
  });
  await check("store", "check the folder's owner and the disk", async () => {
    await mkdir(given.store, { recursive: true });
    await access(given.store, constants.W_OK);
    return [{ level: "ok", text: `${given.store} can be written` }];
  });
  if (findings.some(({ level }) => level === "failure")) return findings;
  await check("node", "mend what is named", async () => {
    const node = await openNode({ ...given, logLevel: "error" }, environment);
    try {
      return await accountFindings(node);
    } finally {
      await node.close();
    }
  });
  return findings;
}

async function chainFindings({ rpc }: Configuration, { chainId, contracts }: Deployment): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const endpoints = new Endpoints(rpc, chainId, SYSTEM_CLOCK, () => undefined);
  try {
    const actual = Number(await endpoints.send("eth_chainId", []));
    const remedy = "give nodes of the chain that the deployment is on";
    if (actual !== chainId) {
      const text = `the first node is of chain ${String(actual)}, the deployment of ${String(chainId)}`;
      return [{ level: "failure", text, remedy }];
    }
    const answers = await endpoints.compare();
    const hashes = new Set(answers.flatMap(({ hash }) => hash ?? []));
    for (const { endpoint, head } of answers) {
      findings.push(
        head === undefined
          ? { level: "failure", text: `${endpoint} gives no answer`, remedy: "check its URL, or leave it out" }
          : { level: "ok", text: `${endpoint} is at block ${String(head)}` },
      );
    }
    if (hashes.size > 1) findings.push({ level: "failure", text: "the nodes disagree on a block", remedy });
    for (const [name, address] of Object.entries(contracts)) {
      if ((await endpoints.getCode(address)) !== "0x") continue;
      findings.push({ level: "failure", text: `there is no ${name} at ${address}`, remedy });
    }
    const block = await endpoints.getBlock("latest");
    const skew = Math.abs((block?.timestamp ?? 0) - SYSTEM_CLOCK.now());
    findings.push(
      skew <= SKEW_SECONDS
        ? { level: "ok", text: `clock and chain differ by ${String(skew)} s` }
        : {
            level: "warning",
            text: `clock and chain differ by ${String(skew)} s`,
            remedy: "set the clock, unless the chain stands still",
          },
    );
  } finally {
    endpoints.destroy();
  }
  return findings;
}

async function accountFindings({ context, models, configuration }: Node): Promise<readonly Finding[]> {
  const { suite, signer } = context;
  const { keystore, keyVariable, remoteAccount } = configuration;
  if ((keystore ?? keyVariable ?? remoteAccount) === undefined) {
    const remedy = "an indexer needs none; operator and watcher need keystore, keyVariable or remoteAccount";
    return [{ level: "warning", text: "there is no account", remedy }];
  }
  const own = await signer.getAddress();
  const [tokens, allowance] = await Promise.all([
    suite.token.balanceOf(own),
    suite.token.allowance(own, suite.court.target),
  ]);
  const bonds: Finding =
    tokens >= configuration.bonds && allowance >= configuration.bonds
      ? { level: "ok", text: `${formatEther(tokens)} tokens are at hand for bonds` }
      : {
          level: "warning",
          text: `${formatEther(tokens)} tokens are at hand, ${formatEther(allowance)} allowed to the court`,
          remedy: `a watcher needs ${formatEther(configuration.bonds)} of both; an operator needs neither`,
        };
  const operator = await operatorFindings(context, models);
  const demoted = operator.map((finding): Finding =>
    finding.level === "failure" ? { ...finding, level: "warning" } : finding,
  );
  return [...demoted, bonds, ...(models.length === 0 ? [await noModels(context)] : [])];
}

const noModels = async (context: Node["context"]): Promise<Finding> => {
  await fundsOf(context);
  return { level: "warning", text: "there are no models", remedy: "operator and watcher need models" };
};
