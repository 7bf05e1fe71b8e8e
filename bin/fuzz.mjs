#!/usr/bin/env node
// Long differential fuzz, TypeScript against Solidity and backend against backend. `npm test` runs the same tests short.
//
//   npm run fuzz -- [--kernels N] [--vectors N] [--seed S]
//
// --kernels: random kernels; --vectors: operands of every scalar instruction; --seed: another seed, other cases.

import { parseArgs } from "node:util";

import { SUITES, exitWith, runSuites } from "./tests.mjs";

const { values } = parseArgs({
  options: {
    kernels: { type: "string", default: "20000" },
    vectors: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
  },
});

/** Each test reads how much to do and from which seed. */
const suite = (of, file, amount) => ({
  ...of,
  name: file,
  files: [file],
  env: {
    ASSAY_FUZZ: amount,
    ASSAY_FUZZ_KERNELS: amount,
    ASSAY_SEED: values.seed,
    ASSAY_FUZZ_SEED: values.seed,
  },
});

await exitWith(() =>
  runSuites([
    suite(SUITES.runner, "test/runner/machine/compiled.test.ts", values.kernels),
    suite(SUITES.contracts, "test/contracts/Scalar.test.ts", values.vectors),
    suite(SUITES.integration, "test/integration/machine.test.ts", values.kernels),
  ]),
);
