// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DType} from "../types/DType.sol";
import {Kernel, StageState} from "../types/Machine.sol";
import {Opcode} from "../types/Opcode.sol";
import {Binary32} from "./Binary32.sol";
import {Scalar} from "./Scalar.sol";
import {Words} from "./Words.sol";

/// @title RegisterClasses
/// @notice Gives the accumulators of a state between two calls the one NaN of docs/tensor-machine.md section 1.
/// @dev Encodings do not carry the class of a constant, so a register can hold a constant's NaN with its payload. Nothing
/// that is computed shows the payload, but a state would. Whether an accumulator is an f32 is inferred as
/// runner/machine/classes.ts does: registers that must be of one class are united into sets, over all stages. That is
/// done only for a state in which it matters, which hardly any is.
library RegisterClasses {
    /// @dev One bit an opcode: 01-11 and fbits (14) take f32; 01-0d, i2f, u2f and bitsf (12, 13, 15) give f32.
    uint256 private constant TAKES_F32 = 0x13fffe;
    uint256 private constant GIVES_F32 = 0x2c3ffe;

    /// @notice Replaces NaN with a payload by the canonical one where the accumulator is an f32.
    /// @dev Overwrites the registers of all stages.
    /// @param accumulators Registers as 64 bits; changed in place.
    function canonicalise(
        Kernel memory k,
        StageState memory init,
        StageState memory step,
        StageState memory finish,
        uint64[] memory accumulators
    ) internal pure {
        uint256 floats;
        for (uint256 i; i < accumulators.length; ++i) {
            uint256 bits = accumulators[i];
            if (bits > type(uint32).max) continue;
            uint256 canonical = Binary32.canonical(bits);
            if (canonical == bits) continue;
            if (floats == 0) floats = _infer(k, init, step, finish);
            if (_find(step.registers + 32 * i) == _find(floats)) accumulators[i] = uint64(canonical);
        }
    }

    /// @dev Unites the registers of all stages. A set is a tree: the word of a register is the address of its parent.
    /// @return floats Address of a word that is in the set of all f32.
    function _infer(
        Kernel memory k,
        StageState memory init,
        StageState memory step,
        StageState memory finish
    ) private pure returns (uint256 floats) {
        unchecked {
            floats = Words.allocate(1);
            Words.store(floats, floats);
            _uniteStage(init, floats);
            _uniteStage(step, floats);
            _uniteStage(finish, floats);
            for (uint256 i; i < k.accumulators; ++i) {
                uint256 accumulator = step.registers + 32 * i;
                _unite(init.registers + 32 * (init.count - k.accumulators + i), accumulator);
                _unite(step.registers + 32 * (step.count - k.accumulators + i), accumulator);
                _unite(finish.registers + 32 * i, accumulator);
            }
            if (k.dtype == DType.F32) _unite(finish.registers + 32 * (finish.count - 1), floats);
        }
    }

    /// @dev Every register alone, then what the reads and instructions of the stage unite.
    function _uniteStage(StageState memory s, uint256 floats) private pure {
        unchecked {
            for (uint256 i; i < s.count; ++i) Words.store(s.registers + 32 * i, s.registers + 32 * i);
            for (uint256 i; i < s.reads.length; ++i) {
                if (Words.operandAt(s.reads[i].operand).dtype == DType.F32) _unite(s.firstRead + 32 * i, floats);
            }
            uint256 result = s.registers + 32 * s.count - (s.codeEnd - s.code);
            for (uint256 cursor = s.code; cursor < s.codeEnd; cursor += 32) {
                uint256 word = Words.load(cursor);
                uint256 op = word >> 96;
                uint256 b = (word >> 32) & type(uint32).max;
                if (op == Opcode.SELECT) {
                    _unite(b, result);
                    _unite((word >> 64) & type(uint32).max, result);
                }
                if ((TAKES_F32 >> op) & 1 == 1) {
                    _unite(word & type(uint32).max, floats);
                    if (Scalar.registerFields(op) == 2) _unite(b, floats);
                }
                if ((GIVES_F32 >> op) & 1 == 1) _unite(result, floats);
                result += 32;
            }
        }
    }

    function _unite(uint256 a, uint256 b) private pure {
        Words.store(_find(a), _find(b));
    }

    /// @dev The root of a set. Each step halves the path for those who come later.
    function _find(uint256 register) private pure returns (uint256) {
        uint256 parent = Words.load(register);
        while (parent != register) {
            uint256 next = Words.load(parent);
            Words.store(register, next);
            register = next;
            parent = Words.load(register);
        }
        return register;
    }
}
