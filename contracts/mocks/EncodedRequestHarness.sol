// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EncodedRequest} from "../market/EncodedRequest.sol";
import {Request} from "../types/Request.sol";

/// @title EncodedRequestHarness
/// @notice EncodedRequest.read, and its plain twin.
contract EncodedRequestHarness {
    function read(bytes calldata terms) external pure returns (Request memory) {
        return EncodedRequest.read(terms);
    }

    function readPlain(bytes calldata terms) external pure returns (Request memory) {
        return abi.decode(terms, (Request));
    }
}
