// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BlockHeader} from "../randomness/BlockHeader.sol";

/// @title BlockHeaderHarness
/// @notice Makes the functions of BlockHeader callable.
contract BlockHeaderHarness {
    function prevRandao(bytes calldata header) external pure returns (bytes32) {
        return BlockHeader.prevRandao(header);
    }
}
