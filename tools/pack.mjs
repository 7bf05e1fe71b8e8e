#!/usr/bin/env node
// Makes dist/, what the npm package contains besides the Solidity sources: bindings and runner as ES modules with types,
// and the ABIs as JSON. Mocks are left out.

import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

import { SetupError, install, root } from "./install.mjs";
import { node } from "./process.mjs";
import { HARDHAT, exitWith } from "./tests.mjs";

const build = join(root, "build");
const dist = join(root, "dist");

const walk = (folder) =>
  readdirSync(folder, { withFileTypes: true })
    .sort((left, right) => (left.name < right.name ? -1 : 1))
    .flatMap((entry) => (entry.isDirectory() ? walk(join(folder, entry.name)) : [join(folder, entry.name)]));

const run = async (what, args) => {
  if ((await node(args)) !== 0) throw new SetupError(`${what} failed; its message is above.`);
};

/** Services that stand on Hardhat, which users of the package need not have. */
const HARDHAT_ONLY = ["account.ts", "connection.ts", "deploy.ts", "verify.ts"];

/** The sources to compile: runner, services and bindings, where the bindings know of no mock. */
const gather = () => {
  cpSync(join(root, "runner"), join(build, "runner"), { recursive: true });
  // What runs beside a chain.
  cpSync(join(root, "services"), join(build, "services"), {
    recursive: true,
    filter: (path) => !HARDHAT_ONLY.some((name) => path.endsWith(join("chain", name))),
  });
  cpSync(join(root, "ignition", "source.ts"), join(build, "ignition", "source.ts"));
  const bindings = join(build, "typechain-types");
  cpSync(join(root, "typechain-types"), bindings, {
    recursive: true,
    filter: (path) => basename(path) !== "mocks" && basename(path) !== "hardhat.d.ts",
  });
  for (const index of [join(bindings, "index.ts"), join(bindings, "factories", "index.ts")]) {
    const lines = readFileSync(index, "utf8").split("\n");
    writeFileSync(index, lines.filter((line) => !/\bmocks\b/.test(line)).join("\n"));
  }
};

/** dist/abi/NAME.json for every contract and interface; abstract parts are in the ABI of what inherits them. */
const writeAbis = () => {
  const artifacts = join(root, "artifacts", "contracts");
  mkdirSync(join(dist, "abi"), { recursive: true });
  const seen = new Set();
  for (const file of walk(artifacts)) {
    if (!file.endsWith(".json") || file.startsWith(join(artifacts, "mocks"))) continue;
    const { contractName, sourceName, abi, bytecode } = JSON.parse(readFileSync(file, "utf8"));
    if (contractName === undefined || abi.length === 0) continue;
    if (bytecode === "0x" && !sourceName.startsWith("contracts/interfaces/")) continue;
    if (seen.has(contractName)) throw new SetupError(`Two contracts are named ${contractName}.`);
    seen.add(contractName);
    writeFileSync(join(dist, "abi", `${contractName}.json`), `${JSON.stringify(abi, null, 2)}\n`);
  }
};

await exitWith(async () => {
  install();
  for (const folder of [build, dist]) rmSync(folder, { recursive: true, force: true });
  await run("Compilation of the contracts", [HARDHAT, "build"]);
  gather();
  await run("Compilation of the bindings, the runner and the services", [
    join(root, "node_modules", "typescript", "bin", "tsc"),
    "--project",
    join(root, "tsconfig.build.json"),
  ]);
  writeAbis();
  rmSync(build, { recursive: true });
  const files = walk(dist);
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  console.error(`dist/: ${files.length} files, ${(bytes / 1e6).toFixed(1)} MB`);
  return 0;
});
