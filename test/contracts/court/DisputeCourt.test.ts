import { expect } from "chai";

import { id, ZeroHash } from "ethers";

import { REQUEST_STATUS } from "../../../runner/protocol/enums.ts";
import { rootsTree } from "../../../runner/commitment/model.ts";
import {
  answerOf,
  ethers,
  HONEST,
  HOUR,
  INPUT_ROOT,
  MANIFEST,
  networkHelpers,
  other,
  requestOf,
  SINK,
  stageAt,
  STATUS,
  TERMS,
  TRACE_TREE,
  WINDOW,
  WRONG,
} from "../../../testing/toy-court.ts";

const { time } = networkHelpers;
const timeOf = async (): Promise<bigint> => BigInt(await time.latest());

const DAY = 24 * HOUR;
const NOTICE = BigInt(15 * DAY);

describe("DisputeCourt", () => {
  describe("addTerms", () => {
    describe("given a caller without the right", () => {
      it("reverts", async () => {
        const { court, stranger } = await stageAt("open");
        await expect(court.connect(stranger).addTerms(TERMS))
          .to.be.revertedWithCustomError(court, "AccessManagedUnauthorized")
          .withArgs(stranger);
      });
    });

    describe("given the governor", () => {
      const ANY_WINDOW = 2n ** 32n - 1n;
      const LONGEST = 10 * DAY;
      const rest = TERMS.traceWindow + TERMS.answerWindow + TERMS.proofMargin;
      // CourtTerm, then actual, minimum and maximum.
      for (const [what, change, ...refusal] of [
        ["no challenge bond", { challengeBond: 0 }, 0, 0, 1, 16n * TERMS.challengeBond],
        ["no demand bond", { demandBond: 0 }, 1, 0, 1, 16n * TERMS.demandBond],
        ["no accusation bond", { accusationBond: 0 }, 2, 0, 1, 16n * TERMS.accusationBond],
        [
          "a challenge bond that nobody can pay",
          { challengeBond: 2n ** 96n - 1n },
          0,
          2n ** 96n - 1n,
          1,
          16n * TERMS.challengeBond,
        ],
        ["a demand bond that nobody can pay", { demandBond: 161n }, 1, 161, 1, 160],
        ["an accusation bond that nobody can pay", { accusationBond: 113n }, 2, 113, 1, 112],
        ["a trace window below a minute", { traceWindow: 59 }, 3, 59, 60, ANY_WINDOW],
        [
          "a demand window below four answer windows",
          { demandWindow: 8 * HOUR - 1 },
          4,
          8 * HOUR - 1,
          8 * HOUR,
          ANY_WINDOW,
        ],
        ["an answer window below a minute", { answerWindow: 59 }, 5, 59, 60, ANY_WINDOW],
        ["a proof margin below a minute", { proofMargin: 59 }, 6, 59, 60, ANY_WINDOW],
        ["a burn above the bond", { burnBps: 10_001 }, 7, 10_001, 0, 10_000],
        ["windows that outlast the market", { demandWindow: 9 * DAY }, 8, rest + 10 * DAY, 0, LONGEST],
      ] as const) {
        it(`refuses ${what}`, async () => {
          const { court } = await stageAt("open");
          await expect(court.addTerms({ ...TERMS, ...change }))
            .to.be.revertedWithCustomError(court, "CourtTermOutside")
            .withArgs(...refusal);
        });
      }

      it("takes windows that leave exactly a day of the market's longest dispute, and none longer", async () => {
        const { court } = await stageAt("open");
        const demandWindow = 9 * DAY - rest;
        await expect(court.addTerms({ ...TERMS, demandWindow: demandWindow + 1 }))
          .to.be.revertedWithCustomError(court, "CourtTermOutside")
          .withArgs(8, LONGEST + 1, 0, LONGEST);
        await court.addTerms({ ...TERMS, demandWindow });
      });

      it("takes the shortest windows, and terms that burn the whole bond", async () => {
        const { court } = await stageAt("open");
        const shortest = { traceWindow: 60, demandWindow: 240, answerWindow: 60, proofMargin: 60, burnBps: 10_000 };
        const terms = { ...TERMS, ...shortest };
        await expect(court.addTerms(terms)).to.emit(court, "TermsAdded");
        expect([...(await court.termsOf(1n))]).to.deep.equal(Object.values(terms).map(BigInt));
      });

      it("adds them for later disputes and leaves open ones as they are", async () => {
        const { court, claimId, challenger, token, market, operator, trace } = await stageAt("challenged");
        const dearer = { ...TERMS, challengeBond: 5_000n };
        const added = court.addTerms(dearer);
        await added;
        const from = (await timeOf()) + NOTICE;
        await expect(added).to.emit(court, "TermsAdded").withArgs(1, Object.values(dearer), from);
        expect(await court.currentTermsId()).to.equal(0n);
        await time.increaseTo(from);
        expect(await court.currentTermsId()).to.equal(1n);
        expect((await court.termsOf(0n)).challengeBond).to.equal(TERMS.challengeBond);
        expect((await court.termsOf(1n)).challengeBond).to.equal(5_000n);
        expect((await court.disputeOf(claimId)).termsId).to.equal(0n);

        const request = requestOf(2);
        const windowEnd = (await time.latest()) + WINDOW;
        await market.claim(request, operator, rootsTree(trace.outputRoots).root, windowEnd);
        const requestId = await market.idOf(request);
        const second = await market.claimOf(requestId);
        const challenge = court.connect(challenger).challenge(market, requestId, second.claimId);
        await expect(challenge).to.changeTokenBalances(ethers, token, [challenger, court], [-5_000n, 5_000n]);
      });
    });
  });

  describe("addTerms, a second time", () => {
    it("reverts while the newest terms do not count yet", async () => {
      const { court } = await stageAt("open");
      await court.addTerms(TERMS);
      const from = (await timeOf()) + NOTICE;
      await time.setNextBlockTimestamp(from - 1n);
      await expect(court.addTerms(TERMS)).to.be.revertedWithCustomError(court, "CourtTermsPending").withArgs(from);
      await time.setNextBlockTimestamp(from);
      await court.addTerms(TERMS);
    });

    it("binds no claim that was open when it was called, even at the last second of the longest window", async () => {
      const { court, market, challenger, operator, trace, token } = await stageAt("open");
      const request = requestOf(5);
      const windowEnd = (await time.latest()) + 10 * DAY;
      await market.claim(request, operator, rootsTree(trace.outputRoots).root, windowEnd);
      await court.addTerms({ ...TERMS, challengeBond: 16_016n });
      await time.setNextBlockTimestamp(windowEnd - 1);
      const requestId = await market.idOf(request);
      const { claimId } = await market.claimOf(requestId);
      await expect(court.connect(challenger).challenge(market, requestId, claimId)).to.changeTokenBalances(
        ethers,
        token,
        [challenger],
        [-TERMS.challengeBond],
      );
      expect((await court.disputeOf(claimId)).termsId).to.equal(0n);
    });
  });

  describe("addSource", () => {
    it("is governance's", async () => {
      const { court, stranger, market } = await stageAt("open");
      for (const move of [court.connect(stranger).addSource(market), court.connect(stranger).tombstoneSource(market)]) {
        await expect(move).to.be.revertedWithCustomError(court, "AccessManagedUnauthorized").withArgs(stranger);
      }
    });

    it("registers a source once, under the next number", async () => {
      const { court, market, token } = await stageAt("open");
      const second = await ethers.deployContract("CourtStageMock", [token]);
      await expect(court.addSource(second)).to.emit(court, "SourceAdded").withArgs(second, 2n);
      expect([await court.sourceAt(1n), await court.sourceAt(2n)]).to.deep.equal([
        await market.getAddress(),
        await second.getAddress(),
      ]);
      for (const known of [market, second]) {
        await expect(court.addSource(known)).to.be.revertedWithCustomError(court, "CourtSourceKnown").withArgs(known);
      }
    });

    it("refuses a source that gives up before a dispute must end", async () => {
      const { court, token } = await stageAt("open");
      const hasty = await ethers.deployContract("CourtStageMock", [token]);
      await hasty.lieAboutPatience(10 * DAY - 1);
      await expect(court.addSource(hasty))
        .to.be.revertedWithCustomError(court, "CourtSourcePatience")
        .withArgs(10 * DAY - 1, 10 * DAY);
    });
  });

  describe("tombstoneSource", () => {
    it("leaves time for claims that are open, and is for ever", async () => {
      const { court, market, challenger, operator, trace, requestId, claimId } = await stageAt("open");
      const move = court.tombstoneSource(market);
      await move;
      const until = (await timeOf()) + NOTICE;
      await expect(move).to.emit(court, "SourceTombstoned").withArgs(market, until);
      await court.connect(challenger).challenge(market, requestId, claimId);

      const request = requestOf(5);
      await market.claim(request, operator, rootsTree(trace.outputRoots).root, until + 100n);
      const late = await market.idOf(request);
      const { claimId: lateClaim } = await market.claimOf(late);
      await time.setNextBlockTimestamp(until + 1n);
      await expect(court.connect(challenger).challenge(market, late, lateClaim))
        .to.be.revertedWithCustomError(court, "CourtSourceUnusable")
        .withArgs(market, until);
      await expect(court.tombstoneSource(market))
        .to.be.revertedWithCustomError(court, "CourtSourceUnusable")
        .withArgs(market, until);
      await expect(court.addSource(market)).to.be.revertedWithCustomError(court, "CourtSourceKnown").withArgs(market);
    });

    it("reverts for a source that nobody added", async () => {
      const { court, token } = await stageAt("open");
      await expect(court.tombstoneSource(token))
        .to.be.revertedWithCustomError(court, "CourtSourceUnusable")
        .withArgs(token, 0n);
    });
  });

  describe("a hostile source", () => {
    type Facts = Awaited<ReturnType<Awaited<ReturnType<typeof stageAt<"open">>>["market"]["claimOf"]>>;
    const copyOf = ({ status, operator, outputRoot, windowEnd, claimedBlock, claimId }: Facts) => ({
      ...{ status, operator, outputRoot, windowEnd, claimedBlock, claimId },
    });

    /** A second source, and a claim of the first one that it would like to harm. */
    const hostile = async () => {
      const stage = await stageAt("open");
      const source = await ethers.deployContract("CourtStageMock", [stage.token]);
      await stage.court.addSource(source);
      await source.publish(id("version"), MANIFEST);
      const facts = copyOf(await stage.market.claimOf(stage.requestId));
      return { ...stage, source, facts };
    };

    it("cannot take the place of another source's claim", async () => {
      const { court, market, source, facts, challenger, requestId, claimId } = await hostile();
      // It says of a claim of its own what the market says of that claim, the id included.
      await source.lie(requestId, facts, false);
      const own = await source.claimIdFor(
        requestId,
        facts.operator,
        facts.outputRoot,
        facts.windowEnd,
        facts.claimedBlock,
      );
      await expect(court.connect(challenger).challenge(source, requestId, claimId))
        .to.be.revertedWithCustomError(court, "CourtClaimMismatch")
        .withArgs(claimId, own);
      await court.connect(challenger).challenge(market, requestId, claimId);
      expect(await court.sourceAt((await court.disputeOf(claimId)).source)).to.equal(market);
    });

    it("cannot draw out a dispute with an endless window", async () => {
      const { court, source, operator, challenger } = await hostile();
      const request = requestOf(5);
      const requestId = await source.idOf(request);
      const now = await timeOf();
      await source.claim(request, operator, ZeroHash, now + NOTICE + 100n);
      const { claimId } = await source.claimOf(requestId);
      await time.setNextBlockTimestamp(now + 99n);
      await expect(court.connect(challenger).challenge(source, requestId, claimId))
        .to.be.revertedWithCustomError(court, "CourtWindowTooLong")
        .withArgs(NOTICE + 1n, NOTICE);
    });

    it("that reverts holds up its own claims only: no bond of another claim moves", async () => {
      const { court, market, source, operator, challenger, watcher, trace, token, requestId, claimId, request } =
        await hostile();
      const terms = requestOf(5);
      const badId = await source.idOf(terms);
      await source.claim(terms, operator, rootsTree(trace.outputRoots).root, (await time.latest()) + WINDOW);
      const bad = copyOf(await source.claimOf(badId));
      await court.connect(watcher).challenge(source, badId, bad.claimId);
      await court.connect(challenger).challenge(market, requestId, claimId);
      await source.lie(badId, { ...bad, status: REQUEST_STATUS.challenged }, true);
      await time.increase(TERMS.traceWindow + 1);
      await expect(court.convictWithoutTrace(bad.claimId, terms)).to.be.revertedWithCustomError(
        source,
        "StageReverting",
      );
      await court.convictWithoutTrace(claimId, request);
      await court.withdraw(challenger);
      // What is left is the bond of the hostile source's claim.
      expect(await token.balanceOf(court)).to.equal(TERMS.challengeBond);
      await source.lie(badId, { ...bad, status: REQUEST_STATUS.challenged }, false);
      await court.convictWithoutTrace(bad.claimId, terms);
      await court.withdraw(watcher);
      expect(await token.balanceOf(court)).to.equal(0n);
    });
  });

  describe("challenge", () => {
    describe("given an open window", () => {
      it("records the dispute, takes the bond and freezes finality", async () => {
        const { court, challenger, operator, token, market, requestId, claimId, windowEnd } = await stageAt("open");
        const move = court.connect(challenger).challenge(market, requestId, claimId);
        await expect(move).to.changeTokenBalances(
          ethers,
          token,
          [challenger, court],
          [-TERMS.challengeBond, TERMS.challengeBond],
        );
        const now = await timeOf();
        await expect(move)
          .to.emit(court, "Challenged")
          .withArgs(claimId, requestId, challenger, operator, market, 0n, now + BigInt(TERMS.traceWindow));
        const dispute = await court.disputeOf(claimId);
        expect(dispute.status).to.equal(STATUS.challenged);
        expect(dispute.challenger).to.equal(challenger.address);
        expect(dispute.operator).to.equal(operator.address);
        expect(dispute.id).to.equal(requestId);
        expect(await court.sourceAt(dispute.source)).to.equal(market);
        expect(dispute.challengeableUntil).to.equal(BigInt(windowEnd));
        expect(dispute.end).to.equal(0n);
        expect((await market.claimOf(requestId)).status).to.equal(REQUEST_STATUS.challenged);
      });

      it("reverts for another claim of the request", async () => {
        const { court, market, challenger, marketErrors, requestId, claimId } = await stageAt("open");
        await expect(court.connect(challenger).challenge(market, requestId, other(claimId)))
          .to.be.revertedWithCustomError(marketErrors, "MarketClaimMismatch")
          .withArgs(claimId, other(claimId));
      });

      it("reverts when the token calls the court from inside the transfer of the bond", async () => {
        const { court, market, challenger, token, requestId, claimId } = await stageAt("openCalling");
        for (const payload of [
          court.interface.encodeFunctionData("challenge", [await market.getAddress(), requestId, claimId]),
          court.interface.encodeFunctionData("withdraw", [challenger.address]),
        ]) {
          await token.setHook(court, payload);
          await expect(court.connect(challenger).challenge(market, requestId, claimId)).to.be.revertedWithCustomError(
            court,
            "ReentrancyGuardReentrantCall",
          );
        }
      });

      it("reverts when the token keeps a fee", async () => {
        const { court, market, challenger, token, requestId, claimId } = await stageAt("open");
        await token.setFee(100n);
        await expect(court.connect(challenger).challenge(market, requestId, claimId))
          .to.be.revertedWithCustomError(court, "CreditTokenMismatch")
          .withArgs(991n, 1001n);
      });
    });

    describe("given the window is over", () => {
      it("reverts with the market's error", async () => {
        const { court, market, challenger, marketErrors, requestId, claimId, windowEnd } = await stageAt("open");
        await time.setNextBlockTimestamp(windowEnd);
        await expect(court.connect(challenger).challenge(market, requestId, claimId))
          .to.be.revertedWithCustomError(marketErrors, "MarketDeadlinePassed")
          .withArgs(windowEnd, windowEnd);
      });
    });

    describe("given the claim is in dispute", () => {
      it("reverts: a second challenger would add nothing but delay", async () => {
        const { court, market, watcher, requestId, claimId } = await stageAt("challenged");
        await expect(court.connect(watcher).challenge(market, requestId, claimId))
          .to.be.revertedWithCustomError(court, "CourtStatus")
          .withArgs(STATUS.challenged, STATUS.none);
      });
    });
  });

  describe("commitTrace", () => {
    const commit = (
      { court, operator, claimId, request }: Awaited<ReturnType<typeof stageAt<"challenged">>>,
      change: {
        manifest?: typeof MANIFEST;
        terms?: string;
        root?: string;
        roots?: string[];
        siblings?: string[][];
      } = {},
    ) =>
      court
        .connect(operator)
        .commitTrace(
          claimId,
          change.terms ?? request,
          change.manifest ?? MANIFEST,
          change.root ?? HONEST.root,
          change.roots ?? HONEST.outputRoots,
          change.siblings ?? HONEST.outputSiblings,
          "ipfs://trace",
        );

    describe("given a challenge", () => {
      it("records what the trace is judged against and fixes the end", async () => {
        const stage = await stageAt("challenged");
        const { court, claimId, windowEnd } = stage;
        const move = commit(stage);
        await move;
        const demandUntil = BigInt(windowEnd + TERMS.demandWindow);
        const end = demandUntil + BigInt(TERMS.answerWindow + TERMS.proofMargin);
        await expect(move)
          .to.emit(court, "TraceCommitted")
          .withArgs(claimId, HONEST.root, HONEST.outputRoots, demandUntil, end, "ipfs://trace");
        const dispute = await court.disputeOf(claimId);
        expect([dispute.status, dispute.demandUntil, dispute.end]).to.deep.equal([
          STATUS.traceCommitted,
          demandUntil,
          end,
        ]);
        expect([...(await court.caseOf(claimId))]).to.deep.equal([
          MANIFEST.programRoot,
          MANIFEST.weightsRoot,
          INPUT_ROOT,
          HONEST.root,
          18n,
          2n,
          1n,
        ]);
      });

      it("leaves a whole demand window after the claim's own window, however early the challenge", async () => {
        const { court, market, challenger, operator, claimId: _claimId, trace } = await stageAt("open");
        const request = requestOf(3);
        const windowEnd = (await time.latest()) + 48 * HOUR;
        await market.claim(request, operator, rootsTree(trace.outputRoots).root, windowEnd);
        const requestId = await market.idOf(request);
        const { claimId } = await market.claimOf(requestId);
        await court.connect(challenger).challenge(market, requestId, claimId);
        await court
          .connect(operator)
          .commitTrace(claimId, request, MANIFEST, trace.root, trace.outputRoots, trace.outputSiblings, "");
        const { demandUntil, end } = await court.disputeOf(claimId);
        expect(demandUntil).to.equal(BigInt(windowEnd + TERMS.demandWindow));
        expect(end).to.equal(demandUntil + BigInt(TERMS.answerWindow + TERMS.proofMargin));
      });

      it("counts the demand window from the trace when the claim's own window is over by then", async () => {
        const stage = await stageAt("open");
        const { court, market, challenger, requestId, claimId, windowEnd } = stage;
        await time.setNextBlockTimestamp(windowEnd - 2);
        await court.connect(challenger).challenge(market, requestId, claimId);
        await time.setNextBlockTimestamp(windowEnd + 100);
        await commit(stage);
        expect((await court.disputeOf(claimId)).demandUntil).to.equal(BigInt(windowEnd + 100 + TERMS.demandWindow));
      });

      it("is in time at the last second and late one after", async () => {
        const stage = await stageAt("challenged");
        const until = (await stage.court.disputeOf(stage.claimId)).traceUntil;
        await time.setNextBlockTimestamp(until + 1n);
        await expect(commit(stage))
          .to.be.revertedWithCustomError(stage.court, "CourtTooLate")
          .withArgs(until + 1n, until);
        const again = await stageAt("challenged");
        await time.setNextBlockTimestamp((await again.court.disputeOf(again.claimId)).traceUntil);
        await commit(again);
        expect((await again.court.disputeOf(again.claimId)).status).to.equal(STATUS.traceCommitted);
      });

      it("reverts for anybody but the operator: only the answer's end is checkable here", async () => {
        const { court, stranger, operator, claimId, request, trace } = await stageAt("challenged");
        await expect(
          court
            .connect(stranger)
            .commitTrace(claimId, request, MANIFEST, trace.root, trace.outputRoots, trace.outputSiblings, ""),
        )
          .to.be.revertedWithCustomError(court, "CourtOperatorOnly")
          .withArgs(stranger, operator);
      });

      it("takes it from who the source says acts for the operator, such as a vault's agent", async () => {
        const { court, market, stranger, claimId, request, trace } = await stageAt("challenged");
        await market.setAgent(stranger);
        await court
          .connect(stranger)
          .commitTrace(claimId, request, MANIFEST, trace.root, trace.outputRoots, trace.outputSiblings, "");
        expect((await court.disputeOf(claimId)).status).to.equal(STATUS.traceCommitted);
      });

      it("reverts for another request", async () => {
        const stage = await stageAt("challenged");
        await expect(commit(stage, { terms: requestOf(9) }))
          .to.be.revertedWithCustomError(stage.marketErrors, "MarketClaimMismatch")
          .withArgs(ZeroHash, stage.claimId);
      });

      it("reverts for another manifest", async () => {
        const stage = await stageAt("challenged");
        const manifest = { ...MANIFEST, kernelCount: 17 };
        await expect(commit(stage, { manifest }))
          .to.be.revertedWithCustomError(stage.court, "CourtManifestMismatch")
          .withArgs(await stage.market.commitmentFor(manifest), await stage.market.commitmentFor(MANIFEST));
      });

      it("reverts unless every output has a root and a proof", async () => {
        const stage = await stageAt("challenged");
        await expect(commit(stage, { roots: HONEST.outputRoots.slice(1) }))
          .to.be.revertedWithCustomError(stage.court, "CourtOutputCount")
          .withArgs(1n, 2n);
        await expect(commit(stage, { siblings: HONEST.outputSiblings.slice(1) }))
          .to.be.revertedWithCustomError(stage.court, "CourtOutputCount")
          .withArgs(1n, 2n);
      });

      it("reverts when the outputs are not the claimed ones", async () => {
        const stage = await stageAt("challenged");
        const roots = WRONG.outputRoots;
        await expect(commit(stage, { root: WRONG.root, roots, siblings: WRONG.outputSiblings }))
          .to.be.revertedWithCustomError(stage.court, "CourtOutputRootMismatch")
          .withArgs(rootsTree(roots).root, rootsTree(HONEST.outputRoots).root);
      });

      it("reverts when the trace does not end in the outputs", async () => {
        const stage = await stageAt("challenged");
        // Of 18 kernels the first output's is the last, whose proof has two siblings; the others' have five.
        await expect(commit(stage, { root: WRONG.root }))
          .to.be.revertedWithCustomError(stage.court, "CourtTraceMismatch")
          .withArgs(HONEST.root, WRONG.root);
        await expect(commit(stage, { siblings: [...HONEST.outputSiblings].reverse() }))
          .to.be.revertedWithCustomError(stage.court, "TreeSiblingCount")
          .withArgs(5, 2);
        await expect(commit(stage, { siblings: HONEST.outputSiblings.map((row) => row.slice(1)) }))
          .to.be.revertedWithCustomError(stage.court, "TreeSiblingCount")
          .withArgs(1, 2);
      });
    });

    describe("given a committed trace", () => {
      it("reverts: there is no second one", async () => {
        const stage = await stageAt("traced");
        await expect(commit(stage))
          .to.be.revertedWithCustomError(stage.court, "CourtStatus")
          .withArgs(STATUS.traceCommitted, STATUS.challenged);
      });
    });
  });

  describe("convictWithoutTrace", () => {
    describe("given a challenge without a trace", () => {
      it("reverts until the time is over", async () => {
        const { court, claimId, request } = await stageAt("challenged");
        const until = (await court.disputeOf(claimId)).traceUntil;
        await time.setNextBlockTimestamp(until);
        await expect(court.convictWithoutTrace(claimId, request))
          .to.be.revertedWithCustomError(court, "CourtTooEarly")
          .withArgs(until, until);
      });

      it("then convicts for anyone, rewards the challenger and returns its bond", async () => {
        const { court, stranger, challenger, market, claimId, requestId, request } = await stageAt("challenged");
        await time.increase(TERMS.traceWindow + 1);
        const move = court.connect(stranger).convictWithoutTrace(claimId, request);
        await expect(move).to.emit(court, "Convicted").withArgs(claimId, challenger);
        await expect(move).to.emit(court, "Credited").withArgs(challenger, claimId, TERMS.challengeBond);
        await expect(move).to.emit(market, "StageConvicted").withArgs(requestId, claimId, challenger);
        expect((await court.disputeOf(claimId)).status).to.equal(STATUS.convicted);
        expect(await court.creditOf(challenger)).to.equal(TERMS.challengeBond);
      });

      it("takes it from who the source says acts for the operator, such as a vault's agent", async () => {
        const { court, market, stranger, claimId, request, trace } = await stageAt("challenged");
        await market.setAgent(stranger);
        await court
          .connect(stranger)
          .commitTrace(claimId, request, MANIFEST, trace.root, trace.outputRoots, trace.outputSiblings, "");
        expect((await court.disputeOf(claimId)).status).to.equal(STATUS.traceCommitted);
      });

      it("reverts for another request", async () => {
        const { court, marketErrors, market, claimId } = await stageAt("challenged");
        await time.increase(TERMS.traceWindow + 1);
        await expect(court.convictWithoutTrace(claimId, requestOf(9)))
          .to.be.revertedWithCustomError(marketErrors, "MarketStatusForbids")
          .withArgs(await market.idOf(requestOf(9)), REQUEST_STATUS.none);
      });

      it("returns the bond when the market has given up", async () => {
        const { court, challenger, market, claimId, requestId, request } = await stageAt("challenged");
        await market.giveUp(requestId);
        await time.increase(TERMS.traceWindow + 1);
        await expect(court.convictWithoutTrace(claimId, request)).to.not.emit(market, "StageConvicted");
        expect(await court.creditOf(challenger)).to.equal(TERMS.challengeBond);
      });
    });

    describe("given a committed trace", () => {
      it("reverts", async () => {
        const { court, claimId, request } = await stageAt("traced");
        await expect(court.convictWithoutTrace(claimId, request))
          .to.be.revertedWithCustomError(court, "CourtStatus")
          .withArgs(STATUS.traceCommitted, STATUS.challenged);
      });
    });
  });

  describe("challengeFor", () => {
    const byDesk = async () => {
      const stage = await stageAt("open");
      const { court, market, watcher, requestId, claimId } = stage;
      const move = await market.challengeFor(court, requestId, claimId, watcher);
      return { ...stage, move };
    };
    it("reverts for everybody but a source of claims", async () => {
      const { court, watcher, requestId, claimId } = await stageAt("open");
      await expect(court.connect(watcher).challengeFor(requestId, claimId, watcher))
        .to.be.revertedWithCustomError(court, "CourtSourceUnusable")
        .withArgs(watcher, 0n);
    });
    it("opens the dispute in the auditor's name, without a bond", async () => {
      const { court, token, market, watcher, operator, requestId, claimId, move } = await byDesk();
      await expect(move)
        .to.emit(court, "Challenged")
        .withArgs(claimId, requestId, watcher, operator, market, 0n, (await timeOf()) + BigInt(TERMS.traceWindow));
      const { challenger, status, audit } = await court.disputeOf(claimId);
      expect([challenger, status, audit]).to.deep.equal([watcher.address, STATUS.challenged, true]);
      expect(await token.balanceOf(court)).to.equal(0n);
      expect((await market.claimOf(requestId)).status).to.equal(REQUEST_STATUS.challenged);
    });
    it("reverts for a claim in dispute, and for one that the market does not know", async () => {
      const { court, market, marketErrors, watcher, requestId, claimId } = await byDesk();
      await expect(market.challengeFor(court, requestId, claimId, watcher))
        .to.be.revertedWithCustomError(court, "CourtStatus")
        .withArgs(STATUS.challenged, STATUS.none);
      await market.giveUp(requestId);
      await expect(market.challengeFor(court, requestId, other(claimId), watcher))
        .to.be.revertedWithCustomError(marketErrors, "MarketStatusForbids")
        .withArgs(requestId, REQUEST_STATUS.refunded);
    });
    it("gives no bond back at a conviction, and rewards the auditor as a challenger", async () => {
      const { court, market, watcher, request, requestId, claimId } = await byDesk();
      await time.increase(TERMS.traceWindow + 1);
      const move = court.convictWithoutTrace(claimId, request);
      await expect(move).to.emit(market, "StageConvicted").withArgs(requestId, claimId, watcher);
      await expect(move).not.to.emit(court, "Credited");
    });
    it("has no bond for an operator that is upheld, but those of the demands", async () => {
      const { court, operator, stranger, request, claimId, trace } = await byDesk();
      await court
        .connect(operator)
        .commitTrace(claimId, request, MANIFEST, trace.root, trace.outputRoots, trace.outputSiblings, "x");
      await court.connect(stranger).demandTrace(claimId, [{ level: 0, index: 0 }]);
      await court.answer(claimId, [answerOf(HONEST, TRACE_TREE, { level: 0, index: 0 })]);
      await time.increaseTo((await court.disputeOf(claimId)).end + 1n);
      await expect(court.resolve(claimId)).to.emit(court, "Upheld").withArgs(claimId, operator, TERMS.demandBond, 0n);
      expect(await court.creditOf(SINK)).to.equal(0n);
    });
  });

  describe("resolve", () => {
    describe("given a committed trace that nobody refuted", () => {
      it("reverts until the end is over", async () => {
        const { court, claimId } = await stageAt("traced");
        const { end } = await court.disputeOf(claimId);
        await time.setNextBlockTimestamp(end);
        await expect(court.resolve(claimId)).to.be.revertedWithCustomError(court, "CourtTooEarly").withArgs(end, end);
      });

      it("then upholds: the challenger's bond less the burn, and all bonds of demands and accusations, are the operator's", async () => {
        const { court, claimId, requestId, market, operator, watcher, stranger } = await stageAt("traced");
        await court.connect(watcher).demandTrace(claimId, [
          { level: 0, index: 0 },
          { level: 0, index: 16 },
        ]);
        await court.answer(
          claimId,
          [0, 16].map((index) => answerOf(HONEST, TRACE_TREE, { level: 0, index })),
        );
        await court.connect(watcher).accuse(claimId, id("mistaken"));
        await time.increaseTo((await court.disputeOf(claimId)).end + 1n);
        const move = court.connect(stranger).resolve(claimId);
        // A quarter of 1,001 burns, rounded up.
        const [burned, paid] = [251n, 750n + 20n + TERMS.accusationBond];
        await expect(move).to.emit(court, "Upheld").withArgs(claimId, operator, paid, burned);
        await expect(move).to.emit(market, "StageUpheld").withArgs(requestId, claimId);
        expect(await court.creditOf(operator)).to.equal(paid);
        expect(await court.creditOf(SINK)).to.equal(burned);
        expect((await court.disputeOf(claimId)).status).to.equal(STATUS.upheld);
      });

      it("pays when the market has given up", async () => {
        const { court, claimId, requestId, market, operator } = await stageAt("traced");
        await market.giveUp(requestId);
        await time.increaseTo((await court.disputeOf(claimId)).end + 1n);
        await expect(court.resolve(claimId)).to.not.emit(market, "StageUpheld");
        expect(await court.creditOf(operator)).to.equal(750n);
      });
    });

    describe("given an unanswered demand", () => {
      it("reverts: the default is due", async () => {
        const { court, claimId, watcher } = await stageAt("traced");
        await court.connect(watcher).demandTrace(claimId, [{ level: 0, index: 0 }]);
        await time.increaseTo((await court.disputeOf(claimId)).end + 1n);
        await expect(court.resolve(claimId)).to.be.revertedWithCustomError(court, "CourtDemandsOpen").withArgs(1n);
      });
    });

    describe("given no trace", () => {
      it("reverts", async () => {
        const { court, claimId } = await stageAt("challenged");
        await expect(court.resolve(claimId))
          .to.be.revertedWithCustomError(court, "CourtStatus")
          .withArgs(STATUS.challenged, STATUS.traceCommitted);
      });
    });
  });
});
