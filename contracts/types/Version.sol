// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @notice How a model version came out of another one.
enum Relation {
    FineTunedFrom,
    QuantisedFrom,
    ConvertedFrom,
    DistilledFrom,
    MergedFrom,
    PrunedFrom
}

/// @notice What a publisher says about the standing of a version. Flags never change what the version is.
/// @dev `None` marks a version that was never published.
enum VersionStatus {
    None,
    Active,
    Deprecated,
    Withdrawn
}

/// @notice A version that another one descends from.
/// @param versionId The ancestor; it must be published already.
/// @param relation How the descendant was made from it.
struct Parent {
    bytes32 versionId;
    Relation relation;
}

/// @notice What a version says about itself in addition to the manifest.
/// @param fileHash keccak256 of the original model file (for example the ONNX file), not zero.
/// @param contentUri Where file, program and weights can be fetched; 1 to 512 bytes.
/// @param licence SPDX licence expression; 1 to 64 bytes.
/// @param parents Lineage, at most 8, no duplicates.
/// @param royaltyBps Share of every fee for the recipient, in 1/10,000; at most 5,000.
/// @param royaltyRecipient Who gets it; zero exactly when `royaltyBps` is zero.
struct VersionMetadata {
    bytes32 fileHash;
    string contentUri;
    string licence;
    Parent[] parents;
    uint16 royaltyBps;
    address royaltyRecipient;
}

/// @notice The facts of a version that other contracts need, as stored.
/// @param publisher Who published it and may flag it.
/// @param publishedAt Time of publication, seconds.
/// @param status Standing now.
/// @param royaltyBps Share of every fee for `royaltyRecipient`, in 1/10,000.
/// @param royaltyRecipient Who gets the royalty; zero when there is none.
/// @param numericsVersion Version of docs/tensor-machine.md that defines the arithmetic.
/// @param commitment Model commitment: hash of the manifest.
/// @param inputTypes Types of the inputs, five bytes each: dtype, then length as big-endian uint32.
/// @param outputTypes Types of the outputs, packed the same way.
struct Version {
    address publisher;
    uint40 publishedAt;
    VersionStatus status;
    uint16 royaltyBps;
    address royaltyRecipient;
    uint32 numericsVersion;
    bytes32 commitment;
    bytes inputTypes;
    bytes outputTypes;
}
