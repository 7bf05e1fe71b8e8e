// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/*
 * A kernel in memory, decoded for one element. Fields that are named addresses hold memory addresses, so that the inner
 * loops are loads at known places; whoever writes them is KernelDecoder, and nobody else.
 */

/// @notice The header of a kernel.
/// @param dtype Element type of the output.
/// @param length Output elements.
/// @param rank Output dimensions.
/// @param reductionRank Reduction dimensions, 0 if the kernel does not reduce.
/// @param steps Reduction steps, 0 if the kernel does not reduce.
/// @param accumulators Accumulators, 0 if the kernel does not reduce.
/// @param dims Output dimensions, then reduction dimensions.
/// @param indices Loop indices, as `dims`; the reduction's are advanced while it runs.
/// @param operands Operands in the order of the encoding.
/// @param start Calldata position of the encoding.
/// @param end Calldata position after the encoding.
struct Kernel {
    uint256 dtype;
    uint256 length;
    uint256 rank;
    uint256 reductionRank;
    uint256 steps;
    uint256 accumulators;
    uint256[] dims;
    uint256[] indices;
    OperandState[] operands;
    uint256 start;
    uint256 end;
}

/// @notice An operand and where the witness holds its elements.
/// @param space Model input, constant or output of an earlier kernel (Space).
/// @param index Which input, constant or kernel.
/// @param dtype Element type code.
/// @param length Elements.
/// @param shift log2 of the bytes of an element.
/// @param position Which operand of the kernel this is.
/// @param segments Triples: first element, element after the last, calldata position of the first.
/// @param first First element of the segment that was used last.
/// @param last Element after the last of that segment; equal to `first` when there is none.
/// @param data Calldata position of its first element.
struct OperandState {
    uint256 space;
    uint256 index;
    uint256 dtype;
    uint256 length;
    uint256 shift;
    uint256 position;
    uint256[] segments;
    uint256 first;
    uint256 last;
    uint256 data;
}

/// @notice A stage, ready to run.
/// @param registers Address of the first register; one word each.
/// @param count Registers in all.
/// @param reads The reads; their registers follow the accumulators.
/// @param firstRead Address of the register of the first read.
/// @param code Address of the first instruction: opcode, then the addresses of c, b and a, 32 bits each.
/// @param codeEnd Address after the last instruction.
/// @param records Address of the first affine record: value, bound (of a guard or gather), then what advancing each
/// reduction dimension, the inner ones starting over, adds to the value.
/// @param recordsEnd Address after the last record.
/// @param recordSize Bytes of a record.
struct StageState {
    uint256 registers;
    uint256 count;
    ReadState[] reads;
    uint256 firstRead;
    uint256 code;
    uint256 codeEnd;
    uint256 records;
    uint256 recordsEnd;
    uint256 recordSize;
}

/// @notice A read. Its affine records follow one another: the offset's, one per guard, the gather's.
/// @param operand Address of the operand's state.
/// @param fill The register when there is nothing to read.
/// @param record Address of the offset's record.
/// @param guards Number of guards.
/// @param source Address of the state of the gather's operand; zero without a gather.
/// @param stride Stride of the gather.
struct ReadState {
    uint256 operand;
    uint256 fill;
    uint256 record;
    uint256 guards;
    uint256 source;
    uint256 stride;
}
