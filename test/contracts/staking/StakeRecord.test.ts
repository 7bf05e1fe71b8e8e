import { expect } from "chai";
import { MaxUint256, parseEther, ZeroAddress } from "ethers";

import { permitOf } from "../support/permit.ts";
import { DAY, deployProtocol, STAKING } from "../support/protocol.ts";
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
  TOMBSTONED,
  useProtocol,
} from "../support/staking.ts";

describe("StakeRecord", () => {
  const protocol = useProtocol();

  const lock = (lockId?: string, amount?: bigint) => lockNow(protocol, lockId, amount);
  const status = async () => (await protocol.staking.operatorOf(protocol.alice)).status;

  describe("deposit", () => {
    it("adds measured tokens to the stake", async () => {
      await expect(protocol.byAlice.deposit(ONE))
        .to.emit(protocol.staking, "Deposited")
        .withArgs(protocol.alice.address, ONE);
      expect((await protocol.staking.operatorOf(protocol.alice)).stake).to.equal(parseEther("1001"));
      expect(await protocol.staking.freeStakeOf(protocol.alice)).to.equal(parseEther("1001"));
      expect(await protocol.staking.totalHeld()).to.equal(parseEther("1001"));
      expect(await protocol.token.balanceOf(protocol.staking)).to.equal(parseEther("1001"));
    });
    it("refuses nothing", async () => {
      await expect(protocol.byAlice.deposit(0)).to.be.revertedWithCustomError(protocol.staking, "StakingAmountZero");
    });
    it("refuses a tombstoned operator", async () => {
      await lock();
      await protocol.byManager.slash(LOCK, FRAUD, await since(), ZeroAddress, ZeroAddress);
      await expect(protocol.byAlice.deposit(ONE))
        .to.be.revertedWithCustomError(protocol.staking, "StakingStatusForbids")
        .withArgs(protocol.alice.address, TOMBSTONED);
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
          .to.be.revertedWithCustomError(hostileStaking, "CreditTokenMismatch")
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
          .to.be.revertedWithCustomError(hostileStaking, "CreditTokenMismatch")
          .withArgs(10_500, 10_000);
      });
    });
  });

  describe("depositWithPermit", () => {
    it("needs no allowance before", async () => {
      const { v, r, s } = await permitOf(connection, protocol, protocol.bob, protocol.staking, ONE);
      await protocol.staking.connect(protocol.bob).depositWithPermit(ONE, MaxUint256, v, r, s);
      expect((await protocol.staking.operatorOf(protocol.bob)).stake).to.equal(ONE);
    });
    it("works when the permit was front-run", async () => {
      const { v, r, s } = await permitOf(connection, protocol, protocol.bob, protocol.staking, ONE);
      await protocol.token.connect(protocol.stranger).permit(protocol.bob, protocol.staking, ONE, MaxUint256, v, r, s);
      await protocol.staking.connect(protocol.bob).depositWithPermit(ONE, MaxUint256, v, r, s);
      expect((await protocol.staking.operatorOf(protocol.bob)).stake).to.equal(ONE);
    });
  });

  describe("unbond", () => {
    it("moves free stake into the queue with an absolute time", async () => {
      const now = (await networkHelpers.time.latest()) + 10;
      const releaseAt = now + STAKING.unbondingSeconds;
      await networkHelpers.time.setNextBlockTimestamp(now);
      await expect(protocol.byAlice.unbond(ONE))
        .to.emit(protocol.staking, "UnbondingQueued")
        .withArgs(protocol.alice.address, 0, ONE, releaseAt);
      expect([...((await protocol.staking.unbondingOf(protocol.alice))[0] ?? [])]).to.deep.equal([
        ONE,
        BigInt(releaseAt),
      ]);
      expect(await protocol.staking.freeStakeOf(protocol.alice)).to.equal(parseEther("999"));
      expect(await protocol.staking.totalStakeOf(protocol.alice)).to.equal(parseEther("1000"));
    });
    it("refuses nothing, and locked stake", async () => {
      await expect(protocol.byAlice.unbond(0)).to.be.revertedWithCustomError(protocol.staking, "StakingAmountZero");
      await lock();
      await expect(protocol.byAlice.unbond(parseEther("401")))
        .to.be.revertedWithCustomError(protocol.staking, "StakingFreeInsufficient")
        .withArgs(parseEther("400"), parseEther("401"));
      await protocol.byAlice.unbond(parseEther("400"));
    });
    it("leaves free what is neither locked nor on its way out", async () => {
      await lock();
      await protocol.byAlice.unbond(parseEther("100"));
      expect(await protocol.staking.freeStakeOf(protocol.alice)).to.equal(parseEther("300"));
    });
    it("holds eight exits, and a slot is free again after its withdrawal", async () => {
      for (let i = 0; i < 8; i++) await protocol.byAlice.unbond(ONE);
      await expect(protocol.byAlice.unbond(ONE))
        .to.be.revertedWithCustomError(protocol.staking, "StakingUnbondingQueueFull")
        .withArgs(protocol.alice.address, 8);
      await networkHelpers.time.increase(STAKING.unbondingSeconds);
      await protocol.staking.completeUnbonding(protocol.alice, 3);
      expect(await protocol.byAlice.unbond.staticCall(ONE)).to.equal(3n);
    });
  });

  describe("withdraw", () => {
    beforeEach(async () => {
      await protocol.byAlice.unbond(parseEther("300"));
    });
    it("pays a matured exit to its operator, whoever calls, once", async () => {
      await networkHelpers.time.increase(STAKING.unbondingSeconds);
      const withdrawal = protocol.staking.connect(protocol.stranger).completeUnbonding(protocol.alice, 0);
      await expect(withdrawal).to.changeTokenBalance(ethers, protocol.token, protocol.alice, parseEther("300"));
      await expect(withdrawal)
        .to.emit(protocol.staking, "UnbondingCompleted")
        .withArgs(protocol.alice.address, 0, parseEther("300"));
      await expect(protocol.staking.completeUnbonding(protocol.alice, 0))
        .to.be.revertedWithCustomError(protocol.staking, "StakingUnbondingUnknown")
        .withArgs(protocol.alice.address, 0);
      expect(await protocol.staking.totalHeld()).to.equal(parseEther("700"));
    });
    it("refuses before the time, to the second", async () => {
      const releaseAt = (await protocol.staking.unbondingOf(protocol.alice))[0]?.releaseAt ?? 0n;
      await networkHelpers.time.setNextBlockTimestamp(releaseAt - 1n);
      await expect(protocol.staking.completeUnbonding(protocol.alice, 0))
        .to.be.revertedWithCustomError(protocol.staking, "StakingUnbondingPending")
        .withArgs(releaseAt);
      await networkHelpers.time.setNextBlockTimestamp(releaseAt);
      await protocol.staking.completeUnbonding(protocol.alice, 0);
    });
    it("refuses slots that hold nothing", async () => {
      for (const slot of [1, 8, 1_000]) {
        await expect(protocol.staking.completeUnbonding(protocol.alice, slot))
          .to.be.revertedWithCustomError(protocol.staking, "StakingUnbondingUnknown")
          .withArgs(protocol.alice.address, slot);
      }
    });
  });

  describe("setEndpoint", () => {
    it("stores and announces, up to 256 bytes", async () => {
      await expect(protocol.byAlice.setEndpoint("https://a.example"))
        .to.emit(protocol.staking, "EndpointSet")
        .withArgs(protocol.alice.address, "https://a.example");
      expect(await protocol.staking.endpointOf(protocol.alice)).to.equal("https://a.example");
      await protocol.byAlice.setEndpoint("x".repeat(256));
      await expect(protocol.byAlice.setEndpoint("x".repeat(257)))
        .to.be.revertedWithCustomError(protocol.staking, "StakingTextLength")
        .withArgs(257, 256);
    });
  });

  describe("rotateSigningKey", () => {
    it("keeps the whole past", async () => {
      const first = await networkHelpers.time.latest();
      const keys = [protocol.bob, protocol.carol, protocol.accuser];
      const times: number[] = [];
      for (const key of keys) {
        await protocol.byAlice.rotateSigningKey(key);
        times.push((await networkHelpers.time.latest()) + DAY);
        await networkHelpers.time.increase(2 * DAY);
      }
      expect(await protocol.staking.signingKeyAt(protocol.alice, 0)).to.equal(ZeroAddress);
      expect(await protocol.staking.signingKeyAt(protocol.alice, first)).to.equal(protocol.alice.address);
      for (const [i, time] of times.entries()) {
        expect(await protocol.staking.signingKeyAt(protocol.alice, time - 1)).to.equal(
          [protocol.alice, ...keys][i]?.address,
        );
        expect(await protocol.staking.signingKeyAt(protocol.alice, time)).to.equal(keys[i]?.address);
      }
    });
    it("announces the key and when it counts: the first at once, later ones after the delay", async () => {
      const byBob = protocol.staking.connect(protocol.bob);
      for (const delay of [0, DAY]) {
        const at = (await networkHelpers.time.latest()) + 10;
        await networkHelpers.time.setNextBlockTimestamp(at);
        await expect(byBob.rotateSigningKey(protocol.carol))
          .to.emit(protocol.staking, "SigningKeyRotated")
          .withArgs(protocol.bob.address, protocol.carol.address, at + delay);
      }
    });
    it("can be repeated from the second on in which the last key counts", async () => {
      await protocol.byAlice.rotateSigningKey(protocol.bob);
      const activeFrom = (await networkHelpers.time.latest()) + DAY;
      await networkHelpers.time.setNextBlockTimestamp(activeFrom);
      await protocol.byAlice.rotateSigningKey(protocol.carol);
      expect(await protocol.staking.signingKeyAt(protocol.alice, activeFrom)).to.equal(protocol.bob.address);
    });
    it("refuses no key, and another rotation before the last one counts", async () => {
      await expect(protocol.byAlice.rotateSigningKey(ZeroAddress))
        .to.be.revertedWithCustomError(protocol.staking, "StakingKeyInvalid")
        .withArgs(ZeroAddress);
      await protocol.byAlice.rotateSigningKey(protocol.bob);
      const activeFrom = (await networkHelpers.time.latest()) + DAY;
      await expect(protocol.byAlice.rotateSigningKey(protocol.carol))
        .to.be.revertedWithCustomError(protocol.staking, "StakingKeyPending")
        .withArgs(activeFrom);
    });
  });

  describe("unjail", () => {
    it("refuses who is not jailed", async () => {
      await expect(protocol.byAlice.unjail())
        .to.be.revertedWithCustomError(protocol.staking, "StakingNotJailed")
        .withArgs(protocol.alice.address);
    });
    it("is explicit, after the time, with the minimum stake", async () => {
      await lock(LOCK, ONE);
      await protocol.byManager.slash(LOCK, LIVENESS, await since(), ZeroAddress, ZeroAddress);
      const until = await protocol.staking.jailedUntil(protocol.alice);
      await expect(protocol.byAlice.unjail())
        .to.be.revertedWithCustomError(protocol.staking, "StakingJailPending")
        .withArgs(until);
      await networkHelpers.time.increaseTo(until);
      await expect(protocol.byAlice.unjail())
        .to.be.revertedWithCustomError(protocol.staking, "StakingBelowMinimum")
        .withArgs(parseEther("999"), STAKING.minimumStake);
      await protocol.byAlice.deposit(ONE);
      await networkHelpers.mine(3);
      await expect(protocol.byAlice.unjail()).to.emit(protocol.staking, "Unjailed").withArgs(protocol.alice.address);
      expect(await status()).to.equal(ACTIVE);
    });
    it("is possible from the second on in which the jail ends", async () => {
      await protocol.byAlice.deposit(STAKING.livenessPenalty);
      await lock(LOCK, parseEther("20"));
      await protocol.byManager.slash(LOCK, LIVENESS, await since(), ZeroAddress, ZeroAddress);
      const until = await protocol.staking.jailedUntil(protocol.alice);
      await networkHelpers.time.setNextBlockTimestamp(until - 1n);
      await expect(protocol.byAlice.unjail())
        .to.be.revertedWithCustomError(protocol.staking, "StakingJailPending")
        .withArgs(until);
      await networkHelpers.time.setNextBlockTimestamp(until);
      await protocol.byAlice.unjail();
      expect(await status()).to.equal(ACTIVE);
    });
    it("never lifts a tombstone", async () => {
      await lock();
      await protocol.byManager.slash(LOCK, FRAUD, await since(), ZeroAddress, ZeroAddress);
      await networkHelpers.time.increase(100 * DAY);
      await expect(protocol.byAlice.unjail())
        .to.be.revertedWithCustomError(protocol.staking, "StakingNotJailed")
        .withArgs(protocol.alice.address);
    });
  });

  describe("a donation", () => {
    it("changes nobody's claim", async () => {
      await protocol.token.connect(protocol.bob).transfer(protocol.staking, parseEther("77"));
      expect(await protocol.staking.totalHeld()).to.equal(STAKING.minimumStake);
      await protocol.byAlice.unbond(STAKING.minimumStake);
      await networkHelpers.time.increase(STAKING.unbondingSeconds);
      await protocol.staking.completeUnbonding(protocol.alice, 0);
      expect(await protocol.staking.totalHeld()).to.equal(0n);
      expect(await protocol.token.balanceOf(protocol.staking)).to.equal(parseEther("77"));
    });
  });
});
