import { expect } from "chai";
import { ZeroAddress } from "ethers";
import { network } from "hardhat";

import { isAssayError } from "../../runner/errors.ts";
import { RANDOMNESS_CONTRACTS, type RandomnessSource } from "../../ignition/randomness.ts";
import { QUICKNET } from "../../runner/randomness/drand.ts";
import { deploySuite, randomnessFor } from "../../services/chain/deploy.ts";
import { attach } from "../../services/chain/deployment.ts";
import {
  DrandRandomness__factory,
  LocalBlockRandomness__factory,
  RandaoRandomness__factory,
} from "../../typechain-types/index.ts";
import { recordParent } from "../contracts/support/history.ts";

const ADMIN_ROLE = 0n;
/** Longer than unbonding, which takes 35 days. */
const DELAY = 37 * 86_400;

describe("deploySuite", () => {
  const chain = async () => {
    const connection = await network.create();
    const [deployer, other] = await connection.ethers.getSigners();
    if (deployer === undefined || other === undefined) throw new Error("too few accounts");
    /** The delay of each of the two after a deployment; undefined for who does not govern. */
    const governors = async (governance?: string, parameters = {}) => {
      const { authority } = attach(await deploySuite(connection, { governance, parameters }), deployer);
      const roles = [await authority.hasRole(ADMIN_ROLE, deployer), await authority.hasRole(ADMIN_ROLE, other)];
      return roles.map(([member, delay]) => (member ? Number(delay) : undefined));
    };
    return { connection, deployer, other, governors };
  };

  it("leaves governance with the deployer, behind the delay", async () => {
    const { governors } = await chain();
    expect(await governors()).to.deep.equal([DELAY, undefined]);
  });
  it("takes the deployer's own address in any case of its letters, so that somebody governs", async () => {
    const { deployer, governors } = await chain();
    expect(await governors(deployer.address.toLowerCase())).to.deep.equal([DELAY, undefined]);
  });
  it("hands governance over, and takes it from the deployer", async () => {
    const { other, governors } = await chain();
    expect(await governors(other.address)).to.deep.equal([undefined, DELAY]);
  });
  it("takes the governor of the parameters when there is no other", async () => {
    const { other, governors } = await chain();
    expect(await governors(undefined, { Governance: { governance: other.address } })).to.deep.equal([undefined, DELAY]);
  });
  it("refuses what is no address before it sends anything", async () => {
    const { connection, governors } = await chain();
    for (const governance of ["0x12", ZeroAddress, "0x70997970c51812dc3A010C7d01b50e0d17dc79C8"]) {
      const refusal = await governors(governance).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(isAssayError(refusal, "OPTION_INVALID"), governance).to.equal(true);
    }
    expect(await connection.ethers.provider.getBlockNumber()).to.equal(0);
  });

  describe("given a source of seeds", () => {
    const deployWith = async (randomness: string | undefined, parameters = {}) => {
      const connection = await network.create();
      await recordParent(connection);
      const deployment = await deploySuite(connection, { randomness, parameters });
      const { market } = attach(deployment, connection.ethers.provider);
      expect(await market.RANDOMNESS()).to.equal(deployment.contracts.IRandomness);
      return { ...deployment, address: deployment.contracts.IRandomness, provider: connection.ethers.provider };
    };

    it("deploys LocalBlockRandomness on a development chain when none is named, and says so", async () => {
      const { randomness, address, provider } = await deployWith(undefined);
      expect(randomness).to.equal("local");
      expect(await LocalBlockRandomness__factory.connect(address, provider).DELAY_BLOCKS()).to.equal(2);
    });
    it("deploys DrandRandomness for drand, on quicknet, and says so", async () => {
      const { randomness, address, provider } = await deployWith("drand");
      expect(randomness).to.equal("drand");
      const drand = DrandRandomness__factory.connect(address, provider);
      expect(await drand.publicKey()).to.equal(QUICKNET.publicKey);
      expect(await drand.GENESIS_TIME()).to.equal(QUICKNET.genesisTime);
      expect(await drand.PERIOD_SECONDS()).to.equal(QUICKNET.periodSeconds);
      expect(await drand.MARGIN_SECONDS()).to.equal(24);
    });
    it("takes the parameters of DrandRandomness, beside the others of a development chain", async () => {
      const parameters = { DrandRandomness: { periodSeconds: 30 }, Assay: { saturation: 20 } };
      const { address, provider, ...deployment } = await deployWith("drand", parameters);
      const drand = DrandRandomness__factory.connect(address, provider);
      expect(await drand.PERIOD_SECONDS()).to.equal(30);
      expect(await drand.MARGIN_SECONDS()).to.equal(24);
      const { pools } = attach(deployment, provider);
      expect([await pools.EPOCH_SECONDS(), await pools.SATURATION()]).to.deep.equal([60n, 20n]);
    });
    it("deploys RandaoRandomness for randao, and says so", async () => {
      const { randomness, address, provider } = await deployWith("randao");
      expect(randomness).to.equal("randao");
      expect(await RandaoRandomness__factory.connect(address, provider).DELAY_BLOCKS()).to.equal(4);
    });
    it("refuses a margin or a delay that is not shorter than an epoch, before it sends anything", async () => {
      const connection = await network.create();
      await recordParent(connection);
      const block = await connection.ethers.provider.getBlockNumber();
      for (const [randomness, parameters] of [
        ["drand", { DrandRandomness: { marginSeconds: 60 } }],
        ["drand", { Assay: { epochSeconds: 3_600 }, DrandRandomness: { marginSeconds: 3_600n } }],
        ["randao", { RandaoRandomness: { delayBlocks: 5 } }],
      ] as const) {
        const refusal: unknown = await deploySuite(connection, { randomness, parameters }).catch(
          (error: unknown) => error,
        );
        expect(isAssayError(refusal, "OPTION_INVALID"), JSON.stringify(refusal)).to.equal(true);
      }
      expect(await connection.ethers.provider.getBlockNumber()).to.equal(block);
    });
  });
});

describe("randomnessFor", () => {
  const refused = (chainId: number, asked: string): unknown => {
    try {
      return randomnessFor(chainId, asked);
    } catch (error) {
      if (!isAssayError(error, "OPTION_INVALID")) throw error;
      return error.details;
    }
  };

  it("is local on a development chain and drand on every other one", () => {
    expect([31_337, 1, 11_155_111, 84_532, 421_614].map((chainId) => randomnessFor(chainId))).to.deep.equal([
      "local",
      ...["drand", "drand", "drand", "drand"],
    ]);
  });
  it("is what is asked for", () => {
    const sources = Object.keys(RANDOMNESS_CONTRACTS) as RandomnessSource[];
    expect(sources.map((source) => randomnessFor(31_337, source))).to.deep.equal(sources);
    expect([randomnessFor(1, "drand"), randomnessFor(1, "randao")]).to.deep.equal(["drand", "randao"]);
  });
  it("refuses local on a public chain, and says why", () => {
    expect(refused(1, "local")).to.deep.equal({
      name: "ASSAY_RANDOMNESS",
      value: "local",
      remedy: "give drand or randao: on chain 1 whoever builds a block would choose the outcome of draws",
    });
  });
  it("refuses what is no source", () => {
    for (const asked of ["", "Drand", "FutureBlockRandomness", "toString"]) {
      const remedy = "give drand, randao or local";
      expect(refused(31_337, asked)).to.deep.equal({ name: "ASSAY_RANDOMNESS", value: asked, remedy });
    }
  });
});
