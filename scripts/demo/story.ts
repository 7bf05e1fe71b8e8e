import type { TransactionReceipt, ContractTransactionResponse, Log } from "ethers";
import { formatEther, ZeroAddress } from "ethers";
import { styleText } from "node:util";

import { CONSTANTS } from "../../runner/protocol/constants.ts";
import type { Deployment, Suite } from "../../services/chain/deployment.ts";
import type { Phrase, Purpose } from "./phrases.ts";

/** One transaction of the story. */
export interface Step extends Phrase {
  readonly chapter: string;
  readonly who: string;
  readonly gas: bigint;
  /** Bytes. */
  readonly calldata: number;
  readonly payments: readonly Payment[];
}

export interface Payment {
  readonly from: string;
  readonly to: string;
  /** In units of 1e-18. */
  readonly amount: bigint;
}

/** Where lines go; without an argument an empty line. */
export type Print = (line?: string) => void;

/** Collects what happens and prints it as it happens. */
export class Story {
  readonly steps: Step[] = [];
  readonly print: Print;
  readonly #suite: Suite;
  readonly #names = new Map<string, string>();
  #chapter = "";
  #quiet = false;

  constructor(suite: Suite, { contracts }: Deployment, print: Print) {
    this.#suite = suite;
    this.print = print;
    this.name(contracts.InferenceMarket, "Market");
    this.name(contracts.OperatorStaking, "Staking");
    this.name(contracts.DisputeCourt, "Court");
    this.name(contracts.AuditDesk, "Desk");
    this.name(ZeroAddress, "(minted)");
    this.name(CONSTANTS.DisputeCourt.SINK, "(burned)");
  }

  name(address: string, name: string): void {
    this.#names.set(address.toLowerCase(), name);
  }

  nameOf(address: string): string {
    return this.#names.get(address.toLowerCase()) ?? address;
  }

  chapter(title: string): void {
    this.#chapter = title;
    this.print();
    this.print(styleText("bold", title));
    this.print(styleText("dim", "─".repeat(title.length)));
  }

  /** A paragraph of one line. */
  say(line: string): void {
    this.print();
    this.print(`  ${line}`);
    this.print();
  }

  /** Sends a transaction, waits for it and tells it. */
  async tell(
    who: string,
    phrase: Phrase,
    transaction: Promise<ContractTransactionResponse>,
  ): Promise<TransactionReceipt> {
    const response = await transaction;
    const receipt = await response.wait();
    if (receipt === null) throw new Error(`${phrase.what}: no receipt`);
    this.record(who, phrase, receipt, (response.data.length - 2) / 2);
    return receipt;
  }

  record(who: string, phrase: Phrase, receipt: TransactionReceipt, calldata: number): void {
    const payments = receipt.logs.flatMap((entry) => this.#payment(entry));
    this.steps.push({ ...phrase, chapter: this.#chapter, who, gas: receipt.gasUsed, calldata, payments });
    if (this.#quiet) return;
    this.#line(who, phrase.what, receipt.gasUsed, phrase.buys);
    this.#paid(payments);
  }

  /** Tells several transactions in one line, and what was paid in all of them when it is not in the line already. */
  async digest(
    who: string,
    what: string,
    buys: string,
    work: () => Promise<void>,
    { payments } = { payments: false },
  ): Promise<void> {
    const from = this.steps.length;
    this.#quiet = true;
    try {
      await work();
    } finally {
      this.#quiet = false;
    }
    const steps = this.steps.slice(from);
    this.#line(who, what, sumOfGas(steps), buys);
    if (payments) this.#paid(summed(steps.flatMap((step) => step.payments)));
  }

  /** Steps for some purposes since a place in the story. */
  since(from: number, purposes: readonly Purpose[]): readonly Step[] {
    return this.steps.slice(from).filter(({ purpose }) => purposes.includes(purpose));
  }

  #line(who: string, what: string, gas: bigint, buys: string): void {
    const [left, right] = [`${who.padEnd(10)} ${what.padEnd(36)}`, gas.toLocaleString("en").padStart(9)];
    this.print(`  ${left} ${right}  ${styleText("dim", buys)}`);
  }

  #paid(payments: readonly Payment[]): void {
    for (const line of chains(payments)) this.print(styleText("cyan", `${" ".repeat(13)}${line}`));
  }

  #payment(entry: Log): readonly Payment[] {
    if (entry.address !== this.#suite.token.target) return [];
    const parsed = this.#suite.token.interface.parseLog({ topics: [...entry.topics], data: entry.data });
    if (parsed?.name !== "Transfer") return [];
    const { from, to, value } = parsed.args.toObject() as { from: string; to: string; value: bigint };
    return [{ from: this.nameOf(from), to: this.nameOf(to), amount: value }];
  }
}

export const sumOfGas = (steps: readonly Step[]): bigint => steps.reduce((sum, { gas }) => sum + gas, 0n);
export const sumOfCalldata = (steps: readonly Step[]): number => steps.reduce((sum, { calldata }) => sum + calldata, 0);

/** An amount of the token for people: "5,000". */
export const tokens = (amount: bigint): string =>
  Number(formatEther(amount)).toLocaleString("en", { maximumFractionDigits: 4 });

/** Payments in words; what is passed on at once stands in one line. */
export function chains(payments: readonly Payment[]): readonly string[] {
  const lines: { path: string[]; amount: bigint }[] = [];
  for (const { from, to, amount } of payments) {
    const last = lines.at(-1);
    if (last?.amount === amount && last.path.at(-1) === from) last.path.push(to);
    else lines.push({ path: [from, to], amount });
  }
  return lines.map(({ path, amount }) => `${tokens(amount)} ASSAY: ${path.join(" → ")}`);
}

/** Payments from and to the same, added up, in the order of the first of each. */
export function summed(payments: readonly Payment[]): readonly Payment[] {
  const sums = new Map<string, Payment>();
  for (const payment of payments) {
    const key = `${payment.from} ${payment.to}`;
    sums.set(key, { ...payment, amount: payment.amount + (sums.get(key)?.amount ?? 0n) });
  }
  return [...sums.values()];
}
