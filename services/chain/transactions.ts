import { type ContractTransaction, keccak256, type Provider, type Signer, type TransactionReceipt } from "ethers";

import { AssayError } from "../../runner/errors.ts";
import type { Clock } from "../environment/clock.ts";
import type { Reporter } from "../environment/events.ts";
import { gasFor, type Sender, type Sent, TRANSACTION_GAS } from "./sender.ts";

/** What transactions may cost. */
export interface FeePolicy {
  /** Most that a unit of gas may cost, in wei. */
  readonly maxFeePerGas: bigint;
  /** Most that all transactions of a day (UTC) may cost together, in wei. */
  readonly dailyWei: bigint;
  /** Seconds without inclusion after which a transaction is replaced by one that pays more. */
  readonly bumpSeconds: number;
  /** Sends nothing: each transaction is estimated, reported and refused. */
  readonly dryRun: boolean;
}

export interface TransactionOptions {
  readonly provider: Provider;
  /** Signs by itself, from a key. */
  readonly signer: Signer;
  readonly clock: Clock;
  readonly report: Reporter;
  readonly policy: FeePolicy;
}

interface Fees {
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

const POLL_MILLISECONDS = 1_000;
const DAY = 86_400;
const GWEI = 10n ** 9n;

/**
 * Sends the transactions of one key, one after the other, until each is included: it counts nonces itself, replaces what is
 * not included by the same call at a higher price, and never has two calls for one nonce. A transaction that a crash left
 * behind is replaced by the next one. What a reorganisation drops, the ledger shows as not done, and it is sent again.
 */
export class TransactionManager implements Sender {
  readonly #options: TransactionOptions;
  #queue: Promise<unknown> = Promise.resolve();
  #day = 0;
  #spent = 0n;

  constructor(options: TransactionOptions) {
    this.#options = options;
  }

  /** Wei that the transactions of this day cost. */
  get spentToday(): bigint {
    return this.#day === this.#today() ? this.#spent : 0n;
  }

  send(call: ContractTransaction): Promise<Sent> {
    const sending = this.#queue.then(() => this.#send(call));
    this.#queue = sending.catch(() => undefined);
    return sending;
  }

  async #send(call: ContractTransaction, leastGas = 0n): Promise<Sent> {
    const { signer, provider, policy } = this.#options;
    const estimate = await gasFor(signer, call);
    const gasLimit = estimate > leastGas ? estimate : leastGas;
    let fees = await this.#fees();
    this.#expectBudget(gasLimit * fees.maxFeePerGas);
    if (policy.dryRun) throw new AssayError("DRY_RUN", `not sent: ${String(gasLimit)} gas`, { gas: gasLimit });
    const from = await signer.getAddress();
    let nonce = await provider.getTransactionCount(from, "latest");
    const { chainId } = await provider.getNetwork();
    const sent: string[] = [];
    let accepted = false;
    for (;;) {
      const filled = {
        to: call.to,
        data: call.data,
        value: call.value ?? 0n,
        type: 2,
        chainId,
        nonce,
        gasLimit,
        ...fees,
      };
      const raw = await signer.signTransaction(filled);
      sent.push(keccak256(raw));
      const outcome = await this.#broadcast(raw);
      if (outcome === "nonceUsed") {
        // Included, perhaps, and the node that is asked for the receipt is behind the one that knows it.
        const receipt = accepted ? await this.#wait(sent) : undefined;
        if (receipt !== undefined) return await this.#done(receipt, call, gasLimit);
        // Somebody else sends with this key, or the count came from a node that is behind. What has happened is refused.
        await this.#pause();
        await gasFor(signer, call);
        sent.length = 0;
        accepted = false;
        nonce = await provider.getTransactionCount(from, "latest");
        continue;
      }
      accepted ||= outcome === "accepted";
      const receipt = outcome === "accepted" ? await this.#wait(sent) : undefined;
      if (receipt !== undefined) return await this.#done(receipt, call, gasLimit);
      if ((await provider.getTransactionCount(from, "latest")) < nonce) {
        // It would wait for ever. Whoever sends decides again, from what the chain says now.
        const reason = `a reorganisation dropped transactions of this account before nonce ${String(nonce)}`;
        throw new AssayError("RPC_UNUSABLE", reason, { reason });
      }
      const raised = raise(fees, policy.maxFeePerGas);
      if (raised.maxFeePerGas > fees.maxFeePerGas) {
        this.#expectBudget(gasLimit * raised.maxFeePerGas);
        this.#options.report({ kind: "feeRaised", nonce, maxFeePerGas: raised.maxFeePerGas });
      } else await this.#pause();
      fees = raised;
    }
  }

