import { expect } from "chai";
import { parseEther, ZeroAddress } from "ethers";

import { actionsOn, ethers, hostileVault, ONE, useVault, VIRTUAL_SHARES } from "../support/vault.ts";

const SHARES = parseEther("1000") * VIRTUAL_SHARES;

describe("RedeemQueue", () => {
  const { protocol, ...act } = useVault();
  /** What a settled batch gets for each of these shares, less than a unit of the token missing. */
  const claimOf = (holder: { address: string }) => protocol.vault.maxWithdraw(holder.address);

  describe("setOperator", () => {
    it("lets another account act, and no more", async () => {
      const { vault, alice, stranger } = protocol;
      expect(await vault.connect(alice).setOperator.staticCall(stranger, true)).to.equal(true);
      await expect(vault.connect(alice).setOperator(stranger, true))
        .to.emit(vault, "OperatorSet")
        .withArgs(alice.address, stranger.address, true);
      expect(await vault.isOperator(alice, stranger)).to.equal(true);
      expect(await vault.isOperator(stranger, alice)).to.equal(false);
      await expect(vault.connect(alice).setOperator(stranger, false))
        .to.emit(vault, "OperatorSet")
        .withArgs(alice.address, stranger.address, false);
      expect(await vault.isOperator(alice, stranger)).to.equal(false);
    });
  });

  describe("requestRedeem", () => {
    it("takes the shares into the open batch", async () => {
      const { vault, alice, bob } = protocol;
      expect(await vault.connect(alice).requestRedeem.staticCall(SHARES, bob, alice)).to.equal(1n);
      await expect(act.request(alice, SHARES, bob))
        .to.emit(vault, "RedeemRequest")
        .withArgs(bob.address, alice.address, 1, alice.address, SHARES);
      expect(await vault.balanceOf(alice)).to.equal(2n * SHARES);
      expect(await vault.balanceOf(vault)).to.equal(SHARES);
      expect(await vault.pendingRedeemRequest(1, bob)).to.equal(SHARES);
      expect(await vault.pendingRedeemRequest(1, alice)).to.equal(0n);
      expect(await vault.claimableRedeemRequest(1, bob)).to.equal(0n);
      expect((await vault.batchOf(1)).shares).to.equal(SHARES);
    });
    it("adds requests of a controller and of others in one batch", async () => {
      const { vault, alice, bob } = protocol;
      await act.request(alice, SHARES);
      await act.request(alice, 5n);
      await act.request(bob, 7n);
      expect(await vault.pendingRedeemRequest(1, alice)).to.equal(SHARES + 5n);
      expect((await vault.batchOf(1)).shares).to.equal(SHARES + 12n);
    });
    it("closes a batch whose time has come first, and opens the next one", async () => {
      const { vault, alice, bob } = protocol;
      await act.request(alice, SHARES);
      await act.nextPeriod();
      await expect(act.request(bob, SHARES))
        .to.emit(vault, "RedeemRequest")
        .withArgs(bob.address, bob.address, 2, bob.address, SHARES);
      expect(await vault.openBatch()).to.equal(2n);
      expect(await vault.pendingRedeemRequest(1, bob)).to.equal(0n);
    });
    it("refuses no shares", async () => {
      await expect(act.request(protocol.alice, 0n)).to.be.revertedWithCustomError(protocol.vault, "VaultSharesZero");
    });
    it("refuses a request that nobody could claim", async () => {
      const { vault, alice } = protocol;
      await expect(vault.connect(alice).requestRedeem(SHARES, ZeroAddress, alice)).to.be.revertedWithCustomError(
        vault,
        "VaultControllerZero",
      );
    });
    it("refuses more than the balance", async () => {
      const { vault, bob } = protocol;
      await expect(act.request(bob, SHARES + 1n))
        .to.be.revertedWithCustomError(vault, "ERC20InsufficientBalance")
        .withArgs(bob.address, SHARES, SHARES + 1n);
    });

    describe("when another account calls", () => {
      it("refuses it without the owner's consent", async () => {
        const { vault, alice, stranger } = protocol;
        await expect(vault.connect(stranger).requestRedeem(SHARES, stranger, alice))
          .to.be.revertedWithCustomError(vault, "ERC20InsufficientAllowance")
          .withArgs(stranger.address, 0, SHARES);
      });
      it("uses its allowance", async () => {
        const { vault, alice, stranger } = protocol;
        await vault.connect(alice).approve(stranger, SHARES + 1n);
        await vault.connect(stranger).requestRedeem(SHARES, stranger, alice);
        expect(await vault.allowance(alice, stranger)).to.equal(1n);
        expect(await vault.pendingRedeemRequest(1, stranger)).to.equal(SHARES);
      });
      it("leaves an operator's allowance alone", async () => {
        const { vault, alice, stranger } = protocol;
        await vault.connect(alice).setOperator(stranger, true);
        await expect(vault.connect(stranger).requestRedeem(SHARES, alice, alice))
          .to.emit(vault, "RedeemRequest")
          .withArgs(alice.address, alice.address, 1, stranger.address, SHARES);
        expect(await vault.allowance(alice, stranger)).to.equal(0n);
      });
      it("gives a controller no power over other shares of the owner", async () => {
        const { vault, alice, stranger } = protocol;
        await act.request(alice, SHARES, stranger);
        await expect(vault.connect(stranger).requestRedeem(1n, stranger, alice)).to.be.revertedWithCustomError(
          vault,
          "ERC20InsufficientAllowance",
        );
      });
    });
  });

  describe("redeem", () => {
    beforeEach(async () => {
      await act.request(protocol.alice, SHARES);
      await act.request(protocol.bob, SHARES / 2n);
      await act.close();
    });

    it("refuses before the batch is settled, mature or not", async () => {
      const { vault, alice } = protocol;
      await act.mature();
      await expect(vault.connect(alice).redeem(SHARES, alice, alice))
        .to.be.revertedWithCustomError(vault, "ERC4626ExceededMaxRedeem")
        .withArgs(alice.address, SHARES, 0);
      expect(await vault.maxRedeem(alice)).to.equal(0n);
      expect(await vault.maxWithdraw(alice)).to.equal(0n);
    });

    describe("given a settled batch", () => {
      beforeEach(async () => {
        await act.mature();
        await protocol.vault.sync();
      });
      it("pays pro rata, once", async () => {
        const { vault, alice, bob, token, stranger } = protocol;
        const { assets, shares } = await vault.batchOf(1);
        const paid = (SHARES * assets) / shares;
        expect(await vault.claimableRedeemRequest(1, alice)).to.equal(SHARES);
        expect(await vault.pendingRedeemRequest(1, alice)).to.equal(0n);
        expect([...(await vault.claimableOf(alice))]).to.deep.equal([SHARES, paid]);
        expect(await vault.connect(alice).redeem.staticCall(SHARES, stranger, alice)).to.equal(paid);
        const redeem = vault.connect(alice).redeem(SHARES, stranger, alice);
        await expect(redeem)
          .to.emit(vault, "Withdraw")
          .withArgs(alice.address, stranger.address, alice.address, paid, SHARES);
        await expect(redeem).to.changeTokenBalances(ethers, token, [vault, stranger], [-paid, paid]);
        expect(await vault.reserved()).to.equal(assets - paid);
        expect(await vault.claimableRedeemRequest(1, alice)).to.equal(0n);
        await expect(vault.connect(alice).redeem(1, alice, alice))
          .to.be.revertedWithCustomError(vault, "ERC4626ExceededMaxRedeem")
          .withArgs(alice.address, 1, 0);
        expect(await vault.maxRedeem(bob)).to.equal(SHARES / 2n);
      });
      it("pays parts, each rounded down, and keeps the rest for the vault when the last share is claimed", async () => {
        const { vault, alice, bob } = protocol;
        const { assets, shares } = await vault.batchOf(1);
        const part = SHARES / 3n;
        let paid = 0n;
        for (const claimed of [part, part, SHARES - 2n * part]) {
          const due = (claimed * assets) / shares;
          expect(await vault.connect(alice).redeem.staticCall(claimed, alice, alice)).to.equal(due);
          await vault.connect(alice).redeem(claimed, alice, alice);
          paid += due;
        }
        const { unclaimed, unpaid } = await vault.batchOf(1);
        expect(unclaimed).to.equal(SHARES / 2n);
        expect(unpaid).to.equal(assets - paid);
        expect(await vault.reserved()).to.equal(assets - paid);
        await vault.connect(bob).redeem(SHARES / 2n, bob, bob);
        expect((await vault.batchOf(1)).unpaid).to.equal(0n);
        expect(await vault.reserved()).to.equal(0n);
        expect(await protocol.token.balanceOf(vault)).to.be.within(0n, 3n);
      });
      it("refuses more than there is, and says how much that is", async () => {
        const { vault, alice } = protocol;
        await expect(vault.connect(alice).redeem(SHARES + 1n, alice, alice))
          .to.be.revertedWithCustomError(vault, "ERC4626ExceededMaxRedeem")
          .withArgs(alice.address, SHARES + 1n, SHARES);
      });
      it("refuses who is neither controller nor operator", async () => {
        const { vault, alice, stranger } = protocol;
        await vault.connect(alice).approve(stranger, SHARES);
        await expect(vault.connect(stranger).redeem(SHARES, stranger, alice))
          .to.be.revertedWithCustomError(vault, "VaultNotController")
          .withArgs(stranger.address, alice.address);
        await expect(vault.connect(stranger).withdraw(1, stranger, alice))
          .to.be.revertedWithCustomError(vault, "VaultNotController")
          .withArgs(stranger.address, alice.address);
      });
      it("lets an operator claim, until it is none", async () => {
        const { vault, alice, stranger } = protocol;
        await vault.connect(alice).setOperator(stranger, true);
        await expect(vault.connect(stranger).redeem(SHARES / 2n, alice, alice)).to.emit(vault, "Withdraw");
        await vault.connect(alice).setOperator(stranger, false);
        await expect(vault.connect(stranger).redeem(SHARES / 2n, alice, alice))
          .to.be.revertedWithCustomError(vault, "VaultNotController")
          .withArgs(stranger.address, alice.address);
      });
      it("claims several batches, the oldest first, and none that is not settled", async () => {
        const { vault, alice } = protocol;
        await act.exit(alice, SHARES / 4n);
        await act.request(alice, 9n);
        const first = await vault.batchOf(1);
        const second = await vault.batchOf(2);
        expect(await vault.maxRedeem(alice)).to.equal(SHARES + SHARES / 4n);
        const due = (SHARES * first.assets) / first.shares + ((SHARES / 8n) * second.assets) / second.shares;
        expect(await vault.connect(alice).redeem.staticCall(SHARES + SHARES / 8n, alice, alice)).to.equal(due);
        await vault.connect(alice).redeem(SHARES + SHARES / 8n, alice, alice);
        expect(await vault.claimableRedeemRequest(1, alice)).to.equal(0n);
        expect(await vault.claimableRedeemRequest(2, alice)).to.equal(SHARES / 8n);
        await expect(vault.connect(alice).redeem(SHARES / 8n + 1n, alice, alice))
          .to.be.revertedWithCustomError(vault, "ERC4626ExceededMaxRedeem")
          .withArgs(alice.address, SHARES / 8n + 1n, SHARES / 8n);
      });
    });
  });

  describe("withdraw", () => {
    beforeEach(async () => {
      await act.exit(protocol.alice, SHARES);
      await act.exit(protocol.alice, SHARES);
    });
    it("pays the assets for shares rounded up, the oldest first", async () => {
      const { vault, alice, token, stranger } = protocol;
      const [first, second] = [await vault.batchOf(1), await vault.batchOf(2)];
      const left = parseEther("250") + 1n;
      const assets = first.assets + left;
      const shares = first.shares + (left * second.shares + second.assets - 1n) / second.assets;
      expect(await vault.connect(alice).withdraw.staticCall(assets, stranger, alice)).to.equal(shares);
      const withdraw = vault.connect(alice).withdraw(assets, stranger, alice);
      await expect(withdraw)
        .to.emit(vault, "Withdraw")
        .withArgs(alice.address, stranger.address, alice.address, assets, shares);
      await expect(withdraw).to.changeTokenBalances(ethers, token, [vault, stranger], [-assets, assets]);
      expect(await vault.maxRedeem(alice)).to.equal(first.shares + second.shares - shares);
    });
    it("pays all that can be claimed", async () => {
      const { vault, alice } = protocol;
      const claim = await claimOf(alice);
      await vault.connect(alice).withdraw(claim, alice, alice);
      expect(await vault.maxRedeem(alice)).to.equal(0n);
      expect(await vault.reserved()).to.equal(0n);
    });
    it("refuses more, and says how much that is", async () => {
      const { vault, alice } = protocol;
      const claim = await claimOf(alice);
      await expect(vault.connect(alice).withdraw(claim + 1n, alice, alice))
        .to.be.revertedWithCustomError(vault, "ERC4626ExceededMaxWithdraw")
        .withArgs(alice.address, claim + 1n, claim);
    });
    it("never takes more shares than a request has, unit by unit", async () => {
      const { vault, bob } = protocol;
      await act.exit(bob, 9n * VIRTUAL_SHARES + 1n);
      const { assets } = await vault.batchOf(3);
      let paid = 0n;
      for (; (await claimOf(bob)) !== 0n; paid++) await vault.connect(bob).withdraw(1, bob, bob);
      // Each unit costs shares rounded up, so the last units may be lost.
      expect(paid).to.be.within(assets / 2n, assets);
      expect((await vault.batchOf(3)).unpaid).to.be.within(0n, assets - paid);
      await vault.connect(bob).redeem(await vault.maxRedeem(bob), bob, bob);
      expect((await vault.batchOf(3)).unpaid).to.equal(0n);
    });
  });

  describe("previews and limits of claims", () => {
    it("cannot preview an exit", async () => {
      for (const preview of ["previewRedeem", "previewWithdraw"] as const) {
        await expect(protocol.vault[preview](1)).to.be.revertedWithCustomError(
          protocol.vault,
          "VaultPreviewUnavailable",
        );
      }
    });
    it("are zero for who requested nothing", async () => {
      expect([...(await protocol.vault.claimableOf(protocol.carol))]).to.deep.equal([0n, 0n]);
      expect(await protocol.vault.pendingRedeemRequest(7, protocol.carol)).to.equal(0n);
    });
  });

  describe("supportsInterface", () => {
    it("names ERC-165, ERC-7575 and the two of ERC-7540, and nothing else", async () => {
      for (const known of ["0x01ffc9a7", "0x2f0a18c5", "0xe3bc4e65", "0x620ee8e4"]) {
        expect(await protocol.vault.supportsInterface(known), known).to.equal(true);
      }
      // Deposits are synchronous.
      for (const unknown of ["0xce3bbe50", "0xffffffff"]) {
        expect(await protocol.vault.supportsInterface(unknown), unknown).to.equal(false);
      }
    });
  });

  describe("given a token that refuses a receiver", () => {
    it("holds up that claim only", async () => {
      const other = await hostileVault();
      const { request, close, mature } = actionsOn(other);
      for (const holder of [other.alice, other.bob]) {
        await other.vault.connect(holder).deposit(ONE, holder);
        await request(holder, ONE * VIRTUAL_SHARES);
      }
      await close();
      await mature();
      await other.vault.sync();
      await other.hostile.setRefused(other.alice);
      const claim = await other.vault.maxRedeem(other.alice);
      await expect(other.vault.connect(other.alice).redeem(claim, other.alice, other.alice))
        .to.be.revertedWithCustomError(other.vault, "SafeERC20FailedOperation")
        .withArgs(other.hostile.target);
      await other.vault.connect(other.bob).redeem(claim, other.bob, other.bob);
      await other.vault.connect(other.alice).redeem(claim, other.carol, other.alice);
    });
  });
});
