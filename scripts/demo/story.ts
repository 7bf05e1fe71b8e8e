import type { ContractTransactionReceipt, ContractTransactionResponse, Log } from "ethers";
import { formatEther } from "ethers";

import type { Deployment, Suite } from "../lib/deployment.ts";

/** One transaction of the story. */
export interface Step {
  readonly chapter: string;
  readonly who: string;
  readonly what: string;
  /** What its gas buys. */
  readonly buys: string;
  readonly gas: bigint;
  readonly calldata: number;
  readonly payments: readonly Payment[];
}

export interface Payment {
  readonly from: string;
  readonly to: string;
  readonly amount: bigint;
}

/** Collects what happens and prints it as it happens. */
export class Story {
  readonly steps: Step[] = [];
  readonly #suite: Suite;
  readonly #names = new Map<string, string>();
  #chapter = "";

  constructor(suite: Suite, { contracts }: Deployment) {
    this.#suite = suite;
    this.name(contracts.InferenceMarket, "Market");
    this.name(contracts.OperatorStaking, "Staking");
    this.name(contracts.DisputeCourt, "Court");
    this.name("0x0000000000000000000000000000000000000000", "(minted)");
    this.name("0x000000000000000000000000000000000000dEaD", "(burned)");
  }

  name(address: string, name: string): void {
    this.#names.set(address.toLowerCase(), name);
  }

  nameOf(address: string): string {
    return this.#names.get(address.toLowerCase()) ?? address;
  }

  chapter(title: string): void {
    this.#chapter = title;
    console.log(`\n${title}\n${"─".repeat(title.length)}`);
  }

  /** Sends a transaction, waits for it and tells it. */
  async tell(
    who: string,
    what: string,
    buys: string,
    transaction: Promise<ContractTransactionResponse>,
  ): Promise<ContractTransactionReceipt> {
    const response = await transaction;
    const receipt = await response.wait();
    if (receipt === null) throw new Error(`${what}: no receipt`);
    this.record(who, what, buys, receipt, (response.data.length - 2) / 2);
    return receipt;
  }

  record(who: string, what: string, buys: string, receipt: ContractTransactionReceipt, calldata: number): void {
    const payments = receipt.logs.flatMap((entry) => this.#payment(entry));
    this.steps.push({ chapter: this.#chapter, who, what, buys, gas: receipt.gasUsed, calldata, payments });
    const gas = receipt.gasUsed.toLocaleString("en").padStart(11);
    console.log(`  ${gas} gas  ${who.padEnd(10)} ${what.padEnd(46)} ${buys}`);
    for (const { from, to, amount } of payments) {
      console.log(`${" ".repeat(19)}${"".padEnd(10)} ${from} → ${to}: ${formatEther(amount)} ASSAY`);
    }
  }

  #payment(entry: Log): readonly Payment[] {
    if (entry.address !== this.#suite.token.target) return [];
    const parsed = this.#suite.token.interface.parseLog({ topics: [...entry.topics], data: entry.data });
    if (parsed?.name !== "Transfer") return [];
    const { from, to, value } = parsed.args.toObject() as { from: string; to: string; value: bigint };
    return [{ from: this.nameOf(from), to: this.nameOf(to), amount: value }];
  }
}
