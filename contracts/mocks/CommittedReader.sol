// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {InferenceConsumer} from "../consumers/InferenceConsumer.sol";
import {PaidConsumer} from "../consumers/PaidConsumer.sol";
import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {ConsumerTerms} from "../types/Consumer.sol";
import {AnswerStage} from "../types/Request.sol";

/// @notice A consumer whose input is committed: too large for calldata.
contract CommittedReader is PaidConsumer {
    mapping(bytes32 requestId => bytes32 outputRoot) public outputRootOf;

    constructor(IInferenceMarket market, ConsumerTerms memory terms) InferenceConsumer(market, terms) {}

    function ask(bytes32 inputRoot, string calldata inputUri) external returns (bytes32 requestId) {
        return _askPaid(inputRoot, inputUri);
    }

    function _onAnswer(bytes32 requestId, AnswerStage, bytes32 outputRoot, bytes calldata) internal override {
        outputRootOf[requestId] = outputRoot;
    }
}
