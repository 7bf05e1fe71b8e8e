#!/usr/bin/env node
// From a fresh clone to a running project, on any Node from 18 on. Plain JavaScript without dependencies: this runs
// before anything is installed.
//
//   node tools/bootstrap.mjs demo [options of the demo]
//   node tools/bootstrap.mjs test [--grep PATTERN]
//   node tools/bootstrap.mjs install

import { existsSync } from "node:fs";
import { join } from "node:path";

import { SetupError, install, root } from "./install.mjs";
import { node } from "./process.mjs";
import { HARDHAT, Interrupted, LANES, SUITES, exitWith, inParts, runSuites, tally } from "./tests.mjs";

const build = () => node([HARDHAT, "build"]);

const demo = async (args) => {
  const script = join(root, "scripts", "demo.ts");
  if (!existsSync(script)) throw new SetupError("scripts/demo.ts does not exist yet.");
  const built = await build();
  return built === 0 ? node(["--import", "tsx", script, ...args]) : built;
};

/** Everything a change must keep true. The last line printed is the sum over all runs. */
const test = async (args) => {
  const built = await build();
  if (built > 128) throw new Interrupted(built);
  if (built !== 0) {
    console.log(tally({ passed: 0, failed: 1 }));
    return built;
  }
  if (LANES === 1) return runSuites([SUITES.runner, SUITES.chain, SUITES.processes], ["--no-compile", ...args]);
  console.log("Tests run beside each other; what each group prints appears when it has ended.");
  // What waits for blocks goes first, beside what computes.
  const suites = [SUITES.processes, ...inParts(SUITES.chain, 6), ...inParts(SUITES.runner, 2)];
  return runSuites(suites, ["--no-compile", ...args], LANES);
};

const COMMANDS = { demo, test, install: async () => 0 };

const [name = "", ...args] = process.argv.slice(2);
await exitWith(() => {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    throw new SetupError(`Unknown command: ${name}. One of: ${Object.keys(COMMANDS).join(", ")}.`);
  }
  install();
  return command(args);
});
