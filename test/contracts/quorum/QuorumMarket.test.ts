import { expect } from "chai";
import { id as hashOf, keccak256, parseEther, ZeroAddress, ZeroHash } from "ethers";

import { MANIFEST } from "../../../testing/toy-court.ts";
import { metadataOf, nextEpoch, OPEN_TERMS, policyOf, SIGNED, STAKING, useFixture } from "../support/protocol.ts";
import {
  all,
  type Answers,
  claimTerms,
  COLLATERAL,
  commitAll,
  commitmentOf,
  connection,
  convictSilent,
  deployQuorum,
  DISPUTED,
  drawAll,
  ethers,
  EVIDENCE,
  FEE,
  FINALITY,
  HONEST,
  INPUTS,
  networkHelpers,
  openAnswered,
  openRevealed,
  openSeated,
  OTHER,
  outputsOf,
  passDeadline,
  proveFraud,
  quorumIn,
  revealAll,
  rootOf,
  saltOf,
  SEAT,
  showTrace,
  STAGE,
  STAGE_SECONDS,
  STANDING,
  STATUS,
  uphold,
  WINDOW,
  WRONG,
} from "../support/quorum.ts";

const { time } = networkHelpers;

const deployed = () => deployQuorum();
const withSeats = async () => {
  const stage = await deployQuorum();
  return { ...stage, quorum: await openSeated(stage) };
};
/** Five answers: the liars are the last ones. */
const lies = (liars: number, trace = WRONG): Answers => [...all(HONEST, 5 - liars), ...all(trace, liars)];

const item = <T>(list: readonly T[], index: number): T => {
  const found = list[index];
  if (found === undefined) throw new RangeError(`no item ${String(index)}`);
  return found;
};

