// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IClock} from "../interfaces/IClock.sol";
import {IExpiringPause} from "../interfaces/IExpiringPause.sol";

/// @title ExpiringPause
/// @notice See IExpiringPause. Deadlines kept in `clock()` time need no adjustment when a pause ends.
abstract contract ExpiringPause is IExpiringPause, AccessManaged {
    /// @inheritdoc IExpiringPause
    uint40 public constant PAUSE_SECONDS = 3 days;
    /// @inheritdoc IExpiringPause
    uint40 public constant PAUSE_GAP_SECONDS = 30 days;

    /// @dev What has become of the last pause.
    enum Phase {
        // It is over, its length is counted, and another one may follow.
        Armed,
        // It runs, or has expired; its length is not counted yet.
        Used,
        // It was ended early, and its length is counted.
        Ended
    }

    /// @dev Start of the last pause; zero when there was none.
    uint40 private _pausedAt;
    /// @dev Length of all pauses that are counted.
    uint40 private _pausedBefore;
    Phase private _phase;

    constructor(address authority) AccessManaged(authority) {}

    modifier whenNotPaused() {
        require(!paused(), PauseActive(_pausedAt + PAUSE_SECONDS));
        _;
    }

    /// @inheritdoc IExpiringPause
    function pause() external restricted {
        require(_phase == Phase.Armed, PauseSpent());
        // Whoever may re-arm can have scheduled it long ago, and many times: the gap holds whatever governance does.
        uint40 from = _pausedAt == 0 ? 0 : _pausedAt + PAUSE_SECONDS + PAUSE_GAP_SECONDS;
        require(block.timestamp >= from, PauseTooSoon(from));
        _phase = Phase.Used;
        _pausedAt = uint40(block.timestamp);
        emit Paused(_pausedAt + PAUSE_SECONDS);
    }

    /// @inheritdoc IExpiringPause
    function unpause() external restricted {
        require(paused(), PauseNotActive());
        uint40 length = _running();
        _pausedBefore += length;
        _phase = Phase.Ended;
        emit Unpaused(length);
    }

    /// @inheritdoc IExpiringPause
    function rearmPause() external restricted {
        require(_phase != Phase.Armed, PauseNotSpent());
        require(!paused(), PauseActive(_pausedAt + PAUSE_SECONDS));
        _pausedBefore += _running();
        _phase = Phase.Armed;
        emit PauseRearmed();
    }

    /// @inheritdoc IExpiringPause
    function paused() public view returns (bool) {
        return _phase == Phase.Used && block.timestamp < _pausedAt + PAUSE_SECONDS;
    }

    /// @inheritdoc IClock
    function clock() public view returns (uint40) {
        return uint40(block.timestamp) - _pausedBefore - _running();
    }

    /// @dev Length so far of a pause that is not counted; it stops growing when the pause expires.
    function _running() private view returns (uint40) {
        if (_phase != Phase.Used) return 0;
        uint40 elapsed = uint40(block.timestamp) - _pausedAt;
        return elapsed < PAUSE_SECONDS ? elapsed : PAUSE_SECONDS;
    }
}
