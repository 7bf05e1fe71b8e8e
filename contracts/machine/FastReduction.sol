// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DType} from "../types/DType.sol";
import {Kernel, OperandState, ReadState, StageState} from "../types/Machine.sol";
import {Opcode} from "../types/Opcode.sol";
import {DotProduct} from "./DotProduct.sol";
import {StageRunner} from "./StageRunner.sol";
import {WitnessReader} from "./WitnessReader.sol";
import {Words} from "./Words.sol";

/// @title FastReduction
/// @notice Recognises reductions that are dot products or sums, and takes them a run of elements at a time.
/// @dev Equal to StageRunner.reduce in every result and every revert. A step qualifies when it has one accumulator and
/// - f32: `acc + x * y` or `acc + x`;
/// - bytes (i8, u8, bool): `acc + (x - c) * (y - d)`, with or without the constants c and d (zero points);
/// in any order of commuting operands, when every read is one of x and y, has no gather, moves by 0 or 1 along the
/// innermost dimension, and has no guard that depends on it. Then along that dimension x and y are runs of consecutive
/// elements, one repeated element, or their fill.
library FastReduction {
    /// @dev 1 as an f32.
    uint256 private constant ONE = 0x3f800000;
    /// @dev In every byte, what makes a signed one unsigned.
    uint256 private constant FLIP = 0x8080808080808080808080808080808080808080808080808080808080808080;

    /// @dev What a step multiplies. Without a second factor it is a sum.
    struct Plan {
        bool floats;
        ReadState x;
        ReadState y;
        bool sums;
        uint256 zeroX;
        uint256 zeroY;
        uint256 inner;
        uint256 field;
    }

    /// @dev Consecutive elements at a calldata position, or, if that is 0, a repeated register. `flip` and `shift` are for
    /// runs of bytes, see `_bytes`.
    struct Run {
        uint256 position;
        uint256 register;
        uint256 count;
        uint256 flip;
        uint256 shift;
    }

    /// @notice Takes reduction steps `position` to `end - 1`, fast where the step allows.
    function reduce(Kernel memory k, StageState memory s, uint256 position, uint256 end) internal pure {
        Plan memory plan;
        if (!_recognise(k, s, plan)) {
            StageRunner.reduce(k, s, position, end);
            return;
        }
        unchecked {
            uint256 acc = StageRunner.getRegister(s, 0);
            uint256 inner = plan.inner;
            Run memory x;
            Run memory y;
            while (true) {
                uint256 start = k.indices[inner];
                uint256 room = k.dims[inner] - start;
                uint256 count = room < end - position ? room : end - position;
                _run(plan.x, s.recordSize, plan.field, count, x);
                count = x.count;
                if (!plan.sums) {
                    _run(plan.y, s.recordSize, plan.field, count, y);
                    count = y.count;
                }
                acc = plan.floats ? _floats(plan, acc, x, y, count) : _bytes(plan, acc, x, y, count);
                position += count;
                if (position == end) break;
                // The last step of a row is an advance like any other: outer dimensions move on.
                bool rowEnds = count == room;
                if (rowEnds) --count;
                k.indices[inner] = start + count;
                _move(s, plan.field, count);
                if (rowEnds) StageRunner.advance(k, s);
            }
            StageRunner.setRegister(s, 0, acc);
        }
    }

    // ------------------------------------------------------------------------------------------------ recognition

    function _recognise(Kernel memory k, StageState memory s, Plan memory plan) private pure returns (bool) {
        unchecked {
            uint256 reads = s.reads.length;
            uint256 codeBytes = s.codeEnd - s.code;
            if (k.accumulators != 1 || reads == 0 || reads > 2 || codeBytes == 0) return false;

            (uint256 op, uint256 a, uint256 b) = _instruction(s, s.codeEnd - 32);
            if (a != 0) (a, b) = (b, a);
            // Now b is what is added to the accumulator.
            if (a != 0 || b == 0) return false;
            plan.floats = op == Opcode.FADD;
            if (!plan.floats && op != Opcode.IADD) return false;
            uint256 x;
            uint256 y;
            if (plan.floats && b <= reads) {
                plan.sums = true;
                (x, y) = (b, b);
            } else {
                // The product must be the instruction before, for what follows a product is its sum.
                if (codeBytes < 64 || b != s.count - 2) return false;
                (op, x, y) = _instruction(s, s.codeEnd - 64);
                if (op != (plan.floats ? Opcode.FMUL : Opcode.IMUL)) return false;
                if (!plan.floats) {
                    (x, plan.zeroX) = _shifted(s, x);
                    (y, plan.zeroY) = _shifted(s, y);
                }
            }
            if (x == 0 || x > reads || y == 0 || y > reads) return false;
            // Every read must be used: one that is not would still have to be in the witness.
            if (reads == 2 && x == y) return false;
            plan.x = s.reads[x - 1];
            plan.y = s.reads[y - 1];

            // The innermost dimension that moves at all.
            uint256 inner = k.dims.length - 1;
            while (inner > k.rank && k.dims[inner] == 1) --inner;
            plan.inner = inner;
            plan.field = 64 + 32 * (inner - k.rank);
            return _isRun(s, plan, plan.x) && _isRun(s, plan, plan.y);
        }
    }

    /// @dev The register that a constant is subtracted from, and the constant; a register itself and 0 otherwise.
    function _shifted(StageState memory s, uint256 register) private pure returns (uint256, uint256) {
        unchecked {
            uint256 code = s.codeEnd - s.code;
            uint256 known = s.count - code / 32;
            if (register < known) return (register, 0);
            (uint256 op, uint256 a, uint256 b) = _instruction(s, s.code + 32 * (register - known));
            // Constants lie between the reads and the instructions.
            if (op != Opcode.ISUB || b <= s.reads.length || b >= known) return (0, 0);
            return (a, StageRunner.getRegister(s, b));
        }
    }

    /// @dev Opcode and register numbers of a decoded instruction.
    function _instruction(
        StageState memory s,
        uint256 position
    ) private pure returns (uint256 op, uint256 a, uint256 b) {
        unchecked {
            uint256 word = Words.load(position);
            op = word >> 96;
            a = ((word & type(uint32).max) - s.registers) >> 5;
            b = (((word >> 32) & type(uint32).max) - s.registers) >> 5;
        }
    }

    function _isRun(StageState memory s, Plan memory plan, ReadState memory r) private pure returns (bool) {
        unchecked {
            if (r.source != 0) return false;
            OperandState memory operand = Words.operandAt(r.operand);
            if (plan.floats ? operand.dtype != DType.F32 : operand.shift != 0) return false;
            uint256 record = r.record;
            if (Words.load(record + plan.field) > 1) return false;
            for (uint256 guards = r.guards; guards != 0; --guards) {
                record += s.recordSize;
                if (Words.load(record + plan.field) != 0) return false;
            }
            return true;
        }
    }

    // ------------------------------------------------------------------------------------------------ runs

    /// @dev The longest run of a read from the present indices on, `count` elements at most.
    function _run(ReadState memory r, uint256 recordSize, uint256 field, uint256 count, Run memory run) private pure {
        unchecked {
            run.position = 0;
            run.register = r.fill;
            run.count = count;
            uint256 record = r.record;
            for (uint256 guards = r.guards; guards != 0; --guards) {
                record += recordSize;
                if (Words.load(record) >= Words.load(record + 32)) return;
            }
            OperandState memory operand = Words.operandAt(r.operand);
            uint256 offset = Words.load(r.record);
            bool moves = Words.load(r.record + field) != 0;
            if (offset >= operand.length) {
                // Before the operand's start the fill lasts until it is reached; after its end, to the end.
                if (moves && int256(offset) < 0 && 0 - offset < count) run.count = 0 - offset;
                return;
            }
            if (!moves) {
                run.register = WitnessReader.load(operand, offset);
                return;
            }
            if (offset < operand.first || offset >= operand.last) WitnessReader.locate(operand, offset);
            if (operand.last - offset < count) run.count = operand.last - offset;
            run.position = operand.data + ((offset - operand.first) << operand.shift);
        }
    }

    /// @dev Moves every affine record `count` steps along the innermost dimension.
    function _move(StageState memory s, uint256 field, uint256 count) private pure {
        unchecked {
            uint256 end = s.recordsEnd;
            uint256 size = s.recordSize;
            for (uint256 record = s.records; record < end; record += size) {
                Words.store(record, Words.load(record) + count * Words.load(record + field));
            }
        }
    }

    function _floats(
        Plan memory plan,
        uint256 acc,
        Run memory x,
        Run memory y,
        uint256 count
    ) private pure returns (uint256) {
        return
            DotProduct.f32(
                acc,
                x.position,
                DotProduct.f32Lanes(x.register),
                // A sum multiplies by one, which changes nothing.
                plan.sums ? 0 : y.position,
                DotProduct.f32Lanes(plan.sums ? ONE : y.register),
                count
            );
    }

    /// @dev With unsigned bytes u = x + b, b being 128 for signed ones and else 0, and C = c + b:
    /// the sum of (x - c) * (y - d) is sum(u * v) - D * sum(u) - C * sum(v) + count * C * D, all modulo 2^64.
    function _bytes(
        Plan memory plan,
        uint256 acc,
        Run memory x,
        Run memory y,
        uint256 count
    ) private pure returns (uint256) {
        unchecked {
            _flip(plan.x, plan.zeroX, x);
            _flip(plan.y, plan.zeroY, y);
            // A repeated factor comes out of the sum.
            if (x.position == 0) return _int(acc + (x.register - x.shift) * _sum(y, count));
            if (y.position == 0) return _int(acc + (y.register - y.shift) * _sum(x, count));
            acc += DotProduct.bytes_(x.position, x.flip, y.position, y.flip, count);
            if (x.shift != 0) acc -= x.shift * _byteSum(y, count);
            if (y.shift != 0) acc -= y.shift * _byteSum(x, count);
            return _int(acc + count * x.shift * y.shift);
        }
    }

    /// @dev Sum of a run's elements, each less the shift.
    function _sum(Run memory run, uint256 count) private pure returns (uint256) {
        unchecked {
            return (run.position == 0 ? count * run.register : _byteSum(run, count)) - count * run.shift;
        }
    }

    /// @dev An int register from its low 64 bits.
    function _int(uint256 bits) private pure returns (uint256) {
        return uint256(int256(int64(uint64(bits))));
    }

    /// @dev What to flip in a run's bytes, and what to subtract from them then; of a repeated register, nothing to flip.
    function _flip(ReadState memory r, uint256 zero, Run memory run) private pure {
        unchecked {
            bool flips = Words.operandAt(r.operand).dtype < DType.U64 && run.position != 0;
            (run.flip, run.shift) = flips ? (FLIP, zero + 128) : (0, zero);
        }
    }

    function _byteSum(Run memory run, uint256 count) private pure returns (uint256) {
        return DotProduct.byteSum(run.position, run.flip, count);
    }
}
