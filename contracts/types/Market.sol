// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @notice Amounts and times of a deployment; they never change.
/// @param minimumFee Least fee.
/// @param lockFeeBps Part of the collateral, for each day of claim time and window, that a fee must reach besides, in
/// 1/10,000: locking others' stake has a price that grows with amount and time.
/// @param minimumCollateral Least collateral; at most the least stake.
/// @param catchBps Chance with which wrong answers are assumed to be caught, in 1/10,000; not zero.
/// @param maxDisputeSeconds Time a dispute may take after the window.
struct MarketParameters {
    uint96 minimumFee;
    uint16 lockFeeBps;
    uint96 minimumCollateral;
    uint16 catchBps;
    uint40 maxDisputeSeconds;
}
