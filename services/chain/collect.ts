import type { ServiceContext } from "./context.ts";
import { type Step, take } from "./steps.ts";

/** Contracts that owe credits. */
export const PAYERS = ["market", "availability", "court", "staking", "auditDesk", "quorums"] as const;

/** What takes the credits of the account: fees and refunds, bonds and rewards, shares of slashed stake. */
export async function stepsToCollect({ suite, signer }: ServiceContext): Promise<readonly Step[]> {
  const own = await signer.getAddress();
  const amounts = await Promise.all(PAYERS.map((from) => suite[from].creditOf(own)));
  return PAYERS.flatMap((from, i) => {
    const amount = amounts[i] ?? 0n;
    if (amount === 0n) return [];
    return [
      {
        action: { kind: "collected", from, amount },
        call: () => suite[from].withdraw.populateTransaction(own),
      } as const,
    ];
  });
}

/** Takes what the contracts owe to the account. @throws as Sender.send does. */
export async function collect(context: ServiceContext): Promise<void> {
  await take(context, await stepsToCollect(context));
}
