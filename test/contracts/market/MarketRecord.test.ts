import { expect } from "chai";
import { id, ZeroHash } from "ethers";

import { FINALITY } from "../../../runner/protocol/enums.ts";
import { connection, ethers, FEE, joinedProtocol, networkHelpers } from "../support/market.ts";
import { assign, DAY, open, type Protocol } from "../support/protocol.ts";

const { time } = networkHelpers;

describe("MarketRecord", () => {
  let protocol: Protocol;
  let market: Protocol["market"];
  beforeEach(async () => {
    protocol = await networkHelpers.loadFixture(joinedProtocol);
    ({ market } = protocol);
  });

  const opened = (overrides: object = {}) => open(protocol, overrides);

  describe("withdraw", () => {
    it("pays an account its credits, whoever calls, once", async () => {
      const made = await opened();
      await time.increase(DAY);
      await market.refund(made.request);
      const withdrawal = market.connect(protocol.stranger).withdraw(protocol.requester);
      await expect(withdrawal).to.changeTokenBalance(ethers, protocol.token, protocol.requester, FEE);
      await expect(withdrawal).to.emit(market, "CreditWithdrawn").withArgs(protocol.requester.address, FEE);
      await expect(market.withdraw(protocol.requester))
        .to.be.revertedWithCustomError(market, "CreditZero")
        .withArgs(protocol.requester.address);
    });
  });

  describe("resultOf, stateOf and claimOf", () => {
    it("say plainly that nothing is known, or nothing yet", async () => {
      expect([...(await market.resultOf(id("?")))]).to.deep.equal([FINALITY.unknown, ZeroHash]);
      const made = await opened();
      expect([...(await market.resultOf(made.id))]).to.deep.equal([FINALITY.pending, ZeroHash]);
      await assign(connection, protocol, made);
      expect([...(await market.resultOf(made.id))]).to.deep.equal([FINALITY.pending, ZeroHash]);
      const { outputRoot, claimId } = await market.claimOf(made.id);
      expect([outputRoot, claimId]).to.deep.equal([ZeroHash, ZeroHash]);
    });
  });
});
