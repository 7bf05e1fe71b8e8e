// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @notice What a requester asks for.
/// @param versionId Model version that must answer.
/// @param inputs Bytes of the input tensors in order, without gaps; empty when the input is only committed.
/// @param inputRoot Root over the input tensor roots; zero when `inputs` is given.
/// @param inputUri Where a committed input can be fetched; empty when `inputs` is given.
/// @param policy Evidence wanted, see `Request.policy`.
/// @param fee Price, royalty included.
/// @param valueAtRisk What a wrong answer would cost; sets the collateral.
/// @param openSeconds How long operators may be drawn, also again after one that did not answer.
/// @param claimSeconds Time for an assigned operator to claim.
/// @param windowSeconds Challenge window.
/// @param callback Contract to call, or zero.
/// @param callbackGas Gas of each callback.
/// @param minimumHolders Least number of operators opted in to the version.
struct RequestTerms {
    bytes32 versionId;
    bytes inputs;
    bytes32 inputRoot;
    string inputUri;
    bytes32 policy;
    uint96 fee;
    uint96 valueAtRisk;
    uint32 openSeconds;
    uint32 claimSeconds;
    uint32 windowSeconds;
    address callback;
    uint32 callbackGas;
    uint32 minimumHolders;
}

/// @notice Everything agreed when a request was opened. Only its hash is kept; callers pass it back.
/// @param requester Who paid; refunds and compensation go here.
/// @param nonce The market's serial number of the request, so that equal requests have distinct ids.
/// @param versionId Model version that must answer.
/// @param inputRoot Root over the input tensor roots (docs/tensor-machine.md section 5).
/// @param policy Evidence that a claim must bring: up to eight 4-byte selectors, left to right, unused ones zero.
/// @param fee Escrowed price in token units, royalty included.
/// @param royalty Part of `fee` for `royaltyRecipient`.
/// @param royaltyRecipient Recipient of the royalty; zero when there is none.
/// @param collateral Stake locked from the assigned operator until the request is settled.
/// @param numericsVersion Arithmetic that the version uses.
/// @param openUntil Until when an operator may be drawn, in the market's time: also again, after one that did not answer.
/// @param claimSeconds Time that an assigned operator has to claim.
/// @param windowSeconds Challenge window after a claim.
/// @param callback Contract called with the answer; zero for none.
/// @param callbackGas Gas for each callback.
/// @param inputInline Whether the input stood in the opening transaction's calldata and event.
struct Request {
    address requester;
    uint64 nonce;
    bytes32 versionId;
    bytes32 inputRoot;
    bytes32 policy;
    uint96 fee;
    uint96 royalty;
    address royaltyRecipient;
    uint96 collateral;
    uint32 numericsVersion;
    uint40 openUntil;
    uint32 claimSeconds;
    uint32 windowSeconds;
    address callback;
    uint32 callbackGas;
    bool inputInline;
}

/// @notice Where a request stands. `Final` and everything after it are terminal.
enum RequestStatus {
    None,
    Open,
    Assigned,
    Claimed,
    Challenged,
    Final,
    Refunded,
    TimedOut,
    Cancelled,
    Convicted
}

/// @notice How far a result may be relied on.
enum Finality {
    Unknown,
    Pending,
    Provisional,
    Disputed,
    Final,
    Failed
}

/// @notice How far an answer may be relied on, in the order in which it grows. A provisional answer can still be convicted.
/// `Attested`: so can this one, but a quorum agreed on it; the market tells none. `Failed`: there is no answer, and there
/// will be none; what was told before does not hold.
enum AnswerStage {
    Provisional,
    Attested,
    Final,
    Failed
}

/// @notice What is claimed for a request, readable by the court.
/// @param status Where the request stands. Root and id are zero before a claim and after a failure.
/// @param operator Who claims.
/// @param outputRoot Root over the output tensor roots that it claims.
/// @param windowEnd Challenges are open while `IInferenceMarket.clock() < windowEnd`.
/// @param claimedBlock Block of the claim.
/// @param claimId `claimIdOf` (types/Claim.sol): what moves of a dispute name.
struct Claim {
    RequestStatus status;
    address operator;
    bytes32 outputRoot;
    uint40 windowEnd;
    uint40 claimedBlock;
    bytes32 claimId;
}

bytes32 constant REQUEST_TAG = keccak256("assay.request.v1");

/// @notice Id of a request of a market: binds the chain and the market too.
function requestIdOf(address market, Request memory request) view returns (bytes32) {
    return keccak256(abi.encode(REQUEST_TAG, block.chainid, market, request));
}
