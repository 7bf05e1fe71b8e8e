import { expect } from "chai";
import { parseEther } from "ethers";

import { assign, OPEN_TERMS, open, STAKING } from "../support/protocol.ts";
import {
  actionsOn,
  connection,
  emptyVault,
  networkHelpers,
  PERIOD,
  useVault,
  VESTING,
  VIRTUAL_SHARES,
} from "../support/vault.ts";

const THOUSAND = parseEther("1000");
const SHARES = THOUSAND * VIRTUAL_SHARES;

describe("DelegationVault under attack", () => {
  const { protocol, ...act } = useVault();

  describe("by a first depositor who makes shares dear", () => {
    it("costs the attacker half of its donation and its victims next to nothing", async () => {
      const other = await emptyVault();
      const { vault, token, alice: attacker, bob: victim } = other;
      await vault.connect(attacker).deposit(1, attacker);
      await token.connect(attacker).transfer(vault, parseEther("10000"));
      await vault.sync();
      await networkHelpers.time.increase(VESTING);
      await vault.connect(victim).deposit(THOUSAND, victim);
      const lost = THOUSAND - (await vault.convertToAssets(await vault.balanceOf(victim)));
      expect(lost).to.be.lessThan(parseEther("0.005"));
      // 9,000 after commission; the virtual shares hold as many as the attacker.
      const kept = await vault.convertToAssets(await vault.balanceOf(attacker));
      expect(kept).to.be.within(parseEther("4500"), parseEther("4500.005"));
    });
    it("gains nothing by a donation before the first deposit either", async () => {
      const other = await emptyVault();
      const { vault, token, alice: attacker, bob: victim } = other;
      await token.connect(attacker).transfer(vault, parseEther("10000"));
      await vault.sync();
      await networkHelpers.time.increase(VESTING);
      await vault.connect(victim).deposit(THOUSAND, victim);
      const worth = await vault.convertToAssets(await vault.balanceOf(victim));
      expect(worth).to.be.within(THOUSAND - parseEther("0.01"), THOUSAND);
    });
  });

  describe("by a deposit just before earnings arrive", () => {
    const snipe = async (wait: number) => {
      const { vault, carol } = protocol;
      await act.nextPeriod();
      await networkHelpers.time.increase(PERIOD - 60 - wait);
      await vault.connect(carol).deposit(4n * THOUSAND, carol);
      await act.earn(THOUSAND);
      await vault.sync();
      await act.request(carol, await vault.balanceOf(carol));
      await act.close();
      return (await vault.batchOf(1)).assets - 4n * THOUSAND;
    };
    it("brings nothing when the exit is closed at once", async () => {
      // A minute of the vesting time, on half of 900.
      expect(await snipe(0)).to.be.lessThan(parseEther("0.06"));
    });
    it("brings what vested while it stayed, and binds the deposit for the unbonding time", async () => {
      const most = (parseEther("450") * BigInt(86_400 + 60)) / BigInt(VESTING);
      expect(await snipe(86_400)).to.be.within(1n, most);
      expect((await protocol.vault.batchOf(1)).releaseAt - BigInt(await networkHelpers.time.latest())).to.equal(
        BigInt(STAKING.unbondingSeconds),
      );
    });
  });

  describe("by the order in which earnings are taken in", () => {
    it("changes no price: credit, tokens and staked earnings count alike", async () => {
      const { vault, market, requester, stranger } = protocol;
      const price = () => vault.convertToAssets(SHARES);
      const before = await price();
      await market.connect(requester).deposit(vault, THOUSAND);
      expect(await price()).to.equal(before);
      await market.connect(stranger).withdraw(vault);
      expect(await price()).to.equal(before);
      await vault.connect(stranger).sync();
      expect(await price()).to.equal(before);
    });
  });

  describe("by an exit ahead of a slash", () => {
    it("pays who ran no more for a share than who stayed", async () => {
      const { vault, alice, bob } = protocol;
      await act.lock(3n * THOUSAND);
      // Alice knows what is coming and takes the free stake; bob stays.
      await act.request(alice, SHARES - 1n);
      await act.close();
      await act.slash("fraud");
      await vault.sync();
      await act.request(bob, SHARES);
      await act.close();
      await act.mature();
      await vault.sync();
      const [ran, stayed] = [await vault.maxWithdraw(alice), await vault.maxWithdraw(bob)];
      expect(ran).to.be.lessThanOrEqual(stayed);
      expect(stayed).to.equal(THOUSAND / 4n);
    });
    it("does not help against a penalty while the batch is open", async () => {
      const { vault, alice } = protocol;
      await act.lock(THOUSAND);
      await act.request(alice, SHARES);
      await act.slash("liveness");
      await act.close();
      expect((await vault.batchOf(1)).assets).to.be.lessThanOrEqual(parseEther("997.5"));
    });
  });

  describe("by requests of dust", () => {
    it("takes one place of the queue for any number of requests", async () => {
      const { vault, alice, staking } = protocol;
      for (let i = 0; i < 40; i++) await act.request(alice, VIRTUAL_SHARES);
      await act.close();
      expect((await staking.unbondingOf(vault)).filter(({ amount }) => amount !== 0n)).to.have.length(1);
    });
    it("keeps nobody's exit waiting: a request is closed in the period after it", async () => {
      const { vault, alice, bob } = protocol;
      for (let period = 0; period < 10; period++) {
        await act.request(alice, 1n);
        await act.close();
      }
      const batch = await vault.openBatch();
      await act.request(bob, SHARES);
      await act.close();
      expect((await vault.batchOf(batch)).releaseAt).to.equal(
        BigInt((await networkHelpers.time.latest()) + STAKING.unbondingSeconds),
      );
    });
    it("burdens a controller with one entry a batch, claimed in one call", async () => {
      const { vault, alice, bob } = protocol;
      for (let period = 0; period < 10; period++) {
        for (let i = 0; i < 3; i++) await act.request(alice, VIRTUAL_SHARES, bob);
        await act.close();
      }
      await act.mature();
      await vault.sync();
      const receipt = await (await vault.connect(bob).redeem(await vault.maxRedeem(bob), bob, bob)).wait();
      expect(receipt?.gasUsed).to.be.lessThan(300_000n);
    });
  });

  describe("by its curator", () => {
    it("has these functions to move it, and no other", () => {
      const moving: string[] = [];
      protocol.vault.interface.forEachFunction(({ name, constant }) => {
        if (!constant) moving.push(name);
      });
      expect(moving.sort()).to.deep.equal([
        ...["acceptOwnership", "announceCommission", "approve", "deposit", "mint", "optIn", "optOut", "optOutOverdue"],
        ...["redeem", "renounceOwnership", "requestRedeem", "rotateSigningKey", "setAgent", "setEndpoint"],
        ...["setOperator", "setTerms", "sync", "transfer", "transferFrom", "transferOwnership", "unjail", "withdraw"],
        "withdrawCommission",
      ]);
    });
    it("has no part in exits: they pass while it does nothing", async () => {
      const { vault, alice, stranger } = protocol;
      await act.join();
      await act.request(alice, SHARES);
      await act.nextPeriod();
      await vault.connect(stranger).sync();
      await act.mature();
      await vault.connect(stranger).sync();
      expect(await vault.maxRedeem(alice)).to.equal(SHARES);
    });
    it("cannot freeze exits by taking on work without end", async () => {
      const { vault, curator, alice, stranger, versionId } = protocol;
      await act.join();
      await act.lock(4n * THOUSAND);
      await act.request(alice, SHARES);
      await act.nextPeriod();
      await act.nextPeriod();
      await vault.connect(stranger).optOutOverdue([versionId]);
      await expect(vault.connect(curator).optIn(versionId, OPEN_TERMS))
        .to.be.revertedWithCustomError(vault, "VaultExitOverdue")
        .withArgs(1);
      await networkHelpers.time.increase(7_200);
      await act.release();
      // Nobody draws the vault any more: there is no other operator.
      const opened = await open(protocol, { openSeconds: 3_600 });
      const drawn = await assign(connection, protocol, opened).catch((error: unknown) => String(error));
      expect(drawn).to.contain("no operator was drawn");
      await expect(vault.sync()).to.emit(vault, "BatchClosed");
    });
    it("cannot use the agent for anything but answers", async () => {
      const { vault, staking, agent } = protocol;
      await act.join();
      await staking.connect(agent).setAgent(agent);
      expect(await staking.agentOf(vault)).to.equal(agent.address);
      await expect(staking.connect(agent).unbond(1))
        .to.be.revertedWithCustomError(staking, "StakingFreeInsufficient")
        .withArgs(0, 1);
      await expect(vault.connect(agent).transferFrom(protocol.alice, agent, 1))
        .to.be.revertedWithCustomError(vault, "ERC20InsufficientAllowance")
        .withArgs(agent.address, 0, 1);
    });
  });

  describe("by an ERC-7540 operator", () => {
    it("reaches the accounts that named it, and no other", async () => {
      const { vault, alice, bob, stranger } = protocol;
      await vault.connect(alice).setOperator(stranger, true);
      await expect(vault.connect(stranger).requestRedeem(1, stranger, bob))
        .to.be.revertedWithCustomError(vault, "ERC20InsufficientAllowance")
        .withArgs(stranger.address, 0, 1);
      await expect(vault.connect(stranger).transferFrom(alice, stranger, 1))
        .to.be.revertedWithCustomError(vault, "ERC20InsufficientAllowance")
        .withArgs(stranger.address, 0, 1);
      await act.exit(bob, SHARES);
      await expect(vault.connect(stranger).redeem(SHARES, stranger, bob))
        .to.be.revertedWithCustomError(vault, "VaultNotController")
        .withArgs(stranger.address, bob.address);
    });
    it("cannot take shares that wait in the vault", async () => {
      const { vault, alice, stranger } = protocol;
      await act.request(alice, SHARES);
      await expect(vault.connect(stranger).requestRedeem(SHARES, stranger, vault))
        .to.be.revertedWithCustomError(vault, "ERC20InsufficientAllowance")
        .withArgs(stranger.address, 0, SHARES);
    });
  });

  describe("by a donation", () => {
    it("of tokens, harms nobody and stops nothing", async () => {
      const other = await emptyVault();
      const { vault, token, alice, stranger } = other;
      const { request, close, mature } = actionsOn(other);
      await vault.connect(alice).deposit(THOUSAND, alice);
      await request(alice, SHARES / 2n);
      await close();
      await token.mint(stranger, 77n);
      await token.connect(stranger).transfer(vault, 77n);
      await mature();
      await vault.sync();
      const half = await vault.maxWithdraw(alice);
      expect(half).to.be.within(THOUSAND / 2n - 1n, THOUSAND / 2n);
      expect(await vault.reserved()).to.equal(half + 7n);
    });
    it("of shares, gives their value to nobody and stops no exit", async () => {
      const { vault, alice, bob } = protocol;
      await vault.connect(alice).transfer(vault, SHARES);
      await act.exit(bob, SHARES);
      expect(await vault.maxWithdraw(bob)).to.be.within(THOUSAND - 1n, THOUSAND);
      expect(await vault.balanceOf(vault)).to.equal(SHARES);
    });
  });
});
