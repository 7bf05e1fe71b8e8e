// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IOperatorStaking} from "../interfaces/IOperatorStaking.sol";
import {DrawOutcome} from "../types/Place.sol";
import {BPS} from "../types/BasisPoints.sol";
import {Fault, Lock, Operator, OperatorStatus, StakingParameters, Unbonding} from "../types/Staking.sol";
import {StakeRecord} from "./StakeRecord.sol";

/// @title OperatorStaking
/// @notice See IOperatorStaking. This contract has managers, locks and penalties. Stake is in StakeRecord.
/// @dev Nothing here can be paused.
contract OperatorStaking is StakeRecord {
    /// @notice Time beyond unbonding before a later manager counts.
    uint40 public constant MANAGER_MARGIN_SECONDS = 1 days;

    /// @notice Time after the deployment in which managers count at once.
    uint40 public constant SETUP_SECONDS = 1 days;

    /// @inheritdoc IOperatorStaking
    uint256 public constant ACCUSER_BPS = 2_500;
    /// @inheritdoc IOperatorStaking
    uint256 public constant HARMED_BPS = 2_500;

    /// @notice Gets the part of slashed stake that nobody may gain from.
    address public immutable SINK;
    /// @notice End of the set-up.
    uint40 public immutable SETUP_UNTIL;
    uint96 public immutable FRAUD_MINIMUM;
    /// @inheritdoc IOperatorStaking
    uint96 public immutable LIVENESS_PENALTY;
    uint40 public immutable JAIL_SECONDS;
    /// @notice Fraud takes at least this many times the part of all stake that was slashed lately; zero: no such rule.
    uint8 public immutable CORRELATION_FACTOR;

    /// @dev Stake that was slashed for fraud in each period of UNBONDING_SECONDS since the epoch.
    mapping(uint256 period => uint256 amount) private _slashedIn;

    mapping(address manager => uint40 activeFrom) public managerActiveFrom;
    mapping(address manager => mapping(bytes32 lockId => Lock lock)) private _locks;

    constructor(
        address authority,
        IERC20 token,
        address sink,
        StakingParameters memory parameters
    ) StakeRecord(authority, token, parameters) {
        require(sink != address(0), StakingParameterOutOfRange("sink", 0));
        SINK = sink;
        CORRELATION_FACTOR = parameters.correlationFactor;
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
        _totalStake -= penalty;
        emit DrawMissed(msg.sender, lockId, operator, penalty);
        _credit(lockId, SINK, penalty);
        return DrawOutcome.Missed;
    }

    /// @inheritdoc IOperatorStaking
    function release(bytes32 lockId) external {
        Lock memory lock = _takeLock(lockId);
        emit Released(msg.sender, lockId, lock.operator, lock.amount);
        _collectOwed(lockId, lock.operator);
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
        _share(lockId, taken, accuser, harmed);
        _collectOwed(lockId, lock.operator);
    }

    /// @inheritdoc IOperatorStaking
    function slashedLately() public view returns (uint256) {
        uint256 period = block.timestamp / UNBONDING_SECONDS;
        return _slashedIn[period] + _slashedIn[period - 1];
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
            _totalStake -= fromLock;
            return (fromLock, 0, 0);
        }
        uint96 penalty = uint96(Math.max(Math.max(lock.amount, FRAUD_MINIMUM), _correlated(lock)));
        fromLock = lock.amount;
        operator.stake -= fromLock;
        if (penalty > fromLock) {
            fromUnbonding = _takeUnbonding(lock.operator, penalty - fromLock);
            uint96 missing = penalty - fromLock - fromUnbonding;
            fromFree = uint96(Math.min(missing, operator.stake - operator.locked));
            operator.stake -= fromFree;
            if (missing != fromFree) {
                owedOf[lock.operator] += missing - fromFree;
                emit PenaltyOwed(lock.operator, owedOf[lock.operator]);
            }
        }
        _totalStake -= uint128(fromLock) + fromFree;
        _slashedIn[block.timestamp / UNBONDING_SECONDS] += uint256(fromLock) + fromFree + fromUnbonding;
    }

    /// @dev Operators that fail together lose more than one that fails alone: of its stake, an operator loses,
    /// exits included, CORRELATION_FACTOR times the part of all stake that was slashed lately, this lock included. The rule is Ethereum's
    /// (consensus specs, `process_slashings`), without its delay: who is convicted first loses less than who is last.
    function _correlated(Lock memory lock) private view returns (uint256) {
        uint256 lately = slashedLately();
        uint256 all = _totalStake + lately;
        uint256 part = Math.min(CORRELATION_FACTOR * (lately + lock.amount), all);
        uint256 own = _operators[lock.operator].stake;
        // Stake on its way out counts as well: otherwise leaving would be cheaper than staying.
        for (uint256 i; i < MAX_UNBONDINGS; ++i) {
            Unbonding storage exit = _unbondings[lock.operator][i];
            if (exit.releaseAt > block.timestamp) own += exit.amount;
        }
        return Math.mulDiv(own, part, all);
    }

    /// @dev Half of what is slashed goes where nobody gains from it, so an operator that accuses itself, with its own
    /// request even, loses half.
    function _share(bytes32 lockId, uint256 amount, address accuser, address harmed) private {
        uint256 toAccuser = accuser == address(0) ? 0 : (amount * ACCUSER_BPS) / BPS;
        uint256 toHarmed = harmed == address(0) ? 0 : (amount * HARMED_BPS) / BPS;
        _credit(lockId, accuser, toAccuser);
        _credit(lockId, harmed, toHarmed);
        _credit(lockId, SINK, amount - toAccuser - toHarmed);
    }

    /// @dev Takes what is owed from stake that is free now. Nobody gains from it but the sink: accuser and requester had
    /// their shares of the lock.
    function _collectOwed(bytes32 lockId, address account) private {
        uint96 owed = owedOf[account];
        if (owed == 0) return;
        Operator storage operator = _operators[account];
        uint96 taken = uint96(Math.min(owed, operator.stake - operator.locked));
        if (taken == 0) return;
        operator.stake -= taken;
        _totalStake -= taken;
        owedOf[account] = owed - taken;
        emit OwedTaken(account, taken, owed - taken);
        _credit(lockId, SINK, taken);
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
