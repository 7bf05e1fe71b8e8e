// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice Pools and stake in one, as far as a market looks at them before it refuses their shares of a slash.
contract SharesMock {
    address public immutable STAKING = address(this);
    address public immutable TOKEN = address(this);
    uint256 public immutable ACCUSER_BPS;
    uint256 public immutable HARMED_BPS;

    constructor(uint256 accuserBps, uint256 harmedBps) {
        (ACCUSER_BPS, HARMED_BPS) = (accuserBps, harmedBps);
    }
}
