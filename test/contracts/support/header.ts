import { type Header, headerOf as headerAt } from "../../../services/randomness/header.ts";
import type { Connection } from "./protocol.ts";

/** The header of a block, checked to hash to the block's hash. */
export const headerOf = async ({ ethers }: Connection, number: number): Promise<Header> =>
  await headerAt(ethers.provider, BigInt(number));
