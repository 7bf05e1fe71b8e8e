import { AbiCoder, id, keccak256 } from "ethers";

import type { Hash } from "../../runner/commitment/keccak.ts";

/** What `auditCommitmentOf` of contracts/types/Audit.sol binds. */
export interface AuditCommitment {
  readonly chainId: bigint;
  readonly desk: string;
  readonly claimId: Hash;
  readonly traceRoot: Hash;
  readonly outputRoot: Hash;
  readonly auditor: string;
}

const TAG = id("assay.audit.v1");
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
