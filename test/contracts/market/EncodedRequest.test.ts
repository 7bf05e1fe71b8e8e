import { expect } from "chai";
import { dataSlice, hexlify, toBeHex } from "ethers";
import { network } from "hardhat";

import { createRandom } from "../../../runner/machine/prng.ts";

const { ethers } = await network.create();

/** Bits of each field of a request, in order. */
const WIDTHS = [160, 64, 256, 256, 256, 96, 96, 160, 96, 32, 40, 32, 32, 160, 32, 1];

describe("EncodedRequest", () => {
  describe("read", () => {
    const random = createRandom(3);
    const word = (bits: number): string => {
      const bytes = Array.from({ length: 32 }, () => random.below(256));
      return toBeHex(BigInt.asUintN(bits, BigInt(hexlify(Uint8Array.from(bytes)))), 32);
    };
    const encoding = (): string => "0x" + WIDTHS.map((bits) => word(bits).slice(2)).join("");

    it("gives what abi.decode gives, for random requests", async () => {
      const harness = await ethers.deployContract("EncodedRequestHarness");
      for (let i = 0; i < 200; i++) {
        const terms = encoding();
        expect([...(await harness.read(terms))]).to.deep.equal([...(await harness.readPlain(terms))]);
      }
    });

    it("reverts where abi.decode does: a field that is out of its type's range", async () => {
      const harness = await ethers.deployContract("EncodedRequestHarness");
      for (const [i, bits] of WIDTHS.entries()) {
        if (bits === 256) continue;
        const terms = encoding();
        const wrong = `${dataSlice(terms, 0, 32 * i)}${toBeHex(1n << BigInt(bits), 32).slice(2)}${dataSlice(terms, 32 * i + 32).slice(2)}`;
        await expect(harness.read(wrong)).to.revert(ethers);
        await expect(harness.readPlain(wrong)).to.revert(ethers);
      }
    });

    it("refuses any other length", async () => {
      const harness = await ethers.deployContract("EncodedRequestHarness");
      const terms = encoding();
      for (const other of ["0x", dataSlice(terms, 0, 511), `${terms}00`]) {
        await expect(harness.read(other))
          .to.be.revertedWithCustomError(harness, "EncodedRequestLength")
          .withArgs((other.length - 2) / 2, 512);
      }
    });
  });
});
