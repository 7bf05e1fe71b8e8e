// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICircuitRegistry} from "../interfaces/ICircuitRegistry.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {Circuit, ProofSystem} from "../types/Circuit.sol";
import {countTypes, typeAt} from "../types/PackedTypes.sol";
import {DType} from "../types/DType.sol";
import {Version} from "../types/Version.sol";
import {Groth16} from "./Groth16.sol";
import {PublicInputs} from "./PublicInputs.sol";

/// @title CircuitRegistry
/// @notice See ICircuitRegistry.
/// @dev Nobody governs this contract.
contract CircuitRegistry is ICircuitRegistry {
    /// @notice Seconds after the publication of a version in which its circuits are registered.
    uint256 public constant REGISTRATION_SECONDS = 1 days;
    /// @notice Most bytes of inputs and outputs together under Groth16: 64 public inputs, some 400,000 gas a proof.
    uint256 public constant MAX_GROTH16_BYTES = 64 * 31;
    /// @notice Most bytes of inputs and outputs together under Halo2.
    uint256 public constant MAX_HALO2_BYTES = 8_192;

    /// @inheritdoc ICircuitRegistry
    IModelRegistry public immutable REGISTRY;

    /// @inheritdoc ICircuitRegistry
    mapping(bytes32 versionId => mapping(bytes4 system => bytes32 circuitHash)) public circuitHashOf;

    mapping(bytes32 versionId => mapping(bytes4 system => Circuit circuit)) private _circuits;

    constructor(IModelRegistry registry) {
        REGISTRY = registry;
    }

    /// @inheritdoc ICircuitRegistry
    function registerGroth16(bytes32 versionId, bytes32 circuitHash, bytes calldata key) external {
        Circuit memory circuit = _newCircuit(versionId, ProofSystem.GROTH16, circuitHash, MAX_GROTH16_BYTES);
        Groth16.requireKey(key, PublicInputs.count(uint256(circuit.inputBytes) + circuit.outputBytes));
        require(!Groth16.isUnfinished(key), CircuitSetupUnfinished(versionId));
        circuit.keyHash = keccak256(key);
        _register(versionId, ProofSystem.GROTH16, circuitHash, circuit);
    }

    /// @inheritdoc ICircuitRegistry
    function registerHalo2(bytes32 versionId, bytes32 circuitHash, address verifier) external {
        Circuit memory circuit = _newCircuit(versionId, ProofSystem.HALO2, circuitHash, MAX_HALO2_BYTES);
        require(verifier.code.length != 0, CircuitVerifierInvalid(verifier));
        Version memory version = REGISTRY.versionOf(versionId);
        _requireIntegers(version.inputTypes);
        _requireIntegers(version.outputTypes);
        (circuit.verifier, circuit.keyHash) = (verifier, verifier.codehash);
        _register(versionId, ProofSystem.HALO2, circuitHash, circuit);
    }

    /// @inheritdoc ICircuitRegistry
    function circuitOf(bytes32 versionId, bytes4 system) external view returns (Circuit memory circuit) {
        circuit = _circuits[versionId][system];
        require(circuit.keyHash != 0, CircuitUnknown(versionId, system));
    }

    /// @inheritdoc ICircuitRegistry
    function hasCircuit(bytes32 versionId, bytes4 system) external view returns (bool) {
        return _circuits[versionId][system].keyHash != 0;
    }

    function _newCircuit(
        bytes32 versionId,
        bytes4 system,
        bytes32 circuitHash,
        uint256 maximum
    ) private view returns (Circuit memory circuit) {
        Version memory version = REGISTRY.versionOf(versionId);
        require(msg.sender == version.publisher, CircuitNotPublisher(msg.sender, version.publisher));
        uint256 until = version.publishedAt + REGISTRATION_SECONDS;
        require(block.timestamp <= until, CircuitTooLate(block.timestamp, until));
        require(_circuits[versionId][system].keyHash == 0, CircuitExists(versionId, system));
        require(circuitHash != 0, CircuitHashZero(versionId));
        (uint256 inputBytes, ) = REGISTRY.inputSizeOf(versionId);
        uint256 outputBytes = REGISTRY.outputSizeOf(versionId);
        require(inputBytes + outputBytes <= maximum, CircuitTooWide(inputBytes + outputBytes, maximum));
        // SAFETY: both are at most the maximum.
        (circuit.inputBytes, circuit.outputBytes) = (uint32(inputBytes), uint32(outputBytes));
    }

    function _register(bytes32 versionId, bytes4 system, bytes32 circuitHash, Circuit memory circuit) private {
        _circuits[versionId][system] = circuit;
        circuitHashOf[versionId][system] = circuitHash;
        emit CircuitRegistered(versionId, system, circuitHash, circuit);
    }

    function _requireIntegers(bytes memory types) private pure {
        uint256 count = countTypes(types);
        for (uint256 i; i < count; ++i) {
            (uint8 dtype, ) = typeAt(types, i);
            require(dtype != DType.F32, CircuitDtypeUnsupported(dtype));
        }
    }
}
