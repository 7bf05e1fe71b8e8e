import { expect } from "chai";

import { SHIPPED } from "../../../ignition/modules/Assay.ts";
import { auditorPayoffs, FEE, operatorPayoffs, OPERATOR_PLANS, playHonestPeriods, VALUE } from "../support/payoffs.ts";
import { STAKING } from "../support/protocol.ts";

describe("Incentives at the shipped parameters", () => {
  it("are played with the shipped penalties", () => {
    for (const name of ["minimumStake", "fraudMinimum", "livenessPenalty"] as const) {
      expect(STAKING[name]).to.equal(SHIPPED.staking[name]);
    }
    // Correlated fraud costs more where it is deployed: here it costs nothing, so that one conviction is seen alone.
    expect(STAKING.correlationFactor).to.equal(0);
    // Audits may fail for a fifth of those who are drawn.
    expect(SHIPPED.market.catchBps * 5).to.equal(SHIPPED.audit.rateBps * 4);
    expect([SHIPPED.audit.bond]).to.deep.equal([SHIPPED.court.challengeBond]);
  });

  it("an operator's strictly best answer is the right one, in the case that is worst for honesty", async () => {
    const rows = await operatorPayoffs();
    expect(rows.map(({ plan }) => plan)).to.deep.equal(Object.keys(OPERATOR_PLANS));
    const [honest, ...others] = rows;
    expect(honest?.expected).to.equal(0n);
    for (const { plan, expected, unaudited } of others) {
      expect(expected < 0n, `${plan}: ${String(expected)}`).to.equal(true);
      // Without the audits some of them would pay.
      if (plan === "answers wrongly") expect(unaudited).to.be.greaterThan(VALUE);
    }
  });

  it("an auditor that executes earns; one that is silent, guesses or copies loses", async () => {
    const gains = Object.fromEntries((await auditorPayoffs()).map(({ plan, gain }) => [plan, gain]));
    expect(gains).to.deep.equal({
      executes: FEE / 2n,
      "is silent": -SHIPPED.staking.livenessPenalty,
      guesses: -SHIPPED.audit.bond,
      "copies another's commitment": -SHIPPED.audit.bond,
    });
  });

  it("with no fraud at all auditors earn what fees bring in", async () => {
    const { claims, audits, earned, gas } = await playHonestPeriods(3, 8);
    expect(claims).to.equal(24);
    const share = (FEE * BigInt(SHIPPED.market.auditBps)) / 10_000n;
    expect(earned).to.be.at.most(share * BigInt(claims));
    // An audit costs less than half a million gas, with its share of the period's seed.
    expect(gas).to.be.below(500_000n * BigInt(audits) + 3n * 100_000n);
  });
});
