import { formatEther } from "ethers";

import { log } from "../environment/log.ts";
import { nowOf, type Scene, send } from "./service.ts";

/** Takes what the contracts owe to the account: fees and refunds, bonds and rewards, matured shares of slashed stake. */
export async function collect(scene: Scene): Promise<void> {
  const { suite, signer, ledger } = scene;
  const own = await signer.getAddress();
  const [market, court, { time }] = await Promise.all([
    suite.market.creditOf(own),
    suite.court.creditOf(own),
    nowOf(scene),
  ]);
  if (market > 0n) await send(`collected ${formatEther(market)} from the market`, suite.market.withdraw(own));
  if (court > 0n) await send(`collected ${formatEther(court)} from the court`, suite.court.withdraw(own));
  for (const { id, share, recipient, payableAt } of [...ledger.payouts]) {
    if (recipient !== own || time < payableAt) continue;
    log(`payout ${String(id)} is due`);
    await send("collected a share of slashed stake", suite.staking.payPayout(id, share));
  }
}
