import { parseEther } from "ethers";
import { network } from "hardhat";

import { DRAW_OUTCOME, FINALITY, REQUEST_STATUS } from "../../../runner/protocol/enums.ts";
import {
  assign,
  claim,
  deployProtocol,
  join,
  nextEpoch,
  open,
  type Opened,
  type Protocol,
  useFixture,
} from "./protocol.ts";

/*
 * A market with three operators who may be drawn, and requests at every stage of their life. The court is a signer.
 */

export const connection = await network.create();
export const { ethers, networkHelpers } = connection;

const code = (status: keyof typeof REQUEST_STATUS): number => Number(REQUEST_STATUS[status]);
/** Codes of a request's status while it lives, and `final`. */
export const STATUS = {
  open: code("open"),
  assigned: code("assigned"),
  claimed: code("claimed"),
  challenged: code("challenged"),
  final: code("final"),
} as const;
/** Codes of the ways in which a request fails. */
export const ENDED = {
  refunded: code("refunded"),
  timedOut: code("timedOut"),
  cancelled: code("cancelled"),
  convicted: code("convicted"),
} as const;
export { FINALITY };

/** Fee of the usual request. */
export const FEE = parseEther("10");
/** Collateral that the usual request locks: more than four times value and fee. */
export const COLLATERAL = parseEther("200") + 1n;
/** What the operator gets of the usual fee: a tenth goes to the royalty, a tenth to the audits. */
export const PAID = parseEther("8");

/** How a draw ended. */
export { DRAW_OUTCOME as OUTCOME };

/** The protocol with alice, bob and carol staked and opted in, in an epoch in which they count. */
export const joinedProtocol = async (): Promise<Protocol> => {
  const protocol = await deployProtocol(connection);
  for (const operator of [protocol.alice, protocol.bob, protocol.carol]) await join(protocol, operator);
  await nextEpoch(connection);
  return protocol;
};

/** That protocol, fresh for each test of a `describe`. */
export const useProtocol = () => useFixture(connection, joinedProtocol);

/** A request with an operator. */
export const openAssigned = async (protocol: Protocol, overrides: object = {}) => {
  const made = await open(protocol, overrides);
  await assign(connection, protocol, made);
  return made;
};

/** A request with the usual answer. */
export const openClaimed = async (protocol: Protocol, overrides: object = {}) => {
  const made = await openAssigned(protocol, overrides);
  return { ...made, ...(await claim(connection, protocol, made)) };
};

/** A request whose answer the court marked as challenged. */
export const openChallenged = async (protocol: Protocol) => {
  const made = await openClaimed(protocol);
  await protocol.market.connect(protocol.court).markChallenged(made.id, made.claimId);
  return made;
};

/** The operator that a request was assigned to. */
export const operatorOf = async ({ market }: Protocol, { id }: Pick<Opened, "id">) =>
  ethers.getSigner((await market.stateOf(id)).operator);
