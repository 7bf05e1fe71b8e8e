// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {Circuit} from "../types/Circuit.sol";
import {IModelRegistry} from "./IModelRegistry.sol";

/// @title ICircuitRegistry
/// @notice Which circuit proves the answers of a model version. Its publisher says so, once for each proof system, and within
/// a day of the publication: then nobody can change it, and whoever opts in later knows what it must prove. A publisher vouches for the circuit as it does for the weights; whoever holds the secret of a
/// key's set-up can forge proofs under that key.
interface ICircuitRegistry {
    /// @notice A version has a circuit from now on. Its key stands in the calldata of the transaction, or in a contract.
    /// @param circuitHash keccak256 of the constraint system, for whoever makes the key again.
    event CircuitRegistered(
        bytes32 indexed versionId,
        bytes4 indexed system,
        bytes32 indexed circuitHash,
        Circuit circuit
    );

    /// @notice Only the publisher of a version registers its circuits.
    error CircuitNotPublisher(address actual, address expected);
    /// @notice The version was published too long ago: operators have opted in to it that may have no prover.
    error CircuitTooLate(uint256 actual, uint256 until);
    /// @notice The version has a circuit for this proof system.
    error CircuitExists(bytes32 versionId, bytes4 system);
    /// @notice The version has no circuit for this proof system.
    error CircuitUnknown(bytes32 versionId, bytes4 system);
    /// @notice The hash of the constraint system is zero.
    error CircuitHashZero(bytes32 versionId);
    /// @notice Inputs and outputs together are too large to be public inputs of a proof.
    error CircuitTooWide(uint256 actual, uint256 maximum);
    /// @notice Key parts that must differ are equal: the second phase of the set-up is missing, so anyone forges proofs.
    error CircuitSetupUnfinished(bytes32 versionId);
    /// @notice The verifier is no contract.
    error CircuitVerifierInvalid(address verifier);
    /// @notice The tensors of a version are no integers, so they are no field elements either.
    error CircuitDtypeUnsupported(uint8 dtype);

    /// @notice Registers the verifying key of a Groth16 circuit for a version of the caller's.
    /// @dev Public inputs of the circuit, in this order: the element that binds the context of the claim, then outputs
    /// followed by inputs, 31 bytes an element.
    /// @param versionId Version whose function the circuit computes, to the bit.
    /// @param circuitHash keccak256 of the circuit's constraint system, not zero.
    /// @param key Verifying key as `Groth16` of contracts/proofs lays it out.
    function registerGroth16(bytes32 versionId, bytes32 circuitHash, bytes calldata key) external;

    /// @notice Registers a contract that verifies Halo2 proofs of one circuit for a version of the caller's.
    /// @dev Instances of the circuit: each element of the inputs in order, then of the outputs, as field elements; a
    /// negative one is the modulus minus its absolute value. All tensors must be integers or bool.
    /// @param versionId Version whose function the circuit computes, to the bit.
    /// @param circuitHash keccak256 of the circuit's settings, not zero.
    /// @param verifier Contract with `verifyProof(bytes,uint256[])`; its code must never change.
    function registerHalo2(bytes32 versionId, bytes32 circuitHash, address verifier) external;

    /// @notice The circuit of a version; reverts when there is none.
    function circuitOf(bytes32 versionId, bytes4 system) external view returns (Circuit memory);

    /// @notice keccak256 of the constraint system of a version's circuit; zero when there is none.
    function circuitHashOf(bytes32 versionId, bytes4 system) external view returns (bytes32);

    /// @notice Whether a version has a circuit.
    function hasCircuit(bytes32 versionId, bytes4 system) external view returns (bool);

    /// @notice Registry of the versions.
    function REGISTRY() external view returns (IModelRegistry);
}
