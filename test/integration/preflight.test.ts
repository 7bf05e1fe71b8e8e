import { expect } from "chai";
import { toBeHex } from "ethers";
import { network } from "hardhat";

import type { RandomnessSource } from "../../ignition/randomness.ts";
import { isAssayError } from "../../runner/errors.ts";
import { deploySuite } from "../../services/chain/deploy.ts";
import { preflight, type PreflightProvider, requireFeatures } from "../../services/chain/preflight.ts";
import { recordParent } from "../contracts/support/history.ts";

const [PUSH0, MCOPY, CLZ] = ["PUSH0 (EIP-3855)", "MCOPY (EIP-5656)", "CLZ (EIP-7939)"];
const BLS = ["G1ADD", "G2MSM", "PAIRING_CHECK", "MAP_FP_TO_G1"].map((name) => `BLS12_${name} (EIP-2537)`);
const [PREVRANDAO, HISTORY] = ["PREVRANDAO (EIP-4399)", "history contract (EIP-2935)"];
const OWN_NUMBERS = "block numbers of its own";
const P256 = "P256VERIFY (EIP-7951)";

describe("preflight", () => {
  const chainOf = async (hardfork: string) => await network.create({ override: { hardfork } });
  /** Everything that a chain lacks, needed or not. */
  const missingOn = async (provider: PreflightProvider, source: RandomnessSource = "drand") =>
    (await preflight(provider, source)).filter(({ present }) => !present).map(({ name }) => name);
  const refusalOf = async (provider: PreflightProvider, source: RandomnessSource) => {
    try {
      requireFeatures(await preflight(provider, source), 5);
    } catch (error) {
      if (isAssayError(error, "CHAIN_LACKS")) return error;
      throw error;
    }
    return undefined;
  };

  describe("given a chain of Osaka", () => {
    it("finds everything, once its history contract knows a block", async () => {
      const connection = await chainOf("osaka");
      const { provider } = connection.ethers;
      expect(await missingOn(provider)).to.deep.equal([HISTORY]);
      await recordParent(connection);
      expect(await missingOn(provider)).to.deep.equal([]);
      for (const source of ["drand", "randao", "local"] as const) {
        expect(await refusalOf(provider, source)).to.equal(undefined);
      }
    });
    it("sends nothing", async () => {
      const { provider } = (await chainOf("osaka")).ethers;
      await preflight(provider, "drand");
      expect(await provider.getBlockNumber()).to.equal(0);
    });
  });

  const lacking: Readonly<Record<string, readonly string[]>> = {
    prague: [CLZ, HISTORY, P256],
    cancun: [CLZ, ...BLS, HISTORY, P256],
    shanghai: [MCOPY, CLZ, ...BLS, HISTORY, P256],
    merge: [PUSH0, MCOPY, CLZ, ...BLS, HISTORY, P256],
    london: [PUSH0, MCOPY, CLZ, ...BLS, PREVRANDAO, HISTORY, P256],
  };
  for (const [hardfork, missing] of Object.entries(lacking)) {
    it(`names what a chain of ${hardfork} lacks: ${missing.length} of 11`, async () => {
      expect(await missingOn((await chainOf(hardfork)).ethers.provider)).to.deep.equal(missing);
    });
  }

  it("needs for each source what that source uses, and tells the rest", async () => {
    const { provider } = (await chainOf("london")).ethers;
    const needed = async (source: RandomnessSource) => (await refusalOf(provider, source))?.details.missing;
    expect(await needed("local")).to.deep.equal([PUSH0, MCOPY, CLZ]);
    expect(await needed("drand")).to.deep.equal([PUSH0, MCOPY, CLZ, ...BLS]);
    expect(await needed("randao")).to.deep.equal([PUSH0, MCOPY, CLZ, PREVRANDAO, HISTORY]);
  });

  describe("given a node's answers", () => {
    /** A chain of Osaka whose node gives another answer to some questions. */
    const answering = async (change: (answer: string, data: string) => string): Promise<PreflightProvider> => {
      const connection = await chainOf("osaka");
      await recordParent(connection);
      const { provider } = connection.ethers;
      return {
        call: async (transaction) => change(await provider.call(transaction), String(transaction.data)),
        getBlock: async (block) => await provider.getBlock(block),
        getBlockNumber: async () => await provider.getBlockNumber(),
      };
    };

    it("finds that block.number counts the blocks of another chain, as on Arbitrum", async () => {
      const number = toBeHex(23_000_000, 32);
      const provider = await answering((answer, data) => (data.startsWith("0x436000") ? number : answer));
      expect(await missingOn(provider)).to.deep.equal([OWN_NUMBERS]);
      expect((await refusalOf(provider, "randao"))?.message).to.match(
        /^chain 5 lacks block numbers of its own for RandaoRandomness: on Arbitrum/,
      );
      expect(await refusalOf(provider, "drand")).to.equal(undefined);
    });
    it("does not take a precompile that answers something else, or a chain whose history is another's", async () => {
      const wrong = await answering((answer) => (answer.length > 66 ? `${answer.slice(0, -1)}7` : answer));
      expect(await missingOn(wrong)).to.deep.equal([...BLS, HISTORY, P256]);
    });
    it("does not take an address without code for a precompile: its calls succeed with nothing", async () => {
      const success = toBeHex(1, 32);
      const empty = await answering((answer) => (answer.length > 66 ? success : answer));
      expect(await missingOn(empty)).to.deep.equal([...BLS, HISTORY, P256]);
    });
    it("takes a prevrandao below 2^64 for a difficulty", async () => {
      const difficulty = toBeHex((1n << 64n) - 1n, 32);
      const provider = await answering((answer, data) => (data.startsWith("0x446000") ? difficulty : answer));
      expect(await missingOn(provider)).to.deep.equal([PREVRANDAO]);
    });
    it("gives the error of a node that does not answer", async () => {
      const provider = await answering(() => {
        throw new Error("bad gateway");
      });
      const error: unknown = await preflight(provider, "local").catch((reason: unknown) => reason);
      expect(String(error)).to.equal("Error: bad gateway");
    });
  });

  it("lets deploySuite refuse a chain before anything is sent", async () => {
    const connection = await chainOf("prague");
    const error: unknown = await deploySuite(connection).catch((reason: unknown) => reason);
    expect(isAssayError(error, "CHAIN_LACKS") && error.details).to.deep.equal({ chainId: 31_337, missing: [CLZ] });
    expect(await connection.ethers.provider.getBlockNumber()).to.equal(0);
  });
});
