// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {OperandState} from "../types/Machine.sol";

/// @title Words
/// @notice Words of memory and of calldata at an address, and bytes reversed. The tensor machine keeps addresses where
/// others keep array indices; all that this needs assembly for is here.
/// @dev Nothing is checked. Each function's plain twin is in contracts/mocks/WordsHarness.sol and is fuzzed equal to it.
library Words {
    /// @notice The word of memory at an address.
    function load(uint256 position) internal pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(position)
        }
    }

    /// @notice Writes a word of memory, which must be inside something that was allocated.
    function store(uint256 position, uint256 word) internal pure {
        assembly ("memory-safe") {
            mstore(position, word)
        }
    }

    /// @notice Allocates words that the caller writes before reading: they are not cleared.
    function allocate(uint256 count) internal pure returns (uint256 position) {
        assembly ("memory-safe") {
            position := mload(0x40)
            mstore(0x40, add(position, shl(5, count)))
        }
    }

    /// @notice The address of the first element of an array.
    function positionOf(uint256[] memory array) internal pure returns (uint256 position) {
        assembly ("memory-safe") {
            position := add(array, 32)
        }
    }

    /// @notice The address of an operand's state.
    function positionOf(OperandState memory operand) internal pure returns (uint256 position) {
        assembly ("memory-safe") {
            position := operand
        }
    }

    /// @notice The operand's state at an address that `positionOf` gave.
    function operandAt(uint256 position) internal pure returns (OperandState memory operand) {
        assembly ("memory-safe") {
            operand := position
        }
    }

    /// @notice The word of calldata at a position; zeros after its end.
    function loadCalldata(uint256 position) internal pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(position)
        }
    }

    /// @notice The position in calldata of some bytes.
    function positionOf(bytes calldata data) internal pure returns (uint256 position) {
        assembly ("memory-safe") {
            position := data.offset
        }
    }

    /// @notice The low four bytes reversed, without the others.
    function reversed32(uint256 v) internal pure returns (uint256 r) {
        r = ((v & 0xff00ff) << 8) | ((v >> 8) & 0xff00ff);
        return ((r & 0xffff) << 16) | (r >> 16);
    }

    /// @notice The low eight bytes reversed, without the others.
    function reversed64(uint256 v) internal pure returns (uint256 r) {
        r = ((v & 0x00ff00ff00ff00ff) << 8) | ((v >> 8) & 0x00ff00ff00ff00ff);
        r = ((r & 0x0000ffff0000ffff) << 16) | ((r >> 16) & 0x0000ffff0000ffff);
        return ((r & 0xffffffff) << 32) | (r >> 32);
    }
}
