import { expect } from "chai";
import { hexlify, id, parseEther } from "ethers";
import { network } from "hardhat";

import { REQUEST_STATUS } from "../../runner/protocol/enums.ts";
import { type Hash, ZERO_HASH } from "../../runner/commitment/keccak.ts";
import { commitModel, tensorsRoot } from "../../runner/commitment/model.ts";
import { commitTensor } from "../../runner/commitment/tensor.ts";
import { commitTrace } from "../../runner/commitment/trace.ts";
import { type OwnExecution } from "../../runner/dispute/locate.ts";
import { answerTo, type DefendedTrace, nextOperatorMove } from "../../runner/dispute/operator.ts";
import { afterEvent, noDispute, TRACE_TREE } from "../../runner/dispute/view.ts";
import { nextWatcherMove } from "../../runner/dispute/watcher.ts";
import { executeProgram } from "../../runner/machine/interpreter.ts";
import { createRandom } from "../../runner/machine/prng.ts";
import { randomProgram } from "../../testing/random-kernels.ts";
import { elementBits, setElementBits, type Tensor, tensorBytes, tensorFromBytes } from "../../runner/machine/tensor.ts";
import { TERMS } from "../../testing/toy-court.ts";
import { encodeTerms, mutable } from "../../services/chain/calldata.ts";
import {
  assign,
  AUDIT,
  deployProtocol,
  join,
  MARKET,
  metadataOf,
  nextEpoch,
  open,
  WINDOW,
} from "../contracts/support/protocol.ts";

const bytesOf = (tensors: readonly Tensor[]): string =>
  hexlify(Uint8Array.from(tensors.flatMap((tensor) => [...tensorBytes(tensor)])));

/** Market, staking, registry, court and tensor machine, a random program of four kernels, and a claim for it. */
async function claimed(honestly: boolean) {
  const connection = await network.create();
  const { ethers, networkHelpers } = connection;
  const base = await deployProtocol(connection);
  const { authority, registry, staking, pools, attestation, randomness, availability } = base;
  const { token, publisher, alice, accuser, carol } = base;
  const market = await ethers.deployContract("InferenceMarket", [
    authority,
    registry,
    pools,
    attestation,
    randomness,
    availability,
    MARKET,
  ]);
  await staking.addManager(market);
  const machine = await ethers.deployContract("TensorMachine");
  const court = await ethers.deployContract("DisputeCourt", [authority, token, registry, machine, market, TERMS]);
  await market.setCourt(court, await ethers.deployContract("AuditDesk", [market, court, pools, randomness, AUDIT]));

  const { program, inputs, constants } = randomProgram(createRandom(11), 4);
  const model = await commitModel(program, constants);
  const manifest = mutable(model.manifest);
  await registry.connect(publisher).publish(manifest, metadataOf());
  const versionId = await registry.versionIdFor(publisher, manifest, metadataOf());
  const protocol = { ...base, market, versionId };
  await join(protocol, alice);
  await nextEpoch(connection);
  for (const holder of [base.requester, accuser, carol])
    await token.connect(holder).approve(market, parseEther("1000"));
  for (const holder of [accuser, carol]) await token.connect(holder).approve(court, parseEther("1000"));

  const honest = executeProgram(program, inputs, constants);
  const own: OwnExecution = { program, model, inputs, constants, trace: honest, commitment: await commitTrace(honest) };
  const trace = honest.map((tensor) => tensorFromBytes(tensor.dtype, tensorBytes(tensor).slice()));
  const last = trace.at(-1) as Tensor;
  if (!honestly) setElementBits(last, 0, elementBits(last, 0) ^ 1n);
  const defended: DefendedTrace = { outputKernels: program.outputs, trace, commitment: await commitTrace(trace) };

  const opened = await open(protocol, { inputs: bytesOf(inputs) });
  expect(await assign(connection, protocol, opened)).to.equal(alice.address);
  const outputs = [last];
  const outputRoot = tensorsRoot(outputs.map(commitTensor));
  await market.connect(alice).claim(opened.request, bytesOf(outputs), outputRoot, "", ["0x"]);
  const claimId = (await market.claimOf(opened.id)).claimId as Hash;

  const commit = async () => {
    const view = afterEvent(noDispute(claimId), {
      name: "Challenged",
      challenger: "",
      operator: "",
      termsId: 0,
      traceUntil: 2 ** 40,
    });
    const move = nextOperatorMove(defended, view, 0);
    if (move.kind !== "commitTrace") throw new Error(move.kind);
    const { traceRoot, outputRoots, outputSiblings } = mutable(move);
    return court
      .connect(alice)
      .commitTrace(
        claimId,
        encodeTerms(opened.request),
        manifest,
        traceRoot,
        outputRoots,
        outputSiblings,
        "ipfs://trace",
      );
  };
  return { ...protocol, networkHelpers, court, own, defended, opened, claimId, commit };
}

