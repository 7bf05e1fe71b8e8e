// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {TicketState} from "../types/Draw.sol";

/// @title IRandomness
/// @notice Seeds that nobody knows when they are asked for. contracts/randomness has three sources; each says what its
/// strongest party can do.
interface IRandomness {
    /// @notice Commits to a seed that is not known yet.
    /// @return ticket What `seedOf` is asked with.
    function commit() external returns (uint64 ticket);

    /// @notice Seed of a ticket. The same ticket never gives two seeds.
    /// @param ticket From `commit`.
    /// @return state Whether the seed is there.
    /// @return seed Seed when `state` is `Ready`, otherwise zero.
    function seedOf(uint64 ticket) external view returns (TicketState state, bytes32 seed);
}
