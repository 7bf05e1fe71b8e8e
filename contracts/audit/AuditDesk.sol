// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {CreditLedger} from "../credit/CreditLedger.sol";
import {PrepaidLedger} from "../credit/PrepaidLedger.sol";
import {IAuditDesk} from "../interfaces/IAuditDesk.sol";
import {IDisputeCourt} from "../interfaces/IDisputeCourt.sol";
import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {IOperatorPools} from "../interfaces/IOperatorPools.sol";
import {IOperatorStaking} from "../interfaces/IOperatorStaking.sol";
import {IRandomness} from "../interfaces/IRandomness.sol";
import {Audit, AuditParameters, AuditPeriod, AuditStatus, auditCommitmentOf} from "../types/Audit.sol";
import {BPS} from "../types/BasisPoints.sol";
import {DisputeStatus} from "../types/Dispute.sol";
import {TicketState} from "../types/Draw.sol";
import {DrawOutcome, DrawTerms} from "../types/Place.sol";
import {claimIdOf} from "../types/Claim.sol";
import {Claim, Request, RequestStatus} from "../types/Request.sol";
import {Fault} from "../types/Staking.sol";

/// @title AuditDesk
/// @notice See IAuditDesk.
/// @dev A manager of the stake: it locks the penalty for a missed answer, and no more, from the auditor that was drawn until
/// that commits. Rewards are credit of the market, where the fees are; bonds are here.
contract AuditDesk is IAuditDesk, PrepaidLedger {
    /// @notice Candidates of one claim. Each has its own seed, which names one operator, however often it is asked.
    uint256 public constant CANDIDATES = 8;
    /// @notice Part of a lost bond that is burnt, in 1/10,000: an auditor that loses to a friend loses at least this.
    uint256 public constant BURN_BPS = 2_500;
    /// @notice Where it goes.
    address public constant SINK = 0x000000000000000000000000000000000000dEaD;
    uint32 public constant MIN_STAGE_SECONDS = 1 minutes;
    uint32 public constant MAX_STAGE_SECONDS = 1 days;

    bytes32 private constant PICK_TAG = keccak256("assay.audit.pick.v1");
    bytes32 private constant DRAW_TAG = keccak256("assay.audit.draw.v1");

    IInferenceMarket public immutable MARKET;
    IDisputeCourt public immutable COURT;
    IOperatorStaking public immutable STAKING;
    IOperatorPools public immutable POOLS;
    IRandomness public immutable RANDOMNESS;
    /// @inheritdoc IAuditDesk
    uint16 public immutable RATE_BPS;
    /// @inheritdoc IAuditDesk
    uint96 public immutable BOND;
    /// @notice Stake of an auditor that is locked until it commits: the penalty for a missed answer.
    uint96 public immutable LOCK;
    /// @inheritdoc IAuditDesk
    uint32 public immutable PERIOD_SECONDS;
    /// @inheritdoc IAuditDesk
    uint32 public immutable COMMIT_SECONDS;
    /// @inheritdoc IAuditDesk
    uint32 public immutable PUBLISH_SECONDS;
    /// @inheritdoc IAuditDesk
    uint32 public immutable MARGIN_SECONDS;
    /// @dev The market's share of each fee for audits.
    uint16 private immutable AUDIT_BPS;

    mapping(bytes32 claimId => Audit audit) private _audits;
    mapping(uint256 period => AuditPeriod record) private _periods;

    /// @param market Whose claims are audited; its `setCourt` names this desk.
    /// @param court Its court.
    constructor(
        IInferenceMarket market,
        IDisputeCourt court,
        IOperatorPools pools,
        IRandomness randomness,
        AuditParameters memory parameters
    ) CreditLedger(market.TOKEN()) {
        MARKET = market;
        COURT = court;
        STAKING = market.STAKING();
        POOLS = pools;
        RANDOMNESS = randomness;
        AUDIT_BPS = market.AUDIT_BPS();
        LOCK = STAKING.LIVENESS_PENALTY();
        RATE_BPS = parameters.rateBps;
        BOND = parameters.bond;
        PERIOD_SECONDS = parameters.periodSeconds;
        COMMIT_SECONDS = parameters.commitSeconds;
        PUBLISH_SECONDS = parameters.publishSeconds;
        MARGIN_SECONDS = parameters.marginSeconds;
        // Silence and a wrong commitment must cost something, and whoever has stake must be able to pay for silence.
        _requireParameter("livenessPenalty", LOCK, 1, STAKING.MINIMUM_STAKE());
        // A guess opens a dispute without another bond, so it is never cheaper than silence.
        _requireParameter("bond", BOND, LOCK, type(uint96).max);
        _requireParameter("rateBps", RATE_BPS, 1, BPS);
        _requireParameter("periodSeconds", PERIOD_SECONDS, MIN_STAGE_SECONDS, MAX_STAGE_SECONDS);
        _requireParameter("commitSeconds", COMMIT_SECONDS, MIN_STAGE_SECONDS, MAX_STAGE_SECONDS);
        _requireParameter("publishSeconds", PUBLISH_SECONDS, MIN_STAGE_SECONDS, MAX_STAGE_SECONDS);
        _requireParameter("marginSeconds", MARGIN_SECONDS, MIN_STAGE_SECONDS, MAX_STAGE_SECONDS);
    }

    // ------------------------------------------------------------------------------------------------ picks

    /// @inheritdoc IAuditDesk
    function commitPeriod(uint256 period) external {
        uint256 endsAt = (period + 1) * PERIOD_SECONDS;
        uint40 clock = MARKET.clock();
        require(clock >= endsAt, AuditPeriodOpen(period, endsAt, clock));
        AuditPeriod storage record = _periods[period];
        uint64 present = POOLS.epoch();
        if (record.epoch != 0) {
            (TicketState state, bytes32 seed) = RANDOMNESS.seedOf(record.ticket);
            // A seed that is on its way may be known to somebody already: it must not be replaced.
            require(state != TicketState.Pending, AuditSeedPending(record.ticket));
            bool usable = state == TicketState.Ready && record.epoch + 1 >= present;
            require(!usable, AuditPeriodCommitted(period));
            if (state == TicketState.Ready && record.pickSeed == 0) record.pickSeed = seed;
        }
        uint64 ticket = RANDOMNESS.commit();
        (record.ticket, record.epoch) = (ticket, present);
        emit PeriodCommitted(period, ticket, present);
    }

    /// @inheritdoc IAuditDesk
    function begin(Request calldata request) external returns (address auditor) {
        (bytes32 requestId, Claim memory claim) = _standing(request);
        Audit storage audit = _auditAt(claim.claimId, AuditStatus.None);
        uint40 clock = MARKET.clock();
        uint32 stage = _commitStage(request.claimSeconds);
        uint256 latest = uint256(claim.windowEnd) - Math.min(claim.windowEnd, stage + _secondsAfterCommit());
        require(clock <= latest, AuditTooLate(clock, latest));
        (bytes32 seed, uint64 epoch) = _seedFor(
            claim.claimId,
            (claim.windowEnd - request.windowSeconds) / PERIOD_SECONDS
        );

        auditor = _draw(audit, claim, request.versionId, stage, seed, epoch);
        if (auditor == address(0)) return auditor;
        uint40 commitBy = clock + stage;
        (audit.auditor, audit.commitBy, audit.status) = (auditor, commitBy, AuditStatus.Begun);
        emit AuditBegun(claim.claimId, requestId, auditor, claim.operator, commitBy, commitBy + PUBLISH_SECONDS);
    }

    /// @dev The first candidate who can audit. Fees do not matter here: otherwise whoever asks for little chooses its auditors.
    /// Time does: an auditor has as much as the operator had, and takes no less by its terms. That somebody is busy is
    /// remembered nowhere: otherwise whoever calls at a bad moment could spend all candidates.
    function _draw(
        Audit storage audit,
        Claim memory claim,
        bytes32 versionId,
        uint32 stage,
        bytes32 seed,
        uint64 epoch
    ) private returns (address) {
        DrawTerms memory terms = DrawTerms({
            versionId: versionId,
            epoch: epoch,
            fee: type(uint96).max,
            collateral: LOCK,
            claimSeconds: stage,
            callbackGas: 0
        });
        for (uint256 i; i < CANDIDATES; ++i) {
            uint8 bit = uint8(1 << i);
            if (audit.spent & bit != 0) continue;
            (address drawn, uint256 stake, ) = POOLS.draw(
                terms,
                keccak256(abi.encode(DRAW_TAG, seed, claim.claimId, i))
            );
            if (drawn == address(0) || drawn == claim.operator) continue;
            DrawOutcome outcome = STAKING.lockDrawn(drawn, stake, type(uint32).max, LOCK, claim.claimId);
            if (outcome == DrawOutcome.Drawn) {
                audit.candidate = uint8(i);
                return drawn;
            }
            // Nobody pays twice for one draw.
            if (outcome == DrawOutcome.Missed) audit.spent |= bit;
        }
        return address(0);
    }

    /// @dev The seed that draws the auditor and the epoch of the weights, if the period's seed picks the claim.
    function _seedFor(bytes32 claimId, uint256 period) private returns (bytes32 seed, uint64 epoch) {
        AuditPeriod storage record = _periods[period];
        epoch = record.epoch;
        require(epoch != 0 && epoch + 1 >= POOLS.epoch(), AuditPeriodStale(period));
        TicketState state;
        (state, seed) = RANDOMNESS.seedOf(record.ticket);
        require(state != TicketState.Pending, AuditSeedPending(record.ticket));
        require(state == TicketState.Ready, AuditPeriodStale(period));
        if (record.pickSeed == 0) record.pickSeed = seed;
        require(isPicked(record.pickSeed, claimId), AuditNotPicked(claimId));
    }

    // ------------------------------------------------------------------------------------------------ moves

    /// @inheritdoc IAuditDesk
    function commit(bytes32 claimId, bytes32 commitment) external {
        Audit storage audit = _auditAt(claimId, AuditStatus.Begun);
        address auditor = audit.auditor;
        _requireActsFor(auditor);
        uint40 clock = MARKET.clock();
        require(clock < audit.commitBy, AuditTooLate(clock, audit.commitBy));
        audit.status = AuditStatus.Committed;
        (audit.payer, audit.commitment) = (msg.sender, commitment);
        emit AuditCommitted(claimId, auditor, commitment);
        // From here on the bond answers for what it committed to.
        STAKING.release(claimId);
        _charge(BOND);
    }

    /// @inheritdoc IAuditDesk
    function publish(Request calldata request, bytes32 traceRoot) external {
        (bytes32 requestId, Claim memory claim) = _standing(request);
        Audit storage audit = _auditAt(claim.claimId, AuditStatus.Committed);
        _requireActsFor(claim.operator);
        bool agreed = _agrees(audit, claim.claimId, traceRoot, claim.outputRoot);
        emit AuditPublished(claim.claimId, traceRoot, agreed);
        if (agreed) _end(claim.claimId, audit, rewardFor(request.fee));
        else MARKET.challengeFor(requestId, claim.claimId, audit.auditor);
    }

    /// @inheritdoc IAuditDesk
    function escalate(Request calldata request) external {
        (bytes32 requestId, Claim memory claim) = _standing(request);
        Audit storage audit = _auditAt(claim.claimId, AuditStatus.Committed);
        _requireClockAt(uint256(audit.commitBy) + PUBLISH_SECONDS);
        MARKET.challengeFor(requestId, claim.claimId, audit.auditor);
    }

    /// @inheritdoc IAuditDesk
    function lapse(Request calldata request) external {
        // Without a dispute a claim keeps its id, also when it is final.
        bytes32 claimId = MARKET.claimOf(MARKET.idOf(request)).claimId;
        Audit storage audit = _auditAt(claimId, AuditStatus.Begun);
        uint40 commitBy = audit.commitBy;
        _requireClockAt(commitBy);
        require(COURT.disputeOf(claimId).status == DisputeStatus.None, AuditDisputed(claimId));
        audit.status = AuditStatus.None;
        audit.spent |= uint8(1 << audit.candidate);
        emit AuditLapsed(claimId, audit.auditor, request.inputInline);
        if (!request.inputInline) return STAKING.release(claimId);
        uint40 since = uint40(block.timestamp) - (MARKET.clock() - commitBy);
        STAKING.slash(claimId, Fault.Liveness, since, address(0), address(0));
    }

    /// @inheritdoc IAuditDesk
    function settle(Request calldata request, bytes32 outputRoot) external {
        bytes32 requestId = MARKET.idOf(request);
        Claim memory claim = MARKET.claimOf(requestId);
        bytes32 claimId = claimIdOf(
            address(MARKET),
            requestId,
            claim.operator,
            outputRoot,
            claim.windowEnd,
            claim.claimedBlock
        );
        Audit storage audit = _audits[claimId];
        DisputeStatus verdict = COURT.disputeOf(claimId).status;
        if (audit.status == AuditStatus.Begun) {
            // A claim that failed without a dispute, because data were withheld, needs no auditor any more either, and `lapse`
            // does not find it: the market tells its id no more.
            bool failed = claim.status > RequestStatus.Final;
            require(failed || verdict != DisputeStatus.None, AuditUndisputed(claimId));
            audit.status = AuditStatus.Settled;
            emit AuditSettled(claimId, audit.auditor, false, 0);
            return STAKING.release(claimId);
        }
        _auditAt(claimId, AuditStatus.Committed);
        if (verdict == DisputeStatus.None) _requireClockAt(claim.windowEnd);
        else require(claim.status != RequestStatus.Challenged, AuditDisputed(claimId));

        if (verdict != DisputeStatus.Upheld) return _end(claimId, audit, 0);
        // The operator's trace stood in court: the auditor was right if it is the one that it committed to.
        if (_agrees(audit, claimId, COURT.caseOf(claimId).traceRoot, outputRoot)) {
            return _end(claimId, audit, rewardFor(request.fee));
        }
        audit.status = AuditStatus.Settled;
        emit AuditSettled(claimId, audit.auditor, false, 0);
        uint256 burned = Math.ceilDiv(uint256(BOND) * BURN_BPS, BPS);
        _credit(claimId, claim.operator, BOND - burned);
        _credit(claimId, SINK, burned);
    }

    // ------------------------------------------------------------------------------------------------ views

    /// @inheritdoc IAuditDesk
    function auditOf(bytes32 claimId) external view returns (Audit memory) {
        return _audits[claimId];
    }

    /// @inheritdoc IAuditDesk
    function periodOf(uint256 period) external view returns (AuditPeriod memory) {
        return _periods[period];
    }

    /// @inheritdoc IAuditDesk
    function isPicked(bytes32 pickSeed, bytes32 claimId) public view returns (bool) {
        // SAFETY: the remainder of 256 bits favours no value by more than 2^-242.
        return uint256(keccak256(abi.encode(PICK_TAG, pickSeed, claimId))) % BPS < RATE_BPS;
    }

    /// @inheritdoc IAuditDesk
    function leastWindowFor(uint32 claimSeconds) external view returns (uint256) {
        return uint256(PERIOD_SECONDS) + _commitStage(claimSeconds) + _secondsAfterCommit();
    }

    /// @inheritdoc IAuditDesk
    function rewardFor(uint256 fee) public view returns (uint256) {
        return (fee * AUDIT_BPS) / RATE_BPS;
    }

    // ------------------------------------------------------------------------------------------------ internals

    /// @dev The claim of a request, if it is not in dispute and not final.
    function _standing(Request calldata request) private view returns (bytes32 requestId, Claim memory claim) {
        requestId = MARKET.idOf(request);
        claim = MARKET.claimOf(requestId);
        require(claim.status == RequestStatus.Claimed, AuditClaimAbsent(requestId));
    }

    function _auditAt(bytes32 claimId, AuditStatus expected) private view returns (Audit storage audit) {
        audit = _audits[claimId];
        require(audit.status == expected, AuditStatusForbids(claimId, audit.status, expected));
    }

    function _agrees(
        Audit storage audit,
        bytes32 claimId,
        bytes32 traceRoot,
        bytes32 outputRoot
    ) private view returns (bool) {
        return audit.commitment == auditCommitmentOf(address(this), claimId, traceRoot, outputRoot, audit.auditor);
    }

    /// @dev The auditor was not wrong: bond back, and up to `wanted` from the fund.
    function _end(bytes32 claimId, Audit storage audit, uint256 wanted) private {
        audit.status = AuditStatus.Settled;
        uint256 reward = wanted == 0 ? 0 : MARKET.payAudit(claimId, audit.auditor, wanted);
        emit AuditSettled(claimId, audit.auditor, true, reward);
        _credit(claimId, audit.payer, BOND);
    }

    /// @dev Time to commit: an auditor has no less than the operator had.
    function _commitStage(uint32 claimSeconds) private view returns (uint32) {
        return claimSeconds > COMMIT_SECONDS ? claimSeconds : COMMIT_SECONDS;
    }

    function _secondsAfterCommit() private view returns (uint32) {
        return PUBLISH_SECONDS + MARGIN_SECONDS;
    }

    function _requireActsFor(address operator) private view {
        require(STAKING.actsFor(msg.sender, operator), AuditNotFor(msg.sender, operator));
    }

    function _requireClockAt(uint256 from) private view {
        uint40 clock = MARKET.clock();
        require(clock >= from, AuditTooEarly(clock, from));
    }

    function _requireParameter(string memory name, uint256 actual, uint256 minimum, uint256 maximum) private pure {
        require(actual >= minimum && actual <= maximum, AuditParameterOutside(name, actual, minimum, maximum));
    }
}
