// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {IClaimSource} from "./IClaimSource.sol";
import {IDisputeCourt} from "./IDisputeCourt.sol";
import {IInferenceMarket} from "./IInferenceMarket.sol";
import {IPrepaidLedger} from "./IPrepaidLedger.sol";
import {DrawOutcome} from "../types/Place.sol";
import {Quorum, QuorumFinality, QuorumRequest, QuorumStatus, QuorumTerms, Seat, SeatStatus} from "../types/Quorum.sol";
import {AnswerStage} from "../types/Request.sol";

/// @title IQuorumMarket
/// @notice Asks n distinct operators the same question. They commit before anyone reveals, so nobody copies; answers are
/// exact to the bit, so agreement is equality; a disagreement is not voted away, it goes to the court.
/// @dev Course of a quorum:
/// 1. `open`: the fees of all seats are held, a draw is committed.
/// 2. `draw`: the seed names an operator for each seat, and the collateral of each is locked. Seats whose operator is unable
///    are drawn again with a new seed; seats that are taken stay.
/// 3. `commit`: keccak256 over quorum, operator, salt and output root.
/// 4. `reveal`, once all have committed or the time to commit is over: output root, salt, evidence of the policy.
/// 5. `close`, once all who committed have revealed or the time is over: every revealed answer becomes a claim with a
///    challenge window. Who was silent pays the penalty of a missed answer. If answers differ, every one of them is
///    challenged at once.
/// 6. `settle`, after the window and all verdicts: who stands is paid. The answer is final when `threshold` stand.
///
/// Why every answer is challenged when two differ, and not the fewer: a majority may be one party under many names. The
/// court needs no trust in numbers: whoever computed can show its trace, and one wrong element convicts. So each is made to
/// show it, and each is the accuser of another who says something else. Nobody pays a bond for these disputes: whoever
/// disagrees has staked the collateral of its own answer, and loses it if that answer is the wrong one. All disputes run
/// at the same time, so however many disagree, they delay the others by one dispute and no more.
///
/// Who pays for the defence: the fee of a convicted seat goes in equal parts to those whose answers stand. The convicted
/// loses more by its collateral than all fees together (`collateralFor`), so no party gains by convicting a seat of its own.
///
/// Answers that stand are paid even where fewer than `threshold` do: their operators did their part, and otherwise whoever
/// asks could have the answer for nothing, with one seat of its own that is silent.
///
/// If two different answers are upheld, because nobody proved the wrong one wrong in time, nobody knows which it is: nobody
/// is paid, and nobody slashed.
///
/// Stages, for a consumer (`tell`): provisional, when one operator has revealed; attested, when `threshold` said the same,
/// nobody anything else, and none of them is in dispute; final; or failed. `tell` is apart from all other moves: a callback
/// stands in nobody's way, and operators pay none.
///
/// As a source of claims the id is the one of a seat (`seatIdOf`), and `terms` are abi.encode(QuorumRequest, seat).
/// Times are those of the market's clock, which stands still while the market is paused; `open` and `draw` are refused then.
interface IQuorumMarket is IPrepaidLedger, IClaimSource {
    event QuorumOpened(
        bytes32 indexed quorumId,
        bytes32 indexed versionId,
        address indexed requester,
        QuorumRequest request,
        bytes inputs
    );
    event QuorumDrawCommitted(bytes32 indexed quorumId, uint64 ticket, uint64 epoch);
    event SeatTaken(bytes32 indexed quorumId, uint8 indexed seat, address indexed operator);
    /// @notice The seat stays free until the next seed.
    event SeatDrawEnded(bytes32 indexed quorumId, uint8 indexed seat, DrawOutcome outcome, address operator);
    /// @notice All seats are taken.
    event QuorumSeated(bytes32 indexed quorumId, uint40 commitBy);
    event SeatCommitted(bytes32 indexed quorumId, uint8 indexed seat, bytes32 commitment);
    /// @notice Nobody commits any more.
    event RevealBegun(bytes32 indexed quorumId, uint40 revealBy);
    event SeatRevealed(bytes32 indexed quorumId, uint8 indexed seat, address indexed operator, bytes32 outputRoot);
    /// @notice The operator of the seat did not commit, or not reveal.
    event SeatSilent(bytes32 indexed quorumId, uint8 indexed seat, address indexed operator, bool slashed);
    /// @notice Answers are claims now, each with the id that `claimIdOf` gives.
    event QuorumAnswered(bytes32 indexed quorumId, uint40 windowEnd, uint256 revealed, bool split);
    event SeatChallenged(bytes32 indexed quorumId, uint8 indexed seat, bytes32 claimId);
    event SeatUpheld(bytes32 indexed quorumId, uint8 indexed seat, bytes32 claimId);
    event SeatConvicted(bytes32 indexed quorumId, uint8 indexed seat, bytes32 claimId, address accuser);
    /// @notice The court gave no verdict in time.
    event SeatExpired(bytes32 indexed quorumId, uint8 indexed seat);
    /// @notice The quorum reached a terminal state.
    event QuorumSettled(bytes32 indexed quorumId, QuorumStatus status, bytes32 outputRoot, uint256 standing);
    event QuorumTold(bytes32 indexed quorumId, AnswerStage stage, bool success);

