// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {IAuditDesk} from "./IAuditDesk.sol";
import {IAttestationVerifier} from "./IAttestationVerifier.sol";
import {IClaimSource} from "./IClaimSource.sol";
import {IDataSource} from "./IDataSource.sol";
import {IPrepaidLedger} from "./IPrepaidLedger.sol";
import {IExpiringPause} from "./IExpiringPause.sol";
import {IModelRegistry} from "./IModelRegistry.sol";
import {IOperatorStaking} from "./IOperatorStaking.sol";
import {IOperatorPools} from "./IOperatorPools.sol";
import {DrawOutcome} from "../types/Place.sol";
import {DataKind} from "../types/Availability.sol";
import {AnswerStage, Claim, Finality, Request, RequestStatus, RequestTerms} from "../types/Request.sol";

/// @title IInferenceMarket
/// @notice Requests, escrow, assignment, claims and settlement. Every state that is not terminal has an exit that anyone
/// can take once its time is over; every unit of the token that enters leaves exactly once, as a credit of one account.
/// @dev As a source of claims (IClaimSource) its ids are those of requests, and `terms` are abi.encode(Request).
interface IInferenceMarket is IPrepaidLedger, IClaimSource, IDataSource, IExpiringPause {
    event RequestOpened(
        bytes32 indexed requestId,
        bytes32 indexed versionId,
        address indexed requester,
        Request request,
        bytes inputs,
        string inputUri
    );
    event DrawCommitted(bytes32 indexed requestId, uint64 ticket, uint64 epoch);
    /// @notice A draw ended without an operator; another one is committed.
    event DrawEnded(bytes32 indexed requestId, DrawOutcome outcome, address operator);
    /// @notice The operator did not claim in time; another one is drawn.
    event RequestReopened(bytes32 indexed requestId, address indexed operator);
    event RequestAssigned(bytes32 indexed requestId, address indexed operator, uint40 claimBy);
    /// @notice The operator demanded the input and has more time to claim.
    event ClaimPostponed(bytes32 indexed requestId, uint40 claimBy);
    event Claimed(
        bytes32 indexed requestId,
        bytes32 indexed claimId,
        address indexed operator,
        bytes32 outputRoot,
        uint40 windowEnd,
        bytes outputs,
        string outputUri
    );
    event ClaimChallenged(bytes32 indexed requestId, bytes32 indexed claimId);
    event ClaimUpheld(bytes32 indexed requestId, bytes32 indexed claimId);
    event ClaimConvicted(bytes32 indexed requestId, bytes32 indexed claimId, address indexed accuser);
    /// @notice A request reached a terminal state.
    event RequestSettled(bytes32 indexed requestId, RequestStatus status);
    event CallbackDone(bytes32 indexed requestId, AnswerStage stage, bool success);
    event CourtSet(address indexed court, address indexed auditDesk);

