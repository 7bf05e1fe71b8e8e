#!/usr/bin/env node
// Runs test suites and prints their sum:  node tools/tests.mjs SUITE... [files] [--grep PATTERN] [--coverage]

import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir, totalmem } from "node:os";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";

import { SetupError, root } from "./install.mjs";
import { node } from "./process.mjs";

export const HARDHAT = join(root, "node_modules", "hardhat", "dist", "src", "cli.js");
/** Mocha's command line in one process: its usual start makes another one, which hides how it ended. */
export const MOCHA = ["--import", "tsx", join(root, "node_modules", "mocha", "lib", "cli", "cli.js")];
const REPORTER = join(root, "tools", "reporter.cjs");

/** Suites: the folders of their `*.test.ts` files and whether they need a chain, which Hardhat gives. */
export const SUITES = {
  runner: { name: "runner", folders: ["test/runner", "test/tools"], chain: false },
  contracts: { name: "contracts", folders: ["test/contracts"], chain: true },
  integration: { name: "integration", folders: ["test/integration"], chain: true },
  chain: { name: "contracts and integration", folders: ["test/contracts", "test/integration"], chain: true },
  processes: { name: "processes", folders: ["test/processes"], chain: false },
  package: { name: "package", folders: ["test/packaging"], chain: false },
};

const walk = (folder) =>
  !existsSync(folder)
    ? []
    : readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
        entry.isDirectory() ? walk(join(folder, entry.name)) : [join(folder, entry.name)],
      );

/** Every file under the folders of a suite, sorted, relative to the clone. */
const filesOf = (suite) =>
  suite.folders
    .flatMap((folder) => walk(join(root, folder)))
    .map((file) => relative(root, file).replaceAll("\\", "/"))
    .sort();

/**
 * The test files of a suite: `*.test.ts`.
 * @throws when a file that calls `describe` at its start of line has another name, for it would never run.
 */
export const testFiles = (suite) => {
  const files = filesOf(suite).filter((file) => file.endsWith(".ts"));
  const stray = files.filter(
    (file) => !file.endsWith(".test.ts") && /^describe\(/m.test(readFileSync(join(root, file), "utf8")),
  );
  if (stray.length > 0)
    throw new SetupError(`Test files must end in .test.ts, or they do not run: ${stray.join(", ")}.`);
  return files.filter((file) => file.endsWith(".test.ts"));
};

/** The line that people and machines read. */
export const tally = ({ passed, failed }) => `${passed} passed, ${failed} failed`;

/** A signal ended a program, for example by Ctrl-C. */
export class Interrupted extends Error {
  constructor(code) {
    super("interrupted");
    this.code = code;
  }
}

/** What the reporter wrote; a run that ended without writing anything counts as one failure. */
const readSummary = (file, code) => {
  if (code > 128) throw new Interrupted(code);
  if (!existsSync(file)) return { passed: 0, failed: 1 };
  const { passed, failed } = JSON.parse(readFileSync(file, "utf8"));
  return { passed, failed: failed === 0 && code !== 0 ? 1 : failed };
};

/** What runs in a process of its own: a suite, or a part of one. */
const heading = ({ name }, files) => `\n--- ${name}: ${files.length} ${files.length === 1 ? "file" : "files"} ---`;

const runSuite = async (suite, args, summary, print) => {
  const given = args.filter((arg) => arg.endsWith(".ts"));
  const options = args.filter((arg) => !arg.endsWith(".ts"));
  const files = given.length > 0 ? given : (suite.files ?? testFiles(suite));
  if (files.length === 0) return { passed: 0, failed: 0 };
  (print ?? console.log)(`${heading(suite, files)}${print === undefined ? "" : "\n"}`);
  const env = { ...suite.env, ASSAY_TEST_SUMMARY: summary };
  const command = suite.chain
    ? [HARDHAT, "test", "mocha", ...options, ...files]
    : [...MOCHA, "--reporter", REPORTER, ...options.filter((option) => option !== "--no-compile"), "--spec", ...files];
  return readSummary(summary, await node(command, { env, print }));
};

/**
 * A suite in parts, each with every so manyeth file: those that take long stand beside each other in a folder.
 * @returns {object[]} suites with files.
 */
export const inParts = (suite, count) => {
  const files = testFiles(suite);
  return Array.from({ length: count }, (_, part) => ({
    ...suite,
    name: `${suite.name}, part ${part + 1} of ${count}`,
    files: files.filter((_file, index) => index % count === part),
  }));
};

/**
 * Runs the suites, all of them even if one fails, and prints the sum alone on the last line.
 * @param lanes How many at a time. With more than one, what a suite prints appears when it has ended.
 * @returns {Promise<number>} exit code: 0 when at least one test ran and none failed.
 * @throws {Interrupted} when a signal ended one of them.
 */
export const runSuites = async (suites, args = [], lanes = 1) => {
  const folder = mkdtempSync(join(tmpdir(), "assay-tests-"));
  const total = { passed: 0, failed: 0 };
  const waiting = [...suites.entries()];
  const lane = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, suite] = next;
      let text = "";
      const print = lanes === 1 ? undefined : (part) => (text += part);
      if (lanes > 1) console.log(`${suite.name}: begun`);
      try {
        const { passed, failed } = await runSuite(suite, args, join(folder, `${index}.json`), print);
        total.passed += passed;
        total.failed += failed;
      } catch (error) {
        waiting.length = 0;
        throw error;
      } finally {
        process.stdout.write(text);
      }
    }
  };
  try {
    const ends = await Promise.allSettled(Array.from({ length: lanes }, lane));
    for (const { reason } of ends) if (reason !== undefined) throw reason;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`\n${tally(total)}`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
};

/** How many suites at a time: as many as there are cores, as far as memory of 2 GiB each is there. */
export const LANES = Math.max(1, Math.min(4, availableParallelism(), Math.floor(totalmem() / 2 ** 31)));

/** Ends this process with the exit code that `run` gives; problems that users can solve are printed without a stack. */
export const exitWith = async (run) => {
  try {
    process.exitCode = await run();
  } catch (error) {
    if (error instanceof Interrupted) process.exitCode = error.code;
    else if (error instanceof SetupError) {
      console.error(error.message);
      process.exitCode = 1;
    } else throw error;
  }
};

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const args = process.argv.slice(2);
  const names = args.filter((arg) => Object.hasOwn(SUITES, arg));
  await exitWith(() =>
    runSuites(
      names.map((name) => SUITES[name]),
      args.filter((arg) => !names.includes(arg)),
    ),
  );
}
