// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ITensorMachine, OperandRoot, Progress, Segment} from "../interfaces/ITensorMachine.sol";
import {Binary32} from "./Binary32.sol";
import {FastReduction} from "./FastReduction.sol";
import {KernelDecoder} from "./KernelDecoder.sol";
import {RegisterClasses} from "./RegisterClasses.sol";
import {StageRunner} from "./StageRunner.sol";
import {WitnessReader} from "./WitnessReader.sol";
import {DType} from "../types/DType.sol";
import {Kernel, StageState} from "../types/Machine.sol";

/// @title TensorMachine
/// @notice See ITensorMachine. Decodes, verifies the witness, then runs: the parts are in libraries.
contract TensorMachine is ITensorMachine {
    /// @inheritdoc ITensorMachine
    function execute(
        bytes calldata kernel,
        uint256 element,
        Progress calldata progress,
        uint64 maxSteps,
        Segment[][] calldata witness
    ) external pure returns (bool done, uint64 bits, Progress memory next, OperandRoot[] memory roots) {
        (Kernel memory k, uint256 cursor) = KernelDecoder.header(kernel);
        require(element < k.length, MachineElementOutside(element, k.length));
        uint256 position = progress.position;
        bool resumes = position != 0;
        require(
            progress.accumulators.length == (resumes ? k.accumulators : 0) && (!resumes || position < k.steps),
            MachineProgressInvalid(position, progress.accumulators.length)
        );
        StageRunner.seek(k, element, position);

        bool reduces = k.reductionRank != 0;
        require(!reduces || maxSteps != 0, MachineStepsZero());
        // Every stage is decoded whatever runs, so that whether an encoding is refused does not depend on the progress.
        (StageState memory init, StageState memory step, StageState memory finish) = KernelDecoder.stages(k, cursor);
        roots = WitnessReader.verify(k, witness);

        if (reduces) {
            if (resumes) {
                for (uint256 i; i < k.accumulators; ++i) {
                    StageRunner.setRegister(step, i, uint256(int256(int64(progress.accumulators[i]))));
                }
            } else {
                StageRunner.run(init);
                StageRunner.passResults(init, step, k.accumulators);
            }
            uint256 end = maxSteps < k.steps - position ? position + maxSteps : k.steps;
            FastReduction.reduce(k, step, position, end);
            if (end < k.steps) {
                next.position = uint64(end);
                next.accumulators = new uint64[](k.accumulators);
                for (uint256 i; i < k.accumulators; ++i) {
                    next.accumulators[i] = uint64(StageRunner.getRegister(step, i));
                }
                RegisterClasses.canonicalise(k, init, step, finish, next.accumulators);
                return (false, 0, next, roots);
            }
            for (uint256 i; i < k.accumulators; ++i) {
                StageRunner.setRegister(finish, i, StageRunner.getRegister(step, i));
            }
        }
        StageRunner.run(finish);
        return (true, _stored(k.dtype, StageRunner.getRegister(finish, finish.count - 1)), next, roots);
    }

    /// @inheritdoc ITensorMachine
    function outputType(bytes calldata kernel) external pure returns (uint8 dtype, uint64 length) {
        (Kernel memory k, ) = KernelDecoder.header(kernel);
        return (uint8(k.dtype), uint64(k.length));
    }

    /// @dev The bits of a register in the width of a dtype.
    function _stored(uint256 dtype, uint256 register) private pure returns (uint64) {
        if (dtype == DType.F32) return uint64(Binary32.canonical(register & type(uint32).max));
        if (dtype == DType.I64 || dtype == DType.U64) return uint64(register);
        if (dtype == DType.I32 || dtype == DType.U32) return uint32(register);
        if (dtype == DType.I16 || dtype == DType.U16) return uint16(register);
        return uint8(register);
    }
}
