import { expect } from "chai";

import { ethers, FEE, joinedProtocol, networkHelpers } from "../support/market.ts";
import type { Protocol } from "../support/protocol.ts";
import { digitReader } from "../support/reader.ts";

const { time } = networkHelpers;

describe("PaidConsumer", () => {
  let protocol: Protocol;
  let market: Protocol["market"];
  beforeEach(async () => {
    protocol = await networkHelpers.loadFixture(joinedProtocol);
    ({ market } = protocol);
  });

  it("returns the fee of a request that failed to whoever asked, once", async () => {
    const { contract, ask } = await digitReader(protocol);
    const made = await ask();
    await expect(contract.reclaim(made.id))
      .to.be.revertedWithCustomError(contract, "ConsumerNothingToReclaim")
      .withArgs(made.id);
    await time.increase(600);
    await market.refund(made.request);
    await expect(contract.reclaim(made.id)).to.changeTokenBalance(ethers, protocol.token, protocol.requester, FEE);
    await expect(contract.reclaim(made.id)).to.be.revertedWithCustomError(contract, "ConsumerNothingToReclaim");
  });
  it("returns it also when somebody else withdrew the credit for it", async () => {
    const { contract, ask } = await digitReader(protocol);
    const made = await ask();
    await time.increase(600);
    await market.refund(made.request);
    await market.withdraw(contract);
    await expect(contract.reclaim(made.id)).to.changeTokenBalance(ethers, protocol.token, protocol.requester, FEE);
  });
});
