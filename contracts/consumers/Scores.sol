// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @title Scores
/// @notice Reads the outputs of classifiers: little-endian f32 scores, one a class.
library Scores {
    /// @notice Index of the largest of at most 256 scores; the first of equal ones, 0 when there are none.
    function best(bytes calldata scores) internal pure returns (uint8 index) {
        uint256 highest;
        uint256 end = scores.length & ~uint256(3);
        for (uint256 offset; offset < end;) {
            uint256 bits = uint256(bytes32(scores[offset:])) >> 224;
            // Little-endian: the bytes in pairs, then the pairs.
            bits = ((bits & 0x00ff00ff) << 8) | ((bits >> 8) & 0x00ff00ff);
            bits = ((bits & 0xffff) << 16) | (bits >> 16);
            // Floats order like integers once negative ones are flipped and the rest raised above them.
            uint256 rank = bits ^ (bits >> 31 == 1 ? 0xffffffff : 0x80000000);
            if (rank > highest) {
                highest = rank;
                index = uint8(offset / 4);
            }
            // Never beyond the length of calldata.
            unchecked {
                offset += 4;
            }
        }
    }
}
