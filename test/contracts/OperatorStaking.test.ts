import { expect } from "chai";
import { concat, id, keccak256, MaxUint256, parseEther, toBeHex, ZeroAddress, ZeroHash } from "ethers";
import { network } from "hardhat";

import { permitOf } from "./support/permit.ts";
import {
  DAY,
  deployProtocol,
  eventsOf,
  join,
  type Signer,
  STAKING,
  manifestOf,
  metadataOf,
} from "./support/protocol.ts";

const connection = await network.create();
const { ethers, networkHelpers } = connection;

const LOCK = id("lock");
const ONE = parseEther("1");
const LIVENESS = 0;
const FRAUD = 1;
const [ACCUSER, HARMED, SINK] = [0, 1, 2];
const [ACTIVE, JAILED, TOMBSTONED] = [1n, 2n, 3n];

describe("OperatorStaking", () => {
  /** Staking with the signer `court` as a manager, and alice staked and opted in. */
  const fixture = async () => {
    const protocol = await deployProtocol(connection);
    await protocol.staking.addManager(protocol.court);
    await join(protocol, protocol.alice);
    return protocol;
  };
  let protocol: Awaited<ReturnType<typeof fixture>>;
  let staking: (typeof protocol)["staking"];
  let byAlice: typeof staking;
  let byManager: typeof staking;
  let alice: Signer;
  beforeEach(async () => {
    protocol = await networkHelpers.loadFixture(fixture);
    ({ staking, alice } = protocol);
    byAlice = staking.connect(alice);
    byManager = staking.connect(protocol.court);
  });

  /** Draws among all slots for a commitment made now, and locks. */
  const lock = async (lockId = LOCK, amount = parseEther("600"), seed = ZeroHash) => {
    const cutoff = (await networkHelpers.time.latestBlock()) + 1;
    const candidates = await staking.slotsOf(protocol.versionId);
    return byManager.lockDrawn(protocol.versionId, seed, candidates, cutoff, lockId, amount);
  };
  const status = async (operator = alice) => (await staking.operatorOf(operator)).status;

  describe("deposit", () => {
    it("adds measured tokens to the stake", async () => {
      await expect(byAlice.deposit(ONE)).to.emit(staking, "Deposited").withArgs(alice.address, ONE);
      expect((await staking.operatorOf(alice)).stake).to.equal(parseEther("1001"));
      expect(await staking.freeStakeOf(alice)).to.equal(parseEther("1001"));
      expect(await staking.totalHeld()).to.equal(parseEther("1001"));
      expect(await protocol.token.balanceOf(staking)).to.equal(parseEther("1001"));
    });
    it("counts in draws only from the next block on", async () => {
      await byAlice.deposit(ONE);
      expect((await staking.operatorOf(alice)).countedFrom).to.equal(await networkHelpers.time.latestBlock());
    });
    it("refuses nothing", async () => {
      await expect(byAlice.deposit(0)).to.be.revertedWithCustomError(staking, "StakingAmountZero");
    });
    it("refuses a tombstoned operator", async () => {
      await lock();
      await byManager.slash(LOCK, FRAUD, ZeroAddress, ZeroAddress);
      await expect(byAlice.deposit(ONE))
        .to.be.revertedWithCustomError(staking, "StakingStatusForbids")
        .withArgs(alice.address, TOMBSTONED);
    });

    describe("given a malicious token", () => {
      const hostile = async () => {
        const token = await ethers.deployContract("TokenMock");
        const other = await deployProtocol(connection, await token.getAddress());
        return { token, other, staking: other.staking.connect(other.alice) };
      };
      it("refuses one that takes a fee", async () => {
        const { token, staking: hostileStaking } = await hostile();
        await token.setFee(100);
        await expect(hostileStaking.deposit(10_000))
          .to.be.revertedWithCustomError(hostileStaking, "StakingTokenAmountMismatch")
          .withArgs(9_900, 10_000);
      });
      it("refuses one that returns false", async () => {
        const { token, staking: hostileStaking } = await hostile();
        await token.setLying(true);
        await expect(hostileStaking.deposit(10_000))
          .to.be.revertedWithCustomError(hostileStaking, "SafeERC20FailedOperation")
          .withArgs(token.target);
      });
      it("refuses one that deposits again from inside the transfer", async () => {
        const { token, staking: hostileStaking } = await hostile();
        await token.mint(token, 10_000);
        await token.execute(token, token.interface.encodeFunctionData("approve", [hostileStaking.target, 10_000]));
        await token.setHook(hostileStaking, hostileStaking.interface.encodeFunctionData("deposit", [500]));
        await expect(hostileStaking.deposit(10_000))
          .to.be.revertedWithCustomError(hostileStaking, "StakingTokenAmountMismatch")
          .withArgs(10_500, 10_000);
      });
    });
  });

  describe("depositWithPermit", () => {
    it("needs no allowance before", async () => {
      const { v, r, s } = await permitOf(connection, protocol, protocol.bob, staking, ONE);
      await staking.connect(protocol.bob).depositWithPermit(ONE, MaxUint256, v, r, s);
      expect((await staking.operatorOf(protocol.bob)).stake).to.equal(ONE);
    });
    it("works when the permit was front-run", async () => {
      const { v, r, s } = await permitOf(connection, protocol, protocol.bob, staking, ONE);
      await protocol.token.connect(protocol.stranger).permit(protocol.bob, staking, ONE, MaxUint256, v, r, s);
      await staking.connect(protocol.bob).depositWithPermit(ONE, MaxUint256, v, r, s);
      expect((await staking.operatorOf(protocol.bob)).stake).to.equal(ONE);
    });
  });

  describe("unbond", () => {
    it("moves free stake into the queue with an absolute time", async () => {
      await expect(byAlice.unbond(ONE)).to.emit(staking, "UnbondingQueued");
      const releaseAt = (await networkHelpers.time.latest()) + STAKING.unbondingSeconds;
      expect([...((await staking.unbondingOf(alice))[0] ?? [])]).to.deep.equal([ONE, BigInt(releaseAt)]);
      expect(await staking.freeStakeOf(alice)).to.equal(parseEther("999"));
      expect(await staking.totalStakeOf(alice)).to.equal(parseEther("1000"));
    });
    it("refuses nothing, and locked stake", async () => {
      await expect(byAlice.unbond(0)).to.be.revertedWithCustomError(staking, "StakingAmountZero");
      await lock();
      await expect(byAlice.unbond(parseEther("401")))
        .to.be.revertedWithCustomError(staking, "StakingFreeInsufficient")
        .withArgs(parseEther("400"), parseEther("401"));
      await byAlice.unbond(parseEther("400"));
    });
    it("leaves free what is neither locked nor on its way out", async () => {
      await lock();
      await byAlice.unbond(parseEther("100"));
      expect(await staking.freeStakeOf(alice)).to.equal(parseEther("300"));
    });
    it("holds eight exits, and a slot is free again after its withdrawal", async () => {
      for (let i = 0; i < 8; i++) await byAlice.unbond(ONE);
      await expect(byAlice.unbond(ONE))
        .to.be.revertedWithCustomError(staking, "StakingUnbondingQueueFull")
        .withArgs(alice.address, 8);
      await networkHelpers.time.increase(STAKING.unbondingSeconds);
      await staking.withdraw(alice, 3);
      expect(await byAlice.unbond.staticCall(ONE)).to.equal(3n);
    });
  });

  describe("withdraw", () => {
    beforeEach(async () => {
      await byAlice.unbond(parseEther("300"));
    });
    it("pays a matured exit to its operator, whoever calls, once", async () => {
      await networkHelpers.time.increase(STAKING.unbondingSeconds);
      const withdrawal = staking.connect(protocol.stranger).withdraw(alice, 0);
      await expect(withdrawal).to.changeTokenBalance(ethers, protocol.token, alice, parseEther("300"));
      await expect(withdrawal).to.emit(staking, "Withdrawn").withArgs(alice.address, 0, parseEther("300"));
      await expect(staking.withdraw(alice, 0))
        .to.be.revertedWithCustomError(staking, "StakingUnbondingUnknown")
        .withArgs(alice.address, 0);
      expect(await staking.totalHeld()).to.equal(parseEther("700"));
    });
    it("refuses before the time, to the second", async () => {
      const releaseAt = (await staking.unbondingOf(alice))[0]?.releaseAt ?? 0n;
      await networkHelpers.time.setNextBlockTimestamp(releaseAt - 1n);
      await expect(staking.withdraw(alice, 0))
        .to.be.revertedWithCustomError(staking, "StakingUnbondingPending")
        .withArgs(releaseAt);
      await networkHelpers.time.setNextBlockTimestamp(releaseAt);
      await staking.withdraw(alice, 0);
    });
    it("refuses slots that hold nothing", async () => {
      for (const slot of [1, 8, 1_000]) {
        await expect(staking.withdraw(alice, slot))
          .to.be.revertedWithCustomError(staking, "StakingUnbondingUnknown")
          .withArgs(alice.address, slot);
      }
    });
  });

  describe("setEndpoint", () => {
    it("stores and announces, up to 256 bytes", async () => {
      await expect(byAlice.setEndpoint("https://a.example"))
        .to.emit(staking, "EndpointSet")
        .withArgs(alice.address, "https://a.example");
      expect(await staking.endpointOf(alice)).to.equal("https://a.example");
      await byAlice.setEndpoint("x".repeat(256));
      await expect(byAlice.setEndpoint("x".repeat(257)))
        .to.be.revertedWithCustomError(staking, "StakingTextLength")
        .withArgs(257, 256);
    });
  });

  describe("rotateSigningKey", () => {
    it("keeps the whole past", async () => {
      const first = await networkHelpers.time.latest();
      const keys = [protocol.bob, protocol.carol, protocol.accuser];
      const times: number[] = [];
      for (const key of keys) {
        await byAlice.rotateSigningKey(key);
        times.push((await networkHelpers.time.latest()) + DAY);
        await networkHelpers.time.increase(2 * DAY);
      }
      expect(await staking.signingKeyAt(alice, 0)).to.equal(ZeroAddress);
      expect(await staking.signingKeyAt(alice, first)).to.equal(alice.address);
      for (const [i, time] of times.entries()) {
        expect(await staking.signingKeyAt(alice, time - 1)).to.equal([alice, ...keys][i]?.address);
        expect(await staking.signingKeyAt(alice, time)).to.equal(keys[i]?.address);
      }
    });
    it("announces the key and when it counts: the first at once, later ones after the delay", async () => {
      const byBob = staking.connect(protocol.bob);
      for (const delay of [0, DAY]) {
        const at = (await networkHelpers.time.latest()) + 10;
        await networkHelpers.time.setNextBlockTimestamp(at);
        await expect(byBob.rotateSigningKey(protocol.carol))
          .to.emit(staking, "SigningKeyRotated")
          .withArgs(protocol.bob.address, protocol.carol.address, at + delay);
      }
    });
    it("can be repeated from the second on in which the last key counts", async () => {
      await byAlice.rotateSigningKey(protocol.bob);
      const activeFrom = (await networkHelpers.time.latest()) + DAY;
      await networkHelpers.time.setNextBlockTimestamp(activeFrom);
      await byAlice.rotateSigningKey(protocol.carol);
      expect(await staking.signingKeyAt(alice, activeFrom)).to.equal(protocol.bob.address);
    });
    it("refuses no key, and another rotation before the last one counts", async () => {
      await expect(byAlice.rotateSigningKey(ZeroAddress))
        .to.be.revertedWithCustomError(staking, "StakingKeyInvalid")
        .withArgs(ZeroAddress);
      await byAlice.rotateSigningKey(protocol.bob);
      const activeFrom = (await networkHelpers.time.latest()) + DAY;
      await expect(byAlice.rotateSigningKey(protocol.carol))
        .to.be.revertedWithCustomError(staking, "StakingKeyPending")
        .withArgs(activeFrom);
    });
  });

  describe("optIn", () => {
    it("announces the slot, and its end", async () => {
      const byBob = staking.connect(protocol.bob);
      await byBob.deposit(STAKING.minimumStake);
      await byBob.rotateSigningKey(protocol.bob);
      await expect(byBob.optIn(protocol.versionId))
        .to.emit(staking, "OptedIn")
        .withArgs(protocol.bob.address, protocol.versionId, 1);
      const leaving = await byBob.optOut(protocol.versionId);
      await expect(leaving)
        .to.emit(staking, "OptedOut")
        .withArgs(protocol.bob.address, protocol.versionId, await networkHelpers.time.latestBlock());
    });
    it("counts the operator as a holder", async () => {
      expect(await staking.holders(protocol.versionId)).to.equal(1n);
      await join(protocol, protocol.bob);
      expect(await staking.holders(protocol.versionId)).to.equal(2n);
      expect(await staking.slotsOf(protocol.versionId)).to.equal(2n);
      expect(await staking.isOptedIn(protocol.bob, protocol.versionId)).to.equal(true);
    });
    it("refuses an operator that is not active, staked and keyed", async () => {
      const byBob = staking.connect(protocol.bob);
      await expect(byBob.optIn(protocol.versionId))
        .to.be.revertedWithCustomError(staking, "StakingStatusForbids")
        .withArgs(protocol.bob.address, 0);
      await byBob.deposit(STAKING.minimumStake - 1n);
      await expect(byBob.optIn(protocol.versionId))
        .to.be.revertedWithCustomError(staking, "StakingBelowMinimum")
        .withArgs(STAKING.minimumStake - 1n, STAKING.minimumStake);
      await byBob.deposit(1n);
      await expect(byBob.optIn(protocol.versionId))
        .to.be.revertedWithCustomError(staking, "StakingKeyInvalid")
        .withArgs(ZeroAddress);
    });
    it("refuses versions that are unknown or withdrawn, takes deprecated ones", async () => {
      await expect(byAlice.optIn(id("?")))
        .to.be.revertedWithCustomError(staking, "StakingVersionUnusable")
        .withArgs(id("?"));
      const registry = protocol.registry.connect(protocol.publisher);
      await registry.publish(manifestOf(), metadataOf());
      const versionId = await registry.versionIdFor(protocol.publisher, manifestOf(), metadataOf());
      await registry.deprecate(versionId, "old");
      await byAlice.optIn(versionId);
      await byAlice.optOut(versionId);
      await networkHelpers.mine(STAKING.slotReuseBlocks + 1);
      await registry.withdraw(versionId, "bad");
      await expect(byAlice.optIn(versionId))
        .to.be.revertedWithCustomError(staking, "StakingVersionUnusable")
        .withArgs(versionId);
    });
    it("refuses a second slot, also by going and coming", async () => {
      await expect(byAlice.optIn(protocol.versionId))
        .to.be.revertedWithCustomError(staking, "StakingOptedIn")
        .withArgs(alice.address, protocol.versionId);
      await byAlice.optOut(protocol.versionId);
      const leftAt = await networkHelpers.time.latestBlock();
      await expect(byAlice.optIn(protocol.versionId))
        .to.be.revertedWithCustomError(staking, "StakingOptOutPending")
        .withArgs(leftAt);
      await networkHelpers.mine(leftAt + STAKING.slotReuseBlocks - 1 - (await networkHelpers.time.latestBlock()));
      // A transaction now is in the last block in which a draw can mean the slot.
      await expect(byAlice.optIn(protocol.versionId)).to.be.revertedWithCustomError(staking, "StakingOptOutPending");
      await networkHelpers.mine();
      await byAlice.optIn(protocol.versionId);
      expect(await networkHelpers.time.latestBlock()).to.equal(leftAt + STAKING.slotReuseBlocks + 1);
      expect(await staking.slotsOf(protocol.versionId)).to.equal(1n);
    });
    it("leaves the slot of one who left alone while a draw can mean it, then reuses it", async () => {
      await byAlice.optOut(protocol.versionId);
      await join(protocol, protocol.bob);
      expect(await staking.slotsOf(protocol.versionId)).to.equal(2n);
      await networkHelpers.mine(STAKING.slotReuseBlocks);
      await join(protocol, protocol.carol);
      expect(await staking.slotsOf(protocol.versionId)).to.equal(2n);
      expect(await staking.holders(protocol.versionId)).to.equal(2n);
    });
  });

  describe("optOut and evict", () => {
    it("end the opt-in at once for new requests, not for draws under way", async () => {
      const cutoff = (await networkHelpers.time.latestBlock()) + 1;
      await byAlice.optOut(protocol.versionId);
      expect(await staking.holders(protocol.versionId)).to.equal(0n);
      const draw = (block: number) => byManager.lockDrawn.staticCall(protocol.versionId, ZeroHash, 1, block, LOCK, ONE);
      expect(await draw(cutoff)).to.equal(alice.address);
      expect(await draw(cutoff + 1)).to.equal(ZeroAddress);
    });
    it("refuse who is not opted in", async () => {
      await byAlice.optOut(protocol.versionId);
      for (const operator of [alice, protocol.bob]) {
        await expect(staking.connect(operator).optOut(protocol.versionId))
          .to.be.revertedWithCustomError(staking, "StakingNotOptedIn")
          .withArgs(operator.address, protocol.versionId);
      }
    });
    it("evict only the under-staked and the tombstoned", async () => {
      await join(protocol, protocol.bob);
      await expect(staking.evict(alice, protocol.versionId))
        .to.be.revertedWithCustomError(staking, "StakingNotEvictable")
        .withArgs(alice.address);
      await byAlice.unbond(1n);
      await expect(staking.connect(protocol.stranger).evict(alice, protocol.versionId))
        .to.emit(staking, "Evicted")
        .withArgs(alice.address, protocol.versionId);
      expect(await staking.isOptedIn(alice, protocol.versionId)).to.equal(false);
    });
    it("evict a tombstoned operator however much stake it has left", async () => {
      await byAlice.deposit(STAKING.minimumStake);
      await lock(LOCK, parseEther("500"));
      await byManager.slash(LOCK, FRAUD, ZeroAddress, ZeroAddress);
      expect(await staking.freeStakeOf(alice)).to.be.at.least(STAKING.minimumStake);
      await staking.connect(protocol.stranger).evict(alice, protocol.versionId);
      expect(await staking.holders(protocol.versionId)).to.equal(0n);
    });
  });

  describe("addManager", () => {
    it("counts at once while nobody has staked, later only after everyone could leave", async () => {
      expect(await staking.managerActiveFrom(protocol.court)).to.be.at.most(await networkHelpers.time.latest());
      const transaction = await staking.addManager(protocol.bob);
      const activeFrom = (await networkHelpers.time.latest()) + STAKING.unbondingSeconds + DAY;
      await expect(transaction).to.emit(staking, "ManagerAdded").withArgs(protocol.bob.address, activeFrom);
      expect(await staking.managerActiveFrom(protocol.bob)).to.equal(activeFrom);
      const byBob = staking.connect(protocol.bob);
      await expect(byBob.lockDrawn(protocol.versionId, ZeroHash, 1, 99_999, LOCK, ONE))
        .to.be.revertedWithCustomError(staking, "StakingNotManager")
        .withArgs(protocol.bob.address);
      await networkHelpers.time.setNextBlockTimestamp(activeFrom);
      await byBob.lockDrawn(protocol.versionId, ZeroHash, 1, 99_999, LOCK, ONE);
    });
    it("refuses to be called twice, or by anyone but governance", async () => {
      await expect(staking.addManager(protocol.court))
        .to.be.revertedWithCustomError(staking, "StakingManagerKnown")
        .withArgs(protocol.court.address);
      await expect(byAlice.addManager(alice))
        .to.be.revertedWithCustomError(staking, "AccessManagedUnauthorized")
        .withArgs(alice.address);
    });
  });

  describe("lockDrawn", () => {
    it("locks the collateral of the one who was drawn", async () => {
      await expect(await lock())
        .to.emit(staking, "Locked")
        .withArgs(protocol.court.address, LOCK, alice.address, parseEther("600"));
      expect([...(await staking.lockOf(protocol.court, LOCK))]).to.deep.equal([alice.address, parseEther("600")]);
      expect((await staking.operatorOf(alice)).locked).to.equal(parseEther("600"));
    });
    it("refuses strangers, nothing and a used id", async () => {
      await expect(byAlice.lockDrawn(protocol.versionId, ZeroHash, 1, 99_999, LOCK, ONE))
        .to.be.revertedWithCustomError(staking, "StakingNotManager")
        .withArgs(alice.address);
      await expect(lock(LOCK, 0n)).to.be.revertedWithCustomError(staking, "StakingAmountZero");
      await lock(LOCK, ONE);
      await expect(lock(LOCK, ONE)).to.be.revertedWithCustomError(staking, "StakingLockExists").withArgs(LOCK);
    });
    it("draws nobody when the version has no slots, or counts none", async () => {
      const none = async (version: string, candidates: number) =>
        byManager.lockDrawn.staticCall(version, ZeroHash, candidates, 99_999, LOCK, ONE);
      expect(await none(id("?"), 5)).to.equal(ZeroAddress);
      expect(await none(protocol.versionId, 0)).to.equal(ZeroAddress);
    });
    it("never draws who is under-collateralised, below the minimum, jailed or tombstoned", async () => {
      const drawn = async (amount = ONE) =>
        byManager.lockDrawn.staticCall(protocol.versionId, ZeroHash, 1, 99_999, id("probe"), amount);
      expect(await drawn(parseEther("1000"))).to.equal(alice.address);
      expect(await drawn(parseEther("1000") + 1n)).to.equal(ZeroAddress);
      await byAlice.unbond(1n);
      expect(await drawn()).to.equal(ZeroAddress);
      await byAlice.deposit(parseEther("100"));
      expect(await drawn()).to.equal(alice.address);
      await lock(LOCK, ONE);
      await byManager.slash(LOCK, LIVENESS, ZeroAddress, ZeroAddress);
      expect(await drawn()).to.equal(ZeroAddress);
    });
    it("does not count opt-ins and deposits made after the commitment", async () => {
      const cutoff = await networkHelpers.time.latestBlock();
      const drawn = async (block: number) =>
        byManager.lockDrawn.staticCall(protocol.versionId, ZeroHash, 1, block, LOCK, ONE);
      expect(await drawn(cutoff)).to.equal(ZeroAddress);
      expect(await drawn(cutoff + 1)).to.equal(alice.address);
      await byAlice.deposit(1n);
      expect(await drawn(cutoff + 1)).to.equal(ZeroAddress);
      expect(await drawn(cutoff + 2)).to.equal(alice.address);
    });
    it("looks at 24 slots and no more", async () => {
      for (const unable of [protocol.bob, protocol.carol]) {
        await join(protocol, unable);
        await staking.connect(unable).unbond(1n);
      }
      // Of three slots only alice's, the first, is able. The search below found where each seed first hits it.
      const hits = (seed: string) =>
        Array.from({ length: 25 }, (_, i) => BigInt(keccak256(concat([seed, toBeHex(i, 32)]))) % 3n).indexOf(0n);
      const [last, beyond] = [id("draw 4623"), id("draw 37876")];
      expect([hits(last), hits(beyond)]).to.deep.equal([23, 24]);
      const draw = async (seed: string) =>
        byManager.lockDrawn.staticCall(protocol.versionId, seed, 3, 99_999, LOCK, ONE);
      expect(await draw(last)).to.equal(alice.address);
      expect(await draw(beyond)).to.equal(ZeroAddress);
    });
    it("draws every operator about equally often", async () => {
      await join(protocol, protocol.bob);
      await join(protocol, protocol.carol);
      const counts = new Map<string, number>();
      for (let i = 0; i < 300; i++) {
        const who = await byManager.lockDrawn.staticCall(protocol.versionId, id(`${i}`), 3, 99_999, LOCK, ONE);
        counts.set(who, (counts.get(who) ?? 0) + 1);
      }
      expect(counts.size).to.equal(3);
      for (const count of counts.values()) expect(count).to.be.within(70, 130);
    });
  });

  describe("release", () => {
    it("frees the whole lock", async () => {
      await lock();
      await expect(byManager.release(LOCK))
        .to.emit(staking, "Released")
        .withArgs(protocol.court.address, LOCK, alice.address, parseEther("600"));
      expect(await staking.freeStakeOf(alice)).to.equal(parseEther("1000"));
    });
    it("refuses locks that are unknown, gone or another manager's", async () => {
      await lock();
      for (const caller of [protocol.stranger, alice]) {
        await expect(staking.connect(caller).release(LOCK))
          .to.be.revertedWithCustomError(staking, "StakingLockUnknown")
          .withArgs(LOCK);
      }
      await byManager.release(LOCK);
      await expect(byManager.release(LOCK)).to.be.revertedWithCustomError(staking, "StakingLockUnknown").withArgs(LOCK);
    });
  });

  describe("slash", () => {
    const slash = async (fault: number, accuser = protocol.accuser.address, harmed = protocol.requester.address) =>
      byManager.slash(LOCK, fault, accuser, harmed);

    describe("given proven fraud", () => {
      it("takes the whole lock and splits it: a quarter to accuser and requester each, half to the sink", async () => {
        await lock();
        const transaction = await slash(FRAUD);
        await expect(transaction)
          .to.emit(staking, "Slashed")
          .withArgs(protocol.court.address, LOCK, alice.address, FRAUD, parseEther("600"), 0, 0);
        await expect(transaction).to.emit(staking, "Tombstoned").withArgs(alice.address);
        const payout = await staking.payoutOf(1);
        expect(payout.payableAt).to.equal((await networkHelpers.time.latest()) + STAKING.payoutDelaySeconds);
        await expect(transaction)
          .to.emit(staking, "PayoutMarked")
          .withArgs(1, protocol.accuser.address, protocol.requester.address, [...payout.amounts], payout.payableAt);
        expect([...payout.amounts]).to.deep.equal([parseEther("150"), parseEther("150"), parseEther("300")]);
        expect(await staking.totalStakeOf(alice)).to.equal(parseEther("400"));
        expect(await status()).to.equal(TOMBSTONED);
      });
      it("gives the shares of nobody to the sink", async () => {
        await lock();
        await slash(FRAUD, ZeroAddress, ZeroAddress);
        expect([...(await staking.payoutOf(1)).amounts]).to.deep.equal([0n, 0n, parseEther("600")]);
      });
      it("loses no unit to rounding", async () => {
        await lock(LOCK, parseEther("600") + 3n);
        await slash(FRAUD);
        const { amounts } = await staking.payoutOf(1);
        expect(amounts.reduce((sum, amount) => sum + amount, 0n)).to.equal(parseEther("600") + 3n);
        expect(amounts[ACCUSER]).to.be.at.most((parseEther("600") + 3n) / 2n);
      });
      it("takes at least the minimum, from unmatured exits first and then from free stake", async () => {
        await lock(LOCK, parseEther("100"));
        await byAlice.unbond(parseEther("150"));
        await byAlice.unbond(parseEther("50"));
        await expect(slash(FRAUD))
          .to.emit(staking, "Slashed")
          .withArgs(
            protocol.court.address,
            LOCK,
            alice.address,
            FRAUD,
            parseEther("100"),
            parseEther("200"),
            parseEther("200"),
          );
        expect(await staking.totalStakeOf(alice)).to.equal(parseEther("500"));
        expect((await staking.unbondingOf(alice)).map(({ amount }) => amount)).to.deep.equal(Array(8).fill(0n));
      });
      it("does not reach a matured exit, withdrawn or not", async () => {
        await byAlice.unbond(parseEther("900"));
        await networkHelpers.time.increase(STAKING.unbondingSeconds);
        await byAlice.deposit(parseEther("900"));
        await lock(LOCK, parseEther("100"));
        await byAlice.unbond(parseEther("900"));
        await slash(FRAUD);
        expect((await staking.unbondingOf(alice)).map(({ amount }) => amount).slice(0, 2)).to.deep.equal([
          parseEther("900"),
          parseEther("500"),
        ]);
        await expect(staking.withdraw(alice, 0)).to.changeTokenBalance(
          ethers,
          protocol.token,
          alice,
          parseEther("900"),
        );
      });
      it("reaches an exit in the second before it matures, not in the second in which it does", async () => {
        await byAlice.deposit(parseEther("500"));
        await lock(LOCK, parseEther("100"));
        await byAlice.unbond(parseEther("1400"));
        const releaseAt = Number((await staking.unbondingOf(alice))[0]?.releaseAt);
        const snapshot = await networkHelpers.takeSnapshot();
        for (const [at, left] of [
          [releaseAt - 1, parseEther("1000")],
          [releaseAt, parseEther("1400")],
        ] as const) {
          await networkHelpers.time.setNextBlockTimestamp(at);
          await slash(FRAUD);
          expect((await staking.unbondingOf(alice))[0]?.amount).to.equal(left);
          await snapshot.restore();
        }
      });
      it("never reaches the locks of other requests, and takes the same in either order", async () => {
        const taken: bigint[][] = [];
        for (const order of [
          [LOCK, id("b")],
          [id("b"), LOCK],
        ]) {
          const snapshot = await networkHelpers.takeSnapshot();
          await lock(LOCK, parseEther("300"));
          await lock(id("b"), parseEther("600"));
          const amounts = new Map<string, bigint>();
          for (const lockId of order) {
            amounts.set(lockId, await byManager.slash.staticCall(lockId, FRAUD, ZeroAddress, ZeroAddress));
            await byManager.slash(lockId, FRAUD, ZeroAddress, ZeroAddress);
          }
          taken.push([amounts.get(LOCK) ?? 0n, amounts.get(id("b")) ?? 0n]);
          await snapshot.restore();
        }
        expect(taken[0]).to.deep.equal([parseEther("400"), parseEther("600")]);
        expect(taken[1]).to.deep.equal(taken[0]);
      });
      it("cannot be escaped by unbonding, opting out, rotating the key or jail", async () => {
        await lock();
        await byAlice.unbond(parseEther("400"));
        await byAlice.optOut(protocol.versionId);
        await byAlice.rotateSigningKey(protocol.bob);
        await networkHelpers.time.increase(STAKING.unbondingSeconds);
        await staking.withdraw(alice, 0);
        expect(await byManager.slash.staticCall(LOCK, FRAUD, ZeroAddress, ZeroAddress)).to.equal(parseEther("600"));
      });
      it("works on a tombstoned operator, which stays one after lesser faults", async () => {
        await lock(LOCK, parseEther("500"));
        await lock(id("b"), parseEther("400"));
        await lock(id("c"), parseEther("100"));
        await slash(FRAUD);
        await byManager.slash(id("c"), LIVENESS, ZeroAddress, ZeroAddress);
        expect(await status()).to.equal(TOMBSTONED);
        await expect(byManager.slash(id("b"), FRAUD, ZeroAddress, ZeroAddress)).to.not.emit(staking, "Tombstoned");
        expect(await status()).to.equal(TOMBSTONED);
        expect(await staking.totalStakeOf(alice)).to.equal(0n);
      });
      it("happens once", async () => {
        await lock();
        await slash(FRAUD);
        await expect(slash(FRAUD)).to.be.revertedWithCustomError(staking, "StakingLockUnknown").withArgs(LOCK);
      });
    });

    describe("given a liveness fault", () => {
      it("takes the small fixed amount, frees the rest and jails", async () => {
        await lock();
        const transaction = await slash(LIVENESS, ZeroAddress);
        await expect(transaction)
          .to.emit(staking, "Jailed")
          .withArgs(alice.address, (await networkHelpers.time.latest()) + DAY);
        expect(await staking.freeStakeOf(alice)).to.equal(parseEther("990"));
        expect([...(await staking.payoutOf(1)).amounts]).to.deep.equal([0n, parseEther("2.5"), parseEther("7.5")]);
        expect(await status()).to.equal(JAILED);
        expect(await staking.jailedUntil(alice)).to.equal((await networkHelpers.time.latest()) + DAY);
      });
      it("takes no more than the lock", async () => {
        await lock(LOCK, 7n);
        await slash(LIVENESS);
        expect(await staking.totalStakeOf(alice)).to.equal(STAKING.minimumStake - 7n);
      });
      it("marks no payout when the penalty is zero", async () => {
        const free = await ethers.deployContract("OperatorStaking", [
          protocol.authority,
          protocol.token,
          protocol.registry,
          protocol.sink,
          { ...STAKING, livenessPenalty: 0n },
        ]);
        await free.addManager(protocol.court);
        await protocol.token.connect(alice).approve(free, parseEther("1000"));
        const byFreeAlice = free.connect(alice);
        await byFreeAlice.deposit(STAKING.minimumStake);
        await byFreeAlice.rotateSigningKey(alice);
        await byFreeAlice.optIn(protocol.versionId);
        const byFreeManager = free.connect(protocol.court);
        await byFreeManager.lockDrawn(protocol.versionId, ZeroHash, 1, 99_999, LOCK, ONE);
        await byFreeManager.slash(LOCK, LIVENESS, ZeroAddress, ZeroAddress);
        expect(await free.payoutCount()).to.equal(0n);
      });
    });
  });

  describe("unjail", () => {
    it("refuses who is not jailed", async () => {
      await expect(byAlice.unjail()).to.be.revertedWithCustomError(staking, "StakingNotJailed").withArgs(alice.address);
    });
    it("is explicit, after the time, with the minimum stake, and counts from then", async () => {
      await lock(LOCK, ONE);
      await byManager.slash(LOCK, LIVENESS, ZeroAddress, ZeroAddress);
      const until = await staking.jailedUntil(alice);
      await expect(byAlice.unjail()).to.be.revertedWithCustomError(staking, "StakingJailPending").withArgs(until);
      await networkHelpers.time.increaseTo(until);
      await expect(byAlice.unjail())
        .to.be.revertedWithCustomError(staking, "StakingBelowMinimum")
        .withArgs(parseEther("999"), STAKING.minimumStake);
      await byAlice.deposit(ONE);
      await networkHelpers.mine(3);
      await expect(byAlice.unjail()).to.emit(staking, "Unjailed").withArgs(alice.address);
      expect(await status()).to.equal(ACTIVE);
      expect((await staking.operatorOf(alice)).countedFrom).to.equal(await networkHelpers.time.latestBlock());
    });
    it("is possible from the second on in which the jail ends", async () => {
      await byAlice.deposit(STAKING.livenessPenalty);
      await lock(LOCK, parseEther("20"));
      await byManager.slash(LOCK, LIVENESS, ZeroAddress, ZeroAddress);
      const until = await staking.jailedUntil(alice);
      await networkHelpers.time.setNextBlockTimestamp(until - 1n);
      await expect(byAlice.unjail()).to.be.revertedWithCustomError(staking, "StakingJailPending").withArgs(until);
      await networkHelpers.time.setNextBlockTimestamp(until);
      await byAlice.unjail();
      expect(await status()).to.equal(ACTIVE);
    });
    it("never lifts a tombstone", async () => {
      await lock();
      await byManager.slash(LOCK, FRAUD, ZeroAddress, ZeroAddress);
      await networkHelpers.time.increase(100 * DAY);
      await expect(byAlice.unjail()).to.be.revertedWithCustomError(staking, "StakingNotJailed").withArgs(alice.address);
      await expect(staking.connect(protocol.stranger).evict(alice, protocol.versionId)).to.emit(staking, "Evicted");
    });
  });

  describe("payPayout and freezePayout", () => {
    beforeEach(async () => {
      await lock();
      await byManager.slash(LOCK, FRAUD, protocol.accuser, protocol.requester);
    });
    const shares = [ACCUSER, HARMED, SINK];

    it("pay each share once, after the airgap", async () => {
      const { payableAt } = await staking.payoutOf(1);
      for (const share of shares) {
        await expect(staking.payPayout(1, share))
          .to.be.revertedWithCustomError(staking, "StakingPayoutPending")
          .withArgs(payableAt);
      }
      const snapshot = await networkHelpers.takeSnapshot();
      await networkHelpers.time.setNextBlockTimestamp(payableAt - 1n);
      await expect(staking.payPayout(1, SINK)).to.be.revertedWithCustomError(staking, "StakingPayoutPending");
      await networkHelpers.time.setNextBlockTimestamp(payableAt);
      await staking.payPayout(1, SINK);
      await snapshot.restore();
      await networkHelpers.time.increaseTo(payableAt);
      const recipients = [protocol.accuser, protocol.requester, protocol.sink];
      const amounts = [parseEther("150"), parseEther("150"), parseEther("300")];
      for (const share of shares) {
        const [recipient, amount] = [recipients[share] ?? protocol.stranger, amounts[share] ?? 0n];
        const payment = staking.connect(protocol.stranger).payPayout(1, share);
        await expect(payment).to.changeTokenBalance(ethers, protocol.token, recipient, amount);
        await expect(payment).to.emit(staking, "PayoutPaid").withArgs(1, share, recipient.address, amount);
        await expect(staking.payPayout(1, share))
          .to.be.revertedWithCustomError(staking, "StakingPayoutUnknown")
          .withArgs(1, share);
      }
      expect(await staking.totalHeld()).to.equal(parseEther("400"));
      expect(await protocol.token.balanceOf(staking)).to.equal(parseEther("400"));
    });
    it("let governance postpone once, by a fixed time, and nothing else", async () => {
      const { payableAt } = await staking.payoutOf(1);
      await expect(byAlice.freezePayout(1)).to.be.revertedWithCustomError(staking, "AccessManagedUnauthorized");
      await expect(staking.freezePayout(1))
        .to.emit(staking, "PayoutFrozen")
        .withArgs(1, payableAt + BigInt(STAKING.freezeSeconds));
      await expect(staking.freezePayout(1))
        .to.be.revertedWithCustomError(staking, "StakingPayoutFrozenBefore")
        .withArgs(1);
      await expect(staking.freezePayout(2))
        .to.be.revertedWithCustomError(staking, "StakingPayoutUnknown")
        .withArgs(2, SINK);
      await networkHelpers.time.increaseTo(payableAt + BigInt(STAKING.freezeSeconds));
      await staking.payPayout(1, ACCUSER);
    });
    it("make accusing oneself, even over one's own request, a loss of half", async () => {
      await join(protocol, protocol.bob, parseEther("2000"));
      let seed = 0;
      const cutoff = 99_999;
      const draw = async () =>
        byManager.lockDrawn.staticCall(protocol.versionId, id(`${seed}`), 2, cutoff, id("self"), parseEther("1000"));
      while ((await draw()) !== protocol.bob.address) seed++;
      await byManager.lockDrawn(protocol.versionId, id(`${seed}`), 2, cutoff, id("self"), parseEther("1000"));
      await byManager.slash(id("self"), FRAUD, protocol.bob, protocol.bob);
      await networkHelpers.time.increase(STAKING.payoutDelaySeconds);
      const before = await protocol.token.balanceOf(protocol.bob);
      await staking.payPayout(2, ACCUSER);
      await staking.payPayout(2, HARMED);
      expect((await protocol.token.balanceOf(protocol.bob)) - before).to.equal(parseEther("500"));
    });
  });

  describe("a donation", () => {
    it("changes nobody's claim", async () => {
      await protocol.token.connect(protocol.bob).transfer(staking, parseEther("77"));
      expect(await staking.totalHeld()).to.equal(STAKING.minimumStake);
      await byAlice.unbond(STAKING.minimumStake);
      await networkHelpers.time.increase(STAKING.unbondingSeconds);
      await staking.withdraw(alice, 0);
      expect(await staking.totalHeld()).to.equal(0n);
      expect(await protocol.token.balanceOf(staking)).to.equal(parseEther("77"));
    });
  });

  describe("a recipient that the token refuses", () => {
    it("holds up its own share only", async () => {
      const token = await ethers.deployContract("TokenMock");
      const other = await deployProtocol(connection, await token.getAddress());
      await other.staking.addManager(other.court);
      await join(other, other.alice);
      const manager = other.staking.connect(other.court);
      const [event] = await eventsOf(
        other.staking,
        await manager.lockDrawn(other.versionId, ZeroHash, 1, 99_999, LOCK, parseEther("600")),
      );
      expect(event?.name).to.equal("Locked");
      await manager.slash(LOCK, FRAUD, other.accuser, other.requester);
      await token.setRefused(other.accuser);
      await networkHelpers.time.increase(STAKING.payoutDelaySeconds);
      await expect(other.staking.payPayout(1, ACCUSER)).to.be.revertedWithCustomError(
        other.staking,
        "SafeERC20FailedOperation",
      );
      await other.staking.payPayout(1, HARMED);
      await other.staking.payPayout(1, SINK);
    });
  });

  describe("constructor", () => {
    it("refuses a minimum stake of zero and a missing sink", async () => {
      const deploy = async (sink: string, minimumStake: bigint) =>
        ethers.deployContract("OperatorStaking", [
          protocol.authority,
          protocol.token,
          protocol.registry,
          sink,
          { ...STAKING, minimumStake },
        ]);
      await expect(deploy(ZeroAddress, 1n)).to.be.revertedWithCustomError(staking, "StakingAmountZero");
      await expect(deploy(alice.address, 0n)).to.be.revertedWithCustomError(staking, "StakingAmountZero");
    });
  });
});
