// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @notice Everything that evidence must bind; nothing less identifies an answer.
/// @param market Market that asks; the chain is the executing one.
/// @param requestId Request that is answered.
/// @param versionId Model version.
/// @param numericsVersion Arithmetic of the version.
/// @param inputRoot Root of the input.
/// @param outputRoot Root of the claimed output.
/// @param operator Who claims.
/// @param mode Selector under which the evidence is verified.
/// @param deadline Until when the claim may be made, in seconds of the market's clock.
/// @param windowSeconds Challenge window that follows.
struct EvidenceContext {
    address market;
    bytes32 requestId;
    bytes32 versionId;
    uint32 numericsVersion;
    bytes32 inputRoot;
    bytes32 outputRoot;
    address operator;
    bytes4 mode;
    uint40 deadline;
    uint32 windowSeconds;
}

/// @notice State of a selector.
enum RouteState {
    None,
    Active,
    Tombstoned
}
