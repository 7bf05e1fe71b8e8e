// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @title IERCZKMLRegistry
/// @notice Registry of ERC-7992 (draft).
/// @dev Without the error `ModelDeprecated`: an event of the standard has the same name, and no compiler takes both.
interface IERCZKMLRegistry {
    /// @notice What a model is.
    /// @param modelHash Hash of weights and architecture.
    /// @param circuitHash Hash of the circuit.
    /// @param vkHash Hash of the verifying key.
    /// @param proofSystemId First four bytes of the hash of the proof system's name and version.
    /// @param uri More about the model.
    struct ModelCommitment {
        bytes32 modelHash;
        bytes32 circuitHash;
        bytes32 vkHash;
        bytes4 proofSystemId;
        string uri;
    }

    event ModelRegistered(uint256 indexed modelId, address indexed owner, ModelCommitment commitment);
    event ModelUpdated(uint256 indexed modelId, ModelCommitment oldCommitment, ModelCommitment newCommitment);
    event ModelDeprecated(uint256 indexed modelId);

    error ModelNotFound(uint256 modelId);
    error NotModelOwner(uint256 modelId, address caller);

    function registerModel(ModelCommitment calldata commitment) external returns (uint256 modelId);
    function updateModel(uint256 modelId, ModelCommitment calldata newCommitment) external;
    function deprecateModel(uint256 modelId) external;
    function getModel(
        uint256 modelId
    ) external view returns (ModelCommitment memory commitment, bool deprecated, address owner);
}

/// @title IERCZKMLVerifier
/// @notice Verifier of ERC-7992 (draft).
interface IERCZKMLVerifier {
    event InferenceVerified(
        uint256 indexed modelId,
        bytes32 indexed inputCommitment,
        bytes output,
        address indexed caller
    );

    error InvalidProof();
    error ModelMismatch();
    error InputCommitmentMismatch();
    error OutputMismatch();
    error UnsupportedProofSystem(bytes4 proofSystemId);
    // solhint-disable-next-line func-name-mixedcase
    error VerificationRefused_ModelDeprecated(uint256 modelId);

    /// @notice Returns if and only if the proof holds.
    function verifyInference(
        uint256 modelId,
        bytes32 inputCommitment,
        bytes calldata output,
        bytes calldata proof
    ) external;

    function proofSystemOf(uint256 modelId) external view returns (bytes4);
    function registry() external view returns (address registryAddress);
}
