// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

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
    event CourtSet(address indexed court);

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

    /// @notice Settles a claim whose window is over: pays operator and royalty, frees the collateral, calls back.
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

    /// @notice Names the court, once; restricted to governance.
    function setCourt(address court) external;

    function REGISTRY() external view returns (IModelRegistry);
    function STAKING() external view returns (IOperatorStaking);

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

    /// @notice Collateral for a value at risk. It is so large that a wrong answer costs its operator at least as much as the
    /// operator can gain, even if the operator accuses itself first and takes the accuser's share.
    /// @param valueAtRisk What a wrong answer would cost the requester, in token units.
    function collateralFor(uint96 valueAtRisk) external view returns (uint256);

    /// @notice Least fee for a collateral that is locked for claim time and window, royalty included.
    /// @param collateral Token units.
    /// @param lockSeconds Claim time and window together.
    function minimumFeeFor(uint256 collateral, uint256 lockSeconds) external view returns (uint256);
}
