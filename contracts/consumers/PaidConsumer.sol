// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {Finality, RequestTerms} from "../types/Request.sol";
import {InferenceConsumer} from "./InferenceConsumer.sol";

/// @title PaidConsumer
/// @notice Base of consumers whose callers pay for what they ask, and take the fee back when it fails.
abstract contract PaidConsumer is InferenceConsumer {
    using SafeERC20 for IERC20;

    /// @notice Who paid for a request, and how much that asker can still reclaim.
    struct Payment {
        address asker;
        uint96 fee;
    }

    mapping(bytes32 requestId => Payment payment) public paymentOf;

    error ConsumerNothingToReclaim(bytes32 requestId);

    /// @notice Returns what came back of the fee of a failed request to whoever asked; anyone may call. That is the fee, or
    /// less where the asker withheld the input and the market compensated the operator.
    function reclaim(bytes32 requestId) external {
        Payment memory payment = paymentOf[requestId];
        (Finality finality, ) = MARKET.resultOf(requestId);
        if (payment.fee == 0 || finality != Finality.Failed) {
            revert ConsumerNothingToReclaim(requestId);
        }
        delete paymentOf[requestId];
        if (MARKET.creditOf(address(this)) != 0) MARKET.withdraw(address(this));
        MARKET.TOKEN().safeTransfer(payment.asker, payment.fee - MARKET.compensationOf(requestId));
    }

    /// @dev Asks on the caller's money: the fee is taken from the caller by allowance.
    function _askPaid(RequestTerms calldata terms) internal returns (bytes32 requestId) {
        MARKET.TOKEN().safeTransferFrom(msg.sender, address(this), terms.fee);
        requestId = _ask(terms);
        paymentOf[requestId] = Payment({asker: msg.sender, fee: terms.fee});
    }
}
