#!/usr/bin/env node
// Runs the contract and integration tests with coverage and demands that every line of every contract is executed by a
// test that was written for it: tests that send random transactions do not run here. Mocks are not counted.

import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import { SetupError, root } from "./install.mjs";
import { SUITES, exitWith, runSuites, testFiles } from "./tests.mjs";

const REPORT = join(root, "coverage", "lcov.info");
const REQUIRED = 100;

/** Tests that send random transactions: a line that only they execute may go unnoticed with another seed. */
const RANDOM = [
  "test/contracts/court/games.test.ts",
  "test/contracts/delegation/histories.test.ts",
  "test/contracts/invariants.test.ts",
  "test/contracts/quorum/histories.test.ts",
];

/** Tests of what services measure: contracts with counters are too slow for them. */
const TIMED = ["test/integration/alerts.test.ts"];

/** Numbers as people write them: 3, 5-9. */
const ranges = (numbers) =>
  numbers
    .reduce((runs, number) => {
      const last = runs.at(-1);
      if (last?.[1] === number - 1) last[1] = number;
      else runs.push([number, number]);
      return runs;
    }, [])
    .map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`))
    .join(", ");

/** Lines of an lcov report: `{ file, lines: [[line, count]...] }` per source file. */
const parse = (text) =>
  text
    .split("end_of_record")
    .map((record) => ({
      file: /^SF:(.+)$/m.exec(record)?.[1]?.replaceAll("\\", "/"),
      lines: [...record.matchAll(/^DA:(\d+),(\d+)/gm)].map(([, line, count]) => [Number(line), Number(count)]),
    }))
    .filter(({ file }) => file?.startsWith("contracts/") && !file.startsWith("contracts/mocks/"));

await exitWith(async () => {
  const all = testFiles(SUITES.chain);
  const missing = [...RANDOM, ...TIMED].filter((file) => !all.includes(file));
  if (missing.length > 0)
    throw new SetupError(`tools/coverage.mjs names tests that do not exist: ${missing.join(", ")}.`);
  const suite = { ...SUITES.chain, files: all.filter((file) => ![...RANDOM, ...TIMED].includes(file)) };
  rmSync(REPORT, { force: true });
  const code = await runSuites([suite], ["--coverage", ...process.argv.slice(2)]);
  const files = existsSync(REPORT) ? parse(readFileSync(REPORT, "utf8")) : [];
  const total = files.reduce((sum, { lines }) => sum + lines.length, 0);
  let covered = 0;
  for (const { file, lines } of files) {
    const missed = lines.filter(([, count]) => count === 0).map(([line]) => line);
    covered += lines.length - missed.length;
    if (missed.length > 0) console.log(`${file}: not executed: ${ranges(missed)}`);
  }
  const percent = total === 0 ? 0 : (100 * covered) / total;
  console.log(`\nLine coverage of contracts: ${covered} of ${total} (${percent.toFixed(2)} %, required ${REQUIRED} %)`);
  return code !== 0 ? code : percent >= REQUIRED ? 0 : 1;
});
