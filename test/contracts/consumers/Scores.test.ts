import { expect } from "chai";
import { network } from "hardhat";

const { ethers, networkHelpers } = await network.create();

/** Little-endian bytes of f32 values, given as their bits. */
const encode = (bits: readonly number[]): string => {
  const bytes = Buffer.alloc(4 * bits.length);
  bits.forEach((word, i) => bytes.writeUInt32LE(word, 4 * i));
  return `0x${bytes.toString("hex")}`;
};

const bitsOf = (value: number): number => new Uint32Array(Float32Array.of(value).buffer)[0] ?? 0;

describe("Scores", () => {
  const fixture = async () => ethers.deployContract("ScoresHarness");
  const bestOf = async (bits: readonly number[], rest = ""): Promise<bigint> =>
    (await networkHelpers.loadFixture(fixture)).best(encode(bits) + rest);

  describe("best", () => {
    it("is the place of the largest float, from negative infinity to infinity", async () => {
      const rising = [-Infinity, -3e38, -1.5, -1, -1e-40, 0, 1e-40, 1e-30, 1, 1.5, 3e38, Infinity].map(bitsOf);
      for (const [at, bits] of rising.entries()) {
        expect(await bestOf([...rising.slice(0, at), bits])).to.equal(BigInt(at));
        expect(await bestOf([bits, ...rising.slice(0, at)])).to.equal(0n);
      }
    });
    it("sees a difference of one in any byte", async () => {
      for (const [low, high] of [
        [0x3f817262, 0x3f817263],
        [0x3f817263, 0x3f817363],
        [0x3f817263, 0x3f827263],
        [0x3f817263, 0x40817263],
      ] as const) {
        expect(await bestOf([low, high, low])).to.equal(1n);
        expect(await bestOf([high, low])).to.equal(0n);
      }
    });
    it("is the first of equal ones", async () => {
      expect(await bestOf([1, 2, 2, 1].map(bitsOf))).to.equal(1n);
    });
    it("counts up to 256 classes", async () => {
      expect(await bestOf([...Array<number>(255).fill(bitsOf(-1)), bitsOf(1)])).to.equal(255n);
    });
    it("passes over bytes that are no whole float", async () => {
      expect(await bestOf([bitsOf(1)], "ffff7f")).to.equal(0n);
      expect(await bestOf([], "ffff7f")).to.equal(0n);
    });
    it("is the first when there are none", async () => {
      expect(await bestOf([])).to.equal(0n);
    });
  });
});
