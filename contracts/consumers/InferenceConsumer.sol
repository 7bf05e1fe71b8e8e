// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {ConsumerTerms} from "../types/Consumer.sol";
import {RequestTerms} from "../types/Request.sol";
import {StagedConsumer} from "./StagedConsumer.sol";

/// @title InferenceConsumer
/// @notice Base of contracts that ask a model and are called with the answer. It asks one model version under terms that are
/// fixed when it is deployed, pays from its own balance of the market's token, and hears only about its own requests, only
/// from its market.
abstract contract InferenceConsumer is StagedConsumer {
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

    constructor(
        IInferenceMarket market,
        ConsumerTerms memory terms
    ) StagedConsumer(address(market), terms.acceptedStage) {
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
        // Once for all questions: the market takes the fee of a request that this contract opens, and nothing else.
        TOKEN.forceApprove(address(market), type(uint256).max);
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
