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
