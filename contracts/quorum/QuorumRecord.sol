// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {PrepaidLedger} from "../credit/PrepaidLedger.sol";
import {IClaimSource} from "../interfaces/IClaimSource.sol";
import {IDisputeCourt} from "../interfaces/IDisputeCourt.sol";
import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IOperatorStaking} from "../interfaces/IOperatorStaking.sol";
import {IQuorumMarket} from "../interfaces/IQuorumMarket.sol";
import {claimIdOf} from "../types/Claim.sol";
import {
    Quorum,
    QuorumFinality,
    QuorumRequest,
    QuorumStatus,
    Seat,
    SeatStatus,
    quorumIdOf,
    seatIdOf
} from "../types/Quorum.sol";

/// @title QuorumRecord
/// @notice What every part of the quorum market shares: quorums and seats, and where they stand.
/// @dev A quorum is two words of storage and two for each seat; its terms are the preimage of its id and come back in calldata.
/// At any time balance >= credits + fees of the quorums that are not in a terminal state.
abstract contract QuorumRecord is IQuorumMarket, PrepaidLedger {
    /// @inheritdoc IQuorumMarket
    IInferenceMarket public immutable MARKET;
    /// @inheritdoc IQuorumMarket
    IDisputeCourt public immutable COURT;
    IModelRegistry public immutable REGISTRY;
    IOperatorStaking public immutable STAKING;

    mapping(bytes32 quorumId => Quorum quorum) internal _quorums;
    mapping(bytes32 seatId => Seat seat) internal _seats;

    constructor(IInferenceMarket market, IDisputeCourt court) {
        MARKET = market;
        COURT = court;
        REGISTRY = market.REGISTRY();
        STAKING = market.STAKING();
    }

    // ------------------------------------------------------------------------------------------------ views

    /// @inheritdoc IQuorumMarket
    function quorumOf(bytes32 quorumId) external view returns (Quorum memory) {
        return _quorums[quorumId];
    }

    /// @inheritdoc IQuorumMarket
    function seatOf(bytes32 quorumId, uint8 seat) external view returns (Seat memory) {
        return _seats[seatIdOf(quorumId, seat)];
    }

    /// @inheritdoc IQuorumMarket
    function claimIdFor(bytes32 quorumId, uint8 seat) external view returns (bytes32) {
        Quorum storage quorum = _quorums[quorumId];
        bytes32 seatId = seatIdOf(quorumId, seat);
        SeatStatus status = _seats[seatId].status;
        bool claimed = quorum.claimedBlock != 0 && status >= SeatStatus.Revealed && status != SeatStatus.Silent;
        return claimed ? _claimId(seatId, quorum) : bytes32(0);
    }

    /// @inheritdoc IQuorumMarket
    function resultOf(bytes32 quorumId) public view returns (QuorumFinality finality, bytes32 outputRoot) {
        Quorum storage quorum = _quorums[quorumId];
        QuorumStatus status = quorum.status;
        if (status == QuorumStatus.None) return (QuorumFinality.Unknown, 0);
        if (status == QuorumStatus.Final) return (QuorumFinality.Final, quorum.word);
        if (status > QuorumStatus.Final) return (QuorumFinality.Failed, 0);
        if (quorum.revealed == 0) return (QuorumFinality.Pending, 0);
        uint256 standing = quorum.revealed - quorum.convicted;
        if (quorum.split || quorum.disputed != 0 || standing == 0) return (QuorumFinality.Disputed, 0);
        return (_isAttested(quorum, standing) ? QuorumFinality.Attested : QuorumFinality.Provisional, quorum.word);
    }

    /// @inheritdoc IQuorumMarket
    function idOf(QuorumRequest calldata request) public view returns (bytes32) {
        return quorumIdOf(address(this), request);
    }

    /// @inheritdoc IClaimSource
    function actsFor(address account, address operator) public view returns (bool) {
        return account == operator || STAKING.actsFor(account, operator);
    }

    /// @inheritdoc IClaimSource
    function isChallenged(bytes32 seatId, bytes32 claimId) external view returns (bool) {
        return _seats[seatId].status == SeatStatus.Challenged && _claimId(seatId, _quorumOfSeat(seatId)) == claimId;
    }

    // ------------------------------------------------------------------------------------------------ internals

    function _isAttested(Quorum storage quorum, uint256 standing) private view returns (bool) {
        return quorum.status == QuorumStatus.Answered && standing >= quorum.threshold;
    }

    /// @dev The quorum of a request, which must stand at `expected`.
    function _quorumAt(
        QuorumRequest calldata request,
        QuorumStatus expected
    ) internal view returns (bytes32 quorumId, Quorum storage quorum) {
        quorumId = idOf(request);
        quorum = _quorums[quorumId];
        require(quorum.status == expected, QuorumStatusForbids(quorumId, quorum.status));
    }

    function _quorumOfSeat(bytes32 seatId) internal view returns (Quorum storage) {
        return _quorums[seatId & ~bytes32(uint256(type(uint8).max))];
    }

    function _claimId(bytes32 seatId, Quorum storage quorum) internal view returns (bytes32) {
        Seat storage seat = _seats[seatId];
        return claimIdOf(address(this), seatId, seat.operator, seat.word, quorum.deadline, quorum.claimedBlock);
    }

    function _requireSeat(bytes32 seatId, SeatStatus expected) internal view returns (Seat storage seat) {
        seat = _seats[seatId];
        require(seat.status == expected, QuorumSeatForbids(seatId, seat.status));
    }

    function _requireClockBefore(uint40 deadline) internal view returns (uint40 clock) {
        clock = MARKET.clock();
        require(clock < deadline, QuorumDeadlinePassed(deadline, clock));
    }

    function _requireClockAt(uint40 deadline) internal view returns (uint40 clock) {
        clock = MARKET.clock();
        require(clock >= deadline, QuorumDeadlineAhead(deadline, clock));
    }

    function _end(
        bytes32 quorumId,
        Quorum storage quorum,
        QuorumStatus status,
        bytes32 outputRoot,
        uint256 standing
    ) internal {
        (quorum.status, quorum.word) = (status, outputRoot);
        emit QuorumSettled(quorumId, status, outputRoot, standing);
    }

    function _requireParameter(string memory name, uint256 actual, uint256 minimum, uint256 maximum) internal pure {
        require(actual >= minimum && actual <= maximum, QuorumParameterOutside(name, actual, minimum, maximum));
    }
}
