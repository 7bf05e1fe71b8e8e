import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { createRequire } from "node:module";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { JsonRpcProvider } from "ethers";

const root = fileURLToPath(new URL("../../", import.meta.url));
const require = createRequire(import.meta.url);
const ASSAY_NODE = `${root}bin/assay-node.mjs`;
const HARDHAT = `${root}node_modules/hardhat/dist/src/cli.js`;

/** What processes inherit: neither options of the test runner nor of the scripts; those are given to each. */
const INHERITED = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith("ASSAY_") && name !== "NODE_OPTIONS"),
);

/** A process of the network, with all that it has printed. Whatever waits for it waits as long as it runs. */
export class Service {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #waiting: (() => void)[] = [];
  #stdout = "";
  #stderr = "";
  #running = true;
  readonly #exit: Promise<number | null>;

  constructor(
    name: string,
    command: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    cwd = root,
  ) {
    this.name = name;
    // A group of its own, so that a signal also reaches what it starts.
    this.#child = spawn(command, args, { cwd, env: { ...INHERITED, ...env }, detached: true });
    this.#child.stdout?.on("data", (part: Buffer) => {
      this.#stdout += part.toString();
      this.#wake();
    });
    this.#child.stderr?.on("data", (part: Buffer) => {
      this.#stderr += part.toString();
      this.#wake();
    });
    // Not "exit", which comes before the last of the output.
    this.#exit = new Promise((resolve) =>
      this.#child.once("close", (code) => {
        this.#running = false;
        this.#wake();
        resolve(code);
      }),
    );
  }

  /** What it gave as its result. */
  get stdout(): string {
    return this.#stdout;
  }

  /** All that it printed: the result and what it says for people. */
  get output(): string {
    return this.#stdout + this.#stderr;
  }

  /** Waits until the process has printed something. @throws when it ends without having done so. */
  async prints(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.output);
      if (match !== null) return match;
      if (!this.#running) {
        throw new Error(`${this.name} did not print ${String(pattern)}; it printed:\n${this.output}`);
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Waits for the end. @returns The exit code. */
  async ended(): Promise<number | null> {
    return await this.#exit;
  }

  /** As Ctrl-C does it, or as a crash does it. @returns The exit code; null after a crash. */
  async stop(signal: "SIGINT" | "SIGKILL" = "SIGINT"): Promise<number | null> {
    const { pid, exitCode, signalCode } = this.#child;
    if (exitCode === null && signalCode === null && pid !== undefined) process.kill(-pid, signal);
    return await this.#exit;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Something was printed, or the process ended. */
  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** A script of the project as a user runs it: npx hardhat run SCRIPT --network localhost. */
export const script = (name: string, env: Readonly<Record<string, string>>): Service =>
  new Service(
    name,
    process.execPath,
    [HARDHAT, "run", "--no-compile", `scripts/${name}.ts`, "--network", "localhost"],
    env,
  );

/** The commands of the README under a heading, in their order, without comments. */
export async function commandsUnder(heading: string): Promise<readonly string[]> {
  const readme = await readFile(`${root}README.md`, "utf8");
  const [, block = ""] = /```sh\n([^]*?)```/.exec(readme.slice(readme.indexOf(`## ${heading}`))) ?? [];
  const lines = block.replaceAll("\\\n", " ").split("\n");
  return lines.map((line) => line.replace(/ +# .*$/, "").trim()).filter((line) => line !== "");
}

/** A command of the README that begins with `npx assay-node`. */
export const typed = (line: string, env: Readonly<Record<string, string>>): Service => {
  const [npx, name, ...args] = line.match(/'[^']*'|\S+/g)?.map((word) => word.replace(/^'|'$/g, "")) ?? [];
  if (npx !== "npx" || name !== "assay-node") throw new Error(`not a command of assay-node: ${line}`);
  return new Service(line, process.execPath, [ASSAY_NODE, ...args], env);
};

/** A script that ends by itself. @throws when it fails. @returns What it printed. */
export async function done(name: string, env: Readonly<Record<string, string>>): Promise<string> {
  const service = script(name, env);
  const code = await service.ended();
  if (code !== 0) throw new Error(`${name} ended with ${String(code)}:\n${service.output}`);
  return service.output;
}

/** The chains that the services run on. */
export const CHAINS: Readonly<Record<string, (port: number) => Service>> = {
  "hardhat node": (port) => new Service("hardhat node", process.execPath, [HARDHAT, "node", "--port", String(port)]),
  anvil: (port) =>
    new Service("anvil", process.execPath, [
      require.resolve("@foundry-rs/anvil/bin.mjs"),
      ...["--port", String(port), "--hardfork", "osaka", "--block-time", "1", "--mixed-mining", "--silent"],
    ]),
};

/** A port of the loopback that nobody uses now. */
export const freePort = async (): Promise<number> =>
  await new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
  });

/** Waits until a chain answers. @throws when it ends without having done so. */
export async function chainAt(url: string, chain: Service): Promise<JsonRpcProvider> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] });
  const headers = { "content-type": "application/json" };
  while (chain.running) {
    const answer = await fetch(url, { method: "POST", headers, body }).catch(() => undefined);
    if (answer?.ok === true) return new JsonRpcProvider(url);
    await pause(100);
  }
  throw new Error(`${chain.name} does not answer:\n${chain.output}`);
}

/** Waits until something holds on the chain. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await pause(250);
}
