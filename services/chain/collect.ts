import { nowOf, send, type ServiceContext } from "./context.ts";

/** Takes what the contracts owe to the account: fees and refunds, bonds and rewards, matured shares of slashed stake. */
export async function collect(context: ServiceContext): Promise<void> {
  const { suite, signer, ledger } = context;
  const own = await signer.getAddress();
  const [market, court, { time }] = await Promise.all([
    suite.market.creditOf(own),
    suite.court.creditOf(own),
    nowOf(context),
  ]);
  if (market > 0n) {
    await send(
      context,
      { kind: "collected", from: "market", amount: market },
      suite.market.withdraw.populateTransaction(own),
    );
  }
  if (court > 0n)
    await send(
      context,
      { kind: "collected", from: "court", amount: court },
      suite.court.withdraw.populateTransaction(own),
    );
  for (const { id, share, recipient, payableAt } of [...ledger.payouts]) {
    if (recipient !== own || time < payableAt) continue;
    await send(
      context,
      { kind: "payoutCollected", payoutId: id },
      suite.staking.payPayout.populateTransaction(id, share),
    );
  }
}
