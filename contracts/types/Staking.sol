// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @notice Why stake is taken.
enum Fault {
    Liveness,
    Fraud
}

/// @notice What an operator may do.
enum OperatorStatus {
    None,
    Active,
    Jailed,
    Tombstoned
}

/// @notice An operator as stored.
/// @param stake Bonded stake, locked part included, unbonding part not.
/// @param locked Sum of the locks; never above `stake`.
/// @param open Number of the locks.
/// @param status What it may do.
struct Operator {
    uint96 stake;
    uint96 locked;
    uint32 open;
    OperatorStatus status;
}

/// @notice Collateral of one request.
struct Lock {
    address operator;
    uint96 amount;
}

/// @notice An exit on its way.
/// @param amount What is left of it.
/// @param releaseAt When it can be withdrawn, fixed when it was queued.
struct Unbonding {
    uint96 amount;
    uint40 releaseAt;
}

/// @notice Amounts and times of a deployment; they never change.
/// @param minimumStake Least stake of an operator that takes part in draws.
/// @param fraudMinimum Least penalty for proven fraud, where the stake covers it.
/// @param livenessPenalty Penalty for an answer that did not come, at most the lock.
/// @param unbondingSeconds Time between `unbond` and `withdraw`.
/// @param jailSeconds Least time in jail.
/// @param keyDelaySeconds Time before a rotated signing key counts.
/// @param correlationFactor How much more fraud costs when much of all stake was slashed lately: the part of an operator's
/// stake that is taken is at least this many times the part of all stake; zero turns it off.
struct StakingParameters {
    uint96 minimumStake;
    uint96 fraudMinimum;
    uint96 livenessPenalty;
    uint40 unbondingSeconds;
    uint40 jailSeconds;
    uint40 keyDelaySeconds;
    uint8 correlationFactor;
}
