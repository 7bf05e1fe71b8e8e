import { formatEther } from "ethers";

import { AssayError } from "../../runner/errors.ts";
import { operatorStatusOf } from "../../runner/protocol/enums.ts";
import type { ServiceContext } from "../chain/context.ts";
import type { HostedModel } from "../models/models.ts";

/** One thing that was looked at. */
export interface Finding {
  readonly level: "ok" | "warning" | "failure";
  readonly text: string;
  /** What to do about it. */
  readonly remedy?: string;
}

/** Wei below which an account soon cannot send any more. */
const LITTLE_WEI = 10n ** 16n;

/** Whether an account can send transactions. */
export async function fundsOf({ provider, signer }: ServiceContext): Promise<Finding> {
  const own = await signer.getAddress();
  const wei = await provider.getBalance(own);
  const text = `${own} has ${formatEther(wei)} ether`;
  if (wei === 0n) return { level: "failure", text, remedy: "send it ether: every move costs gas" };
  if (wei < LITTLE_WEI) return { level: "warning", text, remedy: "send it more soon" };
  return { level: "ok", text };
}

/** Whether an account can be drawn and answer with some models. */
export async function operatorFindings(
  context: ServiceContext,
  models: readonly HostedModel[],
): Promise<readonly Finding[]> {
  const { suite, signer, ledger } = context;
  const own = await signer.getAddress();
  await ledger.sync();
  const { stake, status } = await suite.staking.operatorOf(own);
  const findings: Finding[] = [await fundsOf(context)];
  const state = operatorStatusOf(status);
  if (state === "tombstoned") {
    const remedy = "it never can again: take another account";
    findings.push({ level: "failure", text: `${own} was convicted of fraud`, remedy });
  } else if (state === "jailed") {
    const remedy = "run `assay-node unjail` when its time is over";
    findings.push({ level: "warning", text: `${own} is jailed and is not drawn`, remedy });
  }
  const text = `${formatEther(stake)} are staked`;
  if (stake === 0n) findings.push({ level: "failure", text, remedy: "run `assay-node stake AMOUNT`" });
  else findings.push({ level: "ok", text });
  for (const { name, commitment } of models) {
    const versions = ledger.versionsOf(commitment.commitment);
    const opted = await Promise.all(versions.map((versionId) => suite.pools.isOptedIn(own, versionId)));
    if (versions.length === 0) {
      findings.push({
        level: "failure",
        text: `${name} is not published`,
        remedy: "run `assay-node publish FILE`, or check that this is the right chain",
      });
    } else if (!opted.includes(true)) {
      findings.push({
        level: "failure",
        text: `not opted in to ${name}`,
        remedy: "run `assay-node stake AMOUNT` with this model in the configuration",
      });
    } else findings.push({ level: "ok", text: `opted in to ${name}` });
  }
  return findings;
}

/** @throws AssayError NOT_READY with all that is missing, and what to do about it. */
export function expectReady(findings: readonly Finding[]): void {
  const failures = findings.filter(({ level }) => level === "failure");
  if (failures.length === 0) return;
  const reasons = failures.map(({ text, remedy = "" }) => `${text}: ${remedy}`);
  throw new AssayError("NOT_READY", `nothing can be served: ${reasons.join("; ")}`, { reasons });
}
