import { access, constants, mkdir } from "node:fs/promises";

import { formatEther, formatUnits } from "ethers";

import type { Deployment } from "../chain/deployment.ts";
import { attach, deploymentIn } from "../chain/deployment.ts";
import { Endpoints } from "../chain/endpoints.ts";
import { openDatabase } from "../database/database.ts";
import { SYSTEM_CLOCK } from "../environment/clock.ts";
import { describeError } from "../environment/describe.ts";
import type { Environment } from "../environment/options.ts";
import { type Finding, operatorFindings } from "../operator/readiness.ts";
import { hasAccount } from "./account.ts";
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
  await check("deployment", "run scripts/deploy.ts, or take the file from who deployed the suite", async () => {
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

async function chainFindings(
  { rpc, maxFeePerGas: most }: Configuration,
  deployment: Deployment,
): Promise<readonly Finding[]> {
  const { chainId, contracts } = deployment;
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
    for (const { endpoint, head, chainId: id } of answers) {
      if (head === undefined) findings.push(failure(`${endpoint} gives no answer`, "check its URL, or leave it out"));
      else if (id !== chainId) findings.push(failure(`${endpoint} is of chain ${String(id)}`, remedy));
      else findings.push(ok(`${endpoint} is at block ${String(head)}`));
    }
    if (hashes.size > 1) findings.push(failure("the nodes disagree on a block", remedy));
    const missing: string[] = [];
    for (const [name, address] of Object.entries(contracts)) {
      if ((await endpoints.getCode(address)) === "0x") missing.push(name);
    }
    for (const name of missing) {
      findings.push(failure(`there is no ${name} at ${contracts[name as keyof typeof contracts]}`, remedy));
    }
    if (missing.length === 0) findings.push(...(await wiringFindings(deployment, endpoints)));
    const block = await endpoints.getBlock("latest");
    const skew = Math.abs((block?.timestamp ?? 0) - SYSTEM_CLOCK.now());
    const differ = `clock and chain differ by ${String(skew)} s`;
    findings.push(skew <= SKEW_SECONDS ? ok(differ) : warning(differ, "set the clock, unless the chain stands still"));
    const { maxFeePerGas: price } = await endpoints.getFeeData();
    const paid = `a unit of gas costs ${formatUnits(price ?? 0n, "gwei")} gwei, at most ${formatUnits(most, "gwei")} are paid`;
    findings.push((price ?? 0n) <= most ? ok(paid) : warning(paid, "raise maxFeePerGas, or wait"));
  } finally {
    endpoints.destroy();
  }
  return findings;
}

/** Whether the contracts of a deployment file are of one suite: each names the others. */
async function wiringFindings(deployment: Deployment, provider: Endpoints): Promise<readonly Finding[]> {
  const { market, court, auditDesk, availability, staking, relay } = attach(deployment, provider);
  const { contracts } = deployment;
  const named = {
    "market: registry": [() => market.REGISTRY(), contracts.ModelRegistry],
    "market: staking": [() => market.STAKING(), contracts.OperatorStaking],
    "market: pools": [() => market.POOLS(), contracts.OperatorPools],
    "market: randomness": [() => market.RANDOMNESS(), contracts.IRandomness],
    "market: audit desk": [() => market.auditDesk(), contracts.AuditDesk],
    "market: token": [() => market.TOKEN(), contracts.AssayToken],
    "court: machine": [() => court.MACHINE(), contracts.TensorMachine],
    "court: registry": [() => court.REGISTRY(), contracts.ModelRegistry],
    "audit desk: token": [() => auditDesk.TOKEN(), contracts.AssayToken],
    "data availability: token": [() => availability.TOKEN(), contracts.AssayToken],
    "staking: token": [() => staking.TOKEN(), contracts.AssayToken],
    "relay: market": [() => relay.MARKET(), contracts.InferenceMarket],
  } as const;
  const findings: Finding[] = [];
  for (const [place, [asked, expected]] of Object.entries(named)) {
    const actual = await asked().catch(() => "nothing");
    if (actual.toLowerCase() === expected.toLowerCase()) continue;
    const remedy = "take the deployment file from who deployed the suite";
    findings.push(failure(`${place} is ${actual}, and ${expected} in the deployment file`, remedy));
  }
  return findings.length > 0 ? findings : [ok("the contracts of the deployment file are of one suite")];
}

async function accountFindings({ context, models, configuration }: Node): Promise<readonly Finding[]> {
  const { suite, signer } = context;
  if (!hasAccount(configuration)) {
    const remedy = "an indexer needs none; operator and watcher need keystore, keyVariable or remoteAccount";
    return [warning("there is no account", remedy)];
  }
  const own = await signer.getAddress();
  const { token, court, auditDesk } = suite;
  const [tokens, forCourt, forAudits, bond] = await Promise.all([
    token.balanceOf(own),
    token.allowance(own, court.target),
    token.allowance(own, auditDesk.target),
    auditDesk.BOND(),
  ]);
  const held = `${formatEther(tokens)} tokens are at hand`;
  const { bonds } = configuration;
  const operator = await operatorFindings(context, models);
  return [
    ...operator.map((finding): Finding => (finding.level === "failure" ? { ...finding, level: "warning" } : finding)),
    tokens >= bonds && forCourt >= bonds
      ? ok(`${held} for the bonds of a watcher`)
      : warning(
          `${held}, ${formatEther(forCourt)} allowed to the court`,
          `a watcher needs ${formatEther(bonds)} of both; it allows them itself`,
        ),
    tokens >= bond && forAudits >= bond
      ? ok(`${held} for the bonds of audits`)
      : warning(
          `${held}, ${formatEther(forAudits)} allowed to the audit desk`,
          `an operator that is drawn to audit needs ${formatEther(bond)} of both: run \`assay-node stake AMOUNT\``,
        ),
    ...(models.length === 0 ? [warning("there are no models", "operator and watcher need models or versions")] : []),
  ];
}

const ok = (text: string): Finding => ({ level: "ok", text });
const warning = (text: string, remedy: string): Finding => ({ level: "warning", text, remedy });
const failure = (text: string, remedy: string): Finding => ({ level: "failure", text, remedy });
