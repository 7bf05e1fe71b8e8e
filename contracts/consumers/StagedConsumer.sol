// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {IInferenceConsumer} from "../interfaces/IInferenceConsumer.sol";
import {AnswerStage} from "../types/Request.sol";

/// @title StagedConsumer
/// @notice Base of contracts that are called with answers, by a market or by a quorum market: it hears only about its own
/// requests, only from the market that it asks, and acts from the stage on that it trusts.
abstract contract StagedConsumer is IInferenceConsumer {
    /// @notice First stage that is acted on.
    AnswerStage public immutable ACCEPTED_STAGE;
    /// @dev Who calls back.
    address private immutable CALLER;

    /// @notice Who made this contract ask; zero for requests of others, which anyone can open with this contract as callback.
    mapping(bytes32 requestId => address asker) public askerOf;

    error ConsumerNotMarket(address actual, address expected);
    error ConsumerRequestUnknown(bytes32 requestId);
    /// @notice Nobody acts on a failure as if it were an answer.
    error ConsumerStageInvalid(AnswerStage stage);

    /// @param caller The market that is asked.
    constructor(address caller, AnswerStage acceptedStage) {
        if (acceptedStage == AnswerStage.Failed) revert ConsumerStageInvalid(acceptedStage);
        CALLER = caller;
        ACCEPTED_STAGE = acceptedStage;
    }

    /// @inheritdoc IInferenceConsumer
    function onInference(bytes32 requestId, AnswerStage stage, bytes32 outputRoot, bytes calldata outputs) external {
        if (msg.sender != CALLER) revert ConsumerNotMarket(msg.sender, CALLER);
        if (askerOf[requestId] == address(0)) revert ConsumerRequestUnknown(requestId);
        if (stage == AnswerStage.Failed) _onFailure(requestId);
        else if (stage >= ACCEPTED_STAGE) _onAnswer(requestId, stage, outputRoot, outputs);
    }

    /// @dev What to do with an answer of an accepted stage. Called again for each later stage. One that is not final can still
    /// be convicted.
    function _onAnswer(
        bytes32 requestId,
        AnswerStage stage,
        bytes32 outputRoot,
        bytes calldata outputs
    ) internal virtual;

    /// @dev What to do when there will be no answer; one that was told before does not hold. Told when somebody calls
    /// `notifyFailure` of the market, or `tell` of the quorum market.
    function _onFailure(bytes32 requestId) internal virtual {}
}
