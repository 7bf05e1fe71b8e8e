/*
 * Bugs that somebody could have written, one at a time: what is replaced in which contract, and which invariant of the
 * walks notices. `npm run planted` tries them; docs/assurance.md lists them.
 */

/** A change of a contract that breaks the protocol. */
export interface Planted {
  readonly name: string;
  /** Name of the contract's file, without .sol. */
  readonly contract: string;
  /** What stands there once. */
  readonly original: string;
  readonly replacement: string;
  /** What somebody could do with it. */
  readonly harm: string;
}

export const PLANTED: readonly Planted[] = [
  {
    name: "locked stake can leave",
    contract: "StakeRecord",
    original: "uint256 free = operator.stake - operator.locked;",
    replacement: "uint256 free = operator.stake;",
    harm: "An operator unbonds the collateral of an answer before it is convicted.",
  },
  {
    name: "fraud costs the least penalty only",
    contract: "OperatorStaking",
    original: "fromLock = lock.amount;",
    replacement: "fromLock = uint96(Math.min(FRAUD_MINIMUM, lock.amount));",
    harm: "A wrong answer to a valuable request costs less than what it gains.",
  },
  {
    name: "penalties owed are forgiven at release",
    contract: "OperatorStaking",
    original:
      "emit Released(msg.sender, lockId, lock.operator, lock.amount);\n        _collectOwed(lockId, lock.operator);",
    replacement: "emit Released(msg.sender, lockId, lock.operator, lock.amount);",
    harm: "The least penalty for fraud is avoided with locks in requests to oneself.",
  },
  {
    name: "capacity is not looked at",
    contract: "OperatorStaking",
    original: "if (active && free >= amount && record.open < capacity) {",
    replacement: "if (active && free >= amount && capacity != 0) {",
    harm: "An operator is given more answers at once than it takes.",
  },
  {
    name: "jail counts from the report",
    contract: "InferenceMarket",
    original: "uint40 since = uint40(block.timestamp) - (clock() - job.deadline);",
    replacement: "uint40 since = uint40(block.timestamp);",
    harm: "Whoever reports a missed answer chooses when its operator is in jail.",
  },
  {
    name: "a fee is paid whole, and the royalty besides",
    contract: "InferenceMarket",
    original: "_credit(requestId, job.operator, request_.fee - request_.royalty - auditShare);",
    replacement: "_credit(requestId, job.operator, request_.fee);",
    harm: "The market owes more than it holds: the last one out gets nothing.",
  },
  {
    name: "a consumer is told twice that a request failed",
    contract: "InferenceMarket",
    original: "job.notified = true;",
    replacement: "",
    harm: "A consumer that pays back on failure pays again and again.",
  },
  {
    name: "a withdrawal leaves the credit",
    contract: "CreditLedger",
    original: "creditOf[account] = 0;",
    replacement: "",
    harm: "Whoever is owed anything takes everything.",
  },
  {
    name: "a draw that is disliked is drawn again",
    contract: "RequestIntake",
    original: "if (epoch + 1 < POOLS.epoch())",
    replacement: "if (epoch < POOLS.epoch())",
    harm: "Whoever dislikes whom a seed names waits for the next epoch.",
  },
  {
    name: "weights count at once",
    contract: "EpochCell",
    original: "if (epoch == present) return uint64(word >> 64);",
    replacement: "if (epoch == present) return uint64(word >> 128);",
    harm: "Whoever sees a seed changes its stake until the seed names it.",
  },
  {
    name: "a place is given away while draws still mean who left it",
    contract: "OperatorPools",
    original: "bool unused = leftIn != 0 && epoch() >= leftIn + 2;",
    replacement: "bool unused = leftIn != 0;",
    harm: "Whoever takes the place of an operator that leaves is drawn in its stead, with less stake.",
  },
  {
    name: "terms are not looked at in a draw",
    contract: "OperatorPools",
    original: "if (stake >= terms.collateral && _accepts(accepted, terms)) {",
    replacement: "if (stake >= terms.collateral && accepted.capacity != 0) {",
    harm: "An operator must answer for less than it asks, or pay.",
  },
  {
    name: "an accuser gets the challenger's bond",
    contract: "CourtRecord",
    original: "_credit(claimId, dispute.challenger, _challengeBond(dispute));",
    replacement: "_credit(claimId, accuser, _challengeBond(dispute));",
    harm: "Whoever opens a dispute for everybody loses its bond to the first accuser.",
  },
  {
    name: "a demand's bond is reclaimed again and again",
    contract: "OpeningGame",
    original: "delete _demands[demandId];",
    replacement: "",
    harm: "One demander takes the bonds of all others.",
  },
  {
    name: "a pause gives back no time",
    contract: "ExpiringPause",
    original: "_pausedBefore += length;\n        _phase = Phase.Ended;",
    replacement: "_phase = Phase.Ended;",
    harm: "Governance makes operators miss their deadlines by a pause.",
  },
  {
    name: "an answer is paid while its input is hidden",
    contract: "InferenceMarket",
    original: "        _requireShown(requestId, job);\n        bytes32 outputRoot = job.drawOrOutputRoot;",
    replacement: "        bytes32 outputRoot = job.drawOrOutputRoot;",
    harm: "Requester and operator agree on an input that nobody can check.",
  },
  {
    name: "an auditor is stuck when data are withheld",
    contract: "AuditDesk",
    original: "require(failed || verdict != DisputeStatus.None, AuditUndisputed(claimId));",
    replacement: "require(!failed && verdict != DisputeStatus.None, AuditUndisputed(claimId));",
    harm: "Whoever withholds an input locks a part of an auditor's stake for ever.",
  },
  {
    name: "an audit pays whoever is not wrong",
    contract: "AuditDesk",
    original: "if (verdict != DisputeStatus.Upheld) return _end(claimId, audit, 0);",
    replacement: "if (verdict != DisputeStatus.Upheld) return _end(claimId, audit, rewardFor(request.fee));",
    harm: "An auditor that guesses is paid when nobody escalates: the fund pays for no work.",
  },
  {
    name: "a commitment of an audit leaves the lock",
    contract: "AuditDesk",
    original: "        STAKING.release(claimId);\n        _charge(BOND);",
    replacement: "        _charge(BOND);",
    harm: "Each audit takes away stake that its auditor could answer with.",
  },
];
