import { id, parseEther } from "ethers";
import { network } from "hardhat";

import { deployProtocol, join, nextEpoch, type Protocol, type Signer } from "./protocol.ts";

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

/** The protocol in that state, in an epoch in which alice counts. */
export const stakedProtocol = async (): Promise<Protocol> => {
  const protocol = await deployProtocol(connection);
  await protocol.staking.addManager(protocol.court);
  await join(protocol, protocol.alice);
  await nextEpoch(connection);
  return protocol;
};

/** How a draw ended. */
export const OUTCOME = { nobody: 0, drawn: 1, busy: 2, missed: 3 } as const;

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
