import { id, parseEther } from "ethers";
import { network } from "hardhat";

import { DRAW_OUTCOME, FAULT, OPERATOR_STATUS } from "../../../runner/protocol/enums.ts";
import { deployProtocol, join, nextEpoch, type Protocol, type Signer, useFixture } from "./protocol.ts";

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

/** The protocol in that state, in an epoch in which alice counts. */
export const stakedProtocol = async () => {
  const protocol = await deployProtocol(connection);
  await protocol.staking.addManager(protocol.court);
  await join(protocol, protocol.alice);
  await nextEpoch(connection);
  const { staking, alice, court } = protocol;
  return { ...protocol, byAlice: staking.connect(alice), byManager: staking.connect(court) };
};

/** That protocol, fresh for each test of a `describe`. */
export const useProtocol = () => useFixture(connection, stakedProtocol);

/** How a draw ended. */
export { DRAW_OUTCOME as OUTCOME };

/** The time now, as the time of a fault. */
export const since = (): Promise<number> => networkHelpers.time.latest();

/** Locks stake of an operator that was drawn, alice if nobody else is given; with the stake that its weight stood for. */
export const lockNow = async (
  { staking, court, alice }: Pick<Protocol, "staking" | "court" | "alice">,
  lockId = LOCK,
  amount = parseEther("600"),
  operator: Signer = alice,
  stake = 0n,
) => staking.connect(court).lockDrawn(operator, stake, 1_000, amount, lockId);
