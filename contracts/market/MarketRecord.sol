// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {ExpiringPause} from "../governance/ExpiringPause.sol";
import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IOperatorStaking} from "../interfaces/IOperatorStaking.sol";
import {Claim, Request, RequestStatus, claimIdOf, requestIdOf} from "../types/Request.sol";

/// @title MarketRecord
/// @notice What every part of the market shares: requests and where they stand, and money that is owed.
/// @dev A request is two words of storage; its terms are the preimage of its id and come back in calldata. All deadlines
/// are in `clock()` time.
abstract contract MarketRecord is IInferenceMarket, ExpiringPause {
    using SafeERC20 for IERC20;

    /// @dev State of a request.
    /// @param operator Assigned operator; zero while open.
    /// @param deadline End of the current stage: assignment, claim, answer to a demand, or challenge window.
    /// @param claimedBlock Block of the claim.
    /// @param status Where it stands.
    /// @param chunk Chunks of the input that were put on chain.
    /// @param notified Whether the consumer was told of the failure.
    /// @param drawOrOutputRoot The draw while open and until the claim, then the claimed output root; zero after a failure.
    struct Job {
        address operator;
        uint40 deadline;
        uint40 claimedBlock;
        RequestStatus status;
        uint8 chunk;
        bool notified;
        bytes32 drawOrOutputRoot;
    }

    /// @notice Data up to this size must be in calldata, larger must be committed.
    uint256 public constant INLINE_LIMIT = 8_192;
    uint256 public constant MAX_URI_BYTES = 512;
    /// @notice Part of the fee for an operator whose requester withheld the input, in 1/10,000.
    uint256 public constant WITHHELD_BPS = 1_000;
    uint256 internal constant BPS = 10_000;

    /// @inheritdoc IInferenceMarket
    IERC20 public immutable TOKEN;
    /// @inheritdoc IInferenceMarket
    IModelRegistry public immutable REGISTRY;
    /// @inheritdoc IInferenceMarket
    IOperatorStaking public immutable STAKING;

    /// @notice Contract that judges claims; set once.
    address public court;
    /// @notice Number of requests so far.
    uint64 public requestCount;

    mapping(bytes32 requestId => Job job) internal _jobs;
    /// @inheritdoc IInferenceMarket
    mapping(address account => uint256 amount) public creditOf;

    constructor(address authority, IModelRegistry registry, IOperatorStaking staking) ExpiringPause(authority) {
        TOKEN = staking.TOKEN();
        REGISTRY = registry;
        STAKING = staking;
    }

    // ------------------------------------------------------------------------------------------------ money

    /// @inheritdoc IInferenceMarket
    function deposit(address account, uint256 amount) external {
        creditOf[account] += amount;
        emit CreditDeposited(msg.sender, account, amount);
        _takeTokens(amount);
    }

    /// @inheritdoc IInferenceMarket
    function withdraw(address account) external {
        uint256 amount = creditOf[account];
        require(amount != 0, MarketCreditZero(account));
        creditOf[account] = 0;
        emit CreditWithdrawn(account, amount);
        TOKEN.safeTransfer(account, amount);
    }

    /// @dev A token that delivers less, or calls back into another payment, ends here.
    function _takeTokens(uint256 amount) internal {
        uint256 before = TOKEN.balanceOf(address(this));
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = TOKEN.balanceOf(address(this)) - before;
        require(received == amount, MarketTokenAmountMismatch(received, amount));
    }

    function _credit(bytes32 requestId, address account, uint256 amount) internal {
        if (amount == 0) return;
        creditOf[account] += amount;
        emit Credited(account, requestId, amount);
    }

    // ------------------------------------------------------------------------------------------------ states

    /// @inheritdoc IInferenceMarket
    function claimOf(bytes32 requestId) external view returns (Claim memory) {
        Job storage job = _jobs[requestId];
        bool stands = job.status >= RequestStatus.Claimed && job.status <= RequestStatus.Final;
        return
            Claim({
                status: job.status,
                operator: job.operator,
                outputRoot: stands ? job.drawOrOutputRoot : bytes32(0),
                windowEnd: job.deadline,
                claimedBlock: job.claimedBlock,
                claimId: stands ? _claimId(requestId, job) : bytes32(0)
            });
    }

    /// @inheritdoc IInferenceMarket
    function stateOf(
        bytes32 requestId
    ) external view returns (RequestStatus status, address operator, uint40 deadline) {
        Job storage job = _jobs[requestId];
        return (job.status, job.operator, job.deadline);
    }

    /// @inheritdoc IInferenceMarket
    function resultOf(bytes32 requestId) external view returns (Finality finality, bytes32 outputRoot) {
        Job storage job = _jobs[requestId];
        if (job.status == RequestStatus.None) return (Finality.Unknown, 0);
        if (job.status < RequestStatus.Claimed) return (Finality.Pending, 0);
        if (job.status == RequestStatus.Claimed) return (Finality.Provisional, job.drawOrOutputRoot);
        if (job.status == RequestStatus.Challenged) return (Finality.Disputed, job.drawOrOutputRoot);
        if (job.status == RequestStatus.Final) return (Finality.Final, job.drawOrOutputRoot);
        return (Finality.Failed, 0);
    }

    /// @inheritdoc IInferenceMarket
    function refundBpsOf(bytes32 requestId) external view returns (uint256) {
        RequestStatus status = _jobs[requestId].status;
        if (status <= RequestStatus.Final) return 0;
        return status == RequestStatus.Withheld ? BPS - WITHHELD_BPS : BPS;
    }

    /// @inheritdoc IInferenceMarket
    function idOf(Request calldata request_) public view returns (bytes32) {
        return requestIdOf(address(this), request_);
    }

    /// @dev The job of a request in a state whose time is not over.
    function _before(
        Request calldata request_,
        RequestStatus status
    ) internal view returns (bytes32 requestId, Job storage job) {
        (requestId, job) = _existing(request_, status);
        require(clock() < job.deadline, MarketDeadlinePassed(job.deadline, clock()));
    }

    /// @dev The job of a request in a state whose time, and `extra` seconds more, are over.
    function _after(
        Request calldata request_,
        RequestStatus status,
        uint40 extra
    ) internal view returns (bytes32 requestId, Job storage job) {
        (requestId, job) = _existing(request_, status);
        require(clock() >= job.deadline + extra, MarketDeadlineAhead(job.deadline + extra, clock()));
    }

    function _existing(
        Request calldata request_,
        RequestStatus status
    ) private view returns (bytes32 requestId, Job storage job) {
        requestId = idOf(request_);
        job = _jobs[requestId];
        require(job.status != RequestStatus.None, MarketRequestUnknown(requestId));
        require(job.status == status, MarketStatusForbids(requestId, job.status));
    }

    function _settle(bytes32 requestId, Job storage job, RequestStatus status) internal {
        job.status = status;
        emit RequestSettled(requestId, status);
    }

    /// @dev Settles without a result.
    function _fail(bytes32 requestId, Job storage job, RequestStatus status) internal {
        job.drawOrOutputRoot = 0;
        _settle(requestId, job, status);
    }

    function _claimId(bytes32 requestId, Job storage job) internal view returns (bytes32) {
        return claimIdOf(address(this), requestId, job.operator, job.drawOrOutputRoot, job.deadline, job.claimedBlock);
    }

    // ------------------------------------------------------------------------------------------------ data

    function _requireRoot(bytes32 actual, bytes32 expected) internal pure {
        require(actual == expected, MarketRootMismatch(actual, expected));
    }

    function _requireUri(string calldata uri) internal pure {
        uint256 length = bytes(uri).length;
        require(length != 0 && length <= MAX_URI_BYTES, MarketUriLength(length, MAX_URI_BYTES));
    }
}
