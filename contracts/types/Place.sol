// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @notice Under which terms an operator answers for a model version. A change counts for requests of later epochs only.
/// @param minimumFee Least that the operator gets for a request, without royalty and the share of the audits, before its
/// callbacks are paid.
/// @param callbackPrice Token units for each unit of gas of a request's callbacks, on top of `minimumFee`.
/// @param minimumClaimSeconds Least time for a claim.
/// @param maximumCallbackGas Most gas of one callback.
/// @param capacity Most answers that the operator has open at once, over all versions, when this version draws it. Zero
/// takes no new requests: an operator that wants to leave drains its place so.
struct PlaceTerms {
    uint96 minimumFee;
    uint64 callbackPrice;
    uint32 minimumClaimSeconds;
    uint32 maximumCallbackGas;
    uint32 capacity;
}

using {feeFor} for PlaceTerms global;

/// @notice Least fee that an operator takes for a request, without royalty and the share of the audits.
/// @param callbackGas Gas of each callback. There are two that are paid: provisional and final.
function feeFor(PlaceTerms memory terms, uint32 callbackGas) pure returns (uint256) {
    return terms.minimumFee + uint256(terms.callbackPrice) * callbackGas * 2;
}

/// @notice A place as it stands for requests that are opened now.
/// @param operator Whose place it is; it may have left.
/// @param weight Its weight in the present epoch: its stake in millionths of the minimum; zero: it is not drawn.
/// @param terms Its terms in the present epoch.
struct PlaceView {
    address operator;
    uint64 weight;
    PlaceTerms terms;
}

/// @notice What a draw must find: everything that was fixed when the request was opened.
/// @param versionId Model version that must answer.
/// @param epoch Epoch of the weights and terms: the one in which the draw was committed.
/// @param fee What the operator gets for the request.
/// @param collateral Stake to be locked.
/// @param claimSeconds Time for the claim.
/// @param callbackGas Gas of each callback; zero for none.
struct DrawTerms {
    bytes32 versionId;
    uint64 epoch;
    uint96 fee;
    uint96 collateral;
    uint32 claimSeconds;
    uint32 callbackGas;
}

/// @notice How a draw ended. Only `Drawn` locks stake; after any other end, a new draw is committed.
enum DrawOutcome {
    // Nobody who was looked at takes such a request.
    Nobody,
    // The operator that was drawn answers.
    Drawn,
    // The stake or the capacity of the operator that was drawn is in use, or it is in jail.
    Busy,
    // The operator that was drawn made itself unable after the draw was committed; it paid the penalty for a missed answer.
    Missed
}
