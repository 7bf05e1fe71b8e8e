// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {ConsumerTerms} from "../types/Consumer.sol";
import {AnswerStage} from "../types/Request.sol";
import {Scores} from "./Scores.sol";
import {InferenceConsumer} from "./InferenceConsumer.sol";
import {PaidConsumer} from "./PaidConsumer.sol";

/// @title NextCharacter
/// @notice Example: continues a text by one character through a language model whose output is a table of scores (f32):
/// for each position of the text, one score for every character that may come next. Keeps the likeliest one.
contract NextCharacter is PaidConsumer {
    /// @notice Character of a request.
    /// @param token Index in the model's vocabulary.
    /// @param stage How far it may be relied on.
    /// @param known Whether there is an answer; not after a failure.
    struct Reading {
        uint8 token;
        AnswerStage stage;
        bool known;
    }

    /// @notice Characters that the model knows, 1 to 256.
    uint256 public immutable VOCABULARY;

    mapping(bytes32 requestId => Reading reading) public readingOf;

    /// @notice Where the text of a request ends: the position whose row of scores is read.
    mapping(bytes32 requestId => uint256 position) public positionOf;

    event CharacterRead(bytes32 indexed requestId, uint8 token, AnswerStage stage);
    /// @notice There is no answer; one that was read before does not hold.
    event CharacterFailed(bytes32 indexed requestId);

    constructor(
        IInferenceMarket market,
        ConsumerTerms memory terms,
        uint256 vocabulary
    ) InferenceConsumer(market, terms) {
        VOCABULARY = vocabulary;
    }

    /// @notice Asks on the caller's money for the character after the one at `position`.
    /// @param text Bytes of the input tensor.
    function ask(bytes calldata text, uint256 position) external returns (bytes32 requestId) {
        requestId = _askPaid(text);
        positionOf[requestId] = position;
    }

    /// @dev A position beyond the table reverts here, which fails the callback and not the answer.
    function _onAnswer(bytes32 requestId, AnswerStage stage, bytes32, bytes calldata outputs) internal override {
        uint256 row = positionOf[requestId] * VOCABULARY * 4;
        uint8 token = Scores.best(outputs[row:row + VOCABULARY * 4]);
        readingOf[requestId] = Reading({token: token, stage: stage, known: true});
        emit CharacterRead(requestId, token, stage);
    }

    function _onFailure(bytes32 requestId) internal override {
        delete readingOf[requestId];
        emit CharacterFailed(requestId);
    }
}
