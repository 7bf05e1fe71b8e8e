import { send, type ServiceContext } from "./context.ts";

/** Takes what the contracts owe to the account: fees and refunds, bonds and rewards, shares of slashed stake. */
export async function collect(context: ServiceContext): Promise<void> {
  const { suite, signer } = context;
  const own = await signer.getAddress();
  for (const from of ["market", "availability", "court", "staking", "auditDesk", "quorums"] as const) {
    const amount = await suite[from].creditOf(own);
    if (amount > 0n)
      await send(context, { kind: "collected", from, amount }, suite[from].withdraw.populateTransaction(own));
  }
}
