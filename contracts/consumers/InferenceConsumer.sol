// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IInferenceConsumer} from "../interfaces/IInferenceConsumer.sol";
import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {ConsumerTerms} from "../types/Consumer.sol";
import {AnswerStage, RequestTerms} from "../types/Request.sol";

/// @title InferenceConsumer
/// @notice Base of contracts that ask a model and are called with the answer. It asks one model version under terms that are
/// fixed when it is deployed, pays from its own balance of the market's token, and hears only about its own requests, only
/// from its market.
abstract contract InferenceConsumer is IInferenceConsumer {
    using SafeERC20 for IERC20;

    /// @notice Market that is asked.
    IInferenceMarket public immutable MARKET;
    /// @notice Token of fees.
    IERC20 public immutable TOKEN;
    // See ConsumerTerms.
    bytes32 public immutable VERSION_ID;
    bytes32 public immutable POLICY;
    uint96 public immutable FEE;
    uint96 public immutable VALUE_AT_RISK;
    uint32 public immutable OPEN_SECONDS;
    uint32 public immutable CLAIM_SECONDS;
    uint32 public immutable WINDOW_SECONDS;
    uint32 public immutable CALLBACK_GAS;
    uint32 public immutable MINIMUM_HOLDERS;
    AnswerStage public immutable ACCEPTED_STAGE;

    /// @notice Who made this contract ask; zero for requests of others, which anyone can open with this contract as callback.
    mapping(bytes32 requestId => address asker) public askerOf;

    error ConsumerNotMarket(address actual, address expected);
    error ConsumerRequestUnknown(bytes32 requestId);
    /// @notice Nobody acts on a failure as if it were an answer.
    error ConsumerStageInvalid(AnswerStage stage);

    constructor(IInferenceMarket market, ConsumerTerms memory terms) {
        if (terms.acceptedStage == AnswerStage.Failed) revert ConsumerStageInvalid(terms.acceptedStage);
        MARKET = market;
        TOKEN = market.TOKEN();
        VERSION_ID = terms.versionId;
        POLICY = terms.policy;
        FEE = terms.fee;
        VALUE_AT_RISK = terms.valueAtRisk;
        OPEN_SECONDS = terms.openSeconds;
        CLAIM_SECONDS = terms.claimSeconds;
        WINDOW_SECONDS = terms.windowSeconds;
        CALLBACK_GAS = terms.callbackGas;
        MINIMUM_HOLDERS = terms.minimumHolders;
        ACCEPTED_STAGE = terms.acceptedStage;
        // Once for all questions: the market takes the fee of a request that this contract opens, and nothing else.
        TOKEN.forceApprove(address(market), type(uint256).max);
    }

    /// @inheritdoc IInferenceConsumer
    function onInference(bytes32 requestId, AnswerStage stage, bytes32 outputRoot, bytes calldata outputs) external {
        if (msg.sender != address(MARKET)) revert ConsumerNotMarket(msg.sender, address(MARKET));
        if (askerOf[requestId] == address(0)) revert ConsumerRequestUnknown(requestId);
        if (stage == AnswerStage.Failed) _onFailure(requestId);
        else if (stage >= ACCEPTED_STAGE) _onAnswer(requestId, stage, outputRoot, outputs);
    }

    /// @dev Asks with input in calldata.
    /// @param inputs Bytes of the input tensors in order, without gaps; at most the market's `INLINE_LIMIT`.
    function _ask(bytes memory inputs) internal returns (bytes32 requestId) {
        return _open(inputs, 0, "");
    }

    /// @dev Asks with committed input, for inputs above the market's `INLINE_LIMIT`.
    /// @param inputRoot Root over the input tensor roots.
    /// @param inputUri Where the input can be fetched.
    function _ask(bytes32 inputRoot, string memory inputUri) internal returns (bytes32 requestId) {
        return _open("", inputRoot, inputUri);
    }

    /// @dev What to do with an answer of an accepted stage. A provisional answer can still be convicted.
    function _onAnswer(
        bytes32 requestId,
        AnswerStage stage,
        bytes32 outputRoot,
        bytes calldata outputs
    ) internal virtual;

    /// @dev What to do when there will be no answer; a provisional one does not hold. Told when somebody calls
    /// `notifyFailure` of the market.
    function _onFailure(bytes32 requestId) internal virtual {}

    function _open(bytes memory inputs, bytes32 inputRoot, string memory inputUri) private returns (bytes32 requestId) {
        requestId = MARKET.request(
            RequestTerms({
                versionId: VERSION_ID,
                inputs: inputs,
                inputRoot: inputRoot,
                inputUri: inputUri,
                policy: POLICY,
                fee: FEE,
                valueAtRisk: VALUE_AT_RISK,
                openSeconds: OPEN_SECONDS,
                claimSeconds: CLAIM_SECONDS,
                windowSeconds: WINDOW_SECONDS,
                callback: address(this),
                callbackGas: CALLBACK_GAS,
                minimumHolders: MINIMUM_HOLDERS
            })
        );
        askerOf[requestId] = msg.sender;
    }
}
