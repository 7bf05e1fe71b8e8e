import { expect } from "chai";

import { deployReader, History, type Tally } from "../support/vault-history.ts";
import { emptyVault, networkHelpers } from "../support/vault.ts";

/** Histories and their length: more with ASSAY_FUZZ; the seed of the first is ASSAY_SEED. */
const HISTORIES = Math.max(40, Number(process.env.ASSAY_FUZZ ?? 0));
const STEPS = 40;
const FIRST_SEED = Number(process.env.ASSAY_SEED ?? 1);
/** How often each move must happen in all histories together. */
const OFTEN = Math.floor(HISTORIES / 10);

const stage = async () => ({ protocol: await emptyVault(), reader: await deployReader() });

describe("DelegationVault", () => {
  describe(`given ${HISTORIES} random histories of ${STEPS} moves (seed ${FIRST_SEED})`, () => {
    const tally: Tally = new Map();
    const wrong: string[] = [];
    let [most, ended, woundDown] = [0n, 0, 0];

    before(async () => {
      for (let seed = FIRST_SEED; seed < FIRST_SEED + HISTORIES && wrong.length === 0; seed++) {
        const { protocol, reader } = await networkHelpers.loadFixture(stage);
        const history = new History(protocol, reader, seed, tally);
        try {
          await history.start();
          await history.walk(STEPS);
          await history.end();
          ended++;
          if (history.remainder === undefined) continue;
          woundDown++;
          if (history.remainder > most) most = history.remainder;
        } catch (error) {
          wrong.push(`seed ${seed}: ${String(error)}\n${history.story.join("\n")}`);
        }
      }
    });

    it("pays nobody more than its part to a unit, as the model says, and lets the last one out", () => {
      expect(wrong.join("\n\n")).to.equal("");
      expect(ended).to.equal(HISTORIES);
    });
    it("makes every move often", () => {
      expect(Object.fromEntries([...tally].filter(([, count]) => count < OFTEN))).to.deep.equal({});
      expect(tally.size).to.equal(15);
    });
    it("pays out all but what rounding leaves where it winds down, in one history of ten at least", () => {
      expect(woundDown).to.be.greaterThan(HISTORIES / 10);
      expect(most).to.be.lessThan(10n);
    });
  });
});
