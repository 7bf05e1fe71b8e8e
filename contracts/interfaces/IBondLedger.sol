// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {ICreditLedger} from "./ICreditLedger.sol";

/// @title IBondLedger
/// @notice Bonds of exact size come in; what becomes of them is credit that its owner withdraws.
interface IBondLedger is ICreditLedger {
    /// @notice The token delivered less than the bond.
    error BondShort(uint256 actual, uint256 expected);
}
