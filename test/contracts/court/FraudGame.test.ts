import { expect } from "chai";
import { AbiCoder, id, keccak256, ZeroHash } from "ethers";

import { REQUEST_STATUS } from "../../../runner/protocol/enums.ts";
import { rootsTree } from "../../../runner/commitment/model.ts";
import { elementBits, setElementBits } from "../../../runner/machine/tensor.ts";
import {
  answerOf,
  commitmentOf,
  ethers,
  executionOf,
  FORGED,
  HONEST,
  INPUT_ROOT,
  kernelAt,
  kernelOpening,
  LEVEL_BYTES,
  MANIFEST,
  networkHelpers,
  other,
  outputOf,
  requestOf,
  runToy,
  stageAt,
  STATUS,
  TERMS,
  toyState,
  toySum,
  Trace,
  WINDOW,
  WRONG,
} from "../../../testing/toy-court.ts";

import { anyHash } from "../support/arguments.ts";

const { time } = networkHelpers;
const PROGRESS = "tuple(uint64 position, uint64[] accumulators)";
const stateHash = (progress: object): string => keccak256(AbiCoder.defaultAbiCoder().encode([PROGRESS], [progress]));

describe("FraudGame", () => {
  describe("accuse", () => {
    const commitment = id("commitment");

    it("stores the block of the first commitment", async () => {
      const { court, claimId } = await stageAt("traced");
      await expect(court.accuse(claimId, commitment)).to.emit(court, "Accused").withArgs(claimId, commitment);
      const block = BigInt(await time.latestBlock());
      expect((await court.accusationOf(claimId, commitment)).accusedIn).to.equal(block);
      await expect(court.accuse(claimId, commitment))
        .to.be.revertedWithCustomError(court, "CourtAccusationKnown")
        .withArgs(commitment);
    });

    it("takes a bond from whoever sends it", async () => {
      const { court, claimId, token, stranger } = await stageAt("traced");
      const bond = TERMS.accusationBond;
      await expect(court.connect(stranger).accuse(claimId, commitment)).to.changeTokenBalances(
        ethers,
        token,
        [stranger, court],
        [-bond, bond],
      );
      expect((await court.accusationOf(claimId, commitment)).payer).to.equal(stranger);
      expect((await court.disputeOf(claimId)).accusations).to.equal(1n);
    });

    it("reverts when the bond does not arrive whole, or the token calls the court meanwhile", async () => {
      const { court, claimId, token, stranger } = await stageAt("traced");
      await token.setFee(2_000n);
      await expect(court.connect(stranger).accuse(claimId, commitment))
        .to.be.revertedWithCustomError(court, "CreditTokenMismatch")
        .withArgs(6n, 7n);
      const calling = await stageAt("tracedCalling");
      const again = calling.court.interface.encodeFunctionData("accuse", [calling.claimId, id("another")]);
      await calling.token.setHook(calling.court, again);
      await expect(
        calling.court.connect(calling.stranger).accuse(calling.claimId, commitment),
      ).to.be.revertedWithCustomError(calling.court, "ReentrancyGuardReentrantCall");
    });

    it("takes nothing from its author who registers the same commitment under another claim first", async () => {
      const { court, market, challenger, operator, stranger, watcher, trace, ...stage } = await stageAt("tracedWrong");
      const request = requestOf(7);
      await market.claim(request, operator, rootsTree(trace.outputRoots).root, (await time.latest()) + WINDOW);
      const requestId = await market.idOf(request);
      const elsewhere = (await market.claimOf(requestId)).claimId;
      await court.connect(challenger).challenge(market, requestId, elsewhere);
      await court
        .connect(operator)
        .commitTrace(elsewhere, request, MANIFEST, trace.root, trace.outputRoots, trace.outputSiblings, "");

      const accusation = { accuser: watcher.address, salt: id("salt") };
      const copied = commitmentOf(stage.claimId, FORGED.kernel, FORGED.element, accusation);
      await court.connect(stranger).accuse(elsewhere, copied);
      await court.connect(watcher).accuse(stage.claimId, copied);
      const execution = executionOf(trace, FORGED.kernel, FORGED.element);
      const output = outputOf(trace, FORGED.kernel, FORGED.leaf);
      await expect(court.proveFraud(stage.claimId, stage.request, accusation, execution, output))
        .to.emit(court, "Convicted")
        .withArgs(stage.claimId, watcher.address);
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
        await expect(again.court.proveFraud(claimId, request, accusation, execution, output))
          .to.emit(again.court, "Convicted")
          .withArgs(claimId, accusation.accuser);
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
        const block = (await court.accusationOf(claimId, commitment)).accusedIn;
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
        await expect(court.proveFraud(claimId, request, accusation, { ...execution, element: 601 }, output))
          .to.be.revertedWithCustomError(court, "CourtAccusationUnknown")
          .withArgs(commitmentOf(claimId, FORGED.kernel, 601, accusation));
      });

      it("reverts for another claim", async () => {
        const { court, claimId, request, accusation, execution, output } = await stageAt("accused");
        await expect(court.proveFraud(other(claimId), request, accusation, execution, output))
          .to.be.revertedWithCustomError(court, "CourtStatus")
          .withArgs(STATUS.none, STATUS.traceCommitted);
      });

      it("reverts for another request", async () => {
        const { court, market, marketErrors, claimId, accusation, execution, output } = await stageAt("accused");
        await expect(court.proveFraud(claimId, requestOf(9), accusation, execution, output))
          .to.be.revertedWithCustomError(marketErrors, "MarketStatusForbids")
          .withArgs(await market.idOf(requestOf(9)), REQUEST_STATUS.none);
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

        const cases: Record<string, readonly [(proof: Parts) => Parts, string, ...unknown[]]> = {
          "the kernel's bytes": [
            kernel(({ encoded }) => ({ encoded: flip(encoded, 100) })),
            "CourtKernelMismatch",
            anyHash,
            MANIFEST.programRoot,
          ],
          "the kernel's siblings": [
            kernel(({ siblings }) => ({ siblings: wrongFirst(siblings) })),
            "CourtKernelMismatch",
            anyHash,
            MANIFEST.programRoot,
          ],
          "the kernel's proof, one too short": [
            kernel(({ siblings }) => ({ siblings: siblings.slice(1) })),
            "TreeSiblingCount",
            4,
            5,
          ],
          "the kernel's proof, one too long": [
            kernel(({ siblings }) => ({ siblings: [...siblings, ...siblings.slice(0, 1)] })),
            "TreeSiblingCount",
            6,
            5,
          ],
          "the kernel's index": [kernel(() => ({ index: 2 })), "CourtAccusationUnknown"],
          "another kernel whole": [execute(() => ({ kernel: kernelOpening(0) })), "CourtAccusationUnknown"],
          "the progress' position": [
            execute(() => ({ progress: { position: 1, accumulators: [] } })),
            "CourtReplayUnknown",
            stateHash({ position: 1, accumulators: [] }),
            ZeroHash,
          ],
          "the progress' accumulators": [
            execute(() => ({ progress: { position: 0, accumulators: [7n] } })),
            "CourtReplayUnknown",
            stateHash({ position: 0, accumulators: [7n] }),
            ZeroHash,
          ],
          "an operand from the trace": [
            segment(0, ({ data }) => ({ data: flip(data, 0) })),
            "CourtOperandMismatch",
            0,
            anyHash,
            WRONG.root,
          ],
          "an operand from the weights": [
            segment(1, ({ data }) => ({ data: flip(data, 1) })),
            "CourtOperandMismatch",
            1,
            anyHash,
            MANIFEST.weightsRoot,
          ],
          "an operand from the input": [
            segment(2, ({ data }) => ({ data: flip(data, 2) })),
            "CourtOperandMismatch",
            2,
            anyHash,
            INPUT_ROOT,
          ],
          "an operand's leaf": [segment(0, () => ({ firstLeaf: 1 })), "CourtOperandMismatch", 0, anyHash, WRONG.root],
          "an operand's leaf, beyond the tensor": [
            segment(0, () => ({ firstLeaf: 20 })),
            "TreeRangeOutside",
            20,
            1,
            20,
          ],
          "an operand's siblings": [
            segment(0, ({ siblings }) => ({ siblings: wrongFirst(siblings) })),
            "CourtOperandMismatch",
            0,
            anyHash,
            WRONG.root,
          ],
          "an operand's proof in the trace": [operand(0, wrongFirst), "CourtOperandMismatch", 0, anyHash, WRONG.root],
          "an operand's proof in the weights": [
            operand(1, wrongFirst),
            "CourtOperandMismatch",
            1,
            anyHash,
            MANIFEST.weightsRoot,
          ],
          "an operand's proof in the input": [operand(2, () => [id("extra")]), "TreeSiblingCount", 1, 0],
          "the number of operand proofs": [
            execute(({ operandSiblings }) => ({ operandSiblings: operandSiblings.slice(1) })),
            "CourtOperandCount",
            2,
            3,
          ],
          "the output's bytes": [
            leaves(({ data }) => ({ data: flip(data, 0) })),
            "CourtTraceMismatch",
            anyHash,
            WRONG.root,
          ],
          "the output's bytes, one less": [
            leaves(({ data }) => ({ data: data.slice(0, -2) })),
            "TreeTensorBytes",
            375,
            376,
          ],
          "the output's leaf": [leaves(() => ({ firstLeaf: 0 })), "TreeTensorBytes", 376, 1024],
          "the output's siblings": [
            leaves(({ siblings }) => ({ siblings: wrongFirst(siblings) })),
            "CourtTraceMismatch",
            anyHash,
            WRONG.root,
          ],
          "the output's proof in the trace": [
            output(({ siblings }) => ({ siblings: wrongFirst(siblings) })),
            "CourtTraceMismatch",
            anyHash,
            WRONG.root,
          ],
          "the output, a leaf without the element": [
            () => ({ execution: executionOf(WRONG, 1, 600), output: outputOf(WRONG, 1, 0) }),
            "CourtElementOutside",
            600,
            0,
            512,
          ],
          "the output, another kernel's": [
            () => ({ execution: executionOf(WRONG, 1, 600), output: outputOf(WRONG, 0, 1) }),
            "TreeTensorBytes",
            1024,
            376,
          ],
          "the honest output": [
            () => ({ execution: executionOf(WRONG, 1, 600), output: outputOf(HONEST, 1, 1) }),
            "CourtTraceMismatch",
            anyHash,
            WRONG.root,
          ],
        };
        for (const [what, [tamper, error, ...refusal]] of Object.entries(cases)) {
          it(`${error}: ${what}`, async () => {
            const { court, claimId, request, accusation, execution, output } = await stageAt("accused");
            const wrong = tamper({ execution, output });
            const { index } = wrong.execution.kernel;
            const unknown = commitmentOf(claimId, index, FORGED.element, accusation);
            await expect(court.proveFraud(claimId, request, accusation, wrong.execution, wrong.output))
              .to.be.revertedWithCustomError(court, error)
              .withArgs(...(error === "CourtAccusationUnknown" ? [unknown] : refusal));
            // The good one still convicts.
            await expect(court.proveFraud(claimId, request, accusation, execution, output))
              .to.emit(court, "Convicted")
              .withArgs(claimId, accusation.accuser);
          });
        }

        it("reverts for an accused kernel at another index of the program, or beyond it", async () => {
          const { court, claimId, request, accusation, execution, output } = await stageAt("accused");
          for (const [index, error, ...refusal] of [
            [0, "CourtKernelMismatch", anyHash, MANIFEST.programRoot],
            [18, "TreeRangeOutside", 18, 1, 18],
          ] as const) {
            await court.accuse(claimId, commitmentOf(claimId, index, FORGED.element, accusation));
            const wrong = { ...execution, kernel: { ...execution.kernel, index } };
            await expect(court.proveFraud(claimId, request, accusation, wrong, output))
              .to.be.revertedWithCustomError(court, error)
              .withArgs(...refusal);
          }
        });

        it("reverts for a leaf that begins just after the element, or ends just before it", async () => {
          // 512 elements of two bytes make a leaf.
          for (const [element, leaf, first, count] of [
            [511, 1, 512, 188],
            [512, 0, 0, 512],
          ] as const) {
            const { court, claimId, request, accusation } = await stageAt("accused");
            await court.accuse(claimId, commitmentOf(claimId, 1, element, accusation));
            const execution = executionOf(WRONG, 1, element);
            await expect(court.proveFraud(claimId, request, accusation, execution, outputOf(WRONG, 1, leaf)))
              .to.be.revertedWithCustomError(court, "CourtElementOutside")
              .withArgs(element, first, count);
          }
        });

        it("reads the last element of a leaf and the first of the next", async () => {
          for (const [element, leaf] of [
            [511, 0],
            [512, 1],
          ] as const) {
            const { court, claimId, request, accusation } = await stageAt("accused");
            await court.accuse(claimId, commitmentOf(claimId, 1, element, accusation));
            const execution = executionOf(WRONG, 1, element);
            await expect(court.proveFraud(claimId, request, accusation, execution, outputOf(WRONG, 1, leaf)))
              .to.be.revertedWithCustomError(court, "CourtNoFraud")
              .withArgs(elementBits(WRONG.tensor(1), element));
          }
        });

        it("passes over an operand that the witness does not cover", async () => {
          const { court, claimId, request, accusation, execution, output } = await stageAt("accused");
          const wrong = { ...execution, witness: replaceAt(execution.witness, 2, []) };
          // The toy machine reads nothing then; the real one refuses a read outside its witness.
          await expect(court.proveFraud(claimId, request, accusation, wrong, output))
            .to.emit(court, "Convicted")
            .withArgs(claimId, accusation.accuser);
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

  describe("reclaimAccusation", () => {
    const commitment = id("another accusation");

    describe("given a conviction", () => {
      it("returns the bond of every accusation to who paid it, once", async () => {
        const { court, claimId, request, accusation, execution, output, stranger, watcher, governor } =
          await stageAt("accused");
        await court.connect(stranger).accuse(claimId, commitment);
        await court.connect(watcher).proveFraud(claimId, request, accusation, execution, output);
        const own = commitmentOf(claimId, FORGED.kernel, FORGED.element, accusation);
        for (const [which, payer] of [
          [own, governor],
          [commitment, stranger],
        ] as const) {
          await expect(court.connect(watcher).reclaimAccusation(claimId, which))
            .to.emit(court, "Credited")
            .withArgs(payer, claimId, TERMS.accusationBond);
          await expect(court.reclaimAccusation(claimId, which))
            .to.be.revertedWithCustomError(court, "CourtAccusationUnknown")
            .withArgs(which);
        }
      });

      it("reverts for an accusation that nobody made", async () => {
        const { court, claimId, request, accusation, execution, output } = await stageAt("accused");
        await court.proveFraud(claimId, request, accusation, execution, output);
        await expect(court.reclaimAccusation(claimId, commitment))
          .to.be.revertedWithCustomError(court, "CourtAccusationUnknown")
          .withArgs(commitment);
      });
    });

    describe("given no conviction", () => {
      it("reverts", async () => {
        const { court, claimId, stranger } = await stageAt("traced");
        await court.connect(stranger).accuse(claimId, commitment);
        await expect(court.reclaimAccusation(claimId, commitment))
          .to.be.revertedWithCustomError(court, "CourtStatus")
          .withArgs(STATUS.traceCommitted, STATUS.convicted);
      });
    });
  });

  describe("proveFraud, after the leaf was demanded", () => {
    const leaf = { level: LEVEL_BYTES, index: FORGED.leaf };

    /** A wrong trace whose wrong leaf `demander` demanded and the operator showed. */
    const demanded = async () => {
      const stage = await stageAt("tracedWrong");
      const { court, claimId, watcher, trace } = stage;
      await court.connect(watcher).demandTensor(claimId, kernelOpening(FORGED.kernel), [leaf]);
      await court.answer(claimId, [answerOf(trace, FORGED.kernel, leaf)]);
      const execution = executionOf(trace, FORGED.kernel, FORGED.element);
      return { ...stage, execution, output: outputOf(trace, FORGED.kernel, FORGED.leaf) };
    };

    it("pays the demander, not who accused every element of the leaf on reading the answer", async () => {
      const stage = await demanded();
      const { court, claimId, request, token, watcher, stranger: thief, trace, execution, output } = stage;
      // The leaf holds the elements 512 to 699. The thief has no model: it accuses them all, in time.
      const own = (element: number) => ({ accuser: thief.address, salt: id(`thief ${String(element)}`) });
      const before = await token.balanceOf(thief);
      const sprayed: string[] = [];
      let gas = 0n;
      for (let element = 512; element < 700; element++) {
        const commitment = commitmentOf(claimId, FORGED.kernel, element, own(element));
        const receipt = await (await court.connect(thief).accuse(claimId, commitment)).wait();
        sprayed.push(commitment);
        gas += receipt?.gasUsed ?? 0n;
      }
      const accusation = { accuser: watcher.address, salt: id("salt") };
      await court.connect(watcher).accuse(claimId, commitmentOf(claimId, FORGED.kernel, FORGED.element, accusation));
      const state = toyState(toySum(kernelAt(FORGED.kernel), trace.outputs), 4);
      await court.connect(watcher).replay(claimId, accusation, execution, 4n);
      // Now everybody knows the element. The thief has the older accusation of it, and even sends the proof.
      await court.connect(thief).replay(claimId, own(FORGED.element), execution, 4n);
      const last = { ...execution, progress: state };
      await expect(court.connect(thief).proveFraud(claimId, request, own(FORGED.element), last, output))
        .to.emit(court, "Convicted")
        .withArgs(claimId, watcher);
      for (const commitment of sprayed) await court.connect(thief).reclaimAccusation(claimId, commitment);
      await court.withdraw(thief);
      // It has its bonds back and nothing else, and paid for 188 accusations and 188 reclaims.
      expect(await token.balanceOf(thief)).to.equal(before);
      expect(gas).to.be.greaterThan(188n * 50_000n);
    });

    it("takes the thief's 188 bonds when the answer was right", async () => {
      const { court, claimId, token, operator, stranger: thief } = await stageAt("traced");
      const before = await token.balanceOf(thief);
      for (let element = 512; element < 700; element++) {
        await court.connect(thief).accuse(claimId, id(`element ${String(element)}`));
      }
      await time.increaseTo((await court.disputeOf(claimId)).end + 1n);
      await court.resolve(claimId);
      expect(before - (await token.balanceOf(thief))).to.equal(188n * TERMS.accusationBond);
      expect(await court.creditOf(operator)).to.equal(750n + 188n * TERMS.accusationBond);
    });

    it("pays the demander for an accusation of the same block", async () => {
      const { court, claimId, request, watcher, stranger, trace } = await stageAt("tracedWrong");
      const accusation = { accuser: stranger.address, salt: id("salt") };
      const { provider } = ethers;
      await provider.send("evm_setAutomine", [false]);
      try {
        const commitment = commitmentOf(claimId, FORGED.kernel, FORGED.element, accusation);
        await court.connect(stranger).accuse(claimId, commitment, { gasLimit: 200_000 });
        await court.connect(watcher).demandTensor(claimId, kernelOpening(FORGED.kernel), [leaf], { gasLimit: 400_000 });
        await provider.send("evm_mine", []);
      } finally {
        await provider.send("evm_setAutomine", [true]);
      }
      await court.answer(claimId, [answerOf(trace, FORGED.kernel, leaf)]);
      const execution = executionOf(trace, FORGED.kernel, FORGED.element);
      const output = outputOf(trace, FORGED.kernel, FORGED.leaf);
      await expect(court.proveFraud(claimId, request, accusation, execution, output))
        .to.emit(court, "Convicted")
        .withArgs(claimId, watcher);
    });

    it("pays the accuser who was earlier than the demand, or when the demand was not answered", async () => {
      for (const answered of [true, false]) {
        const { court, claimId, request, watcher, stranger, trace } = await stageAt("tracedWrong");
        const accusation = { accuser: watcher.address, salt: id("salt") };
        const commitment = commitmentOf(claimId, FORGED.kernel, FORGED.element, accusation);
        if (answered) await court.connect(watcher).accuse(claimId, commitment);
        await court.connect(stranger).demandTensor(claimId, kernelOpening(FORGED.kernel), [leaf]);
        if (answered) await court.answer(claimId, [answerOf(trace, FORGED.kernel, leaf)]);
        else await court.connect(watcher).accuse(claimId, commitment);
        await networkHelpers.mine();
        const execution = executionOf(trace, FORGED.kernel, FORGED.element);
        const output = outputOf(trace, FORGED.kernel, FORGED.leaf);
        await expect(court.proveFraud(claimId, request, accusation, execution, output))
          .to.emit(court, "Convicted")
          .withArgs(claimId, watcher);
      }
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

      it("rewards who began, of two that accused in one block", async () => {
        const { court, claimId, request, execution, output, watcher, stranger } = await stageAt("accused");
        const beginner = { accuser: watcher.address, salt: id("twin") };
        const follower = { accuser: stranger.address, salt: id("twin") };
        await ethers.provider.send("evm_setAutomine", [false]);
        try {
          for (const twin of [beginner, follower]) {
            await court.accuse(claimId, commitmentOf(claimId, kernel, element, twin), { gasLimit: 200_000 });
          }
          await ethers.provider.send("evm_mine", []);
        } finally {
          await ethers.provider.send("evm_setAutomine", [true]);
        }
        await court.replay(claimId, beginner, execution, 4n);
        await expect(court.proveFraud(claimId, request, follower, executionOf(WRONG, kernel, element, at(4)), output))
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
        await court.connect(challenger).challenge(market, requestId, claimId);
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
        await expect(court.replay(claimId, accusation, wrong, 1n))
          .to.be.revertedWithCustomError(court, "CourtOperandMismatch")
          .withArgs(0, anyHash, WRONG.root);
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
        await expect(court.replay(claimId, accusation, executionOf(HONEST, kernel, element), 1n))
          .to.be.revertedWithCustomError(court, "CourtAccusationUnknown")
          .withArgs(commitmentOf(claimId, kernel, element, accusation));
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
});
