import { expect } from "chai";
import { MaxUint256, parseEther, ZeroAddress } from "ethers";

import { permitOf } from "../support/permit.ts";
import { DAY, deployProtocol, STAKING, type Protocol, type Signer } from "../support/protocol.ts";
import {
  ACTIVE,
  connection,
  ethers,
  FRAUD,
  LIVENESS,
  LOCK,
  lockNow,
  networkHelpers,
  ONE,
  since,
  stakedProtocol,
  TOMBSTONED,
} from "../support/staking.ts";

describe("StakeRecord", () => {
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
  const status = async () => (await staking.operatorOf(alice)).status;

  describe("deposit", () => {
    it("adds measured tokens to the stake", async () => {
      await expect(byAlice.deposit(ONE)).to.emit(staking, "Deposited").withArgs(alice.address, ONE);
      expect((await staking.operatorOf(alice)).stake).to.equal(parseEther("1001"));
      expect(await staking.freeStakeOf(alice)).to.equal(parseEther("1001"));
      expect(await staking.totalHeld()).to.equal(parseEther("1001"));
      expect(await protocol.token.balanceOf(staking)).to.equal(parseEther("1001"));
    });
    it("refuses nothing", async () => {
      await expect(byAlice.deposit(0)).to.be.revertedWithCustomError(staking, "StakingAmountZero");
    });
    it("refuses a tombstoned operator", async () => {
      await lock();
      await byManager.slash(LOCK, FRAUD, await since(), ZeroAddress, ZeroAddress);
      await expect(byAlice.deposit(ONE))
        .to.be.revertedWithCustomError(staking, "StakingStatusForbids")
        .withArgs(alice.address, TOMBSTONED);
    });

    describe("given a malicious token", () => {
      const hostile = async () => {
        const token = await ethers.deployContract("TokenMock");
        const other = await deployProtocol(connection, await token.getAddress());
        return { token, other, staking: other.staking.connect(other.alice) };
      };
      it("refuses one that takes a fee", async () => {
        const { token, staking: hostileStaking } = await hostile();
        await token.setFee(100);
        await expect(hostileStaking.deposit(10_000))
          .to.be.revertedWithCustomError(hostileStaking, "StakingTokenAmountMismatch")
          .withArgs(9_900, 10_000);
      });
      it("refuses one that returns false", async () => {
        const { token, staking: hostileStaking } = await hostile();
        await token.setLying(true);
        await expect(hostileStaking.deposit(10_000))
          .to.be.revertedWithCustomError(hostileStaking, "SafeERC20FailedOperation")
          .withArgs(token.target);
      });
      it("refuses one that deposits again from inside the transfer", async () => {
        const { token, staking: hostileStaking } = await hostile();
        await token.mint(token, 10_000);
        await token.execute(token, token.interface.encodeFunctionData("approve", [hostileStaking.target, 10_000]));
        await token.setHook(hostileStaking, hostileStaking.interface.encodeFunctionData("deposit", [500]));
        await expect(hostileStaking.deposit(10_000))
          .to.be.revertedWithCustomError(hostileStaking, "StakingTokenAmountMismatch")
          .withArgs(10_500, 10_000);
      });
    });
  });

  describe("depositWithPermit", () => {
    it("needs no allowance before", async () => {
      const { v, r, s } = await permitOf(connection, protocol, protocol.bob, staking, ONE);
      await staking.connect(protocol.bob).depositWithPermit(ONE, MaxUint256, v, r, s);
      expect((await staking.operatorOf(protocol.bob)).stake).to.equal(ONE);
    });
    it("works when the permit was front-run", async () => {
      const { v, r, s } = await permitOf(connection, protocol, protocol.bob, staking, ONE);
      await protocol.token.connect(protocol.stranger).permit(protocol.bob, staking, ONE, MaxUint256, v, r, s);
      await staking.connect(protocol.bob).depositWithPermit(ONE, MaxUint256, v, r, s);
      expect((await staking.operatorOf(protocol.bob)).stake).to.equal(ONE);
    });
  });

  describe("unbond", () => {
    it("moves free stake into the queue with an absolute time", async () => {
      await expect(byAlice.unbond(ONE)).to.emit(staking, "UnbondingQueued");
      const releaseAt = (await networkHelpers.time.latest()) + STAKING.unbondingSeconds;
      expect([...((await staking.unbondingOf(alice))[0] ?? [])]).to.deep.equal([ONE, BigInt(releaseAt)]);
      expect(await staking.freeStakeOf(alice)).to.equal(parseEther("999"));
      expect(await staking.totalStakeOf(alice)).to.equal(parseEther("1000"));
    });
    it("refuses nothing, and locked stake", async () => {
      await expect(byAlice.unbond(0)).to.be.revertedWithCustomError(staking, "StakingAmountZero");
      await lock();
      await expect(byAlice.unbond(parseEther("401")))
        .to.be.revertedWithCustomError(staking, "StakingFreeInsufficient")
        .withArgs(parseEther("400"), parseEther("401"));
      await byAlice.unbond(parseEther("400"));
    });
    it("leaves free what is neither locked nor on its way out", async () => {
      await lock();
      await byAlice.unbond(parseEther("100"));
      expect(await staking.freeStakeOf(alice)).to.equal(parseEther("300"));
    });
    it("holds eight exits, and a slot is free again after its withdrawal", async () => {
      for (let i = 0; i < 8; i++) await byAlice.unbond(ONE);
      await expect(byAlice.unbond(ONE))
        .to.be.revertedWithCustomError(staking, "StakingUnbondingQueueFull")
        .withArgs(alice.address, 8);
      await networkHelpers.time.increase(STAKING.unbondingSeconds);
      await staking.withdraw(alice, 3);
      expect(await byAlice.unbond.staticCall(ONE)).to.equal(3n);
    });
  });

  describe("withdraw", () => {
    beforeEach(async () => {
      await byAlice.unbond(parseEther("300"));
    });
    it("pays a matured exit to its operator, whoever calls, once", async () => {
      await networkHelpers.time.increase(STAKING.unbondingSeconds);
      const withdrawal = staking.connect(protocol.stranger).withdraw(alice, 0);
      await expect(withdrawal).to.changeTokenBalance(ethers, protocol.token, alice, parseEther("300"));
      await expect(withdrawal).to.emit(staking, "Withdrawn").withArgs(alice.address, 0, parseEther("300"));
      await expect(staking.withdraw(alice, 0))
        .to.be.revertedWithCustomError(staking, "StakingUnbondingUnknown")
        .withArgs(alice.address, 0);
      expect(await staking.totalHeld()).to.equal(parseEther("700"));
    });
    it("refuses before the time, to the second", async () => {
      const releaseAt = (await staking.unbondingOf(alice))[0]?.releaseAt ?? 0n;
      await networkHelpers.time.setNextBlockTimestamp(releaseAt - 1n);
      await expect(staking.withdraw(alice, 0))
        .to.be.revertedWithCustomError(staking, "StakingUnbondingPending")
        .withArgs(releaseAt);
      await networkHelpers.time.setNextBlockTimestamp(releaseAt);
      await staking.withdraw(alice, 0);
    });
    it("refuses slots that hold nothing", async () => {
      for (const slot of [1, 8, 1_000]) {
        await expect(staking.withdraw(alice, slot))
          .to.be.revertedWithCustomError(staking, "StakingUnbondingUnknown")
          .withArgs(alice.address, slot);
      }
    });
  });

  describe("setEndpoint", () => {
    it("stores and announces, up to 256 bytes", async () => {
      await expect(byAlice.setEndpoint("https://a.example"))
        .to.emit(staking, "EndpointSet")
        .withArgs(alice.address, "https://a.example");
      expect(await staking.endpointOf(alice)).to.equal("https://a.example");
      await byAlice.setEndpoint("x".repeat(256));
      await expect(byAlice.setEndpoint("x".repeat(257)))
        .to.be.revertedWithCustomError(staking, "StakingTextLength")
        .withArgs(257, 256);
    });
  });

  describe("rotateSigningKey", () => {
    it("keeps the whole past", async () => {
      const first = await networkHelpers.time.latest();
      const keys = [protocol.bob, protocol.carol, protocol.accuser];
      const times: number[] = [];
      for (const key of keys) {
        await byAlice.rotateSigningKey(key);
        times.push((await networkHelpers.time.latest()) + DAY);
        await networkHelpers.time.increase(2 * DAY);
      }
      expect(await staking.signingKeyAt(alice, 0)).to.equal(ZeroAddress);
      expect(await staking.signingKeyAt(alice, first)).to.equal(alice.address);
      for (const [i, time] of times.entries()) {
        expect(await staking.signingKeyAt(alice, time - 1)).to.equal([alice, ...keys][i]?.address);
        expect(await staking.signingKeyAt(alice, time)).to.equal(keys[i]?.address);
      }
    });
    it("announces the key and when it counts: the first at once, later ones after the delay", async () => {
      const byBob = staking.connect(protocol.bob);
      for (const delay of [0, DAY]) {
        const at = (await networkHelpers.time.latest()) + 10;
        await networkHelpers.time.setNextBlockTimestamp(at);
        await expect(byBob.rotateSigningKey(protocol.carol))
          .to.emit(staking, "SigningKeyRotated")
          .withArgs(protocol.bob.address, protocol.carol.address, at + delay);
      }
    });
    it("can be repeated from the second on in which the last key counts", async () => {
      await byAlice.rotateSigningKey(protocol.bob);
      const activeFrom = (await networkHelpers.time.latest()) + DAY;
      await networkHelpers.time.setNextBlockTimestamp(activeFrom);
      await byAlice.rotateSigningKey(protocol.carol);
      expect(await staking.signingKeyAt(alice, activeFrom)).to.equal(protocol.bob.address);
    });
    it("refuses no key, and another rotation before the last one counts", async () => {
      await expect(byAlice.rotateSigningKey(ZeroAddress))
        .to.be.revertedWithCustomError(staking, "StakingKeyInvalid")
        .withArgs(ZeroAddress);
      await byAlice.rotateSigningKey(protocol.bob);
      const activeFrom = (await networkHelpers.time.latest()) + DAY;
      await expect(byAlice.rotateSigningKey(protocol.carol))
        .to.be.revertedWithCustomError(staking, "StakingKeyPending")
        .withArgs(activeFrom);
    });
  });

  describe("unjail", () => {
    it("refuses who is not jailed", async () => {
      await expect(byAlice.unjail()).to.be.revertedWithCustomError(staking, "StakingNotJailed").withArgs(alice.address);
    });
    it("is explicit, after the time, with the minimum stake", async () => {
      await lock(LOCK, ONE);
      await byManager.slash(LOCK, LIVENESS, await since(), ZeroAddress, ZeroAddress);
      const until = await staking.jailedUntil(alice);
      await expect(byAlice.unjail()).to.be.revertedWithCustomError(staking, "StakingJailPending").withArgs(until);
      await networkHelpers.time.increaseTo(until);
      await expect(byAlice.unjail())
        .to.be.revertedWithCustomError(staking, "StakingBelowMinimum")
        .withArgs(parseEther("999"), STAKING.minimumStake);
      await byAlice.deposit(ONE);
      await networkHelpers.mine(3);
      await expect(byAlice.unjail()).to.emit(staking, "Unjailed").withArgs(alice.address);
      expect(await status()).to.equal(ACTIVE);
    });
    it("is possible from the second on in which the jail ends", async () => {
      await byAlice.deposit(STAKING.livenessPenalty);
      await lock(LOCK, parseEther("20"));
      await byManager.slash(LOCK, LIVENESS, await since(), ZeroAddress, ZeroAddress);
      const until = await staking.jailedUntil(alice);
      await networkHelpers.time.setNextBlockTimestamp(until - 1n);
      await expect(byAlice.unjail()).to.be.revertedWithCustomError(staking, "StakingJailPending").withArgs(until);
      await networkHelpers.time.setNextBlockTimestamp(until);
      await byAlice.unjail();
      expect(await status()).to.equal(ACTIVE);
    });
    it("never lifts a tombstone", async () => {
      await lock();
      await byManager.slash(LOCK, FRAUD, await since(), ZeroAddress, ZeroAddress);
      await networkHelpers.time.increase(100 * DAY);
      await expect(byAlice.unjail()).to.be.revertedWithCustomError(staking, "StakingNotJailed").withArgs(alice.address);
    });
  });

  describe("a donation", () => {
    it("changes nobody's claim", async () => {
      await protocol.token.connect(protocol.bob).transfer(staking, parseEther("77"));
      expect(await staking.totalHeld()).to.equal(STAKING.minimumStake);
      await byAlice.unbond(STAKING.minimumStake);
      await networkHelpers.time.increase(STAKING.unbondingSeconds);
      await staking.withdraw(alice, 0);
      expect(await staking.totalHeld()).to.equal(0n);
      expect(await protocol.token.balanceOf(staking)).to.equal(parseEther("77"));
    });
  });
});
