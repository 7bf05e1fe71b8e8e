import { expect } from "chai";
import { ZeroAddress } from "ethers";

import { networkHelpers, RICH, stageAt, TERMS } from "../../../testing/toy-court.ts";

const { time } = networkHelpers;

describe("CourtRecord", () => {
  describe("withdraw", () => {
    const convicted = async () => {
      const stage = await stageAt("challenged");
      await time.increase(TERMS.traceWindow + 1);
      await stage.court.convictWithoutTrace(stage.claimId, stage.request);
      return stage;
    };

    describe("given credit", () => {
      it("pays the account, whoever calls, once", async () => {
        const { court, token, stranger, challenger } = await convicted();
        const move = court.connect(stranger).withdraw(challenger);
        await expect(move).to.emit(court, "CreditWithdrawn").withArgs(challenger, TERMS.challengeBond);
        expect(await token.balanceOf(challenger)).to.equal(RICH);
        expect(await token.balanceOf(court)).to.equal(0n);
        await expect(court.withdraw(challenger))
          .to.be.revertedWithCustomError(court, "CreditZero")
          .withArgs(challenger);
      });

      it("keeps the credit while the token refuses the account; verdicts did not wait for it", async () => {
        const { court, token, challenger } = await convicted();
        await token.setBlocked(challenger, true);
        await expect(court.withdraw(challenger))
          .to.be.revertedWithCustomError(token, "BondTokenBlocked")
          .withArgs(challenger);
        expect(await court.creditOf(challenger)).to.equal(TERMS.challengeBond);
        await token.setBlocked(challenger, false);
        await court.withdraw(challenger);
      });
    });

    describe("given none", () => {
      it("reverts", async () => {
        const { court } = await stageAt("open");
        await expect(court.withdraw(ZeroAddress))
          .to.be.revertedWithCustomError(court, "CreditZero")
          .withArgs(ZeroAddress);
      });
    });
  });
});
