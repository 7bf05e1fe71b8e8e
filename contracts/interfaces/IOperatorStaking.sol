// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {Fault, Lock, Operator, OperatorStatus, Payout, Share, Unbonding} from "../types/Staking.sol";

/// @title IKeyRegistry
/// @notice Which key signed for an operator at a time.
interface IKeyRegistry {
    /// @notice Key that counted at `time`; zero when there was none. The past never changes.
    function signingKeyAt(address operator, uint40 time) external view returns (address);
}

/// @title IOperatorStaking
/// @notice Who stands behind answers, with how much, and how it is taken away. Every answer has its own locked part of
/// the stake: verdicts do not compete, and no exit, pause or change of keys lowers what a lock can lose.
interface IOperatorStaking is IKeyRegistry {
    event Deposited(address indexed operator, uint96 amount);
    event UnbondingQueued(address indexed operator, uint256 indexed position, uint96 amount, uint40 releaseAt);
    event Withdrawn(address indexed operator, uint256 indexed position, uint96 amount);
    event EndpointSet(address indexed operator, string endpoint);
    event SigningKeyRotated(address indexed operator, address indexed key, uint40 activeFrom);
    event OptedIn(address indexed operator, bytes32 indexed versionId, uint32 slot);
    event OptedOut(address indexed operator, bytes32 indexed versionId, uint40 lastBlock);
    event Evicted(address indexed operator, bytes32 indexed versionId);
    event ManagerAdded(address indexed manager, uint40 activeFrom);
    event Locked(address indexed manager, bytes32 indexed lockId, address indexed operator, uint96 amount);
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
    event PayoutMarked(
        uint256 indexed payoutId,
        address indexed accuser,
        address indexed harmed,
        uint96[3] amounts,
        uint40 payableAt
    );
    event PayoutFrozen(uint256 indexed payoutId, uint40 payableAt);
    event PayoutPaid(uint256 indexed payoutId, Share share, address indexed recipient, uint96 amount);
    event Jailed(address indexed operator, uint40 until);
    event Unjailed(address indexed operator);
    event Tombstoned(address indexed operator);

    error StakingAmountZero();
    /// @notice A parameter of the constructor that may not be zero.
    error StakingParameterZero(string name);
    /// @notice The token moved another amount than asked: fee-on-transfer tokens are refused.
    error StakingTokenAmountMismatch(uint256 actual, uint256 expected);
    error StakingBelowMinimum(uint256 actual, uint256 minimum);
    error StakingFreeInsufficient(uint256 actual, uint256 wanted);
    error StakingStatusForbids(address operator, OperatorStatus status);
    error StakingUnbondingQueueFull(address operator, uint256 maximum);
    error StakingUnbondingPending(uint40 releaseAt);
    error StakingUnbondingUnknown(address operator, uint256 position);
    error StakingTextLength(uint256 actual, uint256 maximum);
    error StakingKeyInvalid(address key);
    error StakingKeyPending(uint40 activeFrom);
    error StakingVersionUnusable(bytes32 versionId);
    error StakingOptedIn(address operator, bytes32 versionId);
    error StakingNotOptedIn(address operator, bytes32 versionId);
    error StakingOptOutPending(uint40 lastBlock);
    error StakingNotEvictable(address operator);
    error StakingNotManager(address caller);
    error StakingManagerKnown(address manager);
    error StakingLockExists(bytes32 lockId);
    error StakingLockUnknown(bytes32 lockId);
    error StakingPayoutUnknown(uint256 payoutId, Share share);
    error StakingPayoutPending(uint40 payableAt);
    error StakingPayoutFrozenBefore(uint256 payoutId);
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
    function withdraw(address operator, uint256 position) external;

    /// @notice Says where the operator is reached; at most 256 bytes.
    function setEndpoint(string calldata endpoint) external;

    /// @notice Sets the key that signs answers. The first one counts at once, every later one after a delay.
    function rotateSigningKey(address key) external;

    /// @notice Says that the caller holds a model version and answers for it.
    function optIn(bytes32 versionId) external;

