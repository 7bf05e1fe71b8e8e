// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";

import {ICircuitRegistry} from "../interfaces/ICircuitRegistry.sol";
import {IERCZKMLRegistry, IERCZKMLVerifier} from "../interfaces/IERC7992.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IProofEvidence} from "../interfaces/IProofEvidence.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {DataKind} from "../types/Availability.sol";
import {Circuit, ProofSystem} from "../types/Circuit.sol";
import {StatementContext} from "./StatementContext.sol";

/// @title ZkmlRegistry
/// @notice Versions with a Groth16 circuit as models of ERC-7992 (draft): registry and verifier in one contract.
/// @dev A model's id is its version id as a number, and so is its `modelHash`: it binds publisher, weights, architecture
/// and metadata. The owner is the publisher. Models never change: another model has another id. An `inputCommitment` is
/// the root of the input (docs/tensor-machine.md section 5), an output is the bytes of the output tensors, a proof is
/// evidence of `Groth16Verifier` for a context whose market is this contract and whose request is zero. What is verified
/// is a statement about a function: whoever must not accept it twice keeps count.
contract ZkmlRegistry is IERCZKMLRegistry, IERCZKMLVerifier, IERC165 {
    /// @dev What this contract adds to the facts of a circuit.
    struct Model {
        bool registered;
        bool deprecated;
        string uri;
    }

    /// @notice Registry of circuits.
    ICircuitRegistry public immutable CIRCUITS;
    /// @notice Registry of versions.
    IModelRegistry public immutable REGISTRY;
    /// @notice Who checks proofs.
    IVerifier public immutable VERIFIER;

    mapping(uint256 modelId => Model model) private _models;

    /// @notice The model is registered.
    error ModelExists(uint256 modelId);
    /// @notice Models never change; register another one.
    error ModelImmutable(uint256 modelId);
    /// @notice The commitment is not that of the registered circuit of the version.
    error ModelCommitmentMismatch(uint256 modelId);

    constructor(ICircuitRegistry circuits, IVerifier verifier) {
        (CIRCUITS, REGISTRY, VERIFIER) = (circuits, circuits.REGISTRY(), verifier);
    }

    // ------------------------------------------------------------------------------------------------ registry

    /// @inheritdoc IERCZKMLRegistry
    function registerModel(ModelCommitment calldata commitment) external returns (uint256 modelId) {
        modelId = uint256(commitment.modelHash);
        _requireOwner(modelId);
        Model storage model = _models[modelId];
        require(!model.registered, ModelExists(modelId));
        require(commitment.proofSystemId == ProofSystem.GROTH16, UnsupportedProofSystem(commitment.proofSystemId));
        Circuit memory circuit = CIRCUITS.circuitOf(bytes32(modelId), ProofSystem.GROTH16);
        require(
            commitment.circuitHash == _circuitHashOf(modelId) && commitment.vkHash == circuit.keyHash,
            ModelCommitmentMismatch(modelId)
        );
        (model.registered, model.uri) = (true, commitment.uri);
        emit ModelRegistered(modelId, msg.sender, commitment);
    }

    /// @inheritdoc IERCZKMLRegistry
    function updateModel(uint256 modelId, ModelCommitment calldata) external view {
        _existing(modelId);
        _requireOwner(modelId);
        revert ModelImmutable(modelId);
    }

    /// @inheritdoc IERCZKMLRegistry
    function deprecateModel(uint256 modelId) external {
        Model storage model = _existing(modelId);
        _requireOwner(modelId);
        model.deprecated = true;
        emit ModelDeprecated(modelId);
    }

    /// @inheritdoc IERCZKMLRegistry
    function getModel(
        uint256 modelId
    ) external view returns (ModelCommitment memory commitment, bool deprecated, address owner) {
        Model storage model = _existing(modelId);
        Circuit memory circuit = CIRCUITS.circuitOf(bytes32(modelId), ProofSystem.GROTH16);
        commitment = ModelCommitment({
            modelHash: bytes32(modelId),
            circuitHash: _circuitHashOf(modelId),
            vkHash: circuit.keyHash,
            proofSystemId: ProofSystem.GROTH16,
            uri: model.uri
        });
        return (commitment, model.deprecated, _ownerOf(modelId));
    }

    // ------------------------------------------------------------------------------------------------ verifier

    /// @inheritdoc IERCZKMLVerifier
    function verifyInference(
        uint256 modelId,
        bytes32 inputCommitment,
        bytes calldata output,
        bytes calldata proof
    ) external {
        require(!_existing(modelId).deprecated, VerificationRefused_ModelDeprecated(modelId));
        bytes32 versionId = bytes32(modelId);
        bytes32 outputRoot = REGISTRY.outputRootFor(versionId, output);
        // SAFETY: a static call; whatever fails, this reverts.
        try
            VERIFIER.verify(StatementContext.statement(REGISTRY, 0, versionId, inputCommitment, outputRoot), proof)
        {} catch (bytes memory reason) {
            _refuse(reason);
        }
        emit InferenceVerified(modelId, inputCommitment, output, msg.sender);
    }

    /// @inheritdoc IERCZKMLVerifier
    function proofSystemOf(uint256 modelId) external view returns (bytes4) {
        _existing(modelId);
        return ProofSystem.GROTH16;
    }

    /// @inheritdoc IERCZKMLVerifier
    function registry() external view returns (address registryAddress) {
        return address(this);
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return
            interfaceId == type(IERCZKMLRegistry).interfaceId ||
            interfaceId == type(IERCZKMLVerifier).interfaceId ||
            interfaceId == type(IERC165).interfaceId;
    }

    /// @dev The standard's words for what the verifier says.
    function _refuse(bytes memory reason) private pure {
        bytes4 selector = bytes4(reason);
        if (selector == IProofEvidence.ProofKeyMismatch.selector) revert ModelMismatch();
        if (selector == IProofEvidence.ProofRootMismatch.selector) {
            // The first argument, after the selector.
            bytes32 kind;
            for (uint256 i; i < 32; ++i) kind = (kind << 8) | bytes32(uint256(uint8(reason[4 + i])));
            if (uint256(kind) == uint256(DataKind.Input)) revert InputCommitmentMismatch();
            revert OutputMismatch();
        }
        revert InvalidProof();
    }

    function _existing(uint256 modelId) private view returns (Model storage model) {
        model = _models[modelId];
        require(model.registered, ModelNotFound(modelId));
    }

    function _circuitHashOf(uint256 modelId) private view returns (bytes32) {
        return CIRCUITS.circuitHashOf(bytes32(modelId), ProofSystem.GROTH16);
    }

    function _ownerOf(uint256 modelId) private view returns (address) {
        return REGISTRY.versionOf(bytes32(modelId)).publisher;
    }

    function _requireOwner(uint256 modelId) private view {
        require(msg.sender == _ownerOf(modelId), NotModelOwner(modelId, msg.sender));
    }
}
