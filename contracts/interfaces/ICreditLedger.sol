// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title ICreditLedger
/// @notice What a contract owes: a verdict or a settlement credits an account, and the account's money leaves in a
/// transaction of its own. So a token that blocks one account blocks nobody else.
interface ICreditLedger {
    /// @notice Money that `account` can withdraw.
    /// @param cause What it is owed for: the id of a request (market), of a claim (court) or of a lock (staking).
    event Credited(address indexed account, bytes32 indexed cause, uint256 amount);
    /// @notice Credit paid out.
    event CreditWithdrawn(address indexed account, uint256 amount);

    /// @notice There is nothing to withdraw.
    error CreditZero(address account);

    /// @notice The token moved another amount than asked: fee-on-transfer tokens are refused.
    error CreditTokenMismatch(uint256 actual, uint256 expected);

    /// @notice Pays `account` its whole credit; anyone may call.
    /// @dev Requirements: there is credit (CreditZero).
    function withdraw(address account) external returns (uint256 amount);

    /// @notice Credit of an account, in units of the token.
    function creditOf(address account) external view returns (uint256);

    /// @notice Token of all amounts.
    function TOKEN() external view returns (IERC20);
}
