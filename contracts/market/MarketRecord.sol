// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CreditLedger} from "../credit/CreditLedger.sol";
import {PrepaidLedger} from "../credit/PrepaidLedger.sol";
import {ExpiringPause} from "../governance/ExpiringPause.sol";
import {IClaimSource} from "../interfaces/IClaimSource.sol";
import {IAuditDesk} from "../interfaces/IAuditDesk.sol";
import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IOperatorStaking} from "../interfaces/IOperatorStaking.sol";
import {claimIdOf} from "../types/Claim.sol";
import {Claim, Finality, Request, RequestStatus, requestIdOf} from "../types/Request.sol";

/// @title MarketRecord
/// @notice What every part of the market shares: requests and where they stand.
/// @dev A request is two words of storage; its terms are the preimage of its id and come back in calldata. All deadlines
/// are in `clock()` time.
abstract contract MarketRecord is IInferenceMarket, PrepaidLedger, ExpiringPause {
    /// @dev State of a request.
    /// @param operator Assigned operator; zero while open.
    /// @param deadline End of the current stage: assignment, claim, or challenge window.
    /// @param claimedBlock Block of the claim.
    /// @param status Where it stands.
    /// @param demanded Whether data of it were demanded.
    /// @param notified Whether the consumer was told of the failure.
    /// @param drawOrOutputRoot The draw until the claim, then the claimed output root; after a failure the part of the
    /// fee that the requester lost, after a conviction the requester's damages.
    struct Job {
        address operator;
        uint40 deadline;
        uint40 claimedBlock;
        RequestStatus status;
        bool demanded;
        bool notified;
        bytes32 drawOrOutputRoot;
    }

    /// @notice Data up to this size must be in calldata, larger must be committed.
    uint256 public constant INLINE_LIMIT = 8_192;
    uint256 public constant MAX_URI_BYTES = 512;

    /// @inheritdoc IInferenceMarket
    IModelRegistry public immutable REGISTRY;
    /// @inheritdoc IInferenceMarket
    IOperatorStaking public immutable STAKING;

    /// @notice Contract that judges claims; set once.
    address public court;
    /// @notice Number of requests so far.
    uint64 public requestCount;
    /// @inheritdoc IClaimSource
    IAuditDesk public auditDesk;
    /// @inheritdoc IInferenceMarket
    uint256 public auditFund;

    mapping(bytes32 requestId => Job job) internal _jobs;

    constructor(
        address authority,
        IModelRegistry registry,
        IOperatorStaking staking
    ) CreditLedger(staking.TOKEN()) ExpiringPause(authority) {
        REGISTRY = registry;
        STAKING = staking;
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
    function compensationOf(bytes32 requestId) external view returns (uint256) {
        return _jobs[requestId].status == RequestStatus.Cancelled ? uint256(_jobs[requestId].drawOrOutputRoot) : 0;
    }

    /// @inheritdoc IInferenceMarket
    function damagesOf(bytes32 requestId) external view returns (uint256) {
        return _jobs[requestId].status == RequestStatus.Convicted ? uint256(_jobs[requestId].drawOrOutputRoot) : 0;
    }

    /// @inheritdoc IClaimSource
    function isChallenged(bytes32 requestId, bytes32 claimId) external view returns (bool) {
        Job storage job = _jobs[requestId];
        return job.status == RequestStatus.Challenged && _claimId(requestId, job) == claimId;
    }

    /// @inheritdoc IInferenceMarket
    function idOf(Request calldata request_) public view returns (bytes32) {
        return requestIdOf(address(this), request_);
    }

    /// @dev The job of a request, which must stand at `status` and be before its deadline.
    function _requireBeforeDeadline(
        Request calldata request_,
        RequestStatus status
    ) internal view returns (bytes32 requestId, Job storage job) {
        (requestId, job) = _requireStatus(request_, status);
        _requireClockBefore(job.deadline);
    }

    /// @dev The job of a request, which must stand at `status` and be past its deadline.
    function _requireDeadlinePassed(
        Request calldata request_,
        RequestStatus status
    ) internal view returns (bytes32 requestId, Job storage job) {
        (requestId, job) = _requireStatus(request_, status);
        _requireClockAt(job.deadline);
    }

    /// @dev The job of a request, which must stand at `status`.
    function _requireStatus(
        Request calldata request_,
        RequestStatus status
    ) internal view returns (bytes32 requestId, Job storage job) {
        requestId = idOf(request_);
        job = _jobs[requestId];
        require(job.status != RequestStatus.None, MarketRequestUnknown(requestId));
        require(job.status == status, MarketStatusForbids(requestId, job.status));
    }

    function _requireClockBefore(uint40 deadline) internal view {
        uint40 time = clock();
        require(time < deadline, MarketDeadlinePassed(deadline, time));
    }

    function _requireClockAt(uint40 deadline) internal view {
        uint40 time = clock();
        require(time >= deadline, MarketDeadlineAhead(deadline, time));
    }

    /// @dev Begins a stage of a request that lasts `duration` seconds of the market's time.
    function _enter(Job storage job, RequestStatus status, uint32 duration) internal returns (uint40 deadline) {
        deadline = clock() + duration;
        job.status = status;
        job.deadline = deadline;
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
