import { join } from "node:path";

import type { TransactionReceiptParams } from "ethers";

import type { Hash } from "../../runner/commitment/keccak.ts";
import { createFolderStore } from "../../runner/files/store.ts";
import { item } from "../../runner/items.ts";
import { attach } from "../../services/chain/deployment.ts";
import { execute } from "../../services/models/models.ts";
import { ACCOUNTS, type Stage, walletOf } from "./stage.ts";

/* What must hold when a chaos run is over, read from the chain itself. */

/** A sentence that must hold. */
export interface Verdict {
  readonly what: string;
  readonly holds: boolean;
  readonly figures: string;
}

const addressesOf = (indices: readonly number[]): readonly string[] => indices.map((index) => walletOf(index).address);
const HONEST_OPERATORS = addressesOf(ACCOUNTS.operators);
const HONEST = [...HONEST_OPERATORS, ...addressesOf([ACCOUNTS.watcher, ACCOUNTS.requester])];

export async function judge(stage: Stage): Promise<readonly Verdict[]> {
  return [...(await answers(stage)), ...(await money(stage)), ...(await transactions(stage))];
}

async function answers({ provider, deployment, firstBlock, model, wide, folder }: Stage): Promise<readonly Verdict[]> {
  const { market, staking } = attach(deployment, provider);
  const [opened, claimed, convicted, settled] = [
    await market.queryFilter(market.filters.RequestOpened(), firstBlock),
    await market.queryFilter(market.filters.Claimed(), firstBlock),
    await market.queryFilter(market.filters.ClaimConvicted(), firstBlock),
    await market.queryFilter(market.filters.RequestSettled(), firstBlock),
  ];
  const guilty = new Set(convicted.map(({ args }) => args.claimId));
  const asked = new Map(opened.map(({ args }) => [args.requestId, args]));
  const store = createFolderStore(join(folder, "requester", "store"));
  const rightRoot = async (requestId: string): Promise<string> => {
    const { inputs = "0x", inputUri = "" } = asked.get(requestId) ?? {};
    if (inputs !== "0x") return (await execute(model, Buffer.from(inputs.slice(2), "hex"))).outputRoot;
    const blob = /0x[0-9a-f]{64}$/.exec(inputUri)?.[0] as Hash | undefined;
    const bytes = blob === undefined ? undefined : await store.get(blob).catch(() => undefined);
    return bytes === undefined ? "" : (await execute(wide, bytes)).outputRoot;
  };
  let [forged, escaped, wronged] = [0, 0, 0];
  for (const { args } of claimed) {
    const right = await rightRoot(args.requestId);
    if (args.outputRoot === right) wronged += guilty.has(args.claimId) ? 1 : 0;
    else {
      forged++;
      escaped += guilty.has(args.claimId) ? 0 : 1;
    }
  }
  const honest = (operator: string): boolean => HONEST_OPERATORS.includes(operator);
  const slashed = (await staking.queryFilter(staking.filters.Slashed(), firstBlock)).filter(({ args }) =>
    honest(args.operator),
  );
  const missed = (await staking.queryFilter(staking.filters.DrawMissed(), firstBlock)).filter(({ args }) =>
    honest(args.operator),
  );
  const answered = claimed.filter(({ args }) => honest(args.operator));
  return [
    {
      what: "every request is settled",
      holds: opened.length > 0 && settled.length === opened.length,
      figures: `${String(settled.length)} of ${String(opened.length)}`,
    },
    {
      what: "every forged answer is convicted",
      holds: forged > 0 && escaped === 0,
      figures: `${String(forged - escaped)} of ${String(forged)}`,
    },
    {
      what: "no right answer is convicted",
      holds: answered.length > 0 && wronged === 0,
      figures: `${String(claimed.length - forged)} right answers, ${String(wronged)} convicted`,
    },
    {
      what: "no honest operator is slashed",
      holds: slashed.length === 0,
      figures: `${String(slashed.length)} slashes`,
    },
    {
      what: "no honest operator is late",
      holds: missed.length === 0,
      figures: `${String(answered.length)} claims, ${String(missed.length)} missed`,
    },
  ];
}

/** What each contract holds must be what it owes. */
async function money({ provider, deployment }: Stage): Promise<readonly Verdict[]> {
  const suite = attach(deployment, provider);
  const { token, staking, market, court, auditDesk, availability } = suite;
  const holders = new Set<string>();
  for (const { args } of await token.queryFilter(token.filters.Transfer())) holders.add(args.to);
  for (const ledger of [staking, market, court, auditDesk, availability]) {
    for (const { args } of await ledger.queryFilter(ledger.filters.Credited())) holders.add(args.account);
  }
  let sum = 0n;
  for (const holder of holders) sum += await token.balanceOf(holder);
  const supply = await token.totalSupply();
  const spare = async (
    ledger: typeof market | typeof court | typeof auditDesk | typeof availability,
    owed: bigint,
  ): Promise<bigint> => {
    let credits = 0n;
    for (const holder of holders) credits += await ledger.creditOf(holder);
    return (await token.balanceOf(ledger)) - credits - owed;
  };
  const bonds = await openBonds(court);
  const rows = {
    market: await spare(market, await market.auditFund()),
    // What it owes has its credits in it.
    staking: (await token.balanceOf(staking)) - (await staking.totalHeld()),
    court: await spare(court, bonds),
    auditDesk: await spare(auditDesk, 0n),
    availability: await spare(availability, await dataBonds(suite)),
  };
  const wrong = Object.entries(rows).filter(([, left]) => left !== 0n);
  return [
    { what: "balances sum to the supply", holds: sum === supply, figures: `${String(sum - supply)} units apart` },
    {
      what: "each contract holds exactly what it owes",
      holds: wrong.length === 0,
      figures: wrong.length === 0 ? "5 contracts" : wrong.map(([name, left]) => `${name} ${String(left)}`).join(", "),
    },
  ];
}

