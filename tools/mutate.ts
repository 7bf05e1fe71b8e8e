import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { AssayError, isAssayError } from "../runner/errors.ts";
import { createRandom } from "../runner/machine/prng.ts";
import { Build, type Compiled, type Target } from "./mutation/build.ts";
import { type Mutant, mutantsOf, mutate, MUTATION_OPERATORS } from "./mutation/mutants.ts";
import { Sandbox, suitesOf } from "./mutation/sandbox.ts";
import { fingerprintOf, keptScores, type Score, SCORES } from "./mutation/scores.ts";

/*
 * Do the tests notice when a contract is wrong? Each mutant changes one place of a contract's file; the contract's own
 * tests run against it and, if they all pass, those of all contracts:
 *
 *   npm run mutate -- --contract NAME [--mutants N] [--seed S] [--lines 120,340-360] [--own]
 *   npm run mutate -- --every --mutants N [--seed S] [--again]
 *
 * --mutants: how many, drawn with the seed (all of them unless given); --lines: only those that begin there; --own: only
 * the contract's own tests; --every: each contract in turn, N mutants each. What --every found is kept in
 * tools/mutation/scores.json, from which docs/assurance.md is made; the same command goes on where it was stopped, and does
 * again what has changed since; --again: everything. A mutant is killed by a test that fails, survives when none does, is the same when the compiler
 * makes the same code of it, and is invalid when it does not compile. Exits 1 when any survives. Nothing in the clone is
 * changed but by the build.
 */

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const VERDICTS = ["killed", "survived", "same", "invalid"] as const;

type MutantVerdict = (typeof VERDICTS)[number];

const { values } = parseArgs({
  options: {
    contract: { type: "string", default: "" },
    mutants: { type: "string", default: "Infinity" },
    seed: { type: "string", default: "1" },
    lines: { type: "string", default: "" },
    own: { type: "boolean", default: false },
    every: { type: "boolean", default: false },
    again: { type: "boolean", default: false },
  },
});

/** `count` of them, drawn with the seed, in the order of the file. */
const sample = (mutants: readonly Mutant[], count: number, seed: number): readonly Mutant[] => {
  const random = createRandom(seed);
  return mutants
    .map((mutant) => ({ mutant, at: random.u32() }))
    .sort((left, right) => left.at - right.at)
    .slice(0, count)
    .map(({ mutant }) => mutant)
    .sort((left, right) => left.start - right.start);
};

/** Whether a line is one of "120,340-360"; every line is one of "". */
const isAmong = (line: number, lines: string): boolean =>
  lines === "" ||
  lines.split(",").some((range) => {
    const [first = NaN, last = first] = range.split("-").map(Number);
    return line >= first && line <= last;
  });

const brief = (text: string): string => {
  const words = text.replace(/\s+/g, " ");
  return words.length > 60 ? `${words.slice(0, 57)}...` : words;
};

const describe = (path: string, { line, operator, original, replacement }: Mutant): string =>
  `${path}:${String(line)}  ${operator.padEnd(10)}  ${brief(original)}  →  ${brief(replacement) || "(nothing)"}`;

const codeOf = (compiled: Compiled): string =>
  JSON.stringify([...(compiled ?? [])].map(([name, { evm }]) => [name, evm.bytecode.object]));

/** Runs tests of unchanged code; how long they took, in seconds. */
const timed = async (sandbox: Sandbox, files: readonly string[]): Promise<number> => {
  const start = performance.now();
  const outcome = await sandbox.test(files, 1_800);
  if (outcome === "failed" || outcome === "slow")
    throw new Error("The tests fail without any mutant: correct that first.");
  return (performance.now() - start) / 1_000;
};

const printTable = (results: ReadonlyMap<Mutant, MutantVerdict>): void => {
  const row = (name: string, mutants: readonly Mutant[]): string =>
    name.padEnd(12) +
    VERDICTS.map((verdict) => String(mutants.filter((one) => results.get(one) === verdict).length).padStart(10)).join(
      "",
    );
  console.log(`\n${" ".repeat(12)}${VERDICTS.map((verdict) => verdict.padStart(10)).join("")}`);
  const all = [...results.keys()];
  for (const operator of MUTATION_OPERATORS) {
    const mutants = all.filter((mutant) => mutant.operator === operator);
    if (mutants.length > 0) console.log(row(operator, mutants));
  }
  console.log(row("all", all));
};

/** What is needed to try mutants of one contract's file. */
interface Trial {
  readonly path: string;
  readonly source: string;
  readonly text: string;
  readonly targets: readonly Target[];
  /** All mutants of the file. */
  readonly all: readonly Mutant[];
}

const trialOf = (build: Build, contract: string): Trial => {
  const source = build.sourceOf(contract);
  const text = build.textOf(source);
  return {
    path: source.replace("project/", ""),
    ...{ source, text, targets: build.targetsOf(source) },
    all: mutantsOf(text, build.treeOf(source)),
  };
};

