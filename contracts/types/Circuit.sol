// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @notice A circuit that proves the answers of a model version under one proof system.
/// @param keyHash keccak256 of the verifying key, or of the code of `verifier`; zero when there is no circuit.
/// @param verifier Contract with the verifying key in its code; zero where the key comes with the evidence.
/// @param inputBytes Bytes of all inputs of the version.
/// @param outputBytes Bytes of all outputs of the version.
struct Circuit {
    bytes32 keyHash;
    address verifier;
    uint32 inputBytes;
    uint32 outputBytes;
}

/// @title ProofSystem
/// @notice Names of proof systems, in the form of ERC-7992: the first four bytes of the hash of a name with its version.
library ProofSystem {
    /// @notice Groth16 over the curve BN254.
    bytes4 internal constant GROTH16 = bytes4(keccak256("groth16-bn254-v1"));
    /// @notice Halo2 with KZG commitments over BN254, by a contract made for one circuit, as of EZKL.
    bytes4 internal constant HALO2 = bytes4(keccak256("halo2-kzg-bn254-v1"));
}
