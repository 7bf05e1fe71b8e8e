// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IOperatorPools} from "../interfaces/IOperatorPools.sol";
import {DrawTerms} from "../types/Place.sol";

/// @title DrawReader
/// @notice Makes many draws in one call.
contract DrawReader {
    /// @param first Number of the first draw.
    /// @param count Draws; the seed of draw n is keccak256(salt, n).
    /// @return operators Who is named by each.
    function draws(
        IOperatorPools pools,
        DrawTerms calldata terms,
        bytes32 salt,
        uint256 first,
        uint256 count
    ) external view returns (address[] memory operators) {
        operators = new address[](count);
        for (uint256 i; i < count; ++i) {
            (operators[i], , ) = pools.draw(terms, keccak256(abi.encode(salt, first + i)));
        }
    }
}
