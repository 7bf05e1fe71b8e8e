// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title MutationProber
/// @notice Makes many calls in one: how does each end, and what does it cost?
contract MutationProber {
    /// @param target Contract that is called, statically.
    /// @param calls Encoded calls.
    /// @param gasEach Gas that each gets.
    /// @return errors Selector of the error of each call: 0xffffffff for one that returns, zero for one without data.
    /// @return mostGas The most that a call used.
    function probe(
        address target,
        bytes[] calldata calls,
        uint256 gasEach
    ) external view returns (bytes4[] memory errors, uint256 mostGas) {
        errors = new bytes4[](calls.length);
        for (uint256 i; i < calls.length; ++i) {
            uint256 before = gasleft();
            (bool success, bytes memory answer) = target.staticcall{gas: gasEach}(calls[i]);
            uint256 used = before - gasleft();
            if (used > mostGas) mostGas = used;
            errors[i] = success ? bytes4(0xffffffff) : bytes4(answer);
        }
    }
}
