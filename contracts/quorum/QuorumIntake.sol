// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IAttestationVerifier} from "../interfaces/IAttestationVerifier.sol";
import {IOperatorPools} from "../interfaces/IOperatorPools.sol";
import {IQuorumMarket} from "../interfaces/IQuorumMarket.sol";
import {IRandomness} from "../interfaces/IRandomness.sol";
import {BPS} from "../types/BasisPoints.sol";
import {Draw, TicketState, packDraw} from "../types/Draw.sol";
import {DrawOutcome, DrawTerms} from "../types/Place.sol";
import {
    Quorum,
    QuorumParameters,
    QuorumRequest,
    QuorumStatus,
    QuorumTerms,
    Seat,
    SeatStatus,
    quorumIdOf,
    seatIdOf
} from "../types/Quorum.sol";
import {VersionStatus} from "../types/Version.sol";
import {QuorumRecord} from "./QuorumRecord.sol";

/// @title QuorumIntake
/// @notice How a quorum begins: its terms and fees, and the draw of its operators.
abstract contract QuorumIntake is QuorumRecord {
    /// @notice Outcomes of one seed for each seat. More than one, because a seed may name an operator that has a seat.
    uint256 public constant OUTCOMES = 4;
    uint8 public constant MIN_SEATS = 2;
    uint8 public constant MAX_SEATS = 9;
    /// @notice Inputs and outputs up to this size; larger ones are the market's.
    uint256 public constant INLINE_LIMIT = 8_192;
    uint32 public constant MIN_STAGE_SECONDS = 1 minutes;
    uint32 public constant MAX_STAGE_SECONDS = 1 days;
    uint32 public constant MAX_WINDOW_SECONDS = 7 days;
    uint32 public constant MAX_CALLBACK_GAS = 1_000_000;

    bytes32 private constant DRAW_TAG = keccak256("assay.quorum.draw.v1");

    IAttestationVerifier public immutable ATTESTATION;
    IOperatorPools public immutable POOLS;
    IRandomness public immutable RANDOMNESS;
    uint96 public immutable MINIMUM_COLLATERAL;
    /// @inheritdoc IQuorumMarket
    uint16 public immutable CATCH_BPS;
    /// @dev Part of a slash that does not come back to an operator that is its own accuser and requester, in 1/BPS.
    uint256 private immutable LOST_BPS;

    /// @notice Quorums so far.
    uint64 public quorumCount;

    constructor(IOperatorPools pools, IRandomness randomness, QuorumParameters memory parameters) {
        ATTESTATION = MARKET.ATTESTATION();
        POOLS = pools;
        RANDOMNESS = randomness;
        MINIMUM_COLLATERAL = parameters.minimumCollateral;
        CATCH_BPS = parameters.catchBps;
        uint256 returned = STAKING.ACCUSER_BPS() + STAKING.HARMED_BPS();
        // Where all of a slash comes back, no collateral makes a wrong answer cost anything.
        _requireParameter("returnedBps", returned, 0, BPS - 1);
        _requireParameter("catchBps", parameters.catchBps, 1, BPS);
        // Silence costs something, and the lock of a seat covers it.
        uint256 penalty = STAKING.LIVENESS_PENALTY();
        _requireParameter("livenessPenalty", penalty, 1, type(uint96).max);
        _requireParameter("minimumCollateral", parameters.minimumCollateral, penalty, STAKING.MINIMUM_STAKE());
        LOST_BPS = BPS - returned;
    }

    // ------------------------------------------------------------------------------------------------ moves

    /// @inheritdoc IQuorumMarket
    function open(QuorumTerms calldata terms) external returns (bytes32 quorumId) {
        _requireRunning();
        (VersionStatus status, uint32 numericsVersion, uint16 royaltyBps, address royaltyRecipient) = REGISTRY.termsOf(
            terms.versionId
        );
        require(status != VersionStatus.Withdrawn, QuorumVersionUnusable(terms.versionId));
        ATTESTATION.requirePolicy(terms.policy, terms.versionId, terms.windowSeconds);
        uint256 collateral = _requireTerms(terms);
        QuorumRequest memory request = QuorumRequest({
            requester: msg.sender,
            nonce: ++quorumCount,
            versionId: terms.versionId,
            inputRoot: REGISTRY.inputRootFor(terms.versionId, terms.inputs),
            policy: terms.policy,
            seats: terms.seats,
            threshold: terms.threshold,
            fee: terms.fee,
            // SAFETY: a part of 96 bits.
            royalty: uint96((uint256(terms.fee) * royaltyBps) / BPS),
            royaltyRecipient: royaltyRecipient,
            collateral: uint96(collateral),
            numericsVersion: numericsVersion,
            openUntil: MARKET.clock() + terms.openSeconds,
            commitSeconds: terms.commitSeconds,
            revealSeconds: terms.revealSeconds,
            windowSeconds: terms.windowSeconds,
            callback: terms.callback,
            callbackGas: terms.callbackGas
        });
        quorumId = quorumIdOf(address(this), request);
        Quorum storage quorum = _quorums[quorumId];
        (quorum.status, quorum.deadline, quorum.threshold) = (QuorumStatus.Open, request.openUntil, terms.threshold);
        emit QuorumOpened(quorumId, terms.versionId, msg.sender, request, terms.inputs);
        _commitDraw(quorumId, quorum);
        _charge(uint256(terms.fee) * terms.seats);
    }

    /// @inheritdoc IQuorumMarket
    function draw(QuorumRequest calldata request) external returns (uint256 free) {
        _requireRunning();
        (bytes32 quorumId, Quorum storage quorum) = _quorumAt(request, QuorumStatus.Open);
        uint40 clock = _requireClockBefore(quorum.deadline);
        (uint64 ticket, uint64 epoch) = Draw.wrap(quorum.word).unpack();
        free = request.seats - quorum.taken;
        // Weights of older epochs are not kept, whatever became of the seed.
        if (epoch + 1 >= POOLS.epoch()) {
            (TicketState state, bytes32 seed) = RANDOMNESS.seedOf(ticket);
            require(state != TicketState.Pending, QuorumSeedPending(ticket));
            if (state == TicketState.Ready) free = _fill(quorumId, request, seed, epoch);
        }
        quorum.taken = uint8(request.seats - free);
        if (free != 0) {
            _commitDraw(quorumId, quorum);
            return free;
        }
        uint40 commitBy = clock + request.commitSeconds;
        (quorum.status, quorum.deadline) = (QuorumStatus.Seated, commitBy);
        emit QuorumSeated(quorumId, commitBy);
    }

    /// @inheritdoc IQuorumMarket
    function refund(QuorumRequest calldata request) external {
        (bytes32 quorumId, Quorum storage quorum) = _quorumAt(request, QuorumStatus.Open);
        _requireClockAt(quorum.deadline);
        _end(quorumId, quorum, QuorumStatus.Unfilled, 0, 0);
        // SAFETY: the least price of any lock of that collateral, so `open` asked for no less.
        uint256 paid = minimumFeeFor(request.collateral, 0);
        for (uint256 i; i < request.seats; ++i) {
            bytes32 seatId = seatIdOf(quorumId, i);
            address operator = _seats[seatId].operator;
            if (operator == address(0)) continue;
            _credit(seatId, operator, paid);
            STAKING.release(seatId);
        }
        _credit(quorumId, request.requester, uint256(request.fee) * request.seats - paid * quorum.taken);
    }

    // ------------------------------------------------------------------------------------------------ views

    /// @inheritdoc IQuorumMarket
    function collateralFor(uint96 valueAtRisk, uint96 fee, uint8 seats, uint8 threshold) public view returns (uint256) {
        uint256 gain = uint256(valueAtRisk) + uint256(fee) * seats;
        uint256 alone = (gain * BPS) / LOST_BPS + 1;
        uint256 together = (gain * BPS * BPS) / (LOST_BPS * CATCH_BPS * threshold) + 1;
        return Math.max(MINIMUM_COLLATERAL, Math.max(alone, together));
    }

    /// @inheritdoc IQuorumMarket
    function minimumFeeFor(uint256 collateral, uint256 lockSeconds) public view returns (uint256) {
        return MARKET.minimumFeeFor(collateral, lockSeconds);
    }

    // ------------------------------------------------------------------------------------------------ internals

    function _requireTerms(QuorumTerms calldata terms) private view returns (uint256 collateral) {
        _requireTerm("seats", terms.seats, MIN_SEATS, MAX_SEATS);
        _requireTerm("threshold", terms.threshold, 1, terms.seats);
        _requireTerm("openSeconds", terms.openSeconds, MIN_STAGE_SECONDS, MAX_STAGE_SECONDS);
        _requireTerm("commitSeconds", terms.commitSeconds, MIN_STAGE_SECONDS, MAX_STAGE_SECONDS);
        _requireTerm("revealSeconds", terms.revealSeconds, MIN_STAGE_SECONDS, MAX_STAGE_SECONDS);
        _requireTerm("windowSeconds", terms.windowSeconds, MIN_STAGE_SECONDS, MAX_WINDOW_SECONDS);
        _requireTerm("inputs", terms.inputs.length, 0, INLINE_LIMIT);
        _requireTerm("outputs", REGISTRY.outputSizeOf(terms.versionId), 0, INLINE_LIMIT);
        _requireTerm("holders", POOLS.holders(terms.versionId), terms.seats, type(uint64).max);
        collateral = collateralFor(terms.valueAtRisk, terms.fee, terms.seats, terms.threshold);
        _requireTerm("collateral", collateral, 0, type(uint96).max);
        uint256 lockSeconds = uint256(terms.openSeconds) + terms.commitSeconds + terms.revealSeconds;
        uint256 leastFee = minimumFeeFor(collateral, lockSeconds + terms.windowSeconds);
        _requireTerm("fee", terms.fee, leastFee, type(uint96).max);
        require(
            (terms.callback == address(0)) == (terms.callbackGas == 0) && terms.callbackGas <= MAX_CALLBACK_GAS,
            QuorumCallbackInvalid(terms.callback, terms.callbackGas)
        );
    }

    function _requireTerm(string memory name, uint256 actual, uint256 minimum, uint256 maximum) private pure {
        require(actual >= minimum && actual <= maximum, QuorumTermOutside(name, actual, minimum, maximum));
    }

    function _requireRunning() private view {
        require(!MARKET.paused(), QuorumPaused());
    }

    /// @dev Weights and terms are those of the present epoch, fixed before it began; the seed is known to nobody yet.
    function _commitDraw(bytes32 quorumId, Quorum storage quorum) private {
        uint64 ticket = RANDOMNESS.commit();
        uint64 epoch = POOLS.epoch();
        quorum.word = Draw.unwrap(packDraw(ticket, epoch));
        emit QuorumDrawCommitted(quorumId, ticket, epoch);
    }

    /// @dev Draws for each free seat. An operator that is unable leaves its seat free: a next in line would move up whoever
    /// locks the stake of the one before.
    /// @return free Seats that are free then.
    function _fill(
        bytes32 quorumId,
        QuorumRequest calldata request,
        bytes32 seed,
        uint64 epoch
    ) private returns (uint256 free) {
        // Whom this quorum has, and whom this seed has named: nobody has two seats, and nobody pays twice for one draw.
        address[] memory named = new address[](2 * uint256(request.seats));
        uint256 count;
        for (uint256 i; i < request.seats; ++i) {
            address operator = _seats[seatIdOf(quorumId, i)].operator;
            if (operator != address(0)) named[count++] = operator;
        }
        DrawTerms memory terms = DrawTerms({
            versionId: request.versionId,
            epoch: epoch,
            fee: request.fee - request.royalty,
            collateral: request.collateral,
            claimSeconds: request.commitSeconds,
            callbackGas: 0
        });
        for (uint256 i; i < request.seats; ++i) {
            bytes32 seatId = seatIdOf(quorumId, i);
            if (_seats[seatId].operator != address(0)) continue;
            (address operator, uint256 stake, uint32 capacity) = _pick(terms, seed, seatId, named, count);
            DrawOutcome outcome;
            if (operator != address(0)) {
                named[count++] = operator;
                outcome = STAKING.lockDrawn(operator, stake, capacity, request.collateral, seatId);
            }
            if (outcome == DrawOutcome.Drawn) {
                _seats[seatId] = Seat({operator: operator, status: SeatStatus.Taken, word: 0});
                emit SeatTaken(quorumId, uint8(i), operator);
            } else {
                ++free;
                emit SeatDrawEnded(quorumId, uint8(i), outcome, operator);
            }
        }
    }

    /// @dev The first outcome of the seat that names somebody new.
    function _pick(
        DrawTerms memory terms,
        bytes32 seed,
        bytes32 seatId,
        address[] memory named,
        uint256 count
    ) private view returns (address operator, uint256 stake, uint32 capacity) {
        for (uint256 i; i < OUTCOMES; ++i) {
            (operator, stake, capacity) = POOLS.draw(terms, keccak256(abi.encode(DRAW_TAG, seed, seatId, i)));
            bool known;
            for (uint256 j; j < count && !known; ++j) known = named[j] == operator;
            if (!known) return (operator, stake, capacity);
        }
        return (address(0), 0, 0);
    }
}
