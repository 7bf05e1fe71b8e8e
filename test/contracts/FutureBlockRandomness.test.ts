import { expect } from "chai";
import { ZeroHash } from "ethers";
import { network } from "hardhat";

import { remember } from "./support/history.ts";

const connection = await network.create();
const { ethers, networkHelpers } = connection;
const { time, mine } = networkHelpers;

describe("FutureBlockRandomness", () => {
  it("is pending, then the hash of the committed block, then from history, then expired", async () => {
    const randomness = await ethers.deployContract("FutureBlockRandomness");
    const ticket = await randomness.commit();
    const block = Number(ticket);
    expect([...(await randomness.seedOf(ticket))]).to.deep.equal([0n, ZeroHash]);
    await mine(block - (await time.latestBlock()) + 1);
    const hash = (await ethers.provider.getBlock(block))?.hash;
    expect([...(await randomness.seedOf(ticket))]).to.deep.equal([1n, hash]);
    await remember(connection, block);
    await mine(1_000);
    expect([...(await randomness.seedOf(ticket))]).to.deep.equal([1n, hash]);
    await mine(8_000);
    expect([...(await randomness.seedOf(ticket))]).to.deep.equal([2n, ZeroHash]);
  });
});
