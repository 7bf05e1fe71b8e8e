// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICircuitRegistry} from "../interfaces/ICircuitRegistry.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IProofEvidence} from "../interfaces/IProofEvidence.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {DataKind} from "../types/Availability.sol";
import {EvidenceContext} from "../types/Evidence.sol";

/// @title CircuitVerifier
/// @notice What verifiers of registered circuits share: the evidence has the bytes of question and answer, and they must
/// have the roots of the claim.
abstract contract CircuitVerifier is IVerifier, IProofEvidence {
    /// @notice Which circuit belongs to which version.
    ICircuitRegistry public immutable CIRCUITS;
    /// @notice Registry of the versions.
    IModelRegistry public immutable REGISTRY;
    /// @notice Proof system of the circuits.
    bytes4 public immutable SYSTEM;

    constructor(ICircuitRegistry circuits, bytes4 system) {
        (CIRCUITS, REGISTRY, SYSTEM) = (circuits, circuits.REGISTRY(), system);
    }

    /// @inheritdoc IVerifier
    function requireTerms(bytes32 versionId, uint32 windowSeconds) external view {
        require(CIRCUITS.hasCircuit(versionId, SYSTEM), EvidenceTermsRefused(versionId, windowSeconds));
    }

    function _requireRoots(
        EvidenceContext calldata context,
        bytes calldata outputs,
        bytes calldata inputs
    ) internal view {
        bytes32 root = REGISTRY.outputRootFor(context.versionId, outputs);
        require(root == context.outputRoot, ProofRootMismatch(DataKind.Output, root, context.outputRoot));
        root = REGISTRY.inputRootFor(context.versionId, inputs);
        require(root == context.inputRoot, ProofRootMismatch(DataKind.Input, root, context.inputRoot));
    }
}
