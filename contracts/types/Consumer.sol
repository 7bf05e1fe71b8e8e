// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {AnswerStage} from "./Request.sol";

/// @notice How a consumer asks, fixed when it is deployed: nobody who makes it ask can choose another model or less
/// security. The fields are those of `RequestTerms`, besides `acceptedStage`.
/// @param versionId Model version that must answer.
/// @param policy Evidence that an answer must bring.
/// @param fee Price of a question.
/// @param valueAtRisk What a wrong answer would cost; sets the stake that is locked for the answer.
/// @param openSeconds How long operators may be drawn.
/// @param claimSeconds Time of an operator for its claim.
/// @param windowSeconds How long an answer can be challenged.
/// @param callbackGas Gas of each callback.
/// @param minimumHolders Least number of operators that could be drawn.
/// @param acceptedStage First stage that the consumer acts on: `Final`, or `Provisional` where an answer that may still be
/// convicted is good enough.
struct ConsumerTerms {
    bytes32 versionId;
    bytes32 policy;
    uint96 fee;
    uint96 valueAtRisk;
    uint32 openSeconds;
    uint32 claimSeconds;
    uint32 windowSeconds;
    uint32 callbackGas;
    uint32 minimumHolders;
    AnswerStage acceptedStage;
}

/// @notice How a consumer asks a quorum, fixed when it is deployed. The fields are those of `QuorumTerms`, besides
/// `acceptedStage`.
/// @param acceptedStage First stage that the consumer acts on: `Final`, `Attested` where it is enough that operators agree
/// who could not copy from each other, or `Provisional` where the first answer of one of them is good enough.
struct QuorumConsumerTerms {
    bytes32 versionId;
    bytes32 policy;
    uint8 seats;
    uint8 threshold;
    uint96 fee;
    uint96 valueAtRisk;
    uint32 openSeconds;
    uint32 commitSeconds;
    uint32 revealSeconds;
    uint32 windowSeconds;
    uint32 callbackGas;
    AnswerStage acceptedStage;
}
