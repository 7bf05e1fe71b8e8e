import { expect } from "chai";
import { id, parseEther, ZeroAddress, ZeroHash } from "ethers";

import { join, manifestOf, metadataOf, STAKING } from "../support/protocol.ts";
import { FRAUD, LOCK, lockNow, networkHelpers, ONE, useProtocol } from "../support/staking.ts";

describe("VersionPools", () => {
  const protocol = useProtocol();

  const lock = (lockId?: string, amount?: bigint) => lockNow(protocol, lockId, amount);

  describe("optIn", () => {
    it("announces the slot, and its end", async () => {
      const byBob = protocol.staking.connect(protocol.bob);
      await byBob.deposit(STAKING.minimumStake);
      await byBob.rotateSigningKey(protocol.bob);
      await expect(byBob.optIn(protocol.versionId))
        .to.emit(protocol.staking, "OptedIn")
        .withArgs(protocol.bob.address, protocol.versionId, 1);
      const leaving = await byBob.optOut(protocol.versionId);
      await expect(leaving)
        .to.emit(protocol.staking, "OptedOut")
        .withArgs(protocol.bob.address, protocol.versionId, await networkHelpers.time.latestBlock());
    });
    it("counts the operator as a holder", async () => {
      expect(await protocol.staking.holders(protocol.versionId)).to.equal(1n);
      await join(protocol, protocol.bob);
      expect(await protocol.staking.holders(protocol.versionId)).to.equal(2n);
      expect(await protocol.staking.slotsOf(protocol.versionId)).to.equal(2n);
      expect(await protocol.staking.isOptedIn(protocol.bob, protocol.versionId)).to.equal(true);
    });
    it("refuses an operator that is not active, staked and keyed", async () => {
      const byBob = protocol.staking.connect(protocol.bob);
      await expect(byBob.optIn(protocol.versionId))
        .to.be.revertedWithCustomError(protocol.staking, "StakingStatusForbids")
        .withArgs(protocol.bob.address, 0);
      await byBob.deposit(STAKING.minimumStake - 1n);
      await expect(byBob.optIn(protocol.versionId))
        .to.be.revertedWithCustomError(protocol.staking, "StakingBelowMinimum")
        .withArgs(STAKING.minimumStake - 1n, STAKING.minimumStake);
      await byBob.deposit(1n);
      await expect(byBob.optIn(protocol.versionId))
        .to.be.revertedWithCustomError(protocol.staking, "StakingKeyInvalid")
        .withArgs(ZeroAddress);
    });
    it("refuses versions that are unknown or withdrawn, takes deprecated ones", async () => {
      await expect(protocol.byAlice.optIn(id("?")))
        .to.be.revertedWithCustomError(protocol.staking, "StakingVersionUnusable")
        .withArgs(id("?"));
      const registry = protocol.registry.connect(protocol.publisher);
      await registry.publish(manifestOf(), metadataOf());
      const versionId = await registry.versionIdFor(protocol.publisher, manifestOf(), metadataOf());
      await registry.deprecate(versionId, "old");
      await protocol.byAlice.optIn(versionId);
      await protocol.byAlice.optOut(versionId);
      await networkHelpers.mine(STAKING.slotReuseBlocks + 1);
      await registry.withdraw(versionId, "bad");
      await expect(protocol.byAlice.optIn(versionId))
        .to.be.revertedWithCustomError(protocol.staking, "StakingVersionUnusable")
        .withArgs(versionId);
    });
    it("refuses a second slot, also by going and coming", async () => {
      await expect(protocol.byAlice.optIn(protocol.versionId))
        .to.be.revertedWithCustomError(protocol.staking, "StakingOptedIn")
        .withArgs(protocol.alice.address, protocol.versionId);
      await protocol.byAlice.optOut(protocol.versionId);
      const leftAt = await networkHelpers.time.latestBlock();
      await expect(protocol.byAlice.optIn(protocol.versionId))
        .to.be.revertedWithCustomError(protocol.staking, "StakingOptOutPending")
        .withArgs(leftAt);
      await networkHelpers.mine(leftAt + STAKING.slotReuseBlocks - 1 - (await networkHelpers.time.latestBlock()));
      // A transaction now is in the last block in which a draw can mean the slot.
      await expect(protocol.byAlice.optIn(protocol.versionId))
        .to.be.revertedWithCustomError(protocol.staking, "StakingOptOutPending")
        .withArgs(leftAt);
      await networkHelpers.mine();
      await protocol.byAlice.optIn(protocol.versionId);
      expect(await networkHelpers.time.latestBlock()).to.equal(leftAt + STAKING.slotReuseBlocks + 1);
      expect(await protocol.staking.slotsOf(protocol.versionId)).to.equal(1n);
    });
    it("leaves the slot of one who left alone while a draw can mean it, then reuses it", async () => {
      await protocol.byAlice.optOut(protocol.versionId);
      await join(protocol, protocol.bob);
      expect(await protocol.staking.slotsOf(protocol.versionId)).to.equal(2n);
      await networkHelpers.mine(STAKING.slotReuseBlocks);
      await join(protocol, protocol.carol);
      expect(await protocol.staking.slotsOf(protocol.versionId)).to.equal(2n);
      expect(await protocol.staking.holders(protocol.versionId)).to.equal(2n);
    });
  });

  describe("optOut and evict", () => {
    it("end the opt-in at once for new requests, not for draws under way", async () => {
      const cutoff = (await networkHelpers.time.latestBlock()) + 1;
      await protocol.byAlice.optOut(protocol.versionId);
      expect(await protocol.staking.holders(protocol.versionId)).to.equal(0n);
      const draw = (block: number) =>
        protocol.byManager.lockDrawn.staticCall(protocol.versionId, ZeroHash, 1, block, LOCK, ONE);
      expect(await draw(cutoff)).to.equal(protocol.alice.address);
      expect(await draw(cutoff + 1)).to.equal(ZeroAddress);
    });
    it("refuse who is not opted in", async () => {
      await protocol.byAlice.optOut(protocol.versionId);
      for (const operator of [protocol.alice, protocol.bob]) {
        await expect(protocol.staking.connect(operator).optOut(protocol.versionId))
          .to.be.revertedWithCustomError(protocol.staking, "StakingNotOptedIn")
          .withArgs(operator.address, protocol.versionId);
      }
    });
    it("evict only the under-staked and the tombstoned", async () => {
      await join(protocol, protocol.bob);
      await expect(protocol.staking.evict(protocol.alice, protocol.versionId))
        .to.be.revertedWithCustomError(protocol.staking, "StakingNotEvictable")
        .withArgs(protocol.alice.address);
      await protocol.byAlice.unbond(1n);
      await expect(protocol.staking.connect(protocol.stranger).evict(protocol.alice, protocol.versionId))
        .to.emit(protocol.staking, "Evicted")
        .withArgs(protocol.alice.address, protocol.versionId);
      expect(await protocol.staking.isOptedIn(protocol.alice, protocol.versionId)).to.equal(false);
    });
    it("evict a tombstoned operator however much stake it has left", async () => {
      await protocol.byAlice.deposit(STAKING.minimumStake);
      await lock(LOCK, parseEther("500"));
      await protocol.byManager.slash(LOCK, FRAUD, ZeroAddress, ZeroAddress);
      expect(await protocol.staking.freeStakeOf(protocol.alice)).to.be.at.least(STAKING.minimumStake);
      await protocol.staking.connect(protocol.stranger).evict(protocol.alice, protocol.versionId);
      expect(await protocol.staking.holders(protocol.versionId)).to.equal(0n);
    });
  });
});
