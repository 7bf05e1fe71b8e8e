import { expect } from "chai";
import { id, keccak256, AbiCoder, ZeroAddress, ZeroHash } from "ethers";

import { rootsTree } from "../../runner/commitment/model.ts";
import { elementBits, setElementBits } from "../../runner/machine/tensor.ts";
import {
  answerOf,
  LEVEL_BYTES,
  commitmentOf,
  ethers,
  executionOf,
  FORGED,
  HONEST,
  HOUR,
  kernelAt,
  kernelOpening,
  MANIFEST,
  networkHelpers,
  openingOf,
  outputOf,
  requestOf,
  RICH,
  runToy,
  SINK,
  stageAt,
  TERMS,
  toyState,
  toySum,
  Trace,
  TRACE_TREE,
  WINDOW,
  WRONG,
} from "./support/court.ts";

const STATUS = { none: 0n, challenged: 1n, traceCommitted: 2n, upheld: 3n, convicted: 4n } as const;
const { time } = networkHelpers;
const timeOf = async (): Promise<bigint> => BigInt(await time.latest());
const PROGRESS = "tuple(uint64 position, uint64[] accumulators)";
const stateHash = (progress: object): string => keccak256(AbiCoder.defaultAbiCoder().encode([PROGRESS], [progress]));

