import { expect } from "chai";
import { parseEther, ZeroAddress } from "ethers";

import { OPERATOR_STATUS } from "../../../runner/protocol/enums.ts";
import { OPEN_TERMS, STAKING } from "../support/protocol.ts";
import { COMMISSION_BPS, networkHelpers, ONE, PERIOD, useVault, VIRTUAL_SHARES } from "../support/vault.ts";

const SHARES = parseEther("1000") * VIRTUAL_SHARES;
const DELAY = STAKING.unbondingSeconds + 2 * PERIOD;

describe("CuratedOperator", () => {
  const { protocol, ...act } = useVault();
  const curated = () => protocol.vault.connect(protocol.curator);
  const terms = { ...OPEN_TERMS, minimumFee: ONE };

  describe("the curator", () => {
    it("names the agent", async () => {
      await curated().setAgent(protocol.agent);
      expect(await protocol.staking.agentOf(protocol.vault)).to.equal(protocol.agent.address);
      expect(await protocol.staking.actsFor(protocol.agent, protocol.vault)).to.equal(true);
    });
    it("says where the vault is reached", async () => {
      await curated().setEndpoint("https://vault.example");
      expect(await protocol.staking.endpointOf(protocol.vault)).to.equal("https://vault.example");
    });
    it("rotates the signing key", async () => {
      await curated().rotateSigningKey(protocol.agent);
      expect(await protocol.staking.signingKeyAt(protocol.vault, 2 ** 39)).to.equal(protocol.agent.address);
    });
    it("opts in, changes terms and opts out", async () => {
      await act.join();
      expect(await protocol.pools.isOptedIn(protocol.vault, protocol.versionId)).to.equal(true);
      await curated().setTerms(protocol.versionId, terms);
      const epoch = (await protocol.pools.epoch()) + 1n;
      const { minimumFee } = await protocol.pools.termsOf(protocol.vault, protocol.versionId, epoch);
      expect(minimumFee).to.equal(ONE);
      await curated().optOut(protocol.versionId);
      expect(await protocol.pools.isOptedIn(protocol.vault, protocol.versionId)).to.equal(false);
    });
    it("ends jail", async () => {
      await act.lock(parseEther("600"));
      await act.slash("liveness");
      await networkHelpers.time.increase(STAKING.jailSeconds);
      await curated().unjail();
      expect((await protocol.staking.operatorOf(protocol.vault)).status).to.equal(OPERATOR_STATUS.active);
    });
    it("hands over in two steps", async () => {
      await curated().transferOwnership(protocol.bob);
      expect(await protocol.vault.owner()).to.equal(protocol.curator.address);
      await protocol.vault.connect(protocol.bob).acceptOwnership();
      expect(await protocol.vault.owner()).to.equal(protocol.bob.address);
    });
    it("is the only one who does these things", async () => {
      const { vault, agent, versionId } = protocol;
      await act.join();
      const byAgent = vault.connect(agent);
      for (const attempt of [
        () => byAgent.setAgent(agent),
        () => byAgent.setEndpoint(""),
        () => byAgent.rotateSigningKey(agent),
        () => byAgent.unjail(),
        () => byAgent.optIn(versionId, terms),
        () => byAgent.optOut(versionId),
        () => byAgent.setTerms(versionId, terms),
        () => byAgent.announceCommission(0),
        () => byAgent.withdrawCommission(agent),
        () => byAgent.transferOwnership(agent),
      ]) {
        await expect(attempt())
          .to.be.revertedWithCustomError(vault, "OwnableUnauthorizedAccount")
          .withArgs(agent.address);
      }
    });
  });

  describe("optIn", () => {
    it("is refused while an exit is overdue, and allowed when its batch is closed", async () => {
      await act.join();
      await curated().optOut(protocol.versionId);
      await act.lock(parseEther("3500"));
      await act.request(protocol.alice, SHARES);
      await act.nextPeriod();
      expect(await protocol.vault.overdue()).to.equal(false);
      await act.nextPeriod();
      expect(await protocol.vault.overdue()).to.equal(true);
      await expect(curated().optIn(protocol.versionId, terms))
        .to.be.revertedWithCustomError(protocol.vault, "VaultExitOverdue")
        .withArgs(1);
      await act.release();
      await protocol.vault.sync();
      expect(await protocol.vault.overdue()).to.equal(false);
      await curated().optIn(protocol.versionId, terms);
    });
  });

  describe("optOutOverdue", () => {
    it("takes the vault out of its versions while an exit is overdue, whoever calls", async () => {
      const { vault, pools, versionId, stranger } = protocol;
      await act.join();
      await act.lock(parseEther("3500"));
      await act.request(protocol.alice, SHARES);
      await act.nextPeriod();
      await expect(vault.connect(stranger).optOutOverdue([versionId]))
        .to.be.revertedWithCustomError(vault, "VaultExitNotOverdue")
        .withArgs(1);
      await act.nextPeriod();
      await vault.connect(stranger).optOutOverdue([versionId]);
      expect(await pools.isOptedIn(vault, versionId)).to.equal(false);
      await expect(vault.connect(stranger).optOutOverdue([versionId]))
        .to.be.revertedWithCustomError(pools, "PoolNotOptedIn")
        .withArgs(vault.target, versionId);
    });
    it("is refused while nobody waits", async () => {
      await expect(protocol.vault.optOutOverdue([]))
        .to.be.revertedWithCustomError(protocol.vault, "VaultExitNotOverdue")
        .withArgs(1);
    });
  });

  describe("announceCommission", () => {
    it("cuts at once", async () => {
      const now = (await networkHelpers.time.latest()) + 5;
      await networkHelpers.time.setNextBlockTimestamp(now);
      await expect(curated().announceCommission(500)).to.emit(protocol.vault, "CommissionAnnounced").withArgs(500, now);
      expect(await protocol.vault.commissionBps()).to.equal(500n);
    });
    it("rises after unbonding and two periods, to the second", async () => {
      expect(await protocol.vault.COMMISSION_DELAY_SECONDS()).to.equal(DELAY);
      const now = (await networkHelpers.time.latest()) + 5;
      await networkHelpers.time.setNextBlockTimestamp(now);
      await expect(curated().announceCommission(2_000))
        .to.emit(protocol.vault, "CommissionAnnounced")
        .withArgs(2_000, now + DELAY);
      await networkHelpers.time.increaseTo(now + DELAY - 1);
      expect(await protocol.vault.commissionBps()).to.equal(COMMISSION_BPS);
      await networkHelpers.time.increaseTo(now + DELAY);
      expect(await protocol.vault.commissionBps()).to.equal(2_000n);
    });
    it("puts a rise in place of one announced before, with a delay of its own", async () => {
      await curated().announceCommission(2_000);
      await networkHelpers.time.increase(DELAY - 10);
      await curated().announceCommission(1_999);
      await networkHelpers.time.increase(100);
      expect(await protocol.vault.commissionBps()).to.equal(COMMISSION_BPS);
      await networkHelpers.time.increase(DELAY);
      expect(await protocol.vault.commissionBps()).to.equal(1_999n);
    });
    it("refuses more than the highest", async () => {
      await expect(curated().announceCommission(2_001))
        .to.be.revertedWithCustomError(protocol.vault, "VaultCommissionTooHigh")
        .withArgs(2_001, 2_000);
    });
    it("lets who dislikes a rise leave first", async () => {
      await curated().announceCommission(2_000);
      const risesAt = (await networkHelpers.time.latest()) + DELAY;
      await act.exit(protocol.alice, SHARES);
      expect(await networkHelpers.time.latest()).to.be.lessThan(risesAt);
      expect(await protocol.vault.maxRedeem(protocol.alice)).to.equal(SHARES);
    });
  });

  describe("withdrawCommission", () => {
    it("pays what earnings brought, and nothing else", async () => {
      const { vault, token, carol } = protocol;
      await act.earn(parseEther("100") + 9n);
      await vault.sync();
      await expect(curated().withdrawCommission(carol))
        .to.emit(vault, "CommissionPaid")
        .withArgs(carol.address, parseEther("10"));
      expect(await token.balanceOf(carol)).to.equal(parseEther("100010"));
      expect(await token.balanceOf(vault)).to.equal(0n);
      expect(await vault.reserved()).to.equal(0n);
      await expect(curated().withdrawCommission(carol)).to.be.revertedWithCustomError(vault, "VaultCommissionZero");
    });
    it("leaves claims alone", async () => {
      const { vault, token, alice, curator } = protocol;
      await act.exit(alice, SHARES);
      await act.earn(parseEther("10"));
      await vault.sync();
      const claim = await vault.maxWithdraw(alice);
      await curated().withdrawCommission(curator);
      expect(await token.balanceOf(vault)).to.equal(claim);
      expect(await vault.reserved()).to.equal(claim);
    });
  });

  describe("given no curator", () => {
    it("takes no commission, and exits go on", async () => {
      await curated().renounceOwnership();
      expect(await protocol.vault.owner()).to.equal(ZeroAddress);
      expect(await protocol.vault.commissionBps()).to.equal(0n);
      await act.earn(parseEther("10"));
      await protocol.vault.sync();
      expect(await protocol.vault.commissionOwed()).to.equal(0n);
      await act.exit(protocol.alice, SHARES);
      await protocol.vault.connect(protocol.alice).redeem(SHARES, protocol.alice, protocol.alice);
    });
  });
});
