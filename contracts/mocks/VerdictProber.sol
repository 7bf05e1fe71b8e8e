// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title VerdictProber
/// @notice Asks what calls would return if an account sent each of them now. It is placed at that account's address for the
/// length of one read (a state override of `eth_call`), so that all its verdicts can be tried at once.
contract VerdictProber {
    /// @dev Carries what a call returned out of the frame that undoes it.
    error Probed(bool success, uint256 returned);

    /// @notice What each call would return as its first word; the greatest number when it would be refused.
    function probe(address target, bytes[] calldata calls) external returns (uint256[] memory returned) {
        returned = new uint256[](calls.length);
        for (uint256 i; i < calls.length; ++i) {
            try this.attempt(target, calls[i]) {
                revert();
            } catch (bytes memory reason) {
                bool success;
                uint256 first;
                assembly ("memory-safe") {
                    success := mload(add(reason, 0x24))
                    first := mload(add(reason, 0x44))
                }
                returned[i] = success ? first : type(uint256).max;
            }
        }
    }

    /// @notice Makes a call and undoes it: always reverts, with what the call returned.
    function attempt(address target, bytes calldata data) external {
        (bool success, bytes memory answer) = target.call(data);
        uint256 first;
        if (answer.length >= 32) {
            assembly ("memory-safe") {
                first := mload(add(answer, 0x20))
            }
        }
        revert Probed(success, first);
    }
}