/** Any other hash. */
const other = (hash: string): string => keccak256(hash);

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
      for (const [what, change] of Object.entries({
        "a trace window below a minute": { traceWindow: 59 },
        "a demand window below four answer windows": { demandWindow: 8 * HOUR - 1 },
        "an answer window below a minute": { answerWindow: 59 },
        "a proof margin below a minute": { proofMargin: 59 },
        "windows that outlast the market": { demandWindow: 9 * 24 * HOUR },
        "no challenge bond": { challengeBond: 0 },
        "no demand bond": { demandBond: 0 },
        "a burn above the bond": { burnBps: 10_001 },
      })) {
        it(`refuses ${what}`, async () => {
          const { court } = await stageAt("open");
          await expect(court.addTerms({ ...TERMS, ...change })).to.be.revertedWithCustomError(
            court,
            "CourtTermsOutside",
          );
        });
      }

      it("takes windows that leave exactly a day of the market's longest dispute, and none longer", async () => {
        const { court } = await stageAt("open");
        const rest = TERMS.traceWindow + TERMS.answerWindow + TERMS.proofMargin;
        const demandWindow = 9 * 24 * HOUR - rest;
        await expect(court.addTerms({ ...TERMS, demandWindow: demandWindow + 1 })).to.be.revertedWithCustomError(
          court,
          "CourtTermsOutside",
        );
        await court.addTerms({ ...TERMS, demandWindow });
      });

      it("adds them for later disputes and leaves open ones as they are", async () => {
        const { court, claimId, challenger, token, market, operator, trace } = await stageAt("challenged");
        const dearer = { ...TERMS, challengeBond: 5_000n };
        await expect(court.addTerms(dearer)).to.emit(court, "TermsAdded");
        expect(await court.currentTermsId()).to.equal(1n);
        expect((await court.termsOf(0n)).challengeBond).to.equal(TERMS.challengeBond);
        expect((await court.termsOf(1n)).challengeBond).to.equal(5_000n);
        expect((await court.disputeOf(claimId)).termsId).to.equal(0n);

        const request = requestOf(2);
        const windowEnd = (await time.latest()) + WINDOW;
        await market.claim(request, operator, rootsTree(trace.outputRoots).root, windowEnd);
        const requestId = await market.idOf(request);
        const second = await market.claimOf(requestId);
        const challenge = court.connect(challenger).challenge(requestId, second.claimId);
        await expect(challenge).to.changeTokenBalances(ethers, token, [challenger, court], [-5_000n, 5_000n]);
      });
    });
  });

  describe("challenge", () => {
    describe("given an open window", () => {
      it("records the dispute, takes the bond and freezes finality", async () => {
        const { court, challenger, operator, token, market, requestId, claimId, windowEnd } = await stageAt("open");
        const move = court.connect(challenger).challenge(requestId, claimId);
        await expect(move).to.changeTokenBalances(
          ethers,
          token,
          [challenger, court],
          [-TERMS.challengeBond, TERMS.challengeBond],
        );
        const now = await timeOf();
        await expect(move)
          .to.emit(court, "Challenged")
          .withArgs(claimId, requestId, challenger, operator, 0n, now + BigInt(TERMS.traceWindow));
        const dispute = await court.disputeOf(claimId);
        expect(dispute.status).to.equal(STATUS.challenged);
        expect(dispute.challenger).to.equal(challenger.address);
        expect(dispute.operator).to.equal(operator.address);
        expect(dispute.requestId).to.equal(requestId);
        expect(dispute.challengeableUntil).to.equal(BigInt(windowEnd));
        expect(dispute.end).to.equal(0n);
        expect((await market.claimOf(requestId)).status).to.equal(5n);
      });

      it("reverts for another claim of the request", async () => {
        const { court, challenger, marketErrors, requestId, claimId } = await stageAt("open");
        await expect(court.connect(challenger).challenge(requestId, other(claimId)))
          .to.be.revertedWithCustomError(marketErrors, "MarketClaimMismatch")
          .withArgs(claimId, other(claimId));
      });

      it("reverts when the token keeps a fee", async () => {
        const { court, challenger, token, requestId, claimId } = await stageAt("open");
        await token.setFee(100n);
        await expect(court.connect(challenger).challenge(requestId, claimId))
          .to.be.revertedWithCustomError(court, "CourtBondShort")
          .withArgs(991n, 1001n);
      });
    });

    describe("given the window is over", () => {
      it("reverts with the market's error", async () => {
        const { court, challenger, marketErrors, requestId, claimId, windowEnd } = await stageAt("open");
        await time.increaseTo(windowEnd + 1);
        await expect(court.connect(challenger).challenge(requestId, claimId)).to.be.revertedWithCustomError(
          marketErrors,
          "MarketDeadlinePassed",
        );
      });
    });

    describe("given the claim is in dispute", () => {
      it("reverts: a second challenger would add nothing but delay", async () => {
        const { court, watcher, requestId, claimId } = await stageAt("challenged");
        await expect(court.connect(watcher).challenge(requestId, claimId))
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
        nonce?: number;
        root?: string;
        roots?: string[];
        siblings?: string[][];
      } = {},
    ) =>
      court
        .connect(operator)
        .commitTrace(
          claimId,
          { ...request, nonce: change.nonce ?? request.nonce },
          change.manifest ?? MANIFEST,
          change.root ?? HONEST.root,
          change.roots ?? HONEST.outputRoots,
          change.siblings ?? HONEST.outputSiblings,
          "ipfs://trace",
        );

    describe("given a challenge", () => {
      it("records what the trace is judged against and fixes the end", async () => {
        const stage = await stageAt("challenged");
        const { court, claimId, request, windowEnd } = stage;
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
          request.inputRoot,
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
        await court.connect(challenger).challenge(requestId, claimId);
        await court
          .connect(operator)
          .commitTrace(claimId, request, MANIFEST, trace.root, trace.outputRoots, trace.outputSiblings, "");
        const { demandUntil, end } = await court.disputeOf(claimId);
        expect(demandUntil).to.equal(BigInt(windowEnd + TERMS.demandWindow));
        expect(end).to.equal(demandUntil + BigInt(TERMS.answerWindow + TERMS.proofMargin));
      });

      it("counts the demand window from the trace when the claim's own window is over by then", async () => {
        const stage = await stageAt("open");
        const { court, challenger, requestId, claimId, windowEnd } = stage;
        await time.setNextBlockTimestamp(windowEnd - 2);
        await court.connect(challenger).challenge(requestId, claimId);
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
        await expect(commit(again)).to.emit(again.court, "TraceCommitted");
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

      it("reverts for another request", async () => {
        const stage = await stageAt("challenged");
        await expect(commit(stage, { nonce: 9 }))
          .to.be.revertedWithCustomError(stage.court, "CourtRequestMismatch")
          .withArgs(await stage.market.idOf(requestOf(9)), stage.requestId);
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
        await expect(commit(stage, { root: WRONG.root })).to.be.revertedWithCustomError(
          stage.court,
          "CourtTraceMismatch",
        );
        await expect(commit(stage, { siblings: [...HONEST.outputSiblings].reverse() })).to.be.revertedWithCustomError(
          stage.court,
          "TreeSiblingCount",
        );
        await expect(
          commit(stage, { siblings: HONEST.outputSiblings.map((row) => row.slice(1)) }),
        ).to.be.revertedWithCustomError(stage.court, "TreeSiblingCount");
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
        await expect(move).to.emit(court, "Credited").withArgs(claimId, challenger, TERMS.challengeBond);
        await expect(move).to.emit(market, "StageConvicted").withArgs(requestId, claimId, challenger);
        expect((await court.disputeOf(claimId)).status).to.equal(STATUS.convicted);
        expect(await court.creditOf(challenger)).to.equal(TERMS.challengeBond);
      });

      it("reverts for another request", async () => {
        const { court, claimId } = await stageAt("challenged");
        await time.increase(TERMS.traceWindow + 1);
        await expect(court.convictWithoutTrace(claimId, requestOf(9))).to.be.revertedWithCustomError(
          court,
          "CourtRequestMismatch",
        );
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

  describe("resolve", () => {
    describe("given a committed trace that nobody refuted", () => {
      it("reverts until the end is over", async () => {
        const { court, claimId } = await stageAt("traced");
        const { end } = await court.disputeOf(claimId);
        await time.setNextBlockTimestamp(end);
        await expect(court.resolve(claimId)).to.be.revertedWithCustomError(court, "CourtTooEarly").withArgs(end, end);
      });

      it("then upholds: the challenger's bond less the burn and all demand bonds are the operator's", async () => {
        const { court, claimId, requestId, market, operator, watcher, stranger } = await stageAt("traced");
        await court.connect(watcher).demandTrace(claimId, [
          { level: 0, index: 0 },
          { level: 0, index: 16 },
        ]);
        await court.answer(
          claimId,
          [0, 16].map((index) => answerOf(HONEST, TRACE_TREE, { level: 0, index })),
        );
        await time.increaseTo((await court.disputeOf(claimId)).end + 1n);
        const move = court.connect(stranger).resolve(claimId);
        // A quarter of 1,001 burns, rounded up.
        const [burned, paid] = [251n, 750n + 20n];
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

  describe("accuse", () => {
    const commitment = id("commitment");

    it("stores the block of the first commitment", async () => {
      const { court, claimId } = await stageAt("traced");
      await expect(court.accuse(claimId, commitment)).to.emit(court, "Accused").withArgs(claimId, commitment);
      const block = BigInt(await time.latestBlock());
      expect(await court.accusedIn(commitment)).to.equal(block);
      await expect(court.accuse(claimId, commitment))
        .to.be.revertedWithCustomError(court, "CourtAccusationKnown")
        .withArgs(commitment);
    });

    it("reverts before a trace is committed", async () => {
      const { court, claimId } = await stageAt("challenged");
      await expect(court.accuse(claimId, commitment))
        .to.be.revertedWithCustomError(court, "CourtStatus")
        .withArgs(STATUS.challenged, STATUS.traceCommitted);
    });

    it("reverts after the end", async () => {
      const { court, claimId } = await stageAt("traced");
      const { end } = await court.disputeOf(claimId);
      await time.setNextBlockTimestamp(end + 1n);
      await expect(court.accuse(claimId, commitment))
        .to.be.revertedWithCustomError(court, "CourtTooLate")
        .withArgs(end + 1n, end);
    });
  });

  describe("proveFraud", () => {
    describe("given a trace with one wrong bit", () => {
      it("convicts, whoever sends the proof, and rewards the accuser", async () => {
        const { court, market, stranger, watcher, challenger, claimId, requestId, request, ...proof } =
          await stageAt("accused");
        const { accusation, execution, output } = proof;
        const move = court.connect(stranger).proveFraud(claimId, request, accusation, execution, output);
        const executed = elementBits(HONEST.tensor(FORGED.kernel), FORGED.element);
        await expect(move)
          .to.emit(court, "FraudProven")
          .withArgs(claimId, FORGED.kernel, FORGED.element, executed ^ 4n, executed);
        await expect(move).to.emit(court, "Convicted").withArgs(claimId, watcher);
        await expect(move).to.emit(market, "StageConvicted").withArgs(requestId, claimId, watcher);
        expect(await court.creditOf(challenger)).to.equal(TERMS.challengeBond);
        expect((await court.disputeOf(claimId)).status).to.equal(STATUS.convicted);
        await expect(court.proveFraud(claimId, request, accusation, execution, output))
          .to.be.revertedWithCustomError(court, "CourtStatus")
          .withArgs(STATUS.convicted, STATUS.traceCommitted);
      });

      it("is in time at the end and late one second after", async () => {
        const { court, claimId, request, accusation, execution, output } = await stageAt("accused");
        const { end } = await court.disputeOf(claimId);
        await time.setNextBlockTimestamp(end + 1n);
        await expect(court.proveFraud(claimId, request, accusation, execution, output))
          .to.be.revertedWithCustomError(court, "CourtTooLate")
          .withArgs(end + 1n, end);
        const again = await stageAt("accused");
        await time.setNextBlockTimestamp(end);
        await expect(again.court.proveFraud(claimId, request, accusation, execution, output)).to.emit(
          again.court,
          "Convicted",
        );
      });

      it("reverts in the block of the accusation: a copy from the mempool comes too late", async () => {
        const { court, claimId, request, execution, output, stranger, market: _market } = await stageAt("accused");
        const thief = { accuser: stranger.address, salt: id("thief") };
        const commitment = commitmentOf(claimId, FORGED.kernel, FORGED.element, thief);
        const provider = ethers.provider;
        await provider.send("evm_setAutomine", [false]);
        try {
          const first = await court.accuse(claimId, commitment, { gasLimit: 200_000 });
          const second = await court
            .connect(stranger)
            .proveFraud(claimId, request, thief, execution, output, { gasLimit: 5_000_000 });
          await provider.send("evm_mine", []);
          expect((await provider.getTransactionReceipt(first.hash))?.status).to.equal(1);
          expect((await provider.getTransactionReceipt(second.hash))?.status).to.equal(0);
        } finally {
          await provider.send("evm_setAutomine", [true]);
        }
        const block = await court.accusedIn(commitment);
        await expect(
          court.proveFraud.staticCall(claimId, request, thief, execution, output, { blockTag: Number(block) }),
        )
          .to.be.revertedWithCustomError(court, "CourtAccusationTooRecent")
          .withArgs(block, block);
      });

      it("reverts for an accusation that was not committed, in every field", async () => {
        const { court, claimId, request, accusation, execution, output, stranger } = await stageAt("accused");
        for (const wrong of [
          { ...accusation, accuser: stranger.address },
          { ...accusation, salt: other(accusation.salt) },
        ]) {
          await expect(court.proveFraud(claimId, request, wrong, execution, output))
            .to.be.revertedWithCustomError(court, "CourtAccusationUnknown")
            .withArgs(commitmentOf(claimId, FORGED.kernel, FORGED.element, wrong));
        }
        await expect(
          court.proveFraud(claimId, request, accusation, { ...execution, element: 601 }, output),
        ).to.be.revertedWithCustomError(court, "CourtAccusationUnknown");
      });

      it("reverts for another claim", async () => {
        const { court, claimId, request, accusation, execution, output } = await stageAt("accused");
        await expect(court.proveFraud(other(claimId), request, accusation, execution, output))
          .to.be.revertedWithCustomError(court, "CourtStatus")
          .withArgs(STATUS.none, STATUS.traceCommitted);
      });

      it("reverts for another request", async () => {
        const { court, claimId, accusation, execution, output } = await stageAt("accused");
        await expect(
          court.proveFraud(claimId, requestOf(9), accusation, execution, output),
        ).to.be.revertedWithCustomError(court, "CourtRequestMismatch");
      });

      describe("when any field of the proof is tampered with", () => {
        type Proof = Awaited<ReturnType<typeof stageAt<"accused">>>;
        type Parts = Pick<Proof, "execution" | "output">;
        const replaceAt = <T>(row: readonly T[], at: number, value: T): T[] =>
          row.map((x, i) => (i === at ? value : x));
        const flip = (hex: string, byte: number): string => {
          const at = 2 + 2 * byte;
          const digit = (Number.parseInt(hex[at] ?? "0", 16) ^ 1).toString(16);
          return hex.slice(0, at) + digit + hex.slice(at + 1);
        };
        const execute = (change: (execution: Proof["execution"]) => Partial<Proof["execution"]>) => (proof: Parts) => ({
          ...proof,
          execution: { ...proof.execution, ...change(proof.execution) },
        });
        const kernel = (change: (kernel: Proof["execution"]["kernel"]) => Partial<Proof["execution"]["kernel"]>) =>
          execute(({ kernel }) => ({ kernel: { ...kernel, ...change(kernel) } }));
        const segment = (
          operand: number,
          change: (segment: Proof["output"]["leaves"]) => Partial<Proof["output"]["leaves"]>,
        ) =>
          execute(({ witness }) => {
            const [first] = witness[operand] ?? [];
            if (first === undefined) throw new Error("no segment");
            return { witness: replaceAt(witness, operand, [{ ...first, ...change(first) }]) };
          });
        const operand = (at: number, change: (siblings: readonly string[]) => string[]) =>
          execute(({ operandSiblings }) => ({
            operandSiblings: operandSiblings.map((row, i) => (i === at ? change(row) : row)) as `0x${string}`[][],
          }));
        const output = (change: (output: Proof["output"]) => Partial<Proof["output"]>) => (proof: Parts) => ({
          ...proof,
          output: { ...proof.output, ...change(proof.output) },
        });
        const leaves = (change: (leaves: Proof["output"]["leaves"]) => Partial<Proof["output"]["leaves"]>) =>
          output(({ leaves }) => ({ leaves: { ...leaves, ...change(leaves) } }));
        const wrongFirst = (row: readonly string[]) => replaceAt(row, 0, other(row[0] ?? "")) as `0x${string}`[];

        const cases: Record<string, readonly [(proof: Parts) => Parts, string]> = {
          "the kernel's bytes": [kernel(({ encoded }) => ({ encoded: flip(encoded, 100) })), "CourtKernelMismatch"],
          "the kernel's siblings": [
            kernel(({ siblings }) => ({ siblings: wrongFirst(siblings) })),
            "CourtKernelMismatch",
          ],
          "the kernel's proof, one too short": [
            kernel(({ siblings }) => ({ siblings: siblings.slice(1) })),
            "TreeSiblingCount",
          ],
          "the kernel's proof, one too long": [
            kernel(({ siblings }) => ({ siblings: [...siblings, ...siblings.slice(0, 1)] })),
            "TreeSiblingCount",
          ],
          "the kernel's index": [kernel(() => ({ index: 2 })), "CourtAccusationUnknown"],
          "another kernel whole": [execute(() => ({ kernel: kernelOpening(0) })), "CourtAccusationUnknown"],
          "the progress' position": [
            execute(() => ({ progress: { position: 1, accumulators: [] } })),
            "CourtReplayUnknown",
          ],
          "the progress' accumulators": [
            execute(() => ({ progress: { position: 0, accumulators: [7n] } })),
            "CourtReplayUnknown",
          ],
          "an operand from the trace": [segment(0, ({ data }) => ({ data: flip(data, 0) })), "CourtOperandMismatch"],
          "an operand from the weights": [segment(1, ({ data }) => ({ data: flip(data, 1) })), "CourtOperandMismatch"],
          "an operand from the input": [segment(2, ({ data }) => ({ data: flip(data, 2) })), "CourtOperandMismatch"],
          "an operand's leaf": [segment(0, () => ({ firstLeaf: 1 })), "CourtOperandMismatch"],
          "an operand's leaf, beyond the tensor": [segment(0, () => ({ firstLeaf: 20 })), "TreeRangeOutside"],
          "an operand's siblings": [
            segment(0, ({ siblings }) => ({ siblings: wrongFirst(siblings) })),
            "CourtOperandMismatch",
          ],
          "an operand's proof in the trace": [operand(0, wrongFirst), "CourtOperandMismatch"],
          "an operand's proof in the weights": [operand(1, wrongFirst), "CourtOperandMismatch"],
          "an operand's proof in the input": [operand(2, () => [id("extra")]), "TreeSiblingCount"],
          "the number of operand proofs": [
            execute(({ operandSiblings }) => ({ operandSiblings: operandSiblings.slice(1) })),
            "CourtOperandCount",
          ],
          "the output's bytes": [leaves(({ data }) => ({ data: flip(data, 0) })), "CourtTraceMismatch"],
          "the output's bytes, one less": [leaves(({ data }) => ({ data: data.slice(0, -2) })), "TreeTensorBytes"],
          "the output's leaf": [leaves(() => ({ firstLeaf: 0 })), "TreeTensorBytes"],
          "the output's siblings": [
            leaves(({ siblings }) => ({ siblings: wrongFirst(siblings) })),
            "CourtTraceMismatch",
          ],
          "the output's proof in the trace": [
            output(({ siblings }) => ({ siblings: wrongFirst(siblings) })),
            "CourtTraceMismatch",
          ],
          "the output, a leaf without the element": [
            () => ({ execution: executionOf(WRONG, 1, 600), output: outputOf(WRONG, 1, 0) }),
            "CourtElementOutside",
          ],
          "the output, another kernel's": [
            () => ({ execution: executionOf(WRONG, 1, 600), output: outputOf(WRONG, 0, 1) }),
            "TreeTensorBytes",
          ],
          "the honest output": [
            () => ({ execution: executionOf(WRONG, 1, 600), output: outputOf(HONEST, 1, 1) }),
            "CourtTraceMismatch",
          ],
        };
        for (const [what, [tamper, error]] of Object.entries(cases)) {
          it(`${error}: ${what}`, async () => {
            const { court, claimId, request, accusation, execution, output } = await stageAt("accused");
            const wrong = tamper({ execution, output });
            await expect(
              court.proveFraud(claimId, request, accusation, wrong.execution, wrong.output),
            ).to.be.revertedWithCustomError(court, error);
            // The good one still convicts.
            await expect(court.proveFraud(claimId, request, accusation, execution, output)).to.emit(court, "Convicted");
          });
        }

        it("reverts for an accused kernel at another index of the program, or beyond it", async () => {
          const { court, claimId, request, accusation, execution, output } = await stageAt("accused");
          for (const [index, error] of [
            [0, "CourtKernelMismatch"],
            [18, "TreeRangeOutside"],
          ] as const) {
            await court.accuse(claimId, commitmentOf(claimId, index, FORGED.element, accusation));
            const wrong = { ...execution, kernel: { ...execution.kernel, index } };
            await expect(court.proveFraud(claimId, request, accusation, wrong, output)).to.be.revertedWithCustomError(
              court,
              error,
            );
          }
        });

        it("passes over an operand that the witness does not cover", async () => {
          const { court, claimId, request, accusation, execution, output } = await stageAt("accused");
          const wrong = { ...execution, witness: replaceAt(execution.witness, 2, []) };
          // The toy machine reads nothing then; the real one refuses a read outside its witness.
          await expect(court.proveFraud(claimId, request, accusation, wrong, output)).to.emit(court, "Convicted");
        });
      });
    });

    describe("given an honest trace", () => {
      it("reverts with the bits that both sides have", async () => {
        const { court, claimId, request, accusation, execution, output } = await stageAt("accusedHonest");
        await expect(court.proveFraud(claimId, request, accusation, execution, output))
          .to.be.revertedWithCustomError(court, "CourtNoFraud")
          .withArgs(elementBits(HONEST.tensor(FORGED.kernel), FORGED.element));
      });
    });

    describe("given a malformed program", () => {
      const accuse = async (kernel: number) => {
        const stage = await stageAt("traced");
        const accusation = { accuser: stage.watcher.address, salt: id("salt") };
        await stage.court.accuse(stage.claimId, commitmentOf(stage.claimId, kernel, 0, accusation));
        return { ...stage, accusation };
      };
      const byHand = (kernel: number) => ({
        kernel: kernelOpening(kernel),
        element: 0,
        progress: { position: 0, accumulators: [] },
        witness: [[outputOf(HONEST, 3, 0).leaves]],
        operandSiblings: [HONEST.tree.prove(3)],
      });

      it("reverts for an operand that is not an earlier kernel's", async () => {
        const { court, claimId, request, accusation } = await accuse(3);
        await expect(court.proveFraud(claimId, request, accusation, byHand(3), outputOf(HONEST, 3, 0)))
          .to.be.revertedWithCustomError(court, "CourtOperandLater")
          .withArgs(0n, 3n, 3n);
      });

      it("reverts for an operand of an unknown space", async () => {
        const { court, claimId, request, accusation } = await accuse(4);
        await expect(court.proveFraud(claimId, request, accusation, byHand(4), outputOf(HONEST, 4, 0)))
          .to.be.revertedWithCustomError(court, "CourtOperandSpace")
          .withArgs(0n, 3n);
      });

      it("reverts for a machine that does not finish", async () => {
        const { court, claimId, request, accusation } = await accuse(5);
        const endless = { ...byHand(5), witness: [], operandSiblings: [] };
        await expect(court.proveFraud(claimId, request, accusation, endless, outputOf(HONEST, 5, 0)))
          .to.be.revertedWithCustomError(court, "CourtReplayUnfinished")
          .withArgs(1n);
      });
    });
  });

  describe("replay", () => {
    const { kernel, element } = FORGED;
    const sum = toySum(kernelAt(kernel), WRONG.outputs);
    const at = (steps: number) => toyState(sum, steps);

    describe("given an accusation", () => {
      it("stores the state of each part, and the last part convicts", async () => {
        const { court, claimId, request, accusation, execution, output, stranger, watcher } = await stageAt("accused");
        const move = court.replay(claimId, accusation, execution, 4n);
        await expect(move).to.emit(court, "Replayed").withArgs(claimId, kernel, element, 4n, at(4).accumulators);
        expect(await court.replayOf(claimId, kernel, element, 4n)).to.equal(stateHash(at(4)));
        const second = executionOf(WRONG, kernel, element, at(4));
        // Anyone continues, with an accusation of its own or the first one's.
        await court.connect(stranger).replay(claimId, accusation, second, 3n);
        expect(await court.replayOf(claimId, kernel, element, 7n)).to.equal(stateHash(at(7)));
        const last = executionOf(WRONG, kernel, element, at(7));
        await expect(court.proveFraud(claimId, request, accusation, last, output))
          .to.emit(court, "Convicted")
          .withArgs(claimId, watcher);
      });

      it("rewards who accused first, though another finishes", async () => {
        const { court, claimId, request, accusation, execution, output, stranger, watcher } = await stageAt("accused");
        await court.replay(claimId, accusation, execution, 4n);
        const thief = { accuser: stranger.address, salt: id("thief") };
        await court.accuse(claimId, commitmentOf(claimId, kernel, element, thief));
        await court.connect(stranger).replay(claimId, thief, executionOf(WRONG, kernel, element, at(4)), 1n);
        const last = executionOf(WRONG, kernel, element, at(5));
        await expect(court.connect(stranger).proveFraud(claimId, request, thief, last, output))
          .to.emit(court, "Convicted")
          .withArgs(claimId, watcher);
      });

      it("rewards the older accusation, though a younger one began", async () => {
        const { court, claimId, request, accusation, execution, output, stranger, watcher } = await stageAt("accused");
        const younger = { accuser: stranger.address, salt: id("younger") };
        await court.accuse(claimId, commitmentOf(claimId, kernel, element, younger));
        await court.connect(stranger).replay(claimId, younger, execution, 4n);
        const last = executionOf(WRONG, kernel, element, at(4));
        await expect(court.proveFraud(claimId, request, accusation, last, output))
          .to.emit(court, "Convicted")
          .withArgs(claimId, watcher);
      });

      it("reverts when the element is finished: proveFraud is due", async () => {
        const { court, claimId, accusation, execution } = await stageAt("accused");
        await expect(court.replay(claimId, accusation, execution, 9n)).to.be.revertedWithCustomError(
          court,
          "CourtReplayFinished",
        );
      });

      it("reverts for a state that was not reached", async () => {
        const { court, claimId, accusation, execution } = await stageAt("accused");
        await court.replay(claimId, accusation, execution, 4n);
        const forged = { position: 4, accumulators: [1n] };
        await expect(court.replay(claimId, accusation, executionOf(WRONG, kernel, element, forged), 1n))
          .to.be.revertedWithCustomError(court, "CourtReplayUnknown")
          .withArgs(stateHash(forged), stateHash(at(4)));
        const elsewhere = { ...at(4), position: 5 };
        await expect(court.replay(claimId, accusation, executionOf(WRONG, kernel, element, elsewhere), 1n))
          .to.be.revertedWithCustomError(court, "CourtReplayUnknown")
          .withArgs(stateHash(elsewhere), ZeroHash);
      });

      it("reverts for a state of another element, another kernel or another claim", async () => {
        const stage = await stageAt("accused");
        const { court, market, challenger, operator, trace } = stage;
        await court.replay(stage.claimId, stage.accusation, stage.execution, 4n);

        const request = requestOf(7);
        await market.claim(request, operator, rootsTree(trace.outputRoots).root, (await time.latest()) + WINDOW);
        const requestId = await market.idOf(request);
        const { claimId } = await market.claimOf(requestId);
        await court.connect(challenger).challenge(requestId, claimId);
        await court
          .connect(operator)
          .commitTrace(claimId, request, MANIFEST, trace.root, trace.outputRoots, trace.outputSiblings, "");
        for (const [claim, otherKernel, otherElement] of [
          [stage.claimId, kernel, element - 1],
          [stage.claimId, 0, element],
          [claimId, kernel, element],
        ] as const) {
          const accusation = { accuser: stage.watcher.address, salt: id("elsewhere") };
          await court.accuse(claim, commitmentOf(claim, otherKernel, otherElement, accusation));
          const execution = executionOf(WRONG, otherKernel, otherElement, at(4));
          await expect(court.replay(claim, accusation, execution, 1n))
            .to.be.revertedWithCustomError(court, "CourtReplayUnknown")
            .withArgs(stateHash(at(4)), ZeroHash);
        }
      });

      it("reverts for operands that are not the claim's, so that no state is false", async () => {
        const { court, claimId, accusation, execution } = await stageAt("accused");
        const [, constants, input] = execution.witness;
        const otherData = executionOf(
          new Trace(
            runToy((_, output) => {
              setElementBits(output, 0, 1n);
            }).outputs,
          ),
          1,
          600,
        );
        const wrong = { ...execution, witness: [otherData.witness[0] ?? [], constants ?? [], input ?? []] };
        await expect(court.replay(claimId, accusation, wrong, 1n)).to.be.revertedWithCustomError(
          court,
          "CourtOperandMismatch",
        );
      });

      it("reverts after the end", async () => {
        const { court, claimId, accusation, execution } = await stageAt("accused");
        const { end } = await court.disputeOf(claimId);
        await time.setNextBlockTimestamp(end + 1n);
        await expect(court.replay(claimId, accusation, execution, 1n))
          .to.be.revertedWithCustomError(court, "CourtTooLate")
          .withArgs(end + 1n, end);
      });
    });

    describe("given no accusation", () => {
      it("reverts", async () => {
        const { court, claimId, watcher } = await stageAt("traced");
        const accusation = { accuser: watcher.address, salt: ZeroHash };
        await expect(
          court.replay(claimId, accusation, executionOf(HONEST, kernel, element), 1n),
        ).to.be.revertedWithCustomError(court, "CourtAccusationUnknown");
      });
    });

    describe("given no trace", () => {
      it("reverts", async () => {
        const { court, claimId, watcher } = await stageAt("challenged");
        const accusation = { accuser: watcher.address, salt: ZeroHash };
        await expect(court.replay(claimId, accusation, executionOf(HONEST, kernel, element), 1n))
          .to.be.revertedWithCustomError(court, "CourtStatus")
          .withArgs(STATUS.challenged, STATUS.traceCommitted);
      });
    });
  });

  describe("demandTrace", () => {
    const places = [
      { level: 0, index: 0 },
      { level: 0, index: 16 },
    ];

    describe("given a committed trace", () => {
      it("records each place, takes a bond for each and gives each its deadline", async () => {
        const { court, token, watcher, claimId } = await stageAt("traced");
        const move = court.connect(watcher).demandTrace(claimId, places);
        await expect(move).to.changeTokenBalances(ethers, token, [watcher, court], [-20n, 20n]);
        await expect(move).to.emit(court, "Demanded");
        const until = (await timeOf()) + BigInt(TERMS.answerWindow);
        for (const place of places) {
          const demand = await court.demandOf(claimId, openingOf(TRACE_TREE, place));
          expect([...demand]).to.deep.equal([watcher.address, until, false]);
        }
        const dispute = await court.disputeOf(claimId);
        expect([dispute.demands, dispute.openDemands]).to.deep.equal([2n, 2n]);
      });

      it("passes over places demanded before, so that nobody blocks a batch", async () => {
        const { court, token, watcher, stranger, claimId } = await stageAt("traced");
        await court.connect(stranger).demandTrace(claimId, places.slice(1));
        const move = court.connect(watcher).demandTrace(claimId, places);
        await expect(move).to.changeTokenBalance(ethers, token, watcher, -10n);
        expect((await court.demandOf(claimId, openingOf(TRACE_TREE, { level: 0, index: 16 }))).demander).to.equal(
          stranger.address,
        );
        await expect(court.connect(watcher).demandTrace(claimId, places)).to.changeTokenBalance(
          ethers,
          token,
          watcher,
          0n,
        );
        expect((await court.disputeOf(claimId)).demands).to.equal(2n);
      });

      for (const [what, place] of Object.entries({
        "inside a run": { level: 0, index: 1 },
        "beyond a level": { level: 0, index: 32 },
        "beyond an upper level": { level: 1, index: 16 },
        "above the root": { level: 6, index: 0 },
        "at a level that no tree has": { level: 33, index: 0 },
        "for bytes": { level: LEVEL_BYTES, index: 0 },
      })) {
        it(`reverts for a place ${what}`, async () => {
          const { court, watcher, claimId } = await stageAt("traced");
          await expect(court.connect(watcher).demandTrace(claimId, [place]))
            .to.be.revertedWithCustomError(court, "CourtPlaceOutside")
            .withArgs(place.level, place.index);
        });
      }

      it("is in time at the last second and late one after", async () => {
        const { court, watcher, claimId } = await stageAt("traced");
        const { demandUntil } = await court.disputeOf(claimId);
        await time.setNextBlockTimestamp(demandUntil);
        await court.connect(watcher).demandTrace(claimId, places.slice(0, 1));
        await time.setNextBlockTimestamp(demandUntil + 1n);
        await expect(court.connect(watcher).demandTrace(claimId, places))
          .to.be.revertedWithCustomError(court, "CourtTooLate")
          .withArgs(demandUntil + 1n, demandUntil);
      });
    });

    describe("given no trace", () => {
      it("reverts", async () => {
        const { court, watcher, claimId } = await stageAt("challenged");
        await expect(court.connect(watcher).demandTrace(claimId, places))
          .to.be.revertedWithCustomError(court, "CourtStatus")
          .withArgs(STATUS.challenged, STATUS.traceCommitted);
      });
    });
  });

  describe("demandTensor", () => {
    const places = [
      { level: 0, index: 16 },
      { level: 5, index: 0 },
      { level: LEVEL_BYTES, index: 19 },
    ];

    describe("given a committed trace", () => {
      it("records nodes and leaves of a kernel's output", async () => {
        const { court, token, watcher, claimId } = await stageAt("traced");
        const move = court.connect(watcher).demandTensor(claimId, kernelOpening(0), places);
        await expect(move).to.changeTokenBalance(ethers, token, watcher, -30n);
        for (const place of places) {
          expect((await court.demandOf(claimId, openingOf(0, place))).demander).to.equal(watcher.address);
        }
      });

      it("reverts for a kernel that is not the program's", async () => {
        const { court, watcher, claimId } = await stageAt("traced");
        const kernel = { ...kernelOpening(0), index: 1 };
        await expect(court.connect(watcher).demandTensor(claimId, kernel, places)).to.be.revertedWithCustomError(
          court,
          "CourtKernelMismatch",
        );
      });

      for (const [what, place] of Object.entries({
        "a leaf beyond the tensor": { level: LEVEL_BYTES, index: 20 },
        "nodes beyond the tensor": { level: 0, index: 32 },
        "nodes above the root": { level: 6, index: 0 },
      })) {
        it(`reverts for ${what}`, async () => {
          const { court, watcher, claimId } = await stageAt("traced");
          await expect(court.connect(watcher).demandTensor(claimId, kernelOpening(0), [place]))
            .to.be.revertedWithCustomError(court, "CourtPlaceOutside")
            .withArgs(place.level, place.index);
        });
      }
    });

    describe("given no trace", () => {
      it("reverts", async () => {
        const { court, watcher, claimId } = await stageAt("challenged");
        await expect(court.connect(watcher).demandTensor(claimId, kernelOpening(0), places))
          .to.be.revertedWithCustomError(court, "CourtStatus")
          .withArgs(STATUS.challenged, STATUS.traceCommitted);
      });
    });
  });

  describe("answer", () => {
    const asked = [
      [TRACE_TREE, { level: 0, index: 0 }],
      [TRACE_TREE, { level: 2, index: 0 }],
      [0, { level: 0, index: 16 }],
      [0, { level: 1, index: 0 }],
      [0, { level: LEVEL_BYTES, index: 19 }],
      [1, { level: LEVEL_BYTES, index: 0 }],
    ] as const;

    const demanded = async () => {
      const stage = await stageAt("traced");
      const { court, watcher, claimId } = stage;
      for (const [kernel, place] of asked) {
        if (kernel === TRACE_TREE) await court.connect(watcher).demandTrace(claimId, [place]);
        else await court.connect(watcher).demandTensor(claimId, kernelOpening(kernel), [place]);
      }
      return stage;
    };
    const good = asked.map(([kernel, place]) => answerOf(HONEST, kernel, place));
    const answerAt = (i: number) => good[i] as (typeof good)[number];

    describe("given demands", () => {
      it("accepts what traceRoot commits to, from anybody, and publishes it", async () => {
        const { court, stranger, claimId } = await demanded();
        const move = court.connect(stranger).answer(claimId, good);
        await expect(move).to.emit(court, "Answered");
        expect((await court.disputeOf(claimId)).openDemands).to.equal(0n);
        const [event] = await court.queryFilter(court.filters.Answered(claimId), -1);
        expect(event?.args.answer.nodes).to.deep.equal(answerAt(0).nodes);
        for (const [kernel, place] of asked) {
          expect((await court.demandOf(claimId, openingOf(kernel, place))).answered).to.equal(true);
        }
      });

      it("passes over demands answered before, so that nobody undoes a batch", async () => {
        const { court, stranger, operator, claimId } = await demanded();
        await court.connect(stranger).answer(claimId, good.slice(1, 3));
        await court.connect(operator).answer(claimId, good);
        expect((await court.disputeOf(claimId)).openDemands).to.equal(0n);
      });

      it("is in time at the last second and late one after", async () => {
        const { court, claimId } = await demanded();
        const [kernel, place] = asked[0];
        const { answerUntil } = await court.demandOf(claimId, openingOf(kernel, place));
        await time.setNextBlockTimestamp(answerUntil);
        await court.answer(claimId, [answerAt(0)]);
        const second = (await court.demandOf(claimId, openingOf(TRACE_TREE, asked[1][1]))).answerUntil;
        await time.setNextBlockTimestamp(second + 1n);
        await expect(court.answer(claimId, [answerAt(1)]))
          .to.be.revertedWithCustomError(court, "CourtTooLate")
          .withArgs(second + 1n, second);
      });

      it("reverts for what was not demanded", async () => {
        const { court, claimId } = await demanded();
        await expect(
          court.answer(claimId, [answerOf(HONEST, TRACE_TREE, { level: 0, index: 16 })]),
        ).to.be.revertedWithCustomError(court, "CourtDemandUnknown");
        const forged = { ...answerAt(2), opening: { ...answerAt(2).opening, length: 4999 } };
        await expect(court.answer(claimId, [forged])).to.be.revertedWithCustomError(court, "CourtDemandUnknown");
      });

      it("reverts for another number of nodes", async () => {
        const { court, claimId } = await demanded();
        await expect(court.answer(claimId, [{ ...answerAt(0), nodes: answerAt(0).nodes.slice(1) }]))
          .to.be.revertedWithCustomError(court, "CourtNodeCount")
          .withArgs(15n, 16n);
        await expect(court.answer(claimId, [{ ...answerAt(2), nodes: [] }]))
          .to.be.revertedWithCustomError(court, "CourtNodeCount")
          .withArgs(0n, 4n);
        await expect(court.answer(claimId, [{ ...answerAt(5), data: "0x" }]))
          .to.be.revertedWithCustomError(court, "CourtNodeCount")
          .withArgs(0n, 1n);
      });

      it("reverts for data of another trace", async () => {
        const { court, claimId } = await demanded();
        const changed = runToy((_, output) => {
          setElementBits(output, 0, elementBits(output, 0) + 1n);
        });
        for (const [kernel, place] of [asked[0], asked[2], asked[5]]) {
          await expect(court.answer(claimId, [answerOf(changed, kernel, place)])).to.be.revertedWithCustomError(
            court,
            "CourtTraceMismatch",
          );
        }
      });

      it("reverts for wrong siblings", async () => {
        const { court, claimId } = await demanded();
        for (const i of [0, 2, 4]) {
          const { siblings } = answerAt(i);
          const wrong = { ...answerAt(i), siblings: [other(siblings[0] ?? ""), ...siblings.slice(1)] };
          await expect(court.answer(claimId, [wrong])).to.be.revertedWithCustomError(court, "CourtTraceMismatch");
        }
        const { traceSiblings } = answerAt(2);
        const wrong = { ...answerAt(2), traceSiblings: [other(traceSiblings[0] ?? ""), ...traceSiblings.slice(1)] };
        await expect(court.answer(claimId, [wrong])).to.be.revertedWithCustomError(court, "CourtTraceMismatch");
      });
    });

    describe("given no trace", () => {
      it("reverts", async () => {
        const { court, claimId } = await stageAt("challenged");
        await expect(court.answer(claimId, []))
          .to.be.revertedWithCustomError(court, "CourtStatus")
          .withArgs(STATUS.challenged, STATUS.traceCommitted);
      });
    });
  });

  describe("convictUnanswered and reclaim", () => {
    const place = { level: 0, index: 0 };
    const opening = openingOf(TRACE_TREE, place);
    const demanded = async () => {
      const stage = await stageAt("traced");
      await stage.court.connect(stage.watcher).demandTrace(stage.claimId, [place]);
      return stage;
    };

    describe("given an unanswered demand", () => {
      it("reverts until its time is over", async () => {
        const { court, claimId, request } = await demanded();
        const { answerUntil } = await court.demandOf(claimId, opening);
        await time.setNextBlockTimestamp(answerUntil);
        await expect(court.convictUnanswered(claimId, request, opening))
          .to.be.revertedWithCustomError(court, "CourtTooEarly")
          .withArgs(answerUntil, answerUntil);
      });

      it("then convicts, rewards the demander and returns all bonds", async () => {
        const { court, market, stranger, watcher, challenger, claimId, requestId, request } = await demanded();
        await court.connect(stranger).demandTrace(claimId, [{ level: 0, index: 16 }]);
        await court.answer(claimId, [answerOf(HONEST, TRACE_TREE, { level: 0, index: 16 })]);
        await expect(court.reclaim(claimId, opening))
          .to.be.revertedWithCustomError(court, "CourtStatus")
          .withArgs(STATUS.traceCommitted, STATUS.convicted);
        await time.increase(TERMS.answerWindow + 1);
        const move = court.connect(stranger).convictUnanswered(claimId, request, opening);
        await expect(move).to.emit(court, "Convicted").withArgs(claimId, watcher);
        await expect(move).to.emit(market, "StageConvicted").withArgs(requestId, claimId, watcher);
        expect(await court.creditOf(challenger)).to.equal(TERMS.challengeBond);

        await court.reclaim(claimId, opening);
        await court.reclaim(claimId, openingOf(TRACE_TREE, { level: 0, index: 16 }));
        expect(await court.creditOf(watcher)).to.equal(TERMS.demandBond);
        expect(await court.creditOf(stranger)).to.equal(TERMS.demandBond);
        await expect(court.reclaim(claimId, opening)).to.be.revertedWithCustomError(court, "CourtDemandUnknown");
      });

      it("convicts after the end too: nothing forgives a default", async () => {
        const { court, claimId, request } = await demanded();
        await time.increaseTo((await court.disputeOf(claimId)).end + 1n);
        await expect(court.convictUnanswered(claimId, request, opening)).to.emit(court, "Convicted");
      });
    });

    describe("given an answered demand", () => {
      it("reverts", async () => {
        const { court, claimId, request } = await demanded();
        await court.answer(claimId, [answerOf(HONEST, TRACE_TREE, place)]);
        await time.increase(TERMS.answerWindow + 1);
        await expect(court.convictUnanswered(claimId, request, opening)).to.be.revertedWithCustomError(
          court,
          "CourtDemandAnswered",
        );
      });
    });

    describe("given no such demand", () => {
      it("reverts", async () => {
        const { court, claimId, request } = await stageAt("traced");
        await expect(court.convictUnanswered(claimId, request, opening)).to.be.revertedWithCustomError(
          court,
          "CourtDemandUnknown",
        );
      });
    });
  });

  describe("withdraw", () => {
    const convicted = async () => {
      const stage = await stageAt("challenged");
      await time.increase(TERMS.traceWindow + 1);
      await stage.court.convictWithoutTrace(stage.claimId, stage.request);
      return stage;
    };

    describe("given credit", () => {
      it("pays the account, whoever calls, once", async () => {
        const { court, token, stranger, challenger } = await convicted();
        const move = court.connect(stranger).withdraw(challenger);
        await expect(move).to.emit(court, "Withdrawn").withArgs(challenger, TERMS.challengeBond);
        expect(await token.balanceOf(challenger)).to.equal(RICH);
        expect(await token.balanceOf(court)).to.equal(0n);
        await expect(court.withdraw(challenger))
          .to.be.revertedWithCustomError(court, "CourtCreditNone")
          .withArgs(challenger);
      });

      it("keeps the credit while the token refuses the account; verdicts did not wait for it", async () => {
        const { court, token, challenger } = await convicted();
        await token.setBlocked(challenger, true);
        await expect(court.withdraw(challenger)).to.be.revertedWithCustomError(token, "BondTokenBlocked");
        expect(await court.creditOf(challenger)).to.equal(TERMS.challengeBond);
        await token.setBlocked(challenger, false);
        await court.withdraw(challenger);
      });
    });

    describe("given none", () => {
      it("reverts", async () => {
        const { court } = await stageAt("open");
        await expect(court.withdraw(ZeroAddress)).to.be.revertedWithCustomError(court, "CourtCreditNone");
      });
    });
  });
});
