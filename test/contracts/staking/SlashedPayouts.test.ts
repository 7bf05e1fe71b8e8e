import { expect } from "chai";
import { id, parseEther } from "ethers";

import { deployProtocol, eventsOf, join, STAKING } from "../support/protocol.ts";
import {
  ACCUSER,
  connection,
  ethers,
  FRAUD,
  HARMED,
  LOCK,
  lockNow,
  networkHelpers,
  since,
  SINK,
  useProtocol,
} from "../support/staking.ts";

describe("SlashedPayouts", () => {
  const protocol = useProtocol();

  const lock = (lockId?: string, amount?: bigint) => lockNow(protocol, lockId, amount);

  describe("payPayout and freezePayout", () => {
    beforeEach(async () => {
      await lock();
      await protocol.byManager.slash(LOCK, FRAUD, await since(), protocol.accuser, protocol.requester);
    });
    const shares = [ACCUSER, HARMED, SINK];

    it("pay each share once, after the airgap", async () => {
      const { payableAt } = await protocol.staking.payoutOf(1);
      for (const share of shares) {
        await expect(protocol.staking.payPayout(1, share))
          .to.be.revertedWithCustomError(protocol.staking, "StakingPayoutPending")
          .withArgs(payableAt);
      }
      const snapshot = await networkHelpers.takeSnapshot();
      await networkHelpers.time.setNextBlockTimestamp(payableAt - 1n);
      await expect(protocol.staking.payPayout(1, SINK))
        .to.be.revertedWithCustomError(protocol.staking, "StakingPayoutPending")
        .withArgs(payableAt);
      await networkHelpers.time.setNextBlockTimestamp(payableAt);
      await protocol.staking.payPayout(1, SINK);
      await snapshot.restore();
      await networkHelpers.time.increaseTo(payableAt);
      const recipients = [protocol.accuser, protocol.requester, protocol.sink];
      const amounts = [parseEther("150"), parseEther("150"), parseEther("300")];
      for (const share of shares) {
        const [recipient, amount] = [recipients[share] ?? protocol.stranger, amounts[share] ?? 0n];
        const payment = protocol.staking.connect(protocol.stranger).payPayout(1, share);
        await expect(payment).to.changeTokenBalance(ethers, protocol.token, recipient, amount);
        await expect(payment).to.emit(protocol.staking, "PayoutPaid").withArgs(1, share, recipient.address, amount);
        await expect(protocol.staking.payPayout(1, share))
          .to.be.revertedWithCustomError(protocol.staking, "StakingPayoutUnknown")
          .withArgs(1, share);
      }
      expect(await protocol.staking.totalHeld()).to.equal(parseEther("400"));
      expect(await protocol.token.balanceOf(protocol.staking)).to.equal(parseEther("400"));
    });
    it("let governance postpone once, by a fixed time, and nothing else", async () => {
      const { payableAt } = await protocol.staking.payoutOf(1);
      await expect(protocol.byAlice.freezePayout(1))
        .to.be.revertedWithCustomError(protocol.staking, "AccessManagedUnauthorized")
        .withArgs(protocol.alice.address);
      await expect(protocol.staking.freezePayout(1))
        .to.emit(protocol.staking, "PayoutFrozen")
        .withArgs(1, payableAt + BigInt(STAKING.freezeSeconds));
      await expect(protocol.staking.freezePayout(1))
        .to.be.revertedWithCustomError(protocol.staking, "StakingPayoutFrozenBefore")
        .withArgs(1);
      await expect(protocol.staking.freezePayout(2))
        .to.be.revertedWithCustomError(protocol.staking, "StakingPayoutUnknown")
        .withArgs(2, SINK);
      await networkHelpers.time.increaseTo(payableAt + BigInt(STAKING.freezeSeconds));
      await protocol.staking.payPayout(1, ACCUSER);
    });
    it("make accusing oneself, even over one's own request, a loss of half", async () => {
      await join(protocol, protocol.bob, parseEther("2000"));
      await lockNow(protocol, id("self"), parseEther("1000"), protocol.bob);
      await protocol.byManager.slash(id("self"), FRAUD, await since(), protocol.bob, protocol.bob);
      await networkHelpers.time.increase(STAKING.payoutDelaySeconds);
      const before = await protocol.token.balanceOf(protocol.bob);
      await protocol.staking.payPayout(2, ACCUSER);
      await protocol.staking.payPayout(2, HARMED);
      expect((await protocol.token.balanceOf(protocol.bob)) - before).to.equal(parseEther("500"));
    });
  });

  describe("a recipient that the token refuses", () => {
    it("holds up its own share only", async () => {
      const token = await ethers.deployContract("TokenMock");
      const other = await deployProtocol(connection, await token.getAddress());
      await other.staking.addManager(other.court);
      await join(other, other.alice);
      const manager = other.staking.connect(other.court);
      const [event] = await eventsOf(other.staking, await lockNow(other));
      expect(event?.name).to.equal("Locked");
      await manager.slash(LOCK, FRAUD, await since(), other.accuser, other.requester);
      await token.setRefused(other.accuser);
      await networkHelpers.time.increase(STAKING.payoutDelaySeconds);
      await expect(other.staking.payPayout(1, ACCUSER))
        .to.be.revertedWithCustomError(other.staking, "SafeERC20FailedOperation")
        .withArgs(token);
      await other.staking.payPayout(1, HARMED);
      await other.staking.payPayout(1, SINK);
    });
  });
});
