import type { ContractTransactionReceipt, ContractTransactionResponse, Provider } from "ethers";

import { AssayError, isAssayError } from "../../runner/errors.ts";
import type { Connection, Deployment, Signer, Suite } from "./deployment.ts";
import { attach } from "./deployment.ts";
import { Ledger } from "./ledger.ts";
import { log } from "../environment/log.ts";
import { pause } from "../environment/run.ts";

/** Longest that one look at the chain or one transaction may take before it is given up and tried again. */
const PATIENCE_MILLISECONDS = 120_000;
const LONGEST_PAUSE_MILLISECONDS = 60_000;

/** What a service stands on: the suite seen by one account, and all that the chain has said. */
export interface Scene {
  readonly suite: Suite;
  readonly signer: Signer;
  readonly provider: Provider;
  readonly ledger: Ledger;
}

export const sceneOf = ({ ethers }: Connection, deployment: Deployment, signer: Signer): Scene => {
  const suite = attach(deployment, signer);
  return { suite, signer, provider: ethers.provider, ledger: new Ledger(suite, ethers.provider, deployment) };
};

/** What the next transaction will at least find. */
export interface Now {
  readonly block: number;
  /** Seconds of the chain: disputes and payouts go by them. */
  readonly time: number;
  /** Seconds of the market, which stand still while it is paused: requests and claims go by them. */
  readonly marketTime: number;
}

export async function nowOf({ suite: { market }, provider }: Scene): Promise<Now> {
  const latest = await provider.getBlock("latest");
  if (latest === null) throw new AssayError("RPC_UNUSABLE", "the chain has no latest block", { reason: "no block" });
  const at = { blockTag: latest.number };
  const [clock, paused] = await Promise.all([market.clock(at), market.paused(at)]);
  // A chain without transactions may stand still, but the next block will have today's time.
  const time = Math.max(latest.timestamp, Math.floor(Date.now() / 1000));
  return { block: latest.number + 1, time, marketTime: Number(clock) + (paused ? 0 : time - latest.timestamp) };
}

type Listener = (from: string, what: string, receipt: ContractTransactionReceipt, calldata: number) => void;

let listener: Listener = (_, what, { gasUsed }) => {
  log(`${what} (${gasUsed.toLocaleString("en")} gas)`);
};

/** Tells somebody else of every transaction that is sent. */
export const setSent = (to: Listener): void => {
  listener = to;
};

/** Sends a transaction and waits for it. */
export async function send(
  what: string,
  transaction: Promise<ContractTransactionResponse>,
): Promise<ContractTransactionReceipt> {
  const response = await transaction;
  const receipt = await response.wait();
  if (receipt === null) throw new AssayError("RPC_UNUSABLE", `${what} was not included`, { reason: "no receipt" });
  listener(response.from, what, receipt, (response.data.length - 2) / 2);
  return receipt;
}

/** Gives up on what takes too long: a server that hangs must not stop a service that has deadlines. */
export async function withPatience<T>(
  what: string,
  work: Promise<T>,
  milliseconds = PATIENCE_MILLISECONDS,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const impatience = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const reason = `no answer in ${String(milliseconds)} ms`;
      reject(new AssayError("RPC_UNUSABLE", `${what}: ${reason}`, { reason }));
    }, milliseconds);
  });
  try {
    return await Promise.race([work, impatience]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Does the same for each, one after the other; what fails for one is no reason to leave the others.
 * @throws the first failure, at the end.
 */
export async function eachAlone<T>(
  items: readonly T[],
  signal: AbortSignal | undefined,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const failures: unknown[] = [];
  for (const item of items) {
    if (signal?.aborted === true) break;
    await work(item).catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
}

/**
 * Looks again and again until the signal fires. A look that fails is reported and tried again, later each time; between
 * looks nothing is held that the chain does not hold. A look that takes too long is told to stop by its own signal, so
 * that it does not act beside the next one when the chain answers after all.
 */
export async function keepLooking(
  what: string,
  intervalMilliseconds: number,
  signal: AbortSignal,
  look: (signal: AbortSignal) => Promise<void>,
  patienceMilliseconds = PATIENCE_MILLISECONDS,
): Promise<void> {
  let wait = intervalMilliseconds;
  while (!signal.aborted) {
    const given = new AbortController();
    try {
      await withPatience(what, look(AbortSignal.any([signal, given.signal])), patienceMilliseconds);
      wait = intervalMilliseconds;
    } catch (error) {
      given.abort(error);
      if (isAssayError(error, "ABORTED")) return;
      log(`${what}: ${error instanceof Error ? error.message : String(error)}; trying again`);
      wait = Math.min(wait * 2, LONGEST_PAUSE_MILLISECONDS);
    }
    await pause(wait, signal);
  }
}
