import type { ContractTransaction, Provider, Signer, TransactionReceipt } from "ethers";

import type { RandomnessSource } from "../../ignition/source.ts";
import { AssayError } from "../../runner/errors.ts";
import type { Clock } from "../environment/clock.ts";
import type { Action, Reporter } from "../environment/events.ts";
import type { Rpc } from "./blocks.ts";
import type { Suite } from "./deployment.ts";
import type { Ledger } from "./ledger.ts";
import type { Sender } from "./sender.ts";
import type { Share } from "./share.ts";

/** What a service stands on: the suite seen by one account, all that the chain has said, and who is told what it does. */
export interface ServiceContext {
  readonly suite: Suite;
  readonly signer: Signer;
  readonly sender: Sender;
  readonly provider: Provider & Rpc;
  /** Where the seeds of draws come from. */
  readonly randomness: RandomnessSource;
  /** Whether the token was there before the suite: then nobody mints it here. */
  readonly existingToken?: boolean;
  readonly ledger: Ledger;
  readonly report: Reporter;
  readonly clock: Clock;
  /** What of the account's work is this process's; all of it when it is not given. */
  readonly share?: Share;
}

/** What the next transaction will at least find. */
export interface Now {
  readonly block: number;
  /** Seconds of the chain: disputes go by them. */
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

/** Sends a call, waits until it is included and reports it. @throws as Sender.send does. */
export async function send(
  { sender, report }: Pick<ServiceContext, "sender" | "report">,
  action: Action,
  call: Promise<ContractTransaction>,
): Promise<TransactionReceipt> {
  const { receipt, data } = await sender.send(await call);
  report({ kind: "sent", action, from: receipt.from, receipt, calldata: (data.length - 2) / 2 });
  return receipt;
}
