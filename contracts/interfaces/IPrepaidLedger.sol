// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {ICreditLedger} from "./ICreditLedger.sol";

/// @title IPrepaidLedger
/// @notice A ledger whose credit also pays: an account that paid in before needs no transfer of tokens for each payment.
interface IPrepaidLedger is ICreditLedger {
    /// @notice Money that `payer` paid in for `account`.
    event CreditDeposited(address indexed payer, address indexed account, uint256 amount);

    /// @notice Pays `amount` in for `account`: what it has to pay here later is taken from its credit first.
    /// @param amount Token units; the caller must have approved them.
    /// @dev Requirements: the token moves exactly that (CreditTokenMismatch).
    function deposit(address account, uint256 amount) external;
}
