import { JsonRpcApiProvider, type JsonRpcError, type JsonRpcPayload, type JsonRpcResult, Network } from "ethers";

import { AssayError } from "../../runner/errors.ts";
import type { Clock } from "../environment/clock.ts";
import { describeError } from "../environment/describe.ts";
import type { Reporter } from "../environment/events.ts";

/** Longest that an endpoint may take for an answer. */
const PATIENCE_MILLISECONDS = 15_000;
/** Seconds for which an endpoint that failed is asked last: doubled each time, and the longest. */
const REST = { first: 5, longest: 300 };
/** Blocks below the lowest head at which endpoints must agree. */
const AGREED_DEPTH = 16;
/** Bytes of an answer. */
const MAX_BYTES = 256 << 20;

/** What a node says of its chain; nothing when it gives no answer. */
export interface ComparedEndpoint {
  readonly endpoint: string;
  readonly head?: number;
  readonly hash?: string;
  readonly chainId?: number;
}

const DIFFERENT = "it gives other logs than another node";

type Answers = (JsonRpcResult | JsonRpcError)[];

interface Endpoint {
  readonly url: string;
  failures: number;
  restsUntil: number;
}

/**
 * Several nodes of one chain as one provider: the first that works answers. Each failure lets a node rest, longer each time;
 * when all rest, they are asked anyway. An error that a contract causes is an answer, not a failure. Logs are taken when two
 * nodes say the same, or when only one answers: with three nodes, one that leaves logs out deceives nobody.
 */
export class Endpoints extends JsonRpcApiProvider {
  readonly #endpoints: readonly Endpoint[];
  readonly #clock: Clock;
  readonly #report: Reporter;

  constructor(urls: readonly string[], chainId: number, clock: Clock, report: Reporter) {
    const network = Network.from(chainId);
    super(network, { staticNetwork: network, batchMaxCount: 1, cacheTimeout: -1 });
    this.#endpoints = urls.map((url) => ({ url, failures: 0, restsUntil: 0 }));
    this.#clock = clock;
    this.#report = report;
    this._start();
  }

  override async _send(payload: JsonRpcPayload | JsonRpcPayload[]): Promise<(JsonRpcResult | JsonRpcError)[]> {
    const now = this.#clock.now();
    const ordered = [...this.#endpoints].sort((a, b) => Math.max(now, a.restsUntil) - Math.max(now, b.restsUntil));
    // A log that one node leaves out is missed for good, and nothing else shows that it is missing.
    const compared = !Array.isArray(payload) && payload.method === "eth_getLogs";
    const answers: { readonly endpoint: Endpoint; readonly answer: Answers; readonly says: string }[] = [];
    let [refused, last]: [Answers | undefined, unknown] = [undefined, undefined];
    for (const endpoint of ordered) {
      // A node that rests is asked when there is no other: waiting for one that hangs would hold everything up.
      if (answers.length === 1 && endpoint.restsUntil > now) break;
      try {
        const answer = await this.#ask(endpoint.url, payload);
        endpoint.failures = 0;
        endpoint.restsUntil = 0;
        if (!compared) return answer;
        const [first] = answer;
        if (first === undefined || "error" in first) {
          refused ??= answer;
          continue;
        }
        const says = logsText(first.result);
        if (answers.some((each) => each.says === says)) {
          for (const other of answers) if (other.says !== says) this.#failed(other.endpoint, unusable(DIFFERENT));
          return answer;
        }
        answers.push({ endpoint, answer, says });
      } catch (error) {
        last = error;
        this.#failed(endpoint, error);
      }
    }
    if (answers.length > 1) throw unusable(DIFFERENT);
    const only = answers[0]?.answer ?? refused;
    if (only !== undefined) return only;
    const reason = describeError(last);
    throw new AssayError("RPC_UNUSABLE", `none of ${String(ordered.length)} nodes answers: ${reason}`, { reason });
  }

  #failed(endpoint: Endpoint, error: unknown): void {
    const rest = Math.min(REST.longest, REST.first * 2 ** endpoint.failures++);
    endpoint.restsUntil = this.#clock.now() + rest;
    // The URL may hold a secret key: only its host is named.
    this.#report({ kind: "endpointFailed", endpoint: hostOf(endpoint.url), reason: describeError(error) });
  }

  /**
   * Asks all endpoints for the same block, deep enough that all should have it.
   * @returns What each says; undefined for one that gives no answer.
   */
  async compare(): Promise<readonly ComparedEndpoint[]> {
    const one = async (url: string, method: string, params: unknown[]): Promise<unknown> => {
      const answer = await this.#ask(url, { id: 1, jsonrpc: "2.0", method, params }).catch(() => []);
      const [first] = answer;
      return first !== undefined && "result" in first ? (first.result as unknown) : undefined;
    };
    const heads = await Promise.all(
      this.#endpoints.map(async ({ url }) => Number((await one(url, "eth_blockNumber", [])) ?? NaN)),
    );
    const lowest = Math.min(...heads.filter((head) => !Number.isNaN(head)));
    const at = `0x${Math.max(0, lowest - AGREED_DEPTH).toString(16)}`;
    return await Promise.all(
      this.#endpoints.map(async ({ url }, i) => {
        const block = (await one(url, "eth_getBlockByNumber", [at, false])) as { readonly hash?: unknown } | null;
        const [endpoint, head, hash] = [hostOf(url), heads[i] ?? NaN, block?.hash];
        if (Number.isNaN(head) || typeof hash !== "string") return { endpoint };
        return { endpoint, head, hash, chainId: Number((await one(url, "eth_chainId", [])) ?? NaN) };
      }),
    );
  }

  async #ask(url: string, payload: JsonRpcPayload | JsonRpcPayload[]): Promise<(JsonRpcResult | JsonRpcError)[]> {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(payload),
      redirect: "error",
      signal: this.#clock.deadline(PATIENCE_MILLISECONDS),
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw unusable(`it said ${String(response.status)}`);
    }
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      size += part.length;
      if (size > MAX_BYTES) throw unusable("its answer is too large");
      parts.push(part);
    }
    let parsed: unknown;
    try {
      parsed = JSON.parse(Buffer.concat(parts).toString());
    } catch {
      throw unusable("its answer is not JSON");
    }
    const answers: unknown[] = Array.isArray(parsed) ? parsed : [parsed];
    for (const answer of answers) {
      if (typeof answer !== "object" || answer === null || !("result" in answer || "error" in answer)) {
        throw unusable("its answer is neither a result nor an error");
      }
      // Too many questions: another node may have time.
      const { code } = ("error" in answer ? (answer.error ?? {}) : {}) as { readonly code?: unknown };
      if (code === 429 || code === -32_005) throw unusable("it is asked too often");
    }
    return answers as (JsonRpcResult | JsonRpcError)[];
  }
}

/** What an answer to eth_getLogs says, the same for the same logs. */
function logsText(result: unknown): string {
  if (!Array.isArray(result)) return JSON.stringify(result);
  const parts = result.map((entry: unknown) => {
    const { address, topics, data, blockHash, logIndex } = (entry ?? {}) as Readonly<Record<string, unknown>>;
    return JSON.stringify([blockHash, logIndex, address, topics, data]).toLowerCase();
  });
  return parts.sort().join();
}

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : "a URL that is not valid");

const unusable = (reason: string): AssayError<"RPC_UNUSABLE"> => new AssayError("RPC_UNUSABLE", reason, { reason });
