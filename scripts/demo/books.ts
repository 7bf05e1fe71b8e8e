import type { Hash } from "../../runner/commitment/keccak.ts";
import { CONSTANTS } from "../../runner/protocol/constants.ts";
import type { Connection, Signer } from "../../services/chain/connection.ts";
import { attach, type Deployment, type Suite } from "../../services/chain/deployment.ts";
import type { Phrase } from "./phrases.ts";
import type { Consumer } from "./scenario.ts";
import { type Story, tokens } from "./story.ts";

/** Who holds what at the end. */
export interface Books {
  readonly rows: readonly { readonly holder: string; readonly balance: bigint }[];
  readonly supply: bigint;
}

const SINK = CONSTANTS.DisputeCourt.SINK;

/** Everyone takes what is owed. */
export async function settle(
  suite: Suite,
  story: Story,
  accounts: readonly Signer[],
  consumer: Consumer,
  failed: readonly Hash[],
): Promise<void> {
  const { market, court, staking } = suite;
  const collects = (what: string, buys: string): Phrase => ({ purpose: "collect", what, buys });
  const all = { payments: true };
  const back = async (): Promise<void> => {
    for (const id of failed) {
      await story.tell(
        "Requester",
        collects("takes a fee back, with damages", "the harmed one is paid"),
        consumer.reclaim(id),
      );
    }
  };
  await story.digest("Requester", "takes fees and damages", "no right answer, no payment", back, all);
  for (const address of [...accounts.map((account) => account.address), consumer.address, SINK]) {
    const who = story.nameOf(address);
    if ((await market.creditOf(address)) > 0n) {
      await story.tell(who, collects("collects from the market", "royalty or fee"), market.withdraw(address));
    }
    if ((await court.creditOf(address)) > 0n) {
      await story.tell(who, collects("takes its bond back", "what the court owes it"), court.withdraw(address));
    }
    if ((await staking.creditOf(address)) > 0n) {
      const buys = address === SINK ? "nobody gains from this part" : "the watcher's reward";
      await story.tell(who, collects("takes slashed stake", buys), staking.withdraw(address));
    }
  }
}

/**
 * Checks that no unit of the token is lost: all balances sum to the supply, and what the contracts hold is exactly what
 * they owe. Throws when it is not so.
 */
export async function checkBooks({ ethers }: Connection, deployment: Deployment, story: Story): Promise<Books> {
  const { token, staking, market, court, auditDesk } = attach(deployment, ethers.provider);
  const holders = new Set<string>();
  for (const { args } of await token.queryFilter(token.filters.Transfer())) holders.add(args.to);
  const balances = await Promise.all(
    [...holders].map(async (holder) => ({ holder, balance: await token.balanceOf(holder) })),
  );
  const supply = await token.totalSupply();
  const sum = balances.reduce((total, { balance }) => total + balance, 0n);
  if (sum !== supply) throw new Error(`balances sum to ${tokens(sum)}, the supply is ${tokens(supply)}`);
  // Everything was collected: the court and the audit desk owe nothing, the market exactly the fund of the audits, the
  // staking contract exactly the stakes.
  const [inMarket, fund, atDesk, inCourt, inStaking, held] = await Promise.all([
    token.balanceOf(market),
    market.auditFund(),
    token.balanceOf(auditDesk),
    token.balanceOf(court),
    token.balanceOf(staking),
    staking.totalHeld(),
  ]);
  if (inMarket !== fund || atDesk !== 0n || inCourt !== 0n) {
    throw new Error("the market, the audit desk or the court keeps what it owes to nobody");
  }
  if (inStaking !== held) throw new Error("the staking contract holds something else than what it owes");
  const rows = balances
    .filter(({ balance }) => balance > 0n)
    .map(({ holder, balance }) => ({ holder: story.nameOf(holder), balance }))
    .sort((a, b) => (a.balance < b.balance ? 1 : -1));
  return { rows, supply };
}
