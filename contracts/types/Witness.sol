// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @notice A run of whole consecutive 1,024-byte leaves of one tensor, with its range proof.
/// @param firstLeaf Index of the first leaf.
/// @param data Bytes of the leaves; every leaf whole, only the tensor's last one may be shorter.
/// @param siblings Hashes that complete the range to the root: level by level from the leaves up, left before right.
struct Segment {
    uint32 firstLeaf;
    bytes data;
    bytes32[] siblings;
}

/// @notice An operand of a kernel and the tensor root that the witness gives for it.
/// @param space 0 model input, 1 constant, 2 output of an earlier kernel.
/// @param index Which input, constant or kernel.
/// @param root Tensor root recomputed from the witness; zero when the witness has no segment of it.
struct OperandRoot {
    uint8 space;
    uint32 index;
    bytes32 root;
}

/// @notice Where a reduction stands between two calls.
/// @param position Next reduction index (flat, row-major); 0 before the first step.
/// @param accumulators Registers so far; empty before the first step.
struct Progress {
    uint64 position;
    uint64[] accumulators;
}
