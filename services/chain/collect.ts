import { nowOf, send, type ServiceContext } from "./context.ts";

/** Takes what the contracts owe to the account: fees and refunds, bonds and rewards, matured shares of slashed stake. */
export async function collect(context: ServiceContext): Promise<void> {
  const { suite, signer, ledger } = context;
  const own = await signer.getAddress();
  const [market, availability, court, { time }] = await Promise.all([
    suite.market.creditOf(own),
    suite.availability.creditOf(own),
    suite.court.creditOf(own),
    nowOf(context),
  ]);
  if (market > 0n) {
    await send(context, { kind: "collected", from: "market", amount: market }, suite.market.withdraw(own));
  }
  if (availability > 0n) {
    const action = { kind: "collected", from: "availability", amount: availability } as const;
    await send(context, action, suite.availability.withdraw(own));
  }
  if (court > 0n) await send(context, { kind: "collected", from: "court", amount: court }, suite.court.withdraw(own));
  for (const { id, share, recipient, payableAt } of [...ledger.payouts]) {
    if (recipient !== own || time < payableAt) continue;
    await send(context, { kind: "payoutCollected", payoutId: id }, suite.staking.payPayout(id, share));
  }
}
