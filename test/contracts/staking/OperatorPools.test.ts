import { expect } from "chai";
import { id, parseEther, ZeroAddress } from "ethers";

import {
  EPOCH_SECONDS,
  join,
  manifestOf,
  metadataOf,
  nextEpoch,
  OPEN_TERMS,
  type Protocol,
  type Signer,
  STAKING,
} from "../support/protocol.ts";
import { connection, ethers, FRAUD, LOCK, lockNow, networkHelpers, ONE, stakedProtocol } from "../support/staking.ts";

/** Weight of the minimum stake. */
const UNIT = 1_000_000n;

describe("OperatorPools", () => {
  let protocol: Protocol;
  let pools: Protocol["pools"];
  let staking: Protocol["staking"];
  let alice: Signer;
  let bob: Signer;
  let versionId: string;
  beforeEach(async () => {
    protocol = await networkHelpers.loadFixture(stakedProtocol);
    ({ pools, staking, alice, bob, versionId } = protocol);
  });

  const present = async () => pools.epoch();
  /** Whom a seed names for a draw that is committed in an epoch, by default the present one. */
  const named = async (seed: string, overrides: object = {}) => {
    const terms = {
      ...{ versionId, epoch: await present(), fee: ONE, collateral: ONE, claimSeconds: 600, callbackGas: 0 },
      ...overrides,
    };
    return (await pools.draw(terms, id(seed))).operator;
  };
  /** How often each operator is named in draws with different seeds. */
  const tally = async (draws: number, overrides: object = {}) => {
    const counts = new Map<string, number>();
    for (let i = 0; i < draws; i++) {
      const who = await named(`seed ${String(i)}`, overrides);
      counts.set(who, (counts.get(who) ?? 0) + 1);
    }
    return counts;
  };
  const ready = async (operator: Signer, amount = STAKING.minimumStake) => {
    await staking.connect(operator).deposit(amount);
    await staking.connect(operator).rotateSigningKey(operator);
  };

  describe("constructor", () => {
    it("refuses epochs below a minute, and no saturation", async () => {
      const deploy = (seconds: number, saturation: number) =>
        ethers.deployContract("OperatorPools", [protocol.registry, staking, seconds, saturation]);
      await expect(deploy(59, 1)).to.be.revertedWithCustomError(pools, "PoolEpochTooShort").withArgs(59, 60);
      await expect(deploy(60, 0)).to.be.revertedWithCustomError(pools, "PoolSaturationZero");
      await deploy(60, 1);
    });
  });

  describe("optIn", () => {
    it("announces place, terms and weight, which count from the next epoch on", async () => {
      await ready(bob, 2n * STAKING.minimumStake);
      const transaction = await pools.connect(bob).optIn(versionId, OPEN_TERMS);
      const epoch = await present();
      await expect(transaction).to.emit(pools, "OptedIn").withArgs(bob.address, versionId, 1);
      await expect(transaction)
        .to.emit(pools, "TermsSet")
        .withArgs(bob.address, versionId, Object.values(OPEN_TERMS), epoch + 1n);
      await expect(transaction)
        .to.emit(pools, "Weighed")
        .withArgs(bob.address, versionId, 2n * UNIT, epoch + 1n);
      expect(await pools.isOptedIn(bob, versionId)).to.equal(true);
      expect(await pools.holders(versionId)).to.equal(2n);
      expect(await pools.weightOf(bob, versionId, epoch)).to.equal(0n);
      await nextEpoch(connection);
      expect(await pools.weightOf(bob, versionId, epoch + 1n)).to.equal(2n * UNIT);
      expect(await pools.totalWeightOf(versionId, epoch + 1n)).to.equal(3n * UNIT);
      expect([...(await pools.termsOf(bob, versionId, epoch + 1n))]).to.deep.equal(
        Object.values(OPEN_TERMS).map(BigInt),
      );
    });

    it("refuses an operator that is not active, not staked, or has no key", async () => {
      const byBob = pools.connect(bob);
      const refused = () =>
        expect(byBob.optIn(versionId, OPEN_TERMS))
          .to.be.revertedWithCustomError(pools, "PoolOperatorUnable")
          .withArgs(bob.address);
      await refused();
      await staking.connect(bob).deposit(STAKING.minimumStake - 1n);
      await refused();
      await staking.connect(bob).deposit(1n);
      await expect(byBob.optIn(versionId, OPEN_TERMS))
        .to.be.revertedWithCustomError(pools, "PoolKeyMissing")
        .withArgs(bob.address);
    });

    it("refuses versions that are unknown or withdrawn, takes deprecated ones", async () => {
      const byAlice = pools.connect(alice);
      await expect(byAlice.optIn(id("?"), OPEN_TERMS))
        .to.be.revertedWithCustomError(pools, "PoolVersionUnusable")
        .withArgs(id("?"));
      const registry = protocol.registry.connect(protocol.publisher);
      await registry.publish(manifestOf(), metadataOf());
      const other = await registry.versionIdFor(protocol.publisher, manifestOf(), metadataOf());
      await registry.deprecate(other, "old");
      await byAlice.optIn(other, OPEN_TERMS);
      await byAlice.optOut(other);
      await registry.withdraw(other, "bad");
      await expect(byAlice.optIn(other, OPEN_TERMS))
        .to.be.revertedWithCustomError(pools, "PoolVersionUnusable")
        .withArgs(other);
    });

    it("refuses a second place", async () => {
      await expect(pools.connect(alice).optIn(versionId, OPEN_TERMS))
        .to.be.revertedWithCustomError(pools, "PoolOptedIn")
        .withArgs(alice.address, versionId);
    });

    it("gives the caller its old place back, with its weight, also in the epoch in which it left", async () => {
      const byAlice = pools.connect(alice);
      await byAlice.optOut(versionId);
      await expect(byAlice.optIn(versionId, OPEN_TERMS))
        .to.emit(pools, "OptedIn")
        .withArgs(alice.address, versionId, 0);
      const epoch = await nextEpoch(connection);
      expect(await pools.totalWeightOf(versionId, epoch)).to.equal(UNIT);
      expect(await pools.holders(versionId)).to.equal(1n);
    });

    it("gives a place that was left to another one only when no draw can mean who left it", async () => {
      await pools.connect(alice).optOut(versionId);
      await ready(bob);
      await nextEpoch(connection);
      await expect(pools.connect(bob).optIn(versionId, OPEN_TERMS))
        .to.emit(pools, "OptedIn")
        .withArgs(bob.address, versionId, 1);
      await nextEpoch(connection);
      await ready(protocol.carol);
      await expect(pools.connect(protocol.carol).optIn(versionId, OPEN_TERMS))
        .to.emit(pools, "OptedIn")
        .withArgs(protocol.carol.address, versionId, 0);
      // Whoever comes back later gets a new place.
      await expect(pools.connect(alice).optIn(versionId, OPEN_TERMS))
        .to.emit(pools, "OptedIn")
        .withArgs(alice.address, versionId, 2);
      const epoch = await nextEpoch(connection);
      expect(await pools.totalWeightOf(versionId, epoch)).to.equal(3n * UNIT);
    });

    it("does not give a place away whose operator came back", async () => {
      const byAlice = pools.connect(alice);
      await byAlice.optOut(versionId);
      await byAlice.optIn(versionId, OPEN_TERMS);
      for (let i = 0; i < 3; i++) await nextEpoch(connection);
      await join(protocol, bob);
      expect(await pools.isOptedIn(alice, versionId)).to.equal(true);
      const epoch = await nextEpoch(connection);
      expect(await pools.weightOf(alice, versionId, epoch)).to.equal(UNIT);
      expect(await pools.weightOf(bob, versionId, epoch)).to.equal(UNIT);
    });
  });

  describe("setTerms", () => {
    const strict = { ...OPEN_TERMS, minimumFee: parseEther("5") };
    it("counts from the next epoch on, and not for draws of this one", async () => {
      const epoch = await present();
      await expect(pools.connect(alice).setTerms(versionId, strict))
        .to.emit(pools, "TermsSet")
        .withArgs(alice.address, versionId, Object.values(strict), epoch + 1n);
      expect(await named("x")).to.equal(alice.address);
      await nextEpoch(connection);
      expect(await named("x", { epoch })).to.equal(alice.address);
      expect(await named("x")).to.equal(ZeroAddress);
      expect(await named("x", { fee: parseEther("5") })).to.equal(alice.address);
    });
    it("refuses a further change while a draw can use the terms before the last one", async () => {
      const byAlice = pools.connect(alice);
      await byAlice.setTerms(versionId, strict);
      const epoch = await present();
      const refused = () =>
        expect(byAlice.setTerms(versionId, OPEN_TERMS))
          .to.be.revertedWithCustomError(pools, "PoolTermsPending")
          .withArgs(epoch + 2n);
      await refused();
      await nextEpoch(connection);
      await refused();
      await nextEpoch(connection);
      await byAlice.setTerms(versionId, OPEN_TERMS);
    });
    it("refuses who is not opted in", async () => {
      await expect(pools.connect(bob).setTerms(versionId, strict))
        .to.be.revertedWithCustomError(pools, "PoolNotOptedIn")
        .withArgs(bob.address, versionId);
    });
  });

  describe("termsOf", () => {
    it("refuses who never had a place", async () => {
      await expect(pools.termsOf(bob, versionId, 0))
        .to.be.revertedWithCustomError(pools, "PoolNotOptedIn")
        .withArgs(bob.address, versionId);
    });
  });

  describe("optOut", () => {
    it("ends the weight with this epoch: draws of it still name the operator", async () => {
      const epoch = await present();
      await expect(pools.connect(alice).optOut(versionId))
        .to.emit(pools, "OptedOut")
        .withArgs(alice.address, versionId, epoch);
      expect(await pools.holders(versionId)).to.equal(0n);
      expect(await named("x")).to.equal(alice.address);
      await nextEpoch(connection);
      expect(await named("x", { epoch })).to.equal(alice.address);
      expect(await named("x")).to.equal(ZeroAddress);
    });
    it("refuses who is not opted in", async () => {
      await pools.connect(alice).optOut(versionId);
      for (const operator of [alice, bob]) {
        await expect(pools.connect(operator).optOut(versionId))
          .to.be.revertedWithCustomError(pools, "PoolNotOptedIn")
          .withArgs(operator.address, versionId);
      }
    });
  });

  describe("weigh", () => {
    const weigh = () => pools.connect(protocol.stranger).weigh(alice, [versionId]);
    it("follows stake, whoever calls", async () => {
      await staking.connect(alice).deposit(STAKING.minimumStake / 2n);
      const epoch = await present();
      await expect(weigh())
        .to.emit(pools, "Weighed")
        .withArgs(alice.address, versionId, (3n * UNIT) / 2n, epoch + 1n);
      expect(await pools.weightOf(alice, versionId, epoch)).to.equal(UNIT);
    });
    it("says nothing when the weight stays", async () => {
      await expect(weigh()).to.not.emit(pools, "Weighed");
    });
    it("ends the weight of who is below the minimum, and gives it back", async () => {
      await staking.connect(alice).unbond(1n);
      await weigh();
      expect(await pools.holders(versionId)).to.equal(0n);
      await staking.connect(alice).deposit(1n);
      await weigh();
      expect(await pools.holders(versionId)).to.equal(1n);
    });
    it("ends the weight of the tombstoned, whatever stake they have left", async () => {
      await staking.connect(alice).deposit(STAKING.minimumStake);
      await lockNow(protocol, LOCK, parseEther("500"));
      await staking
        .connect(protocol.court)
        .slash(LOCK, FRAUD, await networkHelpers.time.latest(), ZeroAddress, ZeroAddress);
      await weigh();
      expect(await pools.holders(versionId)).to.equal(0n);
    });
    it("refuses who is not opted in", async () => {
      await expect(pools.weigh(bob, [versionId]))
        .to.be.revertedWithCustomError(pools, "PoolNotOptedIn")
        .withArgs(bob.address, versionId);
    });
  });

  describe("draw", () => {
    it("names nobody for a version without weight", async () => {
      expect(await named("x", { versionId: id("?") })).to.equal(ZeroAddress);
      expect(await pools.weightOf(alice, id("?"), await present())).to.equal(0n);
    });
    it("tells the stake that the weight stands for, and the capacity", async () => {
      const terms = { versionId, epoch: await present(), fee: 0, collateral: ONE, claimSeconds: 0, callbackGas: 0 };
      expect([...(await pools.draw(terms, id("x")))]).to.deep.equal([alice.address, STAKING.minimumStake, 1_000n]);
    });
    it("names the same operator for the same seed, in both epochs in which the draw can be made", async () => {
      await join(protocol, bob);
      const epoch = await nextEpoch(connection);
      const before = await Promise.all(["a", "b", "c", "d"].map((seed) => named(seed, { epoch })));
      // Whatever is done afterwards: stake, terms, leaving, coming.
      await staking.connect(alice).deposit(STAKING.minimumStake);
      await pools.weigh(alice, [versionId]);
      await pools.connect(bob).setTerms(versionId, { ...OPEN_TERMS, capacity: 0 });
      await join(protocol, protocol.carol);
      await nextEpoch(connection);
      await pools.connect(bob).optOut(versionId);
      expect(await Promise.all(["a", "b", "c", "d"].map((seed) => named(seed, { epoch })))).to.deep.equal(before);
      await nextEpoch(connection);
      await expect(named("a", { epoch }))
        .to.be.revertedWithCustomError(pools, "EpochNotKept")
        .withArgs(epoch, epoch + 2n);
    });
    it("refuses an epoch that has not begun", async () => {
      const epoch = await present();
      await expect(named("a", { epoch: epoch + 1n }))
        .to.be.revertedWithCustomError(pools, "EpochNotKept")
        .withArgs(epoch + 1n, epoch);
    });

    describe("given terms", () => {
      const setTerms = async (change: object) => {
        await pools.connect(alice).setTerms(versionId, { ...OPEN_TERMS, ...change });
        await nextEpoch(connection);
      };
      it("names nobody below the least fee, with the price of two callbacks", async () => {
        await setTerms({ minimumFee: 100n, callbackPrice: 3n });
        const fee = 100n + 2n * 3n * 50n;
        expect(await named("x", { fee: fee - 1n, callbackGas: 50 })).to.equal(ZeroAddress);
        expect(await named("x", { fee, callbackGas: 50 })).to.equal(alice.address);
      });
      it("names nobody below the least time, above the most gas, or with no capacity", async () => {
        await setTerms({ minimumClaimSeconds: 60, maximumCallbackGas: 50 });
        expect(await named("x", { claimSeconds: 59 })).to.equal(ZeroAddress);
        expect(await named("x", { claimSeconds: 60, callbackGas: 50 })).to.equal(alice.address);
        expect(await named("x", { callbackGas: 51 })).to.equal(ZeroAddress);
        await nextEpoch(connection);
        await setTerms({ capacity: 0 });
        expect(await named("x")).to.equal(ZeroAddress);
      });
      it("names nobody whose whole stake is less than the collateral", async () => {
        expect(await named("x", { collateral: STAKING.minimumStake })).to.equal(alice.address);
        expect(await named("x", { collateral: STAKING.minimumStake + 1n })).to.equal(ZeroAddress);
      });
    });

    it("follows the weights: what is split has the same chance as what is together", async () => {
      await join(protocol, bob, 3n * STAKING.minimumStake);
      await join(protocol, protocol.carol, 2n * STAKING.minimumStake);
      await nextEpoch(connection);
      const counts = await tally(600);
      // 1 : 3 : 2, but no weight counts for more than a third where there are three holders: 1 : 2 : 2.
      expect(counts.get(alice.address)).to.be.within(85, 155);
      expect(counts.get(bob.address)).to.be.within(200, 280);
      expect(counts.get(protocol.carol.address)).to.be.within(200, 280);
    });

    it("looks at 24 points and no more", async () => {
      // One of forty parts takes the request, so that some seeds do not find it.
      await join(protocol, bob, 39n * STAKING.minimumStake);
      const wide = await ethers.deployContract("OperatorPools", [protocol.registry, staking, EPOCH_SECONDS, 1]);
      await wide.connect(alice).optIn(versionId, OPEN_TERMS);
      await wide.connect(bob).optIn(versionId, { ...OPEN_TERMS, capacity: 0 });
      const epoch = await nextEpoch(connection);
      const terms = { versionId, epoch, fee: 0, collateral: ONE, claimSeconds: 0, callbackGas: 0 };
      let found = 0;
      for (let i = 0; i < 200; i++) {
        if ((await wide.draw(terms, id(`seed ${String(i)}`))).operator === alice.address) found++;
      }
      // 1 - (39/40)^24 is 46 %.
      expect(found).to.be.within(70, 114);
    });
  });
});
