// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @notice The committed draw of an open request in one word: ticket (64 bits), cutoff block (40), candidates (32).
type Draw is bytes32;

using {unpack} for Draw global;

/// @notice Packs a draw.
/// @param ticket What IRandomness is asked with.
/// @param cutoff Block of the commitment.
/// @param candidates Slots of the version at that block.
function packDraw(uint64 ticket, uint40 cutoff, uint32 candidates) pure returns (Draw) {
    return Draw.wrap(bytes32((uint256(ticket) << 72) | (uint256(cutoff) << 32) | candidates));
}

/// @notice The parts of a draw.
function unpack(Draw draw) pure returns (uint64 ticket, uint40 cutoff, uint32 candidates) {
    uint256 word = uint256(Draw.unwrap(draw));
    return (uint64(word >> 72), uint40(word >> 32), uint32(word));
}

/// @notice State of a ticket. `Expired`: the seed was never read and cannot be had any more.
enum TicketState {
    Pending,
    Ready,
    Expired
}
