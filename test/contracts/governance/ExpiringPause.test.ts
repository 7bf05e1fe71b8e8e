import { expect } from "chai";

import { connection, joinedProtocol, networkHelpers, openAssigned } from "../support/market.ts";
import { claim, DAY, open, type Protocol, WINDOW } from "../support/protocol.ts";

const { time } = networkHelpers;

// The market is the contract that pauses.
describe("ExpiringPause", () => {
  let protocol: Protocol;
  let market: Protocol["market"];
  beforeEach(async () => {
    protocol = await networkHelpers.loadFixture(joinedProtocol);
    ({ market } = protocol);
  });

  const pause = async () => {
    await market.pause();
    return (await time.latest()) + 3 * DAY;
  };
  it("moves deadlines by its own length", async () => {
    const made = await openAssigned(protocol);
    const { deadline } = await market.stateOf(made.id);
    await pause();
    const [start, at] = [await time.latest(), await market.clock()];
    await time.increase(DAY);
    expect(await market.clock()).to.equal(at);
    await expect(market.timeOut(made.request)).to.be.revertedWithCustomError(market, "MarketDeadlineAhead");
    await time.setNextBlockTimestamp(start + DAY + 100);
    await expect(market.unpause())
      .to.emit(market, "Unpaused")
      .withArgs(DAY + 100);
    await claim(connection, protocol, made);
    expect((await market.stateOf(made.id)).deadline).to.be.below(deadline + BigInt(WINDOW));
  });
  it("says until when, and is over from that second on", async () => {
    const start = (await time.latest()) + 10;
    await time.setNextBlockTimestamp(start);
    const until = start + 3 * DAY;
    await expect(market.pause()).to.emit(market, "Paused").withArgs(until);
    const at = await market.clock();
    await time.increaseTo(until - 1);
    expect([await market.paused(), await market.clock()]).to.deep.equal([true, at]);
    await time.increaseTo(until);
    expect([await market.paused(), await market.clock()]).to.deep.equal([false, at]);
    await time.increaseTo(until + 1);
    expect(await market.clock()).to.equal(at + 1n);
  });
  it("counts the lengths of all pauses", async () => {
    const before = (await market.clock()) - BigInt(await time.latest());
    for (const length of [100, 1_000]) {
      await market.pause();
      await time.setNextBlockTimestamp((await time.latest()) + length);
      await market.unpause();
      await market.rearmPause();
    }
    expect((await market.clock()) - BigInt(await time.latest())).to.equal(before - 1_100n);
  });
  it("expires by itself and moves deadlines by no more than its length", async () => {
    const before = await market.clock();
    const start = await time.latest();
    await pause();
    await time.increase(5 * DAY);
    expect(await market.paused()).to.equal(false);
    expect((await market.clock()) - before).to.equal(BigInt((await time.latest()) - start - 3 * DAY));
    await open(protocol);
  });
  it("cannot be used again before governance re-arms it, and its length stays counted", async () => {
    await expect(market.rearmPause()).to.be.revertedWithCustomError(market, "PauseNotSpent");
    const until = await pause();
    await expect(market.rearmPause()).to.be.revertedWithCustomError(market, "PauseActive").withArgs(until);
    await time.increase(4 * DAY);
    await expect(market.pause()).to.be.revertedWithCustomError(market, "PauseSpent");
    await expect(market.unpause()).to.be.revertedWithCustomError(market, "PauseNotActive");
    const [clock, then] = [await market.clock(), await time.latest()];
    await expect(market.rearmPause()).to.emit(market, "PauseRearmed");
    expect((await market.clock()) - clock).to.be.below(5n);
    expect((await market.clock()) - clock).to.equal(BigInt((await time.latest()) - then));
    await pause();
  });
  it("is governance's alone", async () => {
    const byAlice = market.connect(protocol.alice);
    for (const call of [byAlice.pause(), byAlice.unpause(), byAlice.rearmPause()]) {
      await expect(call)
        .to.be.revertedWithCustomError(market, "AccessManagedUnauthorized")
        .withArgs(protocol.alice.address);
    }
  });
});
