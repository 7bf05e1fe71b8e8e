// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {IPrepaidLedger} from "./IPrepaidLedger.sol";
import {Audit, AuditPeriod, AuditStatus} from "../types/Audit.sol";
import {Request} from "../types/Request.sol";

/// @title IAuditDesk
/// @notice Audits of claims that nobody doubts, so that whoever checks answers earns while all of them are right, and a
/// wrong one is caught without anybody's goodwill.
/// @dev Course of an audit:
/// 1. A period of the market's clock is over. `commitPeriod` asks for one seed for all claims that were made in it. So
///    claims are picked after they were made, and the path of a request pays nothing for it.
/// 2. `begin`: the seed says that a claim is picked, and draws one of those who hold the version: the auditor. A small
///    part of its stake is locked until it commits.
/// 3. `commit`: the auditor executes the request and commits to its trace root, against a bond.
/// 4. `publish`: now the operator publishes its own trace root. Both agree: bond back, and a reward. They do not: a dispute
///    opens at once, and the arithmetic decides (`settle`).
/// An operator that does not publish is challenged (`escalate`); an auditor that does not commit pays the penalty for a
/// missed answer (`lapse`).
///
/// The bond stays here while a dispute runs, and the verdict says whose it is: an auditor that committed to the trace that
/// the operator shows in court was right, whatever the operator published before, or did not publish. So no operator
/// gains by provoking a dispute.
///
/// All times are those of the market's clock, which stands still while the market is paused. Nothing here can be paused.
interface IAuditDesk is IPrepaidLedger {
    /// @notice The claims of a period wait for the seed of a ticket.
    event PeriodCommitted(uint256 indexed period, uint64 ticket, uint64 epoch);
    event AuditBegun(
        bytes32 indexed claimId,
        bytes32 indexed requestId,
        address indexed auditor,
        address operator,
        uint40 commitBy,
        uint40 publishBy
    );
    event AuditCommitted(bytes32 indexed claimId, address indexed auditor, bytes32 commitment);
    /// @notice The operator's trace root, and whether the auditor has the same.
    event AuditPublished(bytes32 indexed claimId, bytes32 traceRoot, bool agreed);
    /// @notice The auditor was silent; another one can be drawn.
    event AuditLapsed(bytes32 indexed claimId, address indexed auditor, bool slashed);
    /// @notice The audit is over.
    /// @param refunded Whether the bond went back; otherwise the operator got it, less the burn.
    /// @param reward What the auditor earned.
    event AuditSettled(bytes32 indexed claimId, address indexed auditor, bool refunded, uint256 reward);

    /// @notice A parameter of the constructor is out of range.
    error AuditParameterOutside(string name, uint256 actual, uint256 minimum, uint256 maximum);
    error AuditPeriodOpen(uint256 period, uint256 endsAt, uint40 clock);
    /// @notice The seed of the period is usable, or will be: there is no second one to choose from.
    error AuditPeriodCommitted(uint256 period);
    /// @notice Nobody has committed the period, or its epoch is no longer kept: `commitPeriod` is due.
    error AuditPeriodStale(uint256 period);
    error AuditSeedPending(uint64 ticket);
    error AuditStatusForbids(bytes32 claimId, AuditStatus actual, AuditStatus expected);
    error AuditNotPicked(bytes32 claimId);
    /// @notice The request has no claim that could still be challenged.
    error AuditClaimAbsent(bytes32 requestId);
    error AuditTooLate(uint256 time, uint256 until);
    error AuditTooEarly(uint256 time, uint256 from);
    error AuditNotFor(address actual, address expected);
    /// @notice The claim is in dispute: the verdict comes first.
    error AuditDisputed(bytes32 claimId);
    error AuditUndisputed(bytes32 claimId);

    /// @notice Asks for the seed of a period; anyone may call. Again when the seed was not read in time, or when its epoch is
    /// no longer kept: which claims are picked stays, who audits them is drawn anew.
    /// @dev Requirements: the period is over (AuditPeriodOpen); its present seed is unusable (AuditSeedPending,
    /// AuditPeriodCommitted).
    function commitPeriod(uint256 period) external;

