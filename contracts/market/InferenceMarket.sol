// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IAttestationVerifier} from "../interfaces/IAttestationVerifier.sol";
import {IClaimSource} from "../interfaces/IClaimSource.sol";
import {IDataAvailability} from "../interfaces/IDataAvailability.sol";
import {IDataSource} from "../interfaces/IDataSource.sol";
import {IAuditDesk} from "../interfaces/IAuditDesk.sol";
import {IInferenceConsumer} from "../interfaces/IInferenceConsumer.sol";
import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IOperatorPools} from "../interfaces/IOperatorPools.sol";
import {IOperatorStaking} from "../interfaces/IOperatorStaking.sol";
import {IRandomness} from "../interfaces/IRandomness.sol";
import {BoundedCall} from "./BoundedCall.sol";
import {EncodedRequest} from "./EncodedRequest.sol";
import {MarketRecord} from "./MarketRecord.sol";
import {RequestIntake} from "./RequestIntake.sol";
import {CommittedData, DataKind} from "../types/Availability.sol";
import {BPS} from "../types/BasisPoints.sol";
import {ClaimFacts, HeldClaim} from "../types/Claim.sol";
import {EvidenceContext} from "../types/Evidence.sol";
import {MarketParameters} from "../types/Market.sol";
import {AnswerStage, Request, RequestStatus} from "../types/Request.sol";
import {Fault} from "../types/Staking.sol";

