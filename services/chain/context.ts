import type { ContractTransactionReceipt, ContractTransactionResponse, Provider } from "ethers";

import type { RandomnessSource } from "../../ignition/randomness.ts";
import { AssayError } from "../../runner/errors.ts";
import type { Clock } from "../environment/clock.ts";
import type { Action, Reporter } from "../environment/events.ts";
import { attach, type Connection, type Deployment, type Signer, type Suite } from "./deployment.ts";
import { Ledger } from "./ledger.ts";

/** What a service stands on: the suite seen by one account, all that the chain has said, and who is told what it does. */
export interface ServiceContext {
  readonly suite: Suite;
  readonly signer: Signer;
  readonly provider: Provider & { readonly send: (method: string, params: unknown[]) => Promise<unknown> };
  /** Where the seeds of draws come from. */
  readonly randomness: RandomnessSource;
  readonly ledger: Ledger;
  readonly report: Reporter;
  readonly clock: Clock;
}

/** The context of an account on a connection. */
export const contextOf = (
  { ethers }: Connection,
  deployment: Deployment,
  signer: Signer,
  surroundings: Pick<ServiceContext, "report" | "clock">,
): ServiceContext => {
  const suite = attach(deployment, signer);
  const ledger = new Ledger(suite, ethers.provider, deployment);
  const { randomness } = deployment;
  return { suite, signer, provider: ethers.provider, randomness, ledger, ...surroundings };
};

/** What the next transaction will at least find. */
export interface Now {
  readonly block: number;
  /** Seconds of the chain: disputes and payouts go by them. */
  readonly time: number;
  /** Seconds of the market, which stand still while it is paused: requests and claims go by them. */
  readonly marketTime: number;
}

/** Block and time of the next transaction, as early as they can be. */
export async function nowOf({ suite: { market }, provider, clock }: ServiceContext): Promise<Now> {
  const latest = await provider.getBlock("latest");
  if (latest === null) throw new AssayError("RPC_UNUSABLE", "the chain has no latest block", { reason: "no block" });
  const at = { blockTag: latest.number };
  const [marketClock, paused] = await Promise.all([market.clock(at), market.paused(at)]);
  // A chain without transactions may stand still, but the next block will have today's time.
  const time = Math.max(latest.timestamp, clock.now());
  return { block: latest.number + 1, time, marketTime: Number(marketClock) + (paused ? 0 : time - latest.timestamp) };
}

/** Waits for a transaction and reports it. @throws what the chain refuses it with; AssayError RPC_UNUSABLE. */
export async function send(
  { report }: Pick<ServiceContext, "report">,
  action: Action,
  transaction: Promise<ContractTransactionResponse>,
): Promise<ContractTransactionReceipt> {
  const response = await transaction;
  const receipt = await response.wait();
  if (receipt === null) {
    throw new AssayError("RPC_UNUSABLE", `${response.hash} was not included`, { reason: "no receipt" });
  }
  report({ kind: "sent", action, from: response.from, receipt, calldata: (response.data.length - 2) / 2 });
  return receipt;
}