describe("A dispute on the real market", () => {
  describe("given a wrong answer, while the market is paused", () => {
    it("one fraud proof slashes the operator, refunds the requester and pays the watcher", async () => {
      const stage = await claimed(false);
      const { court, market, staking, token, own, defended, opened, claimId, commit, alice, accuser, requester } =
        stage;
      await market.pause();
      const watcher = { address: accuser.address, secret: id("secret") };
      const before = await token.balanceOf(accuser);
      await court.connect(accuser).challenge(market, opened.id, claimId);
      await commit();

      const roots = defended.commitment.outputs.map(({ root }) => root);
      const outputs = new Map(defended.trace.map((tensor, kernel) => [kernel, tensor]));
      let view = afterEvent(noDispute(claimId), {
        name: "TraceCommitted",
        traceRoot: defended.commitment.root,
        demandUntil: 2 ** 40,
        end: 2 ** 40,
        location: "",
      });
      const scene = { time: 0, block: 2 ** 40, claimedRoot: ZERO_HASH, answerWindow: 1 };
      const next = () => nextWatcherMove(watcher, own, ZERO_HASH, view, { roots, outputs }, scene);
      const accuse = next();
      if (accuse.kind !== "accuse") throw new Error(accuse.kind);
      await court.connect(accuser).accuse(claimId, accuse.commitment);
      view = afterEvent(view, { name: "Accused", commitment: accuse.commitment, block: 0 });
      const proof = next();
      if (proof.kind !== "proveFraud") throw new Error(proof.kind);
      const move = court.proveFraud(
        claimId,
        encodeTerms(opened.request),
        proof.accusation,
        mutable(proof.execution),
        mutable(proof.output),
      );
      await expect(move).to.emit(market, "ClaimConvicted").withArgs(opened.id, claimId, accuser);
      await expect(move).to.emit(staking, "Tombstoned").withArgs(alice);

      expect((await market.stateOf(opened.id)).status).to.equal(REQUEST_STATUS.convicted);
      expect(await market.creditOf(requester)).to.equal(parseEther("10"));
      await court.reclaimAccusation(claimId, accuse.commitment);
      await court.withdraw(accuser);
      expect(await token.balanceOf(accuser)).to.equal(before);
      expect(await token.balanceOf(court)).to.equal(0n);
      const reward = await staking.creditOf(accuser);
      expect(reward).to.be.greaterThan(0n);
      await staking.withdraw(accuser);
      expect(await token.balanceOf(accuser)).to.equal(before + reward);
    });
  });

  describe("given a right answer under attack", () => {
    it("is upheld, becomes final and earns the fee and the attackers' bonds", async () => {
      const stage = await claimed(true);
      const { court, market, token, opened, claimId, commit, alice, accuser, carol, networkHelpers, defended } = stage;
      await court.connect(accuser).challenge(market, opened.id, claimId);
      await commit();
      const place = { level: 0, index: 0 };
      await court.connect(carol).demandTrace(claimId, [place]);
      const opening = { kernelIndex: TRACE_TREE, dtype: 0, length: 0, place };
      await court.answer(claimId, [mutable(answerTo(defended, opening))]);
      await expect(market.finalise(opened.request, "0x"))
        .to.be.revertedWithCustomError(market, "MarketStatusForbids")
        .withArgs(opened.id, REQUEST_STATUS.challenged);

      await networkHelpers.time.increaseTo((await court.disputeOf(claimId)).end + 1n);
      await expect(court.resolve(claimId)).to.emit(market, "ClaimUpheld").withArgs(opened.id, claimId);
      await networkHelpers.time.increase(WINDOW);
      await market.finalise(opened.request, "0x");
      const before = await token.balanceOf(alice);
      await market.withdraw(alice);
      await court.withdraw(alice);
      await court.withdraw(await court.SINK());
      expect((await token.balanceOf(alice)) - before).to.equal(parseEther("9") + 750n + TERMS.demandBond);
      expect(await token.balanceOf(court)).to.equal(0n);
    });
  });

  describe("given an operator that falls silent", () => {
    it("is convicted by the first demand that it leaves open", async () => {
      const { court, market, opened, claimId, commit, accuser, networkHelpers } = await claimed(true);
      await court.connect(accuser).challenge(market, opened.id, claimId);
      await commit();
      const place = { level: 0, index: 0 };
      await court.connect(accuser).demandTrace(claimId, [place]);
      await networkHelpers.time.increase(TERMS.answerWindow + 1);
      const opening = { kernelIndex: TRACE_TREE, dtype: 0, length: 0, place };
      await expect(court.convictUnanswered(claimId, encodeTerms(opened.request), opening))
        .to.emit(market, "ClaimConvicted")
        .withArgs(opened.id, claimId, accuser);
    });
  });

  describe("given a dispute that outlasts the market's patience", () => {
    it("the court still settles its bonds", async () => {
      const { court, market, opened, claimId, commit, accuser, alice, networkHelpers } = await claimed(true);
      await court.connect(accuser).challenge(market, opened.id, claimId);
      await commit();
      await networkHelpers.time.increase(MARKET.maxDisputeSeconds + 2 * WINDOW);
      await market.expireDispute(opened.request);
      await court.resolve(claimId);
      expect(await court.creditOf(alice)).to.equal(750n);
    });
  });
});
