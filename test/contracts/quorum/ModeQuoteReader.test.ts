import { expect } from "chai";
import { parseEther } from "ethers";

import { OPTIMISTIC, policyOf, useFixture } from "../support/protocol.ts";
import { connection, deployQuorum, ethers, openQuorum } from "../support/quorum.ts";

const deployed = async () => {
  const stage = await deployQuorum();
  const quotes = await ethers.deployContract("QuoteReader", [stage.market]);
  return { ...stage, modes: await ethers.deployContract("ModeQuoteReader", [quotes, stage.quorums]) };
};

describe("ModeQuoteReader", () => {
  const stage = useFixture(connection, deployed);
  const common = () => ({ versionId: stage.versionId, policy: policyOf(OPTIMISTIC), valueAtRisk: parseEther("40") });
  const single = () => ({ ...common(), claimSeconds: 600, windowSeconds: 3_600, callbackGas: 0 });
  const quorum = () => ({
    ...common(),
    ...{ seats: 5, threshold: 3, openSeconds: 600, commitSeconds: 600, revealSeconds: 300, windowSeconds: 3_600 },
  });

  it("gives price and time of one operator and of a quorum side by side", async () => {
    const { market, quorums, modes } = stage;
    const [one, five] = await modes.quote([single()], [quorum()]);
    if (one === undefined || five === undefined) throw new Error("a quote is missing");
    expect(one.collateral).to.equal(await market.collateralFor(parseEther("40"), one.fee));
    expect([one.answerSeconds, one.finalSeconds]).to.deep.equal([600n, 4_200n]);
    expect(five.collateral).to.equal(5n * (await quorums.collateralFor(parseEther("40"), five.fee / 5n, 5, 3)));
    expect([five.answerSeconds, five.finalSeconds]).to.deep.equal([900n, 4_500n]);
  });
  it("names the least fee that the quorum market takes", async () => {
    const [quoted] = await stage.modes.quote([], [quorum()]);
    const fee = (quoted?.fee ?? 0n) / 5n;
    const terms = { revealSeconds: 300, fee };
    await openQuorum(stage, terms);
    await expect(openQuorum(stage, { ...terms, fee: fee - 1n })).to.be.revertedWithCustomError(
      stage.quorums,
      "QuorumTermOutside",
    );
  });
  it("refuses a policy that cannot be met", async () => {
    await expect(stage.modes.quote([], [{ ...quorum(), policy: policyOf("0x99999999") }]))
      .to.be.revertedWithCustomError(stage.attestation, "AttestationRouteUnusable")
      .withArgs("0x99999999", 0);
  });
});
