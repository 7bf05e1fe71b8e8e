import { expect } from "chai";
import { concat, id, keccak256, parseEther, toBeHex, ZeroAddress, ZeroHash } from "ethers";

import { DAY, join, STAKING, type Protocol, type Signer } from "../support/protocol.ts";
import {
  ACCUSER,
  ethers,
  FRAUD,
  JAILED,
  LIVENESS,
  LOCK,
  lockNow,
  networkHelpers,
  ONE,
  stakedProtocol,
  TOMBSTONED,
} from "../support/staking.ts";

describe("OperatorStaking", () => {
  let protocol: Protocol;
  let staking: Protocol["staking"];
  let alice: Signer;
  let byAlice: typeof staking;
  let byManager: typeof staking;
  beforeEach(async () => {
    protocol = await networkHelpers.loadFixture(stakedProtocol);
    ({ staking, alice } = protocol);
    byAlice = staking.connect(alice);
    byManager = staking.connect(protocol.court);
  });

  const lock = (lockId?: string, amount?: bigint) => lockNow(protocol, lockId, amount);
  const status = async () => (await staking.operatorOf(alice)).status;

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
      await expect(deploy(ZeroAddress, 1n))
        .to.be.revertedWithCustomError(staking, "StakingParameterZero")
        .withArgs("sink");
      await expect(deploy(alice.address, 0n))
        .to.be.revertedWithCustomError(staking, "StakingParameterZero")
        .withArgs("minimumStake");
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
    it("locks nothing when it draws nobody, and the id stays free", async () => {
      const none = byManager.lockDrawn(protocol.versionId, ZeroHash, 0, 99_999, LOCK, ONE);
      await expect(none).to.not.emit(staking, "Locked");
      expect([...(await staking.lockOf(protocol.court, LOCK))]).to.deep.equal([ZeroAddress, 0n]);
      expect((await staking.operatorOf(ZeroAddress)).locked).to.equal(0n);
      await lock();
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
    const slash = async (fault: bigint, accuser = protocol.accuser.address, harmed = protocol.requester.address) =>
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
      it("leaves of the last exit it needs what is above the minimum", async () => {
        await lock(LOCK, parseEther("100"));
        await byAlice.unbond(parseEther("150"));
        await byAlice.unbond(parseEther("300"));
        await byAlice.unbond(parseEther("50"));
        expect(await byManager.slash.staticCall(LOCK, FRAUD, ZeroAddress, ZeroAddress)).to.equal(STAKING.fraudMinimum);
        await slash(FRAUD);
        expect((await staking.unbondingOf(alice)).slice(0, 3).map(({ amount }) => amount)).to.deep.equal([
          0n,
          parseEther("50"),
          parseEther("50"),
        ]);
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
});
