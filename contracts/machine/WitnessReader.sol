// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ITensorMachine, OperandRoot, Segment} from "../interfaces/ITensorMachine.sol";
import {Kernel, OperandState} from "../types/Machine.sol";
import {Binary32} from "./Binary32.sol";
import {TensorTree} from "../commitment/TensorTree.sol";

/// @title WitnessReader
/// @notice Proves the segments of a witness to the tensor roots of their operands, and reads elements from them.
library WitnessReader {
    /// @notice Checks all segments and notes where they lie.
    /// @return roots One entry an operand; the root is zero where there is no segment.
    function verify(Kernel memory k, Segment[][] calldata witness) internal pure returns (OperandRoot[] memory roots) {
        uint256 count = k.operands.length;
        require(witness.length == count, ITensorMachine.MachineWitnessLength(witness.length, count));
        roots = new OperandRoot[](count);
        for (uint256 i; i < count; ++i) {
            OperandState memory operand = k.operands[i];
            roots[i].space = uint8(operand.space);
            roots[i].index = uint32(operand.index);
            roots[i].root = _segments(operand, witness[i]);
        }
    }

    function _segments(OperandState memory operand, Segment[] calldata segments) private pure returns (bytes32 root) {
        uint256 count = segments.length;
        uint256[] memory table = new uint256[](3 * count);
        operand.segments = table;
        uint256 shift = operand.shift;
        uint256 earliest;
        for (uint256 i; i < count; ++i) {
            Segment calldata segment = segments[i];
            uint256 first = segment.firstLeaf;
            bytes calldata data = segment.data;
            // INVARIANT: sorted and disjoint, so that a search by halves finds the only segment with an element.
            require(first >= earliest, ITensorMachine.MachineSegmentOrder(operand.position, first, earliest));
            bytes32 found = TensorTree.segmentRoot(
                uint8(operand.dtype),
                uint64(operand.length),
                first,
                data,
                segment.siblings
            );
            // INVARIANT: one tensor an operand. Elements of two tensors must never meet in one execution.
            require(i == 0 || found == root, ITensorMachine.MachineRootsDiffer(operand.position, found, root));
            root = found;
            uint256 position;
            assembly ("memory-safe") {
                position := data.offset
            }
            unchecked {
                earliest = first + TensorTree.leafCount(data.length);
                table[3 * i] = (first * TensorTree.LEAF_BYTES) >> shift;
                table[3 * i + 1] = (first * TensorTree.LEAF_BYTES + data.length) >> shift;
                table[3 * i + 2] = position;
            }
        }
    }

    /// @notice Makes the segment that holds an element the operand's current one.
    /// @dev Reverts with MachineElementMissing. `offset` is inside the operand.
    function locate(OperandState memory operand, uint256 offset) internal pure {
        unchecked {
            uint256[] memory table = operand.segments;
            uint256 low;
            uint256 high = table.length / 3;
            while (low < high) {
                uint256 middle = (low + high) / 2;
                if (table[3 * middle + 1] <= offset) low = middle + 1;
                else high = middle;
            }
            require(
                3 * low < table.length && table[3 * low] <= offset,
                ITensorMachine.MachineElementMissing(operand.position, offset)
            );
            operand.first = table[3 * low];
            operand.last = table[3 * low + 1];
            operand.data = table[3 * low + 2];
        }
    }

    /// @notice An element as its register. `offset` is inside the operand.
    function load(OperandState memory operand, uint256 offset) internal pure returns (uint256 r) {
        if (offset < operand.first || offset >= operand.last) locate(operand, offset);
        uint256 shift = operand.shift;
        uint256 dtype = operand.dtype;
        uint256 word;
        unchecked {
            uint256 cursor = operand.data + ((offset - operand.first) << shift);
            assembly ("memory-safe") {
                word := calldataload(cursor)
            }
        }
        if (dtype == 0) return Binary32.canonical(swap32(word >> 224));
        assembly ("memory-safe") {
            let last := sub(shl(shift, 1), 1)
            switch shift
            case 0 {
                r := byte(0, word)
            }
            default {
                // All eight bytes reversed, of which a narrower element is the lowest ones.
                r := shr(192, word)
                r := or(shl(8, and(r, 0x00ff00ff00ff00ff)), and(shr(8, r), 0x00ff00ff00ff00ff))
                r := or(shl(16, and(r, 0x0000ffff0000ffff)), and(shr(16, r), 0x0000ffff0000ffff))
                r := or(shl(32, and(r, 0xffffffff)), shr(32, r))
                r := and(r, sub(shl(shl(3, add(last, 1)), 1), 1))
            }
            // Signed dtypes, and u64, whose register is the same 64 bits.
            if or(lt(dtype, 5), eq(last, 7)) {
                r := signextend(last, r)
            }
        }
    }

    /// @notice Four bytes reversed.
    function swap32(uint256 v) internal pure returns (uint256 r) {
        assembly ("memory-safe") {
            r := or(shl(8, and(v, 0xff00ff)), and(shr(8, v), 0xff00ff))
            r := or(shl(16, and(r, 0xffff)), shr(16, r))
        }
    }
}
