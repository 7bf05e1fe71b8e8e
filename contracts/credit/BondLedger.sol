// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IBondLedger} from "../interfaces/IBondLedger.sol";
import {ICreditLedger} from "../interfaces/ICreditLedger.sol";
import {CreditLedger} from "./CreditLedger.sol";

/// @title BondLedger
/// @notice See IBondLedger.
abstract contract BondLedger is IBondLedger, CreditLedger, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @inheritdoc ICreditLedger
    function withdraw(
        address account
    ) public override(CreditLedger, ICreditLedger) nonReentrant returns (uint256 amount) {
        return super.withdraw(account);
    }

    /// @dev Takes `amount` from the caller. A token that keeps a fee is refused: what is owed later is the whole bond.
    function _takeBond(uint256 amount) internal {
        uint256 before = TOKEN.balanceOf(address(this));
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = TOKEN.balanceOf(address(this)) - before;
        require(received >= amount, BondShort(received, amount));
    }
}
