// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ITensorMachine} from "../interfaces/ITensorMachine.sol";
import {DType} from "../types/DType.sol";
import {Kernel, OperandState, ReadState, StageState} from "../types/Machine.sol";
import {Opcode} from "../types/Opcode.sol";
import {Space} from "../types/Space.sol";
import {Binary32} from "./Binary32.sol";
import {Scalar} from "./Scalar.sol";
import {TensorTree} from "../commitment/TensorTree.sol";
import {Words} from "./Words.sol";

/// @title KernelDecoder
/// @notice Decodes docs/tensor-machine.md section 4 and enforces the limits of section 2, in one pass whose cost is
/// linear in the bytes: a hostile encoding is refused with a typed error or runs within the same bounds as any other.
/// @dev Classes of registers are not checked; see ITensorMachine.
library KernelDecoder {
    uint256 private constant MAX_BYTES = 24_576;
    uint256 private constant MAX_RANK = 8;
    uint256 private constant MAX_ACCUMULATORS = 4;
    uint256 private constant MAX_OPERANDS = 16;
    uint256 private constant MAX_READS = 16;
    uint256 private constant MAX_GUARDS = 4;
    uint256 private constant MAX_CONSTANTS = 64;
    uint256 private constant MAX_REGISTERS = 255;
    uint256 private constant MAX_COUNT = type(uint32).max;
    uint256 private constant MAX_REACH = 2 ** 47;
    /// @dev A read has at most this many affine records: its offset, its guards, its gather.
    uint256 private constant RECORDS_PER_READ = 2 + MAX_GUARDS;

    /// @dev The stages in the order of the encoding.
    uint256 private constant INIT = 0;
    uint256 private constant STEP = 1;
    uint256 private constant FINISH = 2;

    /// @notice Decodes everything before the stages.
    /// @return k The kernel, all loop indices 0.
    /// @return cursor Calldata position of the first stage.
    function header(bytes calldata encoded) internal pure returns (Kernel memory k, uint256 cursor) {
        _limit(ITensorMachine.Limit.KernelBytes, encoded.length, MAX_BYTES);
        cursor = Words.positionOf(encoded);
        unchecked {
            // SAFETY: calldata positions and counts are far below 2^64.
            k.start = cursor;
            k.end = cursor + encoded.length;
            _need(k, cursor, 2);
            k.dtype = _u8(cursor);
            TensorTree.dtypeShift(uint8(k.dtype));
            k.rank = _u8(cursor + 1);
            _limit(ITensorMachine.Limit.Rank, k.rank, MAX_RANK);
            cursor += 2;

            _need(k, cursor, 4 * k.rank + 1);
            k.reductionRank = _u8(cursor + 4 * k.rank);
            _limit(ITensorMachine.Limit.ReductionRank, k.reductionRank, MAX_RANK);
            k.dims = new uint256[](k.rank + k.reductionRank);
            k.indices = new uint256[](k.rank + k.reductionRank);
            k.length = _dims(k, cursor, 0, k.rank);
            cursor += 4 * k.rank + 1;

            _need(k, cursor, 4 * k.reductionRank + 2);
            if (k.reductionRank != 0) k.steps = _dims(k, cursor, k.rank, k.reductionRank);
            cursor += 4 * k.reductionRank;
            k.accumulators = _u8(cursor);
            _limit(ITensorMachine.Limit.Accumulators, k.accumulators, k.reductionRank == 0 ? 0 : MAX_ACCUMULATORS);
            require(k.reductionRank == 0 || k.accumulators != 0, ITensorMachine.MachineAccumulatorsMissing());
            uint256 count = _u8(cursor + 1);
            _limit(ITensorMachine.Limit.Operands, count, MAX_OPERANDS);
            cursor += 2;

            _need(k, cursor, 10 * count);
            k.operands = new OperandState[](count);
            for (uint256 i; i < count; ++i) {
                OperandState memory operand = k.operands[i];
                operand.position = i;
                operand.space = _u8(cursor);
                require(operand.space < Space.COUNT, ITensorMachine.MachineSpaceUnknown(operand.space));
                operand.index = _u32(cursor + 1);
                operand.dtype = _u8(cursor + 5);
                operand.shift = TensorTree.dtypeShift(uint8(operand.dtype));
                operand.length = _u32(cursor + 6);
                require(operand.length != 0, TensorTree.TreeTensorLength(0));
                cursor += 10;
            }
        }
    }

    /// @notice Decodes all stages for the loop indices that `k` holds, and requires that nothing follows them.
    /// @param k The kernel.
    /// @param cursor Calldata position of the first stage.
    /// @return init Empty if the kernel does not reduce.
    /// @return step As `init`.
    /// @return finish Its result is its last register.
    function stages(
        Kernel memory k,
        uint256 cursor
    ) internal pure returns (StageState memory init, StageState memory step, StageState memory finish) {
        uint256 accumulators = k.accumulators;
        // A loop, because the compiler would make a copy of the decoder for each call with arguments of its own.
        for (uint256 i = k.reductionRank == 0 ? FINISH : INIT; i <= FINISH; ++i) {
            (StageState memory s, uint256 next) = _stage(
                k,
                cursor,
                i == INIT ? 0 : accumulators,
                i == FINISH ? 1 : accumulators,
                i == STEP ? k.dims.length : k.rank
            );
            cursor = next;
            if (i == INIT) init = s;
            else if (i == STEP) step = s;
            else finish = s;
        }
        require(cursor == k.end, ITensorMachine.MachineKernelTrailing(k.end - k.start, cursor - k.start));
    }

    // ------------------------------------------------------------------------------------------------ parts

    /// @dev Decodes a stage.
    /// @param k The kernel.
    /// @param cursor Calldata position of the stage.
    /// @param accumulators Registers before the reads: the accumulators, or none in `init`.
    /// @param results Registers that the stage gives.
    /// @param rank Loop indices of the stage: the output's, and in `step` the reduction's too.
    /// @return s The stage.
    /// @return next Calldata position after it.
    function _stage(
        Kernel memory k,
        uint256 cursor,
        uint256 accumulators,
        uint256 results,
        uint256 rank
    ) private pure returns (StageState memory s, uint256 next) {
        unchecked {
            _need(k, cursor, 3);
            uint256 reads = _u8(cursor);
            uint256 constants = _u8(cursor + 1);
            uint256 instructions = _u8(cursor + 2);
            cursor += 3;
            _limit(ITensorMachine.Limit.Reads, reads, MAX_READS);
            _limit(ITensorMachine.Limit.Constants, constants, MAX_CONSTANTS);
            s.count = accumulators + reads + constants + instructions;
            _limit(ITensorMachine.Limit.Registers, s.count, MAX_REGISTERS);
            require(s.count >= results, ITensorMachine.MachineResultsMissing(s.count, results));

            s.registers = Words.allocate(s.count);
            s.firstRead = s.registers + 32 * accumulators;
            s.recordSize = 32 * (2 + rank - k.rank);
            s.records = Words.allocate((reads * RECORDS_PER_READ * s.recordSize) / 32);
            s.recordsEnd = s.records;
            s.reads = new ReadState[](reads);
            for (uint256 i; i < reads; ++i) cursor = _read(k, s, s.reads[i], cursor, rank);

            _need(k, cursor, 8 * constants + 4 * instructions);
            uint256 register = s.firstRead + 32 * reads;
            for (uint256 i; i < constants; ++i) {
                Words.store(register, uint256(_i64(cursor)));
                register += 32;
                cursor += 8;
            }
            s.code = Words.allocate(instructions);
            s.codeEnd = s.code + 32 * instructions;
            uint256 known = s.count - instructions;
            for (uint256 i; i < instructions; ++i) {
                Words.store(s.code + 32 * i, _instruction(k, s.registers, known + i, _u32(cursor), rank));
                cursor += 4;
            }
        }
        return (s, cursor);
    }

    /// @dev Reads dimensions into `k.dims` from `first` on; returns their product.
    function _dims(
        Kernel memory k,
        uint256 cursor,
        uint256 first,
        uint256 count
    ) private pure returns (uint256 product) {
        unchecked {
            product = 1;
            for (uint256 d; d < count; ++d) {
                uint256 dim = _u32(cursor + 4 * d);
                require(dim != 0, ITensorMachine.MachineDimensionZero(first + d));
                k.dims[first + d] = dim;
                product *= dim;
                // Checked at each factor, so that the product cannot wrap.
                _limit(ITensorMachine.Limit.Elements, product, MAX_COUNT);
            }
        }
    }

    function _read(
        Kernel memory k,
        StageState memory s,
        ReadState memory r,
        uint256 cursor,
        uint256 rank
    ) private pure returns (uint256) {
        unchecked {
            _need(k, cursor, 11 + 8 + 8 * rank);
            OperandState memory operand = _operand(k, _u8(cursor));
            r.operand = Words.positionOf(operand);
            r.guards = _u8(cursor + 1);
            _limit(ITensorMachine.Limit.Guards, r.guards, MAX_GUARDS);
            uint256 flag = _u8(cursor + 2);
            require(flag < 2, ITensorMachine.MachineFlagInvalid(flag));
            uint256 bits = _u64(cursor + 3);
            if (operand.dtype == DType.F32) {
                require(bits <= type(uint32).max, ITensorMachine.MachineFillInvalid(bits));
                r.fill = Binary32.canonical(bits);
            } else {
                r.fill = uint256(int256(int64(uint64(bits))));
            }
            r.record = s.recordsEnd;
            cursor = _affine(k, s, cursor + 11, rank);

            for (uint256 i; i < r.guards; ++i) {
                _need(k, cursor, 16 + 8 * rank);
                cursor = _affine(k, s, cursor, rank);
                cursor = _bound(s, cursor);
            }
            if (flag == 1) {
                _need(k, cursor, 1 + 24 + 8 * rank);
                operand = _operand(k, _u8(cursor));
                r.source = Words.positionOf(operand);
                // An index is an integer: neither f32 nor bool.
                require(
                    operand.dtype != DType.F32 && operand.dtype != DType.BOOL,
                    ITensorMachine.MachineGatherDtype(operand.dtype)
                );
                cursor = _affine(k, s, cursor + 1, rank);
                cursor = _bound(s, cursor);
                int256 bound = int256(_u64(cursor - 8));
                int256 stride = _i64(cursor);
                _reach(stride);
                _reach(stride * (bound - 1));
                r.stride = uint256(stride);
                cursor += 8;
            }
        }
        return cursor;
    }

    /// @dev Writes the next record: the value at the loop indices, and the advances of the reduction dimensions.
    function _affine(
        Kernel memory k,
        StageState memory s,
        uint256 cursor,
        uint256 rank
    ) private pure returns (uint256) {
        unchecked {
            uint256 record = s.recordsEnd;
            s.recordsEnd = record + s.recordSize;
            int256 value = _i64(cursor);
            _reach(value);
            cursor += 8 * rank;
            // From the innermost dimension outward: what the inner ones lose when they start over.
            int256 back;
            for (uint256 d = rank; d != 0;) {
                --d;
                int256 stride = _i64(cursor);
                int256 span = stride * int256(k.dims[d] - 1);
                _reach(stride);
                _reach(span);
                value += stride * int256(k.indices[d]);
                if (d >= k.rank) {
                    Words.store(record + 64 + 32 * (d - k.rank), uint256(stride - back));
                    back += span;
                }
                cursor -= 8;
            }
            Words.store(record, uint256(value));
            return cursor + 8 * (rank + 1);
        }
    }

    /// @dev Writes the bound of the last record.
    function _bound(StageState memory s, uint256 cursor) private pure returns (uint256) {
        unchecked {
            uint256 bound = _u64(cursor);
            _limit(ITensorMachine.Limit.Reach, bound, MAX_REACH);
            Words.store(s.recordsEnd - s.recordSize + 32, bound);
            return cursor + 8;
        }
    }

    function _operand(Kernel memory k, uint256 position) private pure returns (OperandState memory) {
        require(position < k.operands.length, ITensorMachine.MachineOperandOutside(position, k.operands.length));
        return k.operands[position];
    }

    /// @dev An instruction with addresses for registers. `known` registers come before it.
    function _instruction(
        Kernel memory k,
        uint256 registers,
        uint256 known,
        uint256 word,
        uint256 rank
    ) private pure returns (uint256) {
        unchecked {
            uint256 op = word >> 24;
            uint256 a = (word >> 16) & 0xff;
            uint256 b = (word >> 8) & 0xff;
            uint256 c = word & 0xff;
            require(Scalar.isOpcode(op), ITensorMachine.MachineOpcodeUnknown(op));
            uint256 fields = Scalar.registerFields(op);
            if (op == Opcode.INDEX) {
                _field(op, a, rank);
                a = Words.positionOf(k.indices) + 32 * a;
            } else {
                _field(op, a, known);
                a = registers + 32 * a;
            }
            if (op == Opcode.WRAP) {
                // A dtype is a field of the opcode; f32 has no width to wrap to.
                require(b != DType.F32, ITensorMachine.MachineFieldInvalid(op, b, DType.COUNT));
                _field(op, b, DType.COUNT);
                op = Opcode.WRAP_TO | b;
                b = 0;
            }
            // What is not a register must be zero.
            _field(op, b, fields > 1 ? known : 1);
            _field(op, c, fields > 2 ? known : 1);
            return (op << 96) | ((registers + 32 * c) << 64) | ((registers + 32 * b) << 32) | a;
        }
    }

    // ------------------------------------------------------------------------------------------------ checks

    function _field(uint256 op, uint256 actual, uint256 bound) private pure {
        require(actual < bound, ITensorMachine.MachineFieldInvalid(op, actual, bound));
    }

    function _limit(ITensorMachine.Limit what, uint256 actual, uint256 limit) private pure {
        require(actual <= limit, ITensorMachine.MachineLimitExceeded(what, actual, limit));
    }

    function _reach(int256 value) private pure {
        unchecked {
            // SAFETY: values are products of an i64 and less than 2^48, so negation is exact.
            uint256 magnitude = uint256(value < 0 ? -value : value);
            _limit(ITensorMachine.Limit.Reach, magnitude, MAX_REACH);
        }
    }

    function _need(Kernel memory k, uint256 cursor, uint256 size) private pure {
        unchecked {
            require(
                cursor + size <= k.end,
                ITensorMachine.MachineKernelTruncated(k.end - k.start, cursor + size - k.start)
            );
        }
    }

    // ------------------------------------------------------------------------------------------------ words

    function _u8(uint256 cursor) private pure returns (uint256) {
        return Words.loadCalldata(cursor) >> 248;
    }

    function _u32(uint256 cursor) private pure returns (uint256) {
        return Words.loadCalldata(cursor) >> 224;
    }

    function _u64(uint256 cursor) private pure returns (uint256) {
        return Words.loadCalldata(cursor) >> 192;
    }

    function _i64(uint256 cursor) private pure returns (int256) {
        return int256(Words.loadCalldata(cursor)) >> 192;
    }
}