  async #fees(): Promise<Fees> {
    const { provider, policy } = this.#options;
    const { maxFeePerGas, maxPriorityFeePerGas } = await provider.getFeeData();
    const tip = maxPriorityFeePerGas ?? GWEI;
    const most = maxFeePerGas ?? 2n * GWEI;
    if (most - tip > 2n * policy.maxFeePerGas) {
      const reason = `gas costs more than ${String(policy.maxFeePerGas)} wei`;
      throw new AssayError("BUDGET_SPENT", reason, { reason });
    }
    return capped({ maxFeePerGas: most, maxPriorityFeePerGas: tip }, policy.maxFeePerGas);
  }

  async #broadcast(raw: string): Promise<"accepted" | "nonceUsed" | "underpriced"> {
    try {
      await this.#options.provider.broadcastTransaction(raw);
      return "accepted";
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (/already known|already imported|known transaction/i.test(text)) return "accepted";
      if (/nonce too low|nonce has already been used|NONCE_EXPIRED|invalid nonce/i.test(text)) return "nonceUsed";
      if (/underpriced|fee too low|REPLACEMENT/i.test(text)) return "underpriced";
      throw error;
    }
  }

  /** The receipt of one of some transactions with one nonce; undefined when none is included in time. */
  async #wait(hashes: readonly string[]): Promise<TransactionReceipt | undefined> {
    const { policy } = this.#options;
    for (let waited = 0; waited <= policy.bumpSeconds * 1_000; waited += POLL_MILLISECONDS) {
      const receipt = await this.#receiptOf(hashes);
      if (receipt !== undefined) return receipt;
      await this.#pause();
    }
    return undefined;
  }

  async #pause(): Promise<void> {
    await this.#options.clock.pause(POLL_MILLISECONDS, new AbortController().signal);
  }

  async #receiptOf(hashes: readonly string[]): Promise<TransactionReceipt | undefined> {
    for (const hash of hashes) {
      const receipt = await this.#options.provider.getTransactionReceipt(hash);
      if (receipt !== null) return receipt;
    }
    return undefined;
  }

  async #done(receipt: TransactionReceipt, call: ContractTransaction, gasLimit: bigint): Promise<Sent> {
    if (this.#day !== this.#today()) this.#spent = 0n;
    this.#day = this.#today();
    this.#spent += receipt.fee;
    if (receipt.status !== 0) return { receipt, data: call.data };
    // The estimate counted on transactions that were replaced: more gas, once.
    if (receipt.gasUsed === gasLimit && gasLimit < TRANSACTION_GAS / 2n) return await this.#send(call, 2n * gasLimit);
    const { hash } = receipt;
    throw new AssayError("TRANSACTION_REFUSED", `${hash} was included and refused`, { hash });
  }

  #expectBudget(wei: bigint): void {
    const { dailyWei } = this.#options.policy;
    if (this.spentToday + wei <= dailyWei) return;
    const reason = `${String(this.spentToday)} of ${String(dailyWei)} wei are spent today`;
    throw new AssayError("BUDGET_SPENT", reason, { reason });
  }

  #today(): number {
    return Math.floor(this.#options.clock.now() / DAY);
  }
}

/** An eighth more, the least that nodes accept for a replacement, and a little beyond it. */
const raise = ({ maxFeePerGas, maxPriorityFeePerGas }: Fees, limit: bigint): Fees =>
  capped(
    { maxFeePerGas: (maxFeePerGas * 5n) / 4n + 1n, maxPriorityFeePerGas: (maxPriorityFeePerGas * 5n) / 4n + 1n },
    limit,
  );

const capped = ({ maxFeePerGas, maxPriorityFeePerGas }: Fees, limit: bigint): Fees => {
  const most = maxFeePerGas > limit ? limit : maxFeePerGas;
  return { maxFeePerGas: most, maxPriorityFeePerGas: maxPriorityFeePerGas > most ? most : maxPriorityFeePerGas };
};
