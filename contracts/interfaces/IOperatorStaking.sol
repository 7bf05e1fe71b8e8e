// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {ICreditLedger} from "./ICreditLedger.sol";
import {DrawOutcome} from "../types/Place.sol";
import {Fault, Lock, Operator, OperatorStatus, Unbonding} from "../types/Staking.sol";

/// @title IKeyRegistry
/// @notice Which key signed for an operator at a time.
interface IKeyRegistry {
    /// @notice Key that counted at `time`; zero when there was none. The past never changes.
    function signingKeyAt(address operator, uint40 time) external view returns (address);
}

/// @title IOperatorStaking
/// @notice Who stands behind answers, with how much, and how it is taken away. Every answer has its own locked part of
/// the stake: verdicts do not compete, and no exit, pause or change of keys lowers what a lock can lose.
interface IOperatorStaking is IKeyRegistry, ICreditLedger {
    event Deposited(address indexed operator, uint96 amount);
    event UnbondingQueued(address indexed operator, uint256 indexed position, uint96 amount, uint40 releaseAt);
    event UnbondingCompleted(address indexed operator, uint256 indexed position, uint96 amount);
    event EndpointSet(address indexed operator, string endpoint);
    event SigningKeyRotated(address indexed operator, address indexed key, uint40 activeFrom);
    event AgentSet(address indexed operator, address indexed agent);
    event ManagerAdded(address indexed manager, uint40 activeFrom);
    event Locked(address indexed manager, bytes32 indexed lockId, address indexed operator, uint96 amount);
    event DrawMissed(address indexed manager, bytes32 indexed lockId, address indexed operator, uint96 penalty);
    event PenaltyOwed(address indexed operator, uint96 owed);
    event OwedTaken(address indexed operator, uint96 amount, uint96 owed);
    event Released(address indexed manager, bytes32 indexed lockId, address indexed operator, uint96 amount);
    event Slashed(
        address indexed manager,
        bytes32 indexed lockId,
        address indexed operator,
        Fault fault,
        uint96 fromLock,
        uint96 fromFree,
        uint96 fromUnbonding
    );
    event Jailed(address indexed operator, uint40 until);
    event Unjailed(address indexed operator);
    event Tombstoned(address indexed operator);

    error StakingAmountZero();
    error StakingParameterOutOfRange(string parameter, uint256 actual);
    error StakingBelowMinimum(uint256 actual, uint256 minimum);
    error StakingFreeInsufficient(uint256 actual, uint256 wanted);
    error StakingStatusForbids(address operator, OperatorStatus status);
    error StakingUnbondingQueueFull(address operator, uint256 maximum);
    error StakingUnbondingPending(uint40 releaseAt);
    error StakingUnbondingUnknown(address operator, uint256 position);
    error StakingTextLength(uint256 actual, uint256 maximum);
    error StakingKeyInvalid(address key);
    error StakingKeyPending(uint40 activeFrom);
    error StakingNotManager(address caller);
    error StakingManagerKnown(address manager);
    error StakingLockExists(bytes32 lockId);
    error StakingLockUnknown(bytes32 lockId);
    error StakingNotJailed(address operator);
    error StakingJailPending(uint40 until);

    /// @notice Bonds `amount` of the caller's tokens.
    function deposit(uint96 amount) external;

