// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @title Opcode
/// @notice Codes of instructions, docs/tensor-machine.md section 3, as in runner/machine/scalar.ts. They are part of every
/// commitment: none may change.
library Opcode {
    uint256 internal constant FADD = 0x01;
    uint256 internal constant FSUB = 0x02;
    uint256 internal constant FMUL = 0x03;
    uint256 internal constant FDIV = 0x04;
    uint256 internal constant FSQRT = 0x05;
    uint256 internal constant FNEG = 0x06;
    uint256 internal constant FABS = 0x07;
    uint256 internal constant FMIN = 0x08;
    uint256 internal constant FMAX = 0x09;
    uint256 internal constant FFLOOR = 0x0a;
    uint256 internal constant FCEIL = 0x0b;
    uint256 internal constant FTRUNC = 0x0c;
    uint256 internal constant FRINT = 0x0d;
    uint256 internal constant FEQ = 0x0e;
    uint256 internal constant FLT = 0x0f;
    uint256 internal constant FLE = 0x10;
    uint256 internal constant F2I = 0x11;
    uint256 internal constant I2F = 0x12;
    uint256 internal constant U2F = 0x13;
    uint256 internal constant FBITS = 0x14;
    uint256 internal constant BITSF = 0x15;

    uint256 internal constant IADD = 0x20;
    uint256 internal constant ISUB = 0x21;
    uint256 internal constant IMUL = 0x22;
    uint256 internal constant IDIV = 0x23;
    uint256 internal constant IREM = 0x24;
    uint256 internal constant UDIV = 0x25;
    uint256 internal constant UREM = 0x26;
    uint256 internal constant IAND = 0x27;
    uint256 internal constant IOR = 0x28;
    uint256 internal constant IXOR = 0x29;
    uint256 internal constant ISHL = 0x2a;
    uint256 internal constant ISHR = 0x2b;
    uint256 internal constant USHR = 0x2c;
    uint256 internal constant IMIN = 0x2d;
    uint256 internal constant IMAX = 0x2e;
    uint256 internal constant IEQ = 0x2f;
    uint256 internal constant ILT = 0x30;
    uint256 internal constant ULT = 0x31;
    uint256 internal constant WRAP = 0x32;

    uint256 internal constant SELECT = 0x40;
    uint256 internal constant INDEX = 0x41;

    /// @notice In a decoded stage, in place of `INDEX`: a copy of `a`, the index being at hand as a word in memory.
    uint256 internal constant COPY = INDEX;
    /// @notice In a decoded stage, in place of `WRAP`: `WRAP_TO | dtype`, the dtype being a field and no register.
    uint256 internal constant WRAP_TO = 0x50;
}
