import { AbiCoder, keccak256, ZeroAddress } from "ethers";

import { SATURATION, STAKING } from "../protocol.ts";

/*
 * Places, weights and draws in the plainest way: lists, read from end to end. What contracts/staking/OperatorPools.sol does
 * with trees and words must come to the same.
 */

const WEIGHT_UNIT = 1_000_000n;
const MAX_TRIES = 24;

/** Terms of a place, in the order of the contract's struct. */
export interface PlainTerms {
  readonly minimumFee: bigint;
  readonly callbackPrice: bigint;
  readonly minimumClaimSeconds: bigint;
  readonly maximumCallbackGas: bigint;
  readonly capacity: bigint;
}

/** What a draw must find. */
export interface Wanted {
  readonly fee: bigint;
  readonly collateral: bigint;
  readonly claimSeconds: bigint;
  readonly callbackGas: bigint;
}

/** Whom a draw names; nobody when `operator` is zero. */
export interface Named {
  readonly operator: string;
  readonly stake: bigint;
  readonly capacity: bigint;
}

/** What an amount or terms were from an epoch on. */
interface Since<T> {
  readonly epoch: number;
  readonly value: T;
}

interface Place {
  operator: string;
  readonly weights: Since<bigint>[];
  terms: Since<PlainTerms>[];
  /** Epoch from which terms count that were changed last; zero for those with which it was taken. */
  changedFrom: number;
}

const at = <T>(history: readonly Since<T>[], epoch: number): T | undefined =>
  history.findLast((entry) => entry.epoch <= epoch)?.value;

/** Weight of a stake of an operator that may answer. */
export const weightOf = (stake: bigint): bigint => (stake * WEIGHT_UNIT) / STAKING.minimumStake;

/** Whether terms take a request. */
export const accepts = (terms: PlainTerms, wanted: Wanted): boolean =>
  terms.capacity !== 0n &&
  wanted.fee >= terms.minimumFee + terms.callbackPrice * wanted.callbackGas * 2n &&
  wanted.claimSeconds >= terms.minimumClaimSeconds &&
  wanted.callbackGas <= terms.maximumCallbackGas;

const abi = AbiCoder.defaultAbiCoder();

/** The places of one version. */
export class PlainPool {
  readonly #places: Place[] = [];
  /** Terms of operators that have no place yet: they are said first. */
  readonly #coming = new Map<string, Since<PlainTerms>>();

  /** An operator took a place. */
  take(index: number, operator: string): void {
    const place = this.#places[index];
    if (place?.operator === operator) return;
    const coming = this.#coming.get(operator);
    const terms = coming === undefined ? [] : [coming];
    if (place === undefined) this.#places[index] = { operator, weights: [], terms, changedFrom: 0 };
    else [place.operator, place.terms, place.changedFrom] = [operator, terms, 0];
  }

  indexOf(operator: string): number {
    return this.#places.findLastIndex((place) => place.operator === operator);
  }

  setTerms(operator: string, terms: PlainTerms, epoch: number): void {
    const since = { epoch, value: terms };
    const place = this.#places[this.indexOf(operator)];
    if (place === undefined) this.#coming.set(operator, since);
    else {
      place.terms.push(since);
      place.changedFrom = epoch;
    }
  }

  setWeight(operator: string, value: bigint, epoch: number): void {
    this.#places[this.indexOf(operator)]?.weights.push({ epoch, value });
  }

  /** Epoch from which an operator's terms count that were changed last. */
  changedFrom(operator: string): number {
    return this.#places[this.indexOf(operator)]?.changedFrom ?? 0;
  }

  /** Weight of an operator in an epoch. */
  weightAt(operator: string, epoch: number): bigint {
    return at(this.#places[this.indexOf(operator)]?.weights ?? [], epoch) ?? 0n;
  }

  /** Terms of an operator in an epoch; the first it ever had before they counted. */
  termsAt(operator: string, epoch: number): PlainTerms | undefined {
    const history = this.#places[this.indexOf(operator)]?.terms ?? [];
    return at(history, epoch) ?? history[0]?.value;
  }

  /** Operators that have more than one place. */
  doubled(): string[] {
    const operators = this.#places.map(({ operator }) => operator);
    return operators.filter((operator, i) => operators.indexOf(operator) !== i);
  }

  weightsAt(epoch: number): bigint[] {
    return this.#places.map(({ weights }) => at(weights, epoch) ?? 0n);
  }

  totalAt(epoch: number): bigint {
    return this.weightsAt(epoch).reduce((sum, weight) => sum + weight, 0n);
  }

  holdersAt(epoch: number): number {
    return this.weightsAt(epoch).filter((weight) => weight > 0n).length;
  }

  /** Whom a seed names in an epoch. */
  draw(wanted: Wanted, epoch: number, seed: string): Named {
    const nobody = { operator: ZeroAddress, stake: 0n, capacity: 0n };
    const weights = this.weightsAt(epoch);
    const total = this.totalAt(epoch);
    if (total === 0n) return nobody;
    const limit = total / BigInt(Math.min(SATURATION, this.holdersAt(epoch)));
    for (let i = 0; i < MAX_TRIES; i++) {
      const random = BigInt(keccak256(abi.encode(["bytes32", "uint256"], [seed, i])));
      let point = (random >> 128n) % total;
      const index = weights.findIndex((weight) => (point -= weight) < 0n);
      const [place, weight = 0n] = [this.#places[index], weights[index]];
      if (place === undefined) throw new Error("a point outside of all weights");
      if (weight > limit && (random & ((1n << 128n) - 1n)) % weight >= limit) continue;
      const stake = (weight * STAKING.minimumStake) / WEIGHT_UNIT;
      const terms = at(place.terms, epoch) ?? place.terms[0]?.value;
      if (terms === undefined || stake < wanted.collateral || !accepts(terms, wanted)) continue;
      return { operator: place.operator, stake, capacity: terms.capacity };
    }
    return nobody;
  }
}
