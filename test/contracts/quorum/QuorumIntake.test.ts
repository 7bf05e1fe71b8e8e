import { expect } from "chai";
import { parseEther, ZeroAddress, ZeroHash } from "ethers";

import { DAY, eventsOf, nextEpoch, OPEN_TERMS, policyOf, STAKING, useFixture } from "../support/protocol.ts";
import {
  COLLATERAL,
  connection,
  deployQuorum,
  drawAll,
  ethers,
  FEE,
  FINALITY,
  networkHelpers,
  openQuorum,
  OUTCOME,
  passDeadline,
  QUORUM,
  SEAT,
  STAGE_SECONDS,
  STATUS,
} from "../support/quorum.ts";

const { time, mine } = networkHelpers;
const deployed = () => deployQuorum();
const opened = async () => {
  const stage = await deployQuorum();
  return { ...stage, quorum: await openQuorum(stage) };
};

describe("QuorumIntake", () => {
  describe("constructor", () => {
    const stage = useFixture(connection, deployed);
    const deploy = async (parameters: object, staking: object = {}) => {
      const { authority, token, sink, registry, attestation, randomness, availability, judge } = stage;
      const stakes = await ethers.deployContract("OperatorStaking", [
        authority,
        token,
        sink,
        { ...STAKING, ...staking },
      ]);
      const pools = await ethers.deployContract("OperatorPools", [registry, stakes, 3_600, 10]);
      const market = await ethers.deployContract("InferenceMarket", [
        ...[authority, registry, pools, attestation, randomness, availability],
        { minimumFee: 1n, lockFeeBps: 0, minimumCollateral: 1n, catchBps: 1, auditBps: 1, maxDisputeSeconds: 30 * DAY },
      ]);
      return ethers.deployContract("QuorumMarket", [market, judge, pools, randomness, { ...QUORUM, ...parameters }]);
    };
    it("refuses parameters under which honesty is not strictly best", async () => {
      const penalty = STAKING.livenessPenalty;
      for (const [parameters, staking, ...refusal] of [
        [{ catchBps: 0 }, {}, "catchBps", 0, 1, 10_000],
        [{ catchBps: 10_001 }, {}, "catchBps", 10_001, 1, 10_000],
        [{ minimumCollateral: penalty - 1n }, {}, "minimumCollateral", penalty - 1n, penalty, STAKING.minimumStake],
        [
          { minimumCollateral: STAKING.minimumStake + 1n },
          {},
          ...["minimumCollateral", STAKING.minimumStake + 1n, penalty, STAKING.minimumStake],
        ],
        [{}, { livenessPenalty: 0n }, "livenessPenalty", 0, 1, 2n ** 96n - 1n],
      ] as const) {
        await expect(deploy(parameters, staking))
          .to.be.revertedWithCustomError(stage.quorums, "QuorumParameterOutside")
          .withArgs(...refusal);
      }
    });
    it("refuses a stake that could leave before the verdicts", async () => {
      // The market's own longest request is longer, so only a market with another dispute time can show it.
      const { judge, pools, randomness, market, quorums } = stage;
      const longest = 10 * DAY + 30 * DAY + 3 * DAY;
      expect(await market.MAX_DISPUTE_SECONDS()).to.equal(30 * DAY);
      expect(STAKING.unbondingSeconds).to.be.at.least(longest);
      const clone = await ethers.deployContract("QuorumHostMock", [market, 33 * DAY]);
      await expect(ethers.deployContract("QuorumMarket", [clone, judge, pools, randomness, QUORUM]))
        .to.be.revertedWithCustomError(quorums, "QuorumParameterOutside")
        .withArgs("unbondingSeconds", STAKING.unbondingSeconds, longest + 3 * DAY, 2n ** 40n - 1n);
    });
  });

  describe("collateralFor", () => {
    const stage = useFixture(connection, deployed);
    it("locks more than a wrong answer gains, alone and together", async () => {
      const { quorums } = stage;
      const collateral = (...args: [bigint, bigint, number, number]) => quorums.collateralFor(...args);
      // Together: a fifth of three halves of it is worth more than 40 and five fees of 10.
      expect(await collateral(parseEther("40"), FEE, 5, 3)).to.equal(COLLATERAL);
      // Alone: half of it is worth more than that, where many must lie together.
      expect(await collateral(parseEther("10"), FEE, 9, 9)).to.equal(parseEther("200") + 1n);
      expect(await collateral(0n, 0n, 9, 9)).to.equal(QUORUM.minimumCollateral);
    });
  });

  describe("open", () => {
    const stage = useFixture(connection, deployed);
    it("holds the fees of all seats and commits a draw", async () => {
      const { quorums, requester, token, pools, versionId } = stage;
      const { id, request, transaction } = await openQuorum(stage);
      await expect(transaction).to.changeTokenBalances(ethers, token, [requester, quorums], [-5n * FEE, 5n * FEE]);
      const ticket = BigInt((await time.latestBlock()) + 2);
      await expect(transaction)
        .to.emit(quorums, "QuorumDrawCommitted")
        .withArgs(id, ticket, await pools.epoch());
      const expected = { requester: requester.address, versionId, seats: 5n, threshold: 3n, collateral: COLLATERAL };
      expect(request).to.deep.include(expected);
      expect(await quorums.idOf(request)).to.equal(id);
      expect(id.slice(-2)).to.equal("00");
      const { status, deadline } = await quorums.quorumOf(id);
      expect([status, deadline]).to.deep.equal([STATUS.open, BigInt((await time.latest()) + STAGE_SECONDS)]);
      expect(await quorums.resultOf(id)).to.deep.equal([FINALITY.pending, ZeroHash]);
    });
    it("gives equal requests distinct ids", async () => {
      expect((await openQuorum(stage)).id).to.not.equal((await openQuorum(stage)).id);
    });
    it("takes the fees from credit where that covers them", async () => {
      const { quorums, requester, token } = stage;
      await quorums.connect(requester).deposit(requester, 5n * FEE);
      const { transaction } = await openQuorum(stage);
      await expect(transaction).to.changeTokenBalance(ethers, token, quorums, 0n);
      expect(await quorums.creditOf(requester)).to.equal(0n);
    });
    it("refuses terms out of range", async () => {
      const { quorums, pools, versionId } = stage;
      const most = 2n ** 96n - 1n;
      expect(await pools.holders(versionId)).to.equal(7n);
      const least = await quorums.minimumFeeFor(await quorums.collateralFor(parseEther("40"), 1n, 5, 3), 5_400n);
      for (const [overrides, ...refusal] of [
        [{ seats: 1 }, "seats", 1, 2, 9],
        [{ seats: 10 }, "seats", 10, 2, 9],
        [{ threshold: 0 }, "threshold", 0, 1, 5],
        [{ threshold: 6 }, "threshold", 6, 1, 5],
        ...["openSeconds", "commitSeconds", "revealSeconds"].flatMap((name) => [
          [{ [name]: 59 }, name, 59, 60, DAY] as const,
          [{ [name]: DAY + 1 }, name, DAY + 1, 60, DAY] as const,
        ]),
        [{ windowSeconds: 59 }, "windowSeconds", 59, 60, 7 * DAY],
        [{ windowSeconds: 7 * DAY + 1 }, "windowSeconds", 7 * DAY + 1, 60, 7 * DAY],
        [{ inputs: "0x" + "00".repeat(8_193) }, "inputs", 8_193, 0, 8_192],
        [{ seats: 8 }, "holders", 7, 8, 2n ** 64n - 1n],
        [{ fee: 1n }, "fee", 1n, least, most],
      ] as const) {
        const refused = overrides as { windowSeconds?: number };
        // A window below every verifier's least one is refused by the policy first.
        if (refused.windowSeconds === 59) continue;
        await expect(openQuorum(stage, overrides))
          .to.be.revertedWithCustomError(quorums, "QuorumTermOutside")
          .withArgs(...refusal);
      }
      await expect(openQuorum(stage, { valueAtRisk: most }))
        .to.be.revertedWithCustomError(quorums, "QuorumTermOutside")
        .withArgs("collateral", await quorums.collateralFor(most, FEE, 5, 3), 0, most);
    });
    it("refuses a callback without gas, gas without a callback, and too much gas", async () => {
      for (const [callback, callbackGas] of [
        [ZeroAddress, 1],
        [stage.stranger.address, 0],
        [stage.stranger.address, 1_000_001],
      ] as const) {
        await expect(openQuorum(stage, { callback, callbackGas }))
          .to.be.revertedWithCustomError(stage.quorums, "QuorumCallbackInvalid")
          .withArgs(callback, callbackGas);
      }
    });
    it("refuses a withdrawn version, a policy that cannot be met, and inputs of another size", async () => {
      const { quorums, registry, publisher, versionId, attestation } = stage;
      await expect(openQuorum(stage, { policy: policyOf("0x99999999") }))
        .to.be.revertedWithCustomError(attestation, "AttestationRouteUnusable")
        .withArgs("0x99999999", 0);
      await expect(openQuorum(stage, { inputs: "0x00" }))
        .to.be.revertedWithCustomError(registry, "TensorListBytes")
        .withArgs(1, 16);
      await registry.connect(publisher).withdraw(versionId, "wrong");
      await expect(openQuorum(stage))
        .to.be.revertedWithCustomError(quorums, "QuorumVersionUnusable")
        .withArgs(versionId);
    });
    it("refuses during a pause of the market, as does a draw", async () => {
      const { quorums, market } = stage;
      const { request } = await openQuorum(stage);
      await market.pause();
      await expect(openQuorum(stage)).to.be.revertedWithCustomError(quorums, "QuorumPaused").withArgs();
      await expect(quorums.draw(request)).to.be.revertedWithCustomError(quorums, "QuorumPaused").withArgs();
    });
  });

  describe("draw", () => {
    const stage = useFixture(connection, opened);
    it("refuses before the seed is there", async () => {
      const { quorums, quorum } = stage;
      const ticket = BigInt((await time.latestBlock()) + 2);
      await expect(quorums.draw(quorum.request))
        .to.be.revertedWithCustomError(quorums, "QuorumSeedPending")
        .withArgs(ticket);
    });
    it("gives every seat to another operator and locks the collateral of each", async () => {
      const { quorums, quorum, staking } = stage;
      const drawn = await drawAll(stage, quorum);
      expect(new Set(drawn.map(({ address }) => address)).size).to.equal(5);
      for (const [i, operator] of drawn.entries()) {
        const { status } = await quorums.seatOf(quorum.id, i);
        expect(status).to.equal(SEAT.taken);
        const seatId = quorum.id.slice(0, -2) + i.toString(16).padStart(2, "0");
        expect([...(await staking.lockOf(quorums, seatId))]).to.deep.equal([operator.address, COLLATERAL]);
      }
      const { status, deadline } = await quorums.quorumOf(quorum.id);
      expect([status, deadline]).to.deep.equal([STATUS.seated, BigInt((await time.latest()) + STAGE_SECONDS)]);
    });
    it("keeps the seats that are taken when others are drawn again", async () => {
      const { quorums, quorum, operators, staking, market } = stage;
      // Three of the seven have no free stake: their seats stay free, whatever the seeds.
      await staking.addManager(stage.admin);
      for (const [i, operator] of operators.slice(0, 3).entries()) {
        const lockId = "0x" + String(i + 1).repeat(64);
        await staking.lockDrawn(operator, STAKING.minimumStake, 10, STAKING.minimumStake, lockId);
      }
      const before = new Map<number, string>();
      for (let round = 0; round < 40; round++) {
        await mine(3);
        const transaction = await quorums.draw(quorum.request);
        for (const [i, address] of before) expect((await quorums.seatOf(quorum.id, i)).operator).to.equal(address);
        for (const { name, args } of await eventsOf(quorums, transaction)) {
          if (name === "SeatTaken") before.set(Number(args.seat), String(args.operator));
          if (name === "SeatDrawEnded") expect([OUTCOME.nobody, OUTCOME.busy]).to.include(args.outcome);
        }
        if (before.size === 4) break;
      }
      expect([...before.values()].sort()).to.deep.equal(
        operators
          .slice(3)
          .map(({ address }) => address)
          .sort(),
      );
      expect((await quorums.quorumOf(quorum.id)).taken).to.equal(4n);
      expect(await market.paused()).to.equal(false);
    });
    it("makes somebody pay once for a seed who took its stake away, and draws again", async () => {
      const { quorums, quorum, operators, staking } = stage;
      const [leaver] = operators;
      if (leaver === undefined) throw new Error("nobody");
      await staking.connect(leaver).unbond(STAKING.minimumStake - parseEther("100"));
      let missed = 0;
      for (let round = 0; round < 60 && missed === 0; round++) {
        await mine(3);
        if ((await quorums.quorumOf(quorum.id)).status !== STATUS.open) break;
        const events = await eventsOf(quorums, await quorums.draw(quorum.request));
        const ended = events.filter(({ name, args }) => name === "SeatDrawEnded" && args.outcome === OUTCOME.missed);
        expect(ended.length).to.be.at.most(1);
        missed += ended.length;
        for (const { args } of ended) expect(args.operator).to.equal(leaver.address);
      }
      const { stake } = await staking.operatorOf(leaver);
      expect(stake).to.equal(parseEther("100") - BigInt(missed) * STAKING.livenessPenalty);
    });
    it("commits a new draw when the seed was not read in time, or the epoch is kept no longer", async () => {
      const { quorums } = stage;
      const late = await openQuorum(stage, { openSeconds: DAY });
      await nextEpoch(connection);
      await nextEpoch(connection);
      const transaction = await quorums.draw(late.request);
      await expect(transaction).to.emit(quorums, "QuorumDrawCommitted");
      expect((await quorums.quorumOf(late.id)).taken).to.equal(0n);
      await drawAll(stage, late);
    });
    it("refuses after the time, and when all seats are taken", async () => {
      const { quorums, quorum } = stage;
      const second = await openQuorum(stage);
      await drawAll(stage, quorum);
      await expect(quorums.draw(quorum.request))
        .to.be.revertedWithCustomError(quorums, "QuorumStatusForbids")
        .withArgs(quorum.id, STATUS.seated);
      const { deadline } = await quorums.quorumOf(second.id);
      await time.setNextBlockTimestamp(deadline);
      await expect(quorums.draw(second.request))
        .to.be.revertedWithCustomError(quorums, "QuorumDeadlinePassed")
        .withArgs(deadline, deadline);
    });
    it("is bounded where hardly anybody takes such a request", async () => {
      const { quorums, pools, operators, versionId } = stage;
      for (const operator of operators.slice(1)) {
        await pools.connect(operator).setTerms(versionId, { ...OPEN_TERMS, minimumFee: parseEther("1000") });
      }
      await nextEpoch(connection);
      const poor = await openQuorum(stage);
      await mine(3);
      const receipt = await (await quorums.draw(poor.request)).wait();
      // Four outcomes for each of five seats, 24 tries for each: below half of the gas of one transaction (EIP-7825).
      expect(receipt?.gasUsed).to.be.lessThan(8_000_000n);
    });
  });

  describe("refund", () => {
    const stage = useFixture(connection, opened);
    it("pays those who waited the price of a lock, and the requester the rest", async () => {
      const { quorums, quorum, requester, staking, operators } = stage;
      await staking.addManager(stage.admin);
      for (const [i, operator] of operators.slice(0, 3).entries()) {
        const lockId = "0x" + String(i + 1).repeat(64);
        await staking.lockDrawn(operator, STAKING.minimumStake, 10, STAKING.minimumStake, lockId);
      }
      for (let round = 0; round < 8; round++) {
        await mine(3);
        await quorums.draw(quorum.request);
      }
      const { taken } = await quorums.quorumOf(quorum.id);
      expect(taken).to.be.greaterThan(0n);
      await expect(quorums.refund(quorum.request)).to.be.revertedWithCustomError(quorums, "QuorumDeadlineAhead");
      await passDeadline(stage, quorum);
      const paid = await quorums.minimumFeeFor(COLLATERAL, 0);
      await expect(quorums.refund(quorum.request))
        .to.emit(quorums, "QuorumSettled")
        .withArgs(quorum.id, STATUS.unfilled, ZeroHash, 0);
      expect(await quorums.creditOf(requester)).to.equal(5n * FEE - taken * paid);
      let credited = 0n;
      for (const operator of operators.slice(3)) {
        credited += await quorums.creditOf(operator);
        expect((await staking.operatorOf(operator)).locked).to.equal(0n);
      }
      expect(credited).to.equal(taken * paid);
      expect(await quorums.resultOf(quorum.id)).to.deep.equal([FINALITY.failed, ZeroHash]);
    });
    it("gives everything back when nobody was drawn, once", async () => {
      const { quorums, quorum, requester } = stage;
      await passDeadline(stage, quorum);
      await quorums.refund(quorum.request);
      expect(await quorums.creditOf(requester)).to.equal(5n * FEE);
      await expect(quorums.refund(quorum.request))
        .to.be.revertedWithCustomError(quorums, "QuorumStatusForbids")
        .withArgs(quorum.id, STATUS.unfilled);
    });
  });
});
