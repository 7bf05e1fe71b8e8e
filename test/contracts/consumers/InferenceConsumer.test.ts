import { expect } from "chai";
import { id, ZeroHash } from "ethers";

import { joinedProtocol, networkHelpers, openClaimed } from "../support/market.ts";
import { OUTPUT, type Protocol } from "../support/protocol.ts";
import { digitReader } from "../support/reader.ts";

describe("InferenceConsumer", () => {
  let protocol: Protocol;
  let market: Protocol["market"];
  beforeEach(async () => {
    protocol = await networkHelpers.loadFixture(joinedProtocol);
    ({ market } = protocol);
  });

  it("listens to nobody but its market, about nothing but its requests", async () => {
    const { contract } = await digitReader(protocol);
    await expect(contract.connect(protocol.alice).onInference(id("x"), 1, ZeroHash, OUTPUT))
      .to.be.revertedWithCustomError(contract, "ConsumerNotMarket")
      .withArgs(protocol.alice.address, market.target);
    const foreign = await openClaimed(protocol, { callback: await contract.getAddress(), callbackGas: 150_000 });
    await expect(foreign.transaction).to.emit(market, "CallbackDone").withArgs(foreign.id, 0, false);
    expect([...(await contract.readingOf(foreign.id))]).to.deep.equal([0n, 0n, false]);
  });
});
