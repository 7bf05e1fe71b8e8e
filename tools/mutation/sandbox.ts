import { type ChildProcess, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import type { CompiledContract, Target } from "./build.ts";

/*
 * A copy of the project in which mutants are tried: the clone itself is never touched.
 */

/** What a copy does without: what is installed, generated or never read by a test of contracts. */
const LEFT_OUT = new Set([
  ...[".git", "node_modules", "artifacts", "cache", "coverage", "build", "dist", "deployments", "docs", "examples"],
]);
const ARTIFACTS = join("artifacts", "contracts");

/** How a run of tests ended; `slow` when it was stopped because it took too long. */
export type Outcome = "passed" | "failed" | "slow" | "stopped";

/** A scratch copy of the project at `root`. */
export class Sandbox {
  readonly #root: string;
  readonly #folder: string;
  #running: ChildProcess | undefined;
  #stopped = false;

  constructor(root: string) {
    this.#root = root;
    this.#folder = mkdtempSync(join(tmpdir(), "assay-mutate-"));
    for (const entry of readdirSync(root)) {
      if (!LEFT_OUT.has(entry)) cpSync(join(root, entry), join(this.#folder, entry), { recursive: true });
    }
    cpSync(join(root, ARTIFACTS), join(this.#folder, ARTIFACTS), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(this.#folder, "node_modules"), "dir");
  }

  /** Whether `stop` was called. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Where the copy is. */
  get folder(): string {
    return this.#folder;
  }

  /** Ends what runs, and nothing runs after it. */
  stop(): void {
    this.#stopped = true;
    this.#running?.kill("SIGTERM");
  }

  /** Removes the copy. */
  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Puts the source and the code of its contracts in place of those that are there. */
  put(path: string, text: string, targets: readonly Target[], compiled: ReadonlyMap<string, CompiledContract>): void {
    writeFileSync(join(this.#folder, path), text);
    for (const target of targets) {
      const contract = compiled.get(target.name);
      const file = join(this.#folder, "artifacts", target.path, `${target.name}.json`);
      if (contract === undefined || !existsSync(file)) continue;
      const { bytecode, deployedBytecode } = contract.evm;
      const artifact = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
      writeFileSync(
        file,
        JSON.stringify({
          ...artifact,
          bytecode: `0x${bytecode.object}`,
          deployedBytecode: `0x${deployedBytecode.object}`,
          linkReferences: bytecode.linkReferences ?? {},
          deployedLinkReferences: deployedBytecode.linkReferences ?? {},
          immutableReferences: deployedBytecode.immutableReferences ?? {},
        }),
      );
    }
  }

  /** Puts the source and the code of its contracts back as they are in the project. */
  restore(path: string, targets: readonly Target[]): void {
    const files = targets.map(({ path: folder, name }) => join("artifacts", folder, `${name}.json`));
    for (const file of [path, ...files]) {
      if (existsSync(join(this.#folder, file))) cpSync(join(this.#root, file), join(this.#folder, file));
    }
  }

  /** Runs test files until one fails, for at most `seconds`. */
  test(files: readonly string[], seconds: number): Promise<Outcome> {
    if (this.#stopped) return Promise.resolve("stopped");
    const hardhat = join(this.#root, "node_modules", "hardhat", "dist", "src", "cli.js");
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [hardhat, "test", "mocha", "--no-compile", "--bail", ...files], {
        cwd: this.#folder,
        stdio: "ignore",
      });
      this.#running = child;
      let slow = false;
      const timer = setTimeout(() => {
        slow = true;
        child.kill("SIGKILL");
      }, seconds * 1_000);
      child.on("error", reject);
      child.on("exit", (code) => {
        clearTimeout(timer);
        this.#running = undefined;
        resolve(this.#stopped ? "stopped" : slow ? "slow" : code === 0 ? "passed" : "failed");
      });
    });
  }
}

/** The tests of contracts: those named after the contracts given, which come first, and all others. */
export const suitesOf = (
  root: string,
  names: readonly string[],
): { readonly own: string[]; readonly rest: string[] } => {
  const files = readdirSync(join(root, "test", "contracts"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => `test/contracts/${file.replaceAll("\\", "/")}`)
    .sort();
  const rank = (file: string): number => names.indexOf(basename(file, ".test.ts"));
  const own = files.filter((file) => rank(file) >= 0).sort((left, right) => rank(left) - rank(right));
  return { own, rest: files.filter((file) => rank(file) < 0) };
};
