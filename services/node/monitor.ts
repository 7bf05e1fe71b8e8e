import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

import type { Clock } from "../environment/clock.ts";
import { type Address, listen } from "../environment/listen.ts";
import type { Metrics } from "./metrics.ts";

/** What others may ask a node about itself. */
export interface Monitored {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Seconds in which a healthy node has ended a look. */
  readonly patienceSeconds: number;
  /** What else is served, by path: an indexer's tables. */
  readonly tables: Readonly<Record<string, () => unknown>>;
}

/** When the loop last began and ended a look, in seconds; 0 for never. */
export interface Pulse {
  begun: number;
  done: number;
}

/** Whether a node works (it looks), and whether it does what it is for (its looks succeed). */
export function stateOf(pulse: Pulse, now: number, patienceSeconds: number): { healthy: boolean; ready: boolean } {
  const recent = (time: number): boolean => now - time <= patienceSeconds;
  return { healthy: recent(Math.max(pulse.begun, pulse.done)), ready: pulse.done > 0 && recent(pulse.done) };
}

/** Serves /health, /ready, /metrics and tables, until the signal fires. @returns The port. @throws AssayError ADDRESS_UNUSABLE. */
export async function serveMonitor(
  address: Address,
  monitored: Monitored,
  pulse: Pulse,
  signal: AbortSignal,
): Promise<number> {
  const server = createServer((request, response) => {
    answer(request, response, monitored, pulse).catch(() => {
      response.writeHead(500).end();
    });
  });
  server.requestTimeout = 10_000;
  return await listen(server, address, signal);
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { clock, metrics, patienceSeconds, tables }: Monitored,
  pulse: Pulse,
): Promise<void> {
  const path = (request.url ?? "/").split("?")[0] ?? "/";
  const { healthy, ready } = stateOf(pulse, clock.now(), patienceSeconds);
  const table = Object.hasOwn(tables, path) ? tables[path] : undefined;
  if (path === "/health") response.writeHead(healthy ? 200 : 503).end(healthy ? "healthy\n" : "no look in time\n");
  else if (path === "/ready")
    response.writeHead(ready ? 200 : 503).end(ready ? "ready\n" : "no look succeeded in time\n");
  else if (path === "/metrics") {
    response.writeHead(200, { "content-type": metrics.registry.contentType }).end(await metrics.registry.metrics());
  } else if (table !== undefined) {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(table(), plain));
  } else response.writeHead(404).end();
}

/** JSON has neither whole numbers of any size nor bytes. */
const plain = (_key: string, value: unknown): unknown => {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Uint8Array) return `0x${Buffer.from(value).toString("hex")}`;
  return value;
};
