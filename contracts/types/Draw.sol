// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @notice The committed draw of an open request in one word: what IRandomness is asked with (64 bits) and the epoch whose
/// weights and terms count (64 bits).
type Draw is bytes32;

using {unpack} for Draw global;

/// @notice Packs a draw.
/// @param ticket What IRandomness is asked with.
/// @param epoch Epoch of the commitment.
function packDraw(uint64 ticket, uint64 epoch) pure returns (Draw) {
    return Draw.wrap(bytes32((uint256(ticket) << 64) | epoch));
}

/// @notice The parts of a draw.
function unpack(Draw draw) pure returns (uint64 ticket, uint64 epoch) {
    uint256 word = uint256(Draw.unwrap(draw));
    return (uint64(word >> 64), uint64(word));
}

/// @notice State of a ticket. `Expired`: the seed was never read and cannot be had any more.
enum TicketState {
    Pending,
    Ready,
    Expired
}
