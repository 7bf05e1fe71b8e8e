// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {QuorumConsumer} from "../consumers/QuorumConsumer.sol";
import {IQuorumMarket} from "../interfaces/IQuorumMarket.sol";
import {QuorumConsumerTerms} from "../types/Consumer.sol";
import {AnswerStage} from "../types/Request.sol";

/// @notice Keeps what it hears of a quorum.
contract QuorumReader is QuorumConsumer {
    AnswerStage public stage;
    bytes32 public outputRoot;
    uint256 public answers;
    bool public failed;

    constructor(IQuorumMarket quorums, QuorumConsumerTerms memory terms) QuorumConsumer(quorums, terms) {}

    function ask(bytes calldata inputs) external returns (bytes32) {
        return _ask(inputs);
    }

    function _onAnswer(bytes32, AnswerStage stage_, bytes32 outputRoot_, bytes calldata) internal override {
        (stage, outputRoot) = (stage_, outputRoot_);
        ++answers;
    }

    function _onFailure(bytes32) internal override {
        failed = true;
    }
}
