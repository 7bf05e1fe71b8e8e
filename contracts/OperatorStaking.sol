// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {IKeyRegistry, IOperatorStaking} from "./interfaces/IOperatorStaking.sol";
import {VersionStatus} from "./types/Version.sol";

/// @title OperatorStaking
/// @notice See IOperatorStaking.
/// @dev Accounting is internal: a donation of tokens changes nobody's claim. Nothing here can be paused.
contract OperatorStaking is IOperatorStaking, AccessManaged {
    using SafeERC20 for IERC20;

    /// @dev Place of one operator among those of a version. It counts for requests opened after `since` and not after
    /// `until` (zero while opted in).
    struct Slot {
        address operator;
        uint40 since;
        uint40 until;
    }

    /// @dev Operators of a version. Slots never move, so an index drawn from a committed count keeps its meaning; slots
    /// of those who left are reused in the order in which they left.
    struct Pool {
        Slot[] slots;
        uint32[] freed;
        uint32 reused;
        uint32 holders;
    }

    /// @dev An operator's place in a pool. `slot` counts from 1; zero when it never opted in or its slot was given away.
    struct Membership {
        uint32 slot;
        uint40 leftAt;
    }

    /// @dev A signing key and when it starts to count; it ends when the next one starts.
    struct Key {
        address key;
        uint40 activeFrom;
    }

    /// @notice Share of slashed stake for the accuser, in 1/10,000. Half is burned or sunk, so an operator that accuses
    /// itself, with its own request even, loses half of its lock.
    uint256 public constant ACCUSER_BPS = 2_500;
    /// @notice Share of slashed stake for the requester, in 1/10,000.
    uint256 public constant HARMED_BPS = 2_500;
    uint256 public constant MAX_UNBONDINGS = 8;
    uint256 public constant MAX_ENDPOINT_BYTES = 256;
    /// @notice Slots that a draw looks at before it gives up.
    uint256 public constant MAX_TRIES = 24;
    /// @notice Time beyond unbonding before a later manager counts.
    uint40 public constant MANAGER_MARGIN_SECONDS = 1 days;
    uint256 private constant BPS = 10_000;

    /// @inheritdoc IOperatorStaking
    IERC20 public immutable TOKEN;
    IModelRegistry public immutable REGISTRY;
    /// @notice Where the part of slashed stake goes that nobody is to gain from.
    address public immutable SINK;
    /// @inheritdoc IOperatorStaking
    uint96 public immutable MINIMUM_STAKE;
    uint96 public immutable FRAUD_MINIMUM;
    uint96 public immutable LIVENESS_PENALTY;
    /// @inheritdoc IOperatorStaking
    uint40 public immutable UNBONDING_SECONDS;
    uint40 public immutable JAIL_SECONDS;
    uint40 public immutable KEY_DELAY_SECONDS;
    uint40 public immutable PAYOUT_DELAY_SECONDS;
    uint40 public immutable FREEZE_SECONDS;
    uint40 public immutable SLOT_REUSE_BLOCKS;

    /// @inheritdoc IOperatorStaking
    uint256 public totalHeld;
    /// @notice Number of payouts so far; ids count from 1.
    uint256 public payoutCount;

    mapping(address operator => Operator record) private _operators;
    mapping(address operator => Unbonding[MAX_UNBONDINGS] queue) private _unbondings;
    mapping(address operator => uint40 time) public jailedUntil;
    mapping(address operator => string endpoint) public endpointOf;
    mapping(address operator => Key[] keys) private _keys;
    mapping(bytes32 versionId => Pool pool) private _pools;
    mapping(address operator => mapping(bytes32 versionId => Membership membership)) private _memberships;
    mapping(address manager => uint40 activeFrom) public managerActiveFrom;
    mapping(address manager => mapping(bytes32 lockId => Lock lock)) private _locks;
    mapping(uint256 payoutId => Payout payout) private _payouts;

    constructor(
        address authority,
        IERC20 token,
        IModelRegistry registry,
        address sink,
        Parameters memory parameters
    ) AccessManaged(authority) {
        require(parameters.minimumStake != 0 && sink != address(0), StakingAmountZero());
        TOKEN = token;
        REGISTRY = registry;
        SINK = sink;
        MINIMUM_STAKE = parameters.minimumStake;
        FRAUD_MINIMUM = parameters.fraudMinimum;
        LIVENESS_PENALTY = parameters.livenessPenalty;
        UNBONDING_SECONDS = parameters.unbondingSeconds;
        JAIL_SECONDS = parameters.jailSeconds;
        KEY_DELAY_SECONDS = parameters.keyDelaySeconds;
        PAYOUT_DELAY_SECONDS = parameters.payoutDelaySeconds;
        FREEZE_SECONDS = parameters.freezeSeconds;
        SLOT_REUSE_BLOCKS = parameters.slotReuseBlocks;
    }

    // ------------------------------------------------------------------------------------------------ stake

    /// @inheritdoc IOperatorStaking
    function deposit(uint96 amount) external {
        _deposit(amount);
    }

    /// @inheritdoc IOperatorStaking
    function depositWithPermit(uint96 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        // A permit that someone else submitted first has done its work; if it has not, the transfer fails.
        try IERC20Permit(address(TOKEN)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        _deposit(amount);
    }

    /// @inheritdoc IOperatorStaking
    function unbond(uint96 amount) external returns (uint256 slot) {
        require(amount != 0, StakingAmountZero());
        Operator storage operator = _operators[msg.sender];
        // INVARIANT: locked stake never enters the queue.
        uint256 free = operator.stake - operator.locked;
        require(amount <= free, StakingFreeInsufficient(free, amount));
        Unbonding[MAX_UNBONDINGS] storage queue = _unbondings[msg.sender];
        while (slot < MAX_UNBONDINGS && queue[slot].amount != 0) ++slot;
        require(slot < MAX_UNBONDINGS, StakingUnbondingQueueFull(msg.sender, MAX_UNBONDINGS));

        operator.stake -= amount;
        uint40 releaseAt = uint40(block.timestamp) + UNBONDING_SECONDS;
        queue[slot] = Unbonding({amount: amount, releaseAt: releaseAt});
        emit UnbondingQueued(msg.sender, slot, amount, releaseAt);
    }

    /// @inheritdoc IOperatorStaking
    function withdraw(address operator, uint256 slot) external {
        require(slot < MAX_UNBONDINGS, StakingUnbondingUnknown(operator, slot));
        Unbonding memory exit = _unbondings[operator][slot];
        require(exit.amount != 0, StakingUnbondingUnknown(operator, slot));
        require(block.timestamp >= exit.releaseAt, StakingUnbondingPending(exit.releaseAt));

        delete _unbondings[operator][slot];
        totalHeld -= exit.amount;
        emit Withdrawn(operator, slot, exit.amount);
        TOKEN.safeTransfer(operator, exit.amount);
    }

    // ------------------------------------------------------------------------------------------------ operators

    /// @inheritdoc IOperatorStaking
    function setEndpoint(string calldata endpoint) external {
        uint256 length = bytes(endpoint).length;
        require(length <= MAX_ENDPOINT_BYTES, StakingTextLength(length, MAX_ENDPOINT_BYTES));
        endpointOf[msg.sender] = endpoint;
        emit EndpointSet(msg.sender, endpoint);
    }

    /// @inheritdoc IOperatorStaking
    function rotateSigningKey(address key) external {
        require(key != address(0), StakingKeyInvalid(key));
        Key[] storage keys = _keys[msg.sender];
        uint40 activeFrom = uint40(block.timestamp);
        if (keys.length != 0) {
            uint40 latest = keys[keys.length - 1].activeFrom;
            require(latest <= block.timestamp, StakingKeyPending(latest));
            activeFrom += KEY_DELAY_SECONDS;
        }
        // The past stays: what an old key signed can still be laid at its operator's door.
        keys.push(Key({key: key, activeFrom: activeFrom}));
        emit SigningKeyRotated(msg.sender, key, activeFrom);
    }

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
            // One operator has one slot: otherwise going and coming would multiply its chances.
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

    /// @inheritdoc IOperatorStaking
    function unjail() external {
        Operator storage operator = _operators[msg.sender];
        require(operator.status == OperatorStatus.Jailed, StakingNotJailed(msg.sender));
        uint40 until = jailedUntil[msg.sender];
        require(block.timestamp >= until, StakingJailPending(until));
        require(operator.stake >= MINIMUM_STAKE, StakingBelowMinimum(operator.stake, MINIMUM_STAKE));
        operator.status = OperatorStatus.Active;
        operator.countedFrom = uint40(block.number);
        emit Unjailed(msg.sender);
    }

    // ------------------------------------------------------------------------------------------------ managers

    /// @inheritdoc IOperatorStaking
    function addManager(address manager) external restricted {
        require(managerActiveFrom[manager] == 0, StakingManagerKnown(manager));
        uint40 activeFrom = uint40(block.timestamp);
        if (totalHeld != 0) activeFrom += UNBONDING_SECONDS + MANAGER_MARGIN_SECONDS;
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

        operator = _draw(_pools[versionId].slots, seed, candidates, cutoff, amount);
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

    // ------------------------------------------------------------------------------------------------ payouts

    /// @inheritdoc IOperatorStaking
    function freezePayout(uint256 payoutId) external restricted {
        Payout storage payout = _payouts[payoutId];
        require(payout.payableAt != 0, StakingPayoutUnknown(payoutId, Share.Sink));
        require(!payout.frozen, StakingPayoutFrozenBefore(payoutId));
        payout.frozen = true;
        payout.payableAt += FREEZE_SECONDS;
        emit PayoutFrozen(payoutId, payout.payableAt);
    }

    /// @inheritdoc IOperatorStaking
    function payPayout(uint256 payoutId, Share share) external {
        Payout storage payout = _payouts[payoutId];
        uint96 amount = payout.amounts[uint256(share)];
        require(amount != 0, StakingPayoutUnknown(payoutId, share));
        require(block.timestamp >= payout.payableAt, StakingPayoutPending(payout.payableAt));

        payout.amounts[uint256(share)] = 0;
        totalHeld -= amount;
        address recipient =
            share == Share.Accuser
                ? payout.accuser
                : share == Share.Harmed
                    ? payout.harmed
                    : SINK;
        emit PayoutPaid(payoutId, share, recipient, amount);
        // SAFETY: shares are paid one by one, so a recipient that the token refuses holds up only its own.
        TOKEN.safeTransfer(recipient, amount);
    }

    // ------------------------------------------------------------------------------------------------ views

    /// @inheritdoc IOperatorStaking
    function operatorOf(address operator) external view returns (Operator memory) {
        return _operators[operator];
    }

    /// @inheritdoc IOperatorStaking
    function freeStakeOf(address operator) external view returns (uint256) {
        return _operators[operator].stake - _operators[operator].locked;
    }

    /// @inheritdoc IOperatorStaking
    function totalStakeOf(address operator) external view returns (uint256 total) {
        total = _operators[operator].stake;
        for (uint256 i; i < MAX_UNBONDINGS; ++i) total += _unbondings[operator][i].amount;
    }

    /// @inheritdoc IOperatorStaking
    function lockOf(address manager, bytes32 lockId) external view returns (Lock memory) {
        return _locks[manager][lockId];
    }

    /// @inheritdoc IOperatorStaking
    function unbondingOf(address operator) external view returns (Unbonding[] memory queue) {
        queue = new Unbonding[](MAX_UNBONDINGS);
        for (uint256 i; i < MAX_UNBONDINGS; ++i) queue[i] = _unbondings[operator][i];
    }

    /// @inheritdoc IOperatorStaking
    function payoutOf(uint256 payoutId) external view returns (Payout memory) {
        return _payouts[payoutId];
    }

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

    /// @inheritdoc IKeyRegistry
    function signingKeyAt(address operator, uint40 time) public view returns (address) {
        Key[] storage keys = _keys[operator];
        // Bisection for the number of keys that count by `time`; nearly always the last or the one before.
        uint256 low;
        uint256 high = keys.length;
        while (low < high) {
            uint256 middle = (low + high) >> 1;
            if (keys[middle].activeFrom <= time) low = middle + 1;
            else high = middle;
        }
        return low == 0 ? address(0) : keys[low - 1].key;
    }

    // ------------------------------------------------------------------------------------------------ internals

    function _deposit(uint96 amount) private {
        require(amount != 0, StakingAmountZero());
        Operator storage operator = _operators[msg.sender];
        require(operator.status != OperatorStatus.Tombstoned, StakingStatusForbids(msg.sender, operator.status));
        if (operator.status == OperatorStatus.None) operator.status = OperatorStatus.Active;
        operator.stake += amount;
        operator.countedFrom = uint40(block.number);
        totalHeld += amount;
        emit Deposited(msg.sender, amount);

        uint256 before = TOKEN.balanceOf(address(this));
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
        // A token that delivers less, or calls back into another deposit, ends here.
        uint256 received = TOKEN.balanceOf(address(this)) - before;
        require(received == amount, StakingTokenAmountMismatch(received, amount));
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

    /// @dev The slot freed longest ago if nobody's draw can mean it any more, otherwise a new one.
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

    /// @dev Uniform over the slots that existed at the cutoff; the first able operator wins. Nothing that an operator can
    /// do after the cutoff makes it able: it can only lose its place, by unbonding or topping up.
    function _draw(
        Slot[] storage slots,
        bytes32 seed,
        uint32 candidates,
        uint40 cutoff,
        uint96 amount
    ) private view returns (address) {
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

    function _takeLock(bytes32 lockId) private returns (Lock memory lock) {
        lock = _locks[msg.sender][lockId];
        require(lock.operator != address(0), StakingLockUnknown(lockId));
        delete _locks[msg.sender][lockId];
        _operators[lock.operator].locked -= lock.amount;
    }

    /// @dev Takes the penalty; the lock is off already. Fraud that costs more than its lock reaches unmatured exits, then
    /// free stake; other locks are out of reach, so verdicts do not compete for them.
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
            // A matured exit is gone, withdrawn or not.
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
        // A tombstone is never lifted by a lesser fault.
        if (_operators[operator].status == OperatorStatus.Tombstoned) return;
        _operators[operator].status = OperatorStatus.Jailed;
        uint40 until = uint40(block.timestamp) + JAIL_SECONDS;
        jailedUntil[operator] = until;
        emit Jailed(operator, until);
    }

    function _markPayout(uint256 amount, address accuser, address harmed) private {
        uint96[3] memory amounts;
        if (accuser != address(0)) amounts[uint256(Share.Accuser)] = uint96((amount * ACCUSER_BPS) / BPS);
        if (harmed != address(0)) amounts[uint256(Share.Harmed)] = uint96((amount * HARMED_BPS) / BPS);
        amounts[uint256(Share.Sink)] = uint96(amount - amounts[0] - amounts[1]);
        uint40 payableAt = uint40(block.timestamp) + PAYOUT_DELAY_SECONDS;
        uint256 payoutId = ++payoutCount;
        _payouts[payoutId] = Payout({
            amounts: amounts,
            accuser: accuser,
            harmed: harmed,
            payableAt: payableAt,
            frozen: false
        });
        emit PayoutMarked(payoutId, accuser, harmed, amounts, payableAt);
    }
}