    /// @notice Draws the auditor of a claim that is picked; anyone may call. The seed names candidates in an order; the first
    /// one that is able now is the auditor. One that took its stake away pays for it, once; one whose stake is in use, or that
    /// is in jail, is passed over as long as it is.
    /// @dev Requirements:
    /// - the claim can be challenged and its window leaves time for all stages (AuditClaimAbsent, AuditTooLate);
    /// - it has no audit (AuditStatusForbids);
    /// - the period has a seed (AuditPeriodStale, AuditSeedPending), and the claim is picked (AuditNotPicked).
    /// @return auditor Who was drawn; zero when nobody is able now.
    function begin(Request calldata request) external returns (address auditor);

    /// @notice Commits the auditor to its trace root and takes the bond; the auditor or its agent.
    /// @dev Requirements: an auditor was drawn (AuditStatusForbids) and the caller acts for it (AuditNotFor), in time
    /// (AuditTooLate).
    /// @param claimId The claim.
    /// @param commitment See `auditCommitmentOf`.
    function commit(bytes32 claimId, bytes32 commitment) external;

    /// @notice Publishes the operator's trace root; the operator or its agent. Settles the audit when the auditor has the same;
    /// otherwise opens the dispute of the claim.
    /// @dev Requirements: the claim can be challenged (AuditClaimAbsent; errors of court and market); the auditor has
    /// committed (AuditStatusForbids); the caller acts for the operator (AuditNotFor).
    function publish(Request calldata request, bytes32 traceRoot) external;

    /// @notice Challenges the claim of an operator that did not publish in time; anyone may call.
    /// @dev Requirements: as for `publish`; the time to publish is over (AuditTooEarly).
    function escalate(Request calldata request) external;

    /// @notice Takes the penalty of an auditor that did not commit in time; anyone may call. Its lock is freed without a penalty
    /// when the input was only committed: nobody can show that the auditor could fetch it.
    /// @dev Requirements: an auditor was drawn (AuditStatusForbids), its time is over (AuditTooEarly), and the claim is not in
    /// dispute (AuditDisputed): `settle` is due then.
    function lapse(Request calldata request) external;

    /// @notice Ends an audit whose claim was disputed, or that nobody escalated; anyone may call.
    /// @dev Requirements:
    /// - an auditor that has not committed is freed when the claim was disputed, or failed without a dispute because data were
    ///   withheld (AuditUndisputed; otherwise `lapse` is due);
    /// - one that has committed, after the verdict (AuditDisputed), or after the window (AuditTooEarly);
    /// - the audit is not over (AuditStatusForbids).
    /// @param request The request.
    /// @param outputRoot The output root that was claimed: the market forgets it when a claim fails.
    function settle(Request calldata request, bytes32 outputRoot) external;

    /// @notice The audit of a claim.
    function auditOf(bytes32 claimId) external view returns (Audit memory);

    /// @notice The seed of a period.
    function periodOf(uint256 period) external view returns (AuditPeriod memory);

    /// @notice Whether a seed picks a claim.
    function isPicked(bytes32 pickSeed, bytes32 claimId) external view returns (bool);

    /// @notice Shortest window, in seconds, in which a claim is audited whenever it is picked; the time until a seed is known
    /// comes on top. Claims with shorter windows are caught only by those who watch on their own account.
    function leastWindowFor(uint32 claimSeconds) external view returns (uint256);

    /// @notice What an auditor earns that agrees: the fund pays the same, on average, as fees bring in. Less when the fund has
    /// less.
    function rewardFor(uint256 fee) external view returns (uint256);

    /// @notice Share of all claims that is audited, in 1/10,000.
    function RATE_BPS() external view returns (uint16);

    function BOND() external view returns (uint96);

    function PERIOD_SECONDS() external view returns (uint32);

    function COMMIT_SECONDS() external view returns (uint32);

    function PUBLISH_SECONDS() external view returns (uint32);

    function MARGIN_SECONDS() external view returns (uint32);
}
