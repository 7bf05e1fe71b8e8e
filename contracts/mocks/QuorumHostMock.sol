// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IAttestationVerifier} from "../interfaces/IAttestationVerifier.sol";
import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IOperatorStaking} from "../interfaces/IOperatorStaking.sol";

/// @notice What a quorum market reads of its market when it is deployed, with another time for disputes.
contract QuorumHostMock {
    IERC20 public immutable TOKEN;
    IModelRegistry public immutable REGISTRY;
    IOperatorStaking public immutable STAKING;
    IAttestationVerifier public immutable ATTESTATION;
    uint40 public immutable PAUSE_SECONDS;
    uint40 public immutable MAX_DISPUTE_SECONDS;

    constructor(IInferenceMarket market, uint40 maxDisputeSeconds) {
        TOKEN = market.TOKEN();
        REGISTRY = market.REGISTRY();
        STAKING = market.STAKING();
        ATTESTATION = market.ATTESTATION();
        PAUSE_SECONDS = market.PAUSE_SECONDS();
        MAX_DISPUTE_SECONDS = maxDisputeSeconds;
    }
}
