// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {AnswerStage} from "../types/Request.sol";

/// @title IInferenceConsumer
/// @notice What a contract implements to be called with answers. Pulling `IInferenceMarket.resultOf` works as well.
interface IInferenceConsumer {
    /// @notice Called by the market at most once per stage with a fixed amount of gas; a revert changes nothing.
    /// @param requestId Request that is answered.
    /// @param stage How final the answer is.
    /// @param outputRoot Root over the output tensor roots; zero when the request failed.
    /// @param outputs Bytes of the output tensors in order, without gaps; empty when the request failed, and for a version
    /// whose outputs exceed the market's inline limit.
    function onInference(bytes32 requestId, AnswerStage stage, bytes32 outputRoot, bytes calldata outputs) external;
}
