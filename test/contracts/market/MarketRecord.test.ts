import { expect } from "chai";
import { id, ZeroHash } from "ethers";

import { connection, ethers, FEE, FINALITY, networkHelpers, useProtocol } from "../support/market.ts";
import { assign, DAY, open } from "../support/protocol.ts";

const { time } = networkHelpers;

describe("MarketRecord", () => {
  const protocol = useProtocol();

  const opened = (overrides: object = {}) => open(protocol, overrides);

  describe("withdraw", () => {
    it("pays an account its credits, whoever calls, once", async () => {
      const made = await opened();
      await time.increase(DAY);
      await protocol.market.refund(made.request);
      const withdrawal = protocol.market.connect(protocol.stranger).withdraw(protocol.requester);
      await expect(withdrawal).to.changeTokenBalance(ethers, protocol.token, protocol.requester, FEE);
      await expect(withdrawal).to.emit(protocol.market, "CreditWithdrawn").withArgs(protocol.requester.address, FEE);
      await expect(protocol.market.withdraw(protocol.requester))
        .to.be.revertedWithCustomError(protocol.market, "CreditZero")
        .withArgs(protocol.requester.address);
    });
  });

  describe("resultOf, stateOf and claimOf", () => {
    it("say plainly that nothing is known, or nothing yet", async () => {
      expect([...(await protocol.market.resultOf(id("?")))]).to.deep.equal([FINALITY.unknown, ZeroHash]);
      const made = await opened();
      expect([...(await protocol.market.resultOf(made.id))]).to.deep.equal([FINALITY.pending, ZeroHash]);
      await assign(connection, protocol, made);
      expect([...(await protocol.market.resultOf(made.id))]).to.deep.equal([FINALITY.pending, ZeroHash]);
      const { outputRoot, claimId } = await protocol.market.claimOf(made.id);
      expect([outputRoot, claimId]).to.deep.equal([ZeroHash, ZeroHash]);
    });
  });
});
