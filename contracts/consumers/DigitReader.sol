// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {ConsumerTerms} from "../types/Consumer.sol";
import {AnswerStage} from "../types/Request.sol";
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
    /// @param known Whether there is an answer; not after a failure.
    struct Reading {
        uint8 digit;
        AnswerStage stage;
        bool known;
    }

    mapping(bytes32 requestId => Reading reading) public readingOf;

    event DigitRead(bytes32 indexed requestId, uint8 digit, AnswerStage stage);
    /// @notice There is no answer; one that was read before does not hold.
    event DigitFailed(bytes32 indexed requestId);

    constructor(IInferenceMarket market, ConsumerTerms memory terms) InferenceConsumer(market, terms) {}

    /// @notice Asks on the caller's money: the fee is taken from the caller by allowance.
    /// @param image Bytes of the input tensor.
    function ask(bytes calldata image) external returns (bytes32 requestId) {
        return _askPaid(image);
    }

    function _onAnswer(bytes32 requestId, AnswerStage stage, bytes32, bytes calldata outputs) internal override {
        uint8 digit = Scores.best(outputs);
        readingOf[requestId] = Reading({digit: digit, stage: stage, known: true});
        emit DigitRead(requestId, digit, stage);
    }

    function _onFailure(bytes32 requestId) internal override {
        delete readingOf[requestId];
        emit DigitFailed(requestId);
    }
}
