// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {CreditLedger} from "../credit/CreditLedger.sol";
import {ICreditLedger} from "../interfaces/ICreditLedger.sol";
import {IKeyRegistry, IOperatorStaking} from "../interfaces/IOperatorStaking.sol";
import {Operator, OperatorStatus, StakingParameters, Unbonding} from "../types/Staking.sol";

/// @title StakeRecord
/// @notice Operators: their stake, its way in and out, their keys and endpoints.
/// @dev Accounting is internal: a donation of tokens changes nobody's claim.
abstract contract StakeRecord is IOperatorStaking, CreditLedger, AccessManaged {
    using SafeERC20 for IERC20;

    /// @dev A signing key and when it starts to count; it ends when the next one starts.
    struct Key {
        address key;
        uint40 activeFrom;
    }

    uint256 public constant MAX_UNBONDINGS = 8;
    uint256 public constant MAX_ENDPOINT_BYTES = 256;

    /// @inheritdoc IOperatorStaking
    uint96 public immutable MINIMUM_STAKE;
    /// @inheritdoc IOperatorStaking
    uint40 public immutable UNBONDING_SECONDS;
    uint40 public immutable KEY_DELAY_SECONDS;

    /// @dev See `totalHeld` and `totalStake`; one word, because both change with each deposit.
    uint128 internal _totalHeld;
    uint128 internal _totalStake;

    mapping(address operator => Operator record) internal _operators;
    mapping(address operator => Unbonding[MAX_UNBONDINGS] queue) internal _unbondings;
    mapping(address operator => uint40 time) public jailedUntil;
    mapping(address operator => string endpoint) public endpointOf;
    /// @inheritdoc IOperatorStaking
    mapping(address operator => address agent) public agentOf;
    /// @inheritdoc IOperatorStaking
    mapping(address operator => uint96 amount) public owedOf;
    mapping(address operator => Key[] keys) private _keys;

    constructor(
        address authority,
        IERC20 token,
        StakingParameters memory parameters
    ) CreditLedger(token) AccessManaged(authority) {
        require(parameters.minimumStake != 0, StakingParameterOutOfRange("minimumStake", 0));
        MINIMUM_STAKE = parameters.minimumStake;
        UNBONDING_SECONDS = parameters.unbondingSeconds;
        KEY_DELAY_SECONDS = parameters.keyDelaySeconds;
    }

    // ------------------------------------------------------------------------------------------------ stake

    /// @inheritdoc IOperatorStaking
    function deposit(uint96 amount) external {
        _deposit(amount);
    }

    /// @inheritdoc IOperatorStaking
    function depositWithPermit(uint96 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        // The permit may fail because somebody submitted it first; then the allowance is there. If not, the transfer fails.
        try IERC20Permit(address(TOKEN)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        _deposit(amount);
    }

    /// @inheritdoc IOperatorStaking
    function unbond(uint96 amount) external returns (uint256 position) {
        require(amount != 0, StakingAmountZero());
        Operator storage operator = _operators[msg.sender];
        // INVARIANT: locked stake never enters the queue.
        uint256 free = operator.stake - operator.locked;
        require(amount <= free, StakingFreeInsufficient(free, amount));
        Unbonding[MAX_UNBONDINGS] storage queue = _unbondings[msg.sender];
        while (position < MAX_UNBONDINGS && queue[position].amount != 0) ++position;
        require(position < MAX_UNBONDINGS, StakingUnbondingQueueFull(msg.sender, MAX_UNBONDINGS));

        operator.stake -= amount;
        _totalStake -= amount;
        uint40 releaseAt = uint40(block.timestamp) + UNBONDING_SECONDS;
        queue[position] = Unbonding({amount: amount, releaseAt: releaseAt});
        emit UnbondingQueued(msg.sender, position, amount, releaseAt);
    }

    /// @inheritdoc IOperatorStaking
    function completeUnbonding(address operator, uint256 position) external {
        require(position < MAX_UNBONDINGS, StakingUnbondingUnknown(operator, position));
        Unbonding memory exit = _unbondings[operator][position];
        require(exit.amount != 0, StakingUnbondingUnknown(operator, position));
        require(block.timestamp >= exit.releaseAt, StakingUnbondingPending(exit.releaseAt));

        delete _unbondings[operator][position];
        _totalHeld -= exit.amount;
        emit UnbondingCompleted(operator, position, exit.amount);
        TOKEN.safeTransfer(operator, exit.amount);
    }

    /// @inheritdoc ICreditLedger
    function withdraw(address account) public override(CreditLedger, ICreditLedger) returns (uint256 amount) {
        amount = super.withdraw(account);
        _totalHeld -= uint128(amount);
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
    function setAgent(address agent) external {
        agentOf[msg.sender] = agent;
        emit AgentSet(msg.sender, agent);
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
        // Old keys are kept: the operator stays responsible for what they signed.
        keys.push(Key({key: key, activeFrom: activeFrom}));
        emit SigningKeyRotated(msg.sender, key, activeFrom);
    }

    /// @inheritdoc IOperatorStaking
    function unjail() external {
        Operator storage operator = _operators[msg.sender];
        require(operator.status == OperatorStatus.Jailed, StakingNotJailed(msg.sender));
        uint40 until = jailedUntil[msg.sender];
        require(block.timestamp >= until, StakingJailPending(until));
        require(operator.stake >= MINIMUM_STAKE, StakingBelowMinimum(operator.stake, MINIMUM_STAKE));
        operator.status = OperatorStatus.Active;
        emit Unjailed(msg.sender);
    }

    // ------------------------------------------------------------------------------------------------ views

    /// @inheritdoc IOperatorStaking
    function actsFor(address account, address operator) external view returns (bool) {
        return account == operator || (account == agentOf[operator] && account != address(0));
    }

    /// @inheritdoc IOperatorStaking
    function totalHeld() external view returns (uint256) {
        return _totalHeld;
    }

    /// @inheritdoc IOperatorStaking
    function totalStake() external view returns (uint256) {
        return _totalStake;
    }

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
    function unbondingOf(address operator) external view returns (Unbonding[] memory queue) {
        queue = new Unbonding[](MAX_UNBONDINGS);
        for (uint256 i; i < MAX_UNBONDINGS; ++i) queue[i] = _unbondings[operator][i];
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
        _totalHeld += amount;
        _totalStake += amount;
        emit Deposited(msg.sender, amount);
        _receive(amount);
    }
}
