// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {ConsumerTerms} from "../types/Consumer.sol";
import {AnswerStage} from "../types/Request.sol";
import {InferenceConsumer} from "./InferenceConsumer.sol";
import {PaidConsumer} from "./PaidConsumer.sol";

/// @title SentenceReader
/// @notice Example: asks a language model that answers with a whole sentence. Its output is a row of tokens (i64), each
/// the place of a character in an alphabet; token 0 ends the sentence.
contract SentenceReader is PaidConsumer {
    /// @notice Sentence of a request.
    /// @param sentence What the model wrote, without the end.
    /// @param stage How far it may be relied on.
    /// @param known Whether there is an answer; not after a failure.
    struct Reading {
        string sentence;
        AnswerStage stage;
        bool known;
    }

    /// @notice Characters of the tokens, one byte each; that of token 0 is never part of a sentence.
    string public alphabet;

    mapping(bytes32 requestId => Reading reading) public readingOf;

    event SentenceRead(bytes32 indexed requestId, string sentence, AnswerStage stage);
    /// @notice There is no answer; one that was read before does not hold.
    event SentenceFailed(bytes32 indexed requestId);

    /// @notice The alphabet has no such token.
    /// @param place Place in the row of tokens.
    /// @param token Bits of the token.
    error UnknownToken(uint256 place, uint64 token);

    constructor(
        IInferenceMarket market,
        ConsumerTerms memory terms,
        string memory alphabet_
    ) InferenceConsumer(market, terms) {
        alphabet = alphabet_;
    }

    /// @notice Asks on the caller's money: the fee is taken from the caller by allowance.
    /// @param prompt Bytes of the input tensors, in order.
    function ask(bytes calldata prompt) external returns (bytes32 requestId) {
        return _askPaid(prompt);
    }

    /// @dev An unknown token reverts here, which fails the callback and not the answer.
    function _onAnswer(bytes32 requestId, AnswerStage stage, bytes32, bytes calldata outputs) internal override {
        string memory sentence = _read(outputs);
        readingOf[requestId] = Reading({sentence: sentence, stage: stage, known: true});
        emit SentenceRead(requestId, sentence, stage);
    }

    function _onFailure(bytes32 requestId) internal override {
        delete readingOf[requestId];
        emit SentenceFailed(requestId);
    }

    /// @dev The characters of little-endian tokens of eight bytes, up to the first token 0.
    function _read(bytes calldata tokens) private view returns (string memory) {
        bytes memory characters = bytes(alphabet);
        bytes memory sentence = new bytes(tokens.length / 8);
        uint256 length;
        for (; length < sentence.length; ++length) {
            bytes8 token = bytes8(tokens[8 * length:]);
            if (token == 0) break;
            uint256 character = uint8(token[0]);
            if (bytes8(bytes1(uint8(character))) != token || character >= characters.length) {
                revert UnknownToken(length, _turned(token));
            }
            sentence[length] = characters[character];
        }
        bytes memory written = new bytes(length);
        for (uint256 i; i < length; ++i) written[i] = sentence[i];
        return string(written);
    }

    /// @dev Little-endian bytes as a number.
    function _turned(bytes8 token) private pure returns (uint64 number) {
        for (uint256 i; i < 8; ++i) number |= uint64(uint8(token[i])) << uint64(8 * i);
    }
}
