// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {DataKind} from "../types/Availability.sol";
import {ModelManifest} from "../types/Model.sol";
import {Version, VersionMetadata, VersionStatus} from "../types/Version.sol";
import {Segment} from "../types/Witness.sol";

/// @title IModelRegistry
/// @notice Which bytes a model is, who published it and what it descends from. Versions are immutable: a publisher can
/// flag one, nobody can change one.
interface IModelRegistry {
    /// @notice A version exists from now on. Manifest and metadata are complete in the event.
    event VersionPublished(
        bytes32 indexed versionId,
        address indexed publisher,
        bytes32 indexed commitment,
        ModelManifest manifest,
        VersionMetadata metadata
    );
    /// @notice The publisher flagged a version.
    event VersionFlagged(bytes32 indexed versionId, VersionStatus status, string reason);

    /// @notice The arithmetic is not one that the tensor machine implements.
    error RegistryNumericsUnsupported(uint32 actual, uint32 expected);
    /// @notice A manifest has no kernels.
    error RegistryKernelCountZero();
    /// @notice The weights root does not fit the number of constants: zero exactly when there are none.
    error RegistryWeightsMismatch(bytes32 weightsRoot, uint32 constantCount);
    /// @notice The program root is zero.
    error RegistryProgramRootZero();
    /// @notice A list has fewer or more entries than allowed.
    error RegistryCountOutOfRange(uint256 actual, uint256 minimum, uint256 maximum);
    /// @notice A dtype code is unknown.
    error RegistryDtypeUnknown(uint8 actual);
    /// @notice A tensor length is not in 1 to 2^32 - 1.
    error RegistryLengthOutOfRange(uint64 actual);
    /// @notice There is not one kernel for each output.
    error RegistryOutputCountMismatch(uint256 actual, uint256 expected);
    /// @notice An output names a kernel that does not exist.
    error RegistryOutputKernelOutOfRange(uint32 actual, uint32 kernelCount);
    /// @notice Two outputs name one kernel.
    error RegistryOutputKernelDuplicate(uint32 kernel);
    /// @notice The hash of the original file is zero.
    error RegistryFileHashZero();
    /// @notice A text is empty or longer than allowed.
    error RegistryTextLength(uint256 actual, uint256 maximum);
    /// @notice A parent was never published.
    error RegistryParentUnknown(bytes32 versionId);
    /// @notice A parent is named twice.
    error RegistryParentDuplicate(bytes32 versionId);
    /// @notice Royalty above the maximum, or recipient and rate that do not go together.
    error RegistryRoyaltyInvalid(uint16 royaltyBps, address recipient);
    /// @notice The same publisher published the same model with the same metadata before.
    error RegistryVersionExists(bytes32 versionId);
    /// @notice No such version.
    error RegistryVersionUnknown(bytes32 versionId);
    /// @notice Only the publisher may flag.
    error RegistryNotPublisher(address actual, address expected);
    /// @notice A status only moves forward: active, deprecated, withdrawn.
    error RegistryStatusBackward(VersionStatus actual, VersionStatus wanted);
    /// @notice The leaves given are not those of the chunk.
    error RegistryChunkMismatch(uint256 firstLeaf, uint256 leafCount, uint256 expectedFirst, uint256 expectedCount);
    /// @notice The chunk leads to another root than the list names for its tensor.
    error RegistryTensorRootMismatch(bytes32 actual, bytes32 expected);
    /// @notice The signature's time is over.
    error RegistrySignatureExpired(uint256 deadline);
    /// @notice The signature is not the publisher's over exactly this publication.
    error RegistrySignatureInvalid(address publisher);

    /// @notice Publishes a version for the caller.
    /// @dev Requirements, in the order of the checks: the manifest is valid, the metadata are valid, the version is new.
    /// @return versionId Hash of publisher, model commitment and metadata.
    function publish(
        ModelManifest calldata manifest,
        VersionMetadata calldata metadata
    ) external returns (bytes32 versionId);

    /// @notice Publishes a version for `publisher`, who signed (EIP-712; ERC-1271 for contracts) the model commitment,
    /// the metadata hash, its next nonce and the deadline.
    function publishBySig(
        address publisher,
        ModelManifest calldata manifest,
        VersionMetadata calldata metadata,
        uint256 deadline,
        bytes calldata signature
    ) external returns (bytes32 versionId);

    /// @notice Flags a version as superseded: it still answers.
    function deprecate(bytes32 versionId, string calldata reason) external;

    /// @notice Flags a version as withdrawn: no new requests; open ones run on.
    function withdraw(bytes32 versionId, string calldata reason) external;

    /// @notice Facts of a version; reverts when there is none.
    function versionOf(bytes32 versionId) external view returns (Version memory);

    /// @notice Model commitment of a version; reverts when there is none.
    function commitmentOf(bytes32 versionId) external view returns (bytes32);

    /// @notice What a request needs of a version, without its types; reverts when there is none.
    function termsOf(
        bytes32 versionId
    ) external view returns (VersionStatus status, uint32 numericsVersion, uint16 royaltyBps, address royaltyRecipient);

    /// @notice Bytes of all inputs of a version, and the chunks in which they are put on chain (32 KiB each at most,
    /// never over two tensors).
    function inputSizeOf(bytes32 versionId) external view returns (uint256 size, uint256 chunks);

    /// @notice Bytes of all outputs of a version.
    function outputSizeOf(bytes32 versionId) external view returns (uint256 size);

    /// @notice Root over the input tensor roots, from their bytes in order without gaps.
    function inputRootFor(bytes32 versionId, bytes calldata data) external view returns (bytes32);

    /// @notice Root over the output tensor roots, from their bytes in order without gaps.
    function outputRootFor(bytes32 versionId, bytes calldata data) external view returns (bytes32);

    /// @notice Chunks in which the inputs or the outputs of a version are put on chain, see `inputSizeOf`.
    function chunksOf(bytes32 versionId, DataKind kind) external view returns (uint256);

    /// @notice Root over the tensor roots of the inputs or the outputs, from these roots and one chunk that belongs to them.
    /// @param versionId Model version.
    /// @param kind Inputs or outputs.
    /// @param chunk Index of the chunk, below the number of chunks.
    /// @param roots Tensor roots of all of them.
    /// @param segment Leaves of the chunk with their proof.
    function rootFromChunk(
        bytes32 versionId,
        DataKind kind,
        uint256 chunk,
        bytes32[] calldata roots,
        Segment calldata segment
    ) external view returns (bytes32);

    /// @notice Standing of a version; `None` when there is none.
    function statusOf(bytes32 versionId) external view returns (VersionStatus);

    /// @notice Model commitment of a manifest: keccak256(abi.encode(MANIFEST_TAG, manifest)).
    function commitmentFor(ModelManifest calldata manifest) external pure returns (bytes32);

    /// @notice Id that `publish` would give.
    function versionIdFor(
        address publisher,
        ModelManifest calldata manifest,
        VersionMetadata calldata metadata
    ) external pure returns (bytes32);
}
