#!/usr/bin/env node
// Fails when a package that is shipped to users (a runtime dependency) has a licence that would bind them, or when a
// package that is only used to develop has one and is not accepted below by name.

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { root } from "./install.mjs";

const BINDING = /\b(A|L)?GPL|\bMPL|\bEPL|\bCDDL|\bSSPL|\bBUSL|\bEUPL|UNLICENSED/i;

/** Compiler and prover of circuits, with what they stand on: GPL. Tests and the demo run them; nothing of them ships. */
const DEVELOPMENT = [
  "circom2",
  "snarkjs",
  "@iden3/bigarray",
  "@iden3/binfileutils",
  "fastfile",
  "ffjavascript",
  "r1csfile",
  "wasmbuilder",
  "wasmcurves",
];

const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
const isShipped = ([, entry]) => !entry.dev && !entry.devOptional;
const all = Object.entries(packages).filter(([folder]) => folder !== "");
const shipped = all.filter(isShipped);

/** A choice of licences is fine when one of them is. */
const binds = (licence) =>
  licence === undefined ||
  licence
    .replace(/[()]/g, "")
    .split(/\s+OR\s+/)
    .every((choice) => BINDING.test(choice));

const refused = [
  ...shipped.filter(([, entry]) => binds(entry.license)),
  ...all.filter((one) => {
    const [folder, { license }] = one;
    const name = folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length);
    return !isShipped(one) && license !== undefined && binds(license) && !DEVELOPMENT.includes(name);
  }),
];
for (const [folder, entry] of refused) console.error(`${folder}: ${entry.license ?? "no licence stated"}`);
console.log(`${shipped.length} shipped packages; ${refused.length} packages whose licence is not accepted`);
process.exitCode = refused.length === 0 && shipped.length > 0 ? 0 : 1;
