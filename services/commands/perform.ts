import { type ContractTransaction, formatEther, MaxUint256, Result, type TransactionReceipt } from "ethers";

import { send, type ServiceContext } from "../chain/context.ts";
import { NAMES, type Suite } from "../chain/deployment.ts";
import { gasFor } from "../chain/sender.ts";
import type { Plan } from "./command.ts";

/** How a plan is carried out. */
export interface Performing {
  /** Sends nothing. */
  readonly dryRun: boolean;
  readonly print: (line: string) => void;
}

/**
 * Says what each step of a plan does and what it costs at most, and takes it.
 * @returns The receipts of what was sent.
 * @throws what a contract refuses a step with, before it is sent; as Sender.send does.
 */
export async function perform(
  context: ServiceContext,
  { steps, notes = [] }: Plan,
  { dryRun, print }: Performing,
): Promise<readonly TransactionReceipt[]> {
  const receipts: TransactionReceipt[] = [];
  for (const note of notes) print(note);
  if (steps.length === 0) print("there is nothing to do");
  for (const [i, { action, call }] of steps.entries()) {
    const populated = await call();
    print(callText(context.suite, populated));
    const cost = await costOf(context, populated).catch((error: unknown) => {
      // Only the first one meets the chain as it is: another may stand on what the ones before it have done.
      if (!dryRun || i === 0) throw error;
      return undefined;
    });
    print(`  ${cost === undefined ? "its cost is known when what stands before it is done" : cost}`);
    if (dryRun) continue;
    const receipt = await send(context, action, Promise.resolve(populated));
    receipts.push(receipt);
    const { blockNumber, gasUsed, fee, hash } = receipt;
    print(
      `  done in block ${String(blockNumber)}: ${gasUsed.toLocaleString("en")} gas, ${formatEther(fee)} ether, ${hash}`,
    );
  }
  if (dryRun && steps.length > 0) print("nothing was sent: this was a dry run");
  return receipts;
}

async function costOf({ signer, provider }: ServiceContext, call: ContractTransaction): Promise<string> {
  const gas = await gasFor(signer, call);
  const { maxFeePerGas, gasPrice } = await provider.getFeeData();
  const price = maxFeePerGas ?? gasPrice ?? 0n;
  return `at most ${gas.toLocaleString("en")} gas, ${formatEther(gas * price)} ether`;
}

/** Bytes of a text or of hex that are shown whole. */
const SHOWN = 80;

/** A call of the suite in words: `OperatorStaking.unbond(amount 100)`. Calls of other contracts as hex. */
export function callText(suite: Suite, { to, data }: Pick<ContractTransaction, "to" | "data">): string {
  for (const [key, contract] of Object.entries(suite)) {
    if ((contract.target as string).toLowerCase() !== to.toLowerCase()) continue;
    const parsed = contract.interface.parseTransaction({ data });
    if (parsed === null) break;
    const args = parsed.fragment.inputs.map(
      ({ name }, i) => `${name} ${AMOUNTS.has(name) ? amountText(parsed.args[i]) : valueText(parsed.args[i])}`,
    );
    return `${NAMES[key as keyof typeof NAMES]}.${parsed.name}(${args.join(", ")})`;
  }
  return `call of ${to} with ${data}`;
}

/** Arguments that are amounts of the token. */
const AMOUNTS: ReadonlySet<string> = new Set(["amount", "value"]);
const amountText = (value: unknown): string =>
  value === MaxUint256 ? "unlimited" : typeof value === "bigint" ? `${formatEther(value)} tokens` : valueText(value);

/** A value of a call in words. */
function valueText(value: unknown): string {
  if (value instanceof Result) return `[${value.toArray().map(valueText).join(", ")}]`;
  const text = String(value);
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}… (${String(text.length)} characters)`;
}
