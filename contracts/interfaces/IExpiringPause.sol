// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @title IExpiringPause
/// @notice A pause that ends by itself, cannot be used again before governance re-arms it, and moves every deadline by
/// its own length, because the clock stops while it lasts.
interface IExpiringPause {
    event Paused(uint40 until);
    event Unpaused(uint40 length);
    event PauseRearmed();

    error PauseActive(uint40 until);
    error PauseNotActive();
    /// @notice The one pause is used up until `rearmPause`.
    error PauseSpent();
    error PauseNotSpent();

    /// @notice Pauses for at most `PAUSE_SECONDS`; restricted to the guardian.
    function pause() external;

    /// @notice Ends a pause early; restricted.
    function unpause() external;

    /// @notice Allows another pause after one is over; restricted to governance.
    function rearmPause() external;

    /// @notice Longest pause.
    function PAUSE_SECONDS() external view returns (uint40);

    function paused() external view returns (bool);

    /// @notice Seconds of the chain less all time spent paused.
    function clock() external view returns (uint40);
}
