import { expect } from "chai";

import { elementBits, setElementBits } from "../../../runner/machine/tensor.ts";
import {
  answerOf,
  ethers,
  HONEST,
  kernelOpening,
  LEVEL_BYTES,
  MANIFEST,
  networkHelpers,
  openingOf,
  other,
  runToy,
  stageAt,
  STATUS,
  TERMS,
  TRACE_TREE,
} from "../../../testing/toy-court.ts";

import { anyHash, demandIdOf } from "../support/arguments.ts";

const { time } = networkHelpers;
const timeOf = async (): Promise<bigint> => BigInt(await time.latest());

describe("OpeningGame", () => {
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
        const until = (await timeOf()) + BigInt(TERMS.answerWindow);
        for (const place of places) {
          const opening = openingOf(TRACE_TREE, place);
          await expect(move)
            .to.emit(court, "Demanded")
            .withArgs(claimId, demandIdOf(claimId, opening), watcher, [TRACE_TREE, 0, 0, Object.values(place)], until);
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

      it("reverts when the token demands again from inside the transfer of the bonds: one bond would pay two", async () => {
        const { court, token, watcher, claimId } = await stageAt("tracedCalling");
        for (const payload of [
          court.interface.encodeFunctionData("demandTrace", [claimId, places]),
          court.interface.encodeFunctionData("demandTensor", [claimId, kernelOpening(0), places]),
        ]) {
          await token.setHook(court, payload);
          await expect(court.connect(watcher).demandTrace(claimId, places)).to.be.revertedWithCustomError(
            court,
            "ReentrancyGuardReentrantCall",
          );
        }
      });

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
        await expect(court.connect(watcher).demandTensor(claimId, kernel, places))
          .to.be.revertedWithCustomError(court, "CourtKernelMismatch")
          .withArgs(anyHash, MANIFEST.programRoot);
      });

      for (const [what, kernel, place] of [
        ["a leaf beyond the tensor", 0, { level: LEVEL_BYTES, index: 20 }],
        ["nodes beyond the tensor", 0, { level: 0, index: 32 }],
        ["nodes after a run that is full", 2, { level: 0, index: 16 }],
        ["nodes above the root", 0, { level: 6, index: 0 }],
      ] as const) {
        it(`reverts for ${what}`, async () => {
          const { court, watcher, claimId } = await stageAt("traced");
          await expect(court.connect(watcher).demandTensor(claimId, kernelOpening(kernel), [place]))
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
        await move;
        expect((await court.disputeOf(claimId)).openDemands).to.equal(0n);
        const events = await court.queryFilter(court.filters.Answered(claimId), -1);
        expect(events.map(({ args }) => args.demandId)).to.deep.equal(
          good.map(({ opening }) => demandIdOf(claimId, opening)),
        );
        expect(events.map(({ args }) => [[...args.answer.nodes], args.answer.data])).to.deep.equal(
          good.map(({ nodes, data }) => [nodes, data]),
        );
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
        const elsewhere = answerOf(HONEST, TRACE_TREE, { level: 0, index: 16 });
        await expect(court.answer(claimId, [elsewhere]))
          .to.be.revertedWithCustomError(court, "CourtDemandUnknown")
          .withArgs(demandIdOf(claimId, elsewhere.opening));
        const forged = { ...answerAt(2), opening: { ...answerAt(2).opening, length: 4999 } };
        await expect(court.answer(claimId, [forged]))
          .to.be.revertedWithCustomError(court, "CourtDemandUnknown")
          .withArgs(demandIdOf(claimId, forged.opening));
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
          await expect(court.answer(claimId, [answerOf(changed, kernel, place)]))
            .to.be.revertedWithCustomError(court, "CourtTraceMismatch")
            .withArgs(anyHash, HONEST.root);
        }
      });

      it("reverts for wrong siblings", async () => {
        const { court, claimId } = await demanded();
        for (const i of [0, 2, 4]) {
          const { siblings } = answerAt(i);
          const wrong = { ...answerAt(i), siblings: [other(siblings[0] ?? ""), ...siblings.slice(1)] };
          await expect(court.answer(claimId, [wrong]))
            .to.be.revertedWithCustomError(court, "CourtTraceMismatch")
            .withArgs(anyHash, HONEST.root);
        }
        const { traceSiblings } = answerAt(2);
        const wrong = { ...answerAt(2), traceSiblings: [other(traceSiblings[0] ?? ""), ...traceSiblings.slice(1)] };
        await expect(court.answer(claimId, [wrong]))
          .to.be.revertedWithCustomError(court, "CourtTraceMismatch")
          .withArgs(anyHash, HONEST.root);
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
        await expect(court.reclaim(claimId, opening))
          .to.be.revertedWithCustomError(court, "CourtDemandUnknown")
          .withArgs(demandIdOf(claimId, opening));
      });

      it("convicts after the end too: nothing forgives a default", async () => {
        const { court, watcher, claimId, request } = await demanded();
        await time.increaseTo((await court.disputeOf(claimId)).end + 1n);
        await expect(court.convictUnanswered(claimId, request, opening))
          .to.emit(court, "Convicted")
          .withArgs(claimId, watcher);
      });
    });

    describe("given an answered demand", () => {
      it("reverts", async () => {
        const { court, claimId, request } = await demanded();
        await court.answer(claimId, [answerOf(HONEST, TRACE_TREE, place)]);
        await time.increase(TERMS.answerWindow + 1);
        await expect(court.convictUnanswered(claimId, request, opening))
          .to.be.revertedWithCustomError(court, "CourtDemandAnswered")
          .withArgs(demandIdOf(claimId, opening));
      });
    });

    describe("given no such demand", () => {
      it("reverts", async () => {
        const { court, claimId, request } = await stageAt("traced");
        await expect(court.convictUnanswered(claimId, request, opening))
          .to.be.revertedWithCustomError(court, "CourtDemandUnknown")
          .withArgs(demandIdOf(claimId, opening));
      });
    });
  });
});
