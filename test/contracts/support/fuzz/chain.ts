import type {
  Addressable,
  ContractRunner,
  TransactionReceipt,
  TransactionRequest,
  TransactionResponse,
  TypedDataDomain,
  TypedDataField,
} from "ethers";

import type { Connection } from "../protocol.ts";

/*
 * The chain on which walks are made, as close to it as can be: a transaction is four short requests, and nothing is
 * estimated, polled or decoded that nobody asked for. A walk's length is what it costs.
 */

/** Gas of every transaction: what the most expensive of them needs, below the cap of a transaction. */
const GAS = "0xe00000";
/** More than a block of a walk ever asks for. */
const FEES = { maxFeePerGas: "0x77359400", maxPriorityFeePerGas: "0x0" };

/** What a contract said in a transaction. */
export interface Log {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
}

/** A transaction that the contracts refused. */
export class Refused extends Error {
  /** What it reverted with. */
  readonly data: string;

  constructor(data: string) {
    super(`refused with ${data}`);
    this.data = data;
  }
}

/** A call as the chain takes it. */
export interface Call {
  readonly from?: string;
  readonly to: string;
  readonly data: string;
}

const hex = (value: number): string => `0x${value.toString(16)}`;

/** A chain whose blocks are one second apart unless time is made to pass. */
export class Chain {
  readonly #connection: Connection;
  /** Time and number of the latest block. */
  time = 0;
  block = 0;
  /** Who sent the last transaction. */
  lastSender = "";
  #logs: Log[] = [];
  #senders: string[] = [];

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Learns where the chain stands. */
  async sync(): Promise<void> {
    const latest = await this.request("eth_getBlockByNumber", ["latest", false]);
    const { number, timestamp } = latest as { readonly number: string; readonly timestamp: string };
    [this.block, this.time] = [Number(number), Number(timestamp)];
    [this.#logs, this.#senders] = [[], []];
  }

  request(method: string, params: unknown[]): Promise<unknown> {
    return this.#connection.provider.request({ method, params });
  }

  /**
   * Sends a transaction in a block of its own, a second after the last.
   * @throws {Refused} when it reverts.
   */
  async send(call: Call): Promise<void> {
    const transaction = { ...call, gas: GAS };
    await this.request("evm_setNextBlockTimestamp", [++this.time]);
    const hash = await this.request("eth_sendTransaction", [{ ...transaction, ...FEES }]);
    this.block++;
    const receipt = await this.request("eth_getTransactionReceipt", [hash]);
    const { status, logs } = receipt as { readonly status: string; readonly logs: readonly Log[] };
    this.lastSender = call.from ?? "";
    this.#senders.push(this.lastSender);
    if (status === "0x1") this.#logs.push(...logs);
    // The block of a transaction that changed nothing is where it would revert again.
    else throw new Refused(await this.call(transaction));
  }

  /** What a call gives at the latest block; what it reverts with when it reverts. */
  async call(call: Call, overrides?: Readonly<Record<string, { readonly code: string }>>): Promise<string> {
    const params = [{ gas: GAS, ...call }, "latest", ...(overrides === undefined ? [] : [overrides])];
    return (await this.request("eth_call", params)) as string;
  }

  /** Mines blocks a second apart. */
  async mine(blocks: number): Promise<void> {
    await this.request("evm_setNextBlockTimestamp", [this.time + 1]);
    await this.request("hardhat_mine", [hex(blocks), "0x1"]);
    [this.block, this.time] = [this.block + blocks, this.time + blocks];
  }

  /** Mines a block at a time. */
  async passTo(time: number): Promise<void> {
    await this.request("evm_setNextBlockTimestamp", [time]);
    await this.request("evm_mine", []);
    [this.block, this.time] = [this.block + 1, time];
  }

  async hashOf(block: number): Promise<string> {
    const found = await this.request("eth_getBlockByNumber", [hex(block), false]);
    return (found as { readonly hash: string }).hash;
  }

  /** The logs since this was asked last, and who sent transactions. */
  takeLogs(): { readonly logs: readonly Log[]; readonly senders: readonly string[] } {
    const taken = { logs: this.#logs, senders: this.#senders };
    [this.#logs, this.#senders] = [[], []];
    return taken;
  }
}

interface TypedDataSigner extends Addressable {
  readonly address: string;
  signTypedData(
    domain: TypedDataDomain,
    types: Record<string, TypedDataField[]>,
    value: Record<string, unknown>,
  ): Promise<string>;
}

/** What ethers is told of a transaction: nobody in a walk asks for more. */
const DONE = { hash: "", wait: () => Promise.resolve(null as TransactionReceipt | null) };

/** An account that plays: sends through the chain, and signs. */
export class Player implements ContractRunner, Addressable {
  readonly provider = null;
  readonly address: string;
  readonly #signer: TypedDataSigner;
  readonly #chain: Chain;

  constructor(chain: Chain, signer: TypedDataSigner) {
    this.#chain = chain;
    this.#signer = signer;
    this.address = signer.address;
  }

  getAddress(): Promise<string> {
    return Promise.resolve(this.address);
  }

  /** @throws {Refused} when it reverts. */
  async sendTransaction({ to, data }: TransactionRequest): Promise<TransactionResponse> {
    await this.#chain.send({ from: this.address, to: String(to), data: data ?? "0x" });
    return DONE as unknown as TransactionResponse;
  }

  async call({ to, data }: TransactionRequest): Promise<string> {
    return this.#chain.call({ from: this.address, to: String(to), data: data ?? "0x" });
  }

  signTypedData(
    domain: TypedDataDomain,
    types: Record<string, TypedDataField[]>,
    value: Record<string, unknown>,
  ): Promise<string> {
    return this.#signer.signTypedData(domain, types, value);
  }
}
