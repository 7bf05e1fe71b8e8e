// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IOperatorStaking} from "../interfaces/IOperatorStaking.sol";
import {SlashedPayouts} from "./SlashedPayouts.sol";
import {Fault, Lock, Operator, OperatorStatus, StakingParameters, Unbonding} from "../types/Staking.sol";
import {StakeRecord} from "./StakeRecord.sol";
import {VersionPools} from "./VersionPools.sol";

/// @title OperatorStaking
/// @notice See IOperatorStaking. This contract has managers, locks and penalties. Stake is in StakeRecord, the pools of
/// versions are in VersionPools, and slashed stake is in SlashedPayouts.
/// @dev Nothing here can be paused.
contract OperatorStaking is VersionPools, SlashedPayouts {
    /// @notice Time beyond unbonding before a later manager counts.
    uint40 public constant MANAGER_MARGIN_SECONDS = 1 days;

    /// @notice Time after the deployment in which managers count at once.
    uint40 public constant SETUP_SECONDS = 1 days;

    /// @notice End of that time.
    uint40 public immutable SETUP_UNTIL;
    uint96 public immutable FRAUD_MINIMUM;
    uint96 public immutable LIVENESS_PENALTY;
    uint40 public immutable JAIL_SECONDS;

    mapping(address manager => uint40 activeFrom) public managerActiveFrom;
    mapping(address manager => mapping(bytes32 lockId => Lock lock)) private _locks;

    constructor(
        address authority,
        IERC20 token,
        IModelRegistry registry,
        address sink,
        StakingParameters memory parameters
    )
        StakeRecord(authority, token, parameters)
        VersionPools(registry, parameters.slotReuseBlocks)
        SlashedPayouts(sink, parameters.payoutDelaySeconds, parameters.freezeSeconds)
    {
        SETUP_UNTIL = uint40(block.timestamp) + SETUP_SECONDS;
        FRAUD_MINIMUM = parameters.fraudMinimum;
        LIVENESS_PENALTY = parameters.livenessPenalty;
        JAIL_SECONDS = parameters.jailSeconds;
    }

    // ------------------------------------------------------------------------------------------------ managers

    /// @inheritdoc IOperatorStaking
    function addManager(address manager) external restricted {
        require(managerActiveFrom[manager] == 0, StakingManagerKnown(manager));
        uint40 activeFrom = uint40(block.timestamp);
        // By time, not by deposits: otherwise one unit deposited by a stranger would delay the first manager.
        if (block.timestamp >= SETUP_UNTIL) activeFrom += UNBONDING_SECONDS + MANAGER_MARGIN_SECONDS;
        managerActiveFrom[manager] = activeFrom;
        emit ManagerAdded(manager, activeFrom);
    }

    /// @inheritdoc IOperatorStaking
    function lockDrawn(
        bytes32 versionId,
        bytes32 seed,
        uint32 candidates,
        uint40 cutoff,
        bytes32 lockId,
        uint96 amount
    ) external returns (address operator) {
        uint40 activeFrom = managerActiveFrom[msg.sender];
        require(activeFrom != 0 && activeFrom <= block.timestamp, StakingNotManager(msg.sender));
        require(amount != 0, StakingAmountZero());
        require(_locks[msg.sender][lockId].operator == address(0), StakingLockExists(lockId));

        operator = _draw(versionId, seed, candidates, cutoff, amount);
        if (operator == address(0)) return operator;
        // INVARIANT: the sum of an operator's locks never exceeds its stake; `_draw` saw enough free stake.
        _operators[operator].locked += amount;
        _locks[msg.sender][lockId] = Lock({operator: operator, amount: amount});
        emit Locked(msg.sender, lockId, operator, amount);
    }

    /// @inheritdoc IOperatorStaking
    function release(bytes32 lockId) external {
        Lock memory lock = _takeLock(lockId);
        emit Released(msg.sender, lockId, lock.operator, lock.amount);
    }

    /// @inheritdoc IOperatorStaking
    function slash(bytes32 lockId, Fault fault, address accuser, address harmed) external returns (uint256 taken) {
        Lock memory lock = _takeLock(lockId);
        (uint96 fromLock, uint96 fromFree, uint96 fromUnbonding) = _take(lock, fault);
        emit Slashed(msg.sender, lockId, lock.operator, fault, fromLock, fromFree, fromUnbonding);
        if (fault == Fault.Fraud) _tombstone(lock.operator);
        else _jail(lock.operator);
        taken = uint256(fromLock) + fromFree + fromUnbonding;
        if (taken != 0) _markPayout(taken, accuser, harmed);
    }

    /// @inheritdoc IOperatorStaking
    function lockOf(address manager, bytes32 lockId) external view returns (Lock memory) {
        return _locks[manager][lockId];
    }

    // ------------------------------------------------------------------------------------------------ internals

    function _takeLock(bytes32 lockId) private returns (Lock memory lock) {
        lock = _locks[msg.sender][lockId];
        require(lock.operator != address(0), StakingLockUnknown(lockId));
        delete _locks[msg.sender][lockId];
        _operators[lock.operator].locked -= lock.amount;
    }

    /// @dev Takes the penalty; the lock is removed already. If the least penalty for fraud exceeds the lock, the rest is taken
    /// from exits that have not matured, then from free stake. Other locks are never touched, so verdicts do not compete.
    function _take(
        Lock memory lock,
        Fault fault
    ) private returns (uint96 fromLock, uint96 fromFree, uint96 fromUnbonding) {
        Operator storage operator = _operators[lock.operator];
        if (fault == Fault.Liveness) {
            fromLock = uint96(Math.min(LIVENESS_PENALTY, lock.amount));
            operator.stake -= fromLock;
            return (fromLock, 0, 0);
        }
        fromLock = lock.amount;
        operator.stake -= fromLock;
        if (FRAUD_MINIMUM > fromLock) {
            fromUnbonding = _takeUnbonding(lock.operator, FRAUD_MINIMUM - fromLock);
            uint256 missing = FRAUD_MINIMUM - fromLock - fromUnbonding;
            fromFree = uint96(Math.min(missing, operator.stake - operator.locked));
            operator.stake -= fromFree;
        }
    }

    function _takeUnbonding(address operator, uint96 wanted) private returns (uint96 taken) {
        Unbonding[MAX_UNBONDINGS] storage queue = _unbondings[operator];
        for (uint256 i; i < MAX_UNBONDINGS && taken < wanted; ++i) {
            // A matured exit belongs to the operator, withdrawn or not.
            if (queue[i].releaseAt <= block.timestamp) continue;
            uint96 part = uint96(Math.min(wanted - taken, queue[i].amount));
            queue[i].amount -= part;
            taken += part;
        }
    }

    function _tombstone(address operator) private {
        if (_operators[operator].status == OperatorStatus.Tombstoned) return;
        _operators[operator].status = OperatorStatus.Tombstoned;
        emit Tombstoned(operator);
    }

    function _jail(address operator) private {
        // A lesser fault never replaces a tombstone.
        if (_operators[operator].status == OperatorStatus.Tombstoned) return;
        _operators[operator].status = OperatorStatus.Jailed;
        uint40 until = uint40(block.timestamp) + JAIL_SECONDS;
        jailedUntil[operator] = until;
        emit Jailed(operator, until);
    }
}
