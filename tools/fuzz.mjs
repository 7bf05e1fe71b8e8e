#!/usr/bin/env node
// Long fuzz, TypeScript against Solidity and backend against backend. `npm test` runs the same tests short.
//
//   npm run fuzz -- [--AMOUNT N ...] [--seed S]
//
// Amounts are named below. Without options everything runs with the amounts below; otherwise only what is given. Another
// seed gives other cases.

import { parseArgs } from "node:util";

import { SUITES, exitWith, runSuites } from "./tests.mjs";

/** What each amount runs, and how much of it when none is given. */
const FUZZERS = {
  // Random kernels: JavaScript backend, interpreter and contract.
  kernels: {
    amount: 20_000,
    files: [
      [SUITES.runner, "test/runner/backends/compiled.test.ts"],
      [SUITES.integration, "test/integration/machine.test.ts"],
    ],
  },
  // Random kernels: the WebAssembly backend and the interpreter; a twentieth as many random models.
  wasm: { amount: 20_000, files: [[SUITES.runner, "test/runner/backends/wasm.test.ts"]] },
  // Rewriting of terms inside the compiled backend.
  terms: { amount: 100_000, files: [[SUITES.runner, "test/runner/backends/term.test.ts"]] },
  // Operands of every scalar instruction.
  vectors: { amount: 100_000, files: [[SUITES.contracts, "test/contracts/machine/Scalar.test.ts"]] },
  // Dot products by assembly, by plain Solidity and by JavaScript.
  dots: { amount: 5_000, files: [[SUITES.contracts, "test/contracts/machine/DotProduct.test.ts"]] },
  // Mutated encodings and witnesses.
  encodings: { amount: 100_000, files: [[SUITES.integration, "test/integration/encodings.test.ts"]] },
  // Mutated quotes, certificates, revocation lists and collateral on chain, and another verifier's verdicts on quotes.
  quotes: { amount: 100_000, files: [[SUITES.contracts, "test/contracts/enclave/mutations.test.ts"]] },
  // ONNX files that nobody exported.
  models: { amount: 100_000, files: [[SUITES.runner, "test/runner/onnx/hostile.test.ts"]] },
  // Disputes between an honest watcher and operators that cheat in every way.
  games: { amount: 1_000, files: [[SUITES.contracts, "test/contracts/court/games.test.ts"]] },
  // Histories of a vault against a model.
  vaults: { amount: 2_000, files: [[SUITES.contracts, "test/contracts/delegation/histories.test.ts"]] },
  // Walks of random transactions over every function of every contract, all invariants after each; see also bench/games.ts.
  sequences: { amount: 1_000, files: [[SUITES.contracts, "test/contracts/invariants.test.ts"]] },
};

const names = Object.keys(FUZZERS);
const { values } = parseArgs({
  options: {
    ...Object.fromEntries(names.map((name) => [name, { type: "string" }])),
    seed: { type: "string", default: "1" },
  },
});
const given = names.filter((name) => values[name] !== undefined);

const suites = (given.length > 0 ? given : names).flatMap((name) => {
  const { amount, files } = FUZZERS[name];
  const env = { ASSAY_FUZZ: values[name] ?? String(amount), ASSAY_SEED: values.seed };
  return files.map(([suite, file]) => ({ ...suite, name: file, files: [file], env }));
});

await exitWith(() => runSuites(suites));
