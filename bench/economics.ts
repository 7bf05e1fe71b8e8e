import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { format } from "prettier";

import { createRandom } from "../runner/machine/prng.ts";
import { cornersOf, insideOf, type Point, SHIPPED_POINT } from "./economics/points.ts";
import { playShares } from "./economics/draws.ts";
import { page } from "./economics/page.ts";
import { playPoint, type Played } from "./economics/play.ts";

/*
 * Plays what every strategy earns at many points of the parameters that the constructors accept, and writes
 * docs/economics.md with the figures:
 *
 *   npm run economics -- [--corners N] [--inside N] [--seed S] [--again]
 *
 * The first point is the default deployment; then come corners, where each parameter is at an end of its range, and points
 * inside. What was played is kept in build/economics/: the same command goes on where it was stopped, --again begins anew.
 * Exits 1 when honesty is not strictly best at a point that the constructors accept.
 */

const { values } = parseArgs({
  options: {
    corners: { type: "string", default: "64" },
    inside: { type: "string", default: "16" },
    seed: { type: "string", default: "1" },
    again: { type: "boolean", default: false },
  },
});
const [CORNERS, INSIDE, SEED] = [values.corners, values.inside, values.seed].map(Number) as [number, number, number];
const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const FOLDER = join(ROOT, "build", "economics");
const FILE = join(FOLDER, `${String(SEED)}.json`);

const big = (_key: string, value: unknown): unknown => (typeof value === "bigint" ? `${String(value)}n` : value);
const unbig = (_key: string, value: unknown): unknown =>
  typeof value === "string" && /^-?\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value;

/** What was played of these points before, by name. */
function kept(): Map<string, Played> {
  try {
    return new Map(values.again ? [] : (JSON.parse(readFileSync(FILE, "utf8"), unbig) as [string, Played][]));
  } catch {
    return new Map();
  }
}

const points: readonly Point[] = [
  SHIPPED_POINT,
  ...cornersOf(createRandom(SEED), CORNERS),
  ...insideOf(createRandom(SEED + 1), INSIDE),
];
const played = kept();
mkdirSync(FOLDER, { recursive: true });
const start = performance.now();
for (const [i, point] of points.entries()) {
  const known = played.get(point.name);
  if (known === undefined) {
    played.set(point.name, await playPoint(point));
    writeFileSync(FILE, JSON.stringify([...played], big));
  }
  const { outcome, faults } = played.get(point.name) as Played;
  const seconds = Math.round((performance.now() - start) / 1_000);
  const what = outcome === "played" ? (faults.length === 0 ? "honesty is best" : faults.join("; ")) : outcome;
  console.error(`${String(i + 1)} of ${String(points.length)}, ${String(seconds)} s: ${point.name}: ${what}`);
}
const rows = points.map((point) => ({ point, played: played.get(point.name) as Played }));
const OUTPUT = join(ROOT, "docs", "economics.md");
writeFileSync(OUTPUT, await format(page(rows, await playShares(), SEED), { parser: "markdown", printWidth: 120 }));
const broken = rows.filter(({ played: { faults } }) => faults.length > 0).length;
console.log(`docs/economics.md written: ${String(rows.length)} points, ${String(broken)} where honesty is not best`);
process.exitCode = broken === 0 ? 0 : 1;
