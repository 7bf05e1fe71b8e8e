import { expect } from "chai";
import { hexlify } from "ethers";
import { network } from "hardhat";

import { createRandom } from "../../../runner/machine/prng.ts";

/** Cases a function: 100 by default, more with ASSAY_FUZZ. */
const RUNS = Math.max(100, Number(process.env.ASSAY_FUZZ ?? 0));
const random = createRandom(Number(process.env.ASSAY_SEED ?? 1) * 53);

const word = (): bigint => BigInt(hexlify(random.bytes(32)));
const words = (count: number): bigint[] => Array.from({ length: count }, word);

describe("Words", () => {
  const deploy = async () => {
    const { ethers } = await network.create();
    return await ethers.deployContract("WordsHarness");
  };
  let harness: Awaited<ReturnType<typeof deploy>>;
  before(async () => {
    harness = await deploy();
  });

  describe("load and positionOf", () => {
    it(`give the elements of ${RUNS} arrays`, async () => {
      for (let i = 0; i < RUNS; i++) {
        const array = words(random.below(9));
        expect(await harness.load(array)).to.deep.equal(array);
      }
    });
  });

  describe("store", () => {
    it(`equals an assignment, in ${RUNS} arrays`, async () => {
      for (let i = 0; i < RUNS; i++) {
        const array = words(random.between(1, 8));
        const [index, value] = [random.below(array.length), word()];
        const [fast, plain] = await harness.store(array, index, value);
        expect(fast).to.deep.equal(plain);
        expect(fast).to.deep.equal(array.with(index, value));
      }
    });
  });

  describe("allocate", () => {
    it("takes the memory of an array of as many words, and overlaps with nothing", async () => {
      for (let count = 1; count <= 40; count++) {
        const [fast, plain, overlaps] = await harness.allocate(count);
        expect([fast, overlaps], String(count)).to.deep.equal([plain, false]);
      }
    });
  });

  describe("operandAt and positionOf", () => {
    it(`give the same operand, in ${RUNS} states`, async () => {
      for (let i = 0; i < RUNS; i++) {
        const fields = words(9);
        const state = [...fields.slice(0, 6), words(random.below(7)), ...fields.slice(6)] as const;
        const last = word();
        const [seen, written] = await harness.operand(state as never, last);
        expect(seen).to.deep.equal(state);
        expect(written).to.deep.equal(state.with(8, last));
      }
    });
  });

  describe("loadCalldata and positionOf", () => {
    it(`give the bytes at an offset, and zeros after the end, of ${RUNS} strings`, async () => {
      for (let i = 0; i < RUNS; i++) {
        const data = random.bytes(random.below(100));
        const [fast, plain] = await harness.loadCalldata(random.below(data.length + 40), hexlify(data));
        expect(fast).to.equal(plain);
      }
    });
  });

  describe("reversed32 and reversed64", () => {
    it(`equal loops over the bytes, for ${RUNS} words`, async () => {
      for (let i = 0; i < RUNS; i++) {
        const value = word();
        const [r32, r64] = await harness.reversed(value);
        expect([r32, r64]).to.deep.equal([...(await harness.reversedPlain(value))]);
      }
    });
  });
});
