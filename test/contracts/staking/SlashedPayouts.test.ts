import { expect } from "chai";
import { id, parseEther } from "ethers";

import { deployProtocol, eventsOf, join, STAKING, type Protocol, type Signer } from "../support/protocol.ts";
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
  stakedProtocol,
} from "../support/staking.ts";

describe("SlashedPayouts", () => {
  let protocol: Protocol;
  let staking: Protocol["staking"];
  let alice: Signer;
  let byAlice: typeof staking;
  let byManager: typeof staking;
  beforeEach(async () => {
    protocol = await networkHelpers.loadFixture(stakedProtocol);
    ({ staking, alice } = protocol);
    byAlice = staking.connect(alice);
    byManager = staking.connect(protocol.court);
  });

  const lock = (lockId?: string, amount?: bigint) => lockNow(protocol, lockId, amount);

  describe("payPayout and freezePayout", () => {
    beforeEach(async () => {
      await lock();
      await byManager.slash(LOCK, FRAUD, await since(), protocol.accuser, protocol.requester);
    });
    const shares = [ACCUSER, HARMED, SINK];

    it("pay each share once, after the airgap", async () => {
      const { payableAt } = await staking.payoutOf(1);
      for (const share of shares) {
        await expect(staking.payPayout(1, share))
          .to.be.revertedWithCustomError(staking, "StakingPayoutPending")
          .withArgs(payableAt);
      }
      const snapshot = await networkHelpers.takeSnapshot();
      await networkHelpers.time.setNextBlockTimestamp(payableAt - 1n);
      await expect(staking.payPayout(1, SINK)).to.be.revertedWithCustomError(staking, "StakingPayoutPending");
      await networkHelpers.time.setNextBlockTimestamp(payableAt);
      await staking.payPayout(1, SINK);
      await snapshot.restore();
      await networkHelpers.time.increaseTo(payableAt);
      const recipients = [protocol.accuser, protocol.requester, protocol.sink];
      const amounts = [parseEther("150"), parseEther("150"), parseEther("300")];
      for (const share of shares) {
        const [recipient, amount] = [recipients[share] ?? protocol.stranger, amounts[share] ?? 0n];
        const payment = staking.connect(protocol.stranger).payPayout(1, share);
        await expect(payment).to.changeTokenBalance(ethers, protocol.token, recipient, amount);
        await expect(payment).to.emit(staking, "PayoutPaid").withArgs(1, share, recipient.address, amount);
        await expect(staking.payPayout(1, share))
          .to.be.revertedWithCustomError(staking, "StakingPayoutUnknown")
          .withArgs(1, share);
      }
      expect(await staking.totalHeld()).to.equal(parseEther("400"));
      expect(await protocol.token.balanceOf(staking)).to.equal(parseEther("400"));
    });
    it("let governance postpone once, by a fixed time, and nothing else", async () => {
      const { payableAt } = await staking.payoutOf(1);
      await expect(byAlice.freezePayout(1)).to.be.revertedWithCustomError(staking, "AccessManagedUnauthorized");
      await expect(staking.freezePayout(1))
        .to.emit(staking, "PayoutFrozen")
        .withArgs(1, payableAt + BigInt(STAKING.freezeSeconds));
      await expect(staking.freezePayout(1))
        .to.be.revertedWithCustomError(staking, "StakingPayoutFrozenBefore")
        .withArgs(1);
      await expect(staking.freezePayout(2))
        .to.be.revertedWithCustomError(staking, "StakingPayoutUnknown")
        .withArgs(2, SINK);
      await networkHelpers.time.increaseTo(payableAt + BigInt(STAKING.freezeSeconds));
      await staking.payPayout(1, ACCUSER);
    });
    it("make accusing oneself, even over one's own request, a loss of half", async () => {
      await join(protocol, protocol.bob, parseEther("2000"));
      await lockNow(protocol, id("self"), parseEther("1000"), protocol.bob);
      await byManager.slash(id("self"), FRAUD, await since(), protocol.bob, protocol.bob);
      await networkHelpers.time.increase(STAKING.payoutDelaySeconds);
      const before = await protocol.token.balanceOf(protocol.bob);
      await staking.payPayout(2, ACCUSER);
      await staking.payPayout(2, HARMED);
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
      await expect(other.staking.payPayout(1, ACCUSER)).to.be.revertedWithCustomError(
        other.staking,
        "SafeERC20FailedOperation",
      );
      await other.staking.payPayout(1, HARMED);
      await other.staking.payPayout(1, SINK);
    });
  });
});
