// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Scalar} from "../machine/Scalar.sol";
import {Words} from "../machine/Words.sol";
import {Opcode} from "../types/Opcode.sol";
import {ScalarPlain} from "./ScalarPlain.sol";

/// @title ScalarHarness
/// @notice Runs one instruction on many operands, by Scalar and by its plain twin.
/// @dev Operands are packed as pairs of 64-bit registers, big-endian; results as 64-bit registers.
contract ScalarHarness {
    function isOpcode(uint256 op) external pure returns (bool) {
        return Scalar.isOpcode(op);
    }

    function registerFields(uint256 op) external pure returns (uint256) {
        return Scalar.registerFields(op);
    }

    function select(uint64 a, uint64 b, uint64 c) external pure returns (uint64 fast, uint64 plain) {
        uint256[] memory third = new uint256[](1);
        third[0] = c;
        uint256 position = Words.positionOf(third);
        return (
            uint64(Scalar.evaluate(Opcode.SELECT, _register(a), b, position)),
            ScalarPlain.evaluate(Opcode.SELECT, a, b, c)
        );
    }

    /// @param op Opcode; for wrap the dtype is in the lowest bits of each second operand.
    function run(uint256 op, bytes calldata pairs) external pure returns (bytes memory results) {
        uint256 count = pairs.length / 16;
        results = new bytes(count * 8);
        for (uint256 i; i < count; ++i) {
            (uint64 a, uint64 b) = _pair(pairs, i);
            uint256 code = op == Opcode.WRAP ? Opcode.WRAP_TO | b : op;
            _store(results, i, uint64(Scalar.evaluate(code, _register(a), _register(b), 0)));
        }
    }

    function runPlain(uint256 op, bytes calldata pairs) external pure returns (bytes memory results) {
        uint256 count = pairs.length / 16;
        results = new bytes(count * 8);
        for (uint256 i; i < count; ++i) {
            (uint64 a, uint64 b) = _pair(pairs, i);
            _store(results, i, ScalarPlain.evaluate(op, a, b, 0));
        }
    }

    function _pair(bytes calldata pairs, uint256 i) private pure returns (uint64 a, uint64 b) {
        uint128 both = uint128(bytes16(pairs[16 * i:16 * i + 16]));
        return (uint64(both >> 64), uint64(both));
    }

    function _register(uint64 bits) private pure returns (uint256) {
        return uint256(int256(int64(bits)));
    }

    function _store(bytes memory results, uint256 i, uint64 value) private pure {
        bytes8 packed = bytes8(value);
        for (uint256 k; k < 8; ++k) results[8 * i + k] = packed[k];
    }
}
