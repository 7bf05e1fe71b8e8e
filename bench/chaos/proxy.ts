import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

import { listen } from "../../services/environment/listen.ts";

/* A node of the chain that misbehaves: it stands between services and the real one. */

export type Mode = "honest" | "lag" | "cap" | "omit" | "hang" | "refuse" | "overload" | "garbage";

/** Ways of an endpoint to fail, besides being honest. */
export const FAILURES: readonly Mode[] = ["lag", "cap", "omit", "hang", "refuse", "overload", "garbage"];

/** Blocks that a lagging node is behind, and blocks of one question for logs that a capping one takes. */
const LAG = 12;
const CAP = 5;
const HANG_MILLISECONDS = 20_000;

interface Call {
  readonly id: unknown;
  readonly method: string;
  readonly params: unknown[];
}
type Answer = { readonly result: unknown } | { readonly error: { readonly code: number; readonly message: string } };

export class Proxy {
  readonly name: string;
  readonly #upstream: string;
  mode: Mode = "honest";
  url = "";
  /** Questions that were answered, by mode. */
  readonly answered: Partial<Record<Mode, number>> = {};

  constructor(name: string, upstream: string) {
    this.name = name;
    this.#upstream = upstream;
  }

  async open(signal: AbortSignal): Promise<void> {
    const server: Server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
    const port = await listen(server, { host: "127.0.0.1", port: 0 }, signal);
    this.url = `http://127.0.0.1:${String(port)}`;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Uint8Array[] = [];
    for await (const part of request as AsyncIterable<Uint8Array>) parts.push(part);
    const { mode } = this;
    this.answered[mode] = (this.answered[mode] ?? 0) + 1;
    switch (mode) {
      case "hang": {
        const timer = setTimeout(() => response.destroy(), HANG_MILLISECONDS);
        response.once("close", () => {
          clearTimeout(timer);
        });
        return;
      }
      case "refuse":
        response.writeHead(503).end("no");
        return;
      case "overload":
        response.writeHead(429).end("slowly");
        return;
      case "garbage":
        response.writeHead(200).end("<html>welcome</html>");
        return;
      default: {
        const call = JSON.parse(Buffer.concat(parts).toString()) as Call;
        const answer = await this.#answer(call, mode);
        response.writeHead(200, { "content-type": "application/json" });
        response.end(JSON.stringify({ jsonrpc: "2.0", id: call.id, ...answer }));
      }
    }
  }

  async #answer(call: Call, mode: Mode): Promise<Answer> {
    const { method, params } = call;
    if (mode === "cap" && method === "eth_getLogs") {
      const { fromBlock, toBlock } = params[0] as { readonly fromBlock?: string; readonly toBlock?: string };
      if (fromBlock !== undefined && Number(toBlock) - Number(fromBlock) >= CAP)
        return { error: { code: -32_000, message: "query exceeds the most blocks of a question" } };
    }
    if (mode === "lag") return await this.#late(method, params);
    const answer = await this.ask(method, params);
    // The lie that is hardest to see: all logs but one.
    if (mode === "omit" && method === "eth_getLogs" && "result" in answer && Array.isArray(answer.result))
      return { result: answer.result.slice(0, -1) };
    return answer;
  }

  /** As a node answers that has not seen the newest blocks. */
  async #late(method: string, params: unknown[]): Promise<Answer> {
    const newest = await this.ask("eth_blockNumber", []);
    const known = Math.max(0, ("result" in newest ? Number(newest.result) : 0) - LAG);
    const tag = `0x${known.toString(16)}`;
    const isAhead = (value: unknown): boolean =>
      typeof value === "string" && /^0x[0-9a-f]{1,12}$/.test(value) && Number(value) > known;
    const blockOf = (value: Answer): Answer => {
      const result = "result" in value ? (value.result as { number?: string; blockNumber?: string } | null) : null;
      return isAhead(result?.number ?? result?.blockNumber) ? { result: null } : value;
    };
    if (method === "eth_blockNumber") return { result: tag };
    if (method === "eth_getTransactionReceipt" || method === "eth_getBlockByHash")
      return blockOf(await this.ask(method, params));
    if (method === "eth_getBlockByNumber" && isAhead(params[0])) return { result: null };
    const hash = (params[0] as { readonly blockHash?: string } | undefined)?.blockHash;
    if (method === "eth_getLogs" && hash !== undefined) {
      const block = blockOf(await this.ask("eth_getBlockByHash", [hash, false]));
      if ("result" in block && block.result === null) return { error: { code: -32_000, message: "unknown block" } };
    }
    if (params.some(isAhead) && method === "eth_call") return { error: { code: -32_000, message: "header not found" } };
    return await this.ask(
      method,
      params.map((param) => (param === "latest" || param === "pending" ? tag : param)),
    );
  }

  async ask(method: string, params: unknown[]): Promise<Answer> {
    const response = await fetch(this.#upstream, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    });
    const { result, error } = (await response.json()) as {
      result?: unknown;
      error?: { code: number; message: string };
    };
    return error === undefined ? { result } : { error };
  }
}
