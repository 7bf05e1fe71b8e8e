import type { ContractTransaction, TransactionReceipt } from "ethers";

import type { Action } from "../environment/events.ts";
import { send, type ServiceContext } from "./context.ts";

/** A transaction that is due. The steps of a list are taken in their order: the call of one may need those before it. */
export interface Step {
  readonly action: Action;
  readonly call: () => Promise<ContractTransaction>;
}

/** Sends steps, each after the one before is included. @returns The receipts. @throws as Sender.send does. */
export async function take(
  context: Pick<ServiceContext, "sender" | "report">,
  steps: readonly Step[],
): Promise<readonly TransactionReceipt[]> {
  const receipts: TransactionReceipt[] = [];
  for (const { action, call } of steps) receipts.push(await send(context, action, call()));
  return receipts;
}
