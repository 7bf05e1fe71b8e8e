// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {ICreditLedger} from "../interfaces/ICreditLedger.sol";

/// @title CreditLedger
/// @notice See ICreditLedger.
abstract contract CreditLedger is ICreditLedger {
    using SafeERC20 for IERC20;

    /// @inheritdoc ICreditLedger
    IERC20 public immutable TOKEN;

    /// @inheritdoc ICreditLedger
    mapping(address account => uint256 amount) public creditOf;

    constructor(IERC20 token) {
        TOKEN = token;
    }

    /// @inheritdoc ICreditLedger
    function withdraw(address account) public virtual returns (uint256 amount) {
        amount = creditOf[account];
        require(amount != 0, CreditZero(account));
        creditOf[account] = 0;
        emit CreditWithdrawn(account, amount);
        TOKEN.safeTransfer(account, amount);
    }

    function _credit(bytes32 cause, address account, uint256 amount) internal {
        if (amount == 0) return;
        creditOf[account] += amount;
        emit Credited(account, cause, amount);
    }

    /// @dev Takes tokens from the caller. A token that delivers less, or calls back into another payment, ends here.
    function _receive(uint256 amount) internal {
        uint256 before = TOKEN.balanceOf(address(this));
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = TOKEN.balanceOf(address(this)) - before;
        require(received == amount, CreditTokenMismatch(received, amount));
    }
}
