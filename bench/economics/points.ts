import { parseEther } from "ethers";

import { SHIPPED } from "../../ignition/modules/Assay.ts";
import type { Random } from "../../runner/machine/prng.ts";
import { STAKING } from "../../test/contracts/support/protocol.ts";

/*
 * Points of the parameters that the constructors accept. Amounts count in tokens against a least stake of 1,000, which is
 * the unit of everything: another least stake is another name for the token.
 */

const WEI = 1n;
const BPS = 10_000;
const STAKE = SHIPPED.staking.minimumStake;

/** What decides who earns what. */
export interface Knobs {
  readonly minimumFee: bigint;
  readonly lockFeeBps: number;
  readonly minimumCollateral: bigint;
  readonly catchBps: number;
  readonly auditBps: number;
  /** How far the rate of audits is above `catchBps`, of all that it can be. */
  readonly rateAbove: number;
  /** Of an audit. */
  readonly bond: bigint;
  readonly challengeBond: bigint;
  readonly burnBps: number;
  readonly livenessPenalty: bigint;
  readonly fraudMinimum: bigint;
  readonly correlationFactor: number;
  readonly valueAtRisk: bigint;
  /** What is paid above the least fee. */
  readonly extraFee: bigint;
}

export interface Point {
  readonly name: string;
  readonly knobs: Knobs;
}

/**
 * Ends of the ranges. Where a type is the only limit, an end is a number far beyond what anybody would choose. `bond` begins
 * at the penalty for silence, see AuditDesk; it is raised to that where it is below.
 */
const ENDS: { readonly [K in keyof Knobs]: readonly [Knobs[K], Knobs[K]] } = {
  minimumFee: [WEI, parseEther("100")],
  lockFeeBps: [1, 1_000],
  minimumCollateral: [WEI, STAKE],
  catchBps: [1, BPS],
  auditBps: [1, 2_500],
  rateAbove: [0, 1],
  bond: [WEI, parseEther("10000")],
  challengeBond: [WEI, parseEther("10000")],
  burnBps: [0, BPS],
  livenessPenalty: [WEI, STAKE],
  fraudMinimum: [0n, parseEther("100000")],
  correlationFactor: [0, 255],
  valueAtRisk: [0n, parseEther("10000")],
  extraFee: [0n, parseEther("1000")],
};

export const SHIPPED_POINT: Point = {
  name: "default deployment",
  knobs: {
    ...SHIPPED.market,
    ...SHIPPED.staking,
    ...{ rateAbove: (SHIPPED.audit.rateBps - SHIPPED.market.catchBps) / (BPS - SHIPPED.market.catchBps) },
    ...{ bond: SHIPPED.audit.bond, challengeBond: SHIPPED.court.challengeBond, burnBps: SHIPPED.court.burnBps },
    ...{ valueAtRisk: parseEther("80"), extraFee: parseEther("15") },
  },
};

/** Parameters that are amounts, and those that are plain numbers. */
type Amounts = { [K in keyof Knobs]: Knobs[K] extends bigint ? K : never }[keyof Knobs];
type Numbers = Exclude<keyof Knobs, Amounts>;

/** All parameters, each chosen by itself, in one order. */
const chosen = (amount: (name: Amounts) => bigint, number: (name: Numbers) => number): Knobs => ({
  minimumFee: amount("minimumFee"),
  lockFeeBps: number("lockFeeBps"),
  minimumCollateral: amount("minimumCollateral"),
  catchBps: number("catchBps"),
  auditBps: number("auditBps"),
  rateAbove: number("rateAbove"),
  bond: amount("bond"),
  challengeBond: amount("challengeBond"),
  burnBps: number("burnBps"),
  livenessPenalty: amount("livenessPenalty"),
  fraudMinimum: amount("fraudMinimum"),
  correlationFactor: number("correlationFactor"),
  valueAtRisk: amount("valueAtRisk"),
  extraFee: amount("extraFee"),
});

/** Points where every parameter is at an end of its range. */
export function cornersOf(random: Random, count: number): readonly Point[] {
  return Array.from({ length: count }, (_, i) => {
    const bits: number[] = [];
    const end = <T>([low, high]: readonly [T, T]): T => {
      bits.push(random.below(2));
      return bits.at(-1) === 0 ? low : high;
    };
    const knobs = chosen(
      (name) => end(ENDS[name]),
      (name) => end(ENDS[name]),
    );
    return { name: `corner ${String(i + 1)} (${bits.join("")})`, knobs };
  });
}

/** The least amount whose logarithm is tried. */
const SMALL = 1e15;

/** Points anywhere inside: amounts and shares by their logarithm, so that small ones are tried as often as large ones. */
export function insideOf(random: Random, count: number): readonly Point[] {
  const part = (): number => random.u32() / 2 ** 32;
  const between = (low: number, high: number): number => low * (high / low) ** part();
  return Array.from({ length: count }, (_, i) => ({
    name: `inside ${String(i + 1)}`,
    knobs: chosen(
      (name) => BigInt(Math.floor(between(Number(ENDS[name][0]) || SMALL, Number(ENDS[name][1])))),
      (name) => (name === "rateAbove" ? part() : Math.floor(between(Math.max(1, ENDS[name][0]), ENDS[name][1] + 1))),
    ),
  }));
}

/** The parameters of all contracts at a point, and the stakes of the request that is played. */
export function rulesAt({ knobs }: Point) {
  const { minimumFee, lockFeeBps, minimumCollateral, catchBps, auditBps, rateAbove, challengeBond, burnBps } = knobs;
  const { livenessPenalty, fraudMinimum, correlationFactor, valueAtRisk, extraFee } = knobs;
  const bond = knobs.bond < livenessPenalty ? livenessPenalty : knobs.bond;
  const rateBps = catchBps + Math.round(rateAbove * (BPS - catchBps));
  const least = leastFee(knobs);
  return {
    staking: { ...STAKING, livenessPenalty, fraudMinimum, correlationFactor },
    market: { ...SHIPPED.market, minimumFee, lockFeeBps, minimumCollateral, catchBps, auditBps },
    audit: { ...SHIPPED.audit, rateBps, bond },
    court: { ...SHIPPED.court, challengeBond, burnBps },
    stakes: least === undefined ? undefined : { fee: least + extraFee * 2n, valueAtRisk },
  };
}

const LOCK_SECONDS = 86_400n;
const HALF = 5_000n;

/** Collateral for a value and a fee, as the market has it. */
export function collateralOf({ catchBps, minimumCollateral }: Knobs, together: bigint): bigint {
  const wanted = (together * BigInt(BPS * BPS)) / (BigInt(catchBps) * HALF) + 1n;
  return wanted > minimumCollateral ? wanted : minimumCollateral;
}

/** A fee that pays for the stake that it locks itself; none when each token of fee locks more than it pays for. */
function leastFee(knobs: Knobs): bigint | undefined {
  const { minimumFee, lockFeeBps, valueAtRisk, extraFee } = knobs;
  // The request's own times are less than a day, and a day is the least that is charged.
  let fee = minimumFee;
  for (let i = 0; i < 10_000; i++) {
    const collateral = collateralOf(knobs, valueAtRisk + fee + extraFee * 2n);
    const next = minimumFee + (collateral * BigInt(lockFeeBps) * LOCK_SECONDS) / (BigInt(BPS) * LOCK_SECONDS) + 1n;
    if (next <= fee) return fee;
    fee = next;
    if (fee > parseEther("10000000")) return undefined;
  }
  return undefined;
}
