import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { freePort } from "../../test/processes/network.ts";
import { MODEL, type Stage, walletOf } from "./stage.ts";

const INHERITED = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith("ASSAY_") && name !== "NODE_OPTIONS"),
);

/** A process of the run that is killed and started again; its output goes to a file. */
export class Participant {
  readonly name: string;
  readonly #args: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  readonly #logFile: string;
  readonly #metrics: string | undefined;
  #child: ChildProcess | undefined;
  #exit: Promise<void> = Promise.resolve();
  kills = 0;
  /** Starts that ended by themselves, which no process should do. */
  readonly ends: string[] = [];
  readonly residentBytes: number[] = [];

  constructor(
    name: string,
    args: readonly string[],
    { env, logFile, metrics }: { env: Readonly<Record<string, string>>; logFile: string; metrics?: string },
  ) {
    this.name = name;
    this.#args = args;
    this.#env = env;
    this.#logFile = logFile;
    this.#metrics = metrics;
  }

  start(): void {
    const log = openSync(this.#logFile, "a");
    const child = spawn(process.execPath, ["--import", "tsx", ...this.#args], {
      env: { ...INHERITED, ...this.#env },
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    this.#child = child;
    this.#exit = new Promise((resolve) =>
      child.once("exit", (code, signal) => {
        if (this.#child === child) {
          this.#child = undefined;
          this.ends.push(`${this.name} ended by itself: ${String(code ?? signal)}`);
        }
        resolve();
      }),
    );
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  /** As a crash does it. */
  async kill(): Promise<void> {
    this.kills++;
    await this.#end("SIGKILL");
  }

  /** As an administrator does it. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    child?.kill(signal);
    const hard = setTimeout(() => child?.kill("SIGKILL"), 20_000);
    await this.#exit;
    clearTimeout(hard);
  }

  /** Values of its metrics, by name with labels; none while it does not answer. It notes how much memory is taken. */
  async measure(): Promise<ReadonlyMap<string, number>> {
    const values = new Map<string, number>();
    if (this.#metrics === undefined || !this.running) return values;
    const answer = await fetch(this.#metrics, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    const text = (await answer?.text().catch(() => "")) ?? "";
    for (const [, name = "", value] of text.matchAll(/^(assay_\S+) (\S+)$/gm)) values.set(name, Number(value));
    const resident = values.get("assay_resident_bytes");
    if (resident !== undefined) this.residentBytes.push(resident);
    return values;
  }

  /** Whether it answers for itself: it has metrics at all. */
  get hasMetrics(): boolean {
    return this.#metrics !== undefined;
  }
}

/** What a node writes to, and the file of its configuration. */
export interface Home {
  readonly folder: string;
  readonly config: string;
  readonly metrics: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Writes what `assay-node` runs with for an account; its folder is made by whoever calls. */
export async function configure(
  stage: Stage,
  name: string,
  { account, rpc, folder }: { account: number; rpc: readonly string[]; folder: string },
): Promise<Home> {
  const [monitor, listen] = [await freePort(), await freePort()];
  await mkdir(folder, { recursive: true });
  const config = join(stage.folder, `${name}.json`);
  const fields = {
    rpc,
    deployment: stage.deploymentFile,
    keyVariable: "ACCOUNT_KEY",
    models: [MODEL, stage.wide.path],
    store: join(folder, "store"),
    database: join(folder, "database"),
    listen: `127.0.0.1:${String(listen)}`,
    monitor: `127.0.0.1:${String(monitor)}`,
    intervalMilliseconds: 1_000,
    threads: 1,
    bumpSeconds: 10,
    dailyWei: 100,
    privateUrls: true,
  };
  await writeFile(config, JSON.stringify(fields));
  const env = { ACCOUNT_KEY: walletOf(account).privateKey };
  return { folder, config, metrics: `http://127.0.0.1:${String(monitor)}/metrics`, env };
}

/** An `assay-node` of a role. */
export const assayNode = (stage: Stage, role: string, name: string, { config, metrics, env }: Home): Participant =>
  new Participant(name, ["services/node/main.ts", role, "--config", config], {
    env,
    logFile: join(stage.folder, `${name}.log`),
    metrics,
  });

/** A process of the run that is not part of the project's services. */
export const actor = (stage: Stage, script: string, { config, env }: Home): Participant =>
  new Participant(script, [`bench/chaos/${script}.ts`, config], {
    env,
    logFile: join(stage.folder, `${script}.log`),
  });

/** Bytes of all files under a folder. */
export async function bytesUnder(folder: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const path = join(folder, entry.name);
    sum += entry.isDirectory()
      ? await bytesUnder(path)
      : await stat(path).then(
          ({ size }) => size,
          () => 0,
        );
  }
  return sum;
}
