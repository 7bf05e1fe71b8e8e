// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DType} from "../types/DType.sol";
import {Opcode} from "../types/Opcode.sol";
import {Binary32} from "./Binary32.sol";
import {Words} from "./Words.sol";

/// @title Scalar
/// @notice One instruction of the tensor machine, docs/tensor-machine.md section 3.
/// @dev In a register an f32 is its bits, and an int is sign-extended to 256 bits, so that the EVM's signed operations
/// apply as they are and unsigned 64-bit order is the order of the words. Every result is again such a register.
library Scalar {
    /// @notice Whether `op` is an opcode of the encoding.
    function isOpcode(uint256 op) internal pure returns (bool) {
        // Bits 0x01-0x15, 0x20-0x32, 0x40-0x41.
        return op <= Opcode.INDEX && (0x3_0007ffff_003ffffe >> op) & 1 == 1;
    }

    /// @notice How many of the fields a, b, c are registers; the others must be zero, but for those of wrap and index.
    function registerFields(uint256 op) internal pure returns (uint256) {
        if (op == Opcode.SELECT) return 3;
        if (op == Opcode.INDEX) return 0;
        // One register: fsqrt fneg fabs (05-07), the roundings (0a-0d), the conversions (11-15), wrap (32).
        return (0x4_0000_003e_3ce0 >> op) & 1 == 1 ? 1 : 2;
    }

    /// @notice The result of an instruction. Searches by halves, the arithmetic of dot products and activations first.
    /// @param op An opcode with registers for operands, or `WRAP_TO | dtype`, or `COPY`.
    /// @param a First operand.
    /// @param b Second operand; any value where there is none.
    /// @param third Memory address of the third operand, which only select looks up; its upper bits may be anything.
    function evaluate(uint256 op, uint256 a, uint256 b, uint256 third) internal pure returns (uint256) {
        unchecked {
            if (op < Opcode.IADD) {
                if (op < Opcode.FSQRT) {
                    if (op == Opcode.FMUL) return Binary32.mul(a, b);
                    if (op == Opcode.FADD) return Binary32.add(a, b);
                    if (op == Opcode.FSUB) return Binary32.sub(a, b);
                    return Binary32.div(a, b);
                }
                if (op < Opcode.FEQ) {
                    if (op < Opcode.FFLOOR) {
                        if (op < Opcode.FMIN) {
                            if (op == Opcode.FSQRT) return Binary32.sqrt(a);
                            if (op == Opcode.FNEG) return Binary32.neg(a);
                            return Binary32.abs(a);
                        }
                        if (op == Opcode.FMIN) return Binary32.min(a, b);
                        return Binary32.max(a, b);
                    }
                    if (op < Opcode.FTRUNC) {
                        if (op == Opcode.FFLOOR) return Binary32.floor(a);
                        return Binary32.ceil(a);
                    }
                    if (op == Opcode.FTRUNC) return Binary32.trunc(a);
                    return Binary32.rint(a);
                }
                if (op < Opcode.I2F) {
                    if (op < Opcode.FLE) {
                        if (op == Opcode.FEQ) return Binary32.eq(a, b);
                        return Binary32.lt(a, b);
                    }
                    if (op == Opcode.FLE) return Binary32.le(a, b);
                    return Binary32.toInt(a);
                }
                if (op < Opcode.FBITS) {
                    if (op == Opcode.I2F) return Binary32.fromInt(a);
                    return Binary32.fromUint(a);
                }
                // A constant may be a NaN of any payload: bits are where one would see it.
                if (op == Opcode.FBITS) return Binary32.canonical(a);
                return Binary32.canonical(a & type(uint32).max);
            }
            if (op < Opcode.SELECT) {
                if (op < Opcode.IOR) {
                    if (op < Opcode.IREM) {
                        if (op < Opcode.IMUL) {
                            if (op == Opcode.IADD) return _int(a + b);
                            return _int(a - b);
                        }
                        if (op == Opcode.IMUL) return _int(a * b);
                        // Only -2^63 / -1 has to wrap.
                        return b == 0 ? 0 : _int(uint256(int256(a) / int256(b)));
                    }
                    if (op < Opcode.UREM) {
                        if (b == 0) return 0;
                        if (op == Opcode.IREM) return uint256(int256(a) % int256(b));
                        return _int(uint64(a) / uint64(b));
                    }
                    if (op == Opcode.UREM) return b == 0 ? 0 : _int(uint64(a) % uint64(b));
                    return a & b;
                }
                if (op < Opcode.IMIN) {
                    if (op < Opcode.ISHR) {
                        if (op == Opcode.IOR) return a | b;
                        if (op == Opcode.IXOR) return a ^ b;
                        // A negative b is a huge word: like every b >= 64 it shifts all 64 bits out.
                        return _int(a << b);
                    }
                    if (op == Opcode.ISHR) return uint256(int256(a) >> b);
                    return _int(uint64(a) >> b);
                }
                if (op < Opcode.IEQ) {
                    bool less = int256(a) < int256(b);
                    return less == (op == Opcode.IMIN) ? a : b;
                }
                if (op == Opcode.IEQ) return a == b ? 1 : 0;
                if (op == Opcode.ILT) return int256(a) < int256(b) ? 1 : 0;
                return a < b ? 1 : 0;
            }
            if (op == Opcode.SELECT) return a != 0 ? b : Words.load(third & type(uint32).max);
            if (op == Opcode.COPY) return a;
            return wrap(op - Opcode.WRAP_TO, a);
        }
    }

    /// @notice What a register holds after its value was stored as an integer dtype, or bool, and read back.
    function wrap(uint256 dtype, uint256 a) internal pure returns (uint256 r) {
        uint256 firstUnsigned = DType.U64;
        assembly ("memory-safe") {
            // Bytes less one, by dtype code: i64 i32 i16 i8 u64 u32 u16 u8 bool.
            let last := and(shr(shl(2, dtype), 0x0013701370), 0x0f)
            switch or(lt(dtype, firstUnsigned), eq(last, 7))
            case 1 {
                r := signextend(last, a)
            }
            default {
                r := and(a, sub(shl(shl(3, add(last, 1)), 1), 1))
            }
        }
    }

    /// @dev The low 64 bits as an int register.
    function _int(uint256 bits) private pure returns (uint256) {
        return uint256(int256(int64(uint64(bits))));
    }
}
