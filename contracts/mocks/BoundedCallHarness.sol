// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BoundedCall} from "../market/BoundedCall.sol";

/// @title BoundedCallHarness
/// @notice Exposes BoundedCall to tests, beside the plain call that its assembly must equal.
contract BoundedCallHarness {
    event Called(bool success);

    function assembled(address target, uint256 gasLimit, bytes calldata data) external {
        emit Called(BoundedCall.tryCall(target, gasLimit, data));
    }

    function plain(address target, uint256 gasLimit, bytes calldata data) external {
        (bool success, ) = target.call{gas: gasLimit}(data);
        emit Called(success);
    }
}
