// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IInferenceConsumer} from "../interfaces/IInferenceConsumer.sol";
import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {AnswerStage, RequestTerms} from "../types/Request.sol";

/// @title InferenceConsumer
/// @notice Base of contracts that ask a model and are called with the answer. It pays from its own balance of the
/// market's token and hears only about its own requests, only from its market.
abstract contract InferenceConsumer is IInferenceConsumer {
    using SafeERC20 for IERC20;

    /// @notice Market that is asked.
    IInferenceMarket public immutable MARKET;

    /// @dev Requests of this contract. Anyone can open a request that names this contract as its callback.
    mapping(bytes32 requestId => bool asked) private _asked;

    error ConsumerNotMarket(address actual, address expected);
    error ConsumerRequestUnknown(bytes32 requestId);

    constructor(IInferenceMarket market) {
        MARKET = market;
    }

    /// @inheritdoc IInferenceConsumer
    function onInference(bytes32 requestId, AnswerStage stage, bytes32 outputRoot, bytes calldata outputs) external {
        if (msg.sender != address(MARKET)) revert ConsumerNotMarket(msg.sender, address(MARKET));
        if (!_asked[requestId]) revert ConsumerRequestUnknown(requestId);
        _onAnswer(requestId, stage, outputRoot, outputs);
    }

    /// @dev Asks; `terms.callback` should be this contract.
    function _ask(RequestTerms memory terms) internal returns (bytes32 requestId) {
        MARKET.TOKEN().forceApprove(address(MARKET), terms.fee);
        requestId = MARKET.request(terms);
        _asked[requestId] = true;
    }

    /// @dev What to do with an answer. A provisional answer can still be convicted: act on it only at your own risk.
    function _onAnswer(
        bytes32 requestId,
        AnswerStage stage,
        bytes32 outputRoot,
        bytes calldata outputs
    ) internal virtual;
}
