import { expect } from "chai";
import { concat, hexlify, keccak256, ZeroAddress } from "ethers";
import { network } from "hardhat";

import { createRandom } from "../../../runner/machine/prng.ts";
import { eventsOf } from "../support/protocol.ts";

/** Modes of ConsumerMock: keep, revert, burn all gas, revert with 100,000 bytes. */
const MODES = [0, 1, 2, 3];
const CALLS = 60;

describe("BoundedCall", () => {
  const deploy = async () => {
    const { ethers } = await network.create();
    const harness = await ethers.deployContract("BoundedCallHarness");
    const [mine, other] = [await ethers.deployContract("ConsumerMock"), await ethers.deployContract("ConsumerMock")];
    return { ethers, harness, mine, other };
  };
  const outcomeOf = async (harness: Parameters<typeof eventsOf>[0], call: Parameters<typeof eventsOf>[1]) =>
    (await eventsOf(harness, call)).map(({ args }) => args.success);

  it(`equals Solidity's own call in ${CALLS} random calls: success, and what the callee then holds`, async () => {
    const { harness, mine, other } = await deploy();
    const random = createRandom(0xca11);
    const seen = new Set<unknown>();
    for (let i = 0; i < CALLS; i++) {
      const mode = MODES[random.below(MODES.length)] ?? 0;
      await mine.behave(mode, ZeroAddress, "0x");
      await other.behave(mode, ZeroAddress, "0x");
      const answer = hexlify(random.bytes(random.below(300)));
      const stage = random.below(2);
      const data = random.chance(0.1)
        ? answer
        : mine.interface.encodeFunctionData("onInference", [
            `0x${"11".repeat(32)}`,
            stage,
            `0x${"22".repeat(32)}`,
            answer,
          ]);
      const gas = random.below(400_000);
      const assembled = await outcomeOf(harness, await harness.assembled(mine, gas, data, { gasLimit: 2_000_000 }));
      const plain = await outcomeOf(harness, await harness.plain(other, gas, data, { gasLimit: 2_000_000 }));
      expect(assembled).to.deep.equal(plain);
      seen.add(assembled[0]);
      for (const at of [0, 1]) expect(await mine.heard(at)).to.equal(await other.heard(at));
      expect(await mine.answer()).to.equal(await other.answer());
    }
    expect([...seen]).to.have.members([true, false]);
  });

  it("hands over exactly the data and the gas, as Solidity's own call does", async () => {
    const { harness } = await deploy();
    const random = createRandom(0xda7a);
    for (let i = 0; i < CALLS; i++) {
      // No selector of the harness is all ones, so its fallback hears these.
      const data = concat(["0xffffffff", random.bytes(random.below(200))]);
      const gas = 100_000 + random.below(100_000);
      await harness.assembled(harness, gas, data, { gasLimit: 2_000_000 });
      const assembled = [await harness.heard(), await harness.gasHeard()];
      await harness.plain(harness, gas, data, { gasLimit: 2_000_000 });
      expect(assembled).to.deep.equal([await harness.heard(), await harness.gasHeard()]);
      expect(assembled[0]).to.equal(keccak256(data));
    }
  });

  it("succeeds for an account without code, as Solidity's own call does", async () => {
    const { harness } = await deploy();
    const nobody = `0x${"77".repeat(20)}`;
    expect(await outcomeOf(harness, await harness.assembled(nobody, 1_000, "0x1234"))).to.deep.equal([true]);
    expect(await outcomeOf(harness, await harness.plain(nobody, 1_000, "0x1234"))).to.deep.equal([true]);
  });

  it("costs the caller nothing for what a callee returns, where Solidity's own call pays for the copy", async () => {
    const { harness, mine } = await deploy();
    await mine.behave(3, ZeroAddress, "0x");
    const data = mine.interface.encodeFunctionData("onInference", [
      `0x${"11".repeat(32)}`,
      0,
      `0x${"22".repeat(32)}`,
      "0x",
    ]);
    const assembled = await (await harness.assembled(mine, 200_000, data)).wait();
    const plain = await (await harness.plain(mine, 200_000, data)).wait();
    expect(Number(plain?.gasUsed)).to.be.greaterThan(Number(assembled?.gasUsed) + 20_000);
  });
});