    /// @notice A parameter of the constructor is out of range.
    error QuorumParameterOutside(string name, uint256 actual, uint256 minimum, uint256 maximum);
    /// @notice A term of the request is out of range.
    error QuorumTermOutside(string name, uint256 actual, uint256 minimum, uint256 maximum);
    error QuorumVersionUnusable(bytes32 versionId);
    error QuorumCallbackInvalid(address callback, uint32 callbackGas);
    error QuorumPaused();
    error QuorumStatusForbids(bytes32 quorumId, QuorumStatus actual);
    error QuorumSeatForbids(bytes32 seatId, SeatStatus actual);
    error QuorumDeadlinePassed(uint40 deadline, uint40 clock);
    error QuorumDeadlineAhead(uint40 deadline, uint40 clock);
    error QuorumSeedPending(uint64 ticket);
    error QuorumNotOperator(address actual, address expected);
    error QuorumNotCourt(address actual, address expected);
    error QuorumCommitmentMismatch(bytes32 actual, bytes32 expected);
    error QuorumClaimMismatch(bytes32 actual, bytes32 expected);
    error QuorumRootMismatch(bytes32 actual, bytes32 expected);
    /// @notice Verdicts of this quorum are still to come.
    error QuorumDisputed(bytes32 seatId);
    /// @notice There is no callback, or the present stage was told, or there is none to tell.
    error QuorumNothingToTell(bytes32 quorumId);
    error QuorumGasInsufficient(uint256 actual, uint256 wanted);

    /// @notice Asks a quorum and holds the fees of all seats.
    /// @dev Requirements: all terms are in range (QuorumTermOutside), the version can be asked (QuorumVersionUnusable; errors
    /// of the registry), the policy can be met (errors of the attestation verifier), and the market is not paused (QuorumPaused).
    function open(QuorumTerms calldata terms) external returns (bytes32 quorumId);

    /// @notice Draws an operator for each free seat once the seed is there; anyone may call. Commits a new draw when seats
    /// stay free, or when the seed or the weights of its epoch are kept no longer.
    /// @dev Bounded: at most `OUTCOMES` draws for each seat. One that names an operator that has a seat, or that this seed
    /// named before, counts for nothing; an operator that is unable leaves the seat free.
    /// @return free Seats that are free now.
    function draw(QuorumRequest calldata request) external returns (uint256 free);

    /// @notice Ends a quorum whose seats were not all taken in time. Those who waited get the price of the lock; the rest
    /// goes back. Otherwise whoever asks for more operators than there are would lock others' stake for nothing.
    function refund(QuorumRequest calldata request) external;

    /// @notice Commits the operator of a seat to its answer; the operator or its agent. The last one begins the reveals.
    /// @param commitment See `quorumCommitmentOf`.
    function commit(QuorumRequest calldata request, uint8 seat, bytes32 commitment) external;

    /// @notice Reveals the answer of a seat; the operator or its agent.
    /// @param evidence One piece for each mode of the policy; the context's request is the seat (`seatIdOf`), its market this
    /// contract.
    function reveal(
        QuorumRequest calldata request,
        uint8 seat,
        bytes32 outputRoot,
        bytes32 salt,
        bytes[] calldata evidence
    ) external;

    /// @notice Ends the reveals: penalties for who was silent, claims for who was not, disputes if they differ. Anyone may call.
    function close(QuorumRequest calldata request) external;

    /// @notice Ends the quorum after window and verdicts; anyone may call. A dispute that takes longer than
    /// `MAX_DISPUTE_SECONDS` is given up: its seat is freed and unpaid.
    function settle(QuorumRequest calldata request) external;

    /// @notice Tells the consumer the present stage, once each; anyone may call.
    /// @param outputs Bytes of the output tensors in order, without gaps; empty after a failure.
    function tell(QuorumRequest calldata request, bytes calldata outputs) external;

    /// @notice Collateral of a seat.
    /// @dev Let G = `valueAtRisk` + `seats` · `fee`: no wrong answer gains more. Let L be the collateral of a seat, r the
    /// share of a slash that comes back to an operator that is its own accuser and requester, t the threshold, and c the
    /// chance that somebody convicts a wrong answer on which all who revealed agree (`CATCH_BPS`).
    /// - If anybody reveals the right answer, every wrong one is challenged by itself, and convicted for certain as long as
    ///   one of those who have the right one proves it. A wrong answer then gains at most G (somebody may have relied on a
    ///   provisional answer) and loses (1 - r)·L.
    /// - If all who revealed are one party, t seats at least, a wrong answer gains at most G and loses t·(1 - r)·L with
    ///   chance c.
    /// Both are losses, strictly, if and only if (1 - r)·L > G and c·t·(1 - r)·L > G.
    function collateralFor(
        uint96 valueAtRisk,
        uint96 fee,
        uint8 seats,
        uint8 threshold
    ) external view returns (uint256);

    /// @notice Least fee of a seat, royalty included: the market's for the same lock.
    function minimumFeeFor(uint256 collateral, uint256 lockSeconds) external view returns (uint256);

    /// @notice Id of a quorum.
    function idOf(QuorumRequest calldata request) external view returns (bytes32);

    function quorumOf(bytes32 quorumId) external view returns (Quorum memory);

    function seatOf(bytes32 quorumId, uint8 seat) external view returns (Seat memory);

    /// @notice Id of the claim of a seat; zero before it is one.
    function claimIdFor(bytes32 quorumId, uint8 seat) external view returns (bytes32);

    /// @notice How far the answer may be relied on, and its output root; zero where there is none.
    function resultOf(bytes32 quorumId) external view returns (QuorumFinality finality, bytes32 outputRoot);

    function MARKET() external view returns (IInferenceMarket);

    function COURT() external view returns (IDisputeCourt);

    /// @notice Chance, in 1/10,000, that a wrong answer is convicted on which all who revealed agree; sets the collateral.
    function CATCH_BPS() external view returns (uint16);
}
