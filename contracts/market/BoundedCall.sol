// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title BoundedCall
/// @notice Calls of contracts that may be hostile.
library BoundedCall {
    /// @notice Calls `target` with at most `gasLimit` gas, and copies nothing of what it returns or reverts with.
    /// @dev The same as `(success, ) = target.call{gas: gasLimit}(data)`, except that Solidity copies all return data to
    /// memory at the caller's cost: a callee could return enough to use up the caller's gas.
    /// @param gasLimit Gas for the call; the EVM passes on at most 63/64 of what remains.
    /// @return success Whether the call did not revert; true for an account without code.
    function tryCall(address target, uint256 gasLimit, bytes memory data) internal returns (bool success) {
        assembly ("memory-safe") {
            success := call(gasLimit, target, 0, add(data, 0x20), mload(data), 0, 0)
        }
    }
}
