// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Scores} from "../consumers/Scores.sol";

/// @notice Calls `Scores` from outside.
contract ScoresHarness {
    function best(bytes calldata scores) external pure returns (uint8) {
        return Scores.best(scores);
    }
}
