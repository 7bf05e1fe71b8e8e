import { expect } from "chai";
import { id, parseEther, ZeroAddress, ZeroHash } from "ethers";
import hre from "hardhat";

import { ANSWER_STAGE } from "../../../runner/protocol/enums.ts";
import { encodeTerms } from "../../../services/chain/calldata.ts";
import { signAnswer } from "../support/answer.ts";
import {
  connection,
  ENDED,
  ethers,
  FEE,
  FINALITY,
  networkHelpers,
  openAssigned,
  openChallenged,
  openClaimed,
  operatorOf,
  PAID,
  STATUS,
  useProtocol,
} from "../support/market.ts";
import {
  AUDIT,
  claim,
  DAY,
  eventsOf,
  EVIDENCE,
  filled,
  manifestOf,
  MARKET,
  metadataOf,
  nextEpoch,
  open,
  OPEN_TERMS,
  type Opened,
  OPTIMISTIC,
  OUTPUT,
  policyOf,
  rootOfF32,
  type Signer,
  SIGNED,
  STAKING,
  WINDOW,
} from "../support/protocol.ts";

const { time, mine } = networkHelpers;

describe("InferenceMarket", () => {
  const protocol = useProtocol();

  const opened = (overrides: object = {}) => open(protocol, overrides);
  const assigned = (overrides: object = {}) => openAssigned(protocol, overrides);
  const claimed = (overrides: object = {}) => openClaimed(protocol, overrides);
  const challenged = () => openChallenged(protocol);
  const statusOf = async ({ id: requestId }: Pick<Opened, "id">) =>
    Number((await protocol.market.stateOf(requestId)).status);
  const byCourt = () => protocol.market.connect(protocol.court);

  describe("constructor", () => {
    const deploy = async (overrides: object) =>
      ethers.deployContract("InferenceMarket", [
        protocol.authority,
        protocol.registry,
        protocol.pools,
        protocol.attestation,
        protocol.randomness,
        protocol.availability,
        { ...MARKET, ...overrides },
      ]);
    it("refuses parameters out of range, and disputes that outlast unbonding", async () => {
      const least = STAKING.minimumStake;
      // Three stages of a day, an hour to show the input and twelve to show the output, a window of a week, a pause of three
      // days, and the dispute.
      const longest = (3 + 7 + 3 + 34) * DAY + 13 * 3_600;
      for (const [overrides, ...refusal] of [
        [{ catchBps: 0 }, "catchBps", 0, 1, 10_000],
        [{ catchBps: 10_001 }, "catchBps", 10_001, 1, 10_000],
        [{ auditBps: 0 }, "auditBps", 0, 1, 2_500],
        [{ auditBps: 2_501 }, "auditBps", 2_501, 1, 2_500],
        [{ minimumCollateral: 0n }, "minimumCollateral", 0n, 1, least],
        [{ minimumCollateral: least + 1n }, "minimumCollateral", least + 1n, 1, least],
        [{ maxDisputeSeconds: 34 * DAY }, "unbondingSeconds", STAKING.unbondingSeconds, longest, 2n ** 40n - 1n],
      ] as const) {
        await expect(deploy(overrides))
          .to.be.revertedWithCustomError(protocol.market, "MarketParameterOutside")
          .withArgs(...refusal);
      }
    });
    it("refuses a stake all of which comes back to whoever accuses and asks itself", async () => {
      const shares = await ethers.deployContract("SharesMock", [2_500, 7_500]);
      const { authority, registry, attestation, randomness, availability, market } = protocol;
      await expect(
        ethers.deployContract("InferenceMarket", [
          authority,
          registry,
          shares,
          attestation,
          randomness,
          availability,
          MARKET,
        ]),
      )
        .to.be.revertedWithCustomError(market, "MarketParameterOutside")
        .withArgs("returnedBps", 10_000, 0, 9_999);
    });
    it("takes each parameter up to its limit", async () => {
      await deploy({ maxDisputeSeconds: 32 * DAY - 13 * 3_600 });
      await deploy({ minimumCollateral: STAKING.minimumStake });
      await deploy({ catchBps: 10_000, auditBps: 2_500 });
    });
  });

  describe("claim", () => {
    it("opens the challenge window on the claimed root", async () => {
      const made = await claimed();
      const claimOf = await protocol.market.claimOf(made.id);
      expect(claimOf.status).to.equal(STATUS.claimed);
      expect(claimOf.operator).to.equal(made.operator.address);
      expect(claimOf.outputRoot).to.equal(rootOfF32(OUTPUT));
      expect(claimOf.windowEnd).to.equal((await time.latest()) + WINDOW);
      expect(claimOf.claimedBlock).to.equal(await time.latestBlock());
      await expect(made.transaction)
        .to.emit(protocol.market, "Claimed")
        .withArgs(made.id, made.claimId, made.operator.address, rootOfF32(OUTPUT), claimOf.windowEnd, OUTPUT, "");
      expect([...(await protocol.market.resultOf(made.id))]).to.deep.equal([FINALITY.provisional, rootOfF32(OUTPUT)]);
    });
    it("draws first when nobody did, for the operator that the seed names and for nobody else", async () => {
      const made = await opened();
      const by = (operator: Signer) =>
        protocol.market.connect(operator).claim(made.request, OUTPUT, rootOfF32(OUTPUT), "", EVIDENCE);
      await expect(by(protocol.alice)).to.be.revertedWithCustomError(protocol.market, "MarketSeedPending");
      await mine(3);
      const named = await protocol.market.assign.staticCall(made.request);
      const others = [protocol.alice, protocol.bob, protocol.carol].filter(({ address }) => address !== named);
      for (const other of others) {
        await expect(by(other))
          .to.be.revertedWithCustomError(protocol.market, "MarketNotOperator")
          .withArgs(other.address, named);
      }
      const transaction = await by(await ethers.getSigner(named));
      await expect(transaction).to.emit(protocol.market, "RequestAssigned");
      await expect(transaction).to.emit(protocol.market, "Claimed");
      expect(await statusOf(made)).to.equal(STATUS.claimed);
    });
    it("changes nothing when the draw names nobody who is able", async () => {
      const made = await opened({ valueAtRisk: parseEther("10000"), fee: parseEther("300") });
      await mine(3);
      await expect(protocol.market.connect(protocol.alice).claim(made.request, OUTPUT, rootOfF32(OUTPUT), "", EVIDENCE))
        .to.be.revertedWithCustomError(protocol.market, "MarketStatusForbids")
        .withArgs(made.id, STATUS.open);
    });
    it("names a different claim when anything about it differs, as after a reorganisation", async () => {
      const made = await assigned();
      const snapshot = await networkHelpers.takeSnapshot();
      const first = await claim(connection, protocol, made);
      await snapshot.restore();
      const again = await claim(connection, protocol, made, filled(40, 8));
      expect(again.claimId).not.to.equal(first.claimId);
      await expect(byCourt().markChallenged(made.id, first.claimId))
        .to.be.revertedWithCustomError(protocol.market, "MarketClaimMismatch")
        .withArgs(first.claimId, again.claimId);
    });
    it("refuses anyone but the assigned operator", async () => {
      const made = await assigned();
      const operator = await operatorOf(protocol, made);
      const other = operator.address === protocol.alice.address ? protocol.bob : protocol.alice;
      for (const caller of [other, protocol.requester]) {
        await expect(protocol.market.connect(caller).claim(made.request, OUTPUT, rootOfF32(OUTPUT), "", EVIDENCE))
          .to.be.revertedWithCustomError(protocol.market, "MarketNotOperator")
          .withArgs(caller.address, operator.address);
      }
    });
    it("takes the answer of the operator's agent, for the operator", async () => {
      const made = await assigned();
      const operator = await operatorOf(protocol, made);
      await protocol.staking.connect(operator).setAgent(protocol.stranger);
      await protocol.market.connect(protocol.stranger).claim(made.request, OUTPUT, rootOfF32(OUTPUT), "", EVIDENCE);
      await time.increase(WINDOW);
      await protocol.market.finalise(made.request, "0x");
      expect(await protocol.market.creditOf(operator)).to.equal(PAID);
    });
    it("refuses bytes that do not fit their type or their root, no bytes, and a place beside bytes", async () => {
      const made = await assigned();
      const byOperator = protocol.market.connect(await operatorOf(protocol, made));
      await expect(byOperator.claim(made.request, filled(39, 7), rootOfF32(OUTPUT), "", EVIDENCE))
        .to.be.revertedWithCustomError(protocol.registry, "TensorListBytes")
        .withArgs(39, 40);
      await expect(byOperator.claim(made.request, OUTPUT, id("x"), "", EVIDENCE))
        .to.be.revertedWithCustomError(protocol.market, "MarketRootMismatch")
        .withArgs(rootOfF32(OUTPUT), id("x"));
      await expect(byOperator.claim(made.request, filled(8_193, 7), id("x"), "", EVIDENCE))
        .to.be.revertedWithCustomError(protocol.market, "MarketInlineRule")
        .withArgs(8_193, 8_192);
      await expect(byOperator.claim(made.request, "0x", rootOfF32(OUTPUT), "ipfs://x", EVIDENCE))
        .to.be.revertedWithCustomError(protocol.market, "MarketInlineRule")
        .withArgs(40, 8_192);
      await expect(byOperator.claim(made.request, OUTPUT, rootOfF32(OUTPUT), "x", EVIDENCE))
        .to.be.revertedWithCustomError(protocol.market, "MarketUriLength")
        .withArgs(1, 0);
    });
    it("refuses evidence that does not hold", async () => {
      const made = await assigned();
      const byOperator = protocol.market.connect(await operatorOf(protocol, made));
      await expect(byOperator.claim(made.request, OUTPUT, rootOfF32(OUTPUT), "", ["0x01"]))
        .to.be.revertedWithCustomError(protocol.optimistic, "EvidenceRejected")
        .withArgs(OPTIMISTIC, made.id);
      await expect(byOperator.claim(made.request, OUTPUT, rootOfF32(OUTPUT), "", []))
        .to.be.revertedWithCustomError(protocol.attestation, "AttestationEvidenceCount")
        .withArgs(0, 1);
    });
    it("refuses a second claim, and one that is late", async () => {
      const made = await claimed();
      await expect(protocol.market.connect(made.operator).claim(made.request, OUTPUT, rootOfF32(OUTPUT), "", EVIDENCE))
        .to.be.revertedWithCustomError(protocol.market, "MarketStatusForbids")
        .withArgs(made.id, STATUS.claimed);
      const late = await assigned();
      const { deadline } = await protocol.market.stateOf(late.id);
      await time.setNextBlockTimestamp(deadline);
      await expect(
        protocol.market
          .connect(await operatorOf(protocol, late))
          .claim(late.request, OUTPUT, rootOfF32(OUTPUT), "", EVIDENCE),
      )
        .to.be.revertedWithCustomError(protocol.market, "MarketDeadlinePassed")
        .withArgs(deadline, deadline);
    });

    describe("given a policy of a signature", () => {
      it("takes the operator's signature over the whole context, and is final at once without a window", async () => {
        const made = await assigned({ policy: policyOf(SIGNED), windowSeconds: 0 });
        const operator = await operatorOf(protocol, made);
        const { deadline } = await protocol.market.stateOf(made.id);
        const context = {
          market: protocol.market.target,
          requestId: made.id,
          versionId: protocol.versionId,
          numericsVersion: 1,
          inputRoot: rootOfF32(filled(256, 1)),
          outputRoot: rootOfF32(OUTPUT),
          operator: operator.address,
          mode: SIGNED,
          deadline,
          windowSeconds: 0,
        };
        const evidence = await signAnswer(connection, protocol, operator, context);
        const byOperator = protocol.market.connect(operator);
        await expect(byOperator.claim(made.request, filled(40, 8), rootOfF32(filled(40, 8)), "", [evidence]))
          .to.be.revertedWithCustomError(protocol.signature, "EvidenceRejected")
          .withArgs(SIGNED, made.id);
        await byOperator.claim(made.request, OUTPUT, rootOfF32(OUTPUT), "", [evidence]);
        await protocol.market.finalise(made.request, "0x");
        expect([...(await protocol.market.resultOf(made.id))]).to.deep.equal([FINALITY.final, rootOfF32(OUTPUT)]);
      });
    });
  });

  describe("finalise", () => {
    it("pays operator, royalty and the fund of the audits, frees the collateral and keeps the result", async () => {
      const made = await claimed();
      await time.increase(WINDOW);
      const transaction = await protocol.market.connect(protocol.stranger).finalise(made.request, "0x");
      await expect(transaction).to.emit(protocol.market, "RequestSettled").withArgs(made.id, STATUS.final);
      expect(await protocol.market.creditOf(made.operator)).to.equal(PAID);
      expect(await protocol.market.creditOf(protocol.royaltee)).to.equal(parseEther("1"));
      expect((await protocol.staking.operatorOf(made.operator)).locked).to.equal(0n);
      expect([...(await protocol.market.resultOf(made.id))]).to.deep.equal([FINALITY.final, rootOfF32(OUTPUT)]);
      await expect(protocol.market.withdraw(made.operator)).to.changeTokenBalance(
        ethers,
        protocol.token,
        made.operator,
        PAID,
      );
      await protocol.market.withdraw(protocol.royaltee);
      expect(await protocol.market.auditFund()).to.equal(parseEther("1"));
      expect(await protocol.token.balanceOf(protocol.market)).to.equal(parseEther("1"));
    });
    it("says whom it credits, tells nobody who did not ask, and leaves the claim as a record", async () => {
      const made = await claimed();
      const before = await protocol.market.claimOf(made.id);
      await time.increase(WINDOW);
      const transaction = await protocol.market.finalise(made.request, "0x");
      expect((await eventsOf(protocol.market, transaction)).map(({ name, args }) => ({ name, ...args }))).to.deep.equal(
        [
          { name: "RequestSettled", requestId: made.id, status: BigInt(STATUS.final) },
          { name: "Credited", account: made.operator.address, cause: made.id, amount: PAID },
          { name: "Credited", account: protocol.royaltee.address, cause: made.id, amount: parseEther("1") },
        ],
      );
      const { outputRoot, claimId } = await protocol.market.claimOf(made.id);
      expect([outputRoot, claimId]).to.deep.equal([before.outputRoot, before.claimId]);
    });
    it("credits nobody with nothing when the model asks for no royalty", async () => {
      const registry = protocol.registry.connect(protocol.publisher);
      const versionId = await registry.versionIdFor(protocol.publisher, manifestOf(), metadataOf());
      await registry.publish(manifestOf(), metadataOf());
      await protocol.pools.connect(protocol.alice).optIn(versionId, OPEN_TERMS);
      await nextEpoch(connection);
      const made = await claimed({ versionId });
      await time.increase(WINDOW);
      const names = (await eventsOf(protocol.market, await protocol.market.finalise(made.request, "0x"))).map(
        ({ name }) => name,
      );
      expect(names).to.deep.equal(["RequestSettled", "Credited"]);
      expect(await protocol.market.creditOf(made.operator)).to.equal(parseEther("9"));
    });
    it("refuses while the window is open, to the second, and a second time", async () => {
      const made = await claimed();
      const { windowEnd } = await protocol.market.claimOf(made.id);
      await time.setNextBlockTimestamp(windowEnd - 1n);
      await expect(protocol.market.finalise(made.request, "0x"))
        .to.be.revertedWithCustomError(protocol.market, "MarketDeadlineAhead")
        .withArgs(windowEnd, windowEnd - 1n);
      await time.setNextBlockTimestamp(windowEnd);
      await protocol.market.finalise(made.request, "0x");
      await expect(protocol.market.finalise(made.request, "0x"))
        .to.be.revertedWithCustomError(protocol.market, "MarketStatusForbids")
        .withArgs(made.id, STATUS.final);
    });
    it("refuses a claim under challenge", async () => {
      const made = await challenged();
      await time.increase(WINDOW);
      await expect(protocol.market.finalise(made.request, "0x"))
        .to.be.revertedWithCustomError(protocol.market, "MarketStatusForbids")
        .withArgs(made.id, STATUS.challenged);
    });
  });

  describe("callbacks", () => {
    const MODE = { keep: 0, revert: 1, burn: 2, bomb: 3, reenter: 4 } as const;
    const consumer = async (mode: number, target: string = ZeroAddress, payload = "0x") => {
      const mock = await ethers.deployContract("ConsumerMock");
      await mock.behave(mode, target, payload);
      return { mock, terms: { callback: await mock.getAddress(), callbackGas: 200_000 } };
    };

    it("bring the bytes once per stage", async () => {
      const { mock, terms } = await consumer(MODE.keep);
      const made = await claimed(terms);
      expect([
        await mock.heard(ANSWER_STAGE.provisional),
        await mock.heard(ANSWER_STAGE.final),
        await mock.answer(),
      ]).to.deep.equal([1n, 0n, OUTPUT]);
      await expect(made.transaction)
        .to.emit(protocol.market, "CallbackDone")
        .withArgs(made.id, ANSWER_STAGE.provisional, true);
      await time.increase(WINDOW);
      await expect(protocol.market.finalise(made.request, OUTPUT))
        .to.emit(protocol.market, "CallbackDone")
        .withArgs(made.id, ANSWER_STAGE.final, true);
      expect([await mock.heard(ANSWER_STAGE.provisional), await mock.heard(ANSWER_STAGE.final)]).to.deep.equal([
        1n,
        1n,
      ]);
    });
    it("need the claimed bytes again at the end, and no other ones", async () => {
      const { terms } = await consumer(MODE.keep);
      const made = await claimed(terms);
      await time.increase(WINDOW);
      await expect(protocol.market.finalise(made.request, filled(40, 8)))
        .to.be.revertedWithCustomError(protocol.market, "MarketRootMismatch")
        .withArgs(rootOfF32(filled(40, 8)), rootOfF32(OUTPUT));
      await expect(protocol.market.finalise(made.request, "0x"))
        .to.be.revertedWithCustomError(protocol.registry, "TensorListBytes")
        .withArgs(0, 40);
    });
    for (const [name, mode] of [
      ["reverts", MODE.revert],
      ["burns all its gas", MODE.burn],
      ["returns 100 kB", MODE.bomb],
    ] as const) {
      it(`cannot block settlement: one that ${name}`, async () => {
        const { terms } = await consumer(mode);
        const made = await claimed(terms);
        await expect(made.transaction)
          .to.emit(protocol.market, "CallbackDone")
          .withArgs(made.id, ANSWER_STAGE.provisional, false);
        await time.increase(WINDOW);
        const transaction = await protocol.market.finalise(made.request, OUTPUT);
        await expect(transaction).to.emit(protocol.market, "CallbackDone").withArgs(made.id, ANSWER_STAGE.final, false);
        expect((await transaction.wait())?.gasUsed).to.be.below(420_000n);
        expect(await protocol.market.creditOf(made.operator)).to.equal(PAID);
      });
    }
    it("cannot be starved by whoever settles", async () => {
      const { mock, terms } = await consumer(MODE.keep);
      const made = await claimed(terms);
      await time.increase(WINDOW);
      for (const gasLimit of [220_000, 260_000, 290_000]) {
        await expect(protocol.market.finalise(made.request, OUTPUT, { gasLimit })).to.revert(ethers);
      }
      await protocol.market.finalise(made.request, OUTPUT, { gasLimit: 600_000 });
      expect(await mock.heard(ANSWER_STAGE.final)).to.equal(1n);
    });
    it("are refused where what remains does not cover their gas, its 64th part and what follows", async () => {
      const { terms } = await consumer(MODE.keep);
      const made = await claimed(terms);
      await time.increase(WINDOW);
      const wanted = (200_000n * 64n) / 63n + 20_000n;
      for (const gasLimit of [250_000, 280_000]) {
        await expect(protocol.market.finalise.staticCall(made.request, OUTPUT, { gasLimit }))
          .to.be.revertedWithCustomError(protocol.market, "MarketGasInsufficient")
          .withArgs((actual: bigint) => actual < wanted, wanted);
      }
    });
    it("find nothing half done when they call back", async () => {
      const { mock, terms } = await consumer(MODE.reenter);
      const made = await claimed(terms);
      const again = protocol.market.interface.encodeFunctionData("finalise", [made.request, OUTPUT]);
      await mock.behave(MODE.reenter, protocol.market, again);
      await time.increase(WINDOW);
      await protocol.market.finalise(made.request, OUTPUT);
      expect(await mock.reentered()).to.equal(false);
      expect(await mock.heard(ANSWER_STAGE.final)).to.equal(1n);
      expect(await protocol.market.creditOf(made.operator)).to.equal(PAID);
    });
    it("to an account without code change nothing", async () => {
      const made = await claimed({ callback: protocol.stranger.address, callbackGas: 50_000 });
      expect(await statusOf(made)).to.equal(STATUS.claimed);
    });
  });

  describe("notifyFailure", () => {
    const told = async () => {
      const mock = await ethers.deployContract("ConsumerMock");
      const made = await claimed({ callback: await mock.getAddress(), callbackGas: 200_000 });
      await byCourt().markChallenged(made.id, made.claimId);
      await byCourt().convict(made.claimId, encodeTerms(made.request), protocol.accuser);
      return { mock, made };
    };
    it("tells the consumer once that there is no answer, whoever calls", async () => {
      const { mock, made } = await told();
      await expect(protocol.market.connect(protocol.stranger).notifyFailure(made.request))
        .to.emit(protocol.market, "CallbackDone")
        .withArgs(made.id, ANSWER_STAGE.failed, true);
      expect([await mock.heard(ANSWER_STAGE.failed), await mock.answer()]).to.deep.equal([1n, "0x"]);
      await expect(protocol.market.notifyFailure(made.request))
        .to.be.revertedWithCustomError(protocol.market, "MarketNoCallback")
        .withArgs(made.id);
    });
    it("refuses a request that has not failed, or that has no consumer", async () => {
      const alive = await claimed();
      await expect(protocol.market.notifyFailure(alive.request))
        .to.be.revertedWithCustomError(protocol.market, "MarketStatusForbids")
        .withArgs(alive.id, STATUS.claimed);
      const silent = await opened();
      await time.increase(DAY);
      await protocol.market.refund(silent.request);
      await expect(protocol.market.notifyFailure(silent.request))
        .to.be.revertedWithCustomError(protocol.market, "MarketNoCallback")
        .withArgs(silent.id);
    });
  });

  describe("refund", () => {
    it("returns the fee when no operator was found in time", async () => {
      const made = await opened();
      const { deadline } = await protocol.market.stateOf(made.id);
      await time.setNextBlockTimestamp(deadline - 1n);
      await expect(protocol.market.refund(made.request))
        .to.be.revertedWithCustomError(protocol.market, "MarketDeadlineAhead")
        .withArgs(deadline, deadline - 1n);
      await time.setNextBlockTimestamp(deadline);
      await expect(protocol.market.connect(protocol.stranger).refund(made.request))
        .to.emit(protocol.market, "RequestSettled")
        .withArgs(made.id, ENDED.refunded);
      expect(await protocol.market.creditOf(protocol.requester)).to.equal(FEE);
      expect([...(await protocol.market.resultOf(made.id))]).to.deep.equal([FINALITY.failed, ZeroHash]);
    });
    it("is not for a request that was assigned", async () => {
      const made = await assigned();
      await time.increase(DAY);
      await expect(protocol.market.refund(made.request))
        .to.be.revertedWithCustomError(protocol.market, "MarketStatusForbids")
        .withArgs(made.id, STATUS.assigned);
    });
  });

  describe("timeOut", () => {
    it("refunds, takes the small penalty and jails; the operator is not paid", async () => {
      const made = await assigned();
      const operator = await operatorOf(protocol, made);
      const { deadline } = await protocol.market.stateOf(made.id);
      await time.setNextBlockTimestamp(deadline - 1n);
      await expect(protocol.market.timeOut(made.request))
        .to.be.revertedWithCustomError(protocol.market, "MarketDeadlineAhead")
        .withArgs(deadline, deadline - 1n);
      await time.setNextBlockTimestamp(deadline);
      await expect(protocol.market.timeOut(made.request))
        .to.emit(protocol.market, "RequestSettled")
        .withArgs(made.id, ENDED.timedOut);
      expect(await protocol.market.creditOf(protocol.requester)).to.equal(FEE);
      expect(await protocol.market.creditOf(operator)).to.equal(0n);
      const { stake, locked, status } = await protocol.staking.operatorOf(operator);
      expect([stake, locked, status]).to.deep.equal([STAKING.minimumStake - STAKING.livenessPenalty, 0n, 2n]);
    });
    it("draws another operator at the same price while the request is open", async () => {
      const made = await assigned({ openSeconds: DAY });
      const operator = await operatorOf(protocol, made);
      await time.increase(600);
      const transaction = await protocol.market.connect(protocol.stranger).timeOut(made.request);
      await expect(transaction).to.emit(protocol.market, "RequestReopened").withArgs(made.id, operator.address);
      await expect(transaction).to.emit(protocol.market, "DrawCommitted");
      const { status, operator: nobody, deadline } = await protocol.market.stateOf(made.id);
      expect([status, nobody, deadline]).to.deep.equal([BigInt(STATUS.open), ZeroAddress, made.request.openUntil]);
      expect(await protocol.market.creditOf(protocol.requester)).to.equal(0n);
      for (let i = 0; i < 50 && (await statusOf(made)) === STATUS.open; i++) {
        await mine(3);
        await protocol.market.assign(made.request);
      }
      expect((await operatorOf(protocol, made)).address).not.to.equal(operator.address);
      await claim(connection, protocol, made);
    });
    it("jails from the deadline on, not from the report", async () => {
      const made = await assigned();
      const operator = await operatorOf(protocol, made);
      const { deadline } = await protocol.market.stateOf(made.id);
      await time.increase(600 + DAY / 2);
      await protocol.market.timeOut(made.request);
      expect(await protocol.staking.jailedUntil(operator)).to.equal(deadline + BigInt(DAY));
    });
    it("gives nobody a share: whoever asks for an answer in too little time gains nothing by it", async () => {
      const made = await assigned();
      await time.increase(600);
      await protocol.market.timeOut(made.request);
      expect(await protocol.staking.creditOf(protocol.sink)).to.equal(STAKING.livenessPenalty);
      expect(await protocol.staking.creditOf(protocol.requester)).to.equal(0n);
    });
    it("spares an operator whose policy died", async () => {
      const made = await assigned();
      const operator = await operatorOf(protocol, made);
      await protocol.attestation.tombstoneRoute(OPTIMISTIC);
      await expect(protocol.market.connect(operator).claim(made.request, OUTPUT, rootOfF32(OUTPUT), "", EVIDENCE))
        .to.be.revertedWithCustomError(protocol.attestation, "AttestationRouteUnusable")
        .withArgs(OPTIMISTIC, 2);
      await time.increase(600);
      await expect(protocol.market.timeOut(made.request))
        .to.emit(protocol.market, "RequestSettled")
        .withArgs(made.id, ENDED.cancelled);
      const { stake, locked, status } = await protocol.staking.operatorOf(operator);
      expect([stake, locked, status]).to.deep.equal([STAKING.minimumStake, 0n, 1n]);
    });
  });

  describe("payAudit", () => {
    it("refuses everybody but the audit desk", async () => {
      await expect(protocol.market.payAudit(ZeroHash, protocol.alice, 1))
        .to.be.revertedWithCustomError(protocol.market, "MarketNotAuditDesk")
        .withArgs(protocol.admin.address, protocol.desk.target);
    });
    it("credits an auditor from the shares of final answers, and no more than those", async () => {
      const desk = await ethers.getImpersonatedSigner(await protocol.desk.getAddress());
      await networkHelpers.setBalance(desk.address, parseEther("1"));
      const pay = (amount: bigint) => protocol.market.connect(desk).payAudit(id("claim"), protocol.alice, amount);
      // The fund is empty: nothing is paid, and nothing reverts.
      await expect(pay(1n)).not.to.emit(protocol.market, "Credited");
      await claimed();
      const made = await claimed();
      await time.increase(WINDOW);
      await protocol.market.finalise(made.request, "0x");
      await expect(pay(parseEther("0.4")))
        .to.emit(protocol.market, "Credited")
        .withArgs(protocol.alice.address, id("claim"), parseEther("0.4"));
      expect(await protocol.market.auditFund()).to.equal(parseEther("0.6"));
      // All but one unit, which makes the next answer cheaper.
      expect(await protocol.market.connect(desk).payAudit.staticCall(ZeroHash, protocol.alice, FEE)).to.equal(
        parseEther("0.6") - 1n,
      );
      await pay(FEE);
      expect(await protocol.market.auditFund()).to.equal(1n);
      await expect(pay(1n)).not.to.emit(protocol.market, "Credited");
      expect(await protocol.market.creditOf(protocol.alice)).to.be.at.least(parseEther("1") - 1n);
    });
    it("finds nothing from requests that failed", async () => {
      const made = await challenged();
      await byCourt().convict(made.claimId, encodeTerms(made.request), protocol.accuser);
      expect(await protocol.market.auditFund()).to.equal(0n);
    });
  });

  describe("the court", () => {
    it("is named once, by governance, with the audit desk", async () => {
      await expect(protocol.market.connect(protocol.alice).setCourt(protocol.alice, protocol.desk))
        .to.be.revertedWithCustomError(protocol.market, "AccessManagedUnauthorized")
        .withArgs(protocol.alice.address);
      await expect(protocol.market.setCourt(protocol.alice, protocol.desk))
        .to.be.revertedWithCustomError(protocol.market, "MarketCourtKnown")
        .withArgs(protocol.court.address);
    });
    it("is an account, and said to be it", async () => {
      const other = await ethers.deployContract("InferenceMarket", [
        protocol.authority,
        protocol.registry,
        protocol.pools,
        protocol.attestation,
        protocol.randomness,
        protocol.availability,
        MARKET,
      ]);
      await expect(other.setCourt(ZeroAddress, protocol.desk))
        .to.be.revertedWithCustomError(other, "MarketCourtKnown")
        .withArgs(ZeroAddress);
      await expect(other.setCourt(protocol.alice, protocol.desk))
        .to.emit(other, "CourtSet")
        .withArgs(protocol.alice.address, protocol.desk.target);
      expect(await other.auditDesk()).to.equal(protocol.desk.target);
      expect(await other.court()).to.equal(protocol.alice.address);
    });
    it("comes with a desk that audits as many claims as the collateral counts on", async () => {
      const parts = [protocol.authority, protocol.registry, protocol.pools] as const;
      const sources = [protocol.attestation, protocol.randomness, protocol.availability] as const;
      for (const [catchBps, refused] of [
        [AUDIT.rateBps, false],
        [AUDIT.rateBps + 1, true],
      ] as const) {
        const other = await ethers.deployContract("InferenceMarket", [...parts, ...sources, { ...MARKET, catchBps }]);
        const naming = other.setCourt(protocol.alice, protocol.desk);
        if (!refused) await naming;
        else {
          await expect(naming)
            .to.be.revertedWithCustomError(other, "MarketAuditsTooRare")
            .withArgs(AUDIT.rateBps, catchBps);
        }
      }
    });
    it("alone marks, upholds and convicts", async () => {
      const made = await claimed();
      const { court } = protocol;
      const byAlice = protocol.market.connect(protocol.alice);
      for (const call of [
        byAlice.markChallenged(made.id, made.claimId),
        byAlice.upheld(made.id, made.claimId),
        byAlice.convict(made.claimId, encodeTerms(made.request), protocol.alice),
      ]) {
        await expect(call)
          .to.be.revertedWithCustomError(protocol.market, "MarketNotCourt")
          .withArgs(protocol.alice.address, court.address);
      }
    });

    describe("markChallenged", () => {
      it("stops finality and shows it", async () => {
        const made = await claimed();
        await expect(byCourt().markChallenged(made.id, made.claimId))
          .to.emit(protocol.market, "ClaimChallenged")
          .withArgs(made.id, made.claimId);
        expect([...(await protocol.market.resultOf(made.id))]).to.deep.equal([FINALITY.disputed, rootOfF32(OUTPUT)]);
      });
      it("refuses after the window, for another claim, or twice", async () => {
        const made = await claimed();
        await expect(byCourt().markChallenged(id("?"), made.claimId))
          .to.be.revertedWithCustomError(protocol.market, "MarketRequestUnknown")
          .withArgs(id("?"));
        await expect(byCourt().markChallenged(made.id, id("?")))
          .to.be.revertedWithCustomError(protocol.market, "MarketClaimMismatch")
          .withArgs(id("?"), made.claimId);
        const { windowEnd } = await protocol.market.claimOf(made.id);
        const snapshot = await networkHelpers.takeSnapshot();
        await time.setNextBlockTimestamp(windowEnd);
        await expect(byCourt().markChallenged(made.id, made.claimId))
          .to.be.revertedWithCustomError(protocol.market, "MarketDeadlinePassed")
          .withArgs(windowEnd, windowEnd);
        await snapshot.restore();
        await byCourt().markChallenged(made.id, made.claimId);
        await expect(byCourt().markChallenged(made.id, made.claimId))
          .to.be.revertedWithCustomError(protocol.market, "MarketStatusForbids")
          .withArgs(made.id, STATUS.challenged);
      });
    });

    describe("upheld", () => {
      it("returns the same claim to the way to finality, with its window unchanged", async () => {
        const made = await challenged();
        const { windowEnd } = await protocol.market.claimOf(made.id);
        await expect(byCourt().upheld(made.id, made.claimId))
          .to.emit(protocol.market, "ClaimUpheld")
          .withArgs(made.id, made.claimId);
        const after = await protocol.market.claimOf(made.id);
        expect([after.status, after.windowEnd, after.claimId]).to.deep.equal([
          BigInt(STATUS.claimed),
          windowEnd,
          made.claimId,
        ]);
        await time.increase(WINDOW);
        await protocol.market.finalise(made.request, "0x");
      });
      it("refuses a claim that is not challenged", async () => {
        const made = await claimed();
        await expect(byCourt().upheld(made.id, made.claimId))
          .to.be.revertedWithCustomError(protocol.market, "MarketStatusForbids")
          .withArgs(made.id, STATUS.claimed);
      });
    });

    describe("isChallenged", () => {
      it("is true of a claim in dispute alone, by its id", async () => {
        const calm = await claimed();
        expect(await protocol.market.isChallenged(calm.id, calm.claimId)).to.equal(false);
        const made = await challenged();
        expect(await protocol.market.isChallenged(made.id, made.claimId)).to.equal(true);
        expect(await protocol.market.isChallenged(made.id, calm.claimId)).to.equal(false);
      });
    });

    describe("factsOf", () => {
      it("gives model, input and output of a challenged claim", async () => {
        const made = await challenged();
        expect([...(await protocol.market.factsOf(made.claimId, encodeTerms(made.request)))]).to.deep.equal([
          await protocol.registry.commitmentOf(protocol.versionId),
          made.request.inputRoot,
          (await protocol.market.claimOf(made.id)).outputRoot,
        ]);
      });
      it("refuses terms of another claim, and a claim that is not in dispute", async () => {
        const calm = await claimed();
        await expect(protocol.market.factsOf(calm.claimId, encodeTerms(calm.request)))
          .to.be.revertedWithCustomError(protocol.market, "MarketStatusForbids")
          .withArgs(calm.id, STATUS.claimed);
        const made = await challenged();
        await expect(protocol.market.factsOf(calm.claimId, encodeTerms(made.request)))
          .to.be.revertedWithCustomError(protocol.market, "MarketClaimMismatch")
          .withArgs(calm.claimId, made.claimId);
      });
    });

    describe("convict", () => {
      it("slashes the lock, refunds the requester and leaves no result", async () => {
        const made = await challenged();
        await expect(byCourt().convict(made.claimId, encodeTerms(made.request), protocol.accuser))
          .to.emit(protocol.market, "ClaimConvicted")
          .withArgs(made.id, made.claimId, protocol.accuser.address);
        expect(await protocol.market.creditOf(protocol.requester)).to.equal(FEE);
        expect(await protocol.market.creditOf(made.operator)).to.equal(0n);
        const { accuser, requester, sink } = protocol;
        expect(
          await Promise.all([accuser, requester, sink].map((who) => protocol.staking.creditOf(who))),
        ).to.deep.equal([parseEther("125"), parseEther("125"), parseEther("250")]);
        expect(await protocol.market.damagesOf(made.id)).to.equal(parseEther("125"));
        expect(await protocol.market.compensationOf(made.id)).to.equal(0n);
        expect((await protocol.staking.operatorOf(made.operator)).status).to.equal(3n);
        expect([...(await protocol.market.resultOf(made.id))]).to.deep.equal([FINALITY.failed, ZeroHash]);
        expect((await protocol.market.claimOf(made.id)).claimId).to.equal(ZeroHash);
      });
      it("happens once, only to a challenged claim, and only to the one it names", async () => {
        const calm = await claimed();
        await expect(byCourt().convict(calm.claimId, encodeTerms(calm.request), protocol.accuser))
          .to.be.revertedWithCustomError(protocol.market, "MarketStatusForbids")
          .withArgs(calm.id, STATUS.claimed);
        const made = await challenged();
        await expect(byCourt().convict(calm.claimId, encodeTerms(made.request), protocol.accuser))
          .to.be.revertedWithCustomError(protocol.market, "MarketClaimMismatch")
          .withArgs(calm.claimId, made.claimId);
        await byCourt().convict(made.claimId, encodeTerms(made.request), protocol.accuser);
        await expect(byCourt().convict(made.claimId, encodeTerms(made.request), protocol.accuser))
          .to.be.revertedWithCustomError(protocol.market, "MarketStatusForbids")
          .withArgs(made.id, ENDED.convicted);
      });
      it("cannot be stopped by a hostile callback or requester", async () => {
        const mock = await ethers.deployContract("ConsumerMock");
        const made = await claimed({ callback: await mock.getAddress(), callbackGas: 200_000 });
        await mock.behave(1, ZeroAddress, "0x");
        await byCourt().markChallenged(made.id, made.claimId);
        await byCourt().convict(made.claimId, encodeTerms(made.request), protocol.accuser);
      });
    });
  });

  describe("expireDispute", () => {
    it("ends what the court left open, without a winner", async () => {
      const made = await challenged();
      const end = (await protocol.market.stateOf(made.id)).deadline + BigInt(MARKET.maxDisputeSeconds);
      await time.setNextBlockTimestamp(end - 1n);
      await expect(protocol.market.expireDispute(made.request))
        .to.be.revertedWithCustomError(protocol.market, "MarketDeadlineAhead")
        .withArgs(end, end - 1n);
      await time.setNextBlockTimestamp(end);
      await expect(protocol.market.connect(protocol.stranger).expireDispute(made.request))
        .to.emit(protocol.market, "RequestSettled")
        .withArgs(made.id, ENDED.cancelled);
      expect(await protocol.market.creditOf(protocol.requester)).to.equal(FEE);
      expect((await protocol.staking.operatorOf(made.operator)).stake).to.equal(STAKING.minimumStake);
      expect((await protocol.staking.operatorOf(made.operator)).locked).to.equal(0n);
    });
  });

  describe("given a pause", () => {
    const pause = async () => {
      await protocol.market.pause();
      return (await time.latest()) + 3 * DAY;
    };
    it("stops requests, assignments, draws, claims and demands", async () => {
      const [toAssign, toClaim] = [await opened(), await assigned()];
      await mine(3);
      const until = await pause();
      const operator = protocol.market.connect(await operatorOf(protocol, toClaim));
      for (const call of [
        opened(),
        protocol.market.assign(toAssign.request),
        operator.claim(toClaim.request, OUTPUT, rootOfF32(OUTPUT), "", EVIDENCE),
      ]) {
        await expect(call).to.be.revertedWithCustomError(protocol.market, "PauseActive").withArgs(until);
      }
    });
    it("never stops verdicts, exits and settlements that are due", async () => {
      const due = await claimed();
      await time.increase(WINDOW);
      const made = await challenged();
      const open2 = await challenged();
      await pause();
      await byCourt().convict(made.claimId, encodeTerms(made.request), protocol.accuser);
      await byCourt().upheld(open2.id, open2.claimId);
      await protocol.market.finalise(due.request, "0x");
      await protocol.market.withdraw(due.operator);
      await protocol.staking.connect(due.operator).unbond(1n);
    });
  });

  describe("gas", () => {
    const costOf = async (transactions: readonly { wait: () => Promise<{ gasUsed: bigint } | null> }[]) => {
      const gas = await Promise.all(transactions.map(async (sent) => (await sent.wait())?.gasUsed ?? 0n));
      return gas.reduce((sum, used) => sum + used, 0n);
    };
    /** A request on credit, its seed there. The first answer of all writes words that every later one finds written. */
    const openedOnCredit = async () => {
      const first = await claimed();
      await time.increase(WINDOW);
      await protocol.market.finalise(first.request, "0x");
      await protocol.market.connect(protocol.requester).deposit(protocol.requester, 2n * FEE);
      const made = await opened();
      await mine(3);
      return made;
    };
    const finalised = async (made: Opened) => {
      await time.increase(WINDOW);
      return protocol.market.finalise(made.request, "0x");
    };
    // Instrumented code says nothing about gas.
    beforeEach(function () {
      if (hre.globalOptions.coverage) this.skip();
    });
    it("request, claim with its draw and finalise of a digit on credit cost at most 400,000 in total", async () => {
      const made = await openedOnCredit();
      const named = await ethers.getSigner(await protocol.market.assign.staticCall(made.request));
      const claiming = await protocol.market
        .connect(named)
        .claim(made.request, OUTPUT, rootOfF32(OUTPUT), "", EVIDENCE);
      expect(await costOf([made.transaction, claiming, await finalised(made)])).to.be.at.most(400_000n);
    });
    it("request, assign, claim and finalise of a digit on credit cost at most 440,000 in total", async () => {
      const made = await openedOnCredit();
      const assigning = await protocol.market.assign(made.request);
      const { transaction } = await claim(connection, protocol, made);
      const spent = [made.transaction, assigning, transaction, await finalised(made)];
      expect(await costOf(spent)).to.be.at.most(440_000n);
    });
  });
});
