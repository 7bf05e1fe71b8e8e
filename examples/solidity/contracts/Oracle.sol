// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {IInferenceConsumer} from "@assay/contracts/contracts/interfaces/IInferenceConsumer.sol";
import {IInferenceMarket} from "@assay/contracts/contracts/interfaces/IInferenceMarket.sol";
import {TensorTree} from "@assay/contracts/contracts/commitment/TensorTree.sol";
import {AnswerStage} from "@assay/contracts/contracts/types/Request.sol";

/// @notice What an integrator writes: a contract that is called with answers and keeps the final one.
contract Oracle is IInferenceConsumer {
    IInferenceMarket public immutable MARKET;
    bytes32 public answer;

    constructor(IInferenceMarket market) {
        MARKET = market;
    }

    function onInference(bytes32, AnswerStage stage, bytes32 outputRoot, bytes calldata) external {
        require(msg.sender == address(MARKET));
        if (stage == AnswerStage.Final) answer = outputRoot;
    }

    function rootOf(uint8 dtype, uint64 length, bytes calldata data) external pure returns (bytes32) {
        return TensorTree.rootOf(dtype, length, data);
    }
}
