// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title ViewReader
/// @notice Reads many views of many contracts in one call, all at the same block.
contract ViewReader {
    /// @param targets Contract of each call.
    /// @param calls Encoded calls.
    /// @return answers What each call returns; the first that fails reverts the batch with its error.
    function read(address[] calldata targets, bytes[] calldata calls) external view returns (bytes[] memory answers) {
        answers = new bytes[](calls.length);
        for (uint256 i; i < calls.length; ++i) {
            bool success;
            (success, answers[i]) = targets[i].staticcall(calls[i]);
            if (success) continue;
            bytes memory reason = answers[i];
            assembly ("memory-safe") {
                revert(add(reason, 0x20), mload(reason))
            }
        }
    }
}
