import { anyValue } from "@nomicfoundation/hardhat-ethers-chai-matchers/withArgs";
import { expect } from "chai";
import { id, parseEther, ZeroAddress, ZeroHash } from "ethers";

import { REQUEST_STATUS } from "../../../runner/protocol/enums.ts";
import { DTYPE_CODE } from "../../../runner/machine/dtype.ts";
import { encodeTerms } from "../../../services/chain/calldata.ts";
import { HONEST, MANIFEST, WRONG } from "../../../testing/toy-court.ts";
import {
  AUDIT,
  AUDITED,
  begin,
  begun,
  commitmentOf,
  committed,
  committedOther,
  claimed,
  commitTrace,
  connection,
  convictSilent,
  deployed,
  deployedOnMock,
  disputed,
  DISPUTED,
  drawPeriod,
  ethers,
  FEE,
  MARKET,
  networkHelpers,
  openClaimed,
  ONE,
  outputRootOf,
  periodEnd,
  pick,
  picked,
  REWARD,
  STAKING,
  STANDING,
  uphold,
  WON,
} from "../support/audit.ts";
import { DAY, metadataOf, nextEpoch, OPEN_TERMS, type Signer, useFixture } from "../support/protocol.ts";

const { time, mine } = networkHelpers;
const COMMIT = BigInt(AUDIT.commitSeconds);
const PENALTY = STAKING.livenessPenalty;
const AFTER_COMMIT = BigInt(AUDIT.publishSeconds + AUDIT.marginSeconds);

