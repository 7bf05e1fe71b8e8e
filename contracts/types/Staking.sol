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

/// @notice Who gets a share of slashed stake.
enum Share {
    Accuser,
    Harmed,
    Sink
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

/// @notice Slashed stake on its way to its recipients.
/// @param amounts Shares that are still unpaid, indexed by `Share`.
/// @param accuser Recipient of the first share.
/// @param harmed Recipient of the second share.
/// @param payableAt When the shares can be paid.
/// @param frozen Whether governance used its one freeze.
struct Payout {
    uint96[3] amounts;
    address accuser;
    address harmed;
    uint40 payableAt;
    bool frozen;
}

/// @notice Amounts and times of a deployment; they never change.
/// @param minimumStake Least stake of an operator that takes part in draws.
/// @param fraudMinimum Least penalty for proven fraud, where the stake covers it.
/// @param livenessPenalty Penalty for an answer that did not come, at most the lock.
/// @param unbondingSeconds Time between `unbond` and `withdraw`.
/// @param jailSeconds Least time in jail.
/// @param keyDelaySeconds Time before a rotated signing key counts.
/// @param payoutDelaySeconds Airgap before slashed stake is paid.
/// @param freezeSeconds How far governance can postpone a payout, once.
struct StakingParameters {
    uint96 minimumStake;
    uint96 fraudMinimum;
    uint96 livenessPenalty;
    uint40 unbondingSeconds;
    uint40 jailSeconds;
    uint40 keyDelaySeconds;
    uint40 payoutDelaySeconds;
    uint40 freezeSeconds;
}
