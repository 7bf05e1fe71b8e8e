import { expect } from "chai";
import { concat, dataLength, dataSlice, getBytes, hexlify, keccak256, toBeHex, ZeroHash } from "ethers";
import hre, { network } from "hardhat";

import { headerOf } from "../support/header.ts";
import { HISTORY, recordParent, remember } from "../support/history.ts";

const connection = await network.create();
const { ethers, networkHelpers } = connection;
const { time, mine } = networkHelpers;

const [PENDING, READY, EXPIRED] = [0n, 1n, 2n];
const DELAY = 8;
const WINDOW = 8_191;

describe("RandaoRandomness", () => {
  const fixture = async () => ethers.deployContract("RandaoRandomness", [DELAY]);
  type Randomness = Awaited<ReturnType<typeof fixture>>;
  const mineTo = async (block: number) => mine(block - (await time.latestBlock()));
  /** Block by block: of many at once the chain draws for the last alone. */
  const mineEachTo = async (block: number) => {
    while ((await time.latestBlock()) < block) await mine();
  };
  const seedOf = async (randomness: Randomness, ticket: number) => [...(await randomness.seedOf(ticket))];
  /** A ticket whose block is over. */
  const due = async () => {
    const randomness = await networkHelpers.loadFixture(fixture);
    const ticket = Number(await randomness.commit());
    await mineEachTo(ticket + 1);
    return { randomness, ticket, ...(await headerOf(connection, ticket)) };
  };
  /** A ticket whose hash the history contract was told, in the block after it. */
  const recorded = async () => {
    const randomness = await networkHelpers.loadFixture(fixture);
    const ticket = Number(await randomness.commit());
    await mineEachTo(ticket);
    expect(await recordParent(connection)).to.equal(ticket);
    return { randomness, ticket, ...(await headerOf(connection, ticket)) };
  };

  describe("constructor", () => {
    it("refuses delays outside 4 to 1,024 blocks", async () => {
      const randomness = await networkHelpers.loadFixture(fixture);
      for (const delay of [0, 3, 1_025]) {
        await expect(ethers.deployContract("RandaoRandomness", [delay]))
          .to.be.revertedWithCustomError(randomness, "RandaoDelayOutOfRange")
          .withArgs(delay, 4, 1_024);
      }
      for (const delay of [4, 1_024]) {
        expect(await (await ethers.deployContract("RandaoRandomness", [delay])).DELAY_BLOCKS()).to.equal(delay);
      }
    });
    it("refuses a chain whose prevrandao could be a difficulty", async () => {
      const randomness = await networkHelpers.loadFixture(fixture);
      for (const prevRandao of [1n, (1n << 64n) - 1n]) {
        await networkHelpers.setPrevRandao(prevRandao);
        await expect(ethers.deployContract("RandaoRandomness", [DELAY]))
          .to.be.revertedWithCustomError(randomness, "RandaoMissing")
          .withArgs(prevRandao);
      }
      await networkHelpers.setPrevRandao(1n << 64n);
      expect(await (await ethers.deployContract("RandaoRandomness", [DELAY])).DELAY_BLOCKS()).to.equal(DELAY);
    });
  });

  describe("commit", () => {
    it("gives the block that comes after the delay", async () => {
      const randomness = await networkHelpers.loadFixture(fixture);
      const block = await time.latestBlock();
      expect(await randomness.commit({ blockTag: block })).to.equal(block + DELAY);
    });
  });

  describe("submit", () => {
    it("stores prevrandao of the block, says so, and the ticket is ready", async () => {
      const { randomness, ticket, rlp, prevRandao } = await due();
      expect(await seedOf(randomness, ticket)).to.deep.equal([PENDING, ZeroHash]);
      expect(await randomness.submit.staticCall(ticket, rlp)).to.equal(prevRandao);
      const [, stranger] = await ethers.getSigners();
      await expect(randomness.connect(stranger).submit(ticket, rlp))
        .to.emit(randomness, "BlockProven")
        .withArgs(ticket, prevRandao);
      expect(await seedOf(randomness, ticket)).to.deep.equal([READY, prevRandao]);
    });
    it("stores what the chain drew, not what a header says", async () => {
      const randomness = await networkHelpers.loadFixture(fixture);
      const ticket = Number(await randomness.commit());
      await mineEachTo(ticket - 1);
      await networkHelpers.setPrevRandao(1n << 64n);
      await mineEachTo(ticket + 1);
      const { rlp } = await headerOf(connection, ticket);
      await randomness.submit(ticket, rlp);
      expect(await seedOf(randomness, ticket)).to.deep.equal([READY, toBeHex(1n << 64n, 32)]);
    });
    it("refuses a block that is not over, up to itself", async () => {
      const randomness = await networkHelpers.loadFixture(fixture);
      const ticket = Number(await randomness.commit());
      const { rlp } = await headerOf(connection, 1);
      await mineEachTo(ticket - 1);
      // The next block is the ticket's.
      await expect(randomness.submit(ticket, rlp, { gasLimit: 1_000_000 }))
        .to.be.revertedWithCustomError(randomness, "RandaoBlockPending")
        .withArgs(ticket, ticket);
    });
    it("refuses headers of other blocks, and each byte changed", async () => {
      const { randomness, ticket, rlp } = await due();
      const expected = keccak256(rlp);
      const others = [(await headerOf(connection, ticket - 1)).rlp, "0x", dataSlice(rlp, 0, dataLength(rlp) - 1)];
      const changed = Array.from({ length: dataLength(rlp) }, (_, at) => {
        const bytes = getBytes(rlp);
        bytes[at] = (bytes[at] ?? 0) ^ 1;
        return hexlify(bytes);
      });
      for (const other of [...others, concat([rlp, "0x00"]), ...changed]) {
        await expect(randomness.submit.staticCall(ticket, other))
          .to.be.revertedWithCustomError(randomness, "RandaoHeaderMismatch")
          .withArgs(keccak256(other), expected);
      }
    });
    it("refuses what hashes right and is no header", async () => {
      const { randomness, ticket } = await recorded();
      const noHeader = "0xc0";
      await mine(300);
      await remember(connection, ticket, keccak256(noHeader));
      await expect(randomness.submit(ticket, noHeader))
        .to.be.revertedWithCustomError(randomness, "BlockHeaderMalformed")
        .withArgs(1);
    });

    it("refuses a block that drew nothing", async () => {
      for (const prevRandao of [0n, (1n << 64n) - 1n]) {
        const randomness = await networkHelpers.loadFixture(fixture);
        const ticket = Number(await randomness.commit());
        await mineEachTo(ticket - 1);
        await networkHelpers.setPrevRandao(prevRandao);
        await mineEachTo(ticket + 1);
        const { rlp } = await headerOf(connection, ticket);
        await expect(randomness.submit(ticket, rlp))
          .to.be.revertedWithCustomError(randomness, "RandaoMissing")
          .withArgs(prevRandao);
        expect(await seedOf(randomness, ticket)).to.deep.equal([PENDING, ZeroHash]);
      }
    });

    describe("given a block that is known", () => {
      it("returns it without a look at the header, without an event and without a change", async () => {
        const { randomness, ticket, rlp, prevRandao } = await due();
        await randomness.submit(ticket, rlp);
        await mine(300);
        for (const header of [rlp, "0x"]) {
          expect(await randomness.submit.staticCall(ticket, header)).to.equal(prevRandao);
          await expect(randomness.submit(ticket, header)).not.to.emit(randomness, "BlockProven");
          expect(await seedOf(randomness, ticket)).to.deep.equal([READY, prevRandao]);
        }
      });
    });

    describe("given a block that only the history contract knows", () => {
      it("takes the header in the last block of the window", async () => {
        const { randomness, ticket, rlp, prevRandao } = await recorded();
        await mineTo(ticket + WINDOW - 1);
        await expect(randomness.submit(ticket, rlp)).to.emit(randomness, "BlockProven").withArgs(ticket, prevRandao);
        expect(await time.latestBlock()).to.equal(ticket + WINDOW);
        await mine(300);
        expect(await seedOf(randomness, ticket)).to.deep.equal([READY, prevRandao]);
      });
      it("refuses it a block later: the ticket is lost", async () => {
        const { randomness, ticket, rlp } = await recorded();
        await mineTo(ticket + WINDOW);
        expect((await randomness.seedOf(ticket, { blockTag: ticket + WINDOW })).state).to.equal(PENDING);
        await expect(randomness.submit(ticket, rlp))
          .to.be.revertedWithCustomError(randomness, "RandaoBlockLost")
          .withArgs(ticket);
        await mine();
        expect(await seedOf(randomness, ticket)).to.deep.equal([EXPIRED, ZeroHash]);
      });
    });

    describe("given a chain without history", () => {
      it("takes the header for 256 blocks", async () => {
        const { randomness, ticket, rlp, prevRandao } = await due();
        await mineTo(ticket + 255);
        await randomness.submit(ticket, rlp);
        expect(await time.latestBlock()).to.equal(ticket + 256);
        expect(await seedOf(randomness, ticket)).to.deep.equal([READY, prevRandao]);
      });
      it("has lost the ticket then, whether the history contract reverts or is missing", async () => {
        const { randomness, ticket, rlp } = await due();
        await mineTo(ticket + 256);
        await expect(randomness.submit(ticket, rlp))
          .to.be.revertedWithCustomError(randomness, "RandaoBlockLost")
          .withArgs(ticket);
        await mine();
        expect(await seedOf(randomness, ticket)).to.deep.equal([EXPIRED, ZeroHash]);
        await networkHelpers.setCode(HISTORY, "0x");
        expect(await seedOf(randomness, ticket)).to.deep.equal([EXPIRED, ZeroHash]);
      });
    });

    it("believes the EVM as long as it remembers, whatever history says", async () => {
      const { randomness, ticket, rlp, prevRandao } = await due();
      await remember(connection, ticket, keccak256("0xc0"));
      await randomness.submit(ticket, rlp);
      expect(await seedOf(randomness, ticket)).to.deep.equal([READY, prevRandao]);
    });
    it("costs at most 80,000 gas a block, and 40,000 once the block is known", async function () {
      if (hre.globalOptions.coverage) this.skip();
      const { randomness, ticket, rlp } = await recorded();
      await mine(300);
      const first = await (await randomness.submit(ticket, rlp)).wait();
      const second = await (await randomness.submit(ticket, rlp)).wait();
      expect(first?.gasUsed).to.be.at.most(80_000n);
      expect(second?.gasUsed).to.be.at.most(40_000n);
    });
  });

  describe("seedOf", () => {
    it("is pending before, in and after the block, until its header is brought", async () => {
      const randomness = await networkHelpers.loadFixture(fixture);
      const ticket = Number(await randomness.commit());
      await mineEachTo(ticket + 2);
      for (const block of [ticket - 1, ticket, ticket + 1, ticket + 2]) {
        const answer = [...(await randomness.seedOf(ticket, { blockTag: block }))];
        expect(answer).to.deep.equal([PENDING, ZeroHash]);
      }
    });
  });
});
