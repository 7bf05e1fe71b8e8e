import { SHIPPED } from "../../ignition/modules/Assay.ts";
import { type Audited, deployAudited, ethers, networkHelpers } from "../../test/contracts/support/audit.ts";
import {
  AUDITOR_PLANS,
  type AuditorPlan,
  operatorPayoffs,
  type Payoff,
  playAuditor,
  playGriefer,
} from "../../test/contracts/support/payoffs.ts";
import { collateralOf, type Point, rulesAt } from "./points.ts";

/** What was found at a point. */
export interface Played {
  /** "played", or why no request can be made there. */
  readonly outcome: string;
  readonly fee: bigint;
  readonly collateral: bigint;
  readonly rateBps: number;
  readonly bond: bigint;
  readonly operators: readonly Payoff[];
  readonly auditors: readonly { readonly plan: AuditorPlan; readonly gain: bigint }[];
  /** What disputing a right answer brings. */
  readonly griefer: bigint;
  /** Why honesty is not strictly best. */
  readonly faults: readonly string[];
}

const nothing = { operators: [], auditors: [], griefer: 0n, faults: [], collateral: 0n, fee: 0n };

/** Plays all strategies at a point, on contracts that are deployed with its parameters. */
export async function playPoint(point: Point): Promise<Played> {
  const { stakes, ...rules } = rulesAt(point);
  const base = { ...nothing, rateBps: rules.audit.rateBps, bond: rules.audit.bond };
  if (stakes === undefined) return { ...base, outcome: "no fee pays for the stake that it locks" };
  const collateral = collateralOf(point.knobs, stakes.valueAtRisk + stakes.fee);
  if (collateral >= 2n ** 96n) return { ...base, outcome: "the collateral has no room in its word" };
  const most = [collateral, rules.staking.fraudMinimum, rules.audit.bond, stakes.fee, rules.court.challengeBond];
  const stake = 4n * most.reduce((a, b) => (a > b ? a : b)) + 4n * rules.staking.minimumStake;
  // Each point has a function of its own, by which its snapshot is found again. The token of testnets mints too little.
  const fixture = async (): Promise<Audited> => {
    const token = await ethers.deployContract("TokenMock");
    return deployAudited(await token.getAddress(), { ...rules, stake });
  };
  const operators = await operatorPayoffs(fixture, { market: { ...SHIPPED.market, ...rules.market } }, stakes);
  const auditors = [];
  for (const plan of AUDITOR_PLANS) {
    const stage = await networkHelpers.loadFixture(fixture);
    auditors.push({ plan, gain: await playAuditor(stage, plan, stakes, { answersBefore: 1 }) });
  }
  const griefer = await playGriefer(await networkHelpers.loadFixture(fixture), stakes);
  networkHelpers.clearSnapshots();
  const found = { ...base, operators, auditors, griefer, collateral, fee: stakes.fee };
  return { ...found, outcome: "played", faults: faultsOf(found) };
}

/** Strategies that pay as much as honesty, or more. */
function faultsOf({ operators, auditors, griefer }: Pick<Played, "operators" | "auditors" | "griefer">): string[] {
  const [honest, ...others] = operators;
  const better = others.filter(({ expected }) => expected >= (honest?.expected ?? 0n)).map(({ plan }) => plan);
  const [works, ...idle] = auditors;
  const richer = idle
    .filter(({ gain }) => gain >= 0n || gain >= (works?.gain ?? 0n))
    .map(({ plan }) => `auditor: ${plan}`);
  if ((works?.gain ?? 0n) < 0n) richer.push("auditor: executes and loses");
  if (griefer >= 0n) richer.push("watcher: disputes a right answer");
  return [...better, ...richer];
}
