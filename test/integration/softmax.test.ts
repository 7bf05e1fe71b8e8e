import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";
import { AbiCoder, id, keccak256, parseEther, ZeroHash } from "ethers";
import hre from "hardhat";

import { REQUEST_STATUS } from "../../runner/protocol/enums.ts";
import { commitTrace } from "../../runner/commitment/trace.ts";
import { accusationOf } from "../../runner/dispute/view.ts";
import { buildFraudProof, type Execution } from "../../runner/proving/fraud-proof.ts";
import { createFolderStore } from "../../runner/files/store.ts";
import { forgeElement } from "../../testing/forgeries.ts";
import { encodeTerms, mutable } from "../../services/chain/calldata.ts";
import { openStage } from "../../testing/court-stage.ts";
import { softmaxModel } from "../../testing/wide-kernels.ts";

/** EIP-7825: the gas that a transaction may have. */
const TRANSACTION_GAS = 16_777_216n;

describe("A softmax over 50,257 classes", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-softmax-"));
  });
  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it("with a wrong denominator is convicted over resumed transactions that no wrong state or order gets into", async function () {
    // Instrumented code costs more than a transaction may.
    if (hre.globalOptions.coverage) this.skip();
    const { model, inputs, honest, kernel } = await softmaxModel(folder);
    const store = createFolderStore(folder);
    const stage = await openStage([model], store);
    const { suite, accounts, networkHelpers } = stage;
    const element = 2;
    const forged = await forgeElement(model, honest, { kernel, element, mask: 1n << 20n });
    expect(forged.outputRoot).not.to.equal(honest.outputRoot);
    const requestId = await stage.open(model, inputs);
    const operator = stage.operator({ tamper: () => Promise.resolve(forged) });
    const watcher = stage.watcher();
    await operator.look();
    await operator.look();
    await watcher.look();
    await operator.look();

    const { claim, request } = await stage.view(requestId);
    const claimId = claim?.id ?? "0x";
    const committed = await commitTrace(forged.trace);
    const evidence = {
      program: model.model.program,
      model: model.commitment,
      inputs,
      constants: model.model.constants,
      trace: honest.trace,
      traceRoots: committed.outputs.map(({ root }) => root),
    };
    const output = forged.trace[kernel];
    if (output === undefined) throw new Error("no such kernel");
    const proof = buildFraudProof(evidence, { kernel, element, output });
    expect(proof.replays.length, "transactions before the last").to.be.at.least(2);

    const { stranger } = accounts;
    const court = suite.court.connect(stranger);
    await suite.token.mint(stranger, parseEther("1"));
    await suite.token.connect(stranger).approve(court, parseEther("1"));
    const accusation = { accuser: stranger.address, salt: id("salt") };
    await court.accuse(claimId, accusationOf(claimId, kernel, element, accusation));
    await networkHelpers.mine();
    const replay = (execution: Execution, maxSteps: bigint) =>
      court.replay(claimId, accusation, mutable(execution), maxSteps);
    const stateOf = ({ progress: { position, accumulators } }: Execution): string =>
      keccak256(AbiCoder.defaultAbiCoder().encode(["tuple(uint64,uint64[])"], [[position, accumulators]]));
    const [first, second] = proof.replays;
    if (first === undefined || second === undefined) throw new Error("no replays");

    // Before its beginning is replayed, no later part counts, nor does the end.
    for (const execution of [second.execution, proof.execution]) {
      await expect(replay(execution, second.maxSteps))
        .to.be.revertedWithCustomError(court, "CourtReplayUnknown")
        .withArgs(stateOf(execution), ZeroHash);
    }
    const prove = (execution: Execution) =>
      court.proveFraud(claimId, encodeTerms(request), accusation, mutable(execution), mutable(proof.output));
    await expect(prove(proof.execution))
      .to.be.revertedWithCustomError(court, "CourtReplayUnknown")
      .withArgs(stateOf(proof.execution), ZeroHash);
    await replay(first.execution, first.maxSteps);
    // What was replayed stands; a state that differs in one bit of the accumulator does not.
    const { progress } = second.execution;
    const tampered = {
      ...second.execution,
      progress: { ...progress, accumulators: progress.accumulators.map((bits) => bits ^ 1n) },
    };
    await expect(replay(tampered, second.maxSteps))
      .to.be.revertedWithCustomError(court, "CourtReplayUnknown")
      .withArgs(stateOf(tampered), stateOf(second.execution));
    const displaced = { ...second.execution, progress: { ...progress, position: progress.position + 1 } };
    await expect(replay(displaced, second.maxSteps))
      .to.be.revertedWithCustomError(court, "CourtReplayUnknown")
      .withArgs(stateOf(displaced), ZeroHash);

    // The watcher goes on where the stranger stopped, and convicts.
    for (let round = 0; round < 4 && !(await stage.view(requestId)).settled; round++) {
      await watcher.look();
      await networkHelpers.mine();
    }
    const replayed = await court.queryFilter(court.filters.Replayed(claimId));
    expect(replayed.length).to.equal(proof.replays.length);
    const [proven] = await court.queryFilter(court.filters.FraudProven(claimId));
    expect([proven?.args.kernelIndex, proven?.args.element]).to.deep.equal([BigInt(kernel), BigInt(element)]);
    expect(await stage.status(requestId)).to.equal(REQUEST_STATUS.convicted);
    for (const event of [...replayed, proven]) {
      const receipt = await event?.getTransactionReceipt();
      expect(receipt?.gasUsed).to.be.lessThan(TRANSACTION_GAS);
    }
  });
});
