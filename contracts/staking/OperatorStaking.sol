// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IOperatorStaking} from "../interfaces/IOperatorStaking.sol";
import {DrawOutcome} from "../types/Place.sol";
import {SlashedPayouts} from "./SlashedPayouts.sol";
import {Fault, Lock, Operator, OperatorStatus, StakingParameters, Unbonding} from "../types/Staking.sol";
import {StakeRecord} from "./StakeRecord.sol";

/// @title OperatorStaking
/// @notice See IOperatorStaking. This contract has managers, locks and penalties. Stake is in StakeRecord, and slashed stake is
/// in SlashedPayouts.
/// @dev Nothing here can be paused.
contract OperatorStaking is SlashedPayouts {
    /// @notice Time beyond unbonding before a later manager counts.
    uint40 public constant MANAGER_MARGIN_SECONDS = 1 days;

    /// @notice Time after the deployment in which managers count at once.
    uint40 public constant SETUP_SECONDS = 1 days;

    /// @notice End of that time.
    uint40 public immutable SETUP_UNTIL;
    uint96 public immutable FRAUD_MINIMUM;
    /// @inheritdoc IOperatorStaking
    uint96 public immutable LIVENESS_PENALTY;
    uint40 public immutable JAIL_SECONDS;

    mapping(address manager => uint40 activeFrom) public managerActiveFrom;
    mapping(address manager => mapping(bytes32 lockId => Lock lock)) private _locks;

    constructor(
        address authority,
        IERC20 token,
        address sink,
        StakingParameters memory parameters
    )
        StakeRecord(authority, token, parameters)
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
        address operator,
        uint256 stake,
        uint32 capacity,
        uint96 amount,
        bytes32 lockId
    ) external returns (DrawOutcome outcome) {
        uint40 activeFrom = managerActiveFrom[msg.sender];
        require(activeFrom != 0 && activeFrom <= block.timestamp, StakingNotManager(msg.sender));
        require(amount != 0, StakingAmountZero());
        require(_locks[msg.sender][lockId].operator == address(0), StakingLockExists(lockId));

        Operator storage record = _operators[operator];
        bool active = record.status == OperatorStatus.Active;
        uint256 free = record.stake - record.locked;
        if (active && free >= amount && record.open < capacity) {
            // INVARIANT: the sum of an operator's locks never exceeds its stake.
            record.locked += amount;
            ++record.open;
            _locks[msg.sender][lockId] = Lock({operator: operator, amount: amount});
            emit Locked(msg.sender, lockId, operator, amount);
            return DrawOutcome.Drawn;
        }
        // What others locked, and a jail that has its own penalty, are no fault of this draw.
        if (!active || record.stake >= stake || free >= amount) return DrawOutcome.Busy;
        // It took stake away that its weight still stood for.
        uint96 penalty = uint96(Math.min(LIVENESS_PENALTY, free));
        record.stake -= penalty;
        emit DrawMissed(msg.sender, lockId, operator, penalty);
        if (penalty != 0) _markPayout(penalty, address(0), address(0));
        return DrawOutcome.Missed;
    }

    /// @inheritdoc IOperatorStaking
    function release(bytes32 lockId) external {
        Lock memory lock = _takeLock(lockId);
        emit Released(msg.sender, lockId, lock.operator, lock.amount);
        _collectOwed(lock.operator);
    }

    /// @inheritdoc IOperatorStaking
    function slash(
        bytes32 lockId,
        Fault fault,
        uint40 since,
        address accuser,
        address harmed
    ) external returns (uint256 taken) {
        Lock memory lock = _takeLock(lockId);
        (uint96 fromLock, uint96 fromFree, uint96 fromUnbonding) = _take(lock, fault);
        emit Slashed(msg.sender, lockId, lock.operator, fault, fromLock, fromFree, fromUnbonding);
        if (fault == Fault.Fraud) _tombstone(lock.operator);
        else _jail(lock.operator, since);
        taken = uint256(fromLock) + fromFree + fromUnbonding;
        if (taken != 0) _markPayout(taken, accuser, harmed);
        _collectOwed(lock.operator);
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
        Operator storage operator = _operators[lock.operator];
        operator.locked -= lock.amount;
        --operator.open;
    }

    /// @dev Takes the penalty; the lock is removed already. If the penalty for fraud exceeds the lock, the rest is taken from
    /// exits that have not matured, then from free stake. Other locks are never touched, so verdicts do not compete: what is
    /// missing is owed, and taken when they open.
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
            if (missing != fromFree) {
                owedOf[lock.operator] += uint96(missing - fromFree);
                emit PenaltyOwed(lock.operator, owedOf[lock.operator]);
            }
        }
    }

    /// @dev Takes what is owed from stake that is free now. Nobody gains from it but the sink: accuser and requester had
    /// their shares of the lock.
    function _collectOwed(address account) private {
        uint96 owed = owedOf[account];
        if (owed == 0) return;
        Operator storage operator = _operators[account];
        uint96 taken = uint96(Math.min(owed, operator.stake - operator.locked));
        if (taken == 0) return;
        operator.stake -= taken;
        owedOf[account] = owed - taken;
        emit OwedTaken(account, taken, owed - taken);
        _markPayout(taken, address(0), address(0));
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

    /// @dev Jail counts from the missed deadline, however late it is reported: nobody gains by choosing the moment.
    function _jail(address operator, uint40 since) private {
        // A lesser fault never replaces a tombstone.
        if (_operators[operator].status == OperatorStatus.Tombstoned) return;
        uint40 until = since + JAIL_SECONDS;
        if (until <= block.timestamp || until <= jailedUntil[operator]) return;
        _operators[operator].status = OperatorStatus.Jailed;
        jailedUntil[operator] = until;
        emit Jailed(operator, until);
    }
}
