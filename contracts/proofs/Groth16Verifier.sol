// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICircuitRegistry} from "../interfaces/ICircuitRegistry.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {Circuit, ProofSystem} from "../types/Circuit.sol";
import {EvidenceContext} from "../types/Evidence.sol";
import {CircuitVerifier} from "./CircuitVerifier.sol";
import {Groth16} from "./Groth16.sol";
import {PublicInputs} from "./PublicInputs.sol";

/// @title Groth16Verifier
/// @notice Evidence by a Groth16 proof: the registered circuit of the version, on exactly the request's input, gives
/// exactly the claimed output. One contract for all models: the verifying key comes with the evidence.
/// @dev Evidence, packed: proof (256), outputs, inputs, verifying key. The bytes must have the roots of the context, and
/// are public inputs of the proof; so is a hash of the whole context, so no proof serves another request, claim, operator,
/// market or chain. Whoever sees a proof can make another one of the same statement from it; that shows nothing new.
contract Groth16Verifier is CircuitVerifier {
    constructor(ICircuitRegistry circuits) CircuitVerifier(circuits, ProofSystem.GROTH16) {}

    /// @inheritdoc IVerifier
    function verify(EvidenceContext calldata context, bytes calldata evidence) external view {
        Circuit memory circuit = CIRCUITS.circuitOf(context.versionId, SYSTEM);
        uint256 inputsAt = Groth16.PROOF_BYTES + circuit.outputBytes;
        uint256 keyAt = inputsAt + circuit.inputBytes;
        uint256 expected = keyAt + Groth16.keyBytes(PublicInputs.count(keyAt - Groth16.PROOF_BYTES));
        require(evidence.length == expected, ProofEvidenceLength(evidence.length, expected));

        bytes calldata key = evidence[keyAt:];
        bytes32 keyHash = keccak256(key);
        require(keyHash == circuit.keyHash, ProofKeyMismatch(keyHash, circuit.keyHash));
        _requireRoots(context, evidence[Groth16.PROOF_BYTES:inputsAt], evidence[inputsAt:keyAt]);

        uint256[] memory inputs = PublicInputs.ofClaim(context, evidence[Groth16.PROOF_BYTES:keyAt]);
        require(
            Groth16.holds(key, evidence[:Groth16.PROOF_BYTES], inputs),
            EvidenceRejected(context.mode, context.requestId)
        );
    }

    /// @notice The first public input of a proof for a context, which provers need.
    function contextElementOf(EvidenceContext calldata context) external view returns (uint256) {
        return PublicInputs.contextElement(context);
    }
}
