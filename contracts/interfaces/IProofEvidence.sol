// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {DataKind} from "../types/Availability.sol";

/// @title IProofEvidence
/// @notice Why evidence of a proof is refused, in addition to the errors of `IVerifier` and of the proof system. A proof
/// of other public inputs, or one that was altered to other points of the curve, is an `EvidenceRejected`.
interface IProofEvidence {
    /// @notice The evidence has not the length that the version asks for, or is shorter than the least.
    error ProofEvidenceLength(uint256 actual, uint256 expected);
    /// @notice The verifying key is not the registered one; or the verifier's code has changed.
    error ProofKeyMismatch(bytes32 actual, bytes32 expected);
    /// @notice The bytes in the evidence are not those of the request or of the claim.
    error ProofRootMismatch(DataKind kind, bytes32 actual, bytes32 expected);
}
