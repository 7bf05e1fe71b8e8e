import { expect } from "chai";

import { connection, networkHelpers, openAssigned, useProtocol } from "../support/market.ts";
import { claim, DAY, open, WINDOW } from "../support/protocol.ts";

const { time } = networkHelpers;

// The market is the contract that pauses.
describe("ExpiringPause", () => {
  const protocol = useProtocol();

  const pause = async () => {
    await protocol.market.pause();
    return (await time.latest()) + 3 * DAY;
  };
  it("moves deadlines by its own length", async () => {
    const made = await openAssigned(protocol);
    const { deadline } = await protocol.market.stateOf(made.id);
    await pause();
    const [start, at] = [await time.latest(), await protocol.market.clock()];
    await time.increase(DAY);
    expect(await protocol.market.clock()).to.equal(at);
    await expect(protocol.market.timeOut(made.request))
      .to.be.revertedWithCustomError(protocol.market, "MarketDeadlineAhead")
      .withArgs(deadline, at);
    await time.setNextBlockTimestamp(start + DAY + 100);
    await expect(protocol.market.unpause())
      .to.emit(protocol.market, "Unpaused")
      .withArgs(DAY + 100);
    await claim(connection, protocol, made);
    expect((await protocol.market.stateOf(made.id)).deadline).to.be.below(deadline + BigInt(WINDOW));
  });
  it("says until when, and is over from that second on", async () => {
    const start = (await time.latest()) + 10;
    await time.setNextBlockTimestamp(start);
    const until = start + 3 * DAY;
    await expect(protocol.market.pause()).to.emit(protocol.market, "Paused").withArgs(until);
    const at = await protocol.market.clock();
    await time.increaseTo(until - 1);
    expect([await protocol.market.paused(), await protocol.market.clock()]).to.deep.equal([true, at]);
    await time.increaseTo(until);
    expect([await protocol.market.paused(), await protocol.market.clock()]).to.deep.equal([false, at]);
    await time.increaseTo(until + 1);
    expect(await protocol.market.clock()).to.equal(at + 1n);
  });
  it("counts the lengths of all pauses", async () => {
    const before = (await protocol.market.clock()) - BigInt(await time.latest());
    for (const length of [100, 1_000]) {
      await protocol.market.pause();
      await time.setNextBlockTimestamp((await time.latest()) + length);
      await protocol.market.unpause();
      await protocol.market.rearmPause();
      await time.increase(33 * DAY);
    }
    expect((await protocol.market.clock()) - BigInt(await time.latest())).to.equal(before - 1_100n);
  });
  it("expires by itself and moves deadlines by no more than its length", async () => {
    const before = await protocol.market.clock();
    const start = await time.latest();
    await pause();
    await time.increase(5 * DAY);
    expect(await protocol.market.paused()).to.equal(false);
    expect((await protocol.market.clock()) - before).to.equal(BigInt((await time.latest()) - start - 3 * DAY));
    await open(protocol);
  });
  it("cannot be used again before governance re-arms it, and its length stays counted", async () => {
    await expect(protocol.market.rearmPause()).to.be.revertedWithCustomError(protocol.market, "PauseNotSpent");
    const until = await pause();
    await expect(protocol.market.rearmPause())
      .to.be.revertedWithCustomError(protocol.market, "PauseActive")
      .withArgs(until);
    await time.increase(4 * DAY);
    await expect(protocol.market.pause()).to.be.revertedWithCustomError(protocol.market, "PauseSpent");
    await expect(protocol.market.unpause()).to.be.revertedWithCustomError(protocol.market, "PauseNotActive");
    const [clock, then] = [await protocol.market.clock(), await time.latest()];
    await expect(protocol.market.rearmPause()).to.emit(protocol.market, "PauseRearmed");
    expect((await protocol.market.clock()) - clock).to.be.below(5n);
    expect((await protocol.market.clock()) - clock).to.equal(BigInt((await time.latest()) - then));
    await time.increase(30 * DAY);
    await pause();
  });
  it("cannot follow another without a gap, however often it was re-armed", async () => {
    const until = await pause();
    await time.increaseTo(until);
    await protocol.market.rearmPause();
    const from = until + 30 * DAY;
    await expect(protocol.market.pause()).to.be.revertedWithCustomError(protocol.market, "PauseTooSoon").withArgs(from);
    await time.setNextBlockTimestamp(from - 1);
    await expect(protocol.market.pause()).to.be.revertedWithCustomError(protocol.market, "PauseTooSoon").withArgs(from);
    await time.setNextBlockTimestamp(from);
    await pause();
  });
  it("counts the gap from the longest end, so that ending a pause early does not shorten it", async () => {
    const until = await pause();
    await protocol.market.unpause();
    await protocol.market.rearmPause();
    await expect(protocol.market.pause())
      .to.be.revertedWithCustomError(protocol.market, "PauseTooSoon")
      .withArgs(until + 30 * DAY);
  });
  it("is governance's alone", async () => {
    const byAlice = protocol.market.connect(protocol.alice);
    for (const call of [byAlice.pause(), byAlice.unpause(), byAlice.rearmPause()]) {
      await expect(call)
        .to.be.revertedWithCustomError(protocol.market, "AccessManagedUnauthorized")
        .withArgs(protocol.alice.address);
    }
  });
});
