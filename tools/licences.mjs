#!/usr/bin/env node
// Fails when a package that is shipped to users (a runtime dependency) has a licence that would bind them.

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { root } from "./install.mjs";

const BINDING = /\b(A|L)?GPL|\bMPL|\bEPL|\bCDDL|\bSSPL|\bBUSL|\bEUPL|UNLICENSED/i;

const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
const shipped = Object.entries(packages).filter(([folder, entry]) => folder !== "" && !entry.dev && !entry.devOptional);

/** A choice of licences is fine when one of them is. */
const binds = (licence) =>
  licence === undefined ||
  licence
    .replace(/[()]/g, "")
    .split(/\s+OR\s+/)
    .every((choice) => BINDING.test(choice));

const refused = shipped.filter(([, entry]) => binds(entry.license));
for (const [folder, entry] of refused) console.error(`${folder}: ${entry.license ?? "no licence stated"}`);
console.log(`${shipped.length} shipped packages, ${refused.length} with a licence that binds users`);
process.exitCode = refused.length === 0 && shipped.length > 0 ? 0 : 1;
