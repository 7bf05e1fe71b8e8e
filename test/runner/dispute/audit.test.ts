import { expect } from "chai";

import { type AuditMove, type AuditView, nextAuditMove } from "../../../runner/dispute/audit.ts";

const [ME, OTHER, THIRD] = ["0xme", "0xother", "0xthird"];

/** A claim of `other` from 1,000 to 5,000 whose period is over at 1,500 and whose seed is there. */
const viewOf = (overrides: Partial<AuditView> = {}): AuditView => ({
  request: "claimed",
  dispute: "none",
  status: "none",
  auditor: "0x",
  operator: OTHER,
  commitBy: 0,
  triesLeft: true,
  windowEnd: 5_000,
  periodEnd: 1_500,
  latestBegin: 3_000,
  publishSeconds: 600,
  seed: "ready",
  ...overrides,
});

const moveAt = (time: number, overrides: Partial<AuditView> = {}, self = ME): AuditMove["kind"] =>
  nextAuditMove(self, viewOf(overrides), time).kind;

describe("nextAuditMove", () => {
  describe("before an audit", () => {
    it("waits for the end of the period, then asks for a seed, and begins when it is there", () => {
      expect(moveAt(1_499)).to.equal("wait");
      expect(moveAt(1_500, { seed: "none" })).to.equal("commitPeriod");
      expect(moveAt(1_500, { seed: "pending" })).to.equal("wait");
      expect(moveAt(1_500)).to.equal("begin");
    });
    it("asks for another seed when the one that there is cannot be used", () => {
      for (const seed of ["stale", "expired"] as const) expect(moveAt(1_600, { seed })).to.equal("commitPeriod");
    });
    it("has nothing to do where no audit can begin any more", () => {
      expect(moveAt(3_000)).to.equal("begin");
      expect(moveAt(3_001)).to.equal("done");
      expect(moveAt(1_600, { triesLeft: false })).to.equal("done");
      expect(moveAt(1_600, { dispute: "challenged", request: "challenged" })).to.equal("done");
      expect(moveAt(1_600, { request: "final" })).to.equal("done");
    });
  });

  describe("given an auditor", () => {
    const begun = { status: "begun", commitBy: 2_000, auditor: ME } as const;
    it("commits when it is the auditor, in time", () => {
      expect(moveAt(1_999, begun)).to.equal("commit");
      expect(moveAt(1_999, begun, THIRD)).to.equal("wait");
    });
    it("ends the turn of an auditor that was silent, its own too", () => {
      for (const self of [ME, THIRD]) expect(moveAt(2_000, begun, self)).to.equal("lapse");
    });
    it("frees itself when the claim is in dispute", () => {
      const disputed = { ...begun, dispute: "traceCommitted", request: "challenged" } as const;
      expect(moveAt(1_900, disputed)).to.equal("settle");
      expect(moveAt(2_100, disputed, THIRD)).to.equal("wait");
    });
  });

  describe("given a commitment", () => {
    const committed = { status: "committed", commitBy: 2_000, auditor: ME } as const;
    it("publishes when it is the operator, as long as the window is open", () => {
      expect(moveAt(1_900, committed, OTHER)).to.equal("publish");
      expect(moveAt(4_999, committed, OTHER)).to.equal("publish");
      expect(moveAt(5_000, committed, OTHER)).to.equal("done");
    });
    it("challenges a silent operator when it is the auditor, and not before its time is over", () => {
      expect(moveAt(2_599, committed)).to.equal("wait");
      expect(moveAt(2_600, committed)).to.equal("escalate");
      expect(moveAt(2_600, committed, THIRD)).to.equal("done");
    });
    it("takes its bond back when nobody challenged in time", () => {
      expect(moveAt(5_000, committed)).to.equal("settle");
    });
    it("settles after the verdict when it is a party", () => {
      const disputed = { ...committed, dispute: "traceCommitted", request: "challenged" } as const;
      expect(moveAt(3_000, disputed)).to.equal("wait");
      for (const self of [ME, OTHER]) {
        expect(moveAt(3_000, { ...committed, dispute: "upheld", request: "claimed" }, self)).to.equal("settle");
        expect(moveAt(3_000, { ...committed, dispute: "convicted", request: "convicted" }, self)).to.equal("settle");
        // The market gave up.
        expect(moveAt(3_000, { ...disputed, request: "cancelled" }, self)).to.equal("settle");
      }
      expect(moveAt(3_000, { ...committed, dispute: "upheld" }, THIRD)).to.equal("done");
    });
  });

  it("has nothing to do when the audit is over", () => {
    expect(moveAt(2_000, { status: "settled", auditor: ME })).to.equal("done");
  });
});