describe("AuditDesk", () => {
  describe("constructor", () => {
    const stage = useFixture(connection, deployed);
    const deploy = (overrides: object = {}) =>
      ethers.deployContract("AuditDesk", [
        stage.market,
        stage.judge,
        stage.pools,
        stage.randomness,
        { ...AUDIT, ...overrides },
      ]);
    it("refuses parameters out of range", async () => {
      for (const [overrides, ...refusal] of [
        // A guess that is cheaper than silence.
        [{ bond: PENALTY - 1n }, "bond", PENALTY - 1n, PENALTY, 2n ** 96n - 1n],
        [{ rateBps: 0 }, "rateBps", 0, 1, 10_000],
        [{ rateBps: 10_001 }, "rateBps", 10_001, 1, 10_000],
        ...["periodSeconds", "commitSeconds", "publishSeconds", "marginSeconds"].flatMap(
          (name) =>
            [
              [{ [name]: 59 }, name, 59, 60, DAY],
              [{ [name]: DAY + 1 }, name, DAY + 1, 60, DAY],
            ] as const,
        ),
      ] as const) {
        await expect(deploy(overrides))
          .to.be.revertedWithCustomError(stage.desk, "AuditParameterOutside")
          .withArgs(...refusal);
      }
    });
    it("takes each parameter up to its limit", async () => {
      await deploy({ rateBps: 10_000, bond: PENALTY, periodSeconds: 60, commitSeconds: DAY });
      await deploy({ rateBps: 1, publishSeconds: DAY, marginSeconds: 60 });
    });
    it("refuses a stake that takes nothing for a missed answer, or more than the least stake", async () => {
      const { authority, token, sink, registry, attestation, randomness, availability, judge, desk } = stage;
      for (const livenessPenalty of [0n, STAKING.minimumStake + 1n]) {
        const parameters = { ...STAKING, livenessPenalty };
        const staking = await ethers.deployContract("OperatorStaking", [authority, token, sink, parameters]);
        const pools = await ethers.deployContract("OperatorPools", [registry, staking, 3_600, 10]);
        const parts = [authority, registry, pools, attestation, randomness, availability] as const;
        const market = await ethers.deployContract("InferenceMarket", [...parts, MARKET]);
        await expect(ethers.deployContract("AuditDesk", [market, judge, pools, randomness, AUDIT]))
          .to.be.revertedWithCustomError(desk, "AuditParameterOutside")
          .withArgs("livenessPenalty", livenessPenalty, 1, STAKING.minimumStake);
      }
    });
    it("locks the penalty for a missed answer, and pays what fees bring in", async () => {
      expect(await stage.desk.LOCK()).to.equal(STAKING.livenessPenalty);
      // Of each fee a tenth; half of the claims are audited.
      expect(await stage.desk.rewardFor(FEE)).to.equal(REWARD);
      expect(REWARD).to.equal(parseEther("2"));
    });
    it("says which window is long enough", async () => {
      expect(await stage.desk.leastWindowFor(60)).to.equal(2_400n);
      expect(await stage.desk.leastWindowFor(600)).to.equal(2_400n);
      expect(await stage.desk.leastWindowFor(700)).to.equal(2_500n);
    });
  });

  describe("commitPeriod", () => {
    const stage = useFixture(connection, claimed);
    it("refuses a period that is not over, to the second", async () => {
      const { desk, claim } = stage;
      await time.setNextBlockTimestamp(periodEnd(claim) - 1n);
      await expect(desk.commitPeriod(claim.period))
        .to.be.revertedWithCustomError(desk, "AuditPeriodOpen")
        .withArgs(claim.period, periodEnd(claim), periodEnd(claim) - 1n);
      await time.setNextBlockTimestamp(periodEnd(claim));
      const transaction = await desk.connect(stage.stranger).commitPeriod(claim.period);
      const ticket = BigInt((await time.latestBlock()) + 2);
      await expect(transaction)
        .to.emit(desk, "PeriodCommitted")
        .withArgs(claim.period, ticket, await stage.pools.epoch());
      expect([...(await desk.periodOf(claim.period))]).to.deep.equal([ticket, await stage.pools.epoch(), ZeroHash]);
    });
    it("refuses a second seed while the first one is on its way, and while it is usable", async () => {
      const { desk, claim } = stage;
      await time.increaseTo(periodEnd(claim));
      await desk.commitPeriod(claim.period);
      const { ticket } = await desk.periodOf(claim.period);
      await expect(desk.commitPeriod(claim.period))
        .to.be.revertedWithCustomError(desk, "AuditSeedPending")
        .withArgs(ticket);
      await mine(3);
      await expect(desk.commitPeriod(claim.period))
        .to.be.revertedWithCustomError(desk, "AuditPeriodCommitted")
        .withArgs(claim.period);
    });
    it("draws auditors anew when the epoch is no longer kept, and keeps what is picked", async () => {
      const { desk, claim } = stage;
      await drawPeriod(stage, claim, false);
      const { ticket } = await desk.periodOf(claim.period);
      const [, seed] = await stage.randomness.seedOf(ticket);
      await nextEpoch(connection);
      await nextEpoch(connection);
      await desk.commitPeriod(claim.period);
      const again = await desk.periodOf(claim.period);
      expect(again.pickSeed).to.equal(seed);
      expect(again.ticket).not.to.equal(ticket);
      expect(await desk.isPicked(seed, claim.claimId)).to.equal(false);
      // And again: the first seed that could be read stays the one that picks.
      await mine(3);
      await nextEpoch(connection);
      await nextEpoch(connection);
      await desk.commitPeriod(claim.period);
      expect((await desk.periodOf(claim.period)).pickSeed).to.equal(seed);
    });
    it("asks for another seed when the first one expired unread", async () => {
      const { desk, claim } = stage;
      await time.increaseTo(periodEnd(claim));
      await desk.commitPeriod(claim.period);
      await mine(8_300, { interval: 0 });
      await expect(desk.begin(claim.request))
        .to.be.revertedWithCustomError(desk, "AuditPeriodStale")
        .withArgs(claim.period);
      await desk.commitPeriod(claim.period);
      expect((await desk.periodOf(claim.period)).pickSeed).to.equal(ZeroHash);
    });
    it("can be called while the market is paused, but time stands still", async () => {
      const { desk, claim } = stage;
      await stage.market.pause();
      await time.increase(1_200);
      await expect(desk.commitPeriod(claim.period))
        .to.be.revertedWithCustomError(desk, "AuditPeriodOpen")
        .withArgs(claim.period, periodEnd(claim), await stage.market.clock());
    });
  });

  describe("isPicked", () => {
    const stage = useFixture(connection, deployed);
    it("picks the stated share of claims, and never another one for the same seed", async () => {
      let count = 0;
      for (let i = 0; i < 1_000; i++) {
        const claimId = id(`claim ${String(i)}`);
        const isPicked = await stage.desk.isPicked(id("seed"), claimId);
        expect(await stage.desk.isPicked(id("seed"), claimId)).to.equal(isPicked);
        if (isPicked) count++;
      }
      // Four standard deviations of 1,000 throws of a coin.
      expect(count).to.be.within(437, 563);
    });
  });

  describe("begin", () => {
    describe("given a claim that is picked", () => {
      const stage = useFixture(connection, picked);
      it("draws an auditor that is not the operator, locks the penalty and says until when", async () => {
        const { desk, staking, claim } = stage;
        const { transaction, auditor } = await begin(stage, claim);
        const commitBy = BigInt(await time.latest()) + COMMIT;
        expect(auditor.address).not.to.equal(claim.operator.address);
        await expect(transaction)
          .to.emit(desk, "AuditBegun")
          .withArgs(
            claim.claimId,
            claim.requestId,
            auditor.address,
            claim.operator.address,
            commitBy,
            commitBy + BigInt(AUDIT.publishSeconds),
          );
        const { status, candidate, spent, payer, commitment } = await desk.auditOf(claim.claimId);
        expect([status, spent, payer, commitment]).to.deep.equal([AUDITED.begun, 0n, ZeroAddress, ZeroHash]);
        expect(candidate).to.be.below(8);
        expect([...(await staking.lockOf(desk, claim.claimId))]).to.deep.equal([
          auditor.address,
          STAKING.livenessPenalty,
        ]);
      });
      it("refuses a second audit", async () => {
        await begin(stage, stage.claim);
        await expect(stage.desk.begin(stage.claim.request))
          .to.be.revertedWithCustomError(stage.desk, "AuditStatusForbids")
          .withArgs(stage.claim.claimId, AUDITED.begun, AUDITED.none);
      });
      it("names the same auditor at any moment: there is nothing to wait for", async () => {
        const first = await stage.desk.begin.staticCall(stage.claim.request);
        for (let i = 0; i < 5; i++) {
          await mine(7, { interval: 11 });
          expect(await stage.desk.begin.staticCall(stage.claim.request)).to.equal(first);
        }
      });
      it("takes the last moment that leaves time for every stage, and no later one", async () => {
        const { desk, claim } = stage;
        const latest = claim.windowEnd - COMMIT - AFTER_COMMIT;
        const snapshot = await networkHelpers.takeSnapshot();
        await time.setNextBlockTimestamp(latest + 1n);
        await expect(desk.begin(claim.request))
          .to.be.revertedWithCustomError(desk, "AuditTooLate")
          .withArgs(latest + 1n, latest);
        await snapshot.restore();
        await time.setNextBlockTimestamp(latest);
        const { commitBy } = await begin(stage, claim);
        // An operator that is silent to the end can still be challenged.
        expect(commitBy + AFTER_COMMIT).to.equal(claim.windowEnd);
      });
      it("refuses a claim that is in dispute, and one that is final", async () => {
        const { desk, claim, judge, accuser, market } = stage;
        const snapshot = await networkHelpers.takeSnapshot();
        await judge.connect(accuser).challenge(stage.market, claim.requestId, claim.claimId);
        await expect(desk.begin(claim.request))
          .to.be.revertedWithCustomError(desk, "AuditClaimAbsent")
          .withArgs(claim.requestId);
        await snapshot.restore();
        await time.increaseTo(claim.windowEnd);
        await market.finalise(claim.request, "0x");
        await expect(desk.begin(claim.request))
          .to.be.revertedWithCustomError(desk, "AuditClaimAbsent")
          .withArgs(claim.requestId);
      });
      it("works while the market is paused", async () => {
        const { desk, market, claim } = stage;
        await market.pause();
        // Epochs go on, so the auditor is drawn with the weights of a later one; the claim stays picked.
        await time.increase(DAY);
        await desk.commitPeriod(claim.period);
        await mine(3);
        const { commitBy } = await begin(stage, claim);
        expect(commitBy).to.equal((await market.clock()) + COMMIT);
      });
      it("penalises who took its stake away after the period was committed, once for each candidate that it is", async () => {
        const { desk, staking, claim, alice, bob, carol } = stage;
        const others = [alice, bob, carol].filter(({ address }) => address !== claim.operator.address);
        for (const other of others) await staking.connect(other).unbond(STAKING.minimumStake - ONE);
        expect(await desk.begin.staticCall(claim.request)).to.equal(ZeroAddress);
        const transaction = await desk.begin(claim.request);
        await expect(transaction).to.emit(staking, "DrawMissed").withArgs(desk.target, claim.claimId, anyValue, ONE);
        await expect(transaction).not.to.emit(desk, "AuditBegun");
        expect((await desk.auditOf(claim.claimId)).spent).to.be.greaterThan(0n);
        await expect(desk.begin(claim.request)).not.to.emit(staking, "DrawMissed");
      });
      it("passes over who is in jail or has no free stake, without a penalty, and comes back to it when it is able", async () => {
        const { desk, staking, claim, admin, alice, bob, carol } = stage;
        await staking.addManager(admin);
        const [jailed, busy] = [alice, bob, carol].filter(({ address }) => address !== claim.operator.address) as [
          Signer,
          Signer,
        ];
        await staking.lockDrawn(jailed, 0, 9, ONE, id("fault"));
        await staking.slash(id("fault"), 0, await time.latest(), ZeroAddress, ZeroAddress);
        await staking.lockDrawn(busy, 0, 9, STAKING.minimumStake - ONE, id("lock"));
        const before = await Promise.all([jailed, busy].map((other) => staking.totalStakeOf(other)));
        // Whoever calls at a bad moment spends nothing.
        for (let i = 0; i < 3; i++) await expect(desk.begin(claim.request)).not.to.emit(desk, "AuditBegun");
        expect((await desk.auditOf(claim.claimId)).spent).to.equal(0n);
        expect(await Promise.all([jailed, busy].map((other) => staking.totalStakeOf(other)))).to.deep.equal(before);
        await staking.release(id("lock"));
        expect((await begin(stage, claim)).auditor.address).to.equal(busy.address);
      });
    });

    describe("given a claim whose period has no usable seed", () => {
      const stage = useFixture(connection, claimed);
      it("refuses before the period is committed, before the seed is there, and when the epoch is no longer kept", async () => {
        const { desk, claim } = stage;
        await expect(desk.begin(claim.request))
          .to.be.revertedWithCustomError(desk, "AuditPeriodStale")
          .withArgs(claim.period);
        await time.increaseTo(periodEnd(claim));
        await desk.commitPeriod(claim.period);
        const { ticket, epoch } = await desk.periodOf(claim.period);
        await expect(desk.begin(claim.request))
          .to.be.revertedWithCustomError(desk, "AuditSeedPending")
          .withArgs(ticket);
        expect(epoch).to.equal(await stage.pools.epoch());
      });
      it("refuses when the weights of the epoch are kept no more", async () => {
        const long = await openClaimed(stage, HONEST, { windowSeconds: DAY });
        await time.increaseTo(periodEnd(long));
        await stage.desk.commitPeriod(long.period);
        await nextEpoch(connection);
        await nextEpoch(connection);
        await expect(stage.desk.begin(long.request))
          .to.be.revertedWithCustomError(stage.desk, "AuditPeriodStale")
          .withArgs(long.period);
      });
      it("refuses a claim that is not picked", async () => {
        await drawPeriod(stage, stage.claim, false);
        await expect(stage.desk.begin(stage.claim.request))
          .to.be.revertedWithCustomError(stage.desk, "AuditNotPicked")
          .withArgs(stage.claim.claimId);
      });
      it("refuses a claim whose window is too short for an audit", async () => {
        const short = await openClaimed(stage, HONEST, { windowSeconds: 1_000 });
        await expect(stage.desk.begin(short.request))
          .to.be.revertedWithCustomError(stage.desk, "AuditTooLate")
          .withArgs(anyValue, short.windowEnd - COMMIT - AFTER_COMMIT);
      });
    });

    describe("given a request with terms of its own", () => {
      const stage = useFixture(connection, deployed);
      it("gives an auditor as much time as the operator had", async () => {
        const claim = await pick(stage, HONEST, { claimSeconds: 1_000 });
        const { commitBy } = await begin(stage, claim);
        expect(commitBy).to.equal(BigInt(await time.latest()) + 1_000n);
      });
      it("draws those who ask for a higher fee too, so that nobody chooses its auditors by the fee", async () => {
        const { pools, alice, bob, carol, versionId } = stage;
        const dear = { ...OPEN_TERMS, minimumFee: parseEther("1000") };
        await pools.connect(bob).setTerms(versionId, dear);
        await pools.connect(carol).setTerms(versionId, dear);
        await nextEpoch(connection);
        const claim = await pick(stage);
        expect(claim.operator.address).to.equal(alice.address);
        const { auditor } = await begin(stage, claim);
        expect([bob.address, carol.address]).to.include(auditor.address);
      });
      it("does not draw those who need more time, nor those who take no more", async () => {
        const { pools, alice, bob, carol, versionId } = stage;
        await pools.connect(bob).setTerms(versionId, { ...OPEN_TERMS, minimumClaimSeconds: 601 });
        await pools.connect(carol).setTerms(versionId, { ...OPEN_TERMS, capacity: 0 });
        await nextEpoch(connection);
        const claim = await pick(stage);
        expect(claim.operator.address).to.equal(alice.address);
        expect(await stage.desk.begin.staticCall(claim.request)).to.equal(ZeroAddress);
      });
      it("has nobody to draw when the operator is the only holder", async () => {
        const { desk, pools, bob, carol, versionId } = stage;
        for (const leaver of [bob, carol]) await pools.connect(leaver).optOut(versionId);
        await nextEpoch(connection);
        const claim = await pick(stage);
        expect(await desk.begin.staticCall(claim.request)).to.equal(ZeroAddress);
        await desk.begin(claim.request);
        expect([...(await desk.auditOf(claim.claimId))]).to.deep.equal([
          ...[ZeroAddress, 0n, AUDITED.none, 0n, 0n],
          ...[ZeroAddress, ZeroHash],
        ]);
      });
      it("refuses a request that has no claim", async () => {
        const claim = await openClaimed(stage);
        const other = { ...claim.request, nonce: 99n };
        await expect(stage.desk.begin(other))
          .to.be.revertedWithCustomError(stage.desk, "AuditClaimAbsent")
          .withArgs(await stage.market.idOf(other));
      });
    });
  });

  describe("commit", () => {
    const stage = useFixture(connection, begun);
    const right = () => commitmentOf(stage, stage.claim.claimId, HONEST, stage.auditor.address);
    it("takes the bond, frees the stake and keeps the commitment", async () => {
      const { desk, token, staking, auditor, claim } = stage;
      const transaction = await desk.connect(auditor).commit(claim.claimId, right());
      await expect(transaction).to.changeTokenBalances(ethers, token, [auditor, desk], [-AUDIT.bond, AUDIT.bond]);
      await expect(transaction).to.emit(desk, "AuditCommitted").withArgs(claim.claimId, auditor.address, right());
      const { status, payer, commitment } = await desk.auditOf(claim.claimId);
      expect([status, payer, commitment]).to.deep.equal([AUDITED.committed, auditor.address, right()]);
      expect((await staking.lockOf(desk, claim.claimId)).operator).to.equal(ZeroAddress);
    });
    it("takes the bond from credit that was paid in before", async () => {
      const { desk, token, auditor, claim } = stage;
      await desk.connect(auditor).deposit(auditor, AUDIT.bond + 1n);
      const transaction = await desk.connect(auditor).commit(claim.claimId, right());
      await expect(transaction).to.changeTokenBalance(ethers, token, auditor, 0n);
      expect(await desk.creditOf(auditor)).to.equal(1n);
    });
    it("takes the auditor's agent, which pays and is paid back", async () => {
      const { desk, staking, auditor, claim, accuser } = stage;
      await staking.connect(auditor).setAgent(accuser);
      await desk.connect(accuser).commit(claim.claimId, right());
      expect((await desk.auditOf(claim.claimId)).payer).to.equal(accuser.address);
      await desk.connect(claim.operator).publish(claim.request, HONEST.root);
      expect(await desk.creditOf(accuser)).to.equal(AUDIT.bond);
      expect(await stage.market.creditOf(auditor)).to.be.at.least(REWARD);
    });
    it("refuses everybody else, the operator too", async () => {
      const { desk, claim, auditor, stranger } = stage;
      for (const caller of [claim.operator, stranger]) {
        await expect(desk.connect(caller).commit(claim.claimId, right()))
          .to.be.revertedWithCustomError(desk, "AuditNotFor")
          .withArgs(caller.address, auditor.address);
      }
    });
    it("takes the last second, and none after it", async () => {
      const { desk, auditor, claim, commitBy } = stage;
      const snapshot = await networkHelpers.takeSnapshot();
      await time.setNextBlockTimestamp(commitBy);
      await expect(desk.connect(auditor).commit(claim.claimId, right()))
        .to.be.revertedWithCustomError(desk, "AuditTooLate")
        .withArgs(commitBy, commitBy);
      await snapshot.restore();
      await time.setNextBlockTimestamp(commitBy - 1n);
      await desk.connect(auditor).commit(claim.claimId, right());
    });
    it("refuses a second commitment, and one for a claim without an audit", async () => {
      const { desk, auditor, claim } = stage;
      await desk.connect(auditor).commit(claim.claimId, right());
      await expect(desk.connect(auditor).commit(claim.claimId, id("better")))
        .to.be.revertedWithCustomError(desk, "AuditStatusForbids")
        .withArgs(claim.claimId, AUDITED.committed, AUDITED.begun);
      await expect(desk.connect(auditor).commit(id("no claim"), right()))
        .to.be.revertedWithCustomError(desk, "AuditStatusForbids")
        .withArgs(id("no claim"), AUDITED.none, AUDITED.begun);
    });
    it("binds the claim, so that a reorganisation cannot move it to another one", async () => {
      const { desk, auditor, claim } = stage;
      expect(right()).not.to.equal(commitmentOf(stage, id("replaced"), HONEST, auditor.address));
      await desk.connect(auditor).commit(claim.claimId, right());
      expect((await desk.auditOf(id("replaced"))).status).to.equal(AUDITED.none);
    });
  });

  describe("publish", () => {
    describe("given an auditor that computed the same", () => {
      const stage = useFixture(connection, committed);
      it("pays bond and reward, and takes nothing from the operator", async () => {
        const { desk, market, claim, auditor, token } = stage;
        const [credit, fund] = [await market.creditOf(auditor), await market.auditFund()];
        const transaction = await desk.connect(claim.operator).publish(claim.request, HONEST.root);
        await expect(transaction).to.emit(desk, "AuditPublished").withArgs(claim.claimId, HONEST.root, true);
        await expect(transaction).to.emit(desk, "AuditSettled").withArgs(claim.claimId, auditor.address, true, REWARD);
        expect((await market.creditOf(auditor)) - credit).to.equal(REWARD);
        expect(fund - (await market.auditFund())).to.equal(REWARD);
        expect(await desk.creditOf(auditor)).to.equal(AUDIT.bond);
        expect((await desk.auditOf(claim.claimId)).status).to.equal(AUDITED.settled);
        await expect(desk.withdraw(auditor)).to.changeTokenBalance(ethers, token, auditor, AUDIT.bond);
        expect(await token.balanceOf(desk)).to.equal(0n);
        // The claim goes its way.
        await time.increaseTo(claim.windowEnd);
        await market.finalise(claim.request, "0x");
      });
      it("pays no more than the fund has", async () => {
        const { desk, market, claim, auditor } = stage;
        const deskSigner = await ethers.getImpersonatedSigner(await desk.getAddress());
        await networkHelpers.setBalance(deskSigner.address, ONE);
        await market.connect(deskSigner).payAudit(ZeroHash, stage.sink, (await market.auditFund()) - 6n);
        await expect(desk.connect(claim.operator).publish(claim.request, HONEST.root))
          .to.emit(desk, "AuditSettled")
          .withArgs(claim.claimId, auditor.address, true, 5n);
        expect(await desk.creditOf(auditor)).to.equal(AUDIT.bond);
      });
      it("takes the operator's agent, and nobody else: not even the auditor, which knows the root", async () => {
        const { desk, staking, claim, auditor, stranger } = stage;
        for (const caller of [auditor, stranger]) {
          await expect(desk.connect(caller).publish(claim.request, HONEST.root))
            .to.be.revertedWithCustomError(desk, "AuditNotFor")
            .withArgs(caller.address, claim.operator.address);
        }
        await staking.connect(claim.operator).setAgent(stranger);
        await desk.connect(stranger).publish(claim.request, HONEST.root);
      });
      it("refuses a second time", async () => {
        const { desk, claim } = stage;
        await desk.connect(claim.operator).publish(claim.request, HONEST.root);
        await expect(desk.connect(claim.operator).publish(claim.request, HONEST.root))
          .to.be.revertedWithCustomError(desk, "AuditStatusForbids")
          .withArgs(claim.claimId, AUDITED.settled, AUDITED.committed);
      });
      it("still counts after its time, as long as nobody escalated", async () => {
        const { desk, claim } = stage;
        await time.increaseTo(claim.windowEnd + 10n);
        await desk.connect(claim.operator).publish(claim.request, HONEST.root);
        expect((await desk.auditOf(claim.claimId)).status).to.equal(AUDITED.settled);
      });
      it("opens the dispute when the operator publishes another root", async () => {
        const { desk, judge, token, claim, auditor } = stage;
        const transaction = await desk.connect(claim.operator).publish(claim.request, WRONG.root);
        await expect(transaction).to.emit(desk, "AuditPublished").withArgs(claim.claimId, WRONG.root, false);
        // The bond stays at the desk.
        await expect(transaction).to.changeTokenBalances(ethers, token, [desk, judge], [0n, 0n]);
        const dispute = await judge.disputeOf(claim.claimId);
        expect([dispute.challenger, dispute.status, dispute.audit]).to.deep.equal([
          auditor.address,
          DISPUTED.challenged,
          true,
        ]);
        await expect(desk.connect(claim.operator).publish(claim.request, HONEST.root))
          .to.be.revertedWithCustomError(desk, "AuditClaimAbsent")
          .withArgs(claim.requestId);
      });
    });

    it("refuses before the auditor has committed: an operator that shows its root early is copied", async () => {
      const stage = await networkHelpers.loadFixture(begun);
      await expect(stage.desk.connect(stage.claim.operator).publish(stage.claim.request, HONEST.root))
        .to.be.revertedWithCustomError(stage.desk, "AuditStatusForbids")
        .withArgs(stage.claim.claimId, AUDITED.begun, AUDITED.committed);
    });
    it("does not agree on the right trace when another output was claimed", async () => {
      const stage = await networkHelpers.loadFixture(deployed);
      const claim = await pick(stage, WRONG);
      const { auditor } = await begin(stage, claim);
      const commitment = commitmentOf(stage, claim.claimId, HONEST, auditor.address);
      await stage.desk.connect(auditor).commit(claim.claimId, commitment);
      await expect(stage.desk.connect(claim.operator).publish(claim.request, HONEST.root))
        .to.emit(stage.desk, "AuditPublished")
        .withArgs(claim.claimId, HONEST.root, false);
    });
  });

  describe("escalate", () => {
    const stage = useFixture(connection, committed);
    const publishBy = () => stage.commitBy + BigInt(AUDIT.publishSeconds);
    it("refuses while the operator may publish, to the second", async () => {
      const { desk, claim } = stage;
      await time.setNextBlockTimestamp(publishBy() - 1n);
      await expect(desk.escalate(claim.request))
        .to.be.revertedWithCustomError(desk, "AuditTooEarly")
        .withArgs(publishBy() - 1n, publishBy());
      await time.setNextBlockTimestamp(publishBy());
      await desk.escalate(claim.request);
    });
    it("challenges in the auditor's name, whoever calls, and silence in court pays it as the accuser", async () => {
      const { desk, judge, staking, claim, auditor, stranger, market } = stage;
      await time.increaseTo(publishBy());
      await expect(desk.connect(stranger).escalate(claim.request))
        .to.emit(judge, "Challenged")
        .withArgs(claim.claimId, claim.requestId, auditor.address, claim.operator.address, market.target, 0, anyValue);
      const { amount } = await staking.lockOf(market, claim.requestId);
      const transaction = await convictSilent(stage, claim);
      await expect(transaction).to.emit(judge, "Convicted").withArgs(claim.claimId, auditor.address);
      // The court has no bond of this challenger, so it gives none back.
      await expect(transaction).not.to.emit(judge, "Credited");
      // A quarter of what was slashed, at least of the least penalty.
      expect(amount).to.be.below(STAKING.fraudMinimum);
      expect(await staking.creditOf(auditor)).to.be.at.least(STAKING.fraudMinimum / 4n);
      await desk.settle(claim.request, outputRootOf(HONEST));
      expect(await desk.creditOf(auditor)).to.equal(AUDIT.bond);
    });
    it("refuses an audit that nobody committed to, and a claim in dispute", async () => {
      const { desk, judge, claim, accuser } = stage;
      await time.increaseTo(publishBy());
      await judge.connect(accuser).challenge(stage.market, claim.requestId, claim.claimId);
      await expect(desk.escalate(claim.request))
        .to.be.revertedWithCustomError(desk, "AuditClaimAbsent")
        .withArgs(claim.requestId);
      const fresh = await networkHelpers.loadFixture(begun);
      await time.increase(1_200);
      await expect(fresh.desk.escalate(fresh.claim.request))
        .to.be.revertedWithCustomError(fresh.desk, "AuditStatusForbids")
        .withArgs(fresh.claim.claimId, AUDITED.begun, AUDITED.committed);
    });
    it("refuses after the window, with the market's word", async () => {
      const { desk, market, claim } = stage;
      await time.increaseTo(claim.windowEnd - 1n);
      await expect(desk.escalate(claim.request))
        .to.be.revertedWithCustomError(market, "MarketDeadlinePassed")
        .withArgs(claim.windowEnd, claim.windowEnd);
    });
  });

  describe("lapse", () => {
    const stage = useFixture(connection, begun);
    it("refuses while the auditor may commit, to the second", async () => {
      const { desk, claim, commitBy } = stage;
      await time.setNextBlockTimestamp(commitBy - 1n);
      await expect(desk.lapse(claim.request))
        .to.be.revertedWithCustomError(desk, "AuditTooEarly")
        .withArgs(commitBy - 1n, commitBy);
    });
    it("takes the penalty of a silent auditor, jails it from its deadline on, and lets another one be drawn", async () => {
      const { desk, staking, claim, auditor, commitBy, stranger } = stage;
      const { stake } = await staking.operatorOf(auditor);
      await time.setNextBlockTimestamp(commitBy + 7n);
      await expect(desk.connect(stranger).lapse(claim.request))
        .to.emit(desk, "AuditLapsed")
        .withArgs(claim.claimId, auditor.address, true);
      const after = await staking.operatorOf(auditor);
      expect([stake - after.stake, after.locked, after.status]).to.deep.equal([
        STAKING.livenessPenalty,
        0n,
        STANDING.jailed,
      ]);
      expect(await staking.jailedUntil(auditor)).to.equal(commitBy + BigInt(STAKING.jailSeconds));
      const { status, candidate, spent } = await desk.auditOf(claim.claimId);
      expect([status, spent]).to.deep.equal([AUDITED.none, 2n ** candidate]);
      await expect(desk.lapse(claim.request))
        .to.be.revertedWithCustomError(desk, "AuditStatusForbids")
        .withArgs(claim.claimId, AUDITED.none, AUDITED.begun);
      const next = await desk.begin.staticCall(claim.request);
      expect([auditor.address, claim.operator.address]).not.to.include(next);
    });
    it("takes it after the claim is final too", async () => {
      const { desk, market, staking, claim, auditor } = stage;
      await time.increaseTo(claim.windowEnd);
      await market.finalise(claim.request, "0x");
      await desk.lapse(claim.request);
      expect((await staking.operatorOf(auditor)).status).to.equal(STANDING.jailed);
    });
    it("waits for nobody's verdict: a claim in dispute frees the auditor", async () => {
      const { desk, judge, staking, claim, auditor, accuser, commitBy } = stage;
      await expect(desk.settle(claim.request, outputRootOf(HONEST)))
        .to.be.revertedWithCustomError(desk, "AuditUndisputed")
        .withArgs(claim.claimId);
      await judge.connect(accuser).challenge(stage.market, claim.requestId, claim.claimId);
      await time.increaseTo(commitBy);
      await expect(desk.lapse(claim.request))
        .to.be.revertedWithCustomError(desk, "AuditDisputed")
        .withArgs(claim.claimId);
      await expect(desk.settle(claim.request, outputRootOf(HONEST)))
        .to.emit(desk, "AuditSettled")
        .withArgs(claim.claimId, auditor.address, false, 0);
      expect((await staking.lockOf(desk, claim.claimId)).operator).to.equal(ZeroAddress);
      expect((await staking.operatorOf(auditor)).stake).to.equal(STAKING.minimumStake);
    });
  });

  describe("settle", () => {
    const root = outputRootOf(HONEST);
    describe("given an operator that publishes another root than it has", () => {
      const stage = useFixture(connection, disputed);
      it("waits for the verdict", async () => {
        const { desk, claim } = stage;
        await expect(desk.settle(claim.request, root))
          .to.be.revertedWithCustomError(desk, "AuditDisputed")
          .withArgs(claim.claimId);
        await commitTrace(stage, claim, HONEST);
        await expect(desk.settle(claim.request, root))
          .to.be.revertedWithCustomError(desk, "AuditDisputed")
          .withArgs(claim.claimId);
      });
      it("pays an auditor that was right, though its operator stands: provoking a dispute gains nothing", async () => {
        const { desk, judge, market, claim, auditor } = stage;
        await commitTrace(stage, claim, HONEST);
        await uphold(stage, claim);
        expect(await judge.creditOf(claim.operator)).to.equal(0n);
        const credit = await market.creditOf(auditor);
        await expect(desk.connect(stage.stranger).settle(claim.request, root))
          .to.emit(desk, "AuditSettled")
          .withArgs(claim.claimId, auditor.address, true, REWARD);
        expect((await market.creditOf(auditor)) - credit).to.equal(REWARD);
        expect(await desk.creditOf(auditor)).to.equal(AUDIT.bond);
        expect(await desk.creditOf(claim.operator)).to.equal(0n);
        await expect(desk.settle(claim.request, root))
          .to.be.revertedWithCustomError(desk, "AuditStatusForbids")
          .withArgs(claim.claimId, AUDITED.settled, AUDITED.committed);
      });
      it("gives the bond back when the operator is convicted, and the fund pays nothing", async () => {
        const { desk, market, claim, auditor } = stage;
        await convictSilent(stage, claim);
        const fund = await market.auditFund();
        await expect(desk.settle(claim.request, root))
          .to.emit(desk, "AuditSettled")
          .withArgs(claim.claimId, auditor.address, true, 0);
        expect([await desk.creditOf(auditor), await market.auditFund()]).to.deep.equal([AUDIT.bond, fund]);
      });
      it("gives the bond back when the market gave up waiting for the verdict", async () => {
        const { desk, market, claim, auditor } = stage;
        await time.increaseTo(claim.windowEnd + BigInt(MARKET.maxDisputeSeconds));
        await market.expireDispute(claim.request);
        expect((await market.stateOf(claim.requestId)).status).to.equal(REQUEST_STATUS.cancelled);
        await desk.settle(claim.request, root);
        expect(await desk.creditOf(auditor)).to.equal(AUDIT.bond);
      });
    });

    describe("given an auditor that committed to something else than the truth", () => {
      const stage = useFixture(connection, committedOther);
      it("gives its bond to the operator, less the burn, once the operator stands", async () => {
        const { desk, claim, auditor, token } = stage;
        await desk.connect(claim.operator).publish(claim.request, HONEST.root);
        await commitTrace(stage, claim, HONEST);
        await uphold(stage, claim);
        await expect(desk.settle(claim.request, root))
          .to.emit(desk, "AuditSettled")
          .withArgs(claim.claimId, auditor.address, false, 0);
        const sink = await desk.SINK();
        expect(await desk.creditOf(claim.operator)).to.equal(WON);
        expect(await desk.creditOf(sink)).to.equal(AUDIT.bond - WON);
        expect(await desk.creditOf(auditor)).to.equal(0n);
        for (const account of [claim.operator.address, sink]) await desk.withdraw(account);
        expect(await token.balanceOf(desk)).to.equal(0n);
      });
      it("judges it the same when a friend of the auditor opens the dispute first", async () => {
        const { desk, judge, claim, accuser } = stage;
        await judge.connect(accuser).challenge(stage.market, claim.requestId, claim.claimId);
        await commitTrace(stage, claim, HONEST);
        await uphold(stage, claim);
        await desk.settle(claim.request, root);
        expect(await desk.creditOf(claim.operator)).to.equal(WON);
      });
    });

    describe("given a right commitment and a stranger's dispute", () => {
      const stage = useFixture(connection, committed);
      it("pays the auditor when the operator's trace is the one that it committed to", async () => {
        const { desk, judge, market, claim, accuser, auditor } = stage;
        await judge.connect(accuser).challenge(stage.market, claim.requestId, claim.claimId);
        await commitTrace(stage, claim, HONEST);
        await uphold(stage, claim);
        const fund = await market.auditFund();
        await desk.settle(claim.request, root);
        expect(fund - (await market.auditFund())).to.equal(REWARD);
        expect(await desk.creditOf(auditor)).to.equal(AUDIT.bond);
        // The court's own challenger lost its own bond.
        expect(await judge.creditOf(claim.operator)).to.equal(WON);
      });
    });

    describe("given an operator that was silent and that nobody challenged", () => {
      const stage = useFixture(connection, committed);
      it("refuses while the window is open, to the second", async () => {
        const { desk, claim } = stage;
        await time.setNextBlockTimestamp(claim.windowEnd - 1n);
        await expect(desk.settle(claim.request, root))
          .to.be.revertedWithCustomError(desk, "AuditTooEarly")
          .withArgs(claim.windowEnd - 1n, claim.windowEnd);
      });
      it("gives the bond back without a reward", async () => {
        const { desk, claim, auditor } = stage;
        await time.increaseTo(claim.windowEnd);
        await expect(desk.settle(claim.request, root))
          .to.emit(desk, "AuditSettled")
          .withArgs(claim.claimId, auditor.address, true, 0);
        expect(await desk.creditOf(auditor)).to.equal(AUDIT.bond);
      });
      it("finds no audit under another output root", async () => {
        const { desk, claim } = stage;
        await time.increaseTo(claim.windowEnd);
        await expect(desk.settle(claim.request, id("other")))
          .to.be.revertedWithCustomError(desk, "AuditStatusForbids")
          .withArgs(anyValue, AUDITED.none, AUDITED.committed);
      });
    });
  });

  describe("attacks", () => {
    it("copying: another's commitment, or one for another claim, agrees with nothing", async () => {
      const stage = await networkHelpers.loadFixture(begun);
      const { desk, claim, auditor, alice, bob, carol } = stage;
      const other = [alice, bob, carol].find(
        ({ address }) => address !== auditor.address && address !== claim.operator.address,
      ) as Signer;
      // What an honest auditor would have sent, seen somewhere.
      const seen = commitmentOf(stage, claim.claimId, HONEST, other.address);
      await desk.connect(auditor).commit(claim.claimId, seen);
      await expect(desk.connect(claim.operator).publish(claim.request, HONEST.root))
        .to.emit(desk, "AuditPublished")
        .withArgs(claim.claimId, HONEST.root, false);
      await commitTrace(stage, claim, HONEST);
      await uphold(stage, claim);
      await desk.settle(claim.request, outputRootOf(HONEST));
      expect(await desk.creditOf(auditor)).to.equal(0n);
      expect(await desk.creditOf(claim.operator)).to.equal(WON);
    });
    it("waiting for the operator's root: it is refused before the commitment, and the time to commit ends first", async () => {
      const stage = await networkHelpers.loadFixture(begun);
      const { desk, claim, auditor, commitBy } = stage;
      await time.increaseTo(commitBy);
      await expect(desk.connect(auditor).commit(claim.claimId, id("late")))
        .to.be.revertedWithCustomError(desk, "AuditTooLate")
        .withArgs(commitBy + 1n, commitBy);
      await desk.lapse(claim.request);
    });
    it("an operator and its friend agree on a wrong answer only when the draw names the friend", async () => {
      // Of three holders with the same weight one is the operator and one its friend: the friend audits half of its claims.
      const stage = await networkHelpers.loadFixture(deployed);
      const { desk } = stage;
      const claim = await openClaimed(stage);
      const friend = [stage.alice, stage.bob, stage.carol].find(
        ({ address }) => address !== claim.operator.address,
      ) as Signer;
      let [draws, friends] = [0, 0];
      const snapshot = await networkHelpers.takeSnapshot();
      for (let moment = 0n; moment < 400n && draws < 100; moment++) {
        await time.increaseTo(periodEnd(claim) + moment);
        await desk.commitPeriod(claim.period);
        await mine(3);
        const auditor = await desk.begin.staticCall(claim.request).catch(() => undefined);
        if (auditor !== undefined) {
          draws++;
          if (auditor === friend.address) friends++;
        }
        await snapshot.restore();
      }
      expect(draws).to.equal(100);
      // Four standard deviations around a half.
      expect(friends).to.be.within(30, 70);
    });
    it("a token that takes a fee, or that calls back, buys no commitment", async () => {
      const stage = await networkHelpers.loadFixture(deployedOnMock);
      const { desk, mock } = stage;
      const claim = await pick(stage);
      const { auditor } = await begin(stage, claim);
      const commitment = commitmentOf(stage, claim.claimId, HONEST, auditor.address);
      const byAuditor = desk.connect(auditor);
      await byAuditor.deposit(stage.stranger, ONE);
      await mock.setFee(100);
      await expect(byAuditor.commit(claim.claimId, commitment))
        .to.be.revertedWithCustomError(desk, "CreditTokenMismatch")
        .withArgs((AUDIT.bond * 99n) / 100n, AUDIT.bond);
      await mock.setFee(0);
      // The token, as the auditor's agent, commits once more during the transfer: the audit is committed already.
      await stage.staking.connect(auditor).setAgent(mock);
      await mock.setHook(desk, desk.interface.encodeFunctionData("commit", [claim.claimId, id("again")]));
      await expect(byAuditor.commit(claim.claimId, commitment))
        .to.be.revertedWithCustomError(desk, "AuditStatusForbids")
        .withArgs(claim.claimId, AUDITED.committed, AUDITED.begun);
      // Or it withdraws what the desk owes to somebody, so that the payment seems short.
      await mock.setHook(desk, desk.interface.encodeFunctionData("withdraw", [stage.stranger.address]));
      await expect(byAuditor.commit(claim.claimId, commitment))
        .to.be.revertedWithCustomError(desk, "CreditTokenMismatch")
        .withArgs(AUDIT.bond - ONE, AUDIT.bond);
      await mock.setHook(ZeroAddress, "0x");
      await byAuditor.commit(claim.claimId, commitment);
    });
    it("opening a dispute without a bond: only the desk may, through the market", async () => {
      const stage = await networkHelpers.loadFixture(begun);
      const { market, judge, desk, claim, stranger } = stage;
      await expect(market.connect(stranger).challengeFor(claim.requestId, claim.claimId, stranger))
        .to.be.revertedWithCustomError(market, "MarketNotAuditDesk")
        .withArgs(stranger.address, desk.target);
      await expect(judge.connect(stranger).challengeFor(claim.requestId, claim.claimId, stranger))
        .to.be.revertedWithCustomError(judge, "CourtSourceUnusable")
        .withArgs(stranger.address, 0n);
    });
    it("withholding an input that is only committed: silence costs the auditor nothing then", async () => {
      const base = await networkHelpers.loadFixture(deployed);
      const { registry, pools, publisher, alice, bob, carol, staking, desk } = base;
      const manifest = { ...MANIFEST, inputs: [{ dtype: DTYPE_CODE.i32, length: 4_000 }] };
      await registry.connect(publisher).publish(manifest, metadataOf());
      const versionId = await registry.versionIdFor(publisher, manifest, metadataOf());
      for (const holder of [alice, bob, carol]) await pools.connect(holder).optIn(versionId, OPEN_TERMS);
      await nextEpoch(connection);
      const stage = { ...base, versionId };
      const claim = await pick(stage, HONEST, { inputs: "0x", inputRoot: id("input"), inputUri: "ipfs://nowhere" });
      const { auditor, commitBy } = await begin(stage, claim);
      await time.increaseTo(commitBy);
      await expect(desk.lapse(claim.request))
        .to.emit(desk, "AuditLapsed")
        .withArgs(claim.claimId, auditor.address, false);
      const { stake, locked, status } = await staking.operatorOf(auditor);
      expect([stake, locked, status]).to.deep.equal([STAKING.minimumStake, 0n, STANDING.active]);
    });
    it("withholding an input until the claim fails: the auditor that was drawn gets its stake back", async () => {
      const base = await networkHelpers.loadFixture(deployed);
      const { registry, pools, publisher, alice, bob, carol, accuser, staking, desk, market, availability } = base;
      const manifest = { ...MANIFEST, inputs: [{ dtype: DTYPE_CODE.i32, length: 4_000 }] };
      await registry.connect(publisher).publish(manifest, metadataOf());
      const versionId = await registry.versionIdFor(publisher, manifest, metadataOf());
      for (const holder of [alice, bob, carol]) await pools.connect(holder).optIn(versionId, OPEN_TERMS);
      await nextEpoch(connection);
      const root = id("input");
      const claim = await pick({ ...base, versionId }, HONEST, { inputs: "0x", inputRoot: root, inputUri: "ipfs://x" });
      const { auditor } = await begin({ ...base, versionId }, claim);
      const terms = encodeTerms(claim.request);
      await availability.connect(accuser).demand(market, terms, 0, [0]);
      await time.increase((await availability.secondsFor(0)) + 1n);
      const data = { source: await market.getAddress(), id: claim.requestId, versionId, root, kind: 0 };
      await availability.settle(data, 0, terms);
      expect((await market.stateOf(claim.requestId)).status).to.equal(REQUEST_STATUS.cancelled);
      // The market does not tell the claim's id any more, so nobody can call it silent.
      await expect(desk.lapse(claim.request)).to.be.revertedWithCustomError(desk, "AuditStatusForbids");
      await expect(desk.settle(claim.request, outputRootOf(HONEST)))
        .to.emit(desk, "AuditSettled")
        .withArgs(claim.claimId, auditor.address, false, 0);
      const { stake, locked, open } = await staking.operatorOf(auditor);
      expect([stake, locked, open]).to.deep.equal([STAKING.minimumStake, 0n, 0n]);
    });
  });
});
