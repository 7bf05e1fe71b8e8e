import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { openStages, type Outcome, plansFrom, walkAll } from "../test/contracts/support/fuzz/runs.ts";
import { Tally } from "../test/contracts/support/fuzz/walk.ts";

/*
 * Long games of all actors on the whole suite: walks of random moves with all invariants after each, as in
 * test/contracts/invariants.test.ts, but as many as you have time for:
 *
 *   npm run games -- [--games N] [--seed S] [--steps M] [--lanes L] [--again]
 *
 * Seed and steps alone decide a game. What was played is kept in build/games/: the same command goes on where it was
 * stopped, --again begins anew. A game that breaks an invariant is told with its seed and all its moves, and kept; the
 * others are played on. Exits 1 when any did.
 */

const { values } = parseArgs({
  options: {
    games: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
    steps: { type: "string", default: "128" },
    lanes: { type: "string", default: "2" },
    again: { type: "boolean", default: false },
  },
});
const [GAMES, SEED, STEPS, LANES] = [values.games, values.seed, values.steps, values.lanes].map(Number) as [
  number,
  number,
  number,
  number,
];
const FOLDER = join(dirname(dirname(fileURLToPath(import.meta.url))), "build", "games");
const FILE = join(FOLDER, `${String(SEED)}-${String(STEPS)}.json`);
const TELL_SECONDS = 10;

const ROWS = ["succeeded", "refused", "transitions", "turns"] as const;

/** What was played of the games from a seed on. */
interface Played {
  games: number;
  calls: number;
  seconds: number;
  /** Seeds of games that broke an invariant, with what they broke. */
  readonly broken: { readonly seed: number; readonly invariant: string }[];
  readonly tally: Readonly<Record<(typeof ROWS)[number], Readonly<Record<string, number>>>>;
}

const nothing: Played = {
  ...{ games: 0, calls: 0, seconds: 0, broken: [] },
  tally: { succeeded: {}, refused: {}, transitions: {}, turns: {} },
};

function kept(): Played {
  try {
    return values.again ? nothing : (JSON.parse(readFileSync(FILE, "utf8")) as Played);
  } catch {
    return nothing;
  }
}

const words = (count: number): string => count.toLocaleString("en-US");

async function main(): Promise<number> {
  const before = kept();
  const tally = new Tally();
  for (const row of ROWS) for (const [name, times] of Object.entries(before.tally[row])) Tally.add(tally[row], name, times);
  const broken = [...before.broken];
  const start = performance.now();
  let [calls, next, told] = [before.calls, before.games, 0];
  /** Games that ended before an earlier one did. */
  const early = new Map<number, Outcome>();

  const played = (): Played => ({
    ...{ games: next, calls, seconds: before.seconds + (performance.now() - start) / 1_000, broken },
    tally: Object.fromEntries(ROWS.map((row) => [row, Object.fromEntries(tally[row])])) as Played["tally"],
  });
  const save = (): void => {
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(FILE, JSON.stringify(played()));
  };
  const line = ({ games, seconds }: Played): string =>
    `${words(games)} of ${words(GAMES)} games, ${words(calls)} calls, ${String(broken.length)} violations, ` +
    `${words(Math.round(seconds))} s`;
  const count = (outcome: Outcome): void => {
    next++;
    calls += outcome.calls;
    tally.include(outcome.tally);
    if (outcome.invariant === undefined) return;
    broken.push({ seed: outcome.plan.seed, invariant: outcome.invariant });
    console.error(`\n${outcome.report ?? ""}\n`);
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(join(FOLDER, `broken-${String(outcome.plan.seed)}.txt`), outcome.report ?? "");
  };
  const tell = (outcome: Outcome): void => {
    early.set(outcome.plan.seed, outcome);
    for (let due = early.get(SEED + next); due !== undefined; due = early.get(SEED + next)) {
      early.delete(SEED + next);
      count(due);
    }
    if (performance.now() - told < 1_000 * TELL_SECONDS) return;
    told = performance.now();
    save();
    console.error(line(played()));
  };

  const stages = await openStages(LANES);
  await walkAll(stages, plansFrom(SEED + next, GAMES - next, STEPS), tell, { goOn: true });
  save();

  const refusals = [...tally.refused.values()].reduce((sum, times) => sum + times, 0);
  console.log(line(played()));
  console.log(`${words(refusals)} refusals of ${String(tally.refused.size)} kinds`);
  for (const row of ["turns", "transitions", "succeeded"] as const) {
    const sorted = [...tally[row]].sort(([, a], [, b]) => a - b);
    console.log(`${row}: ${sorted.map(([name, times]) => `${name} ${words(times)}`).join(", ")}`);
  }
  for (const { seed, invariant } of broken) console.log(`seed ${String(seed)}: ${invariant}`);
  return broken.length === 0 ? 0 : 1;
}

process.exitCode = await main();
