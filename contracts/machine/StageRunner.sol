// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Kernel, OperandState, ReadState, StageState} from "../types/Machine.sol";
import {Scalar} from "./Scalar.sol";
import {WitnessReader} from "./WitnessReader.sol";
import {Words} from "./Words.sol";

/// @title StageRunner
/// @notice Runs decoded stages, and reductions over them.
library StageRunner {
    /// @notice Sets the loop indices to an output element and a reduction position, both inside their bounds.
    function seek(Kernel memory k, uint256 element, uint256 position) internal pure {
        unchecked {
            for (uint256 d = k.dims.length; d > k.rank; --d) {
                k.indices[d - 1] = position % k.dims[d - 1];
                position /= k.dims[d - 1];
            }
            for (uint256 d = k.rank; d != 0; --d) {
                k.indices[d - 1] = element % k.dims[d - 1];
                element /= k.dims[d - 1];
            }
        }
    }

    /// @notice Runs a stage once: its reads, then its code.
    function run(StageState memory s) internal pure {
        unchecked {
            uint256 register = s.firstRead;
            ReadState[] memory reads = s.reads;
            uint256 size = s.recordSize;
            for (uint256 i; i < reads.length; ++i) {
                Words.store(register, read(reads[i], size));
                register += 32;
            }
            uint256 end = s.codeEnd;
            register = s.registers + 32 * s.count - (end - s.code);
            for (uint256 cursor = s.code; cursor < end; cursor += 32) {
                uint256 word = Words.load(cursor);
                uint256 a = Words.load(word & type(uint32).max);
                uint256 b = Words.load((word >> 32) & type(uint32).max);
                Words.store(register, Scalar.evaluate(word >> 96, a, b, word >> 64));
                register += 32;
            }
        }
    }

    /// @notice The register of a read at the stage's present indices.
    function read(ReadState memory r, uint256 recordSize) internal pure returns (uint256) {
        unchecked {
            uint256 record = r.record;
            for (uint256 guards = r.guards; guards != 0; --guards) {
                record += recordSize;
                // A negative value is a huge word, so one comparison checks both ends.
                if (Words.load(record) >= Words.load(record + 32)) return r.fill;
            }
            uint256 offset = Words.load(r.record);
            if (r.source != 0) {
                record += recordSize;
                OperandState memory source = Words.operandAt(r.source);
                uint256 cursor = Words.load(record);
                if (cursor >= source.length) return r.fill;
                uint256 chosen = WitnessReader.load(source, cursor);
                if (chosen >= Words.load(record + 32)) return r.fill;
                offset += r.stride * chosen;
            }
            OperandState memory operand = Words.operandAt(r.operand);
            if (offset >= operand.length) return r.fill;
            return WitnessReader.load(operand, offset);
        }
    }

    /// @notice Takes reduction steps `position` to `end - 1`. The accumulators are the first registers of `s`.
    function reduce(Kernel memory k, StageState memory s, uint256 position, uint256 end) internal pure {
        unchecked {
            while (position < end) {
                run(s);
                passResults(s, s, k.accumulators);
                if (++position < end) advance(k, s);
            }
        }
    }

    /// @notice Moves the reduction's loop indices, and every affine record, to the next position. There must be one.
    function advance(Kernel memory k, StageState memory s) internal pure {
        unchecked {
            uint256 d = k.dims.length - 1;
            while (k.indices[d] + 1 == k.dims[d]) k.indices[d--] = 0;
            ++k.indices[d];
            uint256 field = 64 + 32 * (d - k.rank);
            uint256 end = s.recordsEnd;
            uint256 size = s.recordSize;
            for (uint256 cursor = s.records; cursor < end; cursor += size) {
                Words.store(cursor, Words.load(cursor) + Words.load(cursor + field));
            }
        }
    }

    /// @notice Copies the last `count` registers of one stage to the first of another, or of the same.
    function passResults(StageState memory from, StageState memory to, uint256 count) internal pure {
        unchecked {
            // Upwards: where the ranges overlap, the source comes after the destination.
            uint256 first = from.count - count;
            for (uint256 i; i < count; ++i) setRegister(to, i, getRegister(from, first + i));
        }
    }

    function getRegister(StageState memory s, uint256 index) internal pure returns (uint256) {
        unchecked {
            return Words.load(s.registers + 32 * index);
        }
    }

    function setRegister(StageState memory s, uint256 index, uint256 value) internal pure {
        unchecked {
            Words.store(s.registers + 32 * index, value);
        }
    }
}