    /// @notice `deposit` with an ERC-2612 permit. A permit that fails (for example because it was front-run) is ignored.
    function depositWithPermit(uint96 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Queues free stake for exit.
    /// @return position Its position in the operator's queue.
    function unbond(uint96 amount) external returns (uint256 position);

    /// @notice Pays a matured exit to its operator; anyone may call.
    function completeUnbonding(address operator, uint256 position) external;

    /// @notice Says where the operator is reached; at most 256 bytes.
    function setEndpoint(string calldata endpoint) external;

    /// @notice Sets the key that signs answers. The first one counts at once, every later one after a delay.
    function rotateSigningKey(address key) external;

    /// @notice Lets another account act for the caller where an operator acts: claims, demands and traces. Fees stay the
    /// operator's; stake, terms and keys stay in its hands. Zero for nobody.
    function setAgent(address agent) external;

    /// @notice Ends jail after its time; explicit, so that an operator comes back only when it is there.
    function unjail() external;

    /// @notice Lets a contract lock stake; restricted to governance. Counts at once on the first day of the deployment, later
    /// only after a delay longer than unbonding, so that everyone can leave first. Whoever stakes on the first day accepts
    /// the managers of that day.
    function addManager(address manager) external;

    /// @notice Locks the collateral of an operator that was drawn; only for managers.
    /// @param operator Who was drawn.
    /// @param stake Its stake when the draw was committed, in token units.
    /// @param capacity Most locks that it takes at once.
    /// @param amount Collateral.
    /// @param lockId Id of the lock, unique for the manager.
    /// @return outcome What became of it; only `Drawn` makes a lock.
    function lockDrawn(
        address operator,
        uint256 stake,
        uint32 capacity,
        uint96 amount,
        bytes32 lockId
    ) external returns (DrawOutcome outcome);

    /// @notice Frees a lock; only for the manager that made it.
    function release(bytes32 lockId) external;

    /// @notice Takes the penalty of a fault from a lock and frees the rest; only for the manager that made it. Never
    /// reverts for an existing lock: takes what is there.
    /// @param lockId Lock of the faulty answer.
    /// @param fault Fraud takes the whole lock, at least the minimum penalty, and at least `CORRELATION_FACTOR` times the
    /// part of all stake that was slashed lately, of the operator's own stake. Beyond the lock it takes unbonding stake,
    /// then free stake, then other locks when they open. It tombstones. Liveness takes a small fixed amount and jails.
    /// @param since When the fault happened, in seconds since the epoch: jail counts from then.
    /// @param accuser Who proved it; zero for none (its share goes to the sink).
    /// @param harmed Whose request it was; zero for none.
    /// @return taken Total amount.
    function slash(
        bytes32 lockId,
        Fault fault,
        uint40 since,
        address accuser,
        address harmed
    ) external returns (uint256 taken);

    /// @notice All tokens that the contract owes: stake, exits and credits.
    function totalHeld() external view returns (uint256);

    /// @notice Seconds between `unbond` and `withdraw`.
    function UNBONDING_SECONDS() external view returns (uint40);

    /// @notice Share of slashed stake for the accuser, in 1/10,000. Half is burned or sunk, so an operator that accuses
    /// itself, with its own request even, loses half of its lock.
    function ACCUSER_BPS() external view returns (uint256);

    /// @notice Share of slashed stake for the requester, in 1/10,000.
    function HARMED_BPS() external view returns (uint256);

    /// @notice Penalty for an answer that did not come, at most the lock.
    function LIVENESS_PENALTY() external view returns (uint96);

    /// @notice Least stake of an operator that takes part in draws.
    function MINIMUM_STAKE() external view returns (uint96);

    function operatorOf(address operator) external view returns (Operator memory);

    /// @notice Stake that is neither locked nor unbonding.
    function freeStakeOf(address operator) external view returns (uint256);

    /// @notice All stake of an operator: free, locked and unbonding.
    function totalStakeOf(address operator) external view returns (uint256);

    function lockOf(address manager, bytes32 lockId) external view returns (Lock memory);

    function unbondingOf(address operator) external view returns (Unbonding[] memory);

    /// @notice All bonded stake, unbonding parts not counted.
    function totalStake() external view returns (uint256);

    /// @notice Stake that was slashed lately: in this period of `UNBONDING_SECONDS` and in the one before.
    function slashedLately() external view returns (uint256);

    /// @notice Whether `account` is the operator or its agent.
    function actsFor(address account, address operator) external view returns (bool);

    /// @notice The account that acts for an operator besides itself; zero for none.
    function agentOf(address operator) external view returns (address);

    /// @notice What an operator still owes of penalties for fraud, taken from its locks when they open.
    function owedOf(address operator) external view returns (uint96);

    /// @notice When jail ends; zero when there was none.
    function jailedUntil(address operator) external view returns (uint40);

    function endpointOf(address operator) external view returns (string memory);
}
