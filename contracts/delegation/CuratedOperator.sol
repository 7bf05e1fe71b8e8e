// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";

import {IDelegationVault} from "../interfaces/IDelegationVault.sol";
import {IOperatorPools} from "../interfaces/IOperatorPools.sol";
import {IOperatorStaking} from "../interfaces/IOperatorStaking.sol";
import {PlaceTerms} from "../types/Place.sol";

/// @title CuratedOperator
/// @notice An operator whose owner, the curator, decides who acts for it and under which terms. That is all the curator can
/// do: nothing here moves stake.
abstract contract CuratedOperator is IDelegationVault, Ownable2Step {
    /// @notice Highest commission, in 1/10,000 of earnings.
    uint16 public constant MAX_COMMISSION_BPS = 2_000;

    /// @inheritdoc IDelegationVault
    IOperatorPools public immutable POOLS;
    /// @inheritdoc IDelegationVault
    IOperatorStaking public immutable STAKING;
    /// @inheritdoc IDelegationVault
    uint40 public immutable BATCH_SECONDS;
    /// @inheritdoc IDelegationVault
    uint40 public immutable COMMISSION_DELAY_SECONDS;

    /// @dev Commission before `_comingFrom`, and from then on.
    uint16 private _settledBps;
    uint16 private _comingBps;
    uint40 private _comingFrom;

    constructor(IOperatorPools pools, address curator, uint16 bps) Ownable(curator) {
        _requireCommission(bps);
        POOLS = pools;
        STAKING = pools.STAKING();
        (_settledBps, _comingBps) = (bps, bps);
        uint40 unbonding = STAKING.UNBONDING_SECONDS();
        // Batches that are unbonded in periods that many apart are more than an unbonding time apart, so the last of them
        // finds the first one's place in the queue free.
        uint256 places = STAKING.unbondingOf(address(this)).length;
        BATCH_SECONDS = uint40(unbonding / (places - 1)) + 1;
        COMMISSION_DELAY_SECONDS = unbonding + 2 * BATCH_SECONDS;
    }

    // ------------------------------------------------------------------------------------------------ curator

    /// @inheritdoc IDelegationVault
    function setAgent(address agent) external onlyOwner {
        STAKING.setAgent(agent);
    }

    /// @inheritdoc IDelegationVault
    function setEndpoint(string calldata endpoint) external onlyOwner {
        STAKING.setEndpoint(endpoint);
    }

    /// @inheritdoc IDelegationVault
    function rotateSigningKey(address key) external onlyOwner {
        STAKING.rotateSigningKey(key);
    }

    /// @inheritdoc IDelegationVault
    function unjail() external onlyOwner {
        STAKING.unjail();
    }

    /// @inheritdoc IDelegationVault
    function optIn(bytes32 versionId, PlaceTerms calldata terms) external onlyOwner {
        require(!overdue(), VaultExitOverdue(openBatch()));
        POOLS.optIn(versionId, terms);
    }

    /// @inheritdoc IDelegationVault
    function optOut(bytes32 versionId) external onlyOwner {
        POOLS.optOut(versionId);
    }

    /// @inheritdoc IDelegationVault
    function setTerms(bytes32 versionId, PlaceTerms calldata terms) external onlyOwner {
        POOLS.setTerms(versionId, terms);
    }

    /// @inheritdoc IDelegationVault
    function announceCommission(uint16 bps) external onlyOwner {
        _requireCommission(bps);
        uint16 present = commissionBps();
        uint40 activeFrom = uint40(block.timestamp);
        if (bps > present) activeFrom += COMMISSION_DELAY_SECONDS;
        (_settledBps, _comingBps, _comingFrom) = (present, bps, activeFrom);
        emit CommissionAnnounced(bps, activeFrom);
    }

    // ------------------------------------------------------------------------------------------------ anyone

    /// @inheritdoc IDelegationVault
    function optOutOverdue(bytes32[] calldata versionIds) external {
        require(overdue(), VaultExitNotOverdue(openBatch()));
        for (uint256 i; i < versionIds.length; ++i) POOLS.optOut(versionIds[i]);
    }

    /// @inheritdoc IDelegationVault
    function commissionBps() public view returns (uint16) {
        // Without a curator nobody could take it out.
        if (owner() == address(0)) return 0;
        return block.timestamp >= _comingFrom ? _comingBps : _settledBps;
    }

    /// @inheritdoc IDelegationVault
    function overdue() public view virtual returns (bool);

    /// @inheritdoc IDelegationVault
    function openBatch() public view virtual returns (uint256);

    function _requireCommission(uint16 bps) private pure {
        require(bps <= MAX_COMMISSION_BPS, VaultCommissionTooHigh(bps, MAX_COMMISSION_BPS));
    }
}
