// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Words} from "../machine/Words.sol";
import {OperandState} from "../types/Machine.sol";

/// @title WordsHarness
/// @notice The functions of Words beside plain Solidity that they must equal.
contract WordsHarness {
    /// @return words What `load` gives for each element of the array.
    function load(uint256[] memory array) external pure returns (uint256[] memory words) {
        words = new uint256[](array.length);
        for (uint256 i; i < array.length; ++i) words[i] = Words.load(Words.positionOf(array) + 32 * i);
    }

    /// @return fast The array after `store` wrote `word` at `index`.
    /// @return plain The array after an assignment.
    function store(
        uint256[] memory array,
        uint256 index,
        uint256 word
    ) external pure returns (uint256[] memory fast, uint256[] memory plain) {
        fast = _copy(array);
        plain = _copy(array);
        Words.store(Words.positionOf(fast) + 32 * index, word);
        plain[index] = word;
    }

    /// @dev An array of n - 1 elements takes n words: its length and its elements.
    /// @return fast Memory that `count` allocated words take.
    /// @return plain Memory that an array of as many words takes.
    /// @return overlaps Whether writing the words changed what lies before or after them.
    function allocate(uint256 count) external pure returns (uint256 fast, uint256 plain, bool overlaps) {
        uint256[] memory first = _copy(new uint256[](2));
        uint256 position = Words.allocate(count);
        uint256[] memory second = _copy(new uint256[](2));
        for (uint256 i; i < count; ++i) Words.store(position + 32 * i, type(uint256).max);
        overlaps = first.length + second.length != 4 || first[0] + first[1] + second[0] + second[1] != 0;

        uint256 start = Words.positionOf(new uint256[](0));
        Words.allocate(count);
        uint256 middle = Words.positionOf(new uint256[](0));
        new uint256[](count - 1);
        return (middle - start, Words.positionOf(new uint256[](0)) - middle, overlaps);
    }

    /// @return seen The state that `operandAt` gives for the address of `operand`.
    /// @return written `operand` after a field was written through that address.
    function operand(
        OperandState memory operand_,
        uint256 last
    ) external pure returns (OperandState memory seen, OperandState memory written) {
        uint256 position = Words.positionOf(operand_);
        seen = abi.decode(abi.encode(Words.operandAt(position)), (OperandState));
        Words.operandAt(position).last = last;
        return (seen, operand_);
    }

    /// @param data The last argument, so that calldata end with it and its padding of zeros.
    function loadCalldata(uint256 offset, bytes calldata data) external pure returns (uint256 fast, uint256 plain) {
        fast = Words.loadCalldata(Words.positionOf(data) + offset);
        for (uint256 i = offset; i < offset + 32; ++i) {
            plain = (plain << 8) | (i < data.length ? uint8(data[i]) : 0);
        }
    }

    function reversed(uint256 v) external pure returns (uint256 r32, uint256 r64) {
        return (Words.reversed32(v), Words.reversed64(v));
    }

    function reversedPlain(uint256 v) external pure returns (uint256 r32, uint256 r64) {
        for (uint256 i; i < 4; ++i) r32 = 256 * r32 + uint8(v >> (8 * i));
        for (uint256 i; i < 8; ++i) r64 = 256 * r64 + uint8(v >> (8 * i));
    }

    function _copy(uint256[] memory array) private pure returns (uint256[] memory copy) {
        copy = new uint256[](array.length);
        for (uint256 i; i < array.length; ++i) copy[i] = array[i];
    }
}
