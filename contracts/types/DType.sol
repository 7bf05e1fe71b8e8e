// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @title DType
/// @notice Codes of element types, docs/tensor-machine.md section 1, as in runner/machine/dtype.ts. They are part of every
/// commitment: none may change. Signed types come before unsigned ones.
library DType {
    uint256 internal constant F32 = 0;
    uint256 internal constant I64 = 1;
    uint256 internal constant I32 = 2;
    uint256 internal constant I16 = 3;
    uint256 internal constant I8 = 4;
    uint256 internal constant U64 = 5;
    uint256 internal constant U32 = 6;
    uint256 internal constant U16 = 7;
    uint256 internal constant U8 = 8;
    uint256 internal constant BOOL = 9;
    /// @notice How many there are: the first code that is none.
    uint256 internal constant COUNT = 10;
}
