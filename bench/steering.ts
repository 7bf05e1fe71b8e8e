/** Writes docs/steering.md: what locking other operators' stake does to draws, and what it costs. `npm run docs:steering`. */
import { writeFileSync } from "node:fs";

import { formatEther, parseEther } from "ethers";
import { format } from "prettier";

import {
  besiege,
  type Crowd,
  namedBySeeds,
  openCrowd,
  openDecoys,
  rejectOutcomes,
  spendDecoys,
  TWELVE,
} from "../test/contracts/support/steering.ts";
import { table } from "./gas/table.ts";

const OUTPUT = new URL("../docs/steering.md", import.meta.url);
/** Seeds without decoys, and with them: the second are compared with the first, one by one. */
const [MANY_DRAWS, COMPARED_DRAWS] = [400_000, 10_000];
const DECOYS = 40;
const VICTIMS = 60;
/** The shortest lock of a claim with a challenge window: a minute for each. */
const SHORT_LOCK = 120;
const FAIR = 1 / 12;

const count = (value: number): string => value.toLocaleString("en");
const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
const tokens = (amount: bigint): string => Number(formatEther(amount)).toFixed(1);
const say = (line: string): void => {
  console.error(line);
};

/** Whom seeds name, with the stake of others locked and not. */
async function seeds(): Promise<string> {
  const stage = await openCrowd(TWELVE);
  const many = await namedBySeeds(stage, MANY_DRAWS);
  say(`${count(MANY_DRAWS)} seeds: ${percent(many.share)}`);
  const decoys = await openDecoys(stage, DECOYS);
  const free = await namedBySeeds(stage, COMPARED_DRAWS);
  const assigned = await spendDecoys(stage, decoys);
  const locked = await namedBySeeds(stage, COMPARED_DRAWS, free.terms);
  const changed = free.named.filter((who, i) => who !== locked.named[i]).length;
  await stage.networkHelpers.time.increase(3_600);
  const before = await namedBySeeds(stage, COMPARED_DRAWS);
  const rows = [
    ["nothing is locked", MANY_DRAWS, many.share, "–"],
    [`${assigned} of ${DECOYS} decoys lock stakes after the commitment`, COMPARED_DRAWS, locked.share, count(changed)],
    ["the same, before the commitment", COMPARED_DRAWS, before.share, "–"],
  ].map(([what, draws, share, different]) => [
    String(what),
    count(Number(draws)),
    percent(Number(share)),
    (100 * (Number(share) - FAIR)).toFixed(2),
    String(different),
  ]);
  return table(
    ["State when the seed is used", "Seeds", "Name the attacker", "Points from 8.33 %", "Outcomes changed by locks"],
    ["left", "right", "right", "right", "right"],
    rows,
  );
}

/** How requests of others end when the attacker rejects outcomes. */
async function rejections(): Promise<string> {
  const rows: string[][] = [];
  for (const decoys of [0, 10, DECOYS]) {
    const stage = await openCrowd(TWELVE);
    const fresh = await stage.networkHelpers.takeSnapshot();
    const sum = { won: 0, draws: 0, own: 0, locks: 0, paid: 0n };
    for (let i = 0; i < VICTIMS; i++) {
      const play = await rejectOutcomes(stage, decoys, SHORT_LOCK, i);
      sum.won += play.won ? 1 : 0;
      sum.draws += play.draws;
      sum.own += play.drawsOfAttacker;
      sum.locks += play.locks;
      sum.paid += play.paid;
      await fresh.restore();
    }
    say(`${decoys} decoys: ${sum.won} of ${VICTIMS} won, ${sum.draws} draws, ${tokens(sum.paid)} paid`);
    const each = sum.won === 0 ? "–" : tokens(sum.paid / BigInt(sum.won));
    rows.push([
      count(decoys),
      count(VICTIMS),
      count(sum.draws),
      percent(sum.own / sum.draws),
      percent(sum.won / VICTIMS),
      (sum.locks / VICTIMS).toFixed(1),
      tokens(sum.paid / BigInt(VICTIMS)),
      each,
    ]);
  }
  return table(
    [
      "Decoys",
      "Requests of others",
      "Draws",
      "Draws that name the attacker",
      "Requests that it gets",
      "Locks for each request",
      "Fees for each request, tokens",
      "Fees for each that it gets, tokens",
    ],
    ["right", "right", "right", "right", "right", "right", "right", "right"],
    rows,
  );
}

/** What it costs to have all draws of a week. */
async function sieges(): Promise<string> {
  const crowds: readonly (Crowd & { readonly by: "stake" | "capacity" })[] = [
    ...[5, 11, 25].flatMap((honest) =>
      ["1000", "5000"].map((stake) => ({ honest, stake: parseEther(stake), by: "stake" as const })),
    ),
    { honest: 11, stake: parseEther("5000"), capacity: 1, by: "capacity" },
    { honest: 11, stake: parseEther("5000"), capacity: 10, by: "capacity" },
  ];
  const rows: string[][] = [];
  for (const crowd of crowds) {
    const siege = await besiege(await openCrowd(crowd), crowd.by);
    const { honest, stake, capacity } = crowd;
    say(`${honest} × ${formatEther(stake)}, by ${crowd.by}: ${siege.locks} locks, ${tokens(siege.paid)} paid`);
    rows.push([
      count(honest),
      count(Number(formatEther(stake))),
      capacity === undefined ? "1,000" : count(capacity),
      crowd.by,
      count(siege.locks),
      tokens(siege.paid),
      percent(Number(siege.paid) / Number(stake * BigInt(honest))),
      `${siege.won} of ${siege.victims}`,
    ]);
  }
  return table(
    [
      "Honest operators",
      "Stake of each",
      "Capacity of each",
      "What runs out",
      "Locks",
      "Fees paid, tokens",
      "Of the honest stake",
      "Requests of the week that the attacker gets",
    ],
    ["right", "right", "right", "left", "right", "right", "right", "right"],
    rows,
  );
}

const text = [
  "<!-- Generated by `npm run docs:steering`: every figure is played on the contracts, on an in-process chain. -->",
  "# Steering of draws",
  "One of twelve operators with equal stakes wants more than its share. It opens requests of its own, decoys, that lock the " +
    "stake of the others. It always acts first: it sees each seed before anybody else sends anything. Parameters are those " +
    "of the default deployment: a least fee of 1 token, and 0.2 % of the collateral for each day of the lock, a day at least.",
  "## Whom a seed names",
  "A seed names one operator by weights and terms that were fixed before the commitment. Locks change nothing about it.",
  await seeds(),
  "## Outcomes that are rejected",
  "A draw that names an operator whose stake others locked is followed by a new draw. So the attacker can reject an outcome: " +
    "before the draw is made, it has a decoy assigned that names the same operator. Each draw still names it with its fair " +
    "share, but it can pay for more of them. The locks here are the shortest that there are, for two minutes, but each is " +
    "charged for a day. The fees go to the operators that it locks. It needs the first transaction after " +
    "each seed: once anybody else has had the request assigned, nothing can be rejected.",
  await rejections(),
  "## The price of a week",
  "All honest operators are shut out for seven days: every lock is a real request that is assigned and answered, and on six " +
    "days of that week somebody else asks. With enough capacity it is stake that has to be locked, at 1.4 % a week and 1 " +
    "token for each lock; an operator with a small capacity is filled with the smallest collaterals. The fees go to the " +
    "operators that are shut out.",
  await sieges(),
];
writeFileSync(OUTPUT, await format(text.join("\n\n"), { parser: "markdown", printWidth: 120 }));
console.log("docs/steering.md written");
