import { network } from "hardhat";

import { decompressSignature, QUICKNET } from "../../runner/randomness/drand.ts";
import { headerOf } from "../../services/randomness/header.ts";
import { BEGINNING, steadyTime } from "../../testing/court-stage.ts";
import { QUICKNET_1000 } from "../../test/contracts/support/beacon.ts";
import type { GasScenario } from "./gauge.ts";

/** What the seeds of draws cost, whoever brings them. */
export const randomnessScenario: GasScenario = {
  title: "Seeds of draws",
  text:
    "A round of the beacon, or the header of a block, is brought once and serves all draws of that round or block. " +
    "Whoever brings one that is known already pays for a read. The round is number 1,000 of quicknet.",
  run: async (gauge) => {
    const connection = await network.create({ override: { initialDate: BEGINNING } });
    steadyTime(connection);
    const { ethers, networkHelpers } = connection;
    const { publicKey, genesisTime, periodSeconds } = QUICKNET;
    const drand = await ethers.deployContract("DrandRandomness", [publicKey, genesisTime, periodSeconds, 60]);
    const randao = await ethers.deployContract("RandaoRandomness", [4]);
    const signature = decompressSignature(QUICKNET_1000.signature);
    const { round } = QUICKNET_1000;
    const limits = { atMost: 220_000n };
    await gauge.measure("DrandRandomness.submit", "a round, verified", drand.submit(round, signature), limits);
    await gauge.measure("DrandRandomness.submit, again", "nothing", drand.submit(round, signature));
    await networkHelpers.mine();
    const block = await networkHelpers.time.latestBlock();
    const { rlp } = await headerOf(ethers.provider, BigInt(block));
    await networkHelpers.mine();
    await gauge.measure("RandaoRandomness.submit", "a block's prevrandao, proven", randao.submit(block, rlp));
    await gauge.measure("RandaoRandomness.submit, again", "nothing", randao.submit(block, rlp));
  },
};
