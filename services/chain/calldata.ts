import { AbiCoder } from "ethers";

import { InferenceMarket__factory, QuorumMarket__factory } from "../../typechain-types/index.ts";
import type { QuorumRequestStruct } from "../../typechain-types/quorum/QuorumMarket.ts";
import type { RequestStruct } from "../../typechain-types/market/InferenceMarket.ts";

/** What generated bindings take: the same value without `readonly`. */
export type Mutable<T> = T extends Uint8Array
  ? T
  : T extends readonly (infer E)[]
    ? Mutable<E>[]
    : T extends object
      ? { -readonly [K in keyof T]: Mutable<T[K]> }
      : T;

/** A copy that generated bindings take. */
export const mutable = <T>(value: T): Mutable<T> => structuredClone(value) as Mutable<T>;

const REQUEST = InferenceMarket__factory.createInterface().getFunction("idOf").inputs;

/** abi.encode(Request): what the court takes as `terms` of a claim of the market. */
export const encodeTerms = (request: RequestStruct): string => AbiCoder.defaultAbiCoder().encode(REQUEST, [request]);

const QUORUM_REQUEST = QuorumMarket__factory.createInterface().getFunction("idOf").inputs;

/** abi.encode(QuorumRequest, seat): what the court takes as `terms` of a claim of the quorum market. */
export const encodeSeatTerms = (request: QuorumRequestStruct, seat: number): string =>
  AbiCoder.defaultAbiCoder().encode([...QUORUM_REQUEST, "uint8"], [request, seat]);
