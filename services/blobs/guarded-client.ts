import { lookup as resolveName } from "node:dns";
import { open, rename, rm } from "node:fs/promises";
import { type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { BlockList, isIP, type LookupFunction } from "node:net";

import type { Clock } from "../environment/clock.ts";
import { urlOf } from "./location.ts";

/** Whom a client may ask. */
export interface ClientPolicy {
  /** Whether addresses of this machine and of private networks may be asked: for development chains. */
  readonly privateAddresses: boolean;
  /** URL of a server that fetches ipfs:// locations. Its owner chose it: it may have a private address. */
  readonly ipfsGateway?: string | undefined;
}

/** One download. */
export interface Download {
  /** Most bytes that are read: what the commitment says the data have. */
  readonly maxBytes: number;
  /** Who wrote the URL. */
  readonly counterparty: string;
  /** Longest that all of it may take, where the usual ten seconds are too short. */
  readonly patienceMilliseconds?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Takes what was read, part by part. */
type Taker = (part: Uint8Array) => Promise<unknown> | undefined;

/** Longest that a stranger's server may take. */
const PATIENCE_MILLISECONDS = 10_000;
/** Bytes that are read for one counterparty in an hour. */
const HOURLY_BYTES = 4 * 2 ** 30;
/** How long a URL that failed is not asked again: seconds for the first time, doubled each time, and the longest. */
const REST = { first: 15, longest: 900 };
/** Failures that are remembered. */
const REMEMBERED = 10_000;

/**
 * The only way to a stranger's URL. A stranger's server may redirect to where only this machine gets, have a name that
 * leads there, never answer, never end, or send what unpacks to more than was sent: none of it is followed, every
 * download has a limit of time and bytes, and so has every counterparty.
 */
export class GuardedClient {
  readonly #clock: Clock;
  readonly #policy: ClientPolicy;
  readonly #failures = new Map<string, { readonly count: number; readonly until: number }>();
  readonly #bytes = new Map<string, number>();
  #hour = 0;

  constructor(clock: Clock, policy: ClientPolicy) {
    this.#clock = clock;
    this.#policy = policy;
  }

  /** @throws Error with the reason in words. */
  async get(url: string, download: Download): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    await this.#guarded(url, download, (part) => {
      parts.push(part);
      return undefined;
    });
    return Buffer.concat(parts);
  }

  /** Downloads to a file, which is there only when it is whole. @throws Error with the reason in words. */
  async save(url: string, path: string, download: Download): Promise<void> {
    const draft = `${path}.part`;
    try {
      const file = await open(draft, "w");
      try {
        await this.#guarded(url, download, (part) => file.write(part));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, path);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  }

  async #guarded(location: string, download: Download, take: Taker): Promise<void> {
    const url = urlOf(location, this.#policy.ipfsGateway);
    const parsed = URL.canParse(url) ? new URL(url) : undefined;
    if (parsed?.protocol !== "http:" && parsed?.protocol !== "https:")
      throw new Error("only http and https are fetched");
    this.#expectBudget(download.counterparty);
    const failure = this.#failures.get(url);
    if (failure !== undefined && this.#clock.now() < failure.until) {
      throw new Error(
        `it failed ${String(failure.count)} times; it is not asked again before ${String(failure.until)}`,
      );
    }
    try {
      await this.#download(parsed, url !== location, download, take);
      this.#failures.delete(url);
    } catch (error) {
      if (download.signal?.aborted !== true) this.failed(url);
      throw error;
    }
  }

  /** What a URL gave was of no use. */
  failed(url: string): void {
    const count = (this.#failures.get(url)?.count ?? 0) + 1;
    this.#failures.delete(url);
    this.#failures.set(url, {
      count,
      until: this.#clock.now() + Math.min(REST.longest, REST.first * 2 ** (count - 1)),
    });
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= REMEMBERED) break;
      this.#failures.delete(oldest);
    }
  }

  #expectBudget(counterparty: string): void {
    const hour = Math.floor(this.#clock.now() / 3_600);
    if (hour !== this.#hour) this.#bytes.clear();
    this.#hour = hour;
    if ((this.#bytes.get(counterparty) ?? 0) > HOURLY_BYTES) throw new Error(`${counterparty} has used up its bytes`);
  }

  async #download(
    url: URL,
    trusted: boolean,
    { maxBytes, counterparty, patienceMilliseconds = PATIENCE_MILLISECONDS, signal }: Download,
    take: Taker,
  ): Promise<void> {
    const guard = this.#policy.privateAddresses || trusted ? undefined : guardedLookup;
    const host = url.hostname.replace(/^\[|\]$/g, "");
    if (guard !== undefined && isIP(host) !== 0 && isPrivate(host)) throw new Error(`${host} is a private address`);
    const deadline = this.#clock.deadline(patienceMilliseconds);
    const given = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
    const response = await answerOf(url, given, guard);
    try {
      const { statusCode = 0, headers } = response;
      if (statusCode !== 200) throw new Error(`the server said ${String(statusCode)}`);
      const encoding = headers["content-encoding"] ?? "identity";
      if (encoding !== "identity") throw new Error(`it is encoded as ${encoding}, which was not asked for`);
      const tooLarge = `it is larger than ${String(maxBytes)} bytes`;
      if (Number(headers["content-length"] ?? 0) > maxBytes) throw new Error(tooLarge);
      let size = 0;
      for await (const part of response as AsyncIterable<Uint8Array>) {
        size += part.length;
        this.#bytes.set(counterparty, (this.#bytes.get(counterparty) ?? 0) + part.length);
        if (size > maxBytes) throw new Error(tooLarge);
        await take(part);
      }
      if (!response.complete) throw new Error("the server broke off");
    } finally {
      response.destroy();
    }
  }
}

async function answerOf(url: URL, signal: AbortSignal, lookup: LookupFunction | undefined): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => {
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    const asked: ClientRequest = send(url, {
      agent: false,
      headers: { "accept-encoding": "identity" },
      signal,
      ...(lookup === undefined ? {} : { lookup }),
    });
    asked.once("response", resolve);
    asked.once("error", reject);
    asked.end();
  });
}

/** Resolves a name and refuses it when it leads to a private address: the address that was checked is the one that is used. */
const guardedLookup: LookupFunction = (name, options, callback) => {
  resolveName(name, { ...options, all: true }, (error, addresses) => {
    const refused = error === null ? addresses.find(({ address }) => isPrivate(address)) : undefined;
    if (refused !== undefined) callback(new Error(`${name} leads to ${refused.address}, a private address`), "", 0);
    else if (error !== null) callback(error, "", 0);
    else if (options.all === true) callback(null, addresses);
    else callback(null, addresses[0]?.address ?? "", addresses[0]?.family ?? 0);
  });
};

/**
 * Special-purpose addresses: RFC 6890 and its successors. One list for each version: a list takes addresses of version 4 for
 * addresses of version 6 as well.
 */
const PRIVATE = { 4: new BlockList(), 6: new BlockList() };
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
] as const) {
  PRIVATE[4].addSubnet(network, prefix, "ipv4");
}
// Global unicast is 2000::/3: everything else is special, and so are these parts of it.
for (const [network, prefix] of [
  ["::", 3],
  ["4000::", 2],
  ["8000::", 1],
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
] as const) {
  PRIVATE[6].addSubnet(network, prefix, "ipv6");
}

/** Whether an address is not one of the public internet. */
export const isPrivate = (address: string): boolean =>
  isIP(address) === 6 ? PRIVATE[6].check(address, "ipv6") : PRIVATE[4].check(address, "ipv4");
