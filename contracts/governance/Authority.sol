// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

/// @title Authority
/// @notice Says who may call the restricted functions of this suite, and after which delay. These are all of them:
/// - AttestationVerifier: `addRoute`, `tombstoneRoute`;
/// - EnclaveRegistry, where one is deployed: `setMeasurement`, `setAcceptedStatuses`;
/// - OperatorStaking: `addManager`;
/// - InferenceMarket: `setCourt` (once, court and audit desk), `pause` (for a fixed time), `unpause`, `rearmPause`;
/// - DisputeCourt: `addTerms`, `addSource`, `tombstoneSource`, for disputes opened later.
/// Governance also grants and revokes roles, sets delays, and can give a contract another authority (AccessManager). No
/// function anywhere lets it move stake or escrow.
/// @dev A deployment gives `pause` and `unpause` to a guardian, because governance's delay is longer than a pause: see
/// ignition/modules/Assay.ts.
contract Authority is AccessManager {
    constructor(address admin) AccessManager(admin) {}
}
