// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {EvidenceContext} from "../types/Evidence.sol";

/// @title IVerifier
/// @notice One way to show that an answer holds: optimism, a registered key, an enclave, a proof, a quorum.
interface IVerifier {
    /// @notice The evidence does not show that the answer in the context holds.
    error EvidenceRejected(bytes4 mode, bytes32 requestId);

    /// @notice A request with these terms could never be answered in this mode.
    error EvidenceTermsRefused(bytes32 versionId, uint32 windowSeconds);

    /// @notice Reverts unless a request with these terms can be answered in this mode. Asked when a request is opened, so
    /// that no operator is assigned to what it cannot fulfil.
    /// @param versionId Model version that must answer.
    /// @param windowSeconds Challenge window.
    function requireTerms(bytes32 versionId, uint32 windowSeconds) external view;

    /// @notice Returns if and only if the evidence holds for exactly this context; reverts otherwise.
    /// @param context What is claimed, for whom and where.
    /// @param evidence Bytes in the verifier's own format.
    function verify(EvidenceContext calldata context, bytes calldata evidence) external view;
}
