// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @notice What a requester wants to know the price of. The fields are those of `RequestTerms`.
struct QuoteTerms {
    bytes32 versionId;
    bytes32 policy;
    uint96 valueAtRisk;
    uint32 claimSeconds;
    uint32 windowSeconds;
    uint32 callbackGas;
}

/// @notice What one place asks for such a request.
/// @param operator Whose place it is.
/// @param weight Its weight in draws that are committed now.
/// @param leastFee Least fee of a request that it takes, royalty and the market's own minimum included.
struct PlaceQuote {
    address operator;
    uint64 weight;
    uint256 leastFee;
}

/// @notice What somebody wants to know the price of, of a quorum. The fields are those of `QuorumTerms`.
struct QuorumQuoteTerms {
    bytes32 versionId;
    bytes32 policy;
    uint8 seats;
    uint8 threshold;
    uint96 valueAtRisk;
    uint32 openSeconds;
    uint32 commitSeconds;
    uint32 revealSeconds;
    uint32 windowSeconds;
}

/// @notice Price and time of one way to an answer.
/// @param fee Least fee, of all seats together, in token units. Operators may ask for more.
/// @param collateral Stake that is locked for the answer, of all seats together.
/// @param answerSeconds Longest time from the draw until the answer that the policy asks for is there: claimed with its
/// evidence, or attested by the quorum.
/// @param finalSeconds Longest time from the draw until it is final, if nobody disputes it.
struct ModeQuote {
    uint256 fee;
    uint256 collateral;
    uint256 answerSeconds;
    uint256 finalSeconds;
}
