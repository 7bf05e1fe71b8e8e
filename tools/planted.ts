import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { Build } from "./mutation/build.ts";
import { Sandbox } from "./mutation/sandbox.ts";
import { type Planted, PLANTED } from "./planted/bugs.ts";

/*
 * Do the walks notice a protocol that is broken? Each bug of tools/planted/bugs.ts is planted alone in a copy of the
 * project, and the walks of test/contracts/invariants.test.ts are made there until an invariant fails:
 *
 *   npm run planted -- [--walks N] [--only TEXT]
 *
 * --walks: how many at most (256); --only: bugs whose name contains the text. Which invariant noticed goes to
 * tools/planted/caught.json, from which docs/assurance.md is made. Exits 1 when a bug was not noticed.
 */

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const HARDHAT = join(ROOT, "node_modules", "hardhat", "dist", "src", "cli.js");
const OUTPUT = join(ROOT, "tools", "planted", "caught.json");
const WALKS = "test/contracts/invariants.test.ts";

const { values } = parseArgs({
  options: { walks: { type: "string", default: "256" }, only: { type: "string", default: "" } },
});

/** What the walks said: nothing when none failed. */
interface Caught {
  readonly name: string;
  /** The invariant that failed, and the walk that broke it. */
  readonly by: string;
  readonly seed: number;
}

/** What the walks print in a folder. */
const printed = (folder: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [HARDHAT, "test", "mocha", "--no-compile", WALKS], {
      cwd: folder,
      env: { ...process.env, ASSAY_FUZZ: values.walks },
      stdio: ["ignore", "pipe", "ignore"],
    });
    let text = "";
    child.stdout.on("data", (part: Buffer) => (text += part.toString()));
    child.on("error", reject);
    child.on("exit", () => {
      resolve(text);
    });
  });

async function tried(build: Build, sandbox: Sandbox, bug: Planted): Promise<Caught | undefined> {
  const source = build.sourceOf(bug.contract);
  const text = build.textOf(source);
  if (text.split(bug.original).length !== 2) throw new Error(`"${bug.name}": its text does not stand there once.`);
  const targets = build.targetsOf(source);
  const path = source.replace("project/", "");
  const changed = text.replace(bug.original, () => bug.replacement);
  const compiled = await build.compile(targets, source, changed, false);
  if (compiled === undefined) throw new Error(`"${bug.name}" does not compile.`);
  sandbox.put(path, changed, targets, compiled);
  const said = await printed(sandbox.folder);
  sandbox.restore(path, targets);
  const [, by] = /^\s*\d+\) (I-\d+[^\n]*)/m.exec(said) ?? [];
  const [, seed] = /seed (\d+) \(/.exec(said) ?? [];
  return by === undefined ? undefined : { name: bug.name, by, seed: Number(seed) };
}

async function main(): Promise<number> {
  const built = spawnSync(process.execPath, [HARDHAT, "build"], { cwd: ROOT, stdio: ["ignore", "ignore", "inherit"] });
  if (built.status !== 0) return built.status ?? 1;
  const build = await Build.of(ROOT);
  const sandbox = new Sandbox(ROOT);
  const chosen = PLANTED.filter(({ name }) => name.includes(values.only));
  const caught: Caught[] = [];
  try {
    for (const bug of chosen) {
      const found = await tried(build, sandbox, bug);
      if (found !== undefined) caught.push(found);
      console.log(`${bug.name}: ${found === undefined ? "NOT NOTICED" : `${found.by} (seed ${String(found.seed)})`}`);
    }
  } finally {
    sandbox.remove();
    await build.close();
  }
  console.log(`\n${String(caught.length)} of ${String(chosen.length)} noticed`);
  if (values.only === "") {
    mkdirSync(dirname(OUTPUT), { recursive: true });
    writeFileSync(OUTPUT, `${JSON.stringify(caught, undefined, 2)}\n`);
  }
  return caught.length === chosen.length ? 0 : 1;
}

process.exitCode = await main();