    error MarketRequestUnknown(bytes32 requestId);
    error MarketStatusForbids(bytes32 requestId, RequestStatus actual);
    error MarketDeadlinePassed(uint40 deadline, uint40 clock);
    error MarketDeadlineAhead(uint40 deadline, uint40 clock);
    error MarketVersionUnusable(bytes32 versionId);
    error MarketFeeTooLow(uint256 actual, uint256 minimum);
    error MarketSecondsOutOfRange(uint256 actual, uint256 minimum, uint256 maximum);
    error MarketHoldersTooFew(uint256 actual, uint256 minimum);
    error MarketCallbackInvalid(address callback, uint32 callbackGas);
    error MarketCollateralTooLarge(uint256 actual, uint256 maximum);
    /// @notice Data beyond the limit must be committed, data up to it must be in calldata.
    error MarketInlineRule(uint256 size, uint256 limit);
    /// @notice A committed input has more chunks than can be demanded.
    error MarketInputTooLarge(uint256 chunks, uint256 maximum);
    /// @notice There is nobody to judge answers yet.
    error MarketCourtMissing();
    /// @notice A parameter of the constructor is out of range. `unbondingSeconds` is the staking contract's: stake may not
    /// leave before a dispute can end.
    error MarketParameterOutside(string name, uint256 actual, uint256 minimum, uint256 maximum);
    error MarketUriLength(uint256 actual, uint256 maximum);
    error MarketRootMismatch(bytes32 actual, bytes32 expected);
    error MarketSeedPending(uint64 ticket);
    error MarketNotOperator(address actual, address expected);
    error MarketNoCallback(bytes32 requestId);
    /// @notice The data stood in calldata.
    error MarketDataPublic(bytes32 requestId, DataKind kind);
    error MarketNotAvailability(address actual, address expected);
    /// @notice An operator demands the input once before its claim.
    error MarketDemandedBefore(bytes32 requestId);
    /// @notice Demanded data are still to be shown, or were not shown in time.
    error MarketDemandsOpen(bytes32 requestId, uint256 count);
    error MarketGasInsufficient(uint256 actual, uint256 wanted);
    error MarketNotCourt(address actual, address expected);
    error MarketCourtKnown(address court);
    /// @notice Collateral counts on a share of claims, in 1/10,000, that the desk does not audit.
    error MarketAuditsTooRare(uint256 rateBps, uint256 catchBps);
    error MarketNotAuditDesk(address actual, address expected);
    error MarketClaimMismatch(bytes32 actual, bytes32 expected);

    /// @notice Opens a request and escrows its fee.
    function request(RequestTerms calldata terms) external returns (bytes32 requestId);

    /// @notice `request` for somebody else: the caller pays, and the request, its refund and its damages are `requester`'s.
    function requestFor(address requester, RequestTerms calldata terms) external returns (bytes32 requestId);

