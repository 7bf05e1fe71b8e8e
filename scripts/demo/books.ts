import { formatEther } from "ethers";

import { attach, type Connection, type Deployment } from "../lib/deployment.ts";
import type { Story } from "./story.ts";

/** Who holds what at the end. */
export interface Books {
  readonly rows: readonly { readonly holder: string; readonly balance: string }[];
  readonly supply: string;
}

/**
 * Checks that no unit of the token is lost: all balances sum to the supply, and what the contracts hold is exactly what
 * they owe. Throws when it is not so.
 */
export async function checkBooks({ ethers }: Connection, deployment: Deployment, story: Story): Promise<Books> {
  const { token, staking, market, court } = attach(deployment, ethers.provider);
  const holders = new Set<string>();
  for (const { args } of await token.queryFilter(token.filters.Transfer())) holders.add(args.to);
  const balances = await Promise.all(
    [...holders].map(async (holder) => ({ holder, balance: await token.balanceOf(holder) })),
  );
  const supply = await token.totalSupply();
  const sum = balances.reduce((total, { balance }) => total + balance, 0n);
  if (sum !== supply) throw new Error(`balances sum to ${formatEther(sum)}, the supply is ${formatEther(supply)}`);
  // Everything was collected: the market and the court owe nothing, the staking contract exactly the stakes.
  const [inMarket, inCourt, inStaking, held] = await Promise.all([
    token.balanceOf(market),
    token.balanceOf(court),
    token.balanceOf(staking),
    staking.totalHeld(),
  ]);
  if (inMarket !== 0n || inCourt !== 0n) throw new Error("market or court keeps what it owes to nobody");
  if (inStaking !== held) throw new Error("the staking contract holds something else than what it owes");
  const rows = balances
    .filter(({ balance }) => balance > 0n)
    .map(({ holder, balance }) => ({ holder: story.nameOf(holder), balance: formatEther(balance) }));
  return { rows, supply: formatEther(supply) };
}
