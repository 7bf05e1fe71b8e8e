// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @title IClock
/// @notice The time that a contract's deadlines are in.
interface IClock {
    /// @notice Seconds; of a contract that pauses, those of the chain less all time spent paused.
    function clock() external view returns (uint40);
}