    /// @notice Ends an opt-in for requests opened from now on. Draws that are under way still find the operator, and its
    /// slot stays its own for a number of blocks, so nobody steers a draw by going and coming.
    function optOut(bytes32 versionId) external;

    /// @notice Ends the opt-in of an operator whose stake is below the minimum or that is tombstoned; anyone may call.
    function evict(address operator, bytes32 versionId) external;

    /// @notice Ends jail after its time; explicit, so that an operator comes back only when it is there.
    function unjail() external;

    /// @notice Lets a contract lock stake; restricted to governance. Counts at once on the first day of the deployment, later
    /// only after a delay longer than unbonding, so that everyone can leave first. Whoever stakes on the first day accepts
    /// the managers of that day.
    function addManager(address manager) external;

    /// @notice Draws an operator for a version and locks its collateral; only for managers.
    /// @param versionId Model version that the operator must have opted in to.
    /// @param seed Randomness of the draw.
    /// @param candidates Number of slots when the draw was committed; later ones do not take part.
    /// @param cutoff Block of that commitment; opt-ins and deposits after it do not take part.
    /// @param lockId Id of the lock, unique for the manager.
    /// @param amount Collateral.
    /// @return operator Who was drawn; zero when no candidate that was looked at is able.
    function lockDrawn(
        bytes32 versionId,
        bytes32 seed,
        uint32 candidates,
        uint40 cutoff,
        bytes32 lockId,
        uint96 amount
    ) external returns (address operator);

    /// @notice Frees a lock; only for the manager that made it.
    function release(bytes32 lockId) external;

    /// @notice Takes the penalty of a fault from a lock and frees the rest; only for the manager that made it. Never
    /// reverts for an existing lock: takes what is there.
    /// @param lockId Lock of the faulty answer.
    /// @param fault Fraud takes the whole lock, at least the minimum penalty (beyond the lock from free and unbonding
    /// stake), and tombstones. Liveness takes a small fixed amount and jails.
    /// @param accuser Who proved it; zero for none (its share goes to the sink).
    /// @param harmed Whose request it was; zero for none.
    /// @return taken Total amount.
    function slash(bytes32 lockId, Fault fault, address accuser, address harmed) external returns (uint256 taken);

    /// @notice Postpones a payout once, by a fixed time; restricted to governance, which can do no more than this.
    function freezePayout(uint256 payoutId) external;

    /// @notice Pays one share of slashed stake after the airgap; anyone may call.
    function payPayout(uint256 payoutId, Share share) external;

    /// @notice Token of stake and fees.
    function TOKEN() external view returns (IERC20);

    /// @notice All tokens that the contract owes: stake, exits and unpaid shares of slashed stake.
    function totalHeld() external view returns (uint256);

    /// @notice Seconds between `unbond` and `withdraw`.
    function UNBONDING_SECONDS() external view returns (uint40);

    /// @notice Share of slashed stake for the accuser, in 1/10,000. Half is burned or sunk, so an operator that accuses
    /// itself, with its own request even, loses half of its lock.
    function ACCUSER_BPS() external view returns (uint256);

    /// @notice Least stake of an operator that takes part in draws.
    function MINIMUM_STAKE() external view returns (uint96);

    function operatorOf(address operator) external view returns (Operator memory);

    /// @notice Stake that is neither locked nor unbonding.
    function freeStakeOf(address operator) external view returns (uint256);

    /// @notice All stake of an operator: free, locked and unbonding.
    function totalStakeOf(address operator) external view returns (uint256);

    function lockOf(address manager, bytes32 lockId) external view returns (Lock memory);

    function unbondingOf(address operator) external view returns (Unbonding[] memory);

    function payoutOf(uint256 payoutId) external view returns (Payout memory);

    /// @notice Number of operators that are opted in to a version now.
    function holders(bytes32 versionId) external view returns (uint32);

    /// @notice Number of slots of a version: what a draw commits to.
    function slotsOf(bytes32 versionId) external view returns (uint32);

    function isOptedIn(address operator, bytes32 versionId) external view returns (bool);

    /// @notice When jail ends; zero when there was none.
    function jailedUntil(address operator) external view returns (uint40);

    function endpointOf(address operator) external view returns (string memory);
}
