// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @title Space
/// @notice Where an operand comes from, docs/tensor-machine.md section 4, as in runner/machine/kernel.ts. The codes are
/// part of every commitment: none may change.
library Space {
    uint256 internal constant INPUT = 0;
    uint256 internal constant CONSTANT = 1;
    uint256 internal constant KERNEL = 2;
    /// @notice How many there are: the first code that is none.
    uint256 internal constant COUNT = 3;
}
