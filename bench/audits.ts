import { formatEther } from "ethers";

import { SHIPPED } from "../ignition/modules/Assay.ts";
import {
  auditorPayoffs,
  FEE,
  type Income,
  operatorPayoffs,
  playHonestPeriods,
  VALUE,
} from "../test/contracts/support/payoffs.ts";

/*
 * Prints what each strategy of operators and auditors earns at the shipped parameters, and what audits bring when nobody
 * cheats. All of it is played on the contracts.
 */

const PERIODS = 12;
const CLAIMS = 8;

/** What is assumed of the world outside: prices in dollars, gas in gwei. */
const WORLDS = [
  { name: "a rollup", gasPrice: 0.02 },
  { name: "a rollup, busy", gasPrice: 0.2 },
  { name: "Ethereum, quiet", gasPrice: 0.5 },
  { name: "Ethereum, busy", gasPrice: 5 },
] as const;
const ETHER = 3_000;
const TOKEN = 1;
/** What one execution of the model costs. */
const COMPUTE = 0.1;

const tokens = (amount: bigint): string => Number(formatEther(amount)).toFixed(1).padStart(10);
const dollars = (amount: number): string => amount.toFixed(2).padStart(8);
const { market, audit, staking } = SHIPPED;
const percent = (bps: number): string => `${String(bps / 100)} %`;

console.log(
  `Value at risk ${formatEther(VALUE)}, fee ${formatEther(FEE)}; ${percent(audit.rateBps)} of the answers are audited,`,
);
console.log(`${percent(market.catchBps)} count as caught; ${percent(market.auditBps)} of each fee pays audits.\n`);

console.log(
  "Operators (work costs all that a right answer earns; a wrong one gains the value even if it is convicted)",
);
console.log(`  ${"strategy".padEnd(46)}  unaudited    audited   expected`);
for (const { plan, unaudited, audited, expected } of await operatorPayoffs()) {
  console.log(`  ${plan.padEnd(46)} ${tokens(unaudited)} ${tokens(audited)} ${tokens(expected)}`);
}

console.log(
  `\nAuditors, for one audit (penalty for silence ${formatEther(staking.livenessPenalty)}, bond ${formatEther(audit.bond)})`,
);
for (const { plan, gain } of await auditorPayoffs()) console.log(`  ${plan.padEnd(46)} ${tokens(gain)}`);

const income: Income = await playHonestPeriods(PERIODS, CLAIMS);
const { claims, audits, earned, gas } = income;
const share = (FEE * BigInt(market.auditBps)) / 10_000n;
console.log(
  `\nNobody cheats: ${String(claims)} answers in ${String(PERIODS)} periods of ${String(audit.periodSeconds / 60)} minutes, three holders`,
);
console.log(`  audits           ${String(audits)}`);
console.log(`  earned           ${formatEther(earned)} tokens (fees brought ${formatEther(share * BigInt(claims))})`);
const gasEach = audits === 0 ? 0n : gas / BigInt(audits);
console.log(`  gas an audit     ${gasEach.toLocaleString("en")} (with its share of the seeds)`);

const reward = Number(formatEther(FEE)) * (market.auditBps / audit.rateBps);
console.log(
  `\nIncome of an auditor for one audit, with the token at $${String(TOKEN)}, ether at $${String(ETHER)}, an execution at $${String(COMPUTE)}`,
);
console.log(`  ${"where".padEnd(18)} gwei     earned      gas  compute     left  least fee that pays (tokens)`);
for (const { name, gasPrice } of WORLDS) {
  const cost = Number(gasEach) * gasPrice * 1e-9 * ETHER;
  const least = ((cost + COMPUTE) / TOKEN) * (audit.rateBps / market.auditBps);
  const cells = [reward * TOKEN, cost, COMPUTE, reward * TOKEN - cost - COMPUTE].map(dollars).join(" ");
  console.log(`  ${name.padEnd(18)} ${String(gasPrice).padEnd(5)} ${cells}  ${least.toFixed(2)}`);
}
// A watcher that executes every answer, as one of so many holders: it audits its part of the rate.
const perAnswer = (holders: number): number => ((reward * audit.rateBps) / 10_000 / holders) * TOKEN;
console.log(
  `\nA watcher that executes every answer at $${String(COMPUTE)}, and is one of n holders (gas at ${String(WORLDS[0].gasPrice)} gwei)`,
);
for (const holders of [3, 10, 20]) {
  const gasShare = (Number(gasEach) * WORLDS[0].gasPrice * 1e-9 * ETHER * audit.rateBps) / 10_000 / holders;
  const left = perAnswer(holders) - gasShare - COMPUTE;
  console.log(
    `  n = ${String(holders).padEnd(3)} earns ${dollars(perAnswer(holders))} an answer, ${dollars(left)} after gas and compute`,
  );
}