/// @title InferenceMarket
/// @notice See IInferenceMarket. How a request begins is in RequestIntake; here it is answered and settled.
/// @dev A pause stops requests, assignments, claims and demands, never a verdict or an exit.
///
/// A conviction refunds the requester rather than reopening the request: its time is over by then, the input may be
/// stale, and a second answer at the same price is one new request away.
contract InferenceMarket is RequestIntake {
    /// @dev Gas that must remain for what follows a callback.
    uint256 private constant CALLBACK_RESERVE = 20_000;

    /// @inheritdoc IClaimSource
    uint40 public immutable MAX_DISPUTE_SECONDS;

    modifier onlyCourt() {
        require(msg.sender == court, MarketNotCourt(msg.sender, court));
        _;
    }

    constructor(
        address authority,
        IModelRegistry registry,
        IOperatorPools pools,
        IAttestationVerifier attestation,
        IRandomness randomness,
        IDataAvailability availability,
        MarketParameters memory parameters
    )
        MarketRecord(authority, registry, pools.STAKING())
        RequestIntake(pools, attestation, randomness, availability, parameters)
    {
        MAX_DISPUTE_SECONDS = parameters.maxDisputeSeconds;
        // Stake whose exit begins when a request is opened is still there when the dispute of that request ends.
        uint256 shown = availability.secondsFor(DataKind.Input) + availability.secondsFor(DataKind.Output);
        uint256 longest = uint256(3) * MAX_STAGE_SECONDS + MAX_WINDOW_SECONDS + MAX_DISPUTE_SECONDS + shown;
        longest += PAUSE_SECONDS;
        _requireParameter("unbondingSeconds", STAKING.UNBONDING_SECONDS(), longest, type(uint40).max);
        _requireParameter("minimumCollateral", MINIMUM_COLLATERAL, 1, STAKING.MINIMUM_STAKE());
    }

    // ------------------------------------------------------------------------------------------------ claims

    /// @inheritdoc IInferenceMarket
    function claim(
        Request calldata request_,
        bytes calldata outputs,
        bytes32 outputRoot,
        string calldata outputUri,
        bytes[] calldata evidence
    ) external whenNotPaused returns (bytes32 claimId) {
        // An operator knows from the seed that it is named, and needs no other transaction to be drawn.
        if (_jobs[idOf(request_)].status == RequestStatus.Open) assign(request_);
        (bytes32 requestId, Job storage job) = _requireBeforeDeadline(request_, RequestStatus.Assigned);
        _requireOperator(job, msg.sender);
        _requireOutput(request_.versionId, outputs, outputRoot, outputUri);
        _requireEvidence(requestId, request_, job.operator, job.deadline, outputRoot, evidence);

        job.claimedBlock = uint40(block.number);
        job.drawOrOutputRoot = outputRoot;
        uint40 windowEnd = _enter(job, RequestStatus.Claimed, request_.windowSeconds);
        claimId = _claimId(requestId, job);
        emit Claimed(requestId, claimId, job.operator, outputRoot, windowEnd, outputs, outputUri);
        _callBack(requestId, request_, AnswerStage.Provisional, outputRoot, outputs);
    }

    /// @inheritdoc IInferenceMarket
    function finalise(Request calldata request_, bytes calldata outputs) external {
        (bytes32 requestId, Job storage job) = _requireDeadlinePassed(request_, RequestStatus.Claimed);
        _requireShown(requestId, job);
        bytes32 outputRoot = job.drawOrOutputRoot;
        // A callback gets the claimed bytes again; bytes that were too large for the claim, never. Whoever finalises has no
        // choice: a stranger could otherwise keep the bytes from the consumer.
        if (request_.callback != address(0)) {
            require(outputs.length <= INLINE_LIMIT, MarketInlineRule(outputs.length, INLINE_LIMIT));
            if (outputs.length != 0 || REGISTRY.outputSizeOf(request_.versionId) <= INLINE_LIMIT) {
                _requireRoot(REGISTRY.outputRootFor(request_.versionId, outputs), outputRoot);
            }
        }

        _settle(requestId, job, RequestStatus.Final);
        // A counter, not a credit of the desk: one word, and no event.
        uint96 auditShare = _auditShare(request_);
        auditFund += auditShare;
        _credit(requestId, job.operator, request_.fee - request_.royalty - auditShare);
        _credit(requestId, request_.royaltyRecipient, request_.royalty);
        STAKING.release(requestId);
        _callBack(requestId, request_, AnswerStage.Final, outputRoot, outputs);
    }

    // ------------------------------------------------------------------------------------------------ exits

    /// @inheritdoc IInferenceMarket
    function refund(Request calldata request_) external {
        (bytes32 requestId, Job storage job) = _requireDeadlinePassed(request_, RequestStatus.Open);
        _fail(requestId, job, RequestStatus.Refunded);
        _credit(requestId, request_.requester, request_.fee);
    }

    /// @inheritdoc IInferenceMarket
    function timeOut(Request calldata request_) external {
        (bytes32 requestId, Job storage job) = _requireDeadlinePassed(request_, RequestStatus.Assigned);
        // An input that nobody shows is not the operator's fault.
        _requireShown(requestId, job);
        // No operator can bring evidence that nobody verifies any more.
        if (!ATTESTATION.isLive(request_.policy)) {
            _fail(requestId, job, RequestStatus.Cancelled);
            _credit(requestId, request_.requester, request_.fee);
            STAKING.release(requestId);
            return;
        }
        uint40 since = uint40(block.timestamp) - (clock() - job.deadline);
        if (clock() < request_.openUntil) {
            emit RequestReopened(requestId, job.operator);
            (job.operator, job.demanded) = (address(0), false);
            job.status = RequestStatus.Open;
            job.deadline = request_.openUntil;
            _commitDraw(requestId, job);
        } else {
            _fail(requestId, job, RequestStatus.TimedOut);
            _credit(requestId, request_.requester, request_.fee);
        }
        // Nobody gets a share: the requester chooses how long a claim may take, and could choose too little on purpose.
        STAKING.slash(requestId, Fault.Liveness, since, address(0), address(0));
    }

    /// @inheritdoc IDataSource
    function noteWithheld(
        bytes calldata terms,
        CommittedData calldata data,
        address demander
    ) external onlyAvailability {
        Request calldata request_ = EncodedRequest.read(terms);
        bytes32 requestId = idOf(request_);
        require(requestId == data.id, MarketRequestUnknown(requestId));
        Job storage job = _jobs[requestId];
        bool claimed = job.status == RequestStatus.Claimed;
        bool stands = claimed || (job.status == RequestStatus.Assigned && data.kind == DataKind.Input);
        require(stands, MarketStatusForbids(requestId, job.status));
        if (data.kind == DataKind.Output) {
            // INVARIANT: a request has one claim, so the output that was demanded is the claimed one.
            _convict(requestId, job, request_, _claimId(requestId, job), demander);
            return;
        }
        _fail(requestId, job, RequestStatus.Cancelled);
        uint256 compensation = (uint256(request_.fee) * WITHHELD_BPS) / BPS;
        job.drawOrOutputRoot = bytes32(compensation);
        _credit(requestId, claimed ? demander : job.operator, compensation);
        _credit(requestId, request_.requester, request_.fee - compensation);
        STAKING.release(requestId);
    }

    /// @inheritdoc IInferenceMarket
    function expireDispute(Request calldata request_) external {
        (bytes32 requestId, Job storage job) = _requireStatus(request_, RequestStatus.Challenged);
        _requireClockAt(job.deadline + MAX_DISPUTE_SECONDS);
        _fail(requestId, job, RequestStatus.Cancelled);
        _credit(requestId, request_.requester, request_.fee);
        STAKING.release(requestId);
    }

    /// @inheritdoc IInferenceMarket
    function notifyFailure(Request calldata request_) external {
        bytes32 requestId = idOf(request_);
        Job storage job = _jobs[requestId];
        require(job.status > RequestStatus.Final, MarketStatusForbids(requestId, job.status));
        require(request_.callback != address(0) && !job.notified, MarketNoCallback(requestId));
        job.notified = true;
        // Not with the failure itself: the gas of a callback must not stand in the way of a verdict.
        _callBack(requestId, request_, AnswerStage.Failed, 0, msg.data[0:0]);
    }

    // ------------------------------------------------------------------------------------------------ court

    /// @inheritdoc IInferenceMarket
    function setCourt(address court_, IAuditDesk auditDesk_) external restricted {
        require(court == address(0) && court_ != address(0), MarketCourtKnown(court));
        uint16 rate = auditDesk_.RATE_BPS();
        require(rate >= CATCH_BPS, MarketAuditsTooRare(rate, CATCH_BPS));
        (court, auditDesk) = (court_, auditDesk_);
        emit CourtSet(court_, address(auditDesk_));
    }

    /// @inheritdoc IInferenceMarket
    function payAudit(bytes32 claimId, address auditor, uint256 amount) external returns (uint256 paid) {
        require(msg.sender == address(auditDesk), MarketNotAuditDesk(msg.sender, address(auditDesk)));
        // One unit stays: a word that is never zero costs the next answer less gas.
        paid = Math.min(amount, Math.saturatingSub(auditFund, 1));
        auditFund -= paid;
        _credit(claimId, auditor, paid);
    }

    /// @inheritdoc IClaimSource
    function markChallenged(bytes32 requestId, bytes32 claimId) external onlyCourt returns (HeldClaim memory) {
        Job storage job = _claimed(requestId, claimId, RequestStatus.Claimed);
        uint40 windowEnd = job.deadline;
        uint40 time = clock();
        require(time < windowEnd, MarketDeadlinePassed(windowEnd, time));
        job.status = RequestStatus.Challenged;
        emit ClaimChallenged(requestId, claimId);
        return
            HeldClaim({
                operator: job.operator,
                outputRoot: job.drawOrOutputRoot,
                windowEnd: windowEnd,
                claimedBlock: job.claimedBlock,
                secondsLeft: windowEnd - time
            });
    }

    /// @inheritdoc IClaimSource
    function upheld(bytes32 requestId, bytes32 claimId) external onlyCourt {
        Job storage job = _claimed(requestId, claimId, RequestStatus.Challenged);
        job.status = RequestStatus.Claimed;
        emit ClaimUpheld(requestId, claimId);
    }

    /// @inheritdoc IClaimSource
    function convict(bytes32 claimId, bytes calldata terms, address accuser) external onlyCourt {
        Request calldata request_ = EncodedRequest.read(terms);
        bytes32 requestId = idOf(request_);
        _convict(requestId, _claimed(requestId, claimId, RequestStatus.Challenged), request_, claimId, accuser);
    }

    /// @inheritdoc IClaimSource
    function factsOf(bytes32 claimId, bytes calldata terms) external view returns (ClaimFacts memory) {
        Request calldata request_ = EncodedRequest.read(terms);
        Job storage job = _claimed(idOf(request_), claimId, RequestStatus.Challenged);
        return
            ClaimFacts({
                modelCommitment: REGISTRY.commitmentOf(request_.versionId),
                inputRoot: request_.inputRoot,
                outputRoot: job.drawOrOutputRoot
            });
    }

    // ------------------------------------------------------------------------------------------------ internals

    function _convict(
        bytes32 requestId,
        Job storage job,
        Request calldata request_,
        bytes32 claimId,
        address accuser
    ) private {
        emit ClaimConvicted(requestId, claimId, accuser);
        _fail(requestId, job, RequestStatus.Convicted);
        _credit(requestId, request_.requester, request_.fee);
        uint256 taken = STAKING.slash(requestId, Fault.Fraud, uint40(block.timestamp), accuser, request_.requester);
        job.drawOrOutputRoot = bytes32((taken * STAKING.HARMED_BPS()) / BPS);
    }

    function _claimed(bytes32 requestId, bytes32 claimId, RequestStatus status) private view returns (Job storage job) {
        job = _jobs[requestId];
        require(job.status != RequestStatus.None, MarketRequestUnknown(requestId));
        require(job.status == status, MarketStatusForbids(requestId, job.status));
        // INVARIANT: a move of the court changes the claim that it names, or nothing.
        bytes32 actual = _claimId(requestId, job);
        require(claimId == actual, MarketClaimMismatch(claimId, actual));
    }

    function _requireOutput(
        bytes32 versionId,
        bytes calldata outputs,
        bytes32 outputRoot,
        string calldata outputUri
    ) private view {
        if (outputs.length != 0) {
            require(outputs.length <= INLINE_LIMIT, MarketInlineRule(outputs.length, INLINE_LIMIT));
            require(bytes(outputUri).length == 0, MarketUriLength(bytes(outputUri).length, 0));
            _requireRoot(REGISTRY.outputRootFor(versionId, outputs), outputRoot);
        } else {
            uint256 size = REGISTRY.outputSizeOf(versionId);
            require(outputRoot != 0 && size > INLINE_LIMIT, MarketInlineRule(size, INLINE_LIMIT));
            _requireUri(outputUri);
        }
    }

    function _requireEvidence(
        bytes32 requestId,
        Request calldata request_,
        address operator,
        uint40 deadline,
        bytes32 outputRoot,
        bytes[] calldata evidence
    ) private view {
        ATTESTATION.verify(
            request_.policy,
            EvidenceContext({
                market: address(this),
                requestId: requestId,
                versionId: request_.versionId,
                numericsVersion: request_.numericsVersion,
                inputRoot: request_.inputRoot,
                outputRoot: outputRoot,
                operator: operator,
                mode: bytes4(0),
                deadline: deadline,
                windowSeconds: request_.windowSeconds
            }),
            evidence
        );
    }

    /// @dev One call with exactly the agreed gas. A call can pass on 63/64 of the gas that remains: if that is less than
    /// agreed, the whole transaction reverts. Otherwise a caller could settle while the callback runs out of gas.
    function _callBack(
        bytes32 requestId,
        Request calldata request_,
        AnswerStage stage,
        bytes32 outputRoot,
        bytes calldata outputs
    ) private {
        address target = request_.callback;
        if (target == address(0)) return;
        bytes memory data = abi.encodeCall(IInferenceConsumer.onInference, (requestId, stage, outputRoot, outputs));
        uint256 gasLimit = request_.callbackGas;
        uint256 wanted = (gasLimit * 64) / 63 + CALLBACK_RESERVE;
        require(gasleft() >= wanted, MarketGasInsufficient(gasleft(), wanted));
        // SAFETY: state is final for this stage, so reentrance finds nothing half done.
        bool success = BoundedCall.tryCall(target, gasLimit, data);
        emit CallbackDone(requestId, stage, success);
    }
}