    /// @notice `request` with an ERC-2612 permit for the fee; a permit that fails is ignored.
    function requestWithPermit(
        RequestTerms calldata terms,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external returns (bytes32 requestId);

    /// @notice Draws the operator once the seed is there; anyone may call. Commits a new draw when the draw names nobody who
    /// is able, or when nobody made it while its seed and its epoch's weights were kept.
    /// @return operator Who was drawn; zero when a new draw is committed instead.
    function assign(Request calldata request_) external returns (address operator);

    /// @notice Claims an answer; only the assigned operator or its agent. Draws first when nobody did (see `assign`), so an
    /// operator that the seed names claims in one transaction. Evidence that names the claim's deadline, such as a signature,
    /// needs `assign` before, because the deadline counts from the draw.
    /// @param request_ The request.
    /// @param outputs Bytes of the output tensors in order, without gaps; empty when they exceed the inline limit.
    /// @param outputRoot Root over the output tensor roots; must match `outputs` when they are given.
    /// @param outputUri Where large outputs can be fetched.
    /// @param evidence One piece for each mode of the policy.
    /// @return claimId See `Claim.claimId`.
    function claim(
        Request calldata request_,
        bytes calldata outputs,
        bytes32 outputRoot,
        string calldata outputUri,
        bytes[] calldata evidence
    ) external returns (bytes32 claimId);

    /// @notice Settles a claim whose window is over: pays operator, royalty and the fund of the audits, frees the collateral, calls back.
    /// @param request_ The request.
    /// @param outputs The claimed bytes again when there is a callback and they were in calldata; else empty.
    function finalise(Request calldata request_, bytes calldata outputs) external;

    /// @notice Refunds a request that found no operator in time.
    function refund(Request calldata request_) external;

    /// @notice Takes a request from an operator that did not claim in time: small slash, jail from the deadline on. Another
    /// one is drawn at the same price while the request is open; then its fee is refunded. When the policy cannot be met any
    /// more (a route died), the operator is spared and the fee is refunded.
    function timeOut(Request calldata request_) external;

    /// @notice Ends a dispute that the court did not end in `MAX_DISPUTE_SECONDS`: refund, collateral freed.
    function expireDispute(Request calldata request_) external;

    /// @notice Tells the consumer of a request that failed; anyone may call, once.
    function notifyFailure(Request calldata request_) external;

    /// @notice Names the court and the audit desk, once; restricted to governance. The desk must audit at least the share of
    /// claims that the collateral counts on (MarketAuditsTooRare).
    function setCourt(address court, IAuditDesk auditDesk) external;

    /// @notice Pays an auditor from the fund of the audits, as credit; only the audit desk.
    /// @param claimId Claim that was audited.
    /// @param auditor Who gets it.
    /// @param amount What it should get.
    /// @return paid What it got: no more than the fund has, less one unit.
    function payAudit(bytes32 claimId, address auditor, uint256 amount) external returns (uint256 paid);

    function REGISTRY() external view returns (IModelRegistry);
    function STAKING() external view returns (IOperatorStaking);

    /// @notice Shares of the fees of final answers that no auditor has earned yet, in units of the token.
    function auditFund() external view returns (uint256);

    /// @notice Part of each fee that pays audits, in 1/10,000. The operator gets the fee less royalty and this part.
    function AUDIT_BPS() external view returns (uint16);

    /// @notice What is claimed for a request.
    function claimOf(bytes32 requestId) external view returns (Claim memory);

    /// @notice Where a request stands, who is assigned (zero while open) and until when (in the market's time).
    function stateOf(bytes32 requestId) external view returns (RequestStatus status, address operator, uint40 deadline);

    /// @notice The result, with how far to trust it; `outputRoot` is zero before a claim and after a failure.
    function resultOf(bytes32 requestId) external view returns (Finality finality, bytes32 outputRoot);

    /// @notice Part of the fee of a failed request that the requester lost because its input was withheld; zero for every
    /// other request. The rest of a failed request's fee is the requester's.
    function compensationOf(bytes32 requestId) external view returns (uint256);

    /// @notice What the requester of a convicted answer was credited in the staking contract, from the operator's stake;
    /// zero for every other request.
    function damagesOf(bytes32 requestId) external view returns (uint256);

    /// @notice Who draws operators.
    function POOLS() external view returns (IOperatorPools);

    /// @notice Who says which evidence counts.
    function ATTESTATION() external view returns (IAttestationVerifier);

    /// @notice Id of a request.
    function idOf(Request calldata request_) external view returns (bytes32);

    /// @notice Collateral for a value at risk: so large that a right answer is the operator's strictly best one, even where
    /// nobody watches of its own accord and where the operator accuses itself and asks itself.
    /// @dev Let G = `valueAtRisk` + `fee`: no wrong answer gains more, because the work that it saves costs less than the fee
    /// (or no operator would take the request). Let L be the collateral, k the share of a slash that comes back to an
    /// operator that is its own accuser and requester, and c the chance of a conviction (`CATCH_BPS`).
    ///
    /// The worst case for honesty is that the gain is kept although the answer is convicted later, because somebody relied
    /// on a provisional answer. Then, compared with a right answer:
    /// - whoever answers wrongly gains at most G, and loses (1 - k)·L with chance c;
    /// - whoever answers wrongly and accuses itself gains at most G, and loses (1 - k)·L for certain.
    /// Both are losses, strictly, if and only if c·(1 - k)·L > G, so L is the least amount above G / (c·(1 - k)).
    /// @param valueAtRisk What a wrong answer would cost the requester, in token units.
    /// @param fee Fee of the request, royalty included, in token units.
    function collateralFor(uint96 valueAtRisk, uint96 fee) external view returns (uint256);

    /// @notice Least fee for a collateral that is locked for claim time and window, royalty included.
    /// @param collateral Token units.
    /// @param lockSeconds Claim time and window together; at least `MIN_LOCK_SECONDS` are charged.
    function minimumFeeFor(uint256 collateral, uint256 lockSeconds) external view returns (uint256);
}
