/**
 * Years of the protocol in a model: writes docs/simulation.html, with plots, and docs/simulation.md, with the figures.
 * `npm run simulate -- [--years N] [--runs N] [--seed S]`.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { format } from "prettier";

import { createRandom } from "../runner/machine/prng.ts";
import { table } from "./gas/table.ts";
import { type Day, simulate } from "./simulation/model.ts";
import { ASSUMED, type Mechanisms, RULES } from "./simulation/rules.ts";
import { type Chart, type Line, pageOf } from "./simulation/svg.ts";

const { values } = parseArgs({
  options: {
    years: { type: "string", default: "5" },
    runs: { type: "string", default: "40" },
    seed: { type: "string", default: "1" },
  },
});
const [YEARS, RUNS, SEED] = [values.years, values.runs, values.seed].map(Number) as [number, number, number];
const DAYS = 365 * YEARS;
/** Days between two points of a plot. */
const STEP = 15;
const PER_YEAR = Math.round(365 / STEP);

const ALL_ON: Mechanisms = { saturation: true, audits: true, lockPrice: true, correlation: true };
const VARIANTS = [
  { name: "all on", colour: "#1f5fb4", mechanisms: ALL_ON },
  { name: "without saturation", colour: "#c2410c", mechanisms: { ...ALL_ON, saturation: false } },
  { name: "without audits", colour: "#b91c6b", mechanisms: { ...ALL_ON, audits: false } },
  { name: "locks free by time", colour: "#4d7c0f", mechanisms: { ...ALL_ON, lockPrice: false } },
  { name: "without correlated penalty", colour: "#6d28d9", mechanisms: { ...ALL_ON, correlation: false } },
] as const;
type Variant = (typeof VARIANTS)[number];

/** All runs of a variant; a run has the same seed in each. */
const played = new Map<Variant, readonly (readonly Day[])[]>();
for (const variant of VARIANTS) {
  const runs = Array.from({ length: RUNS }, (_, i) =>
    simulate(createRandom(SEED * 1_000 + i), DAYS, variant.mechanisms),
  );
  played.set(variant, runs);
  console.error(`${variant.name}: ${String(RUNS)} runs of ${String(YEARS)} years`);
}

const quantile = (numbers: readonly number[], part: number): number =>
  [...numbers].sort((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(part * numbers.length))] ?? 0;

function lineOf(variant: Variant, read: (day: Day) => number): Line {
  const runs = played.get(variant) ?? [];
  const days = Array.from({ length: Math.floor(DAYS / STEP) }, (_, i) => i * STEP);
  const at = (part: number): number[] =>
    days.map((day) =>
      quantile(
        runs.map((run) => read(run[day] as Day)),
        part,
      ),
    );
  return { name: variant.name, colour: variant.colour, low: at(0.1), middle: at(0.5), high: at(0.9) };
}

interface Figure {
  readonly title: string;
  readonly note: string;
  readonly read: (day: Day) => number;
  readonly variants: readonly string[];
  readonly logarithmic?: boolean;
  readonly digits: number;
}

const FIGURES: readonly Figure[] = [
  {
    title: "Nakamoto coefficient",
    note: "Least number of operators with more than half of all draws.",
    ...{ read: ({ nakamoto }: Day) => nakamoto, variants: ["all on", "without saturation"], digits: 0 },
  },
  {
    title: "Herfindahl index",
    note: "Sum of the squares of all shares of draws: 1 when one operator has all.",
    ...{ read: ({ herfindahl }: Day) => herfindahl, variants: ["all on", "without saturation"], digits: 3 },
  },
  {
    title: "Cost of stopping draws for a week, dollars",
    note: "Fees of requests that lock the stake of everybody.",
    ...{ read: ({ siege }: Day) => siege, variants: ["all on", "locks free by time"], digits: 0, logarithmic: true },
  },
  {
    title: "Cost of stopping draws for a week, % of all stake",
    note: "The same, against what it stops.",
    ...{ read: ({ siegeShare }: Day) => 100 * siegeShare, variants: ["all on", "locks free by time"], digits: 2 },
  },
  {
    title: "An auditor's income from one audit, dollars",
    note: "Its reward less gas and one execution.",
    ...{ read: ({ auditor }: Day) => auditor, variants: ["all on", "without audits"], digits: 2 },
  },
  {
    title: "Income of all watchers a day, dollars",
    note: "Audits, and shares of penalties, less gas and executions; those who check out of goodwill included.",
    ...{ read: ({ watchers }: Day) => watchers, variants: ["all on", "without audits"], digits: 0 },
  },
  {
    title: "Harm by wrong answers so far, dollars",
    note: "Value at risk of wrong answers that became final.",
    ...{ read: ({ harmed }: Day) => harmed, variants: ["all on", "without audits"], digits: 0, logarithmic: true },
  },
  {
    title: "Largest part of the stake at one provider, %",
    note: "Operators of one provider fail together.",
    ...{ read: ({ crowded }: Day) => 100 * crowded, variants: ["all on", "without correlated penalty"], digits: 0 },
  },
  {
    title: "Stake taken for wrong answers so far, tokens",
    note: "By those that were caught, cheats and faults of providers alike.",
    ...{ read: ({ slashed }: Day) => slashed, digits: 0, logarithmic: true },
    variants: ["all on", "without audits", "without correlated penalty"],
  },
  {
    title: "Operators",
    note: "They come where it pays, leave where it does not, and merge.",
    ...{ read: ({ operators }: Day) => operators, variants: VARIANTS.map(({ name }) => name), digits: 0 },
  },
  {
    title: "Price of the token, dollars",
    note: "A random walk, the same in all variants only where they draw as often.",
    ...{ read: ({ price }: Day) => price, variants: ["all on"], digits: 2, logarithmic: true },
  },
  {
    title: "Price of a million gas, dollars",
    note: "A random walk that returns.",
    ...{ read: ({ gas }: Day) => gas, variants: ["all on"], digits: 3, logarithmic: true },
  },
];

