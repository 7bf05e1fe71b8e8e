import { formatEther } from "ethers";

import { EPOCH_SECONDS, SHIPPED } from "../../ignition/modules/Assay.ts";

/*
 * The parameters of the deployment as the model takes them, and what it assumes of the world.
 */

const tokens = (amount: bigint): number => Number(formatEther(amount));
const BPS = 10_000;
const DAY = 86_400;
const { staking, market, audit, court } = SHIPPED;

/** Of the default deployment: ignition/modules/Assay.ts. Shares of penalties and the saturation are constants there. */
export const RULES = {
  minimumStake: tokens(staking.minimumStake),
  fraudMinimum: tokens(staking.fraudMinimum),
  correlationFactor: staking.correlationFactor,
  unbondingDays: staking.unbondingSeconds / DAY,
  minimumFee: tokens(market.minimumFee),
  lockFeeShare: market.lockFeeBps / BPS,
  minimumCollateral: tokens(market.minimumCollateral),
  catchShare: market.catchBps / BPS,
  auditShare: market.auditBps / BPS,
  rate: audit.rateBps / BPS,
  challengeBond: tokens(court.challengeBond),
  epochSeconds: EPOCH_SECONDS,
  saturation: 10,
  accuserShare: 0.25,
  returned: 0.5,
  /** A claim, a window of seven days and a stage of a day. */
  longestLockDays: 8,
} as const;

/** What is assumed. Prices are dollars. */
export const ASSUMED = {
  price: 1,
  priceWalk: 0.04,
  /** Dollars for a million gas: 0.02 gwei with ether at 3,000. */
  gas: 0.06,
  gasWalk: 0.12,
  gasReturn: 0.02,
  requests: 400,
  demandWalk: 0.03,
  growth: 0.0006,
  /** Median value at risk of a request. */
  value: 40,
  compute: 0.1,
  /** A requester pays at least so many times what an execution costs. */
  margin: 5,
  operators: 20,
  comingADay: 0.12,
  /** Yearly yield at which somebody new comes as often as usual. */
  wanted: 0.15,
  /** Chance a day that somebody leaves who loses money; others leave at a twentieth of it. */
  leaving: 0.01,
  reinvested: 0.5,
  /** Dollars a day that a place costs, whatever its stake. */
  place: 4,
  mergersADay: 0.02,
  /** Part of the draws of two that their merger must keep. */
  mergerLoss: 0.98,
  providers: 8,
  /** How much more a provider draws that others have: count to this power. */
  herd: 1.2,
  faultsADay: 1 / 300,
  /** Part of the operators that cheat where it pays. */
  tempted: 0.15,
  /** What a wrong answer is worth to whoever gives it, of the value at risk. */
  worthOfLie: 0.5,
  liesADay: 5,
  /** Part of all answers that somebody checks without being asked to. */
  goodwill: 0.01,
  /** Part of those drawn to audit who do their work and are no friends of the operator. */
  ableAuditors: 0.8,
  auditGas: 480_000,
} as const;

/** What is on. */
export interface Mechanisms {
  readonly saturation: boolean;
  readonly audits: boolean;
  readonly lockPrice: boolean;
  readonly correlation: boolean;
}

/** A price is never less. */
export const TOKEN_DIGITS = 1e-3;

export const collateralFor = (value: number, fee: number): number =>
  Math.max(RULES.minimumCollateral, (value + fee) / (RULES.catchShare * (1 - RULES.returned)));

/** The fee that pays for its own lock of a day. */
export function leastFeeFor(value: number, lockPrice: boolean): number {
  const { minimumFee, lockFeeShare } = RULES;
  let fee = minimumFee;
  for (let i = 0; lockPrice && i < 20; i++) fee = minimumFee + collateralFor(value, fee) * lockFeeShare;
  return fee;
}

/** The part of a fee for audits. */
export const shareOf = (fee: number): number => fee * RULES.auditShare;
