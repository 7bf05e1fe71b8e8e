import { expect } from "chai";
import { MaxUint256, parseEther, ZeroAddress } from "ethers";

import { OPERATOR_STATUS } from "../../../runner/protocol/enums.ts";
import { assign, EPOCH_SECONDS, EVIDENCE, open, OUTPUT, rootOfF32, STAKING, WINDOW } from "../support/protocol.ts";
import {
  actionsOn,
  COMMISSION_BPS,
  connection,
  emptyVault,
  ethers,
  hostileVault,
  networkHelpers,
  ONE,
  PERIOD,
  useVault,
  type VaultProtocol,
  VESTING,
  VIRTUAL_SHARES,
} from "../support/vault.ts";

/** Free stake of a vault. */
const freeOf = async ({ staking, vault }: VaultProtocol): Promise<bigint> => staking.freeStakeOf(vault);
const MOST = 2n ** 96n - 1n;
const sharesOf = (assets: bigint): bigint => assets * VIRTUAL_SHARES;

describe("DelegationVault", () => {
  const { protocol, ...act } = useVault();
  const staked = async () => (await protocol.staking.operatorOf(protocol.vault)).stake;

  describe("constructor", () => {
    it("takes the token, the stake and the pools of a deployment, and names the shares", async () => {
      expect(await protocol.vault.asset()).to.equal(protocol.token.target);
      expect(await protocol.vault.STAKING()).to.equal(protocol.staking.target);
      expect(await protocol.vault.POOLS()).to.equal(protocol.pools.target);
      expect(await protocol.vault.share()).to.equal(protocol.vault.target);
      expect(await protocol.vault.name()).to.equal("Vault of Assay");
      expect(await protocol.vault.symbol()).to.equal("vASSAY");
      expect(await protocol.vault.decimals()).to.equal(24n);
    });
    it("lets the staking contract alone take its tokens", async () => {
      expect(await protocol.token.allowance(protocol.vault, protocol.staking)).to.equal(MaxUint256);
      expect(await protocol.token.allowance(protocol.vault, protocol.market)).to.equal(0n);
    });
    it("fits periods to the queue of the staking contract: seven of them are longer than unbonding", async () => {
      expect(await protocol.vault.BATCH_SECONDS()).to.equal(PERIOD);
      expect(7 * PERIOD).to.be.greaterThan(STAKING.unbondingSeconds);
    });
    it("refuses a commission above the highest", async () => {
      const factory = await ethers.getContractFactory("DelegationVault");
      await expect(factory.deploy(protocol.pools, protocol.curator, 2_001, "", ""))
        .to.be.revertedWithCustomError(factory, "VaultCommissionTooHigh")
        .withArgs(2_001, 2_000);
    });
    it("refuses nobody as a curator", async () => {
      const factory = await ethers.getContractFactory("DelegationVault");
      await expect(factory.deploy(protocol.pools, ZeroAddress, 0, "", ""))
        .to.be.revertedWithCustomError(factory, "OwnableInvalidOwner")
        .withArgs(ZeroAddress);
    });
  });

  describe("deposit", () => {
    it("stakes the assets at once and mints shares at the price of the stake", async () => {
      const deposit = protocol.vault.connect(protocol.carol).deposit(ONE, protocol.bob);
      await expect(deposit)
        .to.emit(protocol.vault, "Deposit")
        .withArgs(protocol.carol.address, protocol.bob.address, ONE, sharesOf(ONE));
      await expect(deposit).to.emit(protocol.staking, "Deposited").withArgs(protocol.vault.target, ONE);
      expect(await protocol.vault.balanceOf(protocol.bob)).to.equal(sharesOf(parseEther("1001")));
      expect(await staked()).to.equal(parseEther("4001"));
      expect(await protocol.vault.totalAssets()).to.equal(parseEther("4001"));
      expect(await protocol.token.balanceOf(protocol.vault)).to.equal(0n);
      expect(await protocol.token.balanceOf(protocol.carol)).to.equal(parseEther("99999"));
    });
    it("makes the vault an operator that can be drawn", async () => {
      expect((await protocol.staking.operatorOf(protocol.vault)).status).to.equal(OPERATOR_STATUS.active);
    });
    it("mints at the price of a slashed stake", async () => {
      await act.lock(parseEther("600"));
      await act.slash("liveness");
      // 3,990 tokens stand behind 4,000 million shares.
      const shares = ((sharesOf(parseEther("4000")) + VIRTUAL_SHARES) * ONE) / (parseEther("3990") + 1n);
      expect(await protocol.vault.previewDeposit(ONE)).to.equal(shares);
      await protocol.vault.connect(protocol.carol).deposit(ONE, protocol.carol);
      expect(await protocol.vault.balanceOf(protocol.carol)).to.equal(shares);
    });
    it("refuses nothing", async () => {
      await expect(protocol.vault.connect(protocol.carol).deposit(0, protocol.carol)).to.be.revertedWithCustomError(
        protocol.vault,
        "VaultSharesZero",
      );
    });
    it("refuses what a share's price rounds to nothing", async () => {
      const other = await emptyVault();
      await other.vault.connect(other.alice).deposit(1, other.alice);
      await other.token.mint(other.vault, parseEther("100000"));
      await other.vault.sync();
      await networkHelpers.time.increase(VESTING);
      await expect(other.vault.connect(other.bob).deposit(1_000, other.bob)).to.be.revertedWithCustomError(
        other.vault,
        "VaultSharesZero",
      );
    });
    it("refuses more than the staking contract can hold", async () => {
      const most = MOST - parseEther("4000");
      expect(await protocol.vault.maxDeposit(protocol.carol)).to.equal(most);
      await expect(protocol.vault.connect(protocol.carol).deposit(most + 1n, protocol.carol))
        .to.be.revertedWithCustomError(protocol.vault, "ERC4626ExceededMaxDeposit")
        .withArgs(protocol.carol.address, most + 1n, most);
    });

    describe("given a hostile token", () => {
      it("refuses one that takes a fee", async () => {
        const { hostile, vault, staking, alice } = await hostileVault();
        await hostile.setFee(100);
        await hostile.mint(vault, 1_000);
        await expect(vault.connect(alice).deposit(10_000, alice))
          .to.be.revertedWithCustomError(staking, "CreditTokenMismatch")
          .withArgs(9_900, 10_000);
      });
      it("refuses one that brings more than asked", async () => {
        const { hostile, vault, alice } = await hostileVault();
        const mint = hostile.interface.encodeFunctionData("mint", [vault.target, 5]);
        await hostile.setHook(hostile, mint);
        await expect(vault.connect(alice).deposit(10_000, alice))
          .to.be.revertedWithCustomError(vault, "VaultTokenMismatch")
          .withArgs(5, 0);
      });
      it("refuses one that calls back into the vault", async () => {
        const { hostile, vault, alice } = await hostileVault();
        const calls = [
          vault.interface.encodeFunctionData("sync"),
          vault.interface.encodeFunctionData("deposit", [1, alice.address]),
          vault.interface.encodeFunctionData("mint", [1, alice.address]),
          vault.interface.encodeFunctionData("requestRedeem", [1, alice.address, hostile.target]),
          vault.interface.encodeFunctionData("redeem", [0, alice.address, hostile.target]),
          vault.interface.encodeFunctionData("withdraw", [0, alice.address, hostile.target]),
        ];
        for (const call of calls) {
          await hostile.setHook(vault, call);
          await expect(vault.connect(alice).deposit(10_000, alice)).to.be.revertedWithCustomError(
            vault,
            "ReentrancyGuardReentrantCall",
          );
        }
      });
    });
  });

  describe("mint", () => {
    it("takes the assets of the shares, rounded up", async () => {
      await act.lock(parseEther("600"));
      await act.slash("liveness");
      const whole = sharesOf(parseEther("4000")) + VIRTUAL_SHARES;
      const assets = (7n * VIRTUAL_SHARES * (parseEther("3990") + 1n) + whole - 1n) / whole;
      await protocol.vault.connect(protocol.carol).mint(7n * VIRTUAL_SHARES, protocol.carol);
      expect(assets).to.equal(7n);
      expect(await protocol.token.balanceOf(protocol.carol)).to.equal(parseEther("100000") - assets);
      expect(await protocol.vault.balanceOf(protocol.carol)).to.equal(7n * VIRTUAL_SHARES);
    });
    it("refuses more than the staking contract can hold", async () => {
      const most = await protocol.vault.maxMint(protocol.carol);
      expect(most).to.equal(sharesOf(MOST - parseEther("4000")));
      await expect(protocol.vault.connect(protocol.carol).mint(most + 1n, protocol.carol))
        .to.be.revertedWithCustomError(protocol.vault, "ERC4626ExceededMaxMint")
        .withArgs(protocol.carol.address, most + 1n, most);
    });
  });

  describe("sync", () => {
    describe("given tokens that arrived", () => {
      const earned = parseEther("100");
      const commission = (earned * BigInt(COMMISSION_BPS)) / 10_000n;

      it("stakes them less commission; they count as they vest", async () => {
        await act.earn(earned);
        const now = (await networkHelpers.time.latest()) + 10;
        await networkHelpers.time.setNextBlockTimestamp(now);
        await expect(protocol.vault.sync())
          .to.emit(protocol.vault, "EarningsStaked")
          .withArgs(parseEther("90"), commission, now + VESTING);
        expect(await staked()).to.equal(parseEther("4090"));
        expect(await protocol.vault.unvested()).to.equal(parseEther("90"));
        expect(await protocol.vault.totalAssets()).to.equal(parseEther("4000"));
        expect(await protocol.vault.commissionOwed()).to.equal(commission);
        expect(await protocol.vault.reserved()).to.equal(commission);
        await networkHelpers.time.increaseTo(now + VESTING / 2);
        expect(await protocol.vault.totalAssets()).to.equal(parseEther("4045"));
        await networkHelpers.time.increaseTo(now + VESTING);
        expect(await protocol.vault.totalAssets()).to.equal(parseEther("4090"));
        expect(await protocol.vault.unvested()).to.equal(0n);
      });
      it("gives new earnings the whole time and leaves old ones theirs", async () => {
        await act.earn(earned);
        await protocol.vault.sync();
        const first = await networkHelpers.time.latest();
        await act.earn(earned);
        await networkHelpers.time.setNextBlockTimestamp(first + VESTING / 2);
        await protocol.vault.sync();
        expect(await protocol.vault.unvested()).to.equal(parseEther("135"));
        // 45 for half of the time and 90 for all of it.
        const until = first + VESTING / 2 + Math.floor((45 * (VESTING / 2) + 90 * VESTING) / 135);
        await networkHelpers.time.increaseTo(until - 1);
        expect(await protocol.vault.unvested()).to.be.greaterThan(0n);
        await networkHelpers.time.increaseTo(until);
        expect(await protocol.vault.unvested()).to.equal(0n);
      });
      it("is not delayed by donations of one unit", async () => {
        await act.earn(earned);
        await protocol.vault.sync();
        const first = await networkHelpers.time.latest();
        for (let i = 1; i <= 10; i++) {
          await act.earn(1n);
          await networkHelpers.time.setNextBlockTimestamp(first + (VESTING / 20) * i);
          await protocol.vault.sync();
        }
        expect(await protocol.vault.unvested()).to.be.lessThanOrEqual(parseEther("45") + 11n);
        await networkHelpers.time.increaseTo(first + VESTING);
        expect(await protocol.vault.unvested()).to.equal(0n);
      });
      it("does nothing without them", async () => {
        await expect(protocol.vault.sync()).to.not.emit(protocol.vault, "EarningsStaked");
      });
      it("stakes only what the staking contract can hold, and goes on", async () => {
        const other = await hostileVault();
        await other.hostile.mint(other.vault, MOST - 10n);
        await other.vault.sync();
        await other.hostile.mint(other.vault, MOST);
        await other.vault.sync();
        expect((await other.staking.operatorOf(other.vault)).stake).to.be.lessThanOrEqual(MOST);
        await other.vault.sync();
      });
    });

    describe("given a batch", () => {
      const quarter = sharesOf(parseEther("1000"));

      it("closes it in the next period, at the price of that moment, and unbonds", async () => {
        await act.request(protocol.alice, quarter);
        await protocol.vault.sync();
        expect(await protocol.vault.openBatch()).to.equal(1n);
        await act.lock(parseEther("600"));
        await act.slash("liveness");
        const next = await act.nextPeriod();
        await networkHelpers.time.setNextBlockTimestamp(next + 5);
        // A quarter of 3,990, less what the virtual shares round off.
        const assets = (quarter * parseEther("3990")) / (sharesOf(parseEther("4000")) + VIRTUAL_SHARES);
        const releaseAt = next + 5 + STAKING.unbondingSeconds;
        const closing = protocol.vault.sync();
        await expect(closing).to.emit(protocol.vault, "BatchClosed").withArgs(1, quarter, assets, releaseAt);
        await expect(closing)
          .to.emit(protocol.staking, "UnbondingQueued")
          .withArgs(protocol.vault.target, 0, assets, releaseAt);
        expect(await protocol.vault.openBatch()).to.equal(2n);
        expect(await protocol.vault.exitingShares()).to.equal(quarter);
        expect(await protocol.vault.totalSupply()).to.equal(3n * quarter);
        expect(await protocol.vault.balanceOf(protocol.vault)).to.equal(0n);
        expect([...(await protocol.vault.batchOf(1))]).to.deep.equal([quarter, 0n, assets, 0n, BigInt(releaseAt)]);
        expect(await protocol.vault.totalAssets()).to.equal(parseEther("3990") - assets);
      });
      it("settles it after unbonding, not a second earlier", async () => {
        await act.request(protocol.alice, quarter);
        const closed = await act.close();
        const { assets } = await protocol.vault.batchOf(1);
        await networkHelpers.time.setNextBlockTimestamp(closed + STAKING.unbondingSeconds - 1);
        await expect(protocol.vault.sync()).to.not.emit(protocol.vault, "BatchSettled");
        await networkHelpers.time.setNextBlockTimestamp(closed + STAKING.unbondingSeconds);
        await expect(protocol.vault.sync()).to.emit(protocol.vault, "BatchSettled").withArgs(1, quarter, assets);
        expect(await protocol.vault.settledBatch()).to.equal(1n);
        expect(await protocol.vault.reserved()).to.equal(assets);
        expect(await protocol.vault.exitingShares()).to.equal(0n);
        expect(await protocol.token.balanceOf(protocol.vault)).to.equal(assets);
        expect((await protocol.vault.batchOf(1)).unclaimed).to.equal(quarter);
        expect((await protocol.vault.batchOf(1)).unpaid).to.equal(assets);
      });
      it("settles it although a stranger withdrew the exit, and takes none of it for earnings", async () => {
        await act.request(protocol.alice, quarter);
        await act.close();
        const { assets } = await protocol.vault.batchOf(1);
        await act.mature();
        await protocol.staking.connect(protocol.stranger).completeUnbonding(protocol.vault, 0);
        await protocol.vault.sync();
        expect(await protocol.vault.reserved()).to.equal(assets);
        expect(await protocol.vault.unvested()).to.equal(0n);
      });
      it("waits for free stake, and takes further requests meanwhile", async () => {
        await act.lock(parseEther("3500"));
        await act.request(protocol.alice, quarter);
        await act.nextPeriod();
        await expect(protocol.vault.sync()).to.not.emit(protocol.vault, "BatchClosed");
        await act.request(protocol.bob, quarter);
        expect(await protocol.vault.pendingRedeemRequest(1, protocol.bob)).to.equal(quarter);
        await act.release();
        await expect(protocol.vault.sync()).to.emit(protocol.vault, "BatchClosed");
        expect((await protocol.vault.batchOf(1)).shares).to.equal(2n * quarter);
      });
      it("pays a waiting batch what a slash leaves", async () => {
        await act.lock(parseEther("3500"));
        await act.request(protocol.alice, quarter);
        await act.nextPeriod();
        await act.slash("liveness");
        await protocol.vault.sync();
        const { assets } = await protocol.vault.batchOf(1);
        expect(assets).to.be.lessThanOrEqual(parseEther("997.5"));
        expect(assets).to.be.greaterThan(parseEther("997.5") - 2n);
      });
      it("closes one that is worth nothing, without an exit", async () => {
        await act.request(protocol.alice, 1n);
        const closed = await act.close();
        expect([...(await protocol.vault.batchOf(1))]).to.deep.equal([1n, 0n, 0n, 0n, BigInt(closed)]);
        await protocol.vault.sync();
        expect(await protocol.vault.settledBatch()).to.equal(1n);
        expect((await protocol.staking.unbondingOf(protocol.vault)).map(({ amount }) => amount)).to.deep.equal(
          Array<bigint>(8).fill(0n),
        );
      });
      it("never fills the queue: a batch in each of twenty periods, at its latest and its earliest second", async () => {
        for (let period = 0; period < 20; period++) {
          await act.request(protocol.alice, quarter / 40n);
          const next = await act.nextPeriod();
          if (period % 2 === 0) await networkHelpers.time.increaseTo(next + PERIOD - 2);
          await expect(protocol.vault.sync()).to.emit(protocol.vault, "BatchClosed");
        }
        expect(await protocol.vault.openBatch()).to.equal(21n);
      });
      it("lets everybody out", async () => {
        await act.request(protocol.alice, await protocol.vault.balanceOf(protocol.alice));
        await act.request(protocol.bob, await protocol.vault.balanceOf(protocol.bob));
        await act.close();
        await act.mature();
        await protocol.vault.sync();
        const shares = await protocol.vault.maxRedeem(protocol.bob);
        await protocol.vault.connect(protocol.alice).redeem(3n * shares, protocol.alice, protocol.alice);
        await protocol.vault.connect(protocol.bob).redeem(shares, protocol.bob, protocol.bob);
        expect(await protocol.vault.totalSupply()).to.equal(0n);
        expect(await protocol.vault.totalAssets()).to.be.lessThan(3n);
        expect(await protocol.token.balanceOf(protocol.bob)).to.be.greaterThan(parseEther("100000") - 3n);
        // A first depositor after that gains nothing.
        await protocol.vault.connect(protocol.carol).deposit(ONE, protocol.carol);
        const value = await protocol.vault.convertToAssets(await protocol.vault.balanceOf(protocol.carol));
        expect(value).to.be.lessThanOrEqual(ONE);
      });
    });
  });

  describe("given proven fraud", () => {
    const quarter = sharesOf(parseEther("1000"));

    describe("when nobody asked to leave", () => {
      beforeEach(async () => {
        await act.lock(parseEther("600"));
        await act.slash("fraud");
      });
      it("takes no deposits", async () => {
        expect(await protocol.vault.windingDown()).to.equal(true);
        expect(await protocol.vault.retired()).to.equal(true);
        expect(await protocol.vault.maxMint(protocol.carol)).to.equal(0n);
        await expect(protocol.vault.connect(protocol.carol).deposit(ONE, protocol.carol))
          .to.be.revertedWithCustomError(protocol.vault, "ERC4626ExceededMaxDeposit")
          .withArgs(protocol.carol.address, ONE, 0);
      });
      it("unbonds all free stake, once a period, and says since when", async () => {
        const now = (await networkHelpers.time.latest()) + 7;
        await networkHelpers.time.setNextBlockTimestamp(now);
        const sync = protocol.vault.sync();
        await expect(sync).to.emit(protocol.vault, "WindingDown").withArgs(now);
        await expect(sync)
          .to.emit(protocol.staking, "UnbondingQueued")
          .withArgs(protocol.vault.target, 0, parseEther("3400"), now + STAKING.unbondingSeconds);
        expect(await protocol.vault.windingDownSince()).to.equal(now);
        expect(await staked()).to.equal(0n);
        expect(await protocol.vault.totalAssets()).to.equal(parseEther("3400"));
        await expect(protocol.vault.sync()).to.not.emit(protocol.vault, "WindingDown");
      });
      it("pays everybody its part to a unit, without a virtual share", async () => {
        await protocol.vault.sync();
        await act.mature();
        await act.request(protocol.alice, 3n * quarter);
        await act.close();
        await act.request(protocol.bob, quarter);
        await act.close();
        expect(await protocol.vault.maxWithdraw(protocol.alice)).to.equal(parseEther("2550"));
        expect(await protocol.vault.maxWithdraw(protocol.bob)).to.equal(parseEther("850"));
        await protocol.vault.connect(protocol.bob).redeem(quarter, protocol.bob, protocol.bob);
        await protocol.vault.connect(protocol.alice).redeem(3n * quarter, protocol.alice, protocol.alice);
        expect(await protocol.token.balanceOf(protocol.vault)).to.equal(0n);
        expect(await protocol.vault.totalAssets()).to.equal(0n);
      });
      it("gives earnings that come later to the holders, without commission", async () => {
        await act.earn(parseEther("100"));
        await protocol.vault.sync();
        expect(await protocol.vault.commissionOwed()).to.equal(0n);
        expect(await protocol.vault.totalAssets()).to.equal(parseEther("3500"));
      });
      it("pays nobody before tokens came in", async () => {
        await act.request(protocol.alice, quarter);
        await act.close();
        expect((await protocol.vault.batchOf(1)).assets).to.equal(2n ** 104n - 1n);
        expect(await protocol.vault.settledBatch()).to.equal(0n);
        await act.mature();
        await protocol.vault.sync();
        expect(await protocol.vault.settledBatch()).to.equal(1n);
        expect(await protocol.vault.maxWithdraw(protocol.alice)).to.equal(parseEther("850"));
      });
    });

    describe("when some have asked to leave", () => {
      it("gives a batch that is not settled the same part as who stayed, although the core took its exit", async () => {
        await act.request(protocol.alice, quarter);
        await act.close();
        await act.lock(parseEther("100"));
        // 100 of the lock and 400 of the exit: 3,500 are left for 4,000 million shares.
        await act.slash("fraud");
        expect((await protocol.staking.unbondingOf(protocol.vault))[0]?.amount).to.be.lessThan(parseEther("601"));
        await act.mature();
        await protocol.vault.sync();
        expect(await protocol.vault.settledBatch()).to.equal(0n);
        await act.mature();
        await protocol.vault.sync();
        const paid = await protocol.vault.maxWithdraw(protocol.alice);
        expect(paid).to.equal(parseEther("875"));
      });
      it("gives them no advantage over a slash of locked stake", async () => {
        await act.lock(parseEther("2000"));
        await act.request(protocol.alice, 2n * quarter - 1n);
        await act.close();
        await act.slash("fraud");
        await protocol.vault.sync();
        await act.mature();
        await protocol.vault.sync();
        // Half of the stake is gone, so half of the claim.
        expect(await protocol.vault.maxWithdraw(protocol.alice)).to.be.lessThanOrEqual(parseEther("1000"));
        expect(await protocol.vault.maxWithdraw(protocol.alice)).to.be.greaterThan(parseEther("1000") - 2n);
      });
      it("takes nothing from a settled batch", async () => {
        await act.exit(protocol.alice, quarter);
        const claim = await protocol.vault.maxWithdraw(protocol.alice);
        await act.lock(parseEther("3000"));
        await act.slash("fraud");
        await protocol.vault.sync();
        expect(await protocol.vault.maxWithdraw(protocol.alice)).to.equal(claim);
        await protocol.vault.connect(protocol.alice).redeem(quarter, protocol.alice, protocol.alice);
        expect(await protocol.token.balanceOf(protocol.alice)).to.equal(parseEther("97000") + claim);
      });
      it("gives a batch no more than it was closed with", async () => {
        await act.request(protocol.alice, quarter);
        await act.close();
        const { assets } = await protocol.vault.batchOf(1);
        await act.lock(parseEther("100"));
        await act.earn(parseEther("2000"));
        await protocol.vault.sync();
        await act.slash("fraud");
        await act.nextPeriod();
        await protocol.vault.sync();
        await act.mature();
        await protocol.vault.sync();
        expect(await protocol.vault.maxWithdraw(protocol.alice)).to.equal(assets);
        expect(await protocol.vault.totalAssets()).to.be.greaterThan(parseEther("4000"));
      });
    });

    describe("when other locks are open", () => {
      beforeEach(async () => {
        await act.lock(parseEther("400"));
        await act.lock(parseEther("1000"), "other");
        await act.slash("fraud");
        await protocol.vault.sync();
        await act.request(protocol.alice, quarter);
        await act.close();
      });
      it("settles nothing before they end, and then by what they left", async () => {
        await networkHelpers.time.increase(STAKING.unbondingSeconds - 2 * PERIOD);
        await protocol.vault.sync();
        expect(await protocol.vault.settledBatch()).to.equal(0n);
        await act.slash("fraud", "other");
        await act.mature();
        await protocol.vault.sync();
        expect(await protocol.vault.maxWithdraw(protocol.alice)).to.equal(parseEther("625"));
      });
      it("forgets a lock that has not ended after an unbonding time", async () => {
        const since = Number(await protocol.vault.windingDownSince());
        await networkHelpers.time.setNextBlockTimestamp(since + STAKING.unbondingSeconds - 1);
        await protocol.vault.sync();
        expect(await protocol.vault.settledBatch()).to.equal(0n);
        await networkHelpers.time.setNextBlockTimestamp(since + STAKING.unbondingSeconds);
        await protocol.vault.sync();
        expect(await protocol.vault.settledBatch()).to.equal(1n);
        // A quarter of 2,500: the 1,000 may never come.
        expect(await protocol.vault.maxWithdraw(protocol.alice)).to.equal(parseEther("625"));
        await act.release("other");
        expect(await protocol.vault.totalAssets()).to.equal(parseEther("2875"));
      });
      it("counts the penalty that is owed", async () => {
        // The exit of the free stake gave 100 for the first fraud; all free stake is on its way out.
        await act.slash("fraud", "other");
        const fresh = await emptyVault();
        const { lock, slash } = actionsOn(fresh);
        await fresh.vault.connect(fresh.alice).deposit(parseEther("1000"), fresh.alice);
        await lock(parseEther("100"));
        await lock(parseEther("900"), "other");
        await slash("fraud");
        expect(await fresh.staking.owedOf(fresh.vault)).to.equal(parseEther("400"));
        expect(await fresh.vault.totalAssets()).to.equal(parseEther("500"));
      });
    });

    it("owns nothing when all of it was taken, and lets everybody claim that", async () => {
      await act.lock(parseEther("4000"));
      await act.slash("fraud");
      expect(await protocol.vault.totalAssets()).to.equal(0n);
      await act.request(protocol.alice, 3n * quarter);
      await act.request(protocol.bob, quarter);
      await act.close();
      expect(await protocol.vault.settledBatch()).to.equal(1n);
      await expect(protocol.vault.connect(protocol.bob).redeem(quarter, protocol.bob, protocol.bob))
        .to.emit(protocol.vault, "Withdraw")
        .withArgs(protocol.bob.address, protocol.bob.address, protocol.bob.address, 0, quarter);
      expect(await protocol.vault.totalAssets()).to.equal(0n);
    });
  });

  describe("given a share that is worth less than a thousandth of its first price", () => {
    /** A vault with 10 tokens, of which a slash of one lock left some. */
    const slashed = async (left: string) => {
      const other = await emptyVault();
      const actions = actionsOn(other);
      await other.vault.connect(other.alice).deposit(parseEther("10"), other.alice);
      await actions.lock(parseEther("10") - parseEther(left));
      await actions.slash("liveness");
      expect(await other.vault.totalAssets()).to.equal(parseEther(left));
      return { other, ...actions };
    };
    it("takes no deposits, and takes them at a thousandth", async () => {
      const { other } = await slashed("0.01");
      expect(await other.vault.retired()).to.equal(false);
      const { other: dust } = await slashed("0.009999999");
      expect(await dust.vault.retired()).to.equal(true);
      expect(await dust.vault.windingDown()).to.equal(false);
      await expect(dust.vault.connect(dust.bob).deposit(ONE, dust.bob))
        .to.be.revertedWithCustomError(dust.vault, "ERC4626ExceededMaxDeposit")
        .withArgs(dust.bob.address, ONE, 0);
    });
    it("cannot be used to multiply shares by rounds of slashes to nothing and deposits", async () => {
      const { other, lock, slash } = await slashed("0.01");
      let rounds = 0;
      for (; rounds < 8 && !(await other.vault.retired()); rounds++) {
        await other.vault.connect(other.bob).deposit(parseEther("1000"), other.bob);
        await networkHelpers.time.increase(STAKING.jailSeconds);
        await other.vault.connect(other.curator).unjail();
        for (const share of [4, 3, 2, 1]) {
          await lock((await freeOf(other)) / BigInt(share), `round ${rounds}, ${share}`);
        }
        for (const share of [4, 3, 2, 1]) await slash("fraud", `round ${rounds}, ${share}`);
      }
      expect(rounds).to.equal(1);
      expect(await other.vault.totalSupply()).to.be.lessThan(2n ** 128n);
    });
    it("still lets everybody out", async () => {
      const other = await emptyVault();
      const actions = actionsOn(other);
      await other.vault.connect(other.alice).deposit(parseEther("10"), other.alice);
      await actions.lock(parseEther("10"));
      await actions.slash("liveness");
      expect(await other.vault.totalAssets()).to.equal(0n);
      expect(await other.vault.retired()).to.equal(true);
      await actions.exit(other.alice, await other.vault.balanceOf(other.alice));
      await other.vault.connect(other.alice).redeem(sharesOf(parseEther("10")), other.alice, other.alice);
      expect(await other.vault.totalSupply()).to.equal(0n);
    });
  });

  describe("given stake that a slash took below what has not vested", () => {
    it("counts nothing rather than less", async () => {
      const other = await emptyVault();
      const actions = actionsOn(other);
      await other.vault.connect(other.alice).deposit(parseEther("5"), other.alice);
      await actions.earn(parseEther("20"));
      await other.vault.sync();
      await actions.lock(parseEther("23"));
      await actions.slash("liveness");
      expect(await freeOf(other)).to.equal(parseEther("13"));
      expect(await other.vault.totalAssets()).to.equal(0n);
      expect(await other.vault.maxDeposit(other.bob)).to.equal(0n);
      await networkHelpers.time.increase(VESTING);
      expect(await other.vault.totalAssets()).to.equal(parseEther("13"));
    });
  });

  describe("given the vault as an operator of the market", () => {
    it("answers through its agent, and its fee reaches the shares", async () => {
      await act.join();
      const { market, vault, agent, token } = protocol;
      const opened = await open(protocol);
      expect(await assign(connection, protocol, opened)).to.equal(vault.target);
      await expect(market.connect(protocol.stranger).claim(opened.request, OUTPUT, rootOfF32(OUTPUT), "", EVIDENCE))
        .to.be.revertedWithCustomError(market, "MarketNotOperator")
        .withArgs(protocol.stranger.address, vault.target);
      await market.connect(agent).claim(opened.request, OUTPUT, rootOfF32(OUTPUT), "", EVIDENCE);
      await networkHelpers.time.increase(WINDOW + 1);
      await market.finalise(opened.request, "0x");
      const fee = await market.creditOf(vault);
      // A tenth is the publisher's, a tenth pays audits.
      expect(fee).to.equal(parseEther("8"));
      await market.connect(protocol.stranger).withdraw(vault);
      expect(await token.balanceOf(vault)).to.equal(fee);
      await vault.sync();
      await networkHelpers.time.increase(VESTING);
      expect(await vault.totalAssets()).to.equal(parseEther("4007.2"));
      expect(await vault.commissionOwed()).to.equal(parseEther("0.8"));
    });
    it("can be weighed by anyone after a deposit", async () => {
      await act.join();
      const { vault, pools, versionId } = protocol;
      await vault.connect(protocol.carol).deposit(parseEther("1000"), protocol.carol);
      await pools.connect(protocol.stranger).weigh(vault, [versionId]);
      await networkHelpers.time.increase(EPOCH_SECONDS);
      expect(await pools.weightOf(vault, versionId, await pools.epoch())).to.equal(5_000_000n);
    });
  });
});
