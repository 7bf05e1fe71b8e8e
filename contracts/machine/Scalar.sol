// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Binary32} from "./Binary32.sol";

/// @title Scalar
/// @notice One instruction of the tensor machine, docs/tensor-machine.md section 3.
/// @dev In a register an f32 is its bits, and an int is sign-extended to 256 bits, so that the EVM's signed operations
/// apply as they are and unsigned 64-bit order is the order of the words. Every result is again such a register.
library Scalar {
    /// @dev In place of `wrap`: `WRAP | dtype`, the dtype being a field and no register.
    uint256 internal constant WRAP = 0x50;
    /// @dev In place of `index`: a copy of `a`, the index being at hand as a word in memory.
    uint256 internal constant COPY = 0x41;

    /// @notice Whether `op` is an opcode of the encoding.
    function isOpcode(uint256 op) internal pure returns (bool) {
        // Bits 0x01-0x15, 0x20-0x32, 0x40-0x41.
        return op < 0x42 && (0x3_0007ffff_003ffffe >> op) & 1 == 1;
    }

    /// @notice How many of the fields a, b, c are registers; the others must be zero, but for those of wrap and index.
    function registerFields(uint256 op) internal pure returns (uint256) {
        if (op == 0x40) return 3;
        if (op == 0x41) return 0;
        // One register: fsqrt fneg fabs (05-07), the roundings (0a-0d), the conversions (11-15), wrap (32).
        return (0x4_0000_003e_3ce0 >> op) & 1 == 1 ? 1 : 2;
    }

    /// @notice The result of an instruction. Searches by halves, the arithmetic of dot products and activations first.
    /// @param op An opcode with registers for operands, or `WRAP | dtype`, or `COPY`.
    /// @param a First operand.
    /// @param b Second operand; any value where there is none.
    /// @param third Memory address of the third operand, which only select looks up; its upper bits may be anything.
    function evaluate(uint256 op, uint256 a, uint256 b, uint256 third) internal pure returns (uint256) {
        if (op < 0x20) {
            if (op < 0x05) {
                if (op == 0x03) return Binary32.mul(a, b);
                if (op == 0x01) return Binary32.add(a, b);
                if (op == 0x02) return Binary32.sub(a, b);
                return Binary32.div(a, b);
            }
            if (op < 0x0e) {
                if (op < 0x0a) {
                    if (op < 0x08) {
                        if (op == 0x05) return Binary32.sqrt(a);
                        if (op == 0x06) return Binary32.neg(a);
                        return Binary32.abs(a);
                    }
                    if (op == 0x08) return Binary32.min(a, b);
                    return Binary32.max(a, b);
                }
                if (op < 0x0c) {
                    if (op == 0x0a) return Binary32.floor(a);
                    return Binary32.ceil(a);
                }
                if (op == 0x0c) return Binary32.trunc(a);
                return Binary32.rint(a);
            }
            if (op < 0x12) {
                if (op < 0x10) {
                    if (op == 0x0e) return Binary32.eq(a, b);
                    return Binary32.lt(a, b);
                }
                if (op == 0x10) return Binary32.le(a, b);
                return Binary32.toInt(a);
            }
            if (op < 0x14) {
                if (op == 0x12) return Binary32.fromInt(a);
                return Binary32.fromUint(a);
            }
            // A constant may be a NaN of any payload: bits are where one would see it.
            if (op == 0x14) return Binary32.canonical(a);
            return Binary32.canonical(a & 0xffffffff);
        }
        if (op < 0x40) return _integer(op, a, b);
        if (op < WRAP) {
            if (op == COPY) return a;
            if (a != 0) return b;
            assembly ("memory-safe") {
                b := mload(and(third, 0xffffffff))
            }
            return b;
        }
        return wrap(op & 0x0f, a);
    }

    /// @notice What a register holds after its value was stored as an integer dtype, or bool, and read back.
    function wrap(uint256 dtype, uint256 a) internal pure returns (uint256 r) {
        assembly ("memory-safe") {
            // Bytes less one, by dtype code: i64 i32 i16 i8 u64 u32 u16 u8 bool.
            let last := and(shr(shl(2, dtype), 0x0013701370), 0x0f)
            switch or(lt(dtype, 5), eq(last, 7))
            case 1 {
                r := signextend(last, a)
            }
            default {
                r := and(a, sub(shl(shl(3, add(last, 1)), 1), 1))
            }
        }
    }

    /// @dev Opcodes 0x20 to 0x31.
    function _integer(uint256 op, uint256 a, uint256 b) private pure returns (uint256 r) {
        assembly ("memory-safe") {
            switch lt(op, 0x29)
            case 1 {
                switch lt(op, 0x24)
                case 1 {
                    switch lt(op, 0x22)
                    case 1 {
                        switch lt(op, 0x21)
                        case 1 {
                            r := signextend(7, add(a, b))
                        }
                        default {
                            r := signextend(7, sub(a, b))
                        }
                    }
                    default {
                        switch lt(op, 0x23)
                        case 1 {
                            r := signextend(7, mul(a, b))
                        }
                        default {
                            // The EVM divides by zero to zero, as the machine does; only -2^63 / -1 has to wrap.
                            r := signextend(7, sdiv(a, b))
                        }
                    }
                }
                default {
                    switch lt(op, 0x26)
                    case 1 {
                        switch lt(op, 0x25)
                        case 1 {
                            r := smod(a, b)
                        }
                        default {
                            r := signextend(7, div(and(a, 0xffffffffffffffff), and(b, 0xffffffffffffffff)))
                        }
                    }
                    default {
                        switch lt(op, 0x27)
                        case 1 {
                            r := signextend(7, mod(and(a, 0xffffffffffffffff), and(b, 0xffffffffffffffff)))
                        }
                        default {
                            switch lt(op, 0x28)
                            case 1 {
                                r := and(a, b)
                            }
                            default {
                                r := or(a, b)
                            }
                        }
                    }
                }
            }
            default {
                switch lt(op, 0x2d)
                case 1 {
                    switch lt(op, 0x2b)
                    case 1 {
                        switch lt(op, 0x2a)
                        case 1 {
                            r := xor(a, b)
                        }
                        default {
                            // A negative b is a huge word: like every b >= 64 it shifts all 64 bits out.
                            r := signextend(7, shl(b, a))
                        }
                    }
                    default {
                        switch lt(op, 0x2c)
                        case 1 {
                            r := sar(b, a)
                        }
                        default {
                            r := signextend(7, shr(b, and(a, 0xffffffffffffffff)))
                        }
                    }
                }
                default {
                    switch lt(op, 0x2f)
                    case 1 {
                        switch lt(op, 0x2e)
                        case 1 {
                            r := xor(b, mul(xor(a, b), slt(a, b)))
                        }
                        default {
                            r := xor(b, mul(xor(a, b), sgt(a, b)))
                        }
                    }
                    default {
                        switch lt(op, 0x30)
                        case 1 {
                            r := eq(a, b)
                        }
                        default {
                            switch lt(op, 0x31)
                            case 1 {
                                r := slt(a, b)
                            }
                            default {
                                r := lt(a, b)
                            }
                        }
                    }
                }
            }
        }
    }
}
