// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @notice Where the audit of a claim stands. `Settled` is terminal. An audit whose auditor was silent stands at `None`
/// again, so that another auditor can be drawn.
enum AuditStatus {
    None,
    Begun,
    Committed,
    Settled
}

/// @notice The audit of one claim.
/// @param auditor Who was drawn.
/// @param commitBy The auditor commits while the market's clock is below this; it is published by `commitBy +
/// PUBLISH_SECONDS`.
/// @param status Where it stands.
/// @param candidate Number of the candidate that the auditor is.
/// @param spent Candidates, one bit each, that are drawn no more: they were silent, or made themselves unable.
/// @param payer Who paid the bond: the auditor or its agent.
/// @param commitment See `auditCommitmentOf`.
struct Audit {
    address auditor;
    uint40 commitBy;
    AuditStatus status;
    uint8 candidate;
    uint8 spent;
    address payer;
    bytes32 commitment;
}

/// @notice The claims of one period share one seed.
/// @param ticket What IRandomness is asked with.
/// @param epoch Epoch of the pools whose weights draw the auditors: the one of the commitment; zero before it.
/// @param pickSeed Seed that says which claims are audited; zero until it was read. It never changes.
struct AuditPeriod {
    uint64 ticket;
    uint64 epoch;
    bytes32 pickSeed;
}

/// @notice Amounts and times of a desk; they never change. Times are seconds of the market's clock.
/// @param rateBps Share of all claims that is audited, in 1/10,000.
/// @param bond What an auditor loses that commits to something wrong; at least the penalty for a missed answer.
/// @param periodSeconds Length of a period.
/// @param commitSeconds Least time for the auditor to execute and commit; the request's time for a claim if that is longer.
/// @param publishSeconds Time after that in which the operator publishes its trace root.
/// @param marginSeconds Time that is left of the window then, in which a silent operator is challenged.
struct AuditParameters {
    uint16 rateBps;
    uint96 bond;
    uint32 periodSeconds;
    uint32 commitSeconds;
    uint32 publishSeconds;
    uint32 marginSeconds;
}

bytes32 constant AUDIT_TAG = keccak256("assay.audit.v1");

/// @notice What an auditor commits to. It has no salt: whoever can test a guess of the trace root has executed the model.
/// It names the auditor, so nobody can pass on another's commitment as its own.
/// @param desk The audit desk.
/// @param claimId Claim that is audited.
/// @param traceRoot Root over the outputs of all kernels, as the auditor computed them.
/// @param outputRoot Root over the output tensor roots, as the auditor computed them: an operator that claims another
/// output cannot agree by publishing the right trace.
/// @param auditor Who was drawn.
function auditCommitmentOf(
    address desk,
    bytes32 claimId,
    bytes32 traceRoot,
    bytes32 outputRoot,
    address auditor
) view returns (bytes32) {
    return keccak256(abi.encode(AUDIT_TAG, block.chainid, desk, claimId, traceRoot, outputRoot, auditor));
}
