// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";

import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {DataKind} from "../types/Availability.sol";
import {TensorList} from "../commitment/TensorList.sol";
import {TensorTree} from "../commitment/TensorTree.sol";
import {ModelManifest, TensorType} from "../types/Model.sol";
import {countTypes, packTypes, typeAt} from "../types/PackedTypes.sol";
import {Version, VersionMetadata, VersionStatus} from "../types/Version.sol";
import {Segment} from "../types/Witness.sol";

/// @title ModelRegistry
/// @notice See IModelRegistry.
/// @dev Nobody governs this contract. What a version says is in its id; what is stored is what others read often.
contract ModelRegistry is IModelRegistry, EIP712, Nonces {
    /// @notice Domain of the model commitment (docs/tensor-machine.md section 5).
    bytes32 public constant MANIFEST_TAG = keccak256("assay.model.v1");
    /// @notice Domain of version ids.
    bytes32 public constant VERSION_TAG = keccak256("assay.version.v1");
    /// @notice What a publisher signs for `publishBySig`.
    bytes32 public constant PUBLISH_TYPEHASH = keccak256(
        "PublishVersion(address publisher,bytes32 commitment,bytes32 metadataHash,uint256 nonce,uint256 deadline)"
    );

    /// @notice The only arithmetic that the tensor machine of this suite implements.
    uint32 public constant NUMERICS_VERSION = 1;
    uint256 public constant MAX_TENSORS = 16;
    uint256 public constant MAX_PARENTS = 8;
    uint256 public constant MAX_URI_BYTES = 512;
    uint256 public constant MAX_LICENCE_BYTES = 64;
    uint16 public constant MAX_ROYALTY_BPS = 5_000;
    /// @notice Largest dtype code (bool).
    uint8 public constant MAX_DTYPE = 9;

    mapping(bytes32 versionId => Version version) private _versions;

    constructor() EIP712("Assay ModelRegistry", "1") {}

    /// @inheritdoc IModelRegistry
    function publish(
        ModelManifest calldata manifest,
        VersionMetadata calldata metadata
    ) external returns (bytes32 versionId) {
        return _publish(msg.sender, commitmentFor(manifest), _metadataHash(metadata), manifest, metadata);
    }

    /// @inheritdoc IModelRegistry
    function publishBySig(
        address publisher,
        ModelManifest calldata manifest,
        VersionMetadata calldata metadata,
        uint256 deadline,
        bytes calldata signature
    ) external returns (bytes32 versionId) {
        require(block.timestamp <= deadline, RegistrySignatureExpired(deadline));
        bytes32 commitment = commitmentFor(manifest);
        bytes32 metadataHash = _metadataHash(metadata);
        bytes32 digest = _hashTypedDataV4(
            keccak256(abi.encode(PUBLISH_TYPEHASH, publisher, commitment, metadataHash, _useNonce(publisher), deadline))
        );
        // SAFETY: a static call to a publisher that is a contract; the nonce is used up already.
        require(
            SignatureChecker.isValidSignatureNowCalldata(publisher, digest, signature),
            RegistrySignatureInvalid(publisher)
        );
        return _publish(publisher, commitment, metadataHash, manifest, metadata);
    }

    /// @inheritdoc IModelRegistry
    function deprecate(bytes32 versionId, string calldata reason) external {
        _flag(versionId, VersionStatus.Deprecated, reason);
    }

    /// @inheritdoc IModelRegistry
    function withdraw(bytes32 versionId, string calldata reason) external {
        _flag(versionId, VersionStatus.Withdrawn, reason);
    }

    /// @inheritdoc IModelRegistry
    function versionOf(bytes32 versionId) external view returns (Version memory) {
        return _existing(versionId);
    }

    /// @inheritdoc IModelRegistry
    function commitmentOf(bytes32 versionId) external view returns (bytes32) {
        return _existing(versionId).commitment;
    }

    /// @inheritdoc IModelRegistry
    function termsOf(
        bytes32 versionId
    )
        external
        view
        returns (VersionStatus status, uint32 numericsVersion, uint16 royaltyBps, address royaltyRecipient)
    {
        Version storage version = _existing(versionId);
        return (version.status, version.numericsVersion, version.royaltyBps, version.royaltyRecipient);
    }

    /// @inheritdoc IModelRegistry
    function inputSizeOf(bytes32 versionId) external view returns (uint256 size, uint256 chunks) {
        bytes memory types = _existing(versionId).inputTypes;
        return (TensorList.totalBytes(types), TensorList.chunkCount(types));
    }

    /// @inheritdoc IModelRegistry
    function outputSizeOf(bytes32 versionId) external view returns (uint256 size) {
        return TensorList.totalBytes(_existing(versionId).outputTypes);
    }

    /// @inheritdoc IModelRegistry
    function inputRootFor(bytes32 versionId, bytes calldata data) external view returns (bytes32) {
        return TensorList.rootOf(_existing(versionId).inputTypes, data);
    }

    /// @inheritdoc IModelRegistry
    function outputRootFor(bytes32 versionId, bytes calldata data) external view returns (bytes32) {
        return TensorList.rootOf(_existing(versionId).outputTypes, data);
    }

    /// @inheritdoc IModelRegistry
    function chunksOf(bytes32 versionId, DataKind kind) external view returns (uint256) {
        return TensorList.chunkCount(_typesOf(versionId, kind));
    }

    /// @inheritdoc IModelRegistry
    function rootFromChunk(
        bytes32 versionId,
        DataKind kind,
        uint256 chunk,
        bytes32[] calldata roots,
        Segment calldata segment
    ) external view returns (bytes32) {
        bytes memory types = _typesOf(versionId, kind);
        require(
            roots.length == countTypes(types),
            RegistryCountOutOfRange(roots.length, countTypes(types), countTypes(types))
        );
        (uint256 tensor, uint256 firstLeaf, uint256 leaves) = TensorList.chunkAt(types, chunk);
        uint256 given = TensorTree.leafCount(segment.data.length);
        require(
            segment.firstLeaf == firstLeaf && given == leaves,
            RegistryChunkMismatch(segment.firstLeaf, given, firstLeaf, leaves)
        );
        (uint8 dtype, uint64 length) = typeAt(types, tensor);
        bytes32 root = TensorTree.segmentRoot(dtype, length, firstLeaf, segment.data, segment.siblings);
        require(root == roots[tensor], RegistryTensorRootMismatch(root, roots[tensor]));
        return TensorTree.listRoot(roots);
    }

    /// @inheritdoc IModelRegistry
    function statusOf(bytes32 versionId) external view returns (VersionStatus) {
        return _versions[versionId].status;
    }

    /// @inheritdoc IModelRegistry
    function versionIdFor(
        address publisher,
        ModelManifest calldata manifest,
        VersionMetadata calldata metadata
    ) external pure returns (bytes32) {
        return _versionId(publisher, commitmentFor(manifest), _metadataHash(metadata));
    }

    /// @inheritdoc IModelRegistry
    function commitmentFor(ModelManifest calldata manifest) public pure returns (bytes32) {
        return keccak256(abi.encode(MANIFEST_TAG, manifest));
    }

    function _publish(
        address publisher,
        bytes32 commitment,
        bytes32 metadataHash,
        ModelManifest calldata manifest,
        VersionMetadata calldata metadata
    ) private returns (bytes32 versionId) {
        _requireManifest(manifest);
        _requireMetadata(metadata);
        versionId = _versionId(publisher, commitment, metadataHash);
        require(_versions[versionId].status == VersionStatus.None, RegistryVersionExists(versionId));

        _versions[versionId] = Version({
            publisher: publisher,
            publishedAt: uint40(block.timestamp),
            status: VersionStatus.Active,
            royaltyBps: metadata.royaltyBps,
            royaltyRecipient: metadata.royaltyRecipient,
            numericsVersion: manifest.numericsVersion,
            commitment: commitment,
            inputTypes: packTypes(manifest.inputs),
            outputTypes: packTypes(manifest.outputs)
        });
        emit VersionPublished(versionId, publisher, commitment, manifest, metadata);
    }

    function _flag(bytes32 versionId, VersionStatus status, string calldata reason) private {
        Version storage version = _existing(versionId);
        require(msg.sender == version.publisher, RegistryNotPublisher(msg.sender, version.publisher));
        require(version.status < status, RegistryStatusBackward(version.status, status));
        _requireText(reason, MAX_URI_BYTES);
        version.status = status;
        emit VersionFlagged(versionId, status, reason);
    }

    function _typesOf(bytes32 versionId, DataKind kind) private view returns (bytes memory) {
        Version storage version = _existing(versionId);
        return kind == DataKind.Input ? version.inputTypes : version.outputTypes;
    }

    function _existing(bytes32 versionId) private view returns (Version storage version) {
        version = _versions[versionId];
        require(version.status != VersionStatus.None, RegistryVersionUnknown(versionId));
    }

    function _requireManifest(ModelManifest calldata manifest) private pure {
        require(
            manifest.numericsVersion == NUMERICS_VERSION,
            RegistryNumericsUnsupported(manifest.numericsVersion, NUMERICS_VERSION)
        );
        require(manifest.programRoot != 0, RegistryProgramRootZero());
        require(manifest.kernelCount != 0, RegistryKernelCountZero());
        require(
            (manifest.weightsRoot == 0) == (manifest.constantCount == 0),
            RegistryWeightsMismatch(manifest.weightsRoot, manifest.constantCount)
        );
        _requireTypes(manifest.inputs);
        _requireTypes(manifest.outputs);

        uint256 count = manifest.outputs.length;
        require(
            manifest.outputKernels.length == count,
            RegistryOutputCountMismatch(manifest.outputKernels.length, count)
        );
        for (uint256 i; i < count; ++i) {
            uint32 kernel = manifest.outputKernels[i];
            require(kernel < manifest.kernelCount, RegistryOutputKernelOutOfRange(kernel, manifest.kernelCount));
            for (uint256 j; j < i; ++j) {
                require(manifest.outputKernels[j] != kernel, RegistryOutputKernelDuplicate(kernel));
            }
        }
    }

    function _requireTypes(TensorType[] calldata list) private pure {
        require(list.length != 0 && list.length <= MAX_TENSORS, RegistryCountOutOfRange(list.length, 1, MAX_TENSORS));
        for (uint256 i; i < list.length; ++i) {
            require(list[i].dtype <= MAX_DTYPE, RegistryDtypeUnknown(list[i].dtype));
            require(
                list[i].length != 0 && list[i].length <= type(uint32).max,
                RegistryLengthOutOfRange(list[i].length)
            );
        }
    }

    function _requireMetadata(VersionMetadata calldata metadata) private view {
        require(metadata.fileHash != 0, RegistryFileHashZero());
        _requireText(metadata.contentUri, MAX_URI_BYTES);
        _requireText(metadata.licence, MAX_LICENCE_BYTES);
        require(
            metadata.parents.length <= MAX_PARENTS,
            RegistryCountOutOfRange(metadata.parents.length, 0, MAX_PARENTS)
        );
        for (uint256 i; i < metadata.parents.length; ++i) {
            // A parent must exist, and ids bind their metadata, so lineage has no cycles.
            bytes32 parent = metadata.parents[i].versionId;
            require(_versions[parent].status != VersionStatus.None, RegistryParentUnknown(parent));
            for (uint256 j; j < i; ++j) {
                require(metadata.parents[j].versionId != parent, RegistryParentDuplicate(parent));
            }
        }
        require(
            metadata.royaltyBps <= MAX_ROYALTY_BPS &&
                (metadata.royaltyBps == 0) == (metadata.royaltyRecipient == address(0)),
            RegistryRoyaltyInvalid(metadata.royaltyBps, metadata.royaltyRecipient)
        );
    }

    function _requireText(string calldata text, uint256 maximum) private pure {
        uint256 length = bytes(text).length;
        require(length != 0 && length <= maximum, RegistryTextLength(length, maximum));
    }

    function _metadataHash(VersionMetadata calldata metadata) private pure returns (bytes32) {
        return keccak256(abi.encode(metadata));
    }

    function _versionId(address publisher, bytes32 commitment, bytes32 metadataHash) private pure returns (bytes32) {
        return keccak256(abi.encode(VERSION_TAG, publisher, commitment, metadataHash));
    }
}
