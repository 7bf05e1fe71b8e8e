// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

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

/// @title ITensorMachine
/// @notice Re-executes one output element of one kernel from a witness, to the bit, as docs/tensor-machine.md defines.
/// Stateless. Reverts with a typed error on a malformed kernel or witness; never on values.
interface ITensorMachine {
    /// @notice Executes one element, from the start or from `progress`, for at most `maxSteps` reduction steps.
    /// @param kernel Encoded kernel (docs/tensor-machine.md section 4).
    /// @param element Flat row-major index of the output element.
    /// @param progress Where to go on; `position` 0 and no accumulators to begin.
    /// @param maxSteps Reduction steps to take at most; `type(uint64).max` for all that remain.
    /// @param witness Segments for each operand of the kernel, sorted by first leaf, not overlapping.
    /// @return done Whether the element is finished.
    /// @return bits The element's bits in its dtype's width, zero-extended, when `done`; otherwise zero.
    /// @return next Where the next call goes on, when not `done`.
    /// @return roots Tensor root of every operand that the witness covers, in the kernel's order of operands.
    function execute(
        bytes calldata kernel,
        uint256 element,
        Progress calldata progress,
        uint64 maxSteps,
        Segment[][] calldata witness
    ) external pure returns (bool done, uint64 bits, Progress memory next, OperandRoot[] memory roots);

    /// @notice Type of a kernel's output.
    /// @param kernel Encoded kernel.
    /// @return dtype Element type code.
    /// @return length Number of elements.
    function outputType(bytes calldata kernel) external pure returns (uint8 dtype, uint64 length);
}
