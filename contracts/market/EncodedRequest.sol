// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Request} from "../types/Request.sol";

/// @title EncodedRequest
/// @notice Reads a request from its ABI encoding in calldata, in place.
library EncodedRequest {
    /// @notice Bytes of the encoding: 16 words.
    uint256 internal constant BYTES = 512;

    error EncodedRequestLength(uint256 actual, uint256 expected);

    /// @notice The request that `terms` encode.
    /// @dev The same as `abi.decode(terms, (Request))`, except that nothing is copied, and that a field out of its type's
    /// range reverts where it is used, as with any struct in calldata.
    function read(bytes calldata terms) internal pure returns (Request calldata request) {
        require(terms.length == BYTES, EncodedRequestLength(terms.length, BYTES));
        assembly ("memory-safe") {
            request := terms.offset
        }
    }
}
