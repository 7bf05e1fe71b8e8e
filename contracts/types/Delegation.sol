// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @notice Requests to redeem shares of a vault that share one exit.
/// @param shares Sum of their shares.
/// @param unclaimed Part of them that was not claimed.
/// @param assets What all of them get, in units of the token. Until the batch is settled: the most that they get.
/// @param unpaid Part of it that was not paid.
/// @param releaseAt From when the batch can be settled; zero while it is open.
struct RedeemBatch {
    uint128 shares;
    uint128 unclaimed;
    uint104 assets;
    uint104 unpaid;
    uint40 releaseAt;
}
