// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BoundedCall} from "../market/BoundedCall.sol";

/// @title BoundedCallHarness
/// @notice Exposes BoundedCall to tests, beside the plain call that its assembly must equal.
contract BoundedCallHarness {
    /// @notice Hash of the calldata that `fallback` got, and gas that it had.
    bytes32 public heard;
    uint256 public gasHeard;

    event Called(bool success);

    fallback() external {
        gasHeard = gasleft();
        heard = keccak256(msg.data);
    }

    function assembled(address target, uint256 gasLimit, bytes calldata data) external {
        emit Called(BoundedCall.tryCall(target, gasLimit, data));
    }

    function plain(address target, uint256 gasLimit, bytes calldata data) external {
        (bool success, ) = target.call{gas: gasLimit}(data);
        emit Called(success);
    }
}