describe("QuorumMarket", () => {
  describe("commit", () => {
    const stage = useFixture(connection, withSeats);
    it("takes a commitment of the operator or its agent, once", async () => {
      const { quorums, quorum, staking, stranger } = stage;
      const operator = item(quorum.drawn, 0);
      await expect(quorums.connect(operator).commit(quorum.request, 0, hashOf("sealed")))
        .to.emit(quorums, "SeatCommitted")
        .withArgs(quorum.id, 0, hashOf("sealed"));
      await staking.connect(item(quorum.drawn, 1)).setAgent(stranger);
      await quorums.connect(stranger).commit(quorum.request, 1, hashOf("by an agent"));
      await expect(quorums.connect(operator).commit(quorum.request, 0, ZeroHash))
        .to.be.revertedWithCustomError(quorums, "QuorumSeatForbids")
        .withArgs(quorum.id, SEAT.committed);
    });
    it("refuses strangers and seats that do not exist", async () => {
      const { quorums, quorum, stranger } = stage;
      await expect(quorums.connect(stranger).commit(quorum.request, 0, ZeroHash))
        .to.be.revertedWithCustomError(quorums, "QuorumNotOperator")
        .withArgs(stranger.address, item(quorum.drawn, 0).address);
      await expect(quorums.connect(stranger).commit(quorum.request, 5, ZeroHash))
        .to.be.revertedWithCustomError(quorums, "QuorumSeatForbids")
        .withArgs(quorum.id.slice(0, -2) + "05", SEAT.none);
    });
    it("refuses what is not a quorum, and after the time", async () => {
      const { quorums, quorum } = stage;
      const unknown = { ...quorum.request, nonce: 77n };
      await expect(quorums.commit(unknown, 0, ZeroHash))
        .to.be.revertedWithCustomError(quorums, "QuorumStatusForbids")
        .withArgs(await quorums.idOf(unknown), STATUS.none);
      const { deadline } = await quorums.quorumOf(quorum.id);
      await time.setNextBlockTimestamp(deadline);
      await expect(quorums.connect(item(quorum.drawn, 0)).commit(quorum.request, 0, ZeroHash))
        .to.be.revertedWithCustomError(quorums, "QuorumDeadlinePassed")
        .withArgs(deadline, deadline);
    });
    it("begins the reveals when all have committed", async () => {
      const { quorums, quorum } = stage;
      await commitAll(stage, quorum, all(HONEST));
      const { status, deadline, committed } = await quorums.quorumOf(quorum.id);
      const until = BigInt((await time.latest()) + STAGE_SECONDS);
      expect([status, deadline, committed]).to.deep.equal([STATUS.revealing, until, 5n]);
    });
  });

  describe("reveal", () => {
    const stage = useFixture(connection, withSeats);
    const reveal = (seat: number, overrides: { root?: string; salt?: string; seatOf?: number } = {}) => {
      const { quorums, quorum } = stage;
      const operator = item(quorum.drawn, overrides.seatOf ?? seat);
      const { root = rootOf(HONEST), salt = saltOf(seat) } = overrides;
      return quorums.connect(operator).reveal(quorum.request, seat, root, salt, EVIDENCE);
    };
    it("refuses while others may still commit, to the second", async () => {
      const { quorums, quorum } = stage;
      await commitAll(stage, quorum, [HONEST, HONEST]);
      const { deadline } = await quorums.quorumOf(quorum.id);
      await time.setNextBlockTimestamp(deadline - 1n);
      await expect(reveal(0))
        .to.be.revertedWithCustomError(quorums, "QuorumDeadlineAhead")
        .withArgs(deadline, deadline - 1n);
      await time.setNextBlockTimestamp(deadline);
      await expect(reveal(0))
        .to.emit(quorums, "RevealBegun")
        .withArgs(quorum.id, deadline + BigInt(STAGE_SECONDS));
    });
    it("shows the answer", async () => {
      const { quorums, quorum } = stage;
      await commitAll(stage, quorum, all(HONEST));
      await expect(reveal(2))
        .to.emit(quorums, "SeatRevealed")
        .withArgs(quorum.id, 2, item(quorum.drawn, 2).address, rootOf(HONEST));
      expect(await quorums.resultOf(quorum.id)).to.deep.equal([FINALITY.provisional, rootOf(HONEST)]);
      const seatId = quorum.id.slice(0, -2) + "02";
      await expect(reveal(2))
        .to.be.revertedWithCustomError(quorums, "QuorumSeatForbids")
        .withArgs(seatId, SEAT.revealed);
    });
    it("refuses another root, another salt, and a stranger", async () => {
      const { quorums, quorum, chainId } = stage;
      await commitAll(stage, quorum, all(HONEST));
      const operator = item(quorum.drawn, 0).address;
      const expected = await commitmentOf(stage, quorum.id, operator, saltOf(0), rootOf(HONEST));
      for (const [root, salt] of [
        [rootOf(WRONG), saltOf(0)],
        [rootOf(HONEST), saltOf(1)],
      ] as const) {
        await expect(reveal(0, { root, salt }))
          .to.be.revertedWithCustomError(quorums, "QuorumCommitmentMismatch")
          .withArgs(await commitmentOf({ quorums, chainId }, quorum.id, operator, salt, root), expected);
      }
      await expect(reveal(0, { seatOf: 1 }))
        .to.be.revertedWithCustomError(quorums, "QuorumNotOperator")
        .withArgs(item(quorum.drawn, 1).address, operator);
    });
    it("is useless for a copy of another's commitment", async () => {
      const { quorums, quorum } = stage;
      await commitAll(stage, quorum, all(HONEST, 4));
      const copied = await quorums.seatOf(quorum.id, 0);
      await quorums.connect(item(quorum.drawn, 4)).commit(quorum.request, 4, copied.word);
      await reveal(0);
      // The copycat reads salt and root now; they open the commitment of the other only.
      await expect(reveal(4, { salt: saltOf(0) })).to.be.revertedWithCustomError(quorums, "QuorumCommitmentMismatch");
    });
    it("refuses after the time", async () => {
      const { quorums, quorum } = stage;
      await commitAll(stage, quorum, all(HONEST));
      const { deadline } = await quorums.quorumOf(quorum.id);
      await time.setNextBlockTimestamp(deadline);
      await expect(reveal(0))
        .to.be.revertedWithCustomError(quorums, "QuorumDeadlinePassed")
        .withArgs(deadline, deadline);
    });
    it("asks for the evidence of the policy, which binds the seat", async () => {
      const { quorums, signature, chainId } = stage;
      const quorum = await openSeated(stage, { policy: policyOf(SIGNED) });
      await commitAll(stage, quorum, all(HONEST));
      const operator = item(quorum.drawn, 3);
      const seatId = quorum.id.slice(0, -2) + "03";
      const { deadline } = await quorums.quorumOf(quorum.id);
      const context = {
        market: await quorums.getAddress(),
        requestId: seatId,
        versionId: quorum.request.versionId,
        numericsVersion: 1,
        inputRoot: quorum.request.inputRoot,
        outputRoot: rootOf(HONEST),
        operator: operator.address,
        mode: SIGNED,
        deadline,
        windowSeconds: WINDOW,
      };
      const types = [
        ..."address market,bytes32 requestId,bytes32 versionId,uint32 numericsVersion,bytes32 inputRoot".split(","),
        ..."bytes32 outputRoot,address operator,bytes4 mode,uint40 deadline,uint32 windowSeconds".split(","),
      ].map((field) => {
        const [type = "", name = ""] = field.split(" ");
        return { type, name };
      });
      const domain = {
        name: "Assay SignatureVerifier",
        version: "1",
        chainId,
        verifyingContract: await signature.getAddress(),
      };
      const signed = await operator.signTypedData(domain, { Answer: types }, context);
      const byOperator = quorums.connect(operator);
      const answer = [quorum.request, 3, rootOf(HONEST), saltOf(3)] as const;
      await expect(byOperator.reveal(...answer, ["0x"]))
        .to.be.revertedWithCustomError(signature, "EvidenceRejected")
        .withArgs(SIGNED, seatId);
      await byOperator.reveal(...answer, [signed]);
    });
  });

  describe("close", () => {
    const stage = useFixture(connection, deployed);
    it("makes all answers claims as soon as all have revealed", async () => {
      const { quorums } = stage;
      const quorum = await openAnswered(stage, all(HONEST));
      const windowEnd = BigInt((await time.latest()) + WINDOW);
      await expect(quorum.closing).to.emit(quorums, "QuorumAnswered").withArgs(quorum.id, windowEnd, 5, false);
      expect(await quorums.resultOf(quorum.id)).to.deep.equal([FINALITY.attested, rootOf(HONEST)]);
      const ids = await Promise.all([0, 1, 2, 3, 4].map((seat) => quorums.claimIdFor(quorum.id, seat)));
      expect(new Set(ids).size).to.equal(5);
      expect(await quorums.claimIdFor(quorum.id, 5)).to.equal(ZeroHash);
    });
    it("refuses while somebody who committed may still reveal, to the second", async () => {
      const { quorums } = stage;
      const quorum = await openSeated(stage);
      await expect(quorums.close(quorum.request)).to.be.revertedWithCustomError(quorums, "QuorumDeadlineAhead");
      await commitAll(stage, quorum, all(HONEST));
      await revealAll(stage, quorum, all(HONEST, 4));
      const { deadline } = await quorums.quorumOf(quorum.id);
      await time.setNextBlockTimestamp(deadline - 1n);
      await expect(quorums.close(quorum.request))
        .to.be.revertedWithCustomError(quorums, "QuorumDeadlineAhead")
        .withArgs(deadline, deadline - 1n);
      expect(await quorums.claimIdFor(quorum.id, 0)).to.equal(ZeroHash);
      await time.setNextBlockTimestamp(deadline);
      await quorums.close(quorum.request);
      await expect(quorums.close(quorum.request))
        .to.be.revertedWithCustomError(quorums, "QuorumStatusForbids")
        .withArgs(quorum.id, STATUS.answered);
    });
    it("penalises who did not commit and who did not reveal, from the deadline that each missed", async () => {
      const { quorums, staking, sink } = stage;
      const quorum = await openSeated(stage);
      const [late, mute] = [item(quorum.drawn, 3), item(quorum.drawn, 4)];
      await commitAll(stage, quorum, all(HONEST, 4));
      const commitBy = (await quorums.quorumOf(quorum.id)).deadline;
      await passDeadline(stage, quorum);
      await revealAll(stage, quorum, all(HONEST, 3));
      const revealBy = commitBy + BigInt(STAGE_SECONDS);
      expect((await quorums.quorumOf(quorum.id)).deadline).to.equal(revealBy);
      await time.increaseTo(revealBy + 100n);
      const before = await staking.creditOf(sink);
      await expect(quorums.close(quorum.request))
        .to.emit(quorums, "SeatSilent")
        .withArgs(quorum.id, 4, mute.address, true);
      expect((await staking.creditOf(sink)) - before).to.equal(2n * STAKING.livenessPenalty);
      expect(await staking.jailedUntil(mute)).to.equal(commitBy + BigInt(STAKING.jailSeconds));
      expect(await staking.jailedUntil(late)).to.equal(revealBy + BigInt(STAKING.jailSeconds));
      expect((await staking.operatorOf(late)).locked).to.equal(0n);
      for (const seat of [3, 4]) {
        expect((await quorums.seatOf(quorum.id, seat)).status).to.equal(SEAT.silent);
        expect(await quorums.claimIdFor(quorum.id, seat)).to.equal(ZeroHash);
      }
      // Three of five is enough.
      expect((await quorums.resultOf(quorum.id))[0]).to.equal(FINALITY.attested);
    });
    it("refunds everything when all are silent", async () => {
      const { quorums, requester, staking } = stage;
      expect(await quorums.resultOf(ZeroHash)).to.deep.equal([FINALITY.unknown, ZeroHash]);
      const quorum = await openSeated(stage);
      await passDeadline(stage, quorum);
      await expect(quorums.close(quorum.request))
        .to.emit(quorums, "QuorumSettled")
        .withArgs(quorum.id, STATUS.failed, ZeroHash, 0);
      expect(await quorums.creditOf(requester)).to.equal(5n * FEE);
      for (const operator of quorum.drawn) {
        expect(await staking.totalStakeOf(operator)).to.equal(STAKING.minimumStake - STAKING.livenessPenalty);
      }
      await expect(quorums.settle(quorum.request))
        .to.be.revertedWithCustomError(quorums, "QuorumStatusForbids")
        .withArgs(quorum.id, STATUS.failed);
    });
    it("blames nobody for silence once the policy is dead", async () => {
      const { quorums, staking, attestation } = stage;
      const quorum = await openSeated(stage, { policy: policyOf(SIGNED) });
      await attestation.tombstoneRoute(SIGNED);
      await passDeadline(stage, quorum);
      await expect(quorums.close(quorum.request))
        .to.emit(quorums, "SeatSilent")
        .withArgs(quorum.id, 0, item(quorum.drawn, 0).address, false);
      expect(await staking.totalStakeOf(item(quorum.drawn, 0))).to.equal(STAKING.minimumStake);
    });
    it("challenges every answer when two differ, each in the name of the next who says something else", async () => {
      const { quorums, judge, token } = stage;
      const quorum = await openAnswered(stage, [HONEST, HONEST, WRONG, HONEST, OTHER]);
      const accusers = [2, 2, 3, 4, 0];
      for (const [seat, accuser] of accusers.entries()) {
        const claimId = await quorums.claimIdFor(quorum.id, seat);
        const { challenger, operator, audit, status, id } = await judge.disputeOf(claimId);
        expect([challenger, operator]).to.deep.equal([
          item(quorum.drawn, accuser).address,
          item(quorum.drawn, seat).address,
        ]);
        expect([audit, status, id]).to.deep.equal([
          true,
          DISPUTED.challenged,
          quorum.id.slice(0, -2) + seat.toString(16).padStart(2, "0"),
        ]);
        expect(await quorums.isChallenged(id, claimId)).to.equal(true);
      }
      expect(await token.balanceOf(judge)).to.equal(0n);
      expect((await quorums.quorumOf(quorum.id)).disputed).to.equal(5n);
      expect(await quorums.resultOf(quorum.id)).to.deep.equal([FINALITY.disputed, ZeroHash]);
    });
    it("challenges no seat that was silent", async () => {
      const { quorums } = stage;
      const quorum = await openAnswered(stage, [HONEST, WRONG, undefined, HONEST, HONEST]);
      expect((await quorums.quorumOf(quorum.id)).disputed).to.equal(4n);
      expect((await quorums.seatOf(quorum.id, 2)).status).to.equal(SEAT.silent);
    });
    it("opens no dispute with so little gas that one could fail for want of it", async () => {
      const { quorums } = stage;
      const quorum = await openRevealed(stage, lies(1));
      await expect(quorums.close(quorum.request, { gasLimit: 600_000 })).to.be.revertedWithCustomError(
        quorums,
        "QuorumGasInsufficient",
      );
      await quorums.close(quorum.request);
    });
    it("gives everything back when the court takes no disputes and answers differ", async () => {
      const { quorums, judge, requester, staking } = stage;
      const quorum = await openSeated(stage, { windowSeconds: 7 * 86_400 });
      await commitAll(stage, quorum, lies(2));
      await revealAll(stage, quorum, lies(2));
      await judge.tombstoneSource(quorums);
      const { deadline } = await quorums.quorumOf(quorum.id);
      await time.increaseTo(deadline + 16n * 86_400n);
      await quorums.close(quorum.request);
      expect((await quorums.quorumOf(quorum.id)).disputed).to.equal(0n);
      expect((await quorums.resultOf(quorum.id))[0]).to.equal(FINALITY.disputed);
      await passDeadline(stage, quorum);
      await expect(quorums.settle(quorum.request))
        .to.emit(quorums, "QuorumSettled")
        .withArgs(quorum.id, STATUS.failed, ZeroHash, 5);
      expect(await quorums.creditOf(requester)).to.equal(5n * FEE);
      for (const operator of quorum.drawn) expect((await staking.operatorOf(operator)).locked).to.equal(0n);
    });
  });

  describe("settle", () => {
    const stage = useFixture(connection, deployed);
    it("pays all who agreed when the window is over, and frees their collateral", async () => {
      const { quorums, staking, requester } = stage;
      const quorum = await openAnswered(stage, all(HONEST));
      const { deadline } = await quorums.quorumOf(quorum.id);
      await time.setNextBlockTimestamp(deadline - 1n);
      await expect(quorums.settle(quorum.request))
        .to.be.revertedWithCustomError(quorums, "QuorumDeadlineAhead")
        .withArgs(deadline, deadline - 1n);
      await time.setNextBlockTimestamp(deadline);
      await expect(quorums.settle(quorum.request))
        .to.emit(quorums, "QuorumSettled")
        .withArgs(quorum.id, STATUS.final, rootOf(HONEST), 5);
      for (const operator of quorum.drawn) {
        expect(await quorums.creditOf(operator)).to.equal(FEE);
        expect((await staking.operatorOf(operator)).locked).to.equal(0n);
      }
      expect(await quorums.creditOf(requester)).to.equal(0n);
      expect(await quorums.resultOf(quorum.id)).to.deep.equal([FINALITY.final, rootOf(HONEST)]);
    });
    it("gives the publisher its royalty of each paid seat", async () => {
      const { quorums, registry, publisher, pools, royaltee } = stage;
      const metadata = metadataOf({ royaltyBps: 1_000, royaltyRecipient: royaltee.address, licence: "other" });
      await registry.connect(publisher).publish(MANIFEST, metadata);
      const versionId = await registry.versionIdFor(publisher, MANIFEST, metadata);
      for (const operator of stage.operators) await pools.connect(operator).optIn(versionId, OPEN_TERMS);
      await nextEpoch(connection);
      const quorum = await openAnswered(stage, [...all(HONEST, 4), undefined], { versionId });
      await passDeadline(stage, quorum);
      await quorums.settle(quorum.request);
      expect(await quorums.creditOf(royaltee)).to.equal((4n * FEE) / 10n);
      expect(await quorums.creditOf(item(quorum.drawn, 0))).to.equal((9n * FEE) / 10n);
      expect(await quorums.creditOf(stage.requester)).to.equal(FEE);
    });
    it("refunds silent seats and is final when enough stand", async () => {
      const { quorums, requester } = stage;
      const quorum = await openAnswered(stage, [undefined, ...all(HONEST, 3), undefined]);
      await passDeadline(stage, quorum);
      await quorums.settle(quorum.request);
      expect((await quorums.resultOf(quorum.id))[0]).to.equal(FINALITY.final);
      expect(await quorums.creditOf(requester)).to.equal(2n * FEE);
      expect(await quorums.creditOf(item(quorum.drawn, 0))).to.equal(0n);
    });
    it("pays who stands but is not final when too few do", async () => {
      const { quorums, requester } = stage;
      const quorum = await openAnswered(stage, [HONEST, HONEST, undefined, undefined, undefined]);
      expect(await quorums.resultOf(quorum.id)).to.deep.equal([FINALITY.provisional, rootOf(HONEST)]);
      await passDeadline(stage, quorum);
      await expect(quorums.settle(quorum.request))
        .to.emit(quorums, "QuorumSettled")
        .withArgs(quorum.id, STATUS.failed, ZeroHash, 2);
      expect(await quorums.creditOf(item(quorum.drawn, 0))).to.equal(FEE);
      expect(await quorums.creditOf(requester)).to.equal(3n * FEE);
    });

    describe("when one of five lies", () => {
      it("convicts a liar that shows no trace, pays the next honest one for it and shares its fee", async () => {
        const { quorums, staking, requester, judge } = stage;
        const quorum = await openAnswered(stage, lies(1));
        const liar = item(quorum.drawn, 4);
        for (const seat of [0, 1, 2, 3]) await showTrace(stage, quorum, seat, HONEST);
        await convictSilent(stage, quorum, 4);
        expect((await staking.operatorOf(liar)).status).to.equal(STANDING.tombstoned);
        expect((await quorums.seatOf(quorum.id, 4)).status).to.equal(SEAT.convicted);
        const taken = STAKING.minimumStake - (await staking.totalStakeOf(liar));
        expect(taken).to.be.at.least(COLLATERAL);
        // The accuser is around the table: seat 0.
        expect(await staking.creditOf(item(quorum.drawn, 0))).to.equal(taken / 4n);
        expect(await staking.creditOf(requester)).to.equal(taken / 4n);
        await expect(quorums.settle(quorum.request))
          .to.be.revertedWithCustomError(quorums, "QuorumDisputed")
          .withArgs(quorum.id);
        await uphold(stage, quorum, 0, 1, 2, 3);
        expect((await judge.disputeOf(await quorums.claimIdFor(quorum.id, 0))).status).to.equal(DISPUTED.upheld);
        await quorums.settle(quorum.request);
        expect(await quorums.resultOf(quorum.id)).to.deep.equal([FINALITY.final, rootOf(HONEST)]);
        for (const operator of quorum.drawn.slice(0, 4))
          expect(await quorums.creditOf(operator)).to.equal(FEE + FEE / 4n);
        expect(await quorums.creditOf(liar)).to.equal(0n);
        expect(await quorums.creditOf(requester)).to.equal(0n);
      });
      it("convicts a liar that shows its trace by one element, whoever proves it", async () => {
        const { quorums, staking } = stage;
        const quorum = await openAnswered(stage, lies(1));
        for (const seat of [0, 1, 2, 3]) await showTrace(stage, quorum, seat, HONEST);
        await showTrace(stage, quorum, 4, WRONG);
        const prover = item(quorum.drawn, 2);
        const claimId = await quorums.claimIdFor(quorum.id, 4);
        await expect(proveFraud(stage, quorum, 4, prover))
          .to.emit(quorums, "SeatConvicted")
          .withArgs(quorum.id, 4, claimId, prover.address);
        expect(await staking.creditOf(prover)).to.be.greaterThan(0n);
        await uphold(stage, quorum, 0, 1, 2, 3);
        await quorums.settle(quorum.request);
        expect((await quorums.resultOf(quorum.id))[0]).to.equal(FINALITY.final);
      });
    });

    it("convicts a majority that lies: numbers decide nothing", async () => {
      const { quorums, staking, requester } = stage;
      const quorum = await openAnswered(stage, lies(4));
      await showTrace(stage, quorum, 0, HONEST);
      for (const seat of [1, 2]) {
        await showTrace(stage, quorum, seat, WRONG);
        await proveFraud(stage, quorum, seat, item(quorum.drawn, 0));
      }
      await convictSilent(stage, quorum, 3, 4);
      await uphold(stage, quorum, 0);
      await quorums.settle(quorum.request);
      // One stands: no answer, but it did its part, and has the fees of those who lied.
      expect(await quorums.resultOf(quorum.id)).to.deep.equal([FINALITY.failed, ZeroHash]);
      expect(await quorums.creditOf(item(quorum.drawn, 0))).to.equal(5n * FEE);
      expect(await quorums.creditOf(requester)).to.equal(0n);
      expect(await staking.creditOf(requester)).to.be.at.least(COLLATERAL);
      expect(await staking.creditOf(item(quorum.drawn, 0))).to.be.at.least(COLLATERAL);
    });
    it("takes more from a sybil pair than both fees, even as each other's accuser", async () => {
      const { quorums, staking } = stage;
      // Two seats of one party say two wrong things, side by side.
      const quorum = await openAnswered(stage, [HONEST, HONEST, HONEST, WRONG, OTHER]);
      for (const seat of [0, 1, 2]) await showTrace(stage, quorum, seat, HONEST);
      await convictSilent(stage, quorum, 3, 4);
      await uphold(stage, quorum, 0, 1, 2);
      await quorums.settle(quorum.request);
      let balance = 0n;
      for (const sybil of quorum.drawn.slice(3)) {
        balance +=
          (await staking.totalStakeOf(sybil)) + (await staking.creditOf(sybil)) + (await quorums.creditOf(sybil));
      }
      const loss = 2n * STAKING.minimumStake - balance;
      expect(loss).to.be.greaterThan(parseEther("40") + 5n * FEE);
      for (const operator of quorum.drawn.slice(0, 3)) {
        expect(await quorums.creditOf(operator)).to.equal(FEE + (2n * FEE) / 3n);
      }
    });
    it("leaves each that disagrees with all others convicted or standing: 1:1:1", async () => {
      const { quorums, requester } = stage;
      const quorum = await openAnswered(stage, [HONEST, WRONG, OTHER], { seats: 3, threshold: 2 });
      await showTrace(stage, quorum, 0, HONEST);
      await convictSilent(stage, quorum, 1, 2);
      await uphold(stage, quorum, 0);
      await quorums.settle(quorum.request);
      expect((await quorums.resultOf(quorum.id))[0]).to.equal(FINALITY.failed);
      expect(await quorums.creditOf(item(quorum.drawn, 0))).to.equal(3n * FEE);
      expect(await quorums.creditOf(requester)).to.equal(0n);
    });
    it("gives all fees back when nobody defends", async () => {
      const { quorums, requester, staking } = stage;
      const quorum = await openAnswered(stage, lies(2));
      await convictSilent(stage, quorum, 0, 1, 2, 3, 4);
      expect((await quorums.resultOf(quorum.id))[0]).to.equal(FINALITY.disputed);
      await passDeadline(stage, quorum);
      await quorums.settle(quorum.request);
      expect(await quorums.creditOf(requester)).to.equal(5n * FEE);
      for (const operator of quorum.drawn) {
        expect((await staking.operatorOf(operator)).status).to.equal(STANDING.tombstoned);
      }
    });
    it("pays nobody when two different answers are upheld", async () => {
      const { quorums, requester, staking } = stage;
      const quorum = await openAnswered(stage, [HONEST, WRONG], { seats: 2, threshold: 1 });
      await showTrace(stage, quorum, 0, HONEST);
      await showTrace(stage, quorum, 1, WRONG);
      await uphold(stage, quorum, 0, 1);
      await expect(quorums.settle(quorum.request))
        .to.emit(quorums, "QuorumSettled")
        .withArgs(quorum.id, STATUS.failed, ZeroHash, 2);
      expect(await quorums.creditOf(requester)).to.equal(2n * FEE);
      for (const operator of quorum.drawn) {
        expect(await quorums.creditOf(operator)).to.equal(0n);
        expect((await staking.operatorOf(operator)).locked).to.equal(0n);
      }
    });
    it("gives up on a dispute without a verdict: the seat is freed and unpaid", async () => {
      const { quorums, requester, staking, judge } = stage;
      const quorum = await openAnswered(stage, lies(1));
      for (const seat of [0, 1, 2, 3]) await showTrace(stage, quorum, seat, HONEST);
      await uphold(stage, quorum, 0, 1, 2, 3);
      const until = (await quorums.quorumOf(quorum.id)).deadline + (await quorums.MAX_DISPUTE_SECONDS());
      await time.setNextBlockTimestamp(until - 1n);
      const seatId = quorum.id.slice(0, -2) + "04";
      await expect(quorums.settle(quorum.request))
        .to.be.revertedWithCustomError(quorums, "QuorumDisputed")
        .withArgs(seatId);
      await time.setNextBlockTimestamp(until);
      await expect(quorums.settle(quorum.request)).to.emit(quorums, "SeatExpired").withArgs(quorum.id, 4);
      expect((await quorums.resultOf(quorum.id))[0]).to.equal(FINALITY.final);
      expect(await quorums.creditOf(requester)).to.equal(FEE);
      const liar = item(quorum.drawn, 4);
      expect((await staking.operatorOf(liar)).locked).to.equal(0n);
      // The court settles without it.
      const claimId = await quorums.claimIdFor(quorum.id, 4);
      expect(await quorums.isChallenged(seatId, claimId)).to.equal(false);
      await judge.convictWithoutTrace(claimId, claimTerms(quorum.request, 4));
      expect(await staking.totalStakeOf(liar)).to.equal(STAKING.minimumStake);
    });
    it("still convicts an operator that opted out and unbonded what was free", async () => {
      const { quorums, staking, pools, versionId } = stage;
      const quorum = await openSeated(stage);
      const liar = item(quorum.drawn, 4);
      await commitAll(stage, quorum, lies(1));
      await pools.connect(liar).optOut(versionId);
      await staking.connect(liar).unbond(await staking.freeStakeOf(liar));
      await revealAll(stage, quorum, lies(1));
      await quorums.close(quorum.request);
      for (const seat of [0, 1, 2, 3]) await showTrace(stage, quorum, seat, HONEST);
      await convictSilent(stage, quorum, 4);
      expect(STAKING.minimumStake - (await staking.totalStakeOf(liar))).to.be.at.least(STAKING.fraudMinimum);
      await uphold(stage, quorum, 0, 1, 2, 3);
      await quorums.settle(quorum.request);
      expect((await quorums.resultOf(quorum.id))[0]).to.equal(FINALITY.final);
    });
    it("lets anybody challenge an answer on which all agree, with a bond", async () => {
      const { quorums, judge, accuser, staking } = stage;
      const quorum = await openAnswered(stage, all(WRONG));
      const seatId = quorum.id;
      const claimId = await quorums.claimIdFor(quorum.id, 0);
      await judge.connect(accuser).challenge(quorums, seatId, claimId);
      expect((await quorums.resultOf(quorum.id))[0]).to.equal(FINALITY.disputed);
      await convictSilent(stage, quorum, 0);
      expect(await staking.creditOf(accuser)).to.be.greaterThan(0n);
      expect(await quorums.resultOf(quorum.id)).to.deep.equal([FINALITY.attested, rootOf(WRONG)]);
      for (const seat of [1, 2]) {
        const other = await quorums.claimIdFor(quorum.id, seat);
        const otherId = quorum.id.slice(0, -2) + seat.toString(16).padStart(2, "0");
        await expect(judge.connect(accuser).challenge(quorums, otherId, other))
          .to.be.revertedWithCustomError(quorums, "QuorumDeadlinePassed")
          .withArgs((await quorums.quorumOf(quorum.id)).deadline, (await time.latest()) + 1);
      }
    });
  });

  describe("as a source of claims", () => {
    const stage = useFixture(connection, deployed);
    it("takes moves of the court only", async () => {
      const { quorums, stranger, judge } = stage;
      const refusal = [stranger.address, await judge.getAddress()];
      const mine = quorums.connect(stranger);
      for (const call of [
        mine.markChallenged(ZeroHash, ZeroHash),
        mine.upheld(ZeroHash, ZeroHash),
        mine.convict(ZeroHash, "0x", stranger),
      ]) {
        await expect(call)
          .to.be.revertedWithCustomError(quorums, "QuorumNotCourt")
          .withArgs(...refusal);
      }
    });
    it("refuses claims that are not, or not in dispute", async () => {
      const { quorums, judge, accuser } = stage;
      const quorum = await openRevealed(stage, all(HONEST));
      const challenge = (seatId: string, claimId: string) => judge.connect(accuser).challenge(quorums, seatId, claimId);
      await expect(challenge(quorum.id, ZeroHash))
        .to.be.revertedWithCustomError(quorums, "QuorumStatusForbids")
        .withArgs(quorum.id, STATUS.revealing);
      await quorums.close(quorum.request);
      const claimId = await quorums.claimIdFor(quorum.id, 0);
      await expect(challenge(quorum.id, hashOf("another")))
        .to.be.revertedWithCustomError(quorums, "QuorumClaimMismatch")
        .withArgs(hashOf("another"), claimId);
      await expect(quorums.factsOf(claimId, claimTerms(quorum.request, 0)))
        .to.be.revertedWithCustomError(quorums, "QuorumSeatForbids")
        .withArgs(quorum.id, SEAT.revealed);
      await challenge(quorum.id, claimId);
      const { inputRoot, outputRoot } = await quorums.factsOf(claimId, claimTerms(quorum.request, 0));
      expect([inputRoot, outputRoot]).to.deep.equal([quorum.request.inputRoot, rootOf(HONEST)]);
      // Terms of another seat do not fit the claim.
      await expect(quorums.factsOf(claimId, claimTerms(quorum.request, 1)))
        .to.be.revertedWithCustomError(quorums, "QuorumSeatForbids")
        .withArgs(quorum.id.slice(0, -2) + "01", SEAT.revealed);
    });
  });

  describe("tell", () => {
    const stage = useFixture(connection, deployed);
    const consumer = async (overrides: object = {}) => {
      const mock = await ethers.deployContract("ConsumerMock");
      const terms = { callback: await mock.getAddress(), callbackGas: 200_000, ...overrides };
      return { mock, terms };
    };
    const heard = async (mock: Awaited<ReturnType<typeof consumer>>["mock"]) =>
      Promise.all([0, 1, 2, 3].map(async (stageCode) => Number(await mock.heard(stageCode))));
    const outputs = outputsOf(HONEST);

    it("tells each stage once: provisional, attested, final", async () => {
      const { quorums } = stage;
      const { mock, terms } = await consumer();
      const quorum = await openSeated(stage, terms);
      const tell = () => quorums.connect(stage.stranger).tell(quorum.request, outputs);
      const again = async () =>
        expect(tell()).to.be.revertedWithCustomError(quorums, "QuorumNothingToTell").withArgs(quorum.id);
      await again();
      await commitAll(stage, quorum, all(HONEST));
      await revealAll(stage, quorum, all(HONEST));
      await expect(tell()).to.emit(quorums, "QuorumTold").withArgs(quorum.id, STAGE.provisional, true);
      await again();
      await quorums.close(quorum.request);
      await expect(tell()).to.emit(quorums, "QuorumTold").withArgs(quorum.id, STAGE.attested, true);
      await again();
      await passDeadline(stage, quorum);
      await quorums.settle(quorum.request);
      await expect(tell()).to.emit(quorums, "QuorumTold").withArgs(quorum.id, STAGE.final, true);
      await again();
      expect(await heard(mock)).to.deep.equal([1, 1, 1, 0]);
      expect(await mock.answer()).to.equal(keccak256(outputs));
    });
    it("tells nothing while answers differ, and a failure once", async () => {
      const { quorums } = stage;
      const { mock, terms } = await consumer();
      const quorum = await openSeated(stage, { ...terms, seats: 2, threshold: 2 });
      await commitAll(stage, quorum, [HONEST, WRONG]);
      await revealAll(stage, quorum, [HONEST]);
      await quorums.tell(quorum.request, outputs);
      await revealAll(stage, quorum, [undefined, WRONG]);
      const refused = async () =>
        expect(quorums.tell(quorum.request, outputs))
          .to.be.revertedWithCustomError(quorums, "QuorumNothingToTell")
          .withArgs(quorum.id);
      await refused();
      await quorums.close(quorum.request);
      await refused();
      await showTrace(stage, quorum, 0, HONEST);
      await convictSilent(stage, quorum, 1);
      await uphold(stage, quorum, 0);
      await quorums.settle(quorum.request);
      await expect(quorums.tell(quorum.request, "0x"))
        .to.emit(quorums, "QuorumTold")
        .withArgs(quorum.id, STAGE.failed, true);
      await refused();
      expect(await heard(mock)).to.deep.equal([1, 0, 0, 1]);
      expect(await mock.answer()).to.equal("0x");
    });
    it("refuses other bytes, and a quorum without a callback", async () => {
      const { quorums } = stage;
      const { terms } = await consumer();
      const quorum = await openAnswered(stage, all(HONEST), terms);
      await expect(quorums.tell(quorum.request, outputsOf(WRONG)))
        .to.be.revertedWithCustomError(quorums, "QuorumRootMismatch")
        .withArgs(rootOf(WRONG), rootOf(HONEST));
      const mute = await openAnswered(stage, all(HONEST));
      await expect(quorums.tell(mute.request, outputs))
        .to.be.revertedWithCustomError(quorums, "QuorumNothingToTell")
        .withArgs(mute.id);
    });
    it("gives exactly the agreed gas: a caller cannot use up a stage", async () => {
      const { quorums } = stage;
      const { mock, terms } = await consumer({ callbackGas: 1_000_000 });
      const quorum = await openAnswered(stage, all(HONEST), terms);
      await expect(quorums.tell(quorum.request, outputs, { gasLimit: 900_000 })).to.be.revertedWithCustomError(
        quorums,
        "QuorumGasInsufficient",
      );
      await quorums.tell(quorum.request, outputs);
      expect(await heard(mock)).to.deep.equal([0, 1, 0, 0]);
    });
    it("a hostile callback stands in nobody's way", async () => {
      const { quorums } = stage;
      for (const mode of [1, 2, 3]) {
        const { mock, terms } = await consumer();
        await mock.behave(mode, ZeroAddress, "0x");
        const quorum = await openAnswered(stage, all(HONEST), terms);
        await expect(quorums.tell(quorum.request, outputs))
          .to.emit(quorums, "QuorumTold")
          .withArgs(quorum.id, STAGE.attested, false);
        await passDeadline(stage, quorum);
        await quorums.settle(quorum.request);
        expect((await quorums.resultOf(quorum.id))[0]).to.equal(FINALITY.final);
      }
    });
    it("is not told twice by a callback that calls back", async () => {
      const { quorums } = stage;
      const { mock, terms } = await consumer({ callbackGas: 900_000 });
      const quorum = await openAnswered(stage, all(HONEST), terms);
      await mock.behave(4, quorums, quorums.interface.encodeFunctionData("tell", [quorum.request, outputs]));
      await quorums.tell(quorum.request, outputs);
      expect(await mock.reentered()).to.equal(false);
      expect(await heard(mock)).to.deep.equal([0, 1, 0, 0]);
    });
  });

  describe("a consumer", () => {
    const stage = useFixture(connection, deployed);
    const reader = async (acceptedStage: bigint, overrides: object = {}) => {
      const { quorums, versionId, token } = stage;
      const contract = await ethers.deployContract("QuorumReader", [
        quorums,
        {
          versionId,
          policy: policyOf("0x00000001"),
          seats: 3,
          threshold: 2,
          fee: FEE,
          valueAtRisk: parseEther("10"),
          openSeconds: STAGE_SECONDS,
          commitSeconds: STAGE_SECONDS,
          revealSeconds: STAGE_SECONDS,
          windowSeconds: WINDOW,
          callbackGas: 200_000,
          acceptedStage,
          ...overrides,
        },
      ]);
      await token.mint(contract, 3n * FEE);
      const quorum = await quorumIn(stage, await contract.connect(stage.stranger).ask(INPUTS));
      await drawAll(stage, quorum);
      return { contract, quorum };
    };
    it("acts from the stage on that it trusts", async () => {
      const { quorums } = stage;
      const { contract, quorum } = await reader(STAGE.attested);
      const answers = all(HONEST, 3);
      await commitAll(stage, quorum, answers);
      await revealAll(stage, quorum, answers);
      await quorums.tell(quorum.request, outputsOf(HONEST));
      expect(await contract.answers()).to.equal(0n);
      await quorums.close(quorum.request);
      await quorums.tell(quorum.request, outputsOf(HONEST));
      expect([await contract.answers(), await contract.stage(), await contract.outputRoot()]).to.deep.equal([
        1n,
        STAGE.attested,
        rootOf(HONEST),
      ]);
      await passDeadline(stage, quorum);
      await quorums.settle(quorum.request);
      await quorums.tell(quorum.request, outputsOf(HONEST));
      expect([await contract.answers(), await contract.stage()]).to.deep.equal([2n, STAGE.final]);
    });
    it("hears of a failure, and has its money back", async () => {
      const { quorums, token } = stage;
      const { contract, quorum } = await reader(STAGE.final);
      await passDeadline(stage, quorum);
      await quorums.close(quorum.request);
      await quorums.tell(quorum.request, "0x");
      expect(await contract.failed()).to.equal(true);
      await quorums.withdraw(contract);
      expect(await token.balanceOf(contract)).to.equal(3n * FEE);
    });
    it("hears nobody else, and nothing that it did not ask", async () => {
      const { quorums, stranger } = stage;
      const { contract } = await reader(STAGE.final);
      await expect(contract.connect(stranger).onInference(ZeroHash, STAGE.final, ZeroHash, "0x"))
        .to.be.revertedWithCustomError(contract, "ConsumerNotMarket")
        .withArgs(stranger.address, await quorums.getAddress());
      const foreign = await openAnswered(stage, all(HONEST), {
        callback: await contract.getAddress(),
        callbackGas: 100_000,
      });
      await expect(quorums.tell(foreign.request, outputsOf(HONEST)))
        .to.emit(quorums, "QuorumTold")
        .withArgs(foreign.id, STAGE.attested, false);
      expect(await contract.answers()).to.equal(0n);
    });
    it("is refused when it would act on failures", async () => {
      const { quorums } = stage;
      const error = await ethers.getContractFactory("QuorumReader");
      await expect(reader(STAGE.failed))
        .to.be.revertedWithCustomError(error, "ConsumerStageInvalid")
        .withArgs(STAGE.failed);
      expect(await quorums.quorumCount()).to.equal(0n);
    });
  });
});
