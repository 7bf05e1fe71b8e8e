import { expect } from "chai";
import { id, parseEther, ZeroAddress } from "ethers";

import { DAY, deployProtocol, join, type Signer, STAKING } from "../support/protocol.ts";
import {
  ACTIVE,
  connection,
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
  TOMBSTONED,
  useProtocol,
} from "../support/staking.ts";

describe("OperatorStaking", () => {
  const protocol = useProtocol();

  const lock = (lockId?: string, amount?: bigint, stake?: bigint) =>
    lockNow(protocol, lockId, amount, protocol.alice, stake);
  /** What accuser, requester and sink are owed. */
  const credits = async () =>
    Promise.all([protocol.accuser, protocol.requester, protocol.sink].map((who) => protocol.staking.creditOf(who)));
  const status = async () => (await protocol.staking.operatorOf(protocol.alice)).status;

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
        .to.be.revertedWithCustomError(protocol.staking, "StakingParameterOutOfRange")
        .withArgs("sink", 0);
      await expect(deploy(protocol.alice.address, 0n))
        .to.be.revertedWithCustomError(protocol.staking, "StakingParameterOutOfRange")
        .withArgs("minimumStake", 0);
    });
  });

  describe("addManager", () => {
    it("counts at once on the first day, whoever deposits, later only after everyone could leave", async () => {
      const until = await protocol.staking.SETUP_UNTIL();
      await networkHelpers.time.setNextBlockTimestamp(until - 2n);
      await expect(protocol.staking.addManager(protocol.carol))
        .to.emit(protocol.staking, "ManagerAdded")
        .withArgs(protocol.carol.address, until - 2n);
      await lockNow({ ...protocol, court: protocol.carol });

      await networkHelpers.time.setNextBlockTimestamp(until);
      const activeFrom = until + BigInt(STAKING.unbondingSeconds + DAY);
      await expect(protocol.staking.addManager(protocol.bob))
        .to.emit(protocol.staking, "ManagerAdded")
        .withArgs(protocol.bob.address, activeFrom);
      expect(await protocol.staking.managerActiveFrom(protocol.bob)).to.equal(activeFrom);
      const byBob = { ...protocol, court: protocol.bob };
      await expect(lockNow(byBob))
        .to.be.revertedWithCustomError(protocol.staking, "StakingNotManager")
        .withArgs(protocol.bob.address);
      await networkHelpers.time.setNextBlockTimestamp(activeFrom);
      await lockNow(byBob);
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
      await expect(lockNow({ ...protocol, court: protocol.alice }))
        .to.be.revertedWithCustomError(protocol.staking, "StakingNotManager")
        .withArgs(protocol.alice.address);
      await expect(lock(LOCK, 0n)).to.be.revertedWithCustomError(protocol.staking, "StakingAmountZero");
      await lock(LOCK, ONE);
      await expect(lock(LOCK, ONE)).to.be.revertedWithCustomError(protocol.staking, "StakingLockExists").withArgs(LOCK);
    });

    const outcomeOf = async (amount: bigint, stake = STAKING.minimumStake, capacity = 1_000) =>
      protocol.byManager.lockDrawn.staticCall(protocol.alice, stake, capacity, amount, id("probe"));
    it("finds the operator busy when its stake is in other locks, and takes nothing", async () => {
      await lock(LOCK, parseEther("600"));
      expect(await outcomeOf(parseEther("400"))).to.equal(OUTCOME.drawn);
      expect(await outcomeOf(parseEther("400") + 1n)).to.equal(OUTCOME.busy);
      await protocol.byManager.lockDrawn(protocol.alice, STAKING.minimumStake, 1_000, parseEther("401"), id("b"));
      expect([...(await protocol.staking.lockOf(protocol.court, id("b")))]).to.deep.equal([ZeroAddress, 0n]);
      expect(await protocol.staking.totalStakeOf(protocol.alice)).to.equal(STAKING.minimumStake);
    });
    it("finds the operator busy at its capacity, over all versions", async () => {
      await lock(LOCK, ONE);
      expect(await outcomeOf(ONE, STAKING.minimumStake, 2)).to.equal(OUTCOME.drawn);
      expect(await outcomeOf(ONE, STAKING.minimumStake, 1)).to.equal(OUTCOME.busy);
      await protocol.byManager.release(LOCK);
      expect(await outcomeOf(ONE, STAKING.minimumStake, 1)).to.equal(OUTCOME.drawn);
    });
    it("finds a jailed and a tombstoned operator busy: that has its own penalty", async () => {
      await lock(LOCK, ONE);
      await lock(id("b"), ONE);
      await protocol.byManager.slash(LOCK, LIVENESS, await since(), ZeroAddress, ZeroAddress);
      expect(await outcomeOf(ONE)).to.equal(OUTCOME.busy);
      await protocol.byManager.slash(id("b"), FRAUD, await since(), ZeroAddress, ZeroAddress);
      expect(await outcomeOf(ONE)).to.equal(OUTCOME.busy);
    });
    it("penalises an operator that took away the stake that its weight stood for", async () => {
      await protocol.byAlice.unbond(parseEther("500"));
      const transaction = await lock(LOCK, parseEther("501"), STAKING.minimumStake);
      await expect(transaction)
        .to.emit(protocol.staking, "DrawMissed")
        .withArgs(protocol.court.address, LOCK, protocol.alice.address, STAKING.livenessPenalty);
      await expect(transaction).to.not.emit(protocol.staking, "Locked");
      expect(await credits()).to.deep.equal([0n, 0n, STAKING.livenessPenalty]);
      expect((await protocol.staking.operatorOf(protocol.alice)).stake).to.equal(parseEther("490"));
      expect(await protocol.staking.totalHeld()).to.equal(STAKING.minimumStake);
    });
    it("finds an operator that lost stake busy where the locks of others alone make it unable", async () => {
      const { alice, byAlice, byManager } = protocol;
      await byAlice.deposit(parseEther("1000"));
      await lock(id("first"), parseEther("50"));
      await byManager.slash(id("first"), LIVENESS, await since(), ZeroAddress, ZeroAddress);
      await networkHelpers.time.increase(DAY + 1);
      await byAlice.unjail();
      await lock(id("others"), parseEther("1900"));
      // Its weight still stands for 2,000, of which 100 would be free.
      const drawn = async (amount: string) =>
        byManager.lockDrawn.staticCall(alice, parseEther("2000"), 1_000, parseEther(amount), id("drawn"));
      expect(await drawn("200")).to.equal(OUTCOME.busy);
      expect(await drawn("100")).to.equal(OUTCOME.missed);
    });
    it("takes no more than is free as that penalty, and nothing when nothing is", async () => {
      await lock(LOCK, parseEther("600"));
      await protocol.byAlice.unbond(parseEther("399"));
      await expect(lock(id("b"), parseEther("400"), STAKING.minimumStake))
        .to.emit(protocol.staking, "DrawMissed")
        .withArgs(protocol.court.address, id("b"), protocol.alice.address, ONE);
      const transaction = lock(id("b"), parseEther("400"), STAKING.minimumStake);
      await expect(transaction)
        .to.emit(protocol.staking, "DrawMissed")
        .withArgs(protocol.court.address, id("b"), protocol.alice.address, 0);
      await expect(transaction).to.not.emit(protocol.staking, "Credited");
    });
    it("locks what is free of reduced stake when that is enough", async () => {
      await protocol.byAlice.unbond(parseEther("500"));
      expect(await outcomeOf(parseEther("500"))).to.equal(OUTCOME.drawn);
    });
  });

  describe("setAgent", () => {
    it("lets one other account act for the operator until it is replaced", async () => {
      const { bob, carol } = protocol;
      expect(await protocol.staking.actsFor(protocol.alice, protocol.alice)).to.equal(true);
      await expect(protocol.byAlice.setAgent(bob))
        .to.emit(protocol.staking, "AgentSet")
        .withArgs(protocol.alice.address, bob.address);
      expect(await protocol.staking.agentOf(protocol.alice)).to.equal(bob.address);
      expect(await protocol.staking.actsFor(bob, protocol.alice)).to.equal(true);
      expect(await protocol.staking.actsFor(protocol.alice, bob)).to.equal(false);
      await protocol.byAlice.setAgent(carol);
      expect(await protocol.staking.actsFor(bob, protocol.alice)).to.equal(false);
      await protocol.byAlice.setAgent(ZeroAddress);
      expect(await protocol.staking.actsFor(ZeroAddress, protocol.alice)).to.equal(false);
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
      protocol.byManager.slash(LOCK, fault, await since(), accuser, harmed);

    describe("given proven fraud", () => {
      it("takes the whole lock and splits it: a quarter to accuser and requester each, half to the sink", async () => {
        await lock();
        const transaction = await slash(FRAUD);
        await expect(transaction)
          .to.emit(protocol.staking, "Slashed")
          .withArgs(protocol.court.address, LOCK, protocol.alice.address, FRAUD, parseEther("600"), 0, 0);
        await expect(transaction).to.emit(protocol.staking, "Tombstoned").withArgs(protocol.alice.address);
        await expect(transaction)
          .to.emit(protocol.staking, "Credited")
          .withArgs(protocol.accuser.address, LOCK, parseEther("150"));
        expect(await credits()).to.deep.equal([parseEther("150"), parseEther("150"), parseEther("300")]);
        expect(await protocol.staking.totalStakeOf(protocol.alice)).to.equal(parseEther("400"));
        expect(await status()).to.equal(TOMBSTONED);
      });
      it("gives the shares of nobody to the sink", async () => {
        await lock();
        await slash(FRAUD, ZeroAddress, ZeroAddress);
        expect(await credits()).to.deep.equal([0n, 0n, parseEther("600")]);
      });
      it("loses no unit to rounding", async () => {
        await lock(LOCK, parseEther("600") + 3n);
        await slash(FRAUD);
        const amounts = await credits();
        expect(amounts.reduce((sum, amount) => sum + amount, 0n)).to.equal(parseEther("600") + 3n);
        expect(amounts[0]).to.equal((parseEther("600") + 3n) / 4n);
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
        expect(
          await protocol.byManager.slash.staticCall(LOCK, FRAUD, await since(), ZeroAddress, ZeroAddress),
        ).to.equal(STAKING.fraudMinimum);
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
        await expect(protocol.staking.completeUnbonding(protocol.alice, 0)).to.changeTokenBalance(
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
      it("owes what other locks hide, and takes it when they open", async () => {
        await protocol.byAlice.deposit(parseEther("100"));
        await lock(LOCK, parseEther("100"));
        await lock(id("b"), parseEther("900"));
        await lock(id("c"), parseEther("100"));
        await expect(slash(FRAUD))
          .to.emit(protocol.staking, "PenaltyOwed")
          .withArgs(protocol.alice.address, parseEther("400"));
        expect(await protocol.staking.owedOf(protocol.alice)).to.equal(parseEther("400"));
        await expect(protocol.byManager.release(id("c")))
          .to.emit(protocol.staking, "OwedTaken")
          .withArgs(protocol.alice.address, parseEther("100"), parseEther("300"));
        await expect(protocol.byManager.release(id("b")))
          .to.emit(protocol.staking, "OwedTaken")
          .withArgs(protocol.alice.address, parseEther("300"), 0);
        expect(await protocol.staking.totalStakeOf(protocol.alice)).to.equal(parseEther("600"));
        expect(await credits()).to.deep.equal([parseEther("25"), parseEther("25"), parseEther("450")]);
      });
      it("takes what is owed from a lock that a lesser fault opens", async () => {
        await lock(LOCK, parseEther("100"));
        await lock(id("b"), parseEther("900"));
        await slash(FRAUD);
        await protocol.byManager.slash(id("b"), LIVENESS, await since(), ZeroAddress, ZeroAddress);
        expect(await protocol.staking.owedOf(protocol.alice)).to.equal(0n);
        expect(await protocol.staking.totalStakeOf(protocol.alice)).to.equal(
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
              await protocol.byManager.slash.staticCall(lockId, FRAUD, await since(), ZeroAddress, ZeroAddress),
            );
            await protocol.byManager.slash(lockId, FRAUD, await since(), ZeroAddress, ZeroAddress);
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
        await protocol.pools.connect(protocol.alice).optOut(protocol.versionId);
        await protocol.byAlice.rotateSigningKey(protocol.bob);
        await networkHelpers.time.increase(STAKING.unbondingSeconds);
        await protocol.staking.completeUnbonding(protocol.alice, 0);
        expect(
          await protocol.byManager.slash.staticCall(LOCK, FRAUD, await since(), ZeroAddress, ZeroAddress),
        ).to.equal(parseEther("600"));
      });
      it("works on a tombstoned operator, which stays one after lesser faults", async () => {
        await lock(LOCK, parseEther("500"));
        await lock(id("b"), parseEther("400"));
        await lock(id("c"), parseEther("100"));
        await slash(FRAUD);
        await protocol.byManager.slash(id("c"), LIVENESS, await since(), ZeroAddress, ZeroAddress);
        expect(await status()).to.equal(TOMBSTONED);
        await expect(protocol.byManager.slash(id("b"), FRAUD, await since(), ZeroAddress, ZeroAddress)).to.not.emit(
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

    describe("given more fraud at the same time", () => {
      const correlated = async () => {
        const staking = await ethers.deployContract("OperatorStaking", [
          protocol.authority,
          protocol.token,
          protocol.sink,
          { ...STAKING, correlationFactor: 3 },
        ]);
        await staking.addManager(protocol.court);
        for (const operator of [protocol.alice, protocol.bob, protocol.carol]) {
          await protocol.token.connect(operator).approve(staking, parseEther("100000"));
          await staking.connect(operator).deposit(parseEther("10000"));
        }
        const take = async (operator: Signer, lockId: string, amount: bigint) => {
          await lockNow({ ...protocol, staking }, lockId, amount, operator);
          await staking.connect(protocol.court).slash(lockId, FRAUD, await since(), ZeroAddress, ZeroAddress);
        };
        return { staking, take };
      };
      it("takes three times the part of all stake that was slashed lately", async () => {
        const { staking, take } = await correlated();
        // 600 of 30,000: three times 2 % of 10,000 is what the lock holds already.
        await take(protocol.alice, LOCK, parseEther("600"));
        expect(await staking.totalStakeOf(protocol.alice)).to.equal(parseEther("9400"));
        expect(await staking.slashedLately()).to.equal(parseEther("600"));
        expect(await staking.totalStake()).to.equal(parseEther("29400"));
        // 1,200 of 30,000.
        await take(protocol.bob, id("b"), parseEther("600"));
        expect(await staking.totalStakeOf(protocol.bob)).to.equal(parseEther("8800"));
        expect(await staking.slashedLately()).to.equal(parseEther("1800"));
      });
      it("takes all of it, and no more, once a third was slashed; also what is on its way out", async () => {
        const { staking, take } = await correlated();
        await take(protocol.alice, LOCK, parseEther("10000"));
        await staking.connect(protocol.bob).unbond(parseEther("9000"));
        await take(protocol.bob, id("b"), parseEther("500"));
        expect(await staking.totalStakeOf(protocol.bob)).to.equal(0n);
        expect(await staking.owedOf(protocol.bob)).to.equal(0n);
        expect(await staking.totalHeld()).to.equal(parseEther("30000"));
      });
      it("forgets it after two periods of unbonding at the latest", async () => {
        const { staking, take } = await correlated();
        await take(protocol.alice, LOCK, parseEther("10000"));
        await networkHelpers.time.increase(2 * STAKING.unbondingSeconds);
        expect(await staking.slashedLately()).to.equal(0n);
        await take(protocol.bob, id("b"), parseEther("1500"));
        expect(await staking.totalStakeOf(protocol.bob)).to.equal(parseEther("7750"));
      });
    });

    describe("given a liveness fault", () => {
      it("takes the small fixed amount, frees the rest and jails", async () => {
        await lock();
        const transaction = await slash(LIVENESS, ZeroAddress);
        await expect(transaction)
          .to.emit(protocol.staking, "Jailed")
          .withArgs(protocol.alice.address, (await networkHelpers.time.latest()) - 1 + DAY);
        expect(await protocol.staking.freeStakeOf(protocol.alice)).to.equal(parseEther("990"));
        expect(await credits()).to.deep.equal([0n, parseEther("2.5"), parseEther("7.5")]);
        expect(await status()).to.equal(JAILED);
        expect(await protocol.staking.jailedUntil(protocol.alice)).to.equal(
          (await networkHelpers.time.latest()) - 1 + DAY,
        );
      });
      it("jails from the missed deadline on, so that a late report jails nobody", async () => {
        await lock(LOCK, ONE);
        await lock(id("b"), ONE);
        const missed = await networkHelpers.time.latest();
        await networkHelpers.time.increase(DAY);
        await expect(protocol.byManager.slash(LOCK, LIVENESS, missed, ZeroAddress, ZeroAddress)).to.not.emit(
          protocol.staking,
          "Jailed",
        );
        expect(await status()).to.equal(ACTIVE);
        await protocol.byManager.slash(id("b"), LIVENESS, missed + 100, ZeroAddress, ZeroAddress);
        expect(await protocol.staking.jailedUntil(protocol.alice)).to.equal(missed + 100 + DAY);
      });
      it("never shortens a jail", async () => {
        await lock(LOCK, ONE);
        await lock(id("b"), ONE);
        const missed = await networkHelpers.time.latest();
        await protocol.byManager.slash(LOCK, LIVENESS, missed, ZeroAddress, ZeroAddress);
        await expect(protocol.byManager.slash(id("b"), LIVENESS, missed - 9, ZeroAddress, ZeroAddress)).to.not.emit(
          protocol.staking,
          "Jailed",
        );
        expect(await protocol.staking.jailedUntil(protocol.alice)).to.equal(missed + DAY);
      });
      it("takes no more than the lock", async () => {
        await lock(LOCK, 7n);
        await slash(LIVENESS);
        expect(await protocol.staking.totalStakeOf(protocol.alice)).to.equal(STAKING.minimumStake - 7n);
      });
      it("credits nobody when the penalty is zero", async () => {
        const free = await ethers.deployContract("OperatorStaking", [
          protocol.authority,
          protocol.token,
          protocol.sink,
          { ...STAKING, livenessPenalty: 0n },
        ]);
        await free.addManager(protocol.court);
        await protocol.token.connect(protocol.alice).approve(free, parseEther("1000"));
        const byFreeAlice = free.connect(protocol.alice);
        await byFreeAlice.deposit(STAKING.minimumStake);
        await byFreeAlice.rotateSigningKey(protocol.alice);
        const byFreeManager = free.connect(protocol.court);
        await lockNow({ ...protocol, staking: free }, LOCK, ONE);
        await expect(byFreeManager.slash(LOCK, LIVENESS, await since(), ZeroAddress, ZeroAddress)).to.not.emit(
          free,
          "Credited",
        );
      });
    });
  });

  describe("withdraw of credit", () => {
    beforeEach(async () => {
      await lock();
      await protocol.byManager.slash(LOCK, FRAUD, await since(), protocol.accuser, protocol.requester);
    });
    it("pays each share of slashed stake to its owner, whoever calls, once", async () => {
      const { accuser, requester, sink, staking, stranger, token } = protocol;
      for (const [owner, amount] of [
        [accuser, parseEther("150")],
        [requester, parseEther("150")],
        [sink, parseEther("300")],
      ] as const) {
        await expect(staking.connect(stranger).withdraw(owner)).to.changeTokenBalance(ethers, token, owner, amount);
        await expect(staking.withdraw(owner))
          .to.be.revertedWithCustomError(staking, "CreditZero")
          .withArgs(owner.address);
      }
      expect(await staking.totalHeld()).to.equal(parseEther("400"));
      expect(await token.balanceOf(staking)).to.equal(parseEther("400"));
    });
    it("makes accusing oneself, even over one's own request, a loss of half", async () => {
      await protocol.staking.connect(protocol.bob).deposit(parseEther("2000"));
      await lockNow(protocol, id("self"), parseEther("1000"), protocol.bob);
      await protocol.byManager.slash(id("self"), FRAUD, await since(), protocol.bob, protocol.bob);
      expect(await protocol.staking.creditOf(protocol.bob)).to.equal(parseEther("500"));
    });
    it("holds up only the share of a recipient that the token refuses", async () => {
      const token = await ethers.deployContract("TokenMock");
      const other = await deployProtocol(connection, await token.getAddress());
      await other.staking.addManager(other.court);
      await join(other, other.alice);
      await lockNow(other);
      await other.staking.connect(other.court).slash(LOCK, FRAUD, await since(), other.accuser, other.requester);
      await token.setRefused(other.accuser);
      await expect(other.staking.withdraw(other.accuser))
        .to.be.revertedWithCustomError(other.staking, "SafeERC20FailedOperation")
        .withArgs(token);
      await other.staking.withdraw(other.requester);
      await other.staking.withdraw(other.sink);
    });
  });
});
