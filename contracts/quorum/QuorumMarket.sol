// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CreditLedger} from "../credit/CreditLedger.sol";
import {IClaimSource} from "../interfaces/IClaimSource.sol";
import {IDisputeCourt} from "../interfaces/IDisputeCourt.sol";
import {IInferenceConsumer} from "../interfaces/IInferenceConsumer.sol";
import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {IOperatorPools} from "../interfaces/IOperatorPools.sol";
import {IQuorumMarket} from "../interfaces/IQuorumMarket.sol";
import {IRandomness} from "../interfaces/IRandomness.sol";
import {BoundedCall} from "../market/BoundedCall.sol";
import {ClaimFacts, HeldClaim} from "../types/Claim.sol";
import {EvidenceContext} from "../types/Evidence.sol";
import {
    Quorum,
    QuorumFinality,
    QuorumParameters,
    QuorumRequest,
    QuorumStatus,
    Seat,
    SeatStatus,
    quorumCommitmentOf,
    quorumIdOf,
    seatIdOf
} from "../types/Quorum.sol";
import {AnswerStage} from "../types/Request.sol";
import {Fault} from "../types/Staking.sol";
import {QuorumIntake} from "./QuorumIntake.sol";
import {QuorumRecord} from "./QuorumRecord.sol";

/// @title QuorumMarket
/// @notice See IQuorumMarket. How a quorum begins is in QuorumIntake; here it answers and is settled.
contract QuorumMarket is QuorumIntake {
    /// @notice Gas that must be left before each dispute is opened: far more than that takes. So a dispute fails to open only
    /// where the court takes none of this source any more, and never because a caller gave too little gas.
    uint256 public constant CHALLENGE_GAS = 500_000;
    /// @dev Gas that must remain for what follows a callback.
    uint256 private constant CALLBACK_RESERVE = 20_000;

    /// @inheritdoc IClaimSource
    uint40 public immutable MAX_DISPUTE_SECONDS;

    modifier onlyCourt() {
        require(msg.sender == address(COURT), QuorumNotCourt(msg.sender, address(COURT)));
        _;
    }

    /// @param market Whose clock, registry, stake and price of locks count.
    /// @param court Judges the answers; it must take this contract as a source of claims.
    constructor(
        IInferenceMarket market,
        IDisputeCourt court,
        IOperatorPools pools,
        IRandomness randomness,
        QuorumParameters memory parameters
    ) CreditLedger(market.TOKEN()) QuorumRecord(market, court) QuorumIntake(pools, randomness, parameters) {
        MAX_DISPUTE_SECONDS = market.MAX_DISPUTE_SECONDS();
        // Stake whose exit begins when a quorum is asked is still there when its disputes end.
        uint256 longest = uint256(3) * MAX_STAGE_SECONDS + MAX_WINDOW_SECONDS + MAX_DISPUTE_SECONDS;
        longest += market.PAUSE_SECONDS();
        _requireParameter("unbondingSeconds", STAKING.UNBONDING_SECONDS(), longest, type(uint40).max);
    }

    // ------------------------------------------------------------------------------------------------ answers

    /// @inheritdoc IQuorumMarket
    function commit(QuorumRequest calldata request, uint8 number, bytes32 commitment) external {
        (bytes32 quorumId, Quorum storage quorum) = _quorumAt(request, QuorumStatus.Seated);
        uint40 clock = _requireClockBefore(quorum.deadline);
        Seat storage seat = _ownSeat(quorumId, number, SeatStatus.Taken);
        (seat.status, seat.word) = (SeatStatus.Committed, commitment);
        emit SeatCommitted(quorumId, number, commitment);
        if (++quorum.committed == request.seats) _beginReveal(quorumId, quorum, clock + request.revealSeconds);
    }

    /// @inheritdoc IQuorumMarket
    function reveal(
        QuorumRequest calldata request,
        uint8 number,
        bytes32 outputRoot,
        bytes32 salt,
        bytes[] calldata evidence
    ) external {
        (bytes32 quorumId, Quorum storage quorum) = _revealing(request);
        _requireClockBefore(quorum.deadline);
        Seat storage seat = _ownSeat(quorumId, number, SeatStatus.Committed);
        address operator = seat.operator;
        bytes32 commitment = quorumCommitmentOf(address(this), quorumId, operator, salt, outputRoot);
        require(commitment == seat.word, QuorumCommitmentMismatch(commitment, seat.word));
        _requireEvidence(request, seatIdOf(quorumId, number), operator, outputRoot, quorum.deadline, evidence);

        (seat.status, seat.word) = (SeatStatus.Revealed, outputRoot);
        if (quorum.revealed++ == 0) quorum.word = outputRoot;
        else if (quorum.word != outputRoot) quorum.split = true;
        emit SeatRevealed(quorumId, number, operator, outputRoot);
    }

    /// @inheritdoc IQuorumMarket
    function close(QuorumRequest calldata request) external {
        (bytes32 quorumId, Quorum storage quorum) = _revealing(request);
        uint40 clock = MARKET.clock();
        uint40 revealBy = quorum.deadline;
        uint256 revealed = quorum.revealed;
        require(clock >= revealBy || revealed == quorum.committed, QuorumDeadlineAhead(revealBy, clock));
        uint40 windowEnd = clock + request.windowSeconds;
        (quorum.deadline, quorum.claimedBlock) = (windowEnd, uint40(block.number));
        bool split = quorum.split;
        quorum.status = QuorumStatus.Answered;
        emit QuorumAnswered(quorumId, windowEnd, revealed, split);

        if (revealed != request.seats) _punishSilence(quorumId, request, clock, revealBy);
        if (revealed == 0) {
            _end(quorumId, quorum, QuorumStatus.Failed, 0, 0);
            _credit(quorumId, request.requester, uint256(request.fee) * request.seats);
        } else if (split) {
            _challengeAll(quorumId, quorum, request.seats);
        }
    }

    /// @dev Penalties of the seats that did not commit or not reveal. Where no evidence can be brought any more, because a route
    /// of the policy died, silence is nobody's fault.
    function _punishSilence(bytes32 quorumId, QuorumRequest calldata request, uint40 clock, uint40 revealBy) private {
        bool slashes = ATTESTATION.isLive(request.policy);
        for (uint256 i; i < request.seats; ++i) {
            bytes32 seatId = seatIdOf(quorumId, i);
            Seat storage seat = _seats[seatId];
            SeatStatus status = seat.status;
            if (status == SeatStatus.Revealed) continue;
            seat.status = SeatStatus.Silent;
            emit SeatSilent(quorumId, uint8(i), seat.operator, slashes);
            // Jail counts from the deadline that was missed: somebody that did not commit missed the one before.
            uint40 missed = status == SeatStatus.Taken ? revealBy - request.revealSeconds : revealBy;
            if (slashes) STAKING.slash(seatId, Fault.Liveness, _since(clock, missed), address(0), address(0));
            else STAKING.release(seatId);
        }
    }

    /// @dev Seconds since the epoch at which a time of the market's clock was.
    function _since(uint40 clock, uint40 time) private view returns (uint40) {
        return uint40(block.timestamp) - (clock - time);
    }

    /// @dev Each answer is challenged in the name of the next operator around the table that says something else.
    function _challengeAll(bytes32 quorumId, Quorum storage quorum, uint256 seats) private {
        for (uint256 i; i < seats; ++i) {
            bytes32 seatId = seatIdOf(quorumId, i);
            if (_seats[seatId].status != SeatStatus.Revealed) continue;
            require(gasleft() >= CHALLENGE_GAS, QuorumGasInsufficient(gasleft(), CHALLENGE_GAS));
            // A court that takes no disputes of this source any more must not keep fees and collateral here: then two
            // different answers stand, and nobody is paid.
            try COURT.challengeFor(seatId, _claimId(seatId, quorum), _accuserOf(quorumId, i, seats)) {} catch {}
        }
    }

    /// @dev INVARIANT: answers differ, so there is somebody who says something else than `number`.
    function _accuserOf(bytes32 quorumId, uint256 number, uint256 seats) private view returns (address accuser) {
        bytes32 own = _seats[seatIdOf(quorumId, number)].word;
        for (uint256 next = number + 1; accuser == address(0); ++next) {
            Seat storage seat = _seats[seatIdOf(quorumId, next % seats)];
            bool answered = seat.status == SeatStatus.Revealed || seat.status == SeatStatus.Challenged;
            if (answered && seat.word != own) accuser = seat.operator;
        }
    }

    // ------------------------------------------------------------------------------------------------ settlement

    /// @inheritdoc IQuorumMarket
    function settle(QuorumRequest calldata request) external {
        (bytes32 quorumId, Quorum storage quorum) = _quorumAt(request, QuorumStatus.Answered);
        _requireClockAt(quorum.deadline);
        (uint256 standing, bytes32 outputRoot, bool split) = _free(quorumId, quorum, request.seats);
        bool isFinal = !split && standing >= request.threshold;
        _end(
            quorumId,
            quorum,
            isFinal ? QuorumStatus.Final : QuorumStatus.Failed,
            isFinal ? outputRoot : bytes32(0),
            standing
        );

        uint256 left = uint256(request.fee) * request.seats;
        if (!split && standing != 0) {
            uint256 share = (uint256(request.fee) * quorum.convicted) / standing;
            left -= standing * (request.fee + share);
            for (uint256 i; i < request.seats; ++i) {
                bytes32 seatId = seatIdOf(quorumId, i);
                Seat storage seat = _seats[seatId];
                if (seat.status != SeatStatus.Revealed) continue;
                _credit(seatId, seat.operator, request.fee - request.royalty + share);
            }
            _credit(quorumId, request.royaltyRecipient, standing * request.royalty);
        }
        _credit(quorumId, request.requester, left);
    }

    /// @dev Frees the collateral of all seats that have one, and counts the answers that stand.
    function _free(
        bytes32 quorumId,
        Quorum storage quorum,
        uint256 seats
    ) private returns (uint256 standing, bytes32 outputRoot, bool split) {
        for (uint256 i; i < seats; ++i) {
            bytes32 seatId = seatIdOf(quorumId, i);
            Seat storage seat = _seats[seatId];
            if (seat.status == SeatStatus.Challenged) {
                uint40 until = quorum.deadline + MAX_DISPUTE_SECONDS;
                require(MARKET.clock() >= until, QuorumDisputed(seatId));
                seat.status = SeatStatus.Expired;
                emit SeatExpired(quorumId, uint8(i));
                STAKING.release(seatId);
            } else if (seat.status == SeatStatus.Revealed) {
                if (standing++ == 0) outputRoot = seat.word;
                else if (outputRoot != seat.word) split = true;
                STAKING.release(seatId);
            }
        }
    }

    // ------------------------------------------------------------------------------------------------ consumer

    /// @inheritdoc IQuorumMarket
    function tell(QuorumRequest calldata request, bytes calldata outputs) external {
        bytes32 quorumId = idOf(request);
        (QuorumFinality finality, bytes32 outputRoot) = resultOf(quorumId);
        AnswerStage stage;
        if (finality == QuorumFinality.Provisional) stage = AnswerStage.Provisional;
        else if (finality == QuorumFinality.Attested) stage = AnswerStage.Attested;
        else if (finality == QuorumFinality.Final) stage = AnswerStage.Final;
        else if (finality == QuorumFinality.Failed) stage = AnswerStage.Failed;
        else revert QuorumNothingToTell(quorumId);

        Quorum storage quorum = _quorums[quorumId];
        // Stages go forward only: after an attested answer a provisional one is no news.
        require(request.callback != address(0) && quorum.told >> uint8(stage) == 0, QuorumNothingToTell(quorumId));
        quorum.told |= uint8(1 << uint8(stage));
        if (stage == AnswerStage.Failed) {
            _callBack(quorumId, request, stage, 0, msg.data[0:0]);
        } else {
            bytes32 actual = REGISTRY.outputRootFor(request.versionId, outputs);
            require(actual == outputRoot, QuorumRootMismatch(actual, outputRoot));
            _callBack(quorumId, request, stage, outputRoot, outputs);
        }
    }

    /// @dev One call with exactly the agreed gas: if less than that can be passed on, the whole transaction reverts, so that
    /// nobody uses up a stage with a call that fails for want of gas.
    function _callBack(
        bytes32 quorumId,
        QuorumRequest calldata request,
        AnswerStage stage,
        bytes32 outputRoot,
        bytes calldata outputs
    ) private {
        bytes memory data = abi.encodeCall(IInferenceConsumer.onInference, (quorumId, stage, outputRoot, outputs));
        uint256 gasLimit = request.callbackGas;
        uint256 wanted = (gasLimit * 64) / 63 + CALLBACK_RESERVE;
        require(gasleft() >= wanted, QuorumGasInsufficient(gasleft(), wanted));
        // SAFETY: the stage is marked as told, so reentrance finds nothing half done.
        bool success = BoundedCall.tryCall(request.callback, gasLimit, data);
        emit QuorumTold(quorumId, stage, success);
    }

    // ------------------------------------------------------------------------------------------------ court

    /// @inheritdoc IClaimSource
    function markChallenged(bytes32 seatId, bytes32 claimId) external onlyCourt returns (HeldClaim memory) {
        Quorum storage quorum = _quorumOfSeat(seatId);
        require(quorum.status == QuorumStatus.Answered, QuorumStatusForbids(seatId, quorum.status));
        Seat storage seat = _claimed(seatId, claimId, SeatStatus.Revealed);
        uint40 windowEnd = quorum.deadline;
        uint40 clock = _requireClockBefore(windowEnd);
        seat.status = SeatStatus.Challenged;
        ++quorum.disputed;
        emit SeatChallenged(_quorumIdOf(seatId), uint8(uint256(seatId)), claimId);
        return
            HeldClaim({
                operator: seat.operator,
                outputRoot: seat.word,
                windowEnd: windowEnd,
                claimedBlock: quorum.claimedBlock,
                secondsLeft: windowEnd - clock
            });
    }

    /// @inheritdoc IClaimSource
    function upheld(bytes32 seatId, bytes32 claimId) external onlyCourt {
        _claimed(seatId, claimId, SeatStatus.Challenged).status = SeatStatus.Revealed;
        --_quorumOfSeat(seatId).disputed;
        emit SeatUpheld(_quorumIdOf(seatId), uint8(uint256(seatId)), claimId);
    }

    /// @inheritdoc IClaimSource
    function convict(bytes32 claimId, bytes calldata terms, address accuser) external onlyCourt {
        (bytes32 seatId, Seat storage seat, QuorumRequest memory request) = _inDispute(claimId, terms);
        seat.status = SeatStatus.Convicted;
        Quorum storage quorum = _quorumOfSeat(seatId);
        --quorum.disputed;
        ++quorum.convicted;
        emit SeatConvicted(_quorumIdOf(seatId), uint8(uint256(seatId)), claimId, accuser);
        STAKING.slash(seatId, Fault.Fraud, uint40(block.timestamp), accuser, request.requester);
    }

    /// @inheritdoc IClaimSource
    function factsOf(bytes32 claimId, bytes calldata terms) external view returns (ClaimFacts memory) {
        (, Seat storage seat, QuorumRequest memory request) = _inDispute(claimId, terms);
        return
            ClaimFacts({
                modelCommitment: REGISTRY.commitmentOf(request.versionId),
                inputRoot: request.inputRoot,
                outputRoot: seat.word
            });
    }

    // ------------------------------------------------------------------------------------------------ internals

    /// @dev The quorum of a request at its reveals, which begin by themselves when the time to commit is over.
    function _revealing(QuorumRequest calldata request) private returns (bytes32 quorumId, Quorum storage quorum) {
        quorumId = idOf(request);
        quorum = _quorums[quorumId];
        if (quorum.status == QuorumStatus.Seated) {
            uint40 commitBy = quorum.deadline;
            _requireClockAt(commitBy);
            _beginReveal(quorumId, quorum, commitBy + request.revealSeconds);
        }
        require(quorum.status == QuorumStatus.Revealing, QuorumStatusForbids(quorumId, quorum.status));
    }

    function _beginReveal(bytes32 quorumId, Quorum storage quorum, uint40 revealBy) private {
        (quorum.status, quorum.deadline) = (QuorumStatus.Revealing, revealBy);
        emit RevealBegun(quorumId, revealBy);
    }

    function _ownSeat(bytes32 quorumId, uint256 number, SeatStatus expected) private view returns (Seat storage seat) {
        seat = _requireSeat(seatIdOf(quorumId, number), expected);
        require(actsFor(msg.sender, seat.operator), QuorumNotOperator(msg.sender, seat.operator));
    }

    function _claimed(bytes32 seatId, bytes32 claimId, SeatStatus status) private view returns (Seat storage seat) {
        seat = _requireSeat(seatId, status);
        // INVARIANT: a move of the court changes the claim that it names, or nothing.
        bytes32 actual = _claimId(seatId, _quorumOfSeat(seatId));
        require(claimId == actual, QuorumClaimMismatch(claimId, actual));
    }

    function _inDispute(
        bytes32 claimId,
        bytes calldata terms
    ) private view returns (bytes32 seatId, Seat storage seat, QuorumRequest memory request) {
        uint8 number;
        (request, number) = abi.decode(terms, (QuorumRequest, uint8));
        seatId = seatIdOf(quorumIdOf(address(this), request), number);
        seat = _claimed(seatId, claimId, SeatStatus.Challenged);
    }

    function _quorumIdOf(bytes32 seatId) private pure returns (bytes32) {
        return seatId & ~bytes32(uint256(type(uint8).max));
    }

    function _requireEvidence(
        QuorumRequest calldata request,
        bytes32 seatId,
        address operator,
        bytes32 outputRoot,
        uint40 deadline,
        bytes[] calldata evidence
    ) private view {
        ATTESTATION.verify(
            request.policy,
            EvidenceContext({
                market: address(this),
                requestId: seatId,
                versionId: request.versionId,
                numericsVersion: request.numericsVersion,
                inputRoot: request.inputRoot,
                outputRoot: outputRoot,
                operator: operator,
                mode: bytes4(0),
                deadline: deadline,
                windowSeconds: request.windowSeconds
            }),
            evidence
        );
    }
}
