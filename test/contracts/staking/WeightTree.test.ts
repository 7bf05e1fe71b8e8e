import { expect } from "chai";
import hre, { network } from "hardhat";

import { createRandom } from "../../../runner/machine/prng.ts";

const { ethers, networkHelpers } = await network.create();

const deploy = async () => await ethers.deployContract("WeightTreeHarness");
const MAX = 2n ** 64n - 1n;

/** What the tree must be equal to: a list of weights for each epoch. */
class PlainWeights {
  readonly #changes: { place: number; weight: bigint; from: number }[] = [];
  places = 0;

  set(place: number, weight: bigint, present: number): void {
    this.#changes.push({ place, weight, from: present + 1 });
  }

  at(epoch: number): bigint[] {
    const weights = Array<bigint>(this.places).fill(0n);
    for (const { place, weight, from } of this.#changes) if (from <= epoch) weights[place] = weight;
    return weights;
  }
}

const sum = (list: readonly bigint[]): bigint => list.reduce((total, value) => total + value, 0n);

describe("WeightTree", () => {
  let tree: Awaited<ReturnType<typeof deploy>>;
  beforeEach(async () => {
    tree = await networkHelpers.loadFixture(deploy);
  });

  describe("set", () => {
    it("counts from the next epoch on", async () => {
      await tree.append(1, 5);
      await tree.set(0, 7, 5);
      expect(await tree.weightAt(0, 4, 5)).to.equal(0n);
      expect(await tree.weightAt(0, 5, 5)).to.equal(0n);
      expect(await tree.upcoming(0)).to.equal(7n);
      expect(await tree.weightAt(0, 5, 6)).to.equal(0n);
      expect(await tree.weightAt(0, 6, 6)).to.equal(7n);
      expect(await tree.totalAt(6, 6)).to.equal(7n);
    });

    it("changes what it set before in the same epoch", async () => {
      await tree.append(1, 5);
      await tree.set(0, 7, 5);
      await tree.set(0, 3, 5);
      expect(await tree.weightAt(0, 6, 6)).to.equal(3n);
      expect(await tree.totalAt(6, 6)).to.equal(3n);
    });

    it("keeps the present and the previous epoch, however often it changes afterwards", async () => {
      await tree.append(1, 1);
      await tree.set(0, 10, 1);
      await tree.set(0, 20, 2);
      await tree.set(0, 30, 3);
      expect([await tree.weightAt(0, 2, 3), await tree.weightAt(0, 3, 3), await tree.upcoming(0)]).to.deep.equal([
        10n,
        20n,
        30n,
      ]);
      // After a long pause all epochs that are kept have the last weight.
      expect([await tree.weightAt(0, 99, 100), await tree.weightAt(0, 100, 100)]).to.deep.equal([30n, 30n]);
    });

    it("takes the largest weight and refuses a total above it", async () => {
      await tree.append(2, 1);
      await tree.set(1, MAX, 1);
      expect(await tree.totalAt(2, 2)).to.equal(MAX);
      await expect(tree.set(0, 1, 1))
        .to.be.revertedWithCustomError(tree, "EpochAmountOutOfRange")
        .withArgs(MAX, 1);
    });

    it("refuses a place that does not exist", async () => {
      await tree.append(3, 1);
      await expect(tree.set(3, 1, 1))
        .to.be.revertedWithCustomError(tree, "WeightTreePlaceOutside")
        .withArgs(3, 3);
    });

    it("does nothing when the weight stays", async () => {
      await tree.append(1, 1);
      await tree.set(0, 4, 1);
      await tree.set(0, 4, 9);
      expect(await tree.weightAt(0, 9, 9)).to.equal(4n);
    });
  });

  describe("weightAt and totalAt", () => {
    it("refuse epochs that are not kept", async () => {
      await tree.append(1, 1);
      for (const epoch of [3, 6]) {
        await expect(tree.weightAt(0, epoch, 5))
          .to.be.revertedWithCustomError(tree, "EpochNotKept")
          .withArgs(epoch, 5);
        await expect(tree.totalAt(epoch, 5)).to.be.revertedWithCustomError(tree, "EpochNotKept").withArgs(epoch, 5);
      }
    });
  });

  describe("find", () => {
    it("finds each place for exactly as many points as its weight", async () => {
      const weights = [3n, 0n, 1n, 5n, 0n, 2n];
      await tree.append(weights.length, 1);
      await tree.setAll(0, weights, 1);
      const found = Array<bigint>(weights.length).fill(0n);
      for (let point = 0n; point < sum(weights); point++) found[Number(await tree.find(point, 2, 2))]! += 1n;
      expect(found).to.deep.equal(weights);
    });

    it("refuses a point at or above the total", async () => {
      await tree.append(1, 1);
      await tree.set(0, 4, 1);
      await expect(tree.find(4, 2, 2))
        .to.be.revertedWithCustomError(tree, "WeightTreePointOutside")
        .withArgs(4, 4);
      await expect(tree.find(0, 1, 2))
        .to.be.revertedWithCustomError(tree, "WeightTreePointOutside")
        .withArgs(0, 0);
    });
  });

  it("equals plain lists of weights in random histories", async () => {
    const { below } = createRandom(Number(process.env.ASSAY_SEED ?? 8));
    for (let history = 0; history < 4; history++) {
      tree = await deploy();
      const plain = new PlainWeights();
      let present = 1;
      for (let step = 0; step < 60; step++) {
        const kind = below(10);
        if (kind < 3 || plain.places === 0) {
          const fresh = 1 + below(5);
          await tree.append(fresh, present);
          plain.places += fresh;
        } else if (kind < 8) {
          const [place, weight] = [below(plain.places), BigInt(below(4) === 0 ? 0 : below(1_000_000))];
          await tree.set(place, weight, present);
          plain.set(place, weight, present);
        } else present += 1 + below(3);

        for (const epoch of [present - 1, present]) {
          const weights = plain.at(epoch);
          const total = sum(weights);
          expect(await tree.totalAt(epoch, present), `total, step ${String(step)}`).to.equal(total);
          if (total === 0n) continue;
          const point = BigInt(below(Number(total)));
          let [place, rest] = [0, point];
          while (rest >= (weights[place] ?? 0n)) rest -= weights[place++] ?? 0n;
          expect(await tree.find(point, epoch, present), `point ${String(point)}`).to.equal(BigInt(place));
          expect(await tree.weightAt(place, epoch, present)).to.equal(weights[place]);
        }
      }
    }
  });

  it("searches 10,000 places for at most 60,000 gas", async () => {
    const total = 10_000;
    for (let first = 0; first < total; first += 100) {
      await tree.append(100, 1);
      await tree.setAll(first, Array<bigint>(100).fill(1_000n), 1);
    }
    const meter = await ethers.deployContract("GasMeter");
    const data = tree.interface.encodeFunctionData("find", [9_999_000, 2, 2]);
    expect(await tree.count()).to.equal(total);
    // Instrumented code says nothing about gas.
    if (!hre.globalOptions.coverage) expect(await meter.measure.staticCall(tree, data)).to.be.below(60_000n);
  });
});
