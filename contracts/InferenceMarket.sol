// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {ExpiringPause} from "./base/ExpiringPause.sol";
import {IAttestationVerifier} from "./interfaces/IAttestationVerifier.sol";
import {IInferenceConsumer} from "./interfaces/IInferenceConsumer.sol";
import {IInferenceMarket, RequestTerms} from "./interfaces/IInferenceMarket.sol";
import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {IOperatorStaking} from "./interfaces/IOperatorStaking.sol";
import {IRandomness} from "./interfaces/IRandomness.sol";
import {Segment} from "./interfaces/ITensorMachine.sol";
import {Draw, packDraw} from "./types/Draw.sol";
import {EvidenceContext} from "./types/Evidence.sol";
import {Claim, Request, RequestStatus, claimIdOf, requestIdOf} from "./types/Request.sol";
import {VersionStatus} from "./types/Version.sol";

/// @title InferenceMarket
/// @notice See IInferenceMarket.
/// @dev A request is two words of storage; its terms are the preimage of its id and come back in calldata. All deadlines
/// are in `clock()` time. A pause stops requests, assignments, claims and demands, never a verdict or an exit.
///
/// A conviction refunds the requester rather than reopening the request: its time is over by then, the input may be
/// stale, and a second answer at the same price is one new request away.
contract InferenceMarket is IInferenceMarket, ExpiringPause {
    using SafeERC20 for IERC20;

    /// @dev State of a request.
    /// @param operator Assigned operator; zero while open.
    /// @param deadline End of the current stage: assignment, claim, answer to a demand, or challenge window.
    /// @param claimedBlock Block of the claim.
    /// @param status Where it stands.
    /// @param chunk Chunks of the input that were put on chain.
    /// @param word The draw while open and until the claim, then the claimed output root; zero after a failure.
    struct Job {
        address operator;
        uint40 deadline;
        uint40 claimedBlock;
        RequestStatus status;
        uint8 chunk;
        bytes32 word;
    }

    /// @notice Data up to this size must be in calldata, larger must be committed.
    uint256 public constant INLINE_LIMIT = 8_192;
    uint256 public constant MAX_URI_BYTES = 512;
    /// @notice Most chunks of a committed input (8 MiB less a little).
    uint256 public constant MAX_CHUNKS = 255;
    uint32 public constant MIN_STAGE_SECONDS = 1 minutes;
    uint32 public constant MAX_STAGE_SECONDS = 1 days;
    uint32 public constant MAX_WINDOW_SECONDS = 7 days;
    /// @notice Time to answer a demand for input.
    uint40 public constant ANSWER_SECONDS = 1 hours;
    /// @notice Part of the fee for an operator whose requester withheld the input, in 1/10,000.
    uint256 public constant WITHHELD_BPS = 1_000;
    uint32 public constant MAX_CALLBACK_GAS = 1_000_000;
    /// @dev Gas that must remain for what follows a callback.
    uint256 private constant CALLBACK_RESERVE = 20_000;
    uint256 private constant BPS = 10_000;

    /// @inheritdoc IInferenceMarket
    IERC20 public immutable TOKEN;
    /// @inheritdoc IInferenceMarket
    IModelRegistry public immutable REGISTRY;
    /// @inheritdoc IInferenceMarket
    IOperatorStaking public immutable STAKING;
    IAttestationVerifier public immutable ATTESTATION;
    IRandomness public immutable RANDOMNESS;
    uint96 public immutable MINIMUM_FEE;
    /// @notice Part of the collateral that a fee must reach besides, in 1/10,000: locking others' stake has a price.
    uint16 public immutable COLLATERAL_FEE_BPS;
    uint96 public immutable MINIMUM_COLLATERAL;
    /// @notice Chance, in 1/10,000, with which wrong answers are assumed to be caught; sets the collateral.
    uint16 public immutable CATCH_BPS;
    /// @inheritdoc IInferenceMarket
    uint40 public immutable MAX_DISPUTE_SECONDS;

    /// @notice Contract that judges claims; set once.
    address public court;
    /// @notice Number of requests so far.
    uint64 public requestCount;

    mapping(bytes32 requestId => Job job) private _jobs;
    /// @inheritdoc IInferenceMarket
    mapping(address account => uint256 amount) public creditOf;

    modifier onlyCourt() {
        require(msg.sender == court, MarketNotCourt(msg.sender, court));
        _;
    }

    constructor(
        address authority,
        IModelRegistry registry,
        IOperatorStaking staking,
        IAttestationVerifier attestation,
        IRandomness randomness,
        Parameters memory parameters
    ) ExpiringPause(authority) {
        TOKEN = staking.TOKEN();
        REGISTRY = registry;
        STAKING = staking;
        ATTESTATION = attestation;
        RANDOMNESS = randomness;
        MINIMUM_FEE = parameters.minimumFee;
        COLLATERAL_FEE_BPS = parameters.collateralFeeBps;
        MINIMUM_COLLATERAL = parameters.minimumCollateral;
        CATCH_BPS = parameters.catchBps;
        MAX_DISPUTE_SECONDS = parameters.maxDisputeSeconds;
        // Whoever leaves when a request is opened is still there when its dispute ends.
        uint256 longest = uint256(2) * MAX_STAGE_SECONDS + MAX_WINDOW_SECONDS + MAX_DISPUTE_SECONDS + PAUSE_SECONDS;
        require(
            staking.UNBONDING_SECONDS() >= longest &&
                MINIMUM_COLLATERAL != 0 &&
                MINIMUM_COLLATERAL <= staking.MINIMUM_STAKE() &&
                CATCH_BPS != 0 &&
                CATCH_BPS <= BPS,
            MarketParametersInvalid()
        );
    }

    // ------------------------------------------------------------------------------------------------ requests

    /// @inheritdoc IInferenceMarket
    function request(RequestTerms calldata terms) external returns (bytes32 requestId) {
        return _open(terms);
    }

    /// @inheritdoc IInferenceMarket
    function requestWithPermit(
        RequestTerms calldata terms,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external returns (bytes32 requestId) {
        // A permit that someone else submitted first has done its work; if it has not, the transfer fails.
        try IERC20Permit(address(TOKEN)).permit(msg.sender, address(this), terms.fee, deadline, v, r, s) {} catch {}
        return _open(terms);
    }

    /// @inheritdoc IInferenceMarket
    function assign(Request calldata request_) external whenNotPaused returns (address operator) {
        (bytes32 requestId, Job storage job) = _before(request_, RequestStatus.Open);
        (uint64 ticket, uint40 cutoff, uint32 candidates) = Draw.wrap(job.word).unpack();
        (IRandomness.TicketState state, bytes32 seed) = RANDOMNESS.seedOf(ticket);
        require(state != IRandomness.TicketState.Pending, MarketSeedPending(ticket));
        require(state != IRandomness.TicketState.Expired, MarketSeedExpired(ticket));

        operator = STAKING.lockDrawn(
            request_.versionId,
            keccak256(abi.encode(seed, requestId)),
            candidates,
            cutoff,
            requestId,
            request_.collateral
        );
        if (operator == address(0)) {
            _commitDraw(requestId, job, request_.versionId);
            return operator;
        }
        job.operator = operator;
        job.status = RequestStatus.Assigned;
        job.deadline = clock() + request_.claimSeconds;
        emit RequestAssigned(requestId, operator, job.deadline);
    }

    /// @inheritdoc IInferenceMarket
    function recommit(Request calldata request_) external whenNotPaused {
        (bytes32 requestId, Job storage job) = _before(request_, RequestStatus.Open);
        (uint64 ticket, , ) = Draw.wrap(job.word).unpack();
        (IRandomness.TicketState state, ) = RANDOMNESS.seedOf(ticket);
        // A seed that can be read stands: otherwise whoever dislikes its outcome would draw again.
        require(state == IRandomness.TicketState.Expired, MarketDrawStands(ticket));
        _commitDraw(requestId, job, request_.versionId);
    }

    // ------------------------------------------------------------------------------------------------ input

    /// @inheritdoc IInferenceMarket
    function demandInput(Request calldata request_) external whenNotPaused {
        (bytes32 requestId, Job storage job) = _before(request_, RequestStatus.Assigned);
        require(msg.sender == job.operator, MarketNotOperator(msg.sender, job.operator));
        require(!request_.inputInline, MarketInputPublic(requestId));
        (, uint256 chunks) = REGISTRY.inputSizeOf(request_.versionId);
        require(job.chunk < chunks, MarketDemandsExhausted(chunks));

        job.status = RequestStatus.InputDemanded;
        job.deadline = clock() + ANSWER_SECONDS;
        emit InputDemanded(requestId, job.chunk, job.deadline);
    }

    /// @inheritdoc IInferenceMarket
    function answerInput(Request calldata request_, bytes32[] calldata roots, Segment calldata segment) external {
        (bytes32 requestId, Job storage job) = _before(request_, RequestStatus.InputDemanded);
        uint256 chunk = job.chunk++;
        bytes32 root = REGISTRY.inputRootFromChunk(request_.versionId, chunk, roots, segment);
        _requireRoot(root, request_.inputRoot);
        job.status = RequestStatus.Assigned;
        job.deadline = clock() + request_.claimSeconds;
        emit InputAnswered(requestId, chunk, segment, job.deadline);
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
        (bytes32 requestId, Job storage job) = _before(request_, RequestStatus.Assigned);
        require(msg.sender == job.operator, MarketNotOperator(msg.sender, job.operator));
        _requireOutput(request_.versionId, outputs, outputRoot, outputUri);
        _requireEvidence(requestId, request_, job.deadline, outputRoot, evidence);

        job.status = RequestStatus.Claimed;
        job.deadline = clock() + request_.windowSeconds;
        job.claimedBlock = uint40(block.number);
        job.word = outputRoot;
        claimId = _claimId(requestId, job);
        emit Claimed(requestId, claimId, msg.sender, outputRoot, job.deadline, outputs, outputUri);
        _callBack(requestId, request_, IInferenceConsumer.Stage.Provisional, outputRoot, outputs);
    }

    /// @inheritdoc IInferenceMarket
    function finalise(Request calldata request_, bytes calldata outputs) external {
        (bytes32 requestId, Job storage job) = _after(request_, RequestStatus.Claimed, 0);
        bytes32 outputRoot = job.word;
        // A callback gets the claimed bytes, unless they were too large to be claimed in calldata.
        if (
            request_.callback != address(0) &&
            (outputs.length != 0 || REGISTRY.outputSizeOf(request_.versionId) <= INLINE_LIMIT)
        ) _requireRoot(REGISTRY.outputRootFor(request_.versionId, outputs), outputRoot);

        _settle(requestId, job, RequestStatus.Final);
        _credit(requestId, job.operator, request_.fee - request_.royalty);
        _credit(requestId, request_.royaltyRecipient, request_.royalty);
        STAKING.release(requestId);
        _callBack(requestId, request_, IInferenceConsumer.Stage.Final, outputRoot, outputs);
    }

    // ------------------------------------------------------------------------------------------------ exits

    /// @inheritdoc IInferenceMarket
    function refund(Request calldata request_) external {
        (bytes32 requestId, Job storage job) = _after(request_, RequestStatus.Open, 0);
        _fail(requestId, job, RequestStatus.Refunded);
        _credit(requestId, request_.requester, request_.fee);
    }

    /// @inheritdoc IInferenceMarket
    function timeOut(Request calldata request_) external {
        (bytes32 requestId, Job storage job) = _after(request_, RequestStatus.Assigned, 0);
        // No operator can bring evidence that nobody verifies any more.
        bool blameless = !ATTESTATION.isLive(request_.policy);
        _fail(requestId, job, blameless ? RequestStatus.Cancelled : RequestStatus.TimedOut);
        _credit(requestId, request_.requester, request_.fee);
        // Nobody gains: the requester chooses how long a claim may take, and a share would pay it for choosing too little.
        if (blameless) STAKING.release(requestId);
        else STAKING.slash(requestId, IOperatorStaking.Fault.Liveness, address(0), address(0));
    }

    /// @inheritdoc IInferenceMarket
    function cancelWithheld(Request calldata request_) external {
        (bytes32 requestId, Job storage job) = _after(request_, RequestStatus.InputDemanded, 0);
        _fail(requestId, job, RequestStatus.Cancelled);
        uint256 compensation = (uint256(request_.fee) * WITHHELD_BPS) / BPS;
        _credit(requestId, job.operator, compensation);
        _credit(requestId, request_.requester, request_.fee - compensation);
        STAKING.release(requestId);
    }

    /// @inheritdoc IInferenceMarket
    function expireDispute(Request calldata request_) external {
        (bytes32 requestId, Job storage job) = _after(request_, RequestStatus.Challenged, MAX_DISPUTE_SECONDS);
        _fail(requestId, job, RequestStatus.Cancelled);
        _credit(requestId, request_.requester, request_.fee);
        STAKING.release(requestId);
    }

    /// @inheritdoc IInferenceMarket
    function withdraw(address account) external {
        uint256 amount = creditOf[account];
        require(amount != 0, MarketCreditZero(account));
        creditOf[account] = 0;
        emit CreditWithdrawn(account, amount);
        TOKEN.safeTransfer(account, amount);
    }

    // ------------------------------------------------------------------------------------------------ court

    /// @inheritdoc IInferenceMarket
    function setCourt(address court_) external restricted {
        require(court == address(0) && court_ != address(0), MarketCourtKnown(court));
        court = court_;
        emit CourtSet(court_);
    }

    /// @inheritdoc IInferenceMarket
    function markChallenged(bytes32 requestId, bytes32 claimId) external onlyCourt {
        Job storage job = _claimed(requestId, claimId, RequestStatus.Claimed);
        require(clock() < job.deadline, MarketDeadlinePassed(job.deadline, clock()));
        job.status = RequestStatus.Challenged;
        emit ClaimChallenged(requestId, claimId);
    }

    /// @inheritdoc IInferenceMarket
    function upheld(bytes32 requestId, bytes32 claimId) external onlyCourt {
        Job storage job = _claimed(requestId, claimId, RequestStatus.Challenged);
        job.status = RequestStatus.Claimed;
        emit ClaimUpheld(requestId, claimId);
    }

    /// @inheritdoc IInferenceMarket
    function convict(
        Request calldata request_,
        bytes32 claimId,
        address accuser
    ) external onlyCourt returns (uint256 taken) {
        bytes32 requestId = idOf(request_);
        Job storage job = _claimed(requestId, claimId, RequestStatus.Challenged);
        emit ClaimConvicted(requestId, claimId, accuser);
        _fail(requestId, job, RequestStatus.Convicted);
        _credit(requestId, request_.requester, request_.fee);
        return STAKING.slash(requestId, IOperatorStaking.Fault.Fraud, accuser, request_.requester);
    }

    // ------------------------------------------------------------------------------------------------ views

    /// @inheritdoc IInferenceMarket
    function claimOf(bytes32 requestId) external view returns (Claim memory) {
        Job storage job = _jobs[requestId];
        bool stands = job.status >= RequestStatus.Claimed && job.status <= RequestStatus.Final;
        return
            Claim({
                status: job.status,
                operator: job.operator,
                outputRoot: stands ? job.word : bytes32(0),
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
        if (job.status == RequestStatus.Claimed) return (Finality.Provisional, job.word);
        if (job.status == RequestStatus.Challenged) return (Finality.Disputed, job.word);
        if (job.status == RequestStatus.Final) return (Finality.Final, job.word);
        return (Finality.Failed, 0);
    }

    /// @inheritdoc IInferenceMarket
    function idOf(Request calldata request_) public view returns (bytes32) {
        return requestIdOf(address(this), request_);
    }

    /// @inheritdoc IInferenceMarket
    function collateralFor(uint96 valueAtRisk) public view returns (uint256) {
        // Cheating for a gain g at a chance c of being caught does not pay when the slash is at least g·(1 - c)/c.
        uint256 deterrent = Math.ceilDiv(uint256(valueAtRisk) * (BPS - CATCH_BPS), CATCH_BPS);
        return Math.max(MINIMUM_COLLATERAL, Math.max(valueAtRisk, deterrent));
    }

    /// @inheritdoc IInferenceMarket
    function minimumFeeFor(uint256 collateral) public view returns (uint256) {
        return MINIMUM_FEE + Math.ceilDiv(collateral * COLLATERAL_FEE_BPS, BPS);
    }

    // ------------------------------------------------------------------------------------------------ opening

    function _open(RequestTerms calldata terms) private whenNotPaused returns (bytes32 requestId) {
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
            requester: msg.sender,
            nonce: ++requestCount,
            versionId: terms.versionId,
            inputRoot: inputRoot,
            policy: terms.policy,
            fee: terms.fee,
            royalty: uint96(royalty),
            royaltyRecipient: royaltyRecipient,
            collateral: uint96(collateral),
            numericsVersion: numericsVersion,
            claimSeconds: terms.claimSeconds,
            windowSeconds: terms.windowSeconds,
            callback: terms.callback,
            callbackGas: terms.callbackGas,
            inputInline: terms.inputs.length != 0
        });
        requestId = requestIdOf(address(this), request_);
        Job storage job = _jobs[requestId];
        job.status = RequestStatus.Open;
        job.deadline = clock() + terms.assignSeconds;
        emit RequestOpened(
            requestId,
            terms.versionId,
            msg.sender,
            request_,
            job.deadline,
            terms.inputs,
            terms.inputUri
        );
        _commitDraw(requestId, job, terms.versionId);

        uint256 before = TOKEN.balanceOf(address(this));
        TOKEN.safeTransferFrom(msg.sender, address(this), terms.fee);
        // A token that delivers less, or calls back into another request, ends here.
        uint256 received = TOKEN.balanceOf(address(this)) - before;
        require(received == terms.fee, MarketTokenAmountMismatch(received, terms.fee));
    }

    function _requireTerms(RequestTerms calldata terms) private view returns (uint256 collateral) {
        collateral = collateralFor(terms.valueAtRisk);
        require(collateral <= type(uint96).max, MarketCollateralTooLarge(collateral, type(uint96).max));
        uint256 minimumFee = minimumFeeFor(collateral);
        require(terms.fee >= minimumFee, MarketFeeTooLow(terms.fee, minimumFee));
        _requireSeconds(terms.assignSeconds, MIN_STAGE_SECONDS, MAX_STAGE_SECONDS);
        _requireSeconds(terms.claimSeconds, MIN_STAGE_SECONDS, MAX_STAGE_SECONDS);
        _requireSeconds(terms.windowSeconds, 0, MAX_WINDOW_SECONDS);
        require(
            (terms.callback == address(0)) == (terms.callbackGas == 0) && terms.callbackGas <= MAX_CALLBACK_GAS,
            MarketCallbackInvalid(terms.callback, terms.callbackGas)
        );
        if (terms.minimumHolders != 0) {
            uint256 holders = STAKING.holders(terms.versionId);
            require(holders >= terms.minimumHolders, MarketHoldersTooFew(holders, terms.minimumHolders));
        }
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

    function _requireRoot(bytes32 actual, bytes32 expected) private pure {
        require(actual == expected, MarketRootMismatch(actual, expected));
    }

    function _requireUri(string calldata uri) private pure {
        uint256 length = bytes(uri).length;
        require(length != 0 && length <= MAX_URI_BYTES, MarketUriLength(length, MAX_URI_BYTES));
    }

    // ------------------------------------------------------------------------------------------------ internals

    /// @dev The job of a request in a state whose time is not over.
    function _before(
        Request calldata request_,
        RequestStatus status
    ) private view returns (bytes32 requestId, Job storage job) {
        (requestId, job) = _existing(request_, status);
        require(clock() < job.deadline, MarketDeadlinePassed(job.deadline, clock()));
    }

    /// @dev The job of a request in a state whose time, and `extra` seconds more, are over.
    function _after(
        Request calldata request_,
        RequestStatus status,
        uint40 extra
    ) private view returns (bytes32 requestId, Job storage job) {
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

    function _claimed(bytes32 requestId, bytes32 claimId, RequestStatus status) private view returns (Job storage job) {
        job = _jobs[requestId];
        require(job.status != RequestStatus.None, MarketRequestUnknown(requestId));
        require(job.status == status, MarketStatusForbids(requestId, job.status));
        // INVARIANT: a move lands on the claim that it names, or nowhere.
        bytes32 actual = _claimId(requestId, job);
        require(claimId == actual, MarketClaimMismatch(claimId, actual));
    }

    function _claimId(bytes32 requestId, Job storage job) private view returns (bytes32) {
        return claimIdOf(address(this), requestId, job.operator, job.word, job.deadline, job.claimedBlock);
    }

    function _commitDraw(bytes32 requestId, Job storage job, bytes32 versionId) private {
        uint64 ticket = RANDOMNESS.commit();
        uint40 cutoff = uint40(block.number);
        uint32 candidates = STAKING.slotsOf(versionId);
        job.word = Draw.unwrap(packDraw(ticket, cutoff, candidates));
        emit DrawCommitted(requestId, ticket, cutoff, candidates);
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
                operator: msg.sender,
                mode: bytes4(0),
                deadline: deadline,
                windowSeconds: request_.windowSeconds
            }),
            evidence
        );
    }

    function _settle(bytes32 requestId, Job storage job, RequestStatus status) private {
        job.status = status;
        emit RequestSettled(requestId, status);
    }

    /// @dev Settles without a result.
    function _fail(bytes32 requestId, Job storage job, RequestStatus status) private {
        job.word = 0;
        _settle(requestId, job, status);
    }

    function _credit(bytes32 requestId, address account, uint256 amount) private {
        if (amount == 0) return;
        creditOf[account] += amount;
        emit Credited(account, requestId, amount);
    }

    /// @dev One call with exactly the agreed gas. Whoever sends too little fails as a whole: 63/64 of what remains must
    /// cover it, or a caller could starve the callback and settle all the same. What the callee returns is not copied.
    function _callBack(
        bytes32 requestId,
        Request calldata request_,
        IInferenceConsumer.Stage stage,
        bytes32 outputRoot,
        bytes calldata outputs
    ) private {
        address target = request_.callback;
        if (target == address(0)) return;
        bytes memory data = abi.encodeCall(IInferenceConsumer.onInference, (requestId, stage, outputRoot, outputs));
        uint256 gasLimit = request_.callbackGas;
        uint256 wanted = (gasLimit * 64) / 63 + CALLBACK_RESERVE;
        require(gasleft() >= wanted, MarketGasInsufficient(gasleft(), wanted));
        bool success;
        // SAFETY: state is final for this stage, so reentrance finds nothing half done; return data of any size cost
        // nothing because none are copied.
        assembly ("memory-safe") {
            success := call(gasLimit, target, 0, add(data, 0x20), mload(data), 0, 0)
        }
        emit CallbackDone(requestId, stage, success);
    }
}
