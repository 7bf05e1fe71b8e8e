import { ZeroHash } from "ethers";

import { short } from "../move.ts";
import { COURT_TERMS } from "../world.ts";
import { always, bigOf, changes, type Invariant, moved, saidBy, textOf } from "./base.ts";

/*
 * Disputes: their clocks, demands and accusations.
 */

export const DISPUTES: readonly Invariant[] = [
  always("I-14", "deadlines of disputes and demands, and terms of the court, never change once they are set", function* (
    { view },
    { before },
  ) {
    for (const [claimId, now, then] of changes(view.disputes, before.disputes)) {
      if (then === undefined) continue;
      const set = (["traceUntil", "demandUntil", "end", "termsId", "challengeableUntil"] as const).filter(
        (key) => then[key] !== 0,
      );
      yield* moved(short(claimId), now, then, set);
    }
    for (const [claimId, now, then] of changes(view.demands, before.demands)) {
      for (const [i, was] of (then ?? []).entries()) {
        const is = now[i]?.answerUntil;
        const reclaimed = view.disputes.get(claimId)?.status === 4n && is === 0;
        if (was.answerUntil !== is && !reclaimed && was.answerUntil !== 0) yield `${short(claimId)}: demand ${i} moved`;
      }
    }
    for (const [i, terms] of before.terms.entries()) if (view.terms[i] !== terms) yield `terms ${i} changed`;
  }),

  always("I-68", "a claim has one dispute, whose challenger, operator and request never change", function* ({ view }, { before }) {
    for (const [claimId, now, then] of changes(view.disputes, before.disputes)) {
      if (then !== undefined) yield* moved(short(claimId), now, then, ["challenger", "operator", "requestId"]);
    }
  }),

  always("I-69", "a trace is committed once, by the operator, for the outputs that it claimed", function* (world, { before }) {
    const { view } = world;
    for (const [claimId, now, then] of changes(view.disputes, before.disputes)) {
      if (then === undefined || now.trace === then.trace) continue;
      const committed = saidBy(world, "court.TraceCommitted").length === 1;
      if (then.status !== 1n || !committed || world.chain.lastSender !== now.operator) yield `${short(claimId)}: changed`;
    }
    for (const event of saidBy(world, "court.TraceCommitted")) {
      const dispute = view.disputes.get(textOf(event, "claimId"));
      if (view.requests.get(dispute?.requestId ?? "")?.outputRoot === ZeroHash) yield "a trace of nothing";
    }
  }),

  always(
    "I-70",
    "a dispute's end leaves time for every answer and a proof, and its demands last beyond the claim's own window",
    function* ({ view, terms }) {
      for (const [claimId, { termsId, demandUntil, end, challengeableUntil }] of view.disputes) {
        if (end === 0) continue;
        const { demandWindow, answerWindow, proofMargin } = terms[termsId] ?? COURT_TERMS;
        const enough = end - demandUntil === answerWindow + proofMargin;
        if (!enough || demandUntil < challengeableUntil + demandWindow) yield `${short(claimId)}: ${demandUntil}, ${end}`;
      }
    },
  ),

  always("I-71", "demands are never fewer, those that are open are those without an answer, and an answer stays one", function* (
    { view },
    { before },
  ) {
    for (const [claimId, { demands, openDemands, status }] of view.disputes) {
      const records = view.demands.get(claimId) ?? [];
      const open = records.filter(({ answered, demander }) => !answered && BigInt(demander) !== 0n).length;
      if (status !== 4n && BigInt(open) !== openDemands) yield `${short(claimId)}: ${open} open, says ${openDemands}`;
      if (demands < (before.disputes.get(claimId)?.demands ?? 0n)) yield `${short(claimId)}: ${demands} demands`;
      for (const [i, was] of (before.demands.get(claimId) ?? []).entries()) {
        const is = records[i];
        if (was.answered && is?.answered === false && BigInt(is.demander) !== 0n) yield `${short(claimId)}: demand ${i}`;
      }
    }
  }),

  always("I-72", "no verdict comes before its time: silence convicts after its deadline, an operator is upheld after the end", function* (
    world,
    { before, move },
  ) {
    const { time } = world.view;
    for (const [claimId, now, then] of changes(world.view.disputes, before.disputes)) {
      if (then === undefined || now.status === then.status) continue;
      if (move === "court.convictWithoutTrace" && time <= then.traceUntil) yield `${short(claimId)}: too early`;
      if (move === "court.resolve" && (time <= then.end || then.openDemands !== 0n)) yield `${short(claimId)}: too early`;
      if (move === "court.proveFraud" && time > then.end) yield `${short(claimId)}: too late`;
      if (move === "court.commitTrace" && time > then.traceUntil) yield `${short(claimId)}: too late`;
      if (move !== "court.convictUnanswered") continue;
      const late = (before.demands.get(claimId) ?? []).some(({ answered, answerUntil }) => !answered && answerUntil < time);
      if (!late) yield `${short(claimId)}: nothing is unanswered`;
    }
  }),

  always("I-73", "a fraud proof pays whoever accused its element first", function* (world, { move }) {
    if (move !== "court.proveFraud") return;
    for (const event of saidBy(world, "court.Convicted")) {
      const [claimId, accuser] = [textOf(event, "claimId"), textOf(event, "accuser")];
      const found = world.cases.find((it) => it.claimId === claimId);
      const [proven] = saidBy(world, "court.FraudProven");
      const element = proven === undefined ? -1 : Number(bigOf(proven, "element"));
      const accusers = (found?.accusations ?? []).filter((it) => it.element === element).map((it) => it.accuser);
      // A replay may have been recorded for somebody who accused before.
      if (!accusers.includes(accuser)) yield `${short(claimId)}: ${accuser} never accused ${element}`;
    }
  }),

  always("I-74", "a conviction in court convicts the claim at the market while it waits, with the same accuser", function* (world, { before }) {
    for (const event of saidBy(world, "court.Convicted")) {
      const claimId = textOf(event, "claimId");
      const requestId = world.view.disputes.get(claimId)?.requestId ?? "";
      const waited = before.requests.get(requestId)?.status === 5n;
      const verdicts = saidBy(world, "market.ClaimConvicted").filter(
        (it) => textOf(it, "requestId") === requestId && textOf(it, "accuser") === textOf(event, "accuser"),
      );
      if ((verdicts.length === 1) !== waited) yield `${short(claimId)}: ${verdicts.length} verdicts`;
    }
  }),
];
