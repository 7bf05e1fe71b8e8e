// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IAttestationVerifier} from "../interfaces/IAttestationVerifier.sol";
import {IDataAvailability} from "../interfaces/IDataAvailability.sol";
import {IClaimSource} from "../interfaces/IClaimSource.sol";
import {IDataSource} from "../interfaces/IDataSource.sol";
import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {IOperatorPools} from "../interfaces/IOperatorPools.sol";
import {IRandomness} from "../interfaces/IRandomness.sol";
import {CommittedData, DataKind} from "../types/Availability.sol";
import {BPS} from "../types/BasisPoints.sol";
import {Draw, TicketState, packDraw} from "../types/Draw.sol";
import {MarketParameters} from "../types/Market.sol";
import {DrawOutcome, DrawTerms} from "../types/Place.sol";
import {Request, RequestStatus, RequestTerms, requestIdOf} from "../types/Request.sol";
import {VersionStatus} from "../types/Version.sol";
import {EncodedRequest} from "./EncodedRequest.sol";
import {MarketRecord} from "./MarketRecord.sol";

/// @title RequestIntake
/// @notice How a request begins: its terms and fee, the draw of its operator, and its input.
abstract contract RequestIntake is MarketRecord {
    /// @notice Most chunks of a committed input (8 MiB less a little).
    uint256 public constant MAX_CHUNKS = 255;
    /// @notice Part of the fee that a requester loses whose input is withheld, in 1/10,000. It goes to the operator before its
    /// claim, and to who demanded the input after it: an operator that claims an answer has the input, and can show it.
    uint256 public constant WITHHELD_BPS = 1_000;
    /// @notice A lock is charged for at least this time: short ones, one after the other, could turn draws away from those
    /// whose stake they hold.
    uint32 public constant MIN_LOCK_SECONDS = 1 days;
    uint32 public constant MIN_STAGE_SECONDS = 1 minutes;
    uint32 public constant MAX_STAGE_SECONDS = 1 days;
    uint32 public constant MAX_WINDOW_SECONDS = 7 days;
    uint32 public constant MAX_CALLBACK_GAS = 1_000_000;
    /// @notice Most that audits may take of a fee, in 1/10,000: with the largest royalty a quarter is left for the operator.
    uint16 public constant MAX_AUDIT_BPS = 2_500;

    /// @inheritdoc IInferenceMarket
    IAttestationVerifier public immutable ATTESTATION;
    /// @inheritdoc IInferenceMarket
    IOperatorPools public immutable POOLS;
    IRandomness public immutable RANDOMNESS;
    /// @notice Where committed inputs and outputs are demanded.
    IDataAvailability public immutable AVAILABILITY;
    uint96 public immutable MINIMUM_FEE;
    /// @notice Part of the collateral, for each day that it is locked, that a fee must reach besides, in 1/10,000.
    uint16 public immutable LOCK_FEE_BPS;
    uint96 public immutable MINIMUM_COLLATERAL;
    /// @notice Chance, in 1/10,000, with which a wrong answer is convicted without anybody's goodwill; sets the collateral.
    uint16 public immutable CATCH_BPS;
    /// @inheritdoc IInferenceMarket
    uint16 public immutable AUDIT_BPS;
    /// @dev The staking contract's.
    uint256 internal immutable HARMED_BPS;
    /// @dev What an operator loses by a wrong answer, on average, even if it accuses itself and asks itself: part of the
    /// collateral, in 1/BPS².
    uint256 private immutable LOSS;

    modifier onlyAvailability() {
        require(msg.sender == address(AVAILABILITY), MarketNotAvailability(msg.sender, address(AVAILABILITY)));
        _;
    }

    constructor(
        IOperatorPools pools,
        IAttestationVerifier attestation,
        IRandomness randomness,
        IDataAvailability availability,
        MarketParameters memory parameters
    ) {
        _requireParameter("catchBps", parameters.catchBps, 1, BPS);
        _requireParameter("auditBps", parameters.auditBps, 1, MAX_AUDIT_BPS);
        POOLS = pools;
        ATTESTATION = attestation;
        RANDOMNESS = randomness;
        AVAILABILITY = availability;
        MINIMUM_FEE = parameters.minimumFee;
        LOCK_FEE_BPS = parameters.lockFeeBps;
        MINIMUM_COLLATERAL = parameters.minimumCollateral;
        CATCH_BPS = parameters.catchBps;
        AUDIT_BPS = parameters.auditBps;
        // What comes back to an operator that is its own accuser and requester. Where all comes back, no collateral suffices.
        HARMED_BPS = STAKING.HARMED_BPS();
        uint256 returned = STAKING.ACCUSER_BPS() + HARMED_BPS;
        _requireParameter("returnedBps", returned, 0, BPS - 1);
        LOSS = CATCH_BPS * (BPS - returned);
    }

    // ------------------------------------------------------------------------------------------------ requests

    /// @inheritdoc IInferenceMarket
    function request(RequestTerms calldata terms) external returns (bytes32 requestId) {
        return _open(msg.sender, terms);
    }

    /// @inheritdoc IInferenceMarket
    function requestFor(address requester, RequestTerms calldata terms) external returns (bytes32 requestId) {
        return _open(requester, terms);
    }

    /// @inheritdoc IInferenceMarket
    function requestWithPermit(
        RequestTerms calldata terms,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external returns (bytes32 requestId) {
        // The permit may fail because somebody submitted it first; then the allowance is there. If not, the transfer fails.
        try IERC20Permit(address(TOKEN)).permit(msg.sender, address(this), terms.fee, deadline, v, r, s) {} catch {}
        return _open(msg.sender, terms);
    }

    /// @inheritdoc IInferenceMarket
    function assign(Request calldata request_) public whenNotPaused returns (address operator) {
        (bytes32 requestId, Job storage job) = _requireBeforeDeadline(request_, RequestStatus.Open);
        (uint64 ticket, uint64 epoch) = Draw.wrap(job.drawOrOutputRoot).unpack();
        // Weights of older epochs are not kept, whatever became of the seed.
        if (epoch + 1 < POOLS.epoch()) return _drawAgain(requestId, job);
        (TicketState state, bytes32 seed) = RANDOMNESS.seedOf(ticket);
        require(state != TicketState.Pending, MarketSeedPending(ticket));
        // A seed that can be read is used: otherwise anybody who dislikes its outcome could draw again.
        if (state == TicketState.Expired) return _drawAgain(requestId, job);

        uint256 stake;
        uint32 capacity;
        (operator, stake, capacity) = POOLS.draw(
            DrawTerms({
                versionId: request_.versionId,
                epoch: epoch,
                fee: request_.fee - request_.royalty - _auditShare(request_),
                collateral: request_.collateral,
                claimSeconds: request_.claimSeconds,
                callbackGas: request_.callbackGas
            }),
            keccak256(abi.encode(seed, requestId))
        );
        DrawOutcome outcome =
            operator == address(0)
                ? DrawOutcome.Nobody
                : STAKING.lockDrawn(operator, stake, capacity, request_.collateral, requestId);
        if (outcome != DrawOutcome.Drawn) {
            emit DrawEnded(requestId, outcome, operator);
            return _drawAgain(requestId, job);
        }
        job.operator = operator;
        uint40 claimBy = _enter(job, RequestStatus.Assigned, request_.claimSeconds);
        emit RequestAssigned(requestId, operator, claimBy);
    }

    // ------------------------------------------------------------------------------------------------ data

    /// @inheritdoc IDataSource
    function noteDemand(
        bytes calldata terms,
        DataKind kind,
        address demander,
        uint40 answerUntil
    ) external onlyAvailability whenNotPaused returns (CommittedData memory data) {
        Request calldata request_ = EncodedRequest.read(terms);
        bytes32 requestId = idOf(request_);
        Job storage job = _jobs[requestId];
        _requireClockBefore(job.deadline);
        if (job.status == RequestStatus.Assigned && kind == DataKind.Input) {
            _requireOperator(job, demander);
            // Once for each operator, with all chunks that it wants: else it could put off its claim chunk by chunk.
            require(!job.demanded, MarketDemandedBefore(requestId));
            job.deadline = answerUntil + request_.claimSeconds;
            emit ClaimPostponed(requestId, job.deadline);
        } else {
            bool stands = job.status == RequestStatus.Claimed || job.status == RequestStatus.Challenged;
            require(stands, MarketStatusForbids(requestId, job.status));
        }
        job.demanded = true;
        bool isPublic =
            kind == DataKind.Input ? request_.inputInline : REGISTRY.outputSizeOf(request_.versionId) <= INLINE_LIMIT;
        require(!isPublic, MarketDataPublic(requestId, kind));
        bytes32 root = kind == DataKind.Input ? request_.inputRoot : job.drawOrOutputRoot;
        return CommittedData(address(this), requestId, request_.versionId, root, kind);
    }

    /// @dev Nothing that was demanded is still to be shown, in time or not.
    function _requireShown(bytes32 requestId, Job storage job) internal view {
        if (!job.demanded) return;
        uint256 open = AVAILABILITY.openDemands(address(this), requestId);
        require(open == 0, MarketDemandsOpen(requestId, open));
    }

    // ------------------------------------------------------------------------------------------------ views

    /// @inheritdoc IClaimSource
    function actsFor(address account, address operator) public view returns (bool) {
        return account == operator || STAKING.actsFor(account, operator);
    }

    /// @inheritdoc IInferenceMarket
    function collateralFor(uint96 valueAtRisk, uint96 fee) public view returns (uint256) {
        return Math.max(MINIMUM_COLLATERAL, ((uint256(valueAtRisk) + fee) * BPS * BPS) / LOSS + 1);
    }

    /// @inheritdoc IInferenceMarket
    function minimumFeeFor(uint256 collateral, uint256 lockSeconds) public view returns (uint256) {
        uint256 charged = Math.max(lockSeconds, MIN_LOCK_SECONDS);
        return MINIMUM_FEE + Math.ceilDiv(collateral * LOCK_FEE_BPS * charged, BPS * 1 days);
    }

    // ------------------------------------------------------------------------------------------------ internals

    function _open(address requester, RequestTerms calldata terms) private whenNotPaused returns (bytes32 requestId) {
        require(court != address(0), MarketCourtMissing());
        (VersionStatus status, uint32 numericsVersion, uint16 royaltyBps, address royaltyRecipient) = REGISTRY.termsOf(
            terms.versionId
        );
        require(status != VersionStatus.Withdrawn, MarketVersionUnusable(terms.versionId));
        ATTESTATION.requirePolicy(terms.policy, terms.versionId, terms.windowSeconds);
        uint256 collateral = _requireTerms(terms);
        bytes32 inputRoot = _requireInput(terms);

        uint256 royalty = (uint256(terms.fee) * royaltyBps) / BPS;
        Request memory request_ = Request({
            requester: requester,
            nonce: ++requestCount,
            versionId: terms.versionId,
            inputRoot: inputRoot,
            policy: terms.policy,
            fee: terms.fee,
            royalty: uint96(royalty),
            royaltyRecipient: royaltyRecipient,
            collateral: uint96(collateral),
            numericsVersion: numericsVersion,
            openUntil: clock() + terms.openSeconds,
            claimSeconds: terms.claimSeconds,
            windowSeconds: terms.windowSeconds,
            callback: terms.callback,
            callbackGas: terms.callbackGas,
            inputInline: terms.inputs.length != 0
        });
        requestId = requestIdOf(address(this), request_);
        Job storage job = _jobs[requestId];
        job.status = RequestStatus.Open;
        job.deadline = request_.openUntil;
        emit RequestOpened(requestId, terms.versionId, requester, request_, terms.inputs, terms.inputUri);
        _commitDraw(requestId, job);

        _charge(terms.fee);
    }

    function _requireTerms(RequestTerms calldata terms) private view returns (uint256 collateral) {
        collateral = collateralFor(terms.valueAtRisk, terms.fee);
        require(collateral <= type(uint96).max, MarketCollateralTooLarge(collateral, type(uint96).max));
        uint256 minimumFee = minimumFeeFor(collateral, uint256(terms.claimSeconds) + terms.windowSeconds);
        require(terms.fee >= minimumFee, MarketFeeTooLow(terms.fee, minimumFee));
        _requireSeconds(terms.openSeconds, MIN_STAGE_SECONDS, MAX_STAGE_SECONDS);
        _requireSeconds(terms.claimSeconds, MIN_STAGE_SECONDS, MAX_STAGE_SECONDS);
        _requireSeconds(terms.windowSeconds, 0, MAX_WINDOW_SECONDS);
        require(
            (terms.callback == address(0)) == (terms.callbackGas == 0) && terms.callbackGas <= MAX_CALLBACK_GAS,
            MarketCallbackInvalid(terms.callback, terms.callbackGas)
        );
        if (terms.minimumHolders != 0) {
            uint256 holders = POOLS.holders(terms.versionId);
            require(holders >= terms.minimumHolders, MarketHoldersTooFew(holders, terms.minimumHolders));
        }
    }

    function _requireParameter(string memory name, uint256 actual, uint256 minimum, uint256 maximum) internal pure {
        require(actual >= minimum && actual <= maximum, MarketParameterOutside(name, actual, minimum, maximum));
    }

    function _requireSeconds(uint256 actual, uint256 minimum, uint256 maximum) private pure {
        require(actual >= minimum && actual <= maximum, MarketSecondsOutOfRange(actual, minimum, maximum));
    }

    function _requireInput(RequestTerms calldata terms) private view returns (bytes32 inputRoot) {
        if (terms.inputs.length != 0) {
            require(terms.inputs.length <= INLINE_LIMIT, MarketInlineRule(terms.inputs.length, INLINE_LIMIT));
            require(bytes(terms.inputUri).length == 0, MarketUriLength(bytes(terms.inputUri).length, 0));
            _requireRoot(terms.inputRoot, 0);
            return REGISTRY.inputRootFor(terms.versionId, terms.inputs);
        }
        (uint256 size, uint256 chunks) = REGISTRY.inputSizeOf(terms.versionId);
        require(terms.inputRoot != 0 && size > INLINE_LIMIT, MarketInlineRule(size, INLINE_LIMIT));
        _requireUri(terms.inputUri);
        require(chunks <= MAX_CHUNKS, MarketInputTooLarge(chunks, MAX_CHUNKS));
        return terms.inputRoot;
    }

    /// @dev Weights and terms are those of the present epoch, fixed before it began; the seed is known to nobody yet.
    function _commitDraw(bytes32 requestId, Job storage job) internal {
        uint64 ticket = RANDOMNESS.commit();
        uint64 epoch = POOLS.epoch();
        job.drawOrOutputRoot = Draw.unwrap(packDraw(ticket, epoch));
        emit DrawCommitted(requestId, ticket, epoch);
    }

    /// @return Nobody.
    function _drawAgain(bytes32 requestId, Job storage job) private returns (address) {
        _commitDraw(requestId, job);
        return address(0);
    }

    /// @dev Part of the fee that pays audits. SAFETY: at most a quarter of 96 bits.
    function _auditShare(Request calldata request_) internal view returns (uint96) {
        return uint96((uint256(request_.fee) * AUDIT_BPS) / BPS);
    }

    function _requireOperator(Job storage job, address caller) internal view {
        address operator = job.operator;
        require(actsFor(caller, operator), MarketNotOperator(caller, operator));
    }
}
