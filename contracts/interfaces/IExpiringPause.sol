// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {IClock} from "./IClock.sol";

/// @title IExpiringPause
/// @notice A pause that ends by itself, cannot be used again before governance re-arms it, and moves every deadline by
/// its own length, because the clock stops while it lasts. Pauses cannot follow each other without a gap.
interface IExpiringPause is IClock {
    event Paused(uint40 until);
    event Unpaused(uint40 length);
    event PauseRearmed();

    error PauseActive(uint40 until);
    error PauseNotActive();
    /// @notice The one pause is used up until `rearmPause`.
    error PauseSpent();
    error PauseNotSpent();
    /// @notice The last pause is too recent.
    error PauseTooSoon(uint40 from);

    /// @notice Pauses for at most `PAUSE_SECONDS`, not sooner than `PAUSE_GAP_SECONDS` after the longest possible end of the
    /// pause before; restricted to the guardian.
    function pause() external;

    /// @notice Ends a pause early; restricted.
    function unpause() external;

    /// @notice Allows another pause after one is over; restricted to governance.
    function rearmPause() external;

    /// @notice Longest pause.
    function PAUSE_SECONDS() external view returns (uint40);

    /// @notice Least time between the longest possible end of a pause and the start of the next.
    function PAUSE_GAP_SECONDS() external view returns (uint40);

    function paused() external view returns (bool);
}
