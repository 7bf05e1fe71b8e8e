import { id, parseEther, ZeroHash } from "ethers";
import { network } from "hardhat";

import { deployProtocol, join, type Protocol, useFixture } from "./protocol.ts";

/*
 * Staking with the signer `court` as a manager, and alice staked and opted in.
 */

export const connection = await network.create();
export const { ethers, networkHelpers } = connection;

export const LOCK = id("lock");
export const ONE = parseEther("1");

/** Codes of a fault. */
export const [LIVENESS, FRAUD] = [0, 1];
/** Codes of an operator's status. */
export const [ACTIVE, JAILED, TOMBSTONED] = [1n, 2n, 3n];
/** Codes of the shares of a payout. */
export const [ACCUSER, HARMED, SINK] = [0, 1, 2];

/** The protocol in that state. */
export const stakedProtocol = async () => {
  const protocol = await deployProtocol(connection);
  await protocol.staking.addManager(protocol.court);
  await join(protocol, protocol.alice);
  const { staking, alice, court } = protocol;
  return { ...protocol, byAlice: staking.connect(alice), byManager: staking.connect(court) };
};

/** That protocol, fresh for each test of a `describe`. */
export const useProtocol = () => useFixture(connection, stakedProtocol);

/** Draws among all slots for a commitment made now, and locks. */
export const lockNow = async ({ staking, court, versionId }: Protocol, lockId = LOCK, amount = parseEther("600")) => {
  const cutoff = (await networkHelpers.time.latestBlock()) + 1;
  const candidates = await staking.slotsOf(versionId);
  return staking.connect(court).lockDrawn(versionId, ZeroHash, candidates, cutoff, lockId, amount);
};
