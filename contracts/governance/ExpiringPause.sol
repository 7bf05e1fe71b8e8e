// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IExpiringPause} from "../interfaces/IExpiringPause.sol";

/// @title ExpiringPause
/// @notice See IExpiringPause. Deadlines kept in `clock()` time need no adjustment when a pause ends.
abstract contract ExpiringPause is IExpiringPause, AccessManaged {
    /// @inheritdoc IExpiringPause
    uint40 public constant PAUSE_SECONDS = 3 days;
    /// @inheritdoc IExpiringPause
    uint40 public constant PAUSE_GAP_SECONDS = 30 days;

    /// @dev Start of the pause that is running or ran last; zero once its length is in `_pausedBefore`.
    uint40 private _pausedAt;
    /// @dev Length of all pauses before that.
    uint40 private _pausedBefore;
    /// @dev Whether the pause is used up.
    bool private _spent;
    /// @dev Earliest start of the next pause, in seconds of the chain.
    uint40 private _nextPauseFrom;

    constructor(address authority) AccessManaged(authority) {}

    modifier whenNotPaused() {
        require(!paused(), PauseActive(_pausedAt + PAUSE_SECONDS));
        _;
    }

    /// @inheritdoc IExpiringPause
    function pause() external restricted {
        require(!_spent, PauseSpent());
        // Whoever may re-arm can have scheduled it long ago, and many times: the gap holds whatever governance does.
        require(block.timestamp >= _nextPauseFrom, PauseTooSoon(_nextPauseFrom));
        _spent = true;
        _nextPauseFrom = uint40(block.timestamp) + PAUSE_SECONDS + PAUSE_GAP_SECONDS;
        _pausedAt = uint40(block.timestamp);
        emit Paused(_pausedAt + PAUSE_SECONDS);
    }

    /// @inheritdoc IExpiringPause
    function unpause() external restricted {
        require(paused(), PauseNotActive());
        uint40 length = _running();
        _pausedBefore += length;
        _pausedAt = 0;
        emit Unpaused(length);
    }

    /// @inheritdoc IExpiringPause
    function rearmPause() external restricted {
        require(_spent, PauseNotSpent());
        require(!paused(), PauseActive(_pausedAt + PAUSE_SECONDS));
        _pausedBefore += _running();
        _pausedAt = 0;
        _spent = false;
        emit PauseRearmed();
    }

    /// @inheritdoc IExpiringPause
    function paused() public view returns (bool) {
        return _pausedAt != 0 && block.timestamp < _pausedAt + PAUSE_SECONDS;
    }

    /// @inheritdoc IExpiringPause
    function clock() public view returns (uint40) {
        return uint40(block.timestamp) - _pausedBefore - _running();
    }

    /// @dev Length so far of the pause at `_pausedAt`; it stops growing when the pause expires.
    function _running() private view returns (uint40) {
        if (_pausedAt == 0) return 0;
        uint40 elapsed = uint40(block.timestamp) - _pausedAt;
        return elapsed < PAUSE_SECONDS ? elapsed : PAUSE_SECONDS;
    }
}
