import { expect } from "chai";
import { parseEther, ZeroAddress } from "ethers";

import { DAY, EVIDENCE, open, OUTPUT, rootOfF32 } from "../support/protocol.ts";
import {
  besiege,
  namedBySeeds,
  namedFor,
  openCrowd,
  openDecoys,
  rejectOutcomes,
  spendDecoys,
  type Stage,
  TWELVE,
} from "../support/steering.ts";

const DRAWS = 10_000;
const DECOYS = 40;
const FAIR = 1 / 12;

/* `npm run docs:steering` plays the same with more draws, and writes docs/steering.md. */

describe("Steering of draws, by one of twelve equal operators with forty decoys", () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await openCrowd(TWELVE);
  });
  const differences = (a: Uint8Array, b: Uint8Array): number => a.filter((who, i) => who !== b[i]).length;

  it(`gives it its fair share of ${DRAWS.toLocaleString("en")} seeds, within 1 %`, async () => {
    const { share } = await namedBySeeds(stage, DRAWS);
    expect(Math.abs(share - FAIR) <= 0.01, String(share)).to.equal(true);
  });
  it("changes the outcome of no seed when the decoys lock stake after the commitment", async () => {
    const decoys = await openDecoys(stage, DECOYS);
    const before = await namedBySeeds(stage, DRAWS);
    expect(await spendDecoys(stage, decoys)).to.be.at.least(8);
    const after = await namedBySeeds(stage, DRAWS, before.terms);
    expect(differences(before.named, after.named)).to.equal(0);
  });
  it("gives it its fair share of seeds when the decoys locked stake before the commitment", async () => {
    expect(await spendDecoys(stage, await openDecoys(stage, DECOYS))).to.be.at.least(8);
    await stage.networkHelpers.time.increase(3_600);
    const { share, named } = await namedBySeeds(stage, DRAWS);
    expect(Math.abs(share - FAIR) <= 0.01, String(share)).to.equal(true);
    expect(named.filter((who) => who === 2)).to.have.length(0);
  });
  it("lets it reject an outcome whose operator it locks first, at a fee for each", async () => {
    const { won, draws, locks, paid } = await rejectOutcomes(stage, DECOYS, 120, 7);
    expect(draws).to.be.at.least(locks);
    if (won) expect(draws).to.be.above(locks);
    expect(paid).to.be.at.least(BigInt(locks) * parseEther("1"));
  });
  it("lets it shut the others out for a week, at 1.4 % of their stake and more", async () => {
    const { locks, paid, victims, won } = await besiege(stage);
    expect([locks, victims, won]).to.deep.equal([11, 6, 6]);
    expect(paid).to.be.at.least((parseEther("900") * 11n * 14n) / 1_000n + parseEther("11"));
  });
});

describe("A named operator whose stake is in use", () => {
  it("can free it after the seed and be drawn, or leave it to a new draw; whom the seed names does not change", async () => {
    const stage = await openCrowd({ honest: 0, stake: parseEther("1000") });
    const { protocol, attacker, networkHelpers } = stage;
    const { market } = protocol;
    const [own] = await openDecoys(stage, 1);
    if (own === undefined) throw new Error("no request");
    expect(await spendDecoys(stage, [own])).to.equal(1);
    await market.connect(attacker).claim(own.request, OUTPUT, rootOfF32(OUTPUT), "", EVIDENCE);
    await networkHelpers.time.increase(8 * DAY);
    const victim = await open(protocol);
    await networkHelpers.mine(3);
    const named = await namedFor(stage, victim);
    expect(named).to.equal(attacker.address);
    expect(await market.assign.staticCall(victim.request)).to.equal(ZeroAddress);
    await market.finalise(own.request, "0x");
    expect(await namedFor(stage, victim)).to.equal(named);
    expect(await market.assign.staticCall(victim.request)).to.equal(attacker.address);
  });
});
