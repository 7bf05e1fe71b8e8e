// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @notice A claim as its source hands it to the court when a dispute opens. `claimIdOf` of these facts is the claim's id.
/// @param operator Who claims.
/// @param outputRoot Root over the output tensor roots that it claims.
/// @param windowEnd End of the challenge window, in the source's time.
/// @param claimedBlock Block of the claim.
/// @param secondsLeft Seconds of the source's time until `windowEnd`.
struct HeldClaim {
    address operator;
    bytes32 outputRoot;
    uint40 windowEnd;
    uint40 claimedBlock;
    uint40 secondsLeft;
}

/// @notice What a trace of a claim is judged against.
/// @param modelCommitment Commitment of the model that must have computed the answer.
/// @param inputRoot Root over the input tensor roots.
/// @param outputRoot Root over the output tensor roots that are claimed.
struct ClaimFacts {
    bytes32 modelCommitment;
    bytes32 inputRoot;
    bytes32 outputRoot;
}

bytes32 constant CLAIM_TAG = keccak256("assay.claim.v1");

/// @notice Id of a claim of a source: binds chain, source, the source's own id, operator, output root, window end and
/// block. Moves of a dispute name it, so a reorganisation that replaces the claim cannot redirect them, and no source can
/// have a claim of another source's id.
/// @param source Contract that holds the claim.
/// @param id The source's own id of what is claimed: a request of the market.
function claimIdOf(
    address source,
    bytes32 id,
    address operator,
    bytes32 outputRoot,
    uint40 windowEnd,
    uint40 claimedBlock
) view returns (bytes32) {
    return keccak256(abi.encode(CLAIM_TAG, block.chainid, source, id, operator, outputRoot, windowEnd, claimedBlock));
}
