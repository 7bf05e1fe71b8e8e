// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {ICreditLedger} from "../interfaces/ICreditLedger.sol";
import {Finality} from "../types/Request.sol";
import {InferenceConsumer} from "./InferenceConsumer.sol";

/// @title PaidConsumer
/// @notice Base of consumers whose callers pay for what they ask, and take the fee back when it fails.
abstract contract PaidConsumer is InferenceConsumer {
    using SafeERC20 for IERC20;

    /// @notice Whether what a failed request returned was paid out.
    mapping(bytes32 requestId => bool reclaimed) public isReclaimed;

    error ConsumerNothingToReclaim(bytes32 requestId);

    /// @notice Gives whoever asked what a failed request returned; anyone may call, once. That is the fee, or less where the
    /// asker withheld the input and the market compensated the operator; and the damages, where the answer was convicted.
    function reclaim(bytes32 requestId) external {
        address asker = askerOf[requestId];
        (Finality finality, ) = MARKET.resultOf(requestId);
        if (asker == address(0) || isReclaimed[requestId] || finality != Finality.Failed) {
            revert ConsumerNothingToReclaim(requestId);
        }
        isReclaimed[requestId] = true;
        _withdraw(MARKET);
        _withdraw(MARKET.STAKING());
        TOKEN.safeTransfer(asker, FEE - MARKET.compensationOf(requestId) + MARKET.damagesOf(requestId));
    }

    /// @dev Asks on the caller's money: the fee is taken from the caller by allowance.
    function _askPaid(bytes memory inputs) internal returns (bytes32 requestId) {
        _collectFee();
        return _ask(inputs);
    }

    /// @dev The same with committed input.
    function _askPaid(bytes32 inputRoot, string memory inputUri) internal returns (bytes32 requestId) {
        _collectFee();
        return _ask(inputRoot, inputUri);
    }

    function _collectFee() private {
        TOKEN.safeTransferFrom(msg.sender, address(this), FEE);
    }

    /// @dev Somebody else may have withdrawn it before.
    function _withdraw(ICreditLedger ledger) private {
        if (ledger.creditOf(address(this)) != 0) ledger.withdraw(address(this));
    }
}
