// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IPrepaidLedger} from "../interfaces/IPrepaidLedger.sol";
import {CreditLedger} from "./CreditLedger.sol";

/// @title PrepaidLedger
/// @notice See IPrepaidLedger.
abstract contract PrepaidLedger is IPrepaidLedger, CreditLedger {
    /// @inheritdoc IPrepaidLedger
    function deposit(address account, uint256 amount) external {
        creditOf[account] += amount;
        emit CreditDeposited(msg.sender, account, amount);
        _receive(amount);
    }

    /// @dev Takes `amount` from the caller at once, so that nobody spends the same credit twice: from its credit where that
    /// covers it, otherwise from its tokens.
    function _charge(uint256 amount) internal {
        uint256 credit = creditOf[msg.sender];
        if (credit >= amount) creditOf[msg.sender] = credit - amount;
        else _receive(amount);
    }
}
