import { expect } from "chai";
import { id, ZeroHash } from "ethers";

import { openClaimed, useProtocol } from "../support/market.ts";
import { OUTPUT } from "../support/protocol.ts";
import { digitReader } from "../support/reader.ts";

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
});
