import { getBytes, isHexString, keccak256, toQuantity } from "ethers";

import { AssayError } from "../../runner/errors.ts";

/** A node of a chain, asked directly: what it says is checked, not trusted. */
export interface Rpc {
  readonly send: (method: string, params: unknown[]) => Promise<unknown>;
}

/** What identifies a block. */
export interface BlockMark {
  readonly number: number;
  readonly hash: string;
}

export interface BlockHeader extends BlockMark {
  readonly parentHash: string;
  readonly logsBloom: string;
  /** Hashes of its transactions. */
  readonly transactions: readonly string[];
}

/** A log as a node gives it; the address in lower case. */
export interface ChainLog {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
  readonly block: number;
  readonly blockHash: string;
  /** Its place in the block. */
  readonly index: number;
}

/** Most blocks of one question for logs. */
const PAGE_BLOCKS = 2_000;
/** A bloom filter with more bits set than this says "perhaps" to nearly every question. */
const SPARSE_BITS = 512;

/** Reads headers, and the logs of a few addresses. */
export class BlockReader {
  readonly #rpc: Rpc;
  readonly #addresses: readonly string[];
  #pageBlocks = PAGE_BLOCKS;

  constructor(rpc: Rpc, addresses: readonly string[]) {
    this.#rpc = rpc;
    this.#addresses = addresses.map((address) => address.toLowerCase());
  }

  /** Number of the newest block that the node knows. */
  async head(): Promise<number> {
    return numberOf(await this.#rpc.send("eth_blockNumber", []), "eth_blockNumber");
  }

  /** A header; undefined when the node does not know the block. */
  async header(number: number): Promise<BlockHeader | undefined> {
    const block = await this.#rpc.send("eth_getBlockByNumber", [toQuantity(number), false]);
    if (block === null) return undefined;
    const { hash, parentHash, logsBloom, transactions, number: given } = fieldsOf(block, "a block");
    if (!isHexString(hash, 32) || !isHexString(parentHash, 32) || !Array.isArray(transactions))
      throw unusable("a block");
    if (numberOf(given, "a block") !== number) throw unusable("another block than the one that was asked for");
    // Some chains have no bloom filters.
    const bloom = isHexString(logsBloom, 256) ? logsBloom : "0x";
    return { number, hash, parentHash, logsBloom: bloom, transactions: transactions.map(String) };
  }

  /**
   * Logs of one block, asked by its hash: a node that has not seen the block says so, where one that is asked by number
   * gives an empty list. An empty list that contradicts the block's own bloom filter is checked against the receipts.
   */
  async logsAt({ hash, logsBloom, transactions }: BlockHeader): Promise<readonly ChainLog[]> {
    if (transactions.length === 0) return [];
    const logs = await this.#logs({ blockHash: hash });
    if (logs.some(({ blockHash }) => blockHash !== hash)) throw unusable("logs of another block");
    if (logs.length > 0 || !this.#bloomContradicts(logsBloom)) return logs;
    return await this.#logsInReceipts(hash, transactions);
  }

  /**
   * Logs of blocks that are deep enough to stay, from `first` on; fewer blocks than asked when the node has a limit.
   * @returns The logs, and the last block that they are of.
   */
  async logsFrom(first: number, last: number): Promise<{ readonly logs: readonly ChainLog[]; readonly last: number }> {
    for (;;) {
      const until = Math.min(last, first + this.#pageBlocks - 1);
      try {
        const logs = await this.#logs({ fromBlock: toQuantity(first), toBlock: toQuantity(until) });
        if (logs.some(({ block }) => block < first || block > until)) throw unusable("logs of other blocks");
        this.#pageBlocks = Math.min(PAGE_BLOCKS, this.#pageBlocks * 2);
        return { logs, last: until };
      } catch (error) {
        // Nodes limit blocks, logs or bytes of an answer, each with words of its own: fewer blocks help with all of them.
        if (until === first) throw error;
        this.#pageBlocks = Math.max(1, Math.floor((until - first + 1) / 2));
      }
    }
  }

  async #logs(range: Readonly<Record<string, string>>): Promise<readonly ChainLog[]> {
    const answer = await this.#rpc.send("eth_getLogs", [{ address: [...this.#addresses], ...range }]);
    if (!Array.isArray(answer)) throw unusable("eth_getLogs");
    return answer.map(logOf).filter(({ address }) => this.#addresses.includes(address));
  }

  #bloomContradicts(bloom: string): boolean {
    if (bloom === "0x") return false;
    const bytes = getBytes(bloom);
    const bits = bytes.reduce((sum, byte) => sum + bitsOf(byte), 0);
    return bits <= SPARSE_BITS && this.#addresses.some((address) => bloomHas(bytes, address));
  }

  async #logsInReceipts(hash: string, transactions: readonly string[]): Promise<readonly ChainLog[]> {
    const together = await this.#rpc.send("eth_getBlockReceipts", [hash]).catch(() => undefined);
    const receipts: unknown[] = Array.isArray(together) ? together : [];
    if (receipts.length === 0) {
      for (const id of transactions) receipts.push(await this.#rpc.send("eth_getTransactionReceipt", [id]));
    }
    if (receipts.length !== transactions.length) throw unusable("receipts of a block");
    return receipts.flatMap((receipt) => {
      const { blockHash, logs } = fieldsOf(receipt, "a receipt");
      if (blockHash !== hash || !Array.isArray(logs)) throw unusable("receipts of a block");
      return logs.map(logOf).filter(({ address }) => this.#addresses.includes(address));
    });
  }
}

function logOf(value: unknown): ChainLog {
  const { address, topics, data, blockNumber, blockHash, logIndex, removed } = fieldsOf(value, "a log");
  if (!isHexString(address, 20) || !isHexString(data) || !isHexString(blockHash, 32) || removed === true) {
    throw unusable("a log");
  }
  if (!Array.isArray(topics) || !topics.every((topic): topic is string => isHexString(topic, 32))) {
    throw unusable("a log");
  }
  const place = { block: numberOf(blockNumber, "a log"), blockHash, index: numberOf(logIndex, "a log") };
  return { address: address.toLowerCase(), topics, data, ...place };
}

function fieldsOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw unusable(what);
  return value as Readonly<Record<string, unknown>>;
}

function numberOf(value: unknown, what: string): number {
  const number = typeof value === "string" && /^0x[0-9a-f]{1,13}$/i.test(value) ? Number(value) : NaN;
  if (!Number.isSafeInteger(number)) throw unusable(what);
  return number;
}

const unusable = (what: string): AssayError<"RPC_UNUSABLE"> =>
  new AssayError("RPC_UNUSABLE", `the chain's node gave an answer that is not valid: ${what}`, { reason: what });

const bitsOf = (byte: number): number => byte.toString(2).replaceAll("0", "").length;

/** Whether a bloom filter (2,048 bits) says "perhaps" to an address: yellow paper, section 4.3.1. */
function bloomHas(bloom: Uint8Array, address: string): boolean {
  const hash = getBytes(keccak256(address));
  return [0, 2, 4].every((at) => {
    const bit = (((hash[at] ?? 0) << 8) | (hash[at + 1] ?? 0)) & 2_047;
    return ((bloom[255 - (bit >> 3)] ?? 0) & (1 << (bit & 7))) !== 0;
  });
}
