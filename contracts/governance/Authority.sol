// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

/// @title Authority
/// @notice Who may call what, after which delay. It can add verifiers and managers, pause the market for a fixed time,
/// freeze a payout once and name the court once; no function anywhere lets it move stake or escrow.
contract Authority is AccessManager {
    constructor(address admin) AccessManager(admin) {}
}