/** Tries mutants of one contract; those that were not tried are missing when it was stopped. */
const tryAll = async (
  build: Build,
  sandbox: Sandbox,
  { path, source, text, targets }: Trial,
  mutants: readonly Mutant[],
): Promise<ReadonlyMap<Mutant, MutantVerdict>> => {
  const names = targets.map(({ name }) => name);
  const { own, rest } = suitesOf(ROOT, values.every ? [nameOf(path), ...names] : [values.contract, ...names]);
  const quick = await build.isQuick(targets, source);
  const compileAt = (mutant: Mutant | undefined): Promise<Compiled> =>
    mutant === undefined ? Promise.resolve(undefined) : build.compile(targets, source, mutate(text, mutant), quick);

  const original = await build.compile(targets, source, text, quick);
  if (original === undefined) throw new Error(`${path} does not compile.`);
  sandbox.put(path, text, targets, original);
  const limit = (seconds: number): number => 60 + 5 * seconds;
  const ownSeconds = await timed(sandbox, own.length > 0 ? own : rest);
  let restSeconds: number | undefined;
  console.log(`${path}: ${String(mutants.length)} mutants, compiled ${quick ? "without" : "with"} via-IR`);
  console.log(`own tests (${ownSeconds.toFixed(0)} s): ${own.join(" ") || "none, so all"}\n`);

  /** The verdict of the rest of the tests, of which the unchanged code must pass all. */
  const passesRest = async (mutant: Mutant, compiled: NonNullable<Compiled>): Promise<boolean> => {
    if (values.own || own.length === 0) return true;
    if (restSeconds === undefined) {
      sandbox.put(path, text, targets, original);
      restSeconds = await timed(sandbox, rest);
      sandbox.put(path, mutate(text, mutant), targets, compiled);
    }
    return (await sandbox.test(rest, limit(restSeconds))) === "passed";
  };
  const judge = async (mutant: Mutant, compiled: Compiled): Promise<MutantVerdict> => {
    if (compiled === undefined) return "invalid";
    if (codeOf(compiled) === codeOf(original)) return "same";
    sandbox.put(path, mutate(text, mutant), targets, compiled);
    const outcome = await sandbox.test(own.length > 0 ? own : rest, limit(ownSeconds));
    return outcome === "passed" && (await passesRest(mutant, compiled)) ? "survived" : "killed";
  };

  const results = new Map<Mutant, MutantVerdict>();
  let next = compileAt(mutants[0]);
  for (const [index, mutant] of mutants.entries()) {
    const compiled = await next;
    next = compileAt(mutants[index + 1]);
    const verdict = await judge(mutant, compiled);
    if (sandbox.stopped) break;
    results.set(mutant, verdict);
    if (verdict === "survived") console.log(describe(path, mutant));
    if (process.stderr.isTTY) process.stderr.write(`\r${String(index + 1)} of ${String(mutants.length)}\r`);
  }
  await next;
  sandbox.restore(path, targets);
  return results;
};

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1, -".sol".length);

const runOne = async (build: Build, sandbox: Sandbox): Promise<number> => {
  const trial = trialOf(build, values.contract);
  const among = trial.all.filter(({ line }) => isAmong(line, values.lines));
  const mutants = sample(among, Number(values.mutants), Number(values.seed));
  if (mutants.length === 0) {
    throw new AssayError("USAGE", "No mutants: look at --mutants and --lines.", { option: "mutants", reason: "none" });
  }
  const results = await tryAll(build, sandbox, trial, mutants);
  printTable(results);
  if (sandbox.stopped) return 130;
  return [...results.values()].includes("survived") ? 1 : 0;
};

const runEvery = async (build: Build, sandbox: Sandbox): Promise<number> => {
  const seed = Number(values.seed);
  const scores = new Map(keptScores(ROOT).map((score) => [score.path, score]));
  const trials = build.contracts().map((name) => trialOf(build, name));
  for (const path of scores.keys()) if (!trials.some((trial) => trial.path === path)) scores.delete(path);
  for (const [index, trial] of trials.entries()) {
    const { path, text, all } = trial;
    const mutants = sample(all, Number(values.mutants), seed);
    const kept = scores.get(path);
    const fresh = kept?.source === fingerprintOf(text) && kept.seed === seed && kept.tried >= mutants.length;
    if (mutants.length === 0 || (fresh && !values.again)) continue;
    console.log(`\n${String(index + 1)} of ${String(trials.length)}`);
    const results = await tryAll(build, sandbox, trial, mutants);
    if (sandbox.stopped) return 130;
    const count = (verdict: MutantVerdict): number => [...results.values()].filter((one) => one === verdict).length;
    scores.set(path, {
      ...{ path, source: fingerprintOf(text), seed, all: all.length, tried: mutants.length },
      ...{ killed: count("killed"), same: count("same"), invalid: count("invalid") },
      survived: [...results].flatMap(([mutant, verdict]) => (verdict === "survived" ? [describe(path, mutant)] : [])),
    });
    const sorted: readonly Score[] = [...scores.values()].sort((a, b) => a.path.localeCompare(b.path));
    writeFileSync(join(ROOT, SCORES), `${JSON.stringify(sorted, undefined, 2)}\n`);
    printTable(results);
  }
  return [...scores.values()].some(({ survived }) => survived.length > 0) ? 1 : 0;
};

const main = async (): Promise<number> => {
  const built = spawnSync(process.execPath, [join(ROOT, "node_modules/hardhat/dist/src/cli.js"), "build"], {
    cwd: ROOT,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (built.status !== 0) return built.status ?? 1;
  const build = await Build.of(ROOT);
  const sandbox = new Sandbox(ROOT);
  const stop = (): void => {
    sandbox.stop();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  try {
    return await (values.every ? runEvery(build, sandbox) : runOne(build, sandbox));
  } catch (error) {
    if (!isAssayError(error, "USAGE")) throw error;
    console.error(error.message);
    return 2;
  } finally {
    sandbox.remove();
    await build.close();
  }
};

process.exitCode = await main();
