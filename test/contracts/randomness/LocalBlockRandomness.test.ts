import { expect } from "chai";
import { id, ZeroHash } from "ethers";
import { network } from "hardhat";

import { TICKET_STATE } from "../../../runner/protocol/enums.ts";
import { remember } from "../support/history.ts";

const connection = await network.create();
const { ethers, networkHelpers } = connection;
const { time, mine } = networkHelpers;

const { pending: PENDING, ready: READY, expired: EXPIRED } = TICKET_STATE;

describe("LocalBlockRandomness", () => {
  const fixture = async () => ethers.deployContract("LocalBlockRandomness");
  const committed = async () => {
    const randomness = await networkHelpers.loadFixture(fixture);
    return { randomness, ticket: Number(await randomness.commit()) };
  };
  const hashOf = async (block: number) => (await ethers.provider.getBlock(block))?.hash;

  it("is pending, then the hash of the committed block, then from history, then expired", async () => {
    const { randomness, ticket } = await committed();
    expect([...(await randomness.seedOf(ticket))]).to.deep.equal([PENDING, ZeroHash]);
    await mine(ticket - (await time.latestBlock()) + 1);
    const hash = await hashOf(ticket);
    expect([...(await randomness.seedOf(ticket))]).to.deep.equal([READY, hash]);
    await remember(connection, ticket);
    await mine(1_000);
    expect([...(await randomness.seedOf(ticket))]).to.deep.equal([READY, hash]);
    await mine(8_000);
    expect([...(await randomness.seedOf(ticket))]).to.deep.equal([EXPIRED, ZeroHash]);
  });
  it("commits to the second block after, which is pending until it is over", async () => {
    const { randomness } = await committed();
    const block = await time.latestBlock();
    const at = { blockTag: block };
    const ticket = await randomness.commit(at);
    expect(ticket).to.equal(block + 2);
    for (let later = block; later <= block + 2; later++) {
      await mine(later - (await time.latestBlock()));
      expect((await randomness.seedOf(ticket, { blockTag: later })).state).to.equal(PENDING);
    }
    await mine();
    expect((await randomness.seedOf(ticket, { blockTag: block + 3 })).state).to.equal(READY);
  });
  it("believes the EVM as long as it remembers, whatever history says", async () => {
    const { randomness, ticket } = await committed();
    await mine(10);
    await remember(connection, ticket, id("another history"));
    expect([...(await randomness.seedOf(ticket))]).to.deep.equal([READY, await hashOf(ticket)]);
  });
  it("expires with the EVM's memory on a chain without history", async () => {
    const { randomness, ticket } = await committed();
    await mine(300);
    expect([...(await randomness.seedOf(ticket))]).to.deep.equal([EXPIRED, ZeroHash]);
  });
});
