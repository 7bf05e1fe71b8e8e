import { id, parseEther } from "ethers";
import { network } from "hardhat";

import { deployProtocol, nextEpoch, OPEN_TERMS } from "../../test/contracts/support/protocol.ts";

/*
 * Shares of draws of one party, by how it divides its stake among places; drawn by the contracts.
 */

/** Draws that one call makes: EIP-7825 allows 16,777,216 gas. */
const DRAWS_OF_A_CALL = 200;
const DRAWS = 10_000;
const HONEST = 12;

export interface Share {
  readonly what: string;
  readonly stake: number;
  readonly places: number;
  /** Part of all stake, and of all draws. */
  readonly ofStake: number;
  readonly ofDraws: number;
}

/** The part of all draws that a party gets with its stake in so many equal places, among honest operators. */
async function shareOf(what: string, stake: number, places: number): Promise<Share> {
  const connection = await network.create({ override: { accounts: { count: 12 + HONEST + places } } });
  const protocol = await deployProtocol(connection);
  const { token, staking, pools, versionId } = protocol;
  const signers = (await connection.ethers.getSigners()).slice(11);
  const own = new Set(signers.slice(0, places).map(({ address }) => address.slice(2).toLowerCase()));
  for (const [i, operator] of signers.slice(0, places + HONEST).entries()) {
    const amount = i < places ? parseEther(String(stake)) / BigInt(places) : parseEther("1000");
    await token.mint(operator, amount);
    await token.connect(operator).approve(staking, amount);
    await staking.connect(operator).deposit(amount);
    await staking.connect(operator).rotateSigningKey(operator);
    await pools.connect(operator).optIn(versionId, OPEN_TERMS);
  }
  await nextEpoch(connection);
  const reader = await connection.ethers.deployContract("DrawReader");
  const terms = { versionId, epoch: await pools.epoch(), fee: parseEther("10"), collateral: parseEther("200") };
  const wanted = { ...terms, claimSeconds: 600, callbackGas: 0 };
  let won = 0;
  for (let first = 0; first < DRAWS; first += DRAWS_OF_A_CALL) {
    const values = [pools.target, wanted, id("salt"), first, DRAWS_OF_A_CALL];
    const data = reader.interface.encodeFunctionData("draws", values as never);
    const answer = await connection.ethers.provider.call({ to: reader.target, data, gasLimit: 16_777_216n });
    for (let i = 0; i < DRAWS_OF_A_CALL; i++) if (own.has(answer.slice(2 + 64 * (2 + i) + 24, 2 + 64 * (3 + i)))) won++;
  }
  await connection.close();
  return { what, stake, places, ofStake: stake / (stake + HONEST * 1_000), ofDraws: won / DRAWS };
}

/** One party that splits or merges. */
export async function playShares(): Promise<readonly Share[]> {
  return [
    await shareOf("what does not saturate, one place", 1_300, 1),
    await shareOf("twice the least stake, one place", 2_000, 1),
    await shareOf("the same, split", 2_000, 2),
    await shareOf("a quarter of all stake, one place", 4_000, 1),
    await shareOf("the same, split", 4_000, 4),
    await shareOf("half of all stake, one place", 12_000, 1),
    await shareOf("the same, split", 12_000, 12),
  ];
}
