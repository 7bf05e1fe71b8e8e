import { encodeRlp, isHexString, keccak256, stripZerosLeft } from "ethers";

import { AssayError } from "../../runner/errors.ts";

/** A node of a chain, asked by JSON-RPC. */
export interface Rpc {
  readonly send: (method: string, params: unknown[]) => Promise<unknown>;
}

/** Fields of a header in their order, under their names in the RPC; numbers have no leading zeroes in RLP. */
const FIELDS: readonly (readonly [name: string, kind: "bytes" | "number"])[] = [
  ["parentHash", "bytes"],
  ["sha3Uncles", "bytes"],
  ["miner", "bytes"],
  ["stateRoot", "bytes"],
  ["transactionsRoot", "bytes"],
  ["receiptsRoot", "bytes"],
  ["logsBloom", "bytes"],
  ["difficulty", "number"],
  ["number", "number"],
  ["gasLimit", "number"],
  ["gasUsed", "number"],
  ["timestamp", "number"],
  ["extraData", "bytes"],
  ["mixHash", "bytes"],
  ["nonce", "bytes"],
  ["baseFeePerGas", "number"],
  ["withdrawalsRoot", "bytes"],
  ["blobGasUsed", "number"],
  ["excessBlobGas", "number"],
  ["parentBeaconBlockRoot", "bytes"],
  ["requestsHash", "bytes"],
];

/** A header, as a contract takes it and in its parts. */
export interface Header {
  /** Fields as RLP holds them. */
  readonly fields: readonly string[];
  readonly rlp: string;
  readonly prevRandao: string;
}

const unusable = (reason: string): AssayError<"RPC_UNUSABLE"> =>
  new AssayError("RPC_UNUSABLE", `a header cannot be had: ${reason}`, { reason });

/**
 * The header of a block, of what a node tells of it. Checked to hash to the block's hash, as the node tells it: a fork
 * that adds fields is noticed here, before anybody pays for a transaction.
 * @throws AssayError RPC_UNUSABLE
 */
export async function headerOf(rpc: Rpc, number: bigint): Promise<Header> {
  const block: unknown = await rpc.send("eth_getBlockByNumber", [`0x${number.toString(16)}`, false]);
  if (typeof block !== "object" || block === null) throw unusable(`the node has no block ${String(number)}`);
  const told = block as Readonly<Record<string, unknown>>;
  const fields = FIELDS.map(([name, kind]) => {
    const value = told[name];
    if (typeof value !== "string" || !isHexString(value)) {
      throw unusable(`block ${String(number)} has no ${name}`);
    }
    return kind === "number" ? minimal(value) : value;
  });
  const rlp = encodeRlp(fields);
  if (keccak256(rlp) !== told.hash) throw unusable(`block ${String(number)} has other fields than those known here`);
  return { fields, rlp, prevRandao: fields[FIELDS.findIndex(([name]) => name === "mixHash")] ?? "" };
}

const minimal = (quantity: string): string => {
  const digits = quantity.slice(2);
  return stripZerosLeft(`0x${digits.length % 2 === 0 ? "" : "0"}${digits}`);
};
