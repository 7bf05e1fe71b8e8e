import { expect } from "chai";
import { concat, id, keccak256, parseEther, toBeHex, ZeroAddress, ZeroHash } from "ethers";

import { DAY, join, STAKING } from "../support/protocol.ts";
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
  TOMBSTONED,
  useProtocol,
} from "../support/staking.ts";

describe("OperatorStaking", () => {
  const protocol = useProtocol();

  const lock = (lockId?: string, amount?: bigint) => lockNow(protocol, lockId, amount);
  const status = async () => (await protocol.staking.operatorOf(protocol.alice)).status;

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
        .to.be.revertedWithCustomError(protocol.staking, "StakingParameterZero")
        .withArgs("sink");
      await expect(deploy(protocol.alice.address, 0n))
        .to.be.revertedWithCustomError(protocol.staking, "StakingParameterZero")
        .withArgs("minimumStake");
    });
  });

  describe("addManager", () => {
    it("counts at once on the first day, whoever deposits, later only after everyone could leave", async () => {
      const until = await protocol.staking.SETUP_UNTIL();
      await networkHelpers.time.setNextBlockTimestamp(until - 1n);
      await expect(protocol.staking.addManager(protocol.carol))
        .to.emit(protocol.staking, "ManagerAdded")
        .withArgs(protocol.carol.address, until - 1n);
      await networkHelpers.time.setNextBlockTimestamp(until);
      const activeFrom = until + BigInt(STAKING.unbondingSeconds + DAY);
      await expect(protocol.staking.addManager(protocol.bob))
        .to.emit(protocol.staking, "ManagerAdded")
        .withArgs(protocol.bob.address, activeFrom);
      expect(await protocol.staking.managerActiveFrom(protocol.bob)).to.equal(activeFrom);
      const byBob = protocol.staking.connect(protocol.bob);
      await expect(byBob.lockDrawn(protocol.versionId, ZeroHash, 1, 99_999, LOCK, ONE))
        .to.be.revertedWithCustomError(protocol.staking, "StakingNotManager")
        .withArgs(protocol.bob.address);
      await networkHelpers.time.setNextBlockTimestamp(activeFrom);
      await byBob.lockDrawn(protocol.versionId, ZeroHash, 1, 99_999, LOCK, ONE);
    });
    it("refuses to be called twice, or by anyone but governance", async () => {
      await expect(protocol.staking.addManager(protocol.court))
        .to.be.revertedWithCustomError(protocol.staking, "StakingManagerKnown")
        .withArgs(protocol.court.address);
      await expect(protocol.byAlice.addManager(protocol.alice))
        .to.be.revertedWithCustomError(protocol.staking, "AccessManagedUnauthorized")
        .withArgs(protocol.alice.address);
    });
  });

  describe("lockDrawn", () => {
    it("locks the collateral of the one who was drawn", async () => {
      await expect(await lock())
        .to.emit(protocol.staking, "Locked")
        .withArgs(protocol.court.address, LOCK, protocol.alice.address, parseEther("600"));
      expect([...(await protocol.staking.lockOf(protocol.court, LOCK))]).to.deep.equal([
        protocol.alice.address,
        parseEther("600"),
      ]);
      expect((await protocol.staking.operatorOf(protocol.alice)).locked).to.equal(parseEther("600"));
    });
    it("refuses strangers, nothing and a used id", async () => {
      await expect(protocol.byAlice.lockDrawn(protocol.versionId, ZeroHash, 1, 99_999, LOCK, ONE))
        .to.be.revertedWithCustomError(protocol.staking, "StakingNotManager")
        .withArgs(protocol.alice.address);
      await expect(lock(LOCK, 0n)).to.be.revertedWithCustomError(protocol.staking, "StakingAmountZero");
      await lock(LOCK, ONE);
      await expect(lock(LOCK, ONE)).to.be.revertedWithCustomError(protocol.staking, "StakingLockExists").withArgs(LOCK);
    });
    it("draws nobody when the version has no slots, or counts none", async () => {
      const none = async (version: string, candidates: number) =>
        protocol.byManager.lockDrawn.staticCall(version, ZeroHash, candidates, 99_999, LOCK, ONE);
      expect(await none(id("?"), 5)).to.equal(ZeroAddress);
      expect(await none(protocol.versionId, 0)).to.equal(ZeroAddress);
    });
    it("locks nothing when it draws nobody, and the id stays free", async () => {
      const none = protocol.byManager.lockDrawn(protocol.versionId, ZeroHash, 0, 99_999, LOCK, ONE);
      await expect(none).to.not.emit(protocol.staking, "Locked");
      expect([...(await protocol.staking.lockOf(protocol.court, LOCK))]).to.deep.equal([ZeroAddress, 0n]);
      expect((await protocol.staking.operatorOf(ZeroAddress)).locked).to.equal(0n);
      await lock();
    });
    it("never draws who is under-collateralised, below the minimum, jailed or tombstoned", async () => {
      const drawn = async (amount = ONE) =>
        protocol.byManager.lockDrawn.staticCall(protocol.versionId, ZeroHash, 1, 99_999, id("probe"), amount);
      expect(await drawn(parseEther("1000"))).to.equal(protocol.alice.address);
      expect(await drawn(parseEther("1000") + 1n)).to.equal(ZeroAddress);
      await protocol.byAlice.unbond(1n);
      expect(await drawn()).to.equal(ZeroAddress);
      await protocol.byAlice.deposit(parseEther("100"));
      expect(await drawn()).to.equal(protocol.alice.address);
      await lock(LOCK, ONE);
      await protocol.byManager.slash(LOCK, LIVENESS, ZeroAddress, ZeroAddress);
      expect(await drawn()).to.equal(ZeroAddress);
    });
    it("does not count opt-ins and deposits made after the commitment", async () => {
      const cutoff = await networkHelpers.time.latestBlock();
      const drawn = async (block: number) =>
        protocol.byManager.lockDrawn.staticCall(protocol.versionId, ZeroHash, 1, block, LOCK, ONE);
      expect(await drawn(cutoff)).to.equal(ZeroAddress);
      expect(await drawn(cutoff + 1)).to.equal(protocol.alice.address);
      await protocol.byAlice.deposit(1n);
      expect(await drawn(cutoff + 1)).to.equal(ZeroAddress);
      expect(await drawn(cutoff + 2)).to.equal(protocol.alice.address);
    });
    it("looks at 24 slots and no more", async () => {
      for (const unable of [protocol.bob, protocol.carol]) {
        await join(protocol, unable);
        await protocol.staking.connect(unable).unbond(1n);
      }
      // Of three slots only alice's, the first, is able. The search below found where each seed first hits it.
      const hits = (seed: string) =>
        Array.from({ length: 25 }, (_, i) => BigInt(keccak256(concat([seed, toBeHex(i, 32)]))) % 3n).indexOf(0n);
      const [last, beyond] = [id("draw 4623"), id("draw 37876")];
      expect([hits(last), hits(beyond)]).to.deep.equal([23, 24]);
      const draw = async (seed: string) =>
        protocol.byManager.lockDrawn.staticCall(protocol.versionId, seed, 3, 99_999, LOCK, ONE);
      expect(await draw(last)).to.equal(protocol.alice.address);
      expect(await draw(beyond)).to.equal(ZeroAddress);
    });
    it("draws every operator about equally often", async () => {
      await join(protocol, protocol.bob);
      await join(protocol, protocol.carol);
      const counts = new Map<string, number>();
      for (let i = 0; i < 300; i++) {
        const who = await protocol.byManager.lockDrawn.staticCall(protocol.versionId, id(`${i}`), 3, 99_999, LOCK, ONE);
        counts.set(who, (counts.get(who) ?? 0) + 1);
      }
      expect(counts.size).to.equal(3);
      for (const count of counts.values()) expect(count).to.be.within(70, 130);
    });
  });

  describe("release", () => {
    it("frees the whole lock", async () => {
      await lock();
      await expect(protocol.byManager.release(LOCK))
        .to.emit(protocol.staking, "Released")
        .withArgs(protocol.court.address, LOCK, protocol.alice.address, parseEther("600"));
      expect(await protocol.staking.freeStakeOf(protocol.alice)).to.equal(parseEther("1000"));
    });
    it("refuses locks that are unknown, gone or another manager's", async () => {
      await lock();
      for (const caller of [protocol.stranger, protocol.alice]) {
        await expect(protocol.staking.connect(caller).release(LOCK))
          .to.be.revertedWithCustomError(protocol.staking, "StakingLockUnknown")
          .withArgs(LOCK);
      }
      await protocol.byManager.release(LOCK);
      await expect(protocol.byManager.release(LOCK))
        .to.be.revertedWithCustomError(protocol.staking, "StakingLockUnknown")
        .withArgs(LOCK);
    });
  });

  describe("slash", () => {
    const slash = async (fault: bigint, accuser = protocol.accuser.address, harmed = protocol.requester.address) =>
      protocol.byManager.slash(LOCK, fault, accuser, harmed);

    describe("given proven fraud", () => {
      it("takes the whole lock and splits it: a quarter to accuser and requester each, half to the sink", async () => {
        await lock();
        const transaction = await slash(FRAUD);
        await expect(transaction)
          .to.emit(protocol.staking, "Slashed")
          .withArgs(protocol.court.address, LOCK, protocol.alice.address, FRAUD, parseEther("600"), 0, 0);
        await expect(transaction).to.emit(protocol.staking, "Tombstoned").withArgs(protocol.alice.address);
        const payout = await protocol.staking.payoutOf(1);
        expect(payout.payableAt).to.equal((await networkHelpers.time.latest()) + STAKING.payoutDelaySeconds);
        await expect(transaction)
          .to.emit(protocol.staking, "PayoutMarked")
          .withArgs(1, protocol.accuser.address, protocol.requester.address, [...payout.amounts], payout.payableAt);
        expect([...payout.amounts]).to.deep.equal([parseEther("150"), parseEther("150"), parseEther("300")]);
        expect(await protocol.staking.totalStakeOf(protocol.alice)).to.equal(parseEther("400"));
        expect(await status()).to.equal(TOMBSTONED);
      });
      it("gives the shares of nobody to the sink", async () => {
        await lock();
        await slash(FRAUD, ZeroAddress, ZeroAddress);
        expect([...(await protocol.staking.payoutOf(1)).amounts]).to.deep.equal([0n, 0n, parseEther("600")]);
      });
      it("loses no unit to rounding", async () => {
        await lock(LOCK, parseEther("600") + 3n);
        await slash(FRAUD);
        const { amounts } = await protocol.staking.payoutOf(1);
        expect(amounts.reduce((sum, amount) => sum + amount, 0n)).to.equal(parseEther("600") + 3n);
        expect(amounts[ACCUSER]).to.be.at.most((parseEther("600") + 3n) / 2n);
      });
      it("takes at least the minimum, from unmatured exits first and then from free stake", async () => {
        await lock(LOCK, parseEther("100"));
        await protocol.byAlice.unbond(parseEther("150"));
        await protocol.byAlice.unbond(parseEther("50"));
        await expect(slash(FRAUD))
          .to.emit(protocol.staking, "Slashed")
          .withArgs(
            protocol.court.address,
            LOCK,
            protocol.alice.address,
            FRAUD,
            parseEther("100"),
            parseEther("200"),
            parseEther("200"),
          );
        expect(await protocol.staking.totalStakeOf(protocol.alice)).to.equal(parseEther("500"));
        expect((await protocol.staking.unbondingOf(protocol.alice)).map(({ amount }) => amount)).to.deep.equal(
          Array(8).fill(0n),
        );
      });
      it("leaves of the last exit it needs what is above the minimum", async () => {
        await lock(LOCK, parseEther("100"));
        await protocol.byAlice.unbond(parseEther("150"));
        await protocol.byAlice.unbond(parseEther("300"));
        await protocol.byAlice.unbond(parseEther("50"));
        expect(await protocol.byManager.slash.staticCall(LOCK, FRAUD, ZeroAddress, ZeroAddress)).to.equal(
          STAKING.fraudMinimum,
        );
        await slash(FRAUD);
        expect(
          (await protocol.staking.unbondingOf(protocol.alice)).slice(0, 3).map(({ amount }) => amount),
        ).to.deep.equal([0n, parseEther("50"), parseEther("50")]);
      });
      it("does not reach a matured exit, withdrawn or not", async () => {
        await protocol.byAlice.unbond(parseEther("900"));
        await networkHelpers.time.increase(STAKING.unbondingSeconds);
        await protocol.byAlice.deposit(parseEther("900"));
        await lock(LOCK, parseEther("100"));
        await protocol.byAlice.unbond(parseEther("900"));
        await slash(FRAUD);
        expect(
          (await protocol.staking.unbondingOf(protocol.alice)).map(({ amount }) => amount).slice(0, 2),
        ).to.deep.equal([parseEther("900"), parseEther("500")]);
        await expect(protocol.staking.withdraw(protocol.alice, 0)).to.changeTokenBalance(
          ethers,
          protocol.token,
          protocol.alice,
          parseEther("900"),
        );
      });
      it("reaches an exit in the second before it matures, not in the second in which it does", async () => {
        await protocol.byAlice.deposit(parseEther("500"));
        await lock(LOCK, parseEther("100"));
        await protocol.byAlice.unbond(parseEther("1400"));
        const releaseAt = Number((await protocol.staking.unbondingOf(protocol.alice))[0]?.releaseAt);
        const snapshot = await networkHelpers.takeSnapshot();
        for (const [at, left] of [
          [releaseAt - 1, parseEther("1000")],
          [releaseAt, parseEther("1400")],
        ] as const) {
          await networkHelpers.time.setNextBlockTimestamp(at);
          await slash(FRAUD);
          expect((await protocol.staking.unbondingOf(protocol.alice))[0]?.amount).to.equal(left);
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
            amounts.set(lockId, await protocol.byManager.slash.staticCall(lockId, FRAUD, ZeroAddress, ZeroAddress));
            await protocol.byManager.slash(lockId, FRAUD, ZeroAddress, ZeroAddress);
          }
          taken.push([amounts.get(LOCK) ?? 0n, amounts.get(id("b")) ?? 0n]);
          await snapshot.restore();
        }
        expect(taken[0]).to.deep.equal([parseEther("400"), parseEther("600")]);
        expect(taken[1]).to.deep.equal(taken[0]);
      });
      it("cannot be escaped by unbonding, opting out, rotating the key or jail", async () => {
        await lock();
        await protocol.byAlice.unbond(parseEther("400"));
        await protocol.byAlice.optOut(protocol.versionId);
        await protocol.byAlice.rotateSigningKey(protocol.bob);
        await networkHelpers.time.increase(STAKING.unbondingSeconds);
        await protocol.staking.withdraw(protocol.alice, 0);
        expect(await protocol.byManager.slash.staticCall(LOCK, FRAUD, ZeroAddress, ZeroAddress)).to.equal(
          parseEther("600"),
        );
      });
      it("works on a tombstoned operator, which stays one after lesser faults", async () => {
        await lock(LOCK, parseEther("500"));
        await lock(id("b"), parseEther("400"));
        await lock(id("c"), parseEther("100"));
        await slash(FRAUD);
        await protocol.byManager.slash(id("c"), LIVENESS, ZeroAddress, ZeroAddress);
        expect(await status()).to.equal(TOMBSTONED);
        await expect(protocol.byManager.slash(id("b"), FRAUD, ZeroAddress, ZeroAddress)).to.not.emit(
          protocol.staking,
          "Tombstoned",
        );
        expect(await status()).to.equal(TOMBSTONED);
        expect(await protocol.staking.totalStakeOf(protocol.alice)).to.equal(0n);
      });
      it("happens once", async () => {
        await lock();
        await slash(FRAUD);
        await expect(slash(FRAUD)).to.be.revertedWithCustomError(protocol.staking, "StakingLockUnknown").withArgs(LOCK);
      });
    });

    describe("given a liveness fault", () => {
      it("takes the small fixed amount, frees the rest and jails", async () => {
        await lock();
        const transaction = await slash(LIVENESS, ZeroAddress);
        await expect(transaction)
          .to.emit(protocol.staking, "Jailed")
          .withArgs(protocol.alice.address, (await networkHelpers.time.latest()) + DAY);
        expect(await protocol.staking.freeStakeOf(protocol.alice)).to.equal(parseEther("990"));
        expect([...(await protocol.staking.payoutOf(1)).amounts]).to.deep.equal([
          0n,
          parseEther("2.5"),
          parseEther("7.5"),
        ]);
        expect(await status()).to.equal(JAILED);
        expect(await protocol.staking.jailedUntil(protocol.alice)).to.equal((await networkHelpers.time.latest()) + DAY);
      });
      it("takes no more than the lock", async () => {
        await lock(LOCK, 7n);
        await slash(LIVENESS);
        expect(await protocol.staking.totalStakeOf(protocol.alice)).to.equal(STAKING.minimumStake - 7n);
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
        await protocol.token.connect(protocol.alice).approve(free, parseEther("1000"));
        const byFreeAlice = free.connect(protocol.alice);
        await byFreeAlice.deposit(STAKING.minimumStake);
        await byFreeAlice.rotateSigningKey(protocol.alice);
        await byFreeAlice.optIn(protocol.versionId);
        const byFreeManager = free.connect(protocol.court);
        await byFreeManager.lockDrawn(protocol.versionId, ZeroHash, 1, 99_999, LOCK, ONE);
        await byFreeManager.slash(LOCK, LIVENESS, ZeroAddress, ZeroAddress);
        expect(await free.payoutCount()).to.equal(0n);
      });
    });
  });
});
