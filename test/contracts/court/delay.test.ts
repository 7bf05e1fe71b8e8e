import { expect } from "chai";

import { SHIPPED } from "../../../ignition/modules/Assay.ts";
import { keepFromFinal, keepFromVerdict } from "../support/delay.ts";

const SYBILS = 12;
const { traceWindow, answerWindow, accusationBond, challengeBond } = SHIPPED.court;

describe("One honest party against sybils, at the shipped parameters", () => {
  it("a right answer becomes final within the bound, after one dispute, and the sybils pay for it", async () => {
    const few = await keepFromFinal(1);
    const many = await keepFromFinal(SYBILS);
    expect([many.verdict, many.disputes, many.refused]).to.deep.equal(["final", 1, SYBILS - 1]);
    // The operator shows its trace at once, and the verdict is sent in the second after the last one.
    expect(many.seconds).to.equal(many.bound - traceWindow + 1);
    expect(many.seconds).to.equal(few.seconds);
    expect(many.lost - few.lost).to.equal(BigInt(SYBILS - 1) * accusationBond);
    expect(many.lost).to.be.greaterThan(challengeBond);
    expect(many.gained).to.be.greaterThan(few.gained);
  });
  it("a wrong answer is convicted within the bound, whatever its operator shows", async () => {
    const shown = await keepFromVerdict(SYBILS, "shows what it must in the last second");
    const bound = traceWindow + 3 * answerWindow + 60 * SYBILS;
    expect([shown.verdict, shown.accusations]).to.deep.equal(["convicted", SYBILS]);
    expect(shown.seconds).to.be.below(bound);
    expect(shown.gained).to.be.greaterThan(0n);
    const silent = await keepFromVerdict(SYBILS, "shows no trace");
    expect(silent.seconds).to.be.below(traceWindow + 60);
    const unanswered = await keepFromVerdict(SYBILS, "does not answer");
    expect(unanswered.seconds).to.be.below(traceWindow + answerWindow + 60 * SYBILS);
    for (const { seconds, bound: most, lost } of [shown, silent, unanswered]) {
      expect(seconds).to.be.below(most);
      expect(lost).to.be.greaterThan(SHIPPED.staking.fraudMinimum / 2n);
    }
  });
});
