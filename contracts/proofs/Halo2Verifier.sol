// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {TensorTree} from "../commitment/TensorTree.sol";
import {ICircuitRegistry} from "../interfaces/ICircuitRegistry.sol";
import {IHalo2Verifier} from "../interfaces/IHalo2Verifier.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {Circuit, ProofSystem} from "../types/Circuit.sol";
import {DType} from "../types/DType.sol";
import {EvidenceContext} from "../types/Evidence.sol";
import {countTypes, typeAt} from "../types/PackedTypes.sol";
import {Version} from "../types/Version.sol";
import {CircuitVerifier} from "./CircuitVerifier.sol";
import {Groth16} from "./Groth16.sol";

/// @title Halo2Verifier
/// @notice Evidence by a proof that a registered contract accepts, such as EZKL makes for a circuit. The instances are
/// made here from the bytes of question and answer, so a proof of anything else is refused.
/// @dev Evidence, packed: outputs, inputs, proof. Circuits of this kind have no free public input that could bind the rest
/// of the context: a proof serves every request of the same version with the same input. It says the same there, so that
/// does no harm to who asks; an operator may use the proof of another one.
contract Halo2Verifier is CircuitVerifier {
    constructor(ICircuitRegistry circuits) CircuitVerifier(circuits, ProofSystem.HALO2) {}

    /// @inheritdoc IVerifier
    function verify(EvidenceContext calldata context, bytes calldata evidence) external view {
        Circuit memory circuit = CIRCUITS.circuitOf(context.versionId, SYSTEM);
        uint256 proofAt = uint256(circuit.outputBytes) + circuit.inputBytes;
        require(evidence.length > proofAt, ProofEvidenceLength(evidence.length, proofAt + 1));
        bytes32 codeHash = circuit.verifier.codehash;
        require(codeHash == circuit.keyHash, ProofKeyMismatch(codeHash, circuit.keyHash));
        bytes calldata outputs = evidence[:circuit.outputBytes];
        bytes calldata inputs = evidence[circuit.outputBytes:proofAt];
        _requireRoots(context, outputs, inputs);

        bytes memory call = abi.encodeCall(
            IHalo2Verifier.verifyProof,
            (evidence[proofAt:], _instances(context.versionId, inputs, outputs))
        );
        // SAFETY: a static call to a contract that the publisher registered; it can refuse claims of its version only.
        (bool success, bytes memory answer) = circuit.verifier.staticcall(call);
        require(
            success && answer.length == 32 && uint256(bytes32(answer)) == 1,
            EvidenceRejected(context.mode, context.requestId)
        );
    }

    /// @notice Instances of a proof: the elements of the inputs, then those of the outputs.
    function instancesOf(
        bytes32 versionId,
        bytes calldata inputs,
        bytes calldata outputs
    ) external view returns (uint256[] memory) {
        return _instances(versionId, inputs, outputs);
    }

    function _instances(
        bytes32 versionId,
        bytes calldata inputs,
        bytes calldata outputs
    ) private view returns (uint256[] memory instances) {
        Version memory version = REGISTRY.versionOf(versionId);
        instances = new uint256[](_elements(version.inputTypes) + _elements(version.outputTypes));
        uint256 next = _fill(instances, 0, version.inputTypes, inputs);
        _fill(instances, next, version.outputTypes, outputs);
    }

    function _elements(bytes memory types) private pure returns (uint256 total) {
        uint256 count = countTypes(types);
        for (uint256 i; i < count; ++i) {
            (, uint64 length) = typeAt(types, i);
            total += length;
        }
    }

    function _fill(
        uint256[] memory instances,
        uint256 next,
        bytes memory types,
        bytes calldata data
    ) private pure returns (uint256) {
        uint256 offset;
        uint256 count = countTypes(types);
        for (uint256 i; i < count; ++i) {
            (uint8 dtype, uint64 length) = typeAt(types, i);
            uint256 size = 1 << TensorTree.dtypeShift(dtype);
            for (uint256 end = next + length; next < end; ++next) {
                uint256 value;
                for (uint256 k = size; k != 0; --k) value = (value << 8) | uint8(data[offset + k - 1]);
                bool isNegative = dtype < DType.U64 && value >> (8 * size - 1) == 1;
                instances[next] = isNegative ? Groth16.R - ((1 << (8 * size)) - value) : value;
                offset += size;
            }
        }
        return next;
    }
}