type Suite = ReturnType<typeof attach>;

/** Bonds of demands and accusations that nobody took back yet. */
async function openBonds(court: Suite["court"]): Promise<bigint> {
  const terms = await court.termsOf(0);
  let sum = 0n;
  const upheld = new Set((await court.queryFilter(court.filters.Upheld())).map(({ args }) => args.claimId));
  for (const { args } of await court.queryFilter(court.filters.Demanded())) {
    // What a log was decoded to cannot be encoded again.
    const [kernelIndex, dtype, length, place] = args.opening as readonly [bigint, bigint, bigint, bigint[]];
    const opening = { kernelIndex, dtype, length, place: { level: place[0] ?? 0n, index: place[1] ?? 0n } };
    const { demander, answered } = await court.demandOf(args.claimId, opening);
    if (BigInt(demander) !== 0n && !answered && !upheld.has(args.claimId)) sum += terms.demandBond;
  }
  for (const { args } of await court.queryFilter(court.filters.Accused())) {
    const { payer } = await court.accusationOf(args.claimId, args.commitment);
    if (BigInt(payer) !== 0n && !upheld.has(args.claimId)) sum += terms.accusationBond;
  }
  return sum;
}

/** Bonds of demanded chunks that were neither shown nor taken back. */
async function dataBonds({ availability, market }: Suite): Promise<bigint> {
  const bond = await availability.BOND();
  const versions = new Map(
    (await market.queryFilter(market.filters.RequestOpened())).map(({ args }) => [args.requestId, args.versionId]),
  );
  const shown = new Set(
    (await availability.queryFilter(availability.filters.DataShown())).map(
      ({ args }) => `${args.id} ${String(args.kind)} ${String(args.chunk)}`,
    ),
  );
  let sum = 0n;
  for (const { args } of await availability.queryFilter(availability.filters.DataDemanded())) {
    const { source, id, root, kind, chunk } = args;
    if (shown.has(`${id} ${String(kind)} ${String(chunk)}`)) continue;
    const data = { source, id, versionId: versions.get(id) ?? "", root, kind };
    if (!(await availability.isReturned(data, chunk))) sum += bond;
  }
  return sum;
}

/** Nothing that an honest account sent was refused or done before. */
async function transactions({ provider, firstBlock }: Stage): Promise<readonly Verdict[]> {
  const head = await provider.getBlockNumber();
  const seen = new Map<string, number>();
  const refused = new Map<string, number>();
  let count = 0;
  for (let number = firstBlock; number <= head; number++) {
    const block = await provider.getBlock(number, true);
    if (block === null || block.transactions.length === 0) continue;
    const receipts = (await provider.send("eth_getBlockReceipts", [
      `0x${number.toString(16)}`,
    ])) as TransactionReceiptParams[];
    for (const [i, transaction] of block.prefetchedTransactions.entries()) {
      const { from, to, data } = transaction;
      if (!HONEST.includes(from)) continue;
      count++;
      const { status } = item(receipts, i);
      const selector = data.slice(0, 10);
      if (Number(status) === 0) refused.set(selector, (refused.get(selector) ?? 0) + 1);
      else seen.set(`${from} ${String(to)} ${data}`, (seen.get(`${from} ${String(to)} ${data}`) ?? 0) + 1);
    }
  }
  // Draws that end without an operator are drawn again, and credits are taken as often as there are some.
  const repeated = [...seen].filter(
    ([key, times]) => times > 1 && !REPEATABLE.has(key.split(" ")[2]?.slice(0, 10) ?? ""),
  );
  const lost = [...refused.values()].reduce((sum, each) => sum + each, 0);
  return [
    {
      what: "nothing is done twice",
      holds: repeated.length === 0,
      figures: `${String(count)} transactions of honest accounts, ${String(repeated.length)} twice${repeated.map(([key]) => ` ${key.slice(0, 110)}`).join()}`,
    },
    {
      what: "few transactions are refused (both operators may draw)",
      holds: lost <= count / 5,
      figures: [...refused].map(([selector, times]) => `${selector} ${String(times)}`).join(", ") || "none",
    },
  ];
}

/** Selectors of calls that may rightly be the same twice. */
const REPEATABLE = new Set<string>();
export function mayRepeat(stage: Stage): void {
  const { market, token, staking, court, availability, auditDesk } = attach(stage.deployment, stage.provider);
  const add = (selector: string): unknown => REPEATABLE.add(selector);
  add(market.interface.getFunction("assign").selector);
  add(token.interface.getFunction("mint").selector);
  add(market.interface.getFunction("request").selector);
  for (const ledger of [market, staking, court, availability, auditDesk]) {
    add((ledger as typeof market).interface.getFunction("withdraw").selector);
  }
}
