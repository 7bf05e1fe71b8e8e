import { id, parseEther, ZeroHash } from "ethers";
import { network } from "hardhat";

import { FAULT, OPERATOR_STATUS, SHARE } from "../../../runner/protocol/enums.ts";
import { deployProtocol, join, type Protocol, useFixture } from "./protocol.ts";

/*
 * Staking with the signer `court` as a manager, and alice staked and opted in.
 */

export const connection = await network.create();
export const { ethers, networkHelpers } = connection;

export const LOCK = id("lock");
export const ONE = parseEther("1");

/** Codes of a fault. */
export const { liveness: LIVENESS, fraud: FRAUD } = FAULT;
/** Codes of an operator's status. */
export const { active: ACTIVE, jailed: JAILED, tombstoned: TOMBSTONED } = OPERATOR_STATUS;
/** Codes of the shares of a payout. */
export const [ACCUSER, HARMED, SINK] = [Number(SHARE.accuser), Number(SHARE.harmed), Number(SHARE.sink)];

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