const chartOf = ({ title, note, read, variants, logarithmic = false }: Figure): Chart => ({
  ...{ title, note, logarithmic, perYear: PER_YEAR },
  lines: VARIANTS.filter(({ name }) => variants.includes(name)).map((variant) => lineOf(variant, read)),
});

/** A figure at the end of the last year: median, and the tenth and ninetieth part of the runs. */
function row({ title, read, variants, digits }: Figure): string[][] {
  const text = (value: number): string =>
    value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return VARIANTS.filter(({ name }) => variants.includes(name)).map((variant) => {
    const last = (played.get(variant) ?? []).map((run) => read(run.at(-1) as Day));
    return [title, variant.name, ...[0.1, 0.5, 0.9].map((part) => text(quantile(last, part)))];
  });
}

const number = (value: number): string => String(Number(value.toPrecision(3)));
const rules = Object.entries(RULES).map(([name, value]) => [name, number(value)]);
const assumed = Object.entries(ASSUMED).map(([name, value]) => [name, number(value)]);
const HOW = [
  "A day is a step. Prices of token and gas, and the number of requests, follow random walks in their logarithms; that of gas returns to where it began.",
  "A request is drawn by weight: stake, which stops growing at the saturation where that is on. It pays at least the least fee of the deployment, and at least a few times what an execution costs.",
  "Operators come more often the more the present ones earn on their stake, leave when they lose money, put half of what they earn above the wanted yield into stake, and merge when the two keep nearly all of their draws: a merger saves the cost of a place.",
  "A part of the operators cheats whenever that pays at its chance of being caught: the rate of the audits, less those drawn who are unable or friends, and a little goodwill. All else caught is a fault of a provider, which strikes all of its operators for one answer each.",
  "With the correlated penalty on, a newcomer prefers a provider that few have; without it, the one that most have, because it is cheaper. That is an assumption, not a result.",
  "One owner with several operators is not in the model: saturation cannot see it. It costs the owner a place and the least stake for each, and docs/economics.md has what it gains.",
  "Stopping draws for a week is priced by the parameters alone: locks of all stake for seven days, one for each operator. docs/steering.md plays it on the contracts.",
];
const list = (items: readonly string[]): string => items.map((item) => `- ${item}`).join("\n");
const title = `${String(YEARS)} years in a model`;
const runsText = `${String(RUNS)} runs for each variant, seeds from ${String(SEED * 1_000)} on. A line is the median, a band holds eight of ten runs.`;

const figures = table(
  ["At the end", "Variant", "10 %", "Median", "90 %"],
  ["left", "left", "right", "right", "right"],
  FIGURES.flatMap(row),
);
const markdown = [
  "<!-- Generated by `npm run simulate`: do not edit. -->",
  `# ${title}`,
  `What saturation, audits, the price of locks by time and the correlated penalty change, each switched off alone. This is a model, not the contracts: docs/economics.md plays those. The plots are in docs/simulation.html, which needs no network. ${runsText}`,
  figures,
  "## What the model does",
  list(HOW),
  "## Parameters of the deployment",
  table(["Parameter", "Value"], ["left", "right"], rules),
  "## Assumptions",
  "Prices are dollars; `bench/simulation/rules.ts` says what each is.",
  table(["Assumption", "Value"], ["left", "right"], assumed),
].join("\n\n");
const intro = `<p>${runsText} Made by <code>npm run simulate</code>; the figures and all assumptions are in docs/simulation.md.</p><ul>${HOW.map((item) => `<li>${item}</li>`).join("")}</ul>`;
writeFileSync(new URL("../docs/simulation.html", import.meta.url), pageOf(title, intro, FIGURES.map(chartOf)));
const text = await format(markdown, { parser: "markdown", printWidth: 120 });
writeFileSync(new URL("../docs/simulation.md", import.meta.url), text);
console.log("docs/simulation.html and docs/simulation.md written");
