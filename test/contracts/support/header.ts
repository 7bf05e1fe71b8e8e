import { encodeRlp, keccak256, stripZerosLeft } from "ethers";

import type { Connection } from "./protocol.ts";

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

const minimal = (quantity: string): string => {
  const digits = quantity.slice(2);
  return stripZerosLeft(`0x${digits.length % 2 === 0 ? "" : "0"}${digits}`);
};

export interface Header {
  /** Fields as RLP holds them. */
  readonly fields: readonly string[];
  readonly rlp: string;
  readonly prevRandao: string;
}

/** The header of a block, from what a node tells of it; checked to hash to the block's hash. */
export async function headerOf({ ethers }: Connection, number: number): Promise<Header> {
  const block = (await ethers.provider.send("eth_getBlockByNumber", [`0x${number.toString(16)}`, false])) as Record<
    string,
    string
  >;
  const fields = FIELDS.map(([name, kind]) => {
    const value = block[name];
    if (value === undefined) throw new RangeError(`block ${number} has no ${name}`);
    return kind === "number" ? minimal(value) : value;
  });
  const rlp = encodeRlp(fields);
  if (keccak256(rlp) !== block.hash) throw new RangeError(`block ${number} has other fields than expected`);
  return { fields, rlp, prevRandao: block.mixHash ?? "" };
}
