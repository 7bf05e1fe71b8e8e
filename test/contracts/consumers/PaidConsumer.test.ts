import { expect } from "chai";

import { ethers, FEE, networkHelpers, useProtocol } from "../support/market.ts";

import { digitReader } from "../support/reader.ts";

const { time } = networkHelpers;

describe("PaidConsumer", () => {
  const protocol = useProtocol();

  it("returns the fee of a request that failed to whoever asked, once", async () => {
    const { contract, ask } = await digitReader(protocol);
    const made = await ask();
    await expect(contract.reclaim(made.id))
      .to.be.revertedWithCustomError(contract, "ConsumerNothingToReclaim")
      .withArgs(made.id);
    await time.increase(600);
    await protocol.market.refund(made.request);
    await expect(contract.reclaim(made.id)).to.changeTokenBalance(ethers, protocol.token, protocol.requester, FEE);
    await expect(contract.reclaim(made.id))
      .to.be.revertedWithCustomError(contract, "ConsumerNothingToReclaim")
      .withArgs(made.id);
  });
  it("returns it also when somebody else withdrew the credit for it", async () => {
    const { contract, ask } = await digitReader(protocol);
    const made = await ask();
    await time.increase(600);
    await protocol.market.refund(made.request);
    await protocol.market.withdraw(contract);
    await expect(contract.reclaim(made.id)).to.changeTokenBalance(ethers, protocol.token, protocol.requester, FEE);
  });
});
