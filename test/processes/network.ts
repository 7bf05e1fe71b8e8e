import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

import { JsonRpcProvider } from "ethers";

const root = fileURLToPath(new URL("../../", import.meta.url));
const require = createRequire(import.meta.url);
const HARDHAT = `${root}node_modules/hardhat/dist/src/cli.js`;

/** A process of the network, with all that it has printed. */
export class Service {
  readonly name: string;
  readonly #child: ChildProcess;
  #output = "";
  readonly #exit: Promise<number | null>;

  constructor(name: string, command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.name = name;
    // No inherited options of the test runner: these are processes of their own.
    this.#child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, NODE_OPTIONS: "", ...env },
      // A group of its own, so that a signal also reaches what it starts.
      detached: true,
    });
    const keep = (part: Buffer): void => {
      this.#output += part.toString();
    };
    this.#child.stdout?.on("data", keep);
    this.#child.stderr?.on("data", keep);
    this.#exit = new Promise((resolve) => this.#child.once("exit", resolve));
  }

  get output(): string {
    return this.#output;
  }

  /** Waits until the process has printed something. */
  async prints(pattern: RegExp, seconds = 120): Promise<RegExpExecArray> {
    for (let i = 0; i < seconds * 10; i++) {
      const match = pattern.exec(this.#output);
      if (match !== null) return match;
      if (this.#child.exitCode !== null) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const last = pattern.exec(this.#output);
    if (last !== null) return last;
    throw new Error(`${this.name} did not print ${String(pattern)}; it printed:\n${this.#output}`);
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
}

/** A script of the project as a user runs it: npx hardhat run SCRIPT --network localhost. */
export const script = (name: string, env: Readonly<Record<string, string>>): Service =>
  new Service(
    name,
    process.execPath,
    [HARDHAT, "run", "--no-compile", `scripts/${name}.ts`, "--network", "localhost"],
    env,
  );

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

/** Waits until a chain answers. */
export async function chainAt(url: string, chain: Service): Promise<JsonRpcProvider> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] });
  const headers = { "content-type": "application/json" };
  for (let i = 0; i < 1_200; i++) {
    const answer = await fetch(url, { method: "POST", headers, body }).catch(() => undefined);
    if (answer?.ok === true) return new JsonRpcProvider(url);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${chain.name} does not answer:\n${chain.output}`);
}

/** Waits until something holds. */
export async function until(what: string, holds: () => Promise<boolean>, seconds = 120): Promise<void> {
  for (let i = 0; i < seconds * 4; i++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error(`${what} did not come in ${String(seconds)} seconds`);
}
