// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @notice Amounts and times of a deployment; they never change.
/// @param minimumFee Least fee.
/// @param lockFeeBps Part of the collateral, for each day of claim time and window, that a fee must reach besides, in
/// 1/10,000: locking others' stake has a price that grows with amount and time.
/// @param minimumCollateral Least collateral; at most the least stake.
/// @param catchBps Chance, in 1/10,000, with which a wrong answer is convicted without anybody's goodwill; not zero, and at
/// most the rate of the audits. The less, the more collateral.
/// @param auditBps Part of each fee that pays audits, in 1/10,000.
/// @param maxDisputeSeconds Time a dispute may take after the window.
struct MarketParameters {
    uint96 minimumFee;
    uint16 lockFeeBps;
    uint96 minimumCollateral;
    uint16 catchBps;
    uint16 auditBps;
    uint40 maxDisputeSeconds;
}
