import { expect } from "chai";
import { id, ZeroHash } from "ethers";

import { ANSWER_STAGE } from "../../../runner/protocol/enums.ts";
import { connection, ethers, networkHelpers, openClaimed, useProtocol } from "../support/market.ts";
import { assign, claim, OUTPUT, termsOf, WINDOW } from "../support/protocol.ts";
import { consumerTerms, digitReader } from "../support/reader.ts";

describe("InferenceConsumer", () => {
  const protocol = useProtocol();

  it("listens to nobody but its market, about nothing but its requests", async () => {
    const { contract } = await digitReader(protocol);
    await expect(contract.connect(protocol.alice).onInference(id("x"), 1, ZeroHash, OUTPUT))
      .to.be.revertedWithCustomError(contract, "ConsumerNotMarket")
      .withArgs(protocol.alice.address, protocol.market.target);
    const foreign = await openClaimed(protocol, { callback: await contract.getAddress(), callbackGas: 150_000 });
    await expect(foreign.transaction).to.emit(protocol.market, "CallbackDone").withArgs(foreign.id, 0, false);
    expect([...(await contract.readingOf(foreign.id))]).to.deep.equal([0n, 0n, false]);
  });
  it("asks only the model, for the price and with the security that it was deployed with", async () => {
    const { contract, ask } = await digitReader(protocol, { windowSeconds: 7_200 });
    const { request } = await ask();
    const { versionId, policy, fee, openSeconds, claimSeconds } = termsOf(protocol);
    expect([request.versionId, request.policy, request.fee]).to.deep.equal([versionId, policy, fee]);
    expect([request.claimSeconds, request.windowSeconds]).to.deep.equal([BigInt(claimSeconds), 7_200n]);
    expect([request.callback, request.callbackGas]).to.deep.equal([contract.target, 150_000n]);
    expect(await contract.OPEN_SECONDS()).to.equal(openSeconds);
    expect(contract.interface.getFunction("ask").inputs.map(({ name }) => name)).to.deep.equal(["image"]);
  });
  it("does not hear of an answer before the stage that it accepts", async () => {
    const { contract, ask } = await digitReader(protocol, { acceptedStage: ANSWER_STAGE.final });
    const made = await ask();
    await assign(connection, protocol, made);
    const { transaction } = await claim(connection, protocol, made);
    await expect(transaction).to.emit(protocol.market, "CallbackDone").withArgs(made.id, 0, true);
    expect((await contract.readingOf(made.id)).known).to.equal(false);
    await networkHelpers.time.increase(WINDOW);
    await protocol.market.finalise(made.request, OUTPUT);
    expect((await contract.readingOf(made.id)).known).to.equal(true);
  });
  it("cannot be told to accept a failure as an answer", async () => {
    const terms = consumerTerms(protocol, { acceptedStage: ANSWER_STAGE.failed });
    const factory = await ethers.getContractFactory("DigitReader");
    await expect(factory.deploy(protocol.market, terms))
      .to.be.revertedWithCustomError(factory, "ConsumerStageInvalid")
      .withArgs(ANSWER_STAGE.failed);
  });
});
