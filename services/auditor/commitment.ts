import { AbiCoder, keccak256 } from "ethers";

import type { Hash } from "../../runner/commitment/keccak.ts";
import { CONSTANTS } from "../../runner/protocol/constants.ts";

/** What `auditCommitmentOf` of contracts/types/Audit.sol binds. */
export interface AuditCommitment {
  readonly chainId: bigint;
  readonly desk: string;
  readonly claimId: Hash;
  readonly traceRoot: Hash;
  readonly outputRoot: Hash;
  readonly auditor: string;
}

const TAG = CONSTANTS.Audit.AUDIT_TAG;
const TYPES = ["bytes32", "uint256", "address", "bytes32", "bytes32", "bytes32", "address"];

/** What an auditor commits to. */
export const auditCommitmentOf = ({
  chainId,
  desk,
  claimId,
  traceRoot,
  outputRoot,
  auditor,
}: AuditCommitment): string =>
  keccak256(AbiCoder.defaultAbiCoder().encode(TYPES, [TAG, chainId, desk, claimId, traceRoot, outputRoot, auditor]));
