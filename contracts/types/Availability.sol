// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @notice Which tensors of a request are meant.
enum DataKind {
    Input,
    Output
}

/// @notice Tensors that a source committed to by their root.
/// @param source Contract that they belong to.
/// @param id The source's own id of what they belong to: a request of the market.
/// @param versionId Model version, which says how many tensors there are, and of which types.
/// @param root Root over the tensor roots.
/// @param kind Whether they are inputs or outputs of the version.
struct CommittedData {
    address source;
    bytes32 id;
    bytes32 versionId;
    bytes32 root;
    DataKind kind;
}
