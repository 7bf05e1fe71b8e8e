// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @dev The whole, in basis points: shares and rates are given in 1/10,000.
uint256 constant BPS = 10_000;
