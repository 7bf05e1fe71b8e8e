// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IOperatorStaking} from "../interfaces/IOperatorStaking.sol";
import {BPS} from "../types/BasisPoints.sol";
import {Payout, Share} from "../types/Staking.sol";
import {StakeRecord} from "./StakeRecord.sol";

/// @title SlashedPayouts
/// @notice What was slashed, on its way to those who get it.
abstract contract SlashedPayouts is StakeRecord {
    using SafeERC20 for IERC20;

    /// @inheritdoc IOperatorStaking
    uint256 public constant ACCUSER_BPS = 2_500;
    /// @inheritdoc IOperatorStaking
    uint256 public constant HARMED_BPS = 2_500;

    /// @notice Gets the part of slashed stake that nobody may gain from.
    address public immutable SINK;
    uint40 public immutable PAYOUT_DELAY_SECONDS;
    uint40 public immutable FREEZE_SECONDS;

    /// @notice Number of payouts so far; ids count from 1.
    uint256 public payoutCount;

    mapping(uint256 payoutId => Payout payout) private _payouts;

    constructor(address sink, uint40 payoutDelaySeconds, uint40 freezeSeconds) {
        require(sink != address(0), StakingParameterOutOfRange("sink", 0));
        SINK = sink;
        PAYOUT_DELAY_SECONDS = payoutDelaySeconds;
        FREEZE_SECONDS = freezeSeconds;
    }

    /// @inheritdoc IOperatorStaking
    function freezePayout(uint256 payoutId) external restricted {
        Payout storage payout = _payouts[payoutId];
        require(payout.payableAt != 0, StakingPayoutUnknown(payoutId, Share.Sink));
        require(!payout.frozen, StakingPayoutFrozenBefore(payoutId));
        payout.frozen = true;
        payout.payableAt += FREEZE_SECONDS;
        emit PayoutFrozen(payoutId, payout.payableAt);
    }

    /// @inheritdoc IOperatorStaking
    function payPayout(uint256 payoutId, Share share) external {
        Payout storage payout = _payouts[payoutId];
        uint96 amount = payout.amounts[uint256(share)];
        require(amount != 0, StakingPayoutUnknown(payoutId, share));
        require(block.timestamp >= payout.payableAt, StakingPayoutPending(payout.payableAt));

        payout.amounts[uint256(share)] = 0;
        totalHeld -= amount;
        address recipient =
            share == Share.Accuser
                ? payout.accuser
                : share == Share.Harmed
                    ? payout.harmed
                    : SINK;
        emit PayoutPaid(payoutId, share, recipient, amount);
        // SAFETY: shares are paid one by one, so a recipient that the token refuses holds up only its own.
        TOKEN.safeTransfer(recipient, amount);
    }

    /// @inheritdoc IOperatorStaking
    function payoutOf(uint256 payoutId) external view returns (Payout memory) {
        return _payouts[payoutId];
    }

    function _markPayout(uint256 amount, address accuser, address harmed) internal {
        uint96[3] memory amounts;
        if (accuser != address(0)) amounts[uint256(Share.Accuser)] = uint96((amount * ACCUSER_BPS) / BPS);
        if (harmed != address(0)) amounts[uint256(Share.Harmed)] = uint96((amount * HARMED_BPS) / BPS);
        amounts[uint256(Share.Sink)] = uint96(amount - amounts[0] - amounts[1]);
        uint40 payableAt = uint40(block.timestamp) + PAYOUT_DELAY_SECONDS;
        uint256 payoutId = ++payoutCount;
        _payouts[payoutId] = Payout({
            amounts: amounts,
            accuser: accuser,
            harmed: harmed,
            payableAt: payableAt,
            frozen: false
        });
        emit PayoutMarked(payoutId, accuser, harmed, amounts, payableAt);
    }
}
