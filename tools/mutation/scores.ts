import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/*
 * What `npm run mutate -- --every` found, contract by contract: docs/assurance.md is made from it.
 */

/** Where it is kept. */
export const SCORES = "tools/mutation/scores.json";

/** What became of the mutants of one file. */
export interface Score {
  readonly path: string;
  /** Fingerprint of the file's text when they were tried. */
  readonly source: string;
  readonly seed: number;
  /** How many mutants the file has. */
  readonly all: number;
  readonly tried: number;
  readonly killed: number;
  /** Those of which the compiler makes the same code. */
  readonly same: number;
  readonly invalid: number;
  /** Those that no test noticed. */
  readonly survived: readonly string[];
}

/** SHA-256 of a text, its first 16 hexadecimal digits. */
export const fingerprintOf = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 16);

/** What was kept; nothing when there is no file. */
export const keptScores = (root: string): readonly Score[] => {
  const file = join(root, SCORES);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as readonly Score[]) : [];
};
