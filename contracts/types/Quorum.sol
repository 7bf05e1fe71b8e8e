// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @notice What a requester asks of a quorum.
/// @param versionId Model version that must answer.
/// @param inputs Bytes of the input tensors in order, without gaps.
/// @param policy Evidence that each answer must bring, see `Request.policy`.
/// @param seats How many distinct operators answer: n.
/// @param threshold How many answers must stand: k of n.
/// @param fee Price of one seat, royalty included.
/// @param valueAtRisk What a wrong answer would cost; sets the collateral.
/// @param openSeconds How long operators may be drawn.
/// @param commitSeconds Time to execute and commit, once all seats are taken.
/// @param revealSeconds Time to reveal after that.
/// @param windowSeconds Challenge window of the answers.
/// @param callback Contract to call, or zero.
/// @param callbackGas Gas of each callback.
struct QuorumTerms {
    bytes32 versionId;
    bytes inputs;
    bytes32 policy;
    uint8 seats;
    uint8 threshold;
    uint96 fee;
    uint96 valueAtRisk;
    uint32 openSeconds;
    uint32 commitSeconds;
    uint32 revealSeconds;
    uint32 windowSeconds;
    address callback;
    uint32 callbackGas;
}

/// @notice Everything agreed when a quorum was asked. Only its hash is kept; callers pass it back.
/// @param requester Who paid; refunds and compensation go here.
/// @param nonce The quorum market's serial number of the request.
/// @param inputRoot Root over the input tensor roots.
/// @param fee Escrowed price of one seat, royalty included.
/// @param royalty Part of `fee` for `royaltyRecipient`.
/// @param royaltyRecipient Recipient of the royalty; zero when there is none.
/// @param collateral Stake locked from the operator of each seat.
/// @param numericsVersion Arithmetic that the version uses.
/// @param openUntil Until when operators may be drawn, in the market's time.
/// The other fields are those of `QuorumTerms`.
struct QuorumRequest {
    address requester;
    uint64 nonce;
    bytes32 versionId;
    bytes32 inputRoot;
    bytes32 policy;
    uint8 seats;
    uint8 threshold;
    uint96 fee;
    uint96 royalty;
    address royaltyRecipient;
    uint96 collateral;
    uint32 numericsVersion;
    uint40 openUntil;
    uint32 commitSeconds;
    uint32 revealSeconds;
    uint32 windowSeconds;
    address callback;
    uint32 callbackGas;
}

/// @notice Where a quorum stands. `Final` and everything after it are terminal.
enum QuorumStatus {
    None,
    // Operators are drawn.
    Open,
    // All seats are taken; their operators commit.
    Seated,
    // Nobody commits any more; who did reveals.
    Revealing,
    // Answers are claims, which can be challenged.
    Answered,
    // At least `threshold` equal answers stand.
    Final,
    // Not enough answers stand.
    Failed,
    // Not all seats were taken in time.
    Unfilled
}

/// @notice Where a seat stands.
enum SeatStatus {
    None,
    // An operator was drawn, its collateral locked.
    Taken,
    Committed,
    // The answer stands, as long as nobody challenges it.
    Revealed,
    // The answer is in dispute.
    Challenged,
    // The operator did not commit, or not reveal.
    Silent,
    // The answer was proven wrong or not defended.
    Convicted,
    // The court gave no verdict in time.
    Expired
}

/// @notice How far the answer of a quorum may be relied on.
enum QuorumFinality {
    Unknown,
    Pending,
    // One operator has said it.
    Provisional,
    // `threshold` operators that could not copy from each other have said it, and nobody anything else.
    Attested,
    // Answers differ, or one is in dispute.
    Disputed,
    Final,
    Failed
}

/// @notice A seat as stored: two words.
/// @param operator Who was drawn; zero while nobody was.
/// @param status Where it stands.
/// @param word The commitment until the reveal, then the output root.
struct Seat {
    address operator;
    SeatStatus status;
    bytes32 word;
}

/// @notice A quorum as stored: two words.
/// @param status Where it stands.
/// @param deadline End of the present stage, in the market's time: draw, commit, reveal, challenge window.
/// @param claimedBlock Block in which the answers became claims.
/// @param taken Seats whose operator was drawn.
/// @param committed Seats that committed.
/// @param revealed Seats that revealed.
/// @param disputed Seats in dispute now.
/// @param convicted Seats that were convicted.
/// @param told Stages that the consumer was told, one bit each.
/// @param threshold Answers that must stand.
/// @param split Whether answers differ.
/// @param word The draw while operators are drawn, then the output root that was revealed first; in the end the one that
/// stands, zero when there is none.
struct Quorum {
    QuorumStatus status;
    uint40 deadline;
    uint40 claimedBlock;
    uint8 taken;
    uint8 committed;
    uint8 revealed;
    uint8 disputed;
    uint8 convicted;
    uint8 told;
    uint8 threshold;
    bool split;
    bytes32 word;
}

/// @notice Amounts of a deployment; they never change.
/// @param minimumCollateral Least collateral of a seat; at least the penalty for silence, at most the least stake.
/// @param catchBps Chance, in 1/10,000, that a wrong answer is convicted on which all who revealed agree; not zero.
struct QuorumParameters {
    uint96 minimumCollateral;
    uint16 catchBps;
}

bytes32 constant QUORUM_TAG = keccak256("assay.quorum.v1");
bytes32 constant QUORUM_COMMITMENT_TAG = keccak256("assay.quorum.commitment.v1");

/// @notice Id of a quorum: binds chain and quorum market too. Its last byte is zero; ids of seats have their number there.
function quorumIdOf(address market, QuorumRequest memory request) view returns (bytes32) {
    return keccak256(abi.encode(QUORUM_TAG, block.chainid, market, request)) & ~bytes32(uint256(type(uint8).max));
}

/// @notice Id of a seat: of its lock in the staking contract, and of its claim in the court.
/// @param seat Number of the seat, 0 to 255.
function seatIdOf(bytes32 quorumId, uint256 seat) pure returns (bytes32) {
    return quorumId | bytes32(seat);
}

/// @notice What the operator of a seat commits to. It names the operator, so whoever copies it cannot reveal it.
/// @param market The quorum market.
/// @param quorumId The quorum.
/// @param operator Who was drawn.
/// @param salt Random and secret: an answer may be one of few.
/// @param outputRoot Root over the output tensor roots.
function quorumCommitmentOf(
    address market,
    bytes32 quorumId,
    address operator,
    bytes32 salt,
    bytes32 outputRoot
) view returns (bytes32) {
    return keccak256(abi.encode(QUORUM_COMMITMENT_TAG, block.chainid, market, quorumId, operator, salt, outputRoot));
}
