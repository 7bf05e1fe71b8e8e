// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IOperatorStaking} from "../interfaces/IOperatorStaking.sol";
import {Operator, OperatorStatus} from "../types/Staking.sol";
import {VersionStatus} from "../types/Version.sol";
import {StakeRecord} from "./StakeRecord.sol";

/// @title VersionPools
/// @notice Which operators answer for which model version, and the draw of one of them.
abstract contract VersionPools is StakeRecord {
    /// @dev Slot of one operator in the pool of a version. It counts for requests opened after block `since` and not after
    /// block `until` (zero while opted in).
    struct Slot {
        address operator;
        uint40 since;
        uint40 until;
    }

    /// @dev Operators of a version. Slots never move, so an index drawn from a committed count keeps its meaning; slots
    /// of operators that left are reused in the order in which they left.
    struct Pool {
        Slot[] slots;
        uint32[] freed;
        uint32 reused;
        uint32 holders;
    }

    /// @dev An operator's slot in a pool. `slot` counts from 1; zero when it never opted in or its slot was given away.
    struct Membership {
        uint32 slot;
        uint40 leftAt;
    }

    /// @notice Slots that a draw looks at before it gives up.
    uint256 public constant MAX_TRIES = 24;

    IModelRegistry public immutable REGISTRY;
    uint40 public immutable SLOT_REUSE_BLOCKS;

    mapping(bytes32 versionId => Pool pool) private _pools;
    mapping(address operator => mapping(bytes32 versionId => Membership membership)) private _memberships;

    constructor(IModelRegistry registry, uint40 slotReuseBlocks) {
        REGISTRY = registry;
        SLOT_REUSE_BLOCKS = slotReuseBlocks;
    }

    // ------------------------------------------------------------------------------------------------ operators

    /// @inheritdoc IOperatorStaking
    function optIn(bytes32 versionId) external {
        Operator storage operator = _operators[msg.sender];
        require(operator.status == OperatorStatus.Active, StakingStatusForbids(msg.sender, operator.status));
        require(operator.stake >= MINIMUM_STAKE, StakingBelowMinimum(operator.stake, MINIMUM_STAKE));
        require(signingKeyAt(msg.sender, uint40(block.timestamp)) != address(0), StakingKeyInvalid(address(0)));
        VersionStatus status = REGISTRY.statusOf(versionId);
        require(
            status == VersionStatus.Active || status == VersionStatus.Deprecated,
            StakingVersionUnusable(versionId)
        );
        Membership storage membership = _memberships[msg.sender][versionId];
        if (membership.slot != 0) {
            require(membership.leftAt != 0, StakingOptedIn(msg.sender, versionId));
            // One operator has one slot: otherwise it could multiply its chances by leaving and joining again.
            require(_reusable(membership.leftAt), StakingOptOutPending(membership.leftAt));
        }

        Pool storage pool = _pools[versionId];
        uint32 index = _takeSlot(pool);
        pool.slots[index] = Slot({operator: msg.sender, since: uint40(block.number), until: 0});
        ++pool.holders;
        _memberships[msg.sender][versionId] = Membership({slot: index + 1, leftAt: 0});
        emit OptedIn(msg.sender, versionId, index);
    }

    /// @inheritdoc IOperatorStaking
    function optOut(bytes32 versionId) external {
        _optOut(msg.sender, versionId);
    }

    /// @inheritdoc IOperatorStaking
    function evict(address operator, bytes32 versionId) external {
        Operator storage record = _operators[operator];
        require(
            record.stake < MINIMUM_STAKE || record.status == OperatorStatus.Tombstoned,
            StakingNotEvictable(operator)
        );
        _optOut(operator, versionId);
        emit Evicted(operator, versionId);
    }

    // ------------------------------------------------------------------------------------------------ views

    /// @inheritdoc IOperatorStaking
    function holders(bytes32 versionId) external view returns (uint32) {
        return _pools[versionId].holders;
    }

    /// @inheritdoc IOperatorStaking
    function slotsOf(bytes32 versionId) external view returns (uint32) {
        return uint32(_pools[versionId].slots.length);
    }

    /// @inheritdoc IOperatorStaking
    function isOptedIn(address operator, bytes32 versionId) external view returns (bool) {
        Membership memory membership = _memberships[operator][versionId];
        return membership.slot != 0 && membership.leftAt == 0;
    }

    // ------------------------------------------------------------------------------------------------ internals

    /// @dev Uniform over the slots that existed at the cutoff; the first able operator is drawn. Nothing that an operator
    /// does after the cutoff can make it able: it can only drop out of the draw, by unbonding or by a deposit.
    function _draw(
        bytes32 versionId,
        bytes32 seed,
        uint32 candidates,
        uint40 cutoff,
        uint96 amount
    ) internal view returns (address) {
        Slot[] storage slots = _pools[versionId].slots;
        if (candidates > slots.length) candidates = uint32(slots.length);
        if (candidates == 0) return address(0);
        for (uint256 i; i < MAX_TRIES; ++i) {
            Slot memory slot = slots[uint256(keccak256(abi.encode(seed, i))) % candidates];
            if (slot.since >= cutoff || (slot.until != 0 && slot.until < cutoff)) continue;
            Operator memory operator = _operators[slot.operator];
            if (
                operator.status == OperatorStatus.Active &&
                operator.countedFrom < cutoff &&
                operator.stake >= MINIMUM_STAKE &&
                operator.stake - operator.locked >= amount
            ) return slot.operator;
        }
        return address(0);
    }

    function _optOut(address operator, bytes32 versionId) private {
        Membership storage membership = _memberships[operator][versionId];
        require(membership.slot != 0 && membership.leftAt == 0, StakingNotOptedIn(operator, versionId));
        uint40 leftAt = uint40(block.number);
        uint32 index = membership.slot - 1;
        membership.leftAt = leftAt;
        Pool storage pool = _pools[versionId];
        pool.slots[index].until = leftAt;
        pool.freed.push(index);
        --pool.holders;
        emit OptedOut(operator, versionId, leftAt);
    }

    /// @dev The slot that was freed first, if no open draw can choose it any more; otherwise a new one.
    function _takeSlot(Pool storage pool) private returns (uint32 index) {
        uint32 reused = pool.reused;
        if (reused < pool.freed.length) {
            index = pool.freed[reused];
            if (_reusable(pool.slots[index].until)) {
                pool.reused = reused + 1;
                return index;
            }
        }
        index = uint32(pool.slots.length);
        pool.slots.push();
    }

    function _reusable(uint40 leftAt) private view returns (bool) {
        return block.number > uint256(leftAt) + SLOT_REUSE_BLOCKS;
    }
}
