// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {AnswerStage, RequestTerms} from "../types/Request.sol";
import {Scores} from "./Scores.sol";
import {InferenceConsumer} from "./InferenceConsumer.sol";
import {PaidConsumer} from "./PaidConsumer.sol";

/// @title DigitReader
/// @notice Example: reads a handwritten digit through a classifier whose output is one score (f32) a class, and keeps
/// the class with the highest score.
contract DigitReader is PaidConsumer {
    /// @notice Digit of a request.
    /// @param digit Class with the highest score.
    /// @param stage How far it may be relied on.
    /// @param known Whether there is an answer.
    struct Reading {
        uint8 digit;
        AnswerStage stage;
        bool known;
    }

    mapping(bytes32 requestId => Reading reading) public readingOf;

    event DigitRead(bytes32 indexed requestId, uint8 digit, AnswerStage stage);

    constructor(IInferenceMarket market) InferenceConsumer(market) {}

    /// @notice Asks on the caller's money: the fee is taken from the caller by allowance.
    function ask(RequestTerms calldata terms) external returns (bytes32 requestId) {
        return _askPaid(terms);
    }

    /// @notice Index of the largest of at most 256 little-endian f32 scores; the first of equal ones.
    function argmax(bytes calldata scores) external pure returns (uint8) {
        return Scores.best(scores);
    }

    function _onAnswer(bytes32 requestId, AnswerStage stage, bytes32, bytes calldata outputs) internal override {
        uint8 digit = Scores.best(outputs);
        readingOf[requestId] = Reading({digit: digit, stage: stage, known: true});
        emit DigitRead(requestId, digit, stage);
    }
}
