// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {OperandRoot, Progress, Segment} from "../types/Witness.sol";

/// @title ITensorMachine
/// @notice Re-executes one output element of one kernel from a witness, to the bit, as docs/tensor-machine.md defines.
/// Stateless. Reverts with a typed error on a malformed kernel or witness; never on values.
/// @dev What the caller must compare with commitments: the kernel (its program root), every root in `roots` that is not
/// zero, and, when it resumes, the progress. A root of zero means that the element did not depend on that operand.
///
/// The structure of a kernel is checked in full, except that register classes are not inferred: a kernel that uses a
/// register both as f32 and as int is executed to some bits, within the same bounds. No runner accepts such a kernel.
interface ITensorMachine {
    /// @notice What a limit of docs/tensor-machine.md section 2 is about.
    enum Limit {
        KernelBytes,
        Rank,
        ReductionRank,
        Elements,
        Accumulators,
        Operands,
        Reads,
        Guards,
        Constants,
        Registers,
        Reach
    }

    /// @notice The encoding ends inside something that needs `needed` bytes in all.
    error MachineKernelTruncated(uint256 actual, uint256 needed);
    /// @notice The encoding goes on after its last stage.
    error MachineKernelTrailing(uint256 actual, uint256 expected);
    error MachineLimitExceeded(Limit what, uint256 actual, uint256 limit);
    error MachineDimensionZero(uint256 dimension);
    /// @notice A kernel that reduces has no accumulator.
    error MachineAccumulatorsMissing();
    error MachineSpaceUnknown(uint256 space);
    error MachineOpcodeUnknown(uint256 op);
    /// @notice A field of an instruction names no earlier register, no dimension or no dtype, or is unused and not zero.
    error MachineFieldInvalid(uint256 op, uint256 actual, uint256 bound);
    error MachineOperandOutside(uint256 actual, uint256 count);
    /// @notice A gather's operand is not of an integer dtype.
    error MachineGatherDtype(uint256 dtype);
    /// @notice `hasGather` is neither 0 nor 1.
    error MachineFlagInvalid(uint256 flag);
    /// @notice The fill of an f32 read has more than 32 bits.
    error MachineFillInvalid(uint256 fill);
    /// @notice A stage has fewer registers than results.
    error MachineResultsMissing(uint256 registers, uint256 results);

    error MachineElementOutside(uint256 element, uint256 length);
    /// @notice The progress is none that `execute` gives for this kernel.
    error MachineProgressInvalid(uint256 position, uint256 accumulators);
    /// @notice A kernel that reduces was to take no step.
    error MachineStepsZero();
    /// @notice The witness has not one list of segments for each operand.
    error MachineWitnessLength(uint256 actual, uint256 expected);
    /// @notice A segment starts before the leaf after the previous segment.
    error MachineSegmentOrder(uint256 operand, uint256 firstLeaf, uint256 earliest);
    /// @notice Segments of one operand lead to different roots.
    error MachineRootsDiffer(uint256 operand, bytes32 actual, bytes32 expected);
    /// @notice The witness lacks an element that the execution reads.
    error MachineElementMissing(uint256 operand, uint256 offset);

    /// @notice Executes one element, from the start or from `progress`, for at most `maxSteps` reduction steps.
    /// @dev Requirements:
    /// - the kernel is well formed and within the limits;
    /// - `element` is below the output's length;
    /// - the witness has one list of segments an operand, each of whole leaves, sorted by first leaf, not overlapping,
    ///   with exact proofs (errors of TensorTree), and all segments of an operand lead to one root;
    /// - `progress` is empty or was given by a call with the same kernel and element, and steps remain;
    /// - `maxSteps` is not zero if the kernel reduces;
    /// - every element that is read, and no guard or fill makes unnecessary, is in the witness.
    /// @param kernel Encoded kernel (docs/tensor-machine.md section 4).
    /// @param element Flat row-major index of the output element.
    /// @param progress Where to go on; `position` 0 and no accumulators to begin.
    /// @param maxSteps Reduction steps to take at most; `type(uint64).max` for all that remain.
    /// @param witness Segments for each operand of the kernel, sorted by first leaf, not overlapping.
    /// @return done Whether the element is finished.
    /// @return bits The element's bits in its dtype's width, zero-extended, when `done`; otherwise zero.
    /// @return next Where the next call goes on, when not `done`.
    /// @return roots One entry for each operand of the kernel, in its order.
    function execute(
        bytes calldata kernel,
        uint256 element,
        Progress calldata progress,
        uint64 maxSteps,
        Segment[][] calldata witness
    ) external pure returns (bool done, uint64 bits, Progress memory next, OperandRoot[] memory roots);

    /// @notice Type of a kernel's output.
    /// @dev Reverts as `execute` does on what comes before the stages.
    /// @param kernel Encoded kernel.
    /// @return dtype Element type code.
    /// @return length Number of elements.
    function outputType(bytes calldata kernel) external pure returns (uint8 dtype, uint64 length);
}
