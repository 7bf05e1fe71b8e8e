import { expect } from "chai";
import { id, parseEther, ZeroAddress } from "ethers";

import { DAY, STAKING, type Protocol, type Signer } from "../support/protocol.ts";
import {
  ACCUSER,
  ACTIVE,
  ethers,
  FRAUD,
  JAILED,
  LIVENESS,
  LOCK,
  lockNow,
  networkHelpers,
  ONE,
  OUTCOME,
  since,
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

  const lock = (lockId?: string, amount?: bigint, stake?: bigint) => lockNow(protocol, lockId, amount, alice, stake);
  const status = async () => (await staking.operatorOf(alice)).status;

  describe("constructor", () => {
    it("refuses a minimum stake of zero and a missing sink", async () => {
      const deploy = async (sink: string, minimumStake: bigint) =>
        ethers.deployContract("OperatorStaking", [
          protocol.authority,
          protocol.token,
          sink,
          { ...STAKING, minimumStake },
        ]);
      await expect(deploy(ZeroAddress, 1n))
        .to.be.revertedWithCustomError(staking, "StakingParameterOutOfRange")
        .withArgs("sink", 0);
      await expect(deploy(alice.address, 0n))
        .to.be.revertedWithCustomError(staking, "StakingParameterOutOfRange")
        .withArgs("minimumStake", 0);
    });
  });

  describe("addManager", () => {
    it("counts at once on the first day, whoever deposits, later only after everyone could leave", async () => {
      const until = await staking.SETUP_UNTIL();
      await networkHelpers.time.setNextBlockTimestamp(until - 2n);
      await expect(staking.addManager(protocol.carol))
        .to.emit(staking, "ManagerAdded")
        .withArgs(protocol.carol.address, until - 2n);
      await lockNow({ ...protocol, court: protocol.carol });

      await networkHelpers.time.setNextBlockTimestamp(until);
      const activeFrom = until + BigInt(STAKING.unbondingSeconds + DAY);
      await expect(staking.addManager(protocol.bob))
        .to.emit(staking, "ManagerAdded")
        .withArgs(protocol.bob.address, activeFrom);
      expect(await staking.managerActiveFrom(protocol.bob)).to.equal(activeFrom);
      const byBob = { ...protocol, court: protocol.bob };
      await expect(lockNow(byBob))
        .to.be.revertedWithCustomError(staking, "StakingNotManager")
        .withArgs(protocol.bob.address);
      await networkHelpers.time.setNextBlockTimestamp(activeFrom);
      await lockNow(byBob);
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
      await expect(lockNow({ ...protocol, court: alice }))
        .to.be.revertedWithCustomError(staking, "StakingNotManager")
        .withArgs(alice.address);
      await expect(lock(LOCK, 0n)).to.be.revertedWithCustomError(staking, "StakingAmountZero");
      await lock(LOCK, ONE);
      await expect(lock(LOCK, ONE)).to.be.revertedWithCustomError(staking, "StakingLockExists").withArgs(LOCK);
    });

    const outcomeOf = async (amount: bigint, stake = STAKING.minimumStake, capacity = 1_000) =>
      Number(await byManager.lockDrawn.staticCall(alice, stake, capacity, amount, id("probe")));
    it("finds the operator busy when its stake is in other locks, and takes nothing", async () => {
      await lock(LOCK, parseEther("600"));
      expect(await outcomeOf(parseEther("400"))).to.equal(OUTCOME.drawn);
      expect(await outcomeOf(parseEther("400") + 1n)).to.equal(OUTCOME.busy);
      await byManager.lockDrawn(alice, STAKING.minimumStake, 1_000, parseEther("401"), id("b"));
      expect([...(await staking.lockOf(protocol.court, id("b")))]).to.deep.equal([ZeroAddress, 0n]);
      expect(await staking.totalStakeOf(alice)).to.equal(STAKING.minimumStake);
    });
    it("finds the operator busy at its capacity, over all versions", async () => {
      await lock(LOCK, ONE);
      expect(await outcomeOf(ONE, STAKING.minimumStake, 2)).to.equal(OUTCOME.drawn);
      expect(await outcomeOf(ONE, STAKING.minimumStake, 1)).to.equal(OUTCOME.busy);
      await byManager.release(LOCK);
      expect(await outcomeOf(ONE, STAKING.minimumStake, 1)).to.equal(OUTCOME.drawn);
    });
    it("finds a jailed and a tombstoned operator busy: that has its own penalty", async () => {
      await lock(LOCK, ONE);
      await lock(id("b"), ONE);
      await byManager.slash(LOCK, LIVENESS, await since(), ZeroAddress, ZeroAddress);
      expect(await outcomeOf(ONE)).to.equal(OUTCOME.busy);
      await byManager.slash(id("b"), FRAUD, await since(), ZeroAddress, ZeroAddress);
      expect(await outcomeOf(ONE)).to.equal(OUTCOME.busy);
    });
    it("penalises an operator that took away the stake that its weight stood for", async () => {
      await byAlice.unbond(parseEther("500"));
      const transaction = await lock(LOCK, parseEther("501"), STAKING.minimumStake);
      await expect(transaction)
        .to.emit(staking, "DrawMissed")
        .withArgs(protocol.court.address, LOCK, alice.address, STAKING.livenessPenalty);
      await expect(transaction).to.not.emit(staking, "Locked");
      expect([...(await staking.payoutOf(1)).amounts]).to.deep.equal([0n, 0n, STAKING.livenessPenalty]);
      expect((await staking.operatorOf(alice)).stake).to.equal(parseEther("490"));
      expect(await staking.totalHeld()).to.equal(STAKING.minimumStake);
    });
    it("takes no more than is free as that penalty, and nothing when nothing is", async () => {
      await lock(LOCK, parseEther("600"));
      await byAlice.unbond(parseEther("399"));
      await expect(lock(id("b"), parseEther("500"), STAKING.minimumStake))
        .to.emit(staking, "DrawMissed")
        .withArgs(protocol.court.address, id("b"), alice.address, ONE);
      const transaction = lock(id("b"), parseEther("500"), STAKING.minimumStake);
      await expect(transaction)
        .to.emit(staking, "DrawMissed")
        .withArgs(protocol.court.address, id("b"), alice.address, 0);
      await expect(transaction).to.not.emit(staking, "PayoutMarked");
    });
    it("locks what is free of reduced stake when that is enough", async () => {
      await byAlice.unbond(parseEther("500"));
      expect(await outcomeOf(parseEther("500"))).to.equal(OUTCOME.drawn);
    });
  });

  describe("setAgent", () => {
    it("lets one other account act for the operator until it is replaced", async () => {
      const { bob, carol } = protocol;
      expect(await staking.actsFor(alice, alice)).to.equal(true);
      await expect(byAlice.setAgent(bob)).to.emit(staking, "AgentSet").withArgs(alice.address, bob.address);
      expect(await staking.agentOf(alice)).to.equal(bob.address);
      expect(await staking.actsFor(bob, alice)).to.equal(true);
      expect(await staking.actsFor(alice, bob)).to.equal(false);
      await byAlice.setAgent(carol);
      expect(await staking.actsFor(bob, alice)).to.equal(false);
      await byAlice.setAgent(ZeroAddress);
      expect(await staking.actsFor(ZeroAddress, alice)).to.equal(false);
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
      byManager.slash(LOCK, fault, await since(), accuser, harmed);

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
        expect(await byManager.slash.staticCall(LOCK, FRAUD, await since(), ZeroAddress, ZeroAddress)).to.equal(
          STAKING.fraudMinimum,
        );
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
      it("owes what other locks hide, and takes it when they open", async () => {
        await byAlice.deposit(parseEther("100"));
        await lock(LOCK, parseEther("100"));
        await lock(id("b"), parseEther("900"));
        await lock(id("c"), parseEther("100"));
        await expect(slash(FRAUD)).to.emit(staking, "PenaltyOwed").withArgs(alice.address, parseEther("400"));
        expect(await staking.owedOf(alice)).to.equal(parseEther("400"));
        await expect(byManager.release(id("c")))
          .to.emit(staking, "OwedTaken")
          .withArgs(alice.address, parseEther("100"), parseEther("300"));
        await expect(byManager.release(id("b")))
          .to.emit(staking, "OwedTaken")
          .withArgs(alice.address, parseEther("300"), 0);
        expect(await staking.totalStakeOf(alice)).to.equal(parseEther("600"));
        expect([...(await staking.payoutOf(3)).amounts]).to.deep.equal([0n, 0n, parseEther("300")]);
      });
      it("takes what is owed from a lock that a lesser fault opens", async () => {
        await lock(LOCK, parseEther("100"));
        await lock(id("b"), parseEther("900"));
        await slash(FRAUD);
        await byManager.slash(id("b"), LIVENESS, await since(), ZeroAddress, ZeroAddress);
        expect(await staking.owedOf(alice)).to.equal(0n);
        expect(await staking.totalStakeOf(alice)).to.equal(
          parseEther("900") - STAKING.livenessPenalty - parseEther("400"),
        );
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
            amounts.set(
              lockId,
              await byManager.slash.staticCall(lockId, FRAUD, await since(), ZeroAddress, ZeroAddress),
            );
            await byManager.slash(lockId, FRAUD, await since(), ZeroAddress, ZeroAddress);
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
        await protocol.pools.connect(alice).optOut(protocol.versionId);
        await byAlice.rotateSigningKey(protocol.bob);
        await networkHelpers.time.increase(STAKING.unbondingSeconds);
        await staking.withdraw(alice, 0);
        expect(await byManager.slash.staticCall(LOCK, FRAUD, await since(), ZeroAddress, ZeroAddress)).to.equal(
          parseEther("600"),
        );
      });
      it("works on a tombstoned operator, which stays one after lesser faults", async () => {
        await lock(LOCK, parseEther("500"));
        await lock(id("b"), parseEther("400"));
        await lock(id("c"), parseEther("100"));
        await slash(FRAUD);
        await byManager.slash(id("c"), LIVENESS, await since(), ZeroAddress, ZeroAddress);
        expect(await status()).to.equal(TOMBSTONED);
        await expect(byManager.slash(id("b"), FRAUD, await since(), ZeroAddress, ZeroAddress)).to.not.emit(
          staking,
          "Tombstoned",
        );
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
          .withArgs(alice.address, (await networkHelpers.time.latest()) - 1 + DAY);
        expect(await staking.freeStakeOf(alice)).to.equal(parseEther("990"));
        expect([...(await staking.payoutOf(1)).amounts]).to.deep.equal([0n, parseEther("2.5"), parseEther("7.5")]);
        expect(await status()).to.equal(JAILED);
        expect(await staking.jailedUntil(alice)).to.equal((await networkHelpers.time.latest()) - 1 + DAY);
      });
      it("jails from the missed deadline on, so that a late report jails nobody", async () => {
        await lock(LOCK, ONE);
        await lock(id("b"), ONE);
        const missed = await networkHelpers.time.latest();
        await networkHelpers.time.increase(DAY);
        await expect(byManager.slash(LOCK, LIVENESS, missed, ZeroAddress, ZeroAddress)).to.not.emit(staking, "Jailed");
        expect(await status()).to.equal(ACTIVE);
        await byManager.slash(id("b"), LIVENESS, missed + 100, ZeroAddress, ZeroAddress);
        expect(await staking.jailedUntil(alice)).to.equal(missed + 100 + DAY);
      });
      it("never shortens a jail", async () => {
        await lock(LOCK, ONE);
        await lock(id("b"), ONE);
        const missed = await networkHelpers.time.latest();
        await byManager.slash(LOCK, LIVENESS, missed, ZeroAddress, ZeroAddress);
        await expect(byManager.slash(id("b"), LIVENESS, missed - 9, ZeroAddress, ZeroAddress)).to.not.emit(
          staking,
          "Jailed",
        );
        expect(await staking.jailedUntil(alice)).to.equal(missed + DAY);
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
          protocol.sink,
          { ...STAKING, livenessPenalty: 0n },
        ]);
        await free.addManager(protocol.court);
        await protocol.token.connect(alice).approve(free, parseEther("1000"));
        const byFreeAlice = free.connect(alice);
        await byFreeAlice.deposit(STAKING.minimumStake);
        await byFreeAlice.rotateSigningKey(alice);
        const byFreeManager = free.connect(protocol.court);
        await lockNow({ ...protocol, staking: free }, LOCK, ONE);
        await byFreeManager.slash(LOCK, LIVENESS, await since(), ZeroAddress, ZeroAddress);
        expect(await free.payoutCount()).to.equal(0n);
      });
    });
  });
});
