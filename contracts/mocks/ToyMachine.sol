// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ITensorMachine, OperandRoot, Progress, Segment} from "../interfaces/ITensorMachine.sol";
import {TensorTree} from "../commitment/TensorTree.sol";

/// @notice Operand of a toy kernel.
struct ToyOperand {
    uint8 space;
    uint32 index;
    uint8 dtype;
    uint64 length;
}

/// @notice A kernel of the toy machine. `stuck` machines never finish.
struct ToyKernel {
    uint8 dtype;
    uint64 length;
    uint64 steps;
    bool stuck;
    ToyOperand[] operands;
}

/// @title ToyMachine
/// @notice A machine small enough to see through, so that the court's own rules can be tested alone. Element e of a
/// kernel is e + the result of `steps` times acc = 3 acc + (sum of the first elements of the operands given), modulo the
/// dtype's width.
contract ToyMachine is ITensorMachine {
    error ToyElementOutside(uint256 element, uint256 length);

    /// @inheritdoc ITensorMachine
    function execute(
        bytes calldata kernel,
        uint256 element,
        Progress calldata progress,
        uint64 maxSteps,
        Segment[][] calldata witness
    ) external pure returns (bool done, uint64 bits, Progress memory next, OperandRoot[] memory roots) {
        ToyKernel memory toy = abi.decode(kernel, (ToyKernel));
        require(element < toy.length, ToyElementOutside(element, toy.length));
        uint256 sum;
        (roots, sum) = _operands(toy, witness);
        uint256 acc = progress.accumulators.length == 0 ? 0 : progress.accumulators[0];
        uint64 position = progress.position;
        for (uint64 taken; taken < maxSteps && position < toy.steps; ++taken) {
            acc = uint64(3 * acc + sum);
            ++position;
        }
        if (position < toy.steps || toy.stuck) {
            next = Progress({position: position, accumulators: new uint64[](1)});
            next.accumulators[0] = uint64(acc);
            return (false, 0, next, roots);
        }
        uint256 mask = (1 << (8 << TensorTree.dtypeShift(toy.dtype))) - 1;
        return (true, uint64((acc + element) & mask), next, roots);
    }

    /// @inheritdoc ITensorMachine
    function outputType(bytes calldata kernel) external pure returns (uint8 dtype, uint64 length) {
        ToyKernel memory toy = abi.decode(kernel, (ToyKernel));
        return (toy.dtype, toy.length);
    }

    function _operands(
        ToyKernel memory toy,
        Segment[][] calldata witness
    ) private pure returns (OperandRoot[] memory roots, uint256 sum) {
        roots = new OperandRoot[](toy.operands.length);
        for (uint256 i; i < roots.length; ++i) {
            ToyOperand memory operand = toy.operands[i];
            roots[i].space = operand.space;
            roots[i].index = operand.index;
            if (witness[i].length == 0) continue;
            Segment calldata segment = witness[i][0];
            roots[i].root = TensorTree.segmentRoot(
                operand.dtype,
                operand.length,
                segment.firstLeaf,
                segment.data,
                segment.siblings
            );
            sum += TensorTree.elementOf(operand.dtype, 0, segment.data);
        }
    }
}
