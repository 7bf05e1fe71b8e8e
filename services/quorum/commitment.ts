import { AbiCoder, keccak256 } from "ethers";

import type { Hash } from "../../runner/commitment/keccak.ts";
import { CONSTANTS } from "../../runner/protocol/constants.ts";

/** What `quorumCommitmentOf` of contracts/types/Quorum.sol binds. */
export interface QuorumCommitment {
  readonly chainId: bigint;
  readonly quorums: string;
  readonly quorumId: Hash;
  readonly operator: string;
  readonly salt: string;
  readonly outputRoot: Hash;
}

const TAG = CONSTANTS.Quorum.QUORUM_COMMITMENT_TAG;
const TYPES = ["bytes32", "uint256", "address", "bytes32", "address", "bytes32", "bytes32"];
const abi = AbiCoder.defaultAbiCoder();

/** What the operator of a seat commits to. */
export const quorumCommitmentOf = (parts: QuorumCommitment): string => {
  const { chainId, quorums, quorumId, operator, salt, outputRoot } = parts;
  return keccak256(abi.encode(TYPES, [TAG, chainId, quorums, quorumId, operator, salt, outputRoot]));
};

/** Salt of an operator in a quorum: the same after a restart, and known to nobody without the secret. */
export const saltOf = (secret: string, quorumId: Hash, operator: string): string =>
  keccak256(abi.encode(["bytes32", "bytes32", "address"], [secret, quorumId, operator]));

/** Id of a seat, see `seatIdOf` of contracts/types/Quorum.sol. */
export const seatIdOf = (quorumId: Hash, seat: number): Hash =>
  `${quorumId.slice(0, -2)}${seat.toString(16).padStart(2, "0")}` as Hash;
