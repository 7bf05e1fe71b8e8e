// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ITensorMachine, OperandRoot, Segment} from "../interfaces/ITensorMachine.sol";
import {DType} from "../types/DType.sol";
import {Kernel, OperandState} from "../types/Machine.sol";
import {Binary32} from "./Binary32.sol";
import {TensorTree} from "../commitment/TensorTree.sol";
import {Scalar} from "./Scalar.sol";
import {Words} from "./Words.sol";

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
            unchecked {
                earliest = first + TensorTree.leafCount(data.length);
                table[3 * i] = (first * TensorTree.LEAF_BYTES) >> shift;
                table[3 * i + 1] = (first * TensorTree.LEAF_BYTES + data.length) >> shift;
                table[3 * i + 2] = Words.positionOf(data);
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
    function load(OperandState memory operand, uint256 offset) internal pure returns (uint256) {
        if (offset < operand.first || offset >= operand.last) locate(operand, offset);
        unchecked {
            uint256 word = Words.loadCalldata(operand.data + ((offset - operand.first) << operand.shift));
            uint256 dtype = operand.dtype;
            if (dtype == DType.F32) return Binary32.canonical(Words.reversed32(word >> 224));
            // All eight bytes reversed, of which a narrower element is the lowest ones.
            return Scalar.wrap(dtype, operand.shift == 0 ? word >> 248 : Words.reversed64(word >> 192));
        }
    }
}
