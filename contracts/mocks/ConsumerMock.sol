// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IInferenceConsumer} from "../interfaces/IInferenceConsumer.sol";
import {AnswerStage} from "../types/Request.sol";

/// @notice A callback that behaves as told: keeps what it hears (of much, the hash), reverts, burns its gas, returns a lot, or
/// calls back.
contract ConsumerMock is IInferenceConsumer {
    enum Mode {
        Keep,
        Revert,
        BurnGas,
        ReturnBomb,
        Reenter
    }

    Mode public mode;
    address public callee;
    bytes public payload;
    bool public reentered;
    bytes public answer;
    uint256[4] public heard;

    function behave(Mode mode_, address callee_, bytes calldata payload_) external {
        mode = mode_;
        callee = callee_;
        payload = payload_;
    }

    function onInference(bytes32, AnswerStage stage, bytes32, bytes calldata outputs) external {
        if (mode == Mode.Revert) revert("no");
        if (mode == Mode.BurnGas) {
            while (true) {}
        }
        if (mode == Mode.ReturnBomb) {
            assembly {
                revert(0, 100000)
            }
        }
        if (mode == Mode.Reenter) (reentered, ) = callee.call(payload);
        ++heard[uint256(stage)];
        if (outputs.length > 256) answer = abi.encode(keccak256(outputs));
        else answer = outputs;
    }
}
