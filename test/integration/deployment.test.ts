import { expect } from "chai";
import { ZeroAddress } from "ethers";
import hre, { network } from "hardhat";

import { isAssayError } from "../../runner/errors.ts";
import { RANDOMNESS_CONTRACTS, type RandomnessSource } from "../../ignition/randomness.ts";
import { QUICKNET } from "../../runner/randomness/drand.ts";
import { contextOf } from "../../services/chain/connection.ts";
import { type DeploymentCost, deploySuite, randomnessFor } from "../../services/chain/deploy.ts";
import { attach } from "../../services/chain/deployment.ts";
import { fund } from "../../services/chain/funds.ts";
import { CHAIN_CLOCK } from "../../services/environment/clock.ts";
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

  it("hands the guardian over with governance, or gives it to whom the options name", async () => {
    const GUARDIAN_ROLE = 1n;
    for (const named of [false, true]) {
      const { connection, deployer, other } = await chain();
      const third = (await connection.ethers.getSigners())[2]?.address ?? "";
      const options = { governance: other.address, ...(named ? { guardian: third } : {}) };
      const { authority } = attach(await deploySuite(connection, options), deployer);
      const members = await Promise.all(
        [deployer.address, other.address, third].map(async (each) => (await authority.hasRole(GUARDIAN_ROLE, each))[0]),
      );
      expect(members).to.deep.equal([false, !named, named]);
    }
  });
  it("takes a token that is there already, and refuses what is none", async () => {
    const { connection, deployer, other } = await chain();
    const token = await connection.ethers.deployContract("AssayToken");
    const address = await token.getAddress();
    const deployment = await deploySuite(connection, { token: address });
    expect([deployment.contracts.AssayToken, deployment.existingToken]).to.deep.equal([address, true]);
    const { staking } = attach(deployment, deployer);
    expect(await staking.TOKEN()).to.equal(address);
    const refusal: unknown = await deploySuite(connection, { token: other.address }).catch((error: unknown) => error);
    expect(isAssayError(refusal, "OPTION_INVALID"), String(refusal)).to.equal(true);
    const context = contextOf(connection, deployment, other, { report: () => undefined, clock: CHAIN_CLOCK });
    const poor: unknown = await fund(context, 5n * 10n ** 18n).catch((error: unknown) => error);
    expect(String(poor)).to.match(/has 0\.0 tokens and needs 5\.0: send it the rest/);
  });
  it("tells the cost before it sends anything, and stops when the deployer cannot pay it", async function () {
    // Contracts with the counters of coverage are larger than a chain takes.
    if (hre.globalOptions.coverage) this.skip();
    const { connection, deployer } = await chain();
    const costs: DeploymentCost[] = [];
    const onCost = (cost: DeploymentCost): void => {
      costs.push(cost);
    };
    const { provider } = connection.ethers;
    await deploySuite(connection, { onCost });
    let used = 0n;
    for (let block = await provider.getBlockNumber(); block > 0; block--) {
      used += (await provider.getBlock(block))?.gasUsed ?? 0n;
    }
    expect(costs.map(({ gas }) => gas)).to.deep.equal([used]);
    const block = await provider.getBlockNumber();
    await connection.networkHelpers.setBalance(deployer.address, 10n ** 15n);
    const refusal: unknown = await deploySuite(connection, { onCost }).catch((error: unknown) => error);
    expect(isAssayError(refusal, "NOT_READY"), String(refusal)).to.equal(true);
    expect(await provider.getBlockNumber()).to.equal(block);
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
