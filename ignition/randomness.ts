import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";

import { QUICKNET } from "../runner/randomness/drand.ts";
import type { RandomnessSource } from "./source.ts";

type Builder = Parameters<Parameters<typeof buildModule>[1]>[0];

/** Where the seeds of draws come from, and the contract of each source, which says what its strongest party can do. */
export const RANDOMNESS_CONTRACTS = {
  drand: "DrandRandomness",
  randao: "RandaoRandomness",
  local: "LocalBlockRandomness",
} as const;

export type { RandomnessSource };

/** Default of `DrandRandomness`: what DrandRandomness.sol says about Ethereum. */
export const MARGIN_SECONDS = 60;
/** Default of `RandaoRandomness`: four epochs of the beacon chain, as EIP-4399 advises. Proposers are known for two at most. */
export const DELAY_BLOCKS = 128;

/** A module of one source. Its id is the contract's name, and so is the key of its parameters. */
const moduleOf = (source: RandomnessSource, argumentsOf: (m: Builder) => ReturnType<Builder["getParameter"]>[]) => {
  const name: string = RANDOMNESS_CONTRACTS[source];
  return buildModule(name, (m) => ({ randomness: m.contract(name, argumentsOf(m)) }));
};

/**
 * A module for each source. Parameters: of `DrandRandomness` the beacon (`publicKey`, `genesisTime`, `periodSeconds`;
 * default quicknet) and `marginSeconds`, of `RandaoRandomness` `delayBlocks`. The contracts say how to choose margin and
 * delay. Both must be shorter than an epoch of the pools: a draw counts until the end of the epoch after its own.
 */
export const RANDOMNESS_MODULES = {
  drand: moduleOf("drand", (m) => [
    m.getParameter("publicKey", QUICKNET.publicKey),
    m.getParameter("genesisTime", QUICKNET.genesisTime),
    m.getParameter("periodSeconds", QUICKNET.periodSeconds),
    m.getParameter("marginSeconds", MARGIN_SECONDS),
  ]),
  randao: moduleOf("randao", (m) => [m.getParameter("delayBlocks", DELAY_BLOCKS)]),
  local: moduleOf("local", () => []),
};
