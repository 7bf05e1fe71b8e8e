import { AbiCoder, id, keccak256, ZeroAddress } from "ethers";

import { CONSTANTS } from "../../../../../runner/protocol/constants.ts";
import { EPOCH_SECONDS, MARKET, STAKING } from "../../protocol.ts";
import { auditCommitmentOf, auditOf, isPicked, periodOf, stageOf } from "../audits.ts";
import { ACTIVE, addressOf, AUDIT_STATES, AUDITED, CHALLENGED, short } from "../move.ts";
import type { AuditView, View } from "../view.ts";
import { AUDIT, type Audited, type World } from "../world.ts";
import { always, bigOf, changes, type Invariant, least, saidBy, sum, textOf } from "./base.ts";
import { AUDIT_DIAGRAM, transitions } from "./diagrams.ts";

/*
 * Audits: who is drawn, what is locked and held, who is paid.
 */

const { CANDIDATES, BURN_BPS, SINK } = CONSTANTS.AuditDesk;
const DRAW_TAG = id("assay.audit.draw.v1");
const abi = AbiCoder.defaultAbiCoder();
/** More than any fee: fees do not matter for the draw of an auditor. */
const ANY_FEE = 2n ** 96n - 1n;
/** Where a dispute's case keeps the root of the trace. */
const TRACE_WORD = 3;
const BURNT = (AUDIT.bond * BigInt(BURN_BPS) + 9_999n) / 10_000n;

const auditedBy = (world: World, claimId: string): Audited | undefined =>
  world.audits.find((it) => it.claimId === claimId);

/** The root that the operator stands by in court; none before it committed there. */
const courtRoot = ({ view }: World, claimId: string): string => {
  const trace = view.disputes.get(claimId)?.trace ?? "";
  return `0x${trace.slice(64 * TRACE_WORD, 64 * TRACE_WORD + 64).padEnd(64, "0")}`;
};

/** The candidates of a claim, by the plain model of the pools. */
async function candidatesOf(world: World, { claimId, job }: Audited): Promise<readonly string[]> {
  const { ticket = 0, epoch = 0 } = world.view.periods.get(periodOf(world, job)) ?? {};
  const seed = await world.chain.hashOf(ticket);
  const wanted = {
    ...{ fee: ANY_FEE, collateral: STAKING.livenessPenalty, claimSeconds: BigInt(stageOf(job)), callbackGas: 0n },
  };
  return Array.from({ length: CANDIDATES }, (_, i) => {
    const own = keccak256(abi.encode(["bytes32", "bytes32", "bytes32", "uint256"], [DRAW_TAG, seed, claimId, i]));
    return world.ledger.pool(job.version.id).draw(wanted, epoch, own).operator;
  });
}

const isAble = ({ operators }: View, operator: string): boolean => {
  const { status, stake = 0n, locked = 0n } = operators.get(operator) ?? {};
  return status === ACTIVE && stake - locked >= STAKING.livenessPenalty;
};

/** Audits that stand otherwise than before. */
const moved = ({ view }: World, before: View): (readonly [string, AuditView, AuditView | undefined])[] => [
  ...changes(view.audits, before.audits),
];

export const AUDITS: readonly Invariant[] = [
  always(
    "I-96",
    "the desk of audits holds exactly its credits and the bonds of audits that are not settled",
    function* ({ view, contracts }) {
      const open = [...view.audits.values()].filter(({ status }) => status === AUDITED.committed).length;
      const owed = sum(view.credits.desk.values()) + BigInt(open) * AUDIT.bond;
      const held = view.balances.get(addressOf(contracts.desk));
      if (owed !== held) yield `owes ${owed}, holds ${held}`;
    },
  ),

  always(
    "I-97",
    "audits go only where their diagram says, by the moves it names, and ends stay",
    function* (world, step) {
      for (const { id: claimId, name } of transitions(world, step).audits) {
        if (AUDIT_DIAGRAM[name]?.includes(step.move) !== true) yield `${short(claimId)}: ${name} by ${step.move}`;
      }
      for (const [claimId, now, then] of moved(world, step.before)) {
        const same = then?.status === now.status && then.status !== AUDITED.none;
        if (same && (then.commitment !== now.commitment || then.auditor !== now.auditor || then.payer !== now.payer)) {
          yield `${short(claimId)}: changed while ${AUDIT_STATES[Number(now.status)] ?? ""}`;
        }
      }
    },
  ),

  always(
    "I-98",
    "an auditor is the first able of those whom a plain model names, for a claim that its seed picks, and never its operator",
    async function* (world, { before, move }) {
      if (move !== "desk.begin") return;
      for (const event of saidBy(world, "desk.AuditBegun")) {
        const [claimId, auditor, operator] = ["claimId", "auditor", "operator"].map((key) => textOf(event, key));
        const found = auditedBy(world, claimId ?? "");
        if (found === undefined || claimId === undefined) continue;
        const { pickSeed = "" } = world.view.periods.get(periodOf(world, found.job)) ?? {};
        const spent = before.audits.get(claimId)?.spent ?? 0;
        const candidates = await candidatesOf(world, found);
        const able = candidates.find((it, i) => {
          const out = ((spent >> i) & 1) === 1 || it === ZeroAddress || it === operator;
          return !out && isAble(before, it);
        });
        if (able !== auditor || auditor === operator) yield `${short(claimId)}: ${auditor}, not ${able ?? "nobody"}`;
        if (!isPicked(pickSeed, claimId)) yield `${short(claimId)} is not picked`;
      }
    },
  ),

  always(
    "I-99",
    "the seed of a period is asked for when it is over, before it can be known, and what it picks never changes",
    function* (world, { before }) {
      const { view } = world;
      for (const event of saidBy(world, "desk.PeriodCommitted")) {
        const [period, ticket, epoch] = ["period", "ticket", "epoch"].map((key) => Number(bigOf(event, key)));
        const over = ((period ?? 0) + 1) * AUDIT.periodSeconds <= view.clock;
        const fresh = (ticket ?? 0) > view.block && epoch === Math.floor(view.time / EPOCH_SECONDS);
        if (!over || !fresh) yield `period ${period}: ticket ${ticket}, epoch ${epoch}`;
      }
      for (const [period, now, then] of view.periods === before.periods ? [] : periodsOf(view, before)) {
        const set = then !== undefined && BigInt(then.pickSeed) !== 0n;
        if (set && now.pickSeed !== then.pickSeed) yield `period ${period}: ${then.pickSeed} became ${now.pickSeed}`;
      }
    },
  ),

  always(
    "I-100",
    "until an auditor commits, exactly the small penalty of its stake is locked, by the desk alone, and nothing after",
    function* (world, { move }) {
      for (const [claimId, { status, lock, lockedOf, auditor }] of world.view.audits) {
        const due = status === AUDITED.begun ? STAKING.livenessPenalty : 0n;
        if (lock !== due || (due > 0n && lockedOf !== auditor)) yield `${short(claimId)}: ${lock} of ${lockedOf}`;
      }
      for (const event of saidBy(world, "staking.Locked")) {
        const byDesk = textOf(event, "manager") === addressOf(world.contracts.desk);
        if (byDesk !== (move === "desk.begin")) yield `${textOf(event, "lockId")} by ${move}`;
      }
    },
  ),

  always(
    "I-101",
    "an auditor is paid at most once for a claim, and only for the trace by which the operator stands",
    function* (world) {
      for (const { claimId, job } of world.audits) {
        const paid = world.ledger.creditedFor("market", claimId);
        const most = (BigInt(job.request.fee) * BigInt(MARKET.auditBps)) / BigInt(AUDIT.rateBps);
        const { auditor, status } = auditOf(world, claimId);
        for (const [account, amount] of paid) {
          if (account !== auditor || amount > most || status !== AUDITED.settled) yield `${account} got ${amount}`;
        }
        if (world.ledger.audit(claimId).rewards > 1) yield `${short(claimId)} was paid twice`;
      }
      for (const event of saidBy(world, "desk.AuditSettled")) {
        if (bigOf(event, "reward") === 0n) continue;
        const claimId = textOf(event, "claimId");
        const [published] = saidBy(world, "desk.AuditPublished").map((it) => textOf(it, "traceRoot"));
        const root = published ?? courtRoot(world, claimId);
        const { commitment, auditor } = auditOf(world, claimId);
        const { outputRoot = "" } = auditedBy(world, claimId) ?? {};
        if (commitment !== auditCommitmentOf(world, claimId, root, outputRoot, auditor)) {
          yield `${short(claimId)}: paid for another trace`;
        }
      }
    },
  ),

  always(
    "I-102",
    "disagreement opens a dispute at once, in the auditor's name and without a bond; agreement ends the audit",
    function* (world, { move }) {
      for (const event of saidBy(world, "desk.AuditPublished")) {
        const [claimId, root] = [textOf(event, "claimId"), textOf(event, "traceRoot")];
        const { commitment, auditor, status } = auditOf(world, claimId);
        const { job, outputRoot = "" } = auditedBy(world, claimId) ?? {};
        const agreed = commitment === auditCommitmentOf(world, claimId, root, outputRoot, auditor);
        const dispute = world.view.disputes.get(claimId);
        const opened = dispute?.audit === true && dispute.challenger === auditor && dispute.status === 1n;
        const challenged = world.view.requests.get(job?.id ?? "")?.status === CHALLENGED;
        const right = agreed ? status === AUDITED.settled : opened && challenged && status === AUDITED.committed;
        if (!right || event.args.agreed !== agreed) yield `${short(claimId)}: ${agreed ? "agreed" : "not"}, ${status}`;
      }
      for (const event of saidBy(world, "court.Challenged")) {
        const audit = world.view.disputes.get(textOf(event, "claimId"))?.audit;
        if (audit !== (move !== "court.challenge")) yield `${textOf(event, "claimId")} by ${move}`;
      }
    },
  ),

  always(
    "I-103",
    "the bond of an audit leaves once: back to who paid it, or to an operator that stood with another trace, less the burn",
    function* (world) {
      const { view, ledger } = world;
      for (const { claimId, job, outputRoot } of world.audits) {
        const { status, payer, auditor, commitment } = auditOf(world, claimId);
        const paid = ledger.creditedFor("desk", claimId);
        if (status !== AUDITED.settled || BigInt(payer) === 0n) {
          if (paid.size > 0) yield `${short(claimId)}: paid while ${AUDIT_STATES[Number(status)] ?? ""}`;
          continue;
        }
        const upheld = view.disputes.get(claimId)?.status === 3n;
        const right = commitment === auditCommitmentOf(world, claimId, courtRoot(world, claimId), outputRoot, auditor);
        const operator = view.requests.get(job.id)?.operator ?? "";
        const lost = paid.get(SINK) === BURNT && paid.get(operator) === AUDIT.bond - BURNT && paid.size === 2;
        const returned = paid.get(payer) === AUDIT.bond && paid.size === 1;
        // What was settled before the verdict stays as it is.
        if (!returned && !(lost && upheld && !right)) yield `${short(claimId)}: ${[...paid].join()}`;
      }
    },
  ),

  always(
    "I-104",
    "who is silent as an auditor pays the small penalty for an input that stands on chain, and nothing for another",
    function* (world, { before, move }) {
      for (const event of saidBy(world, "desk.AuditLapsed")) {
        const [claimId, auditor] = [textOf(event, "claimId"), textOf(event, "auditor")];
        const inline = auditedBy(world, claimId)?.job.request.inputInline === true;
        const [then, now] = [before, world.view].map(({ operators }) => operators.get(auditor));
        // What it owes of other penalties is taken when the lock opens.
        const owed = sum(saidBy(world, "staking.OwedTaken").map((it) => bigOf(it, "amount")));
        const lost = (then?.stake ?? 0n) - (now?.stake ?? 0n) - owed;
        const due = inline ? least(STAKING.livenessPenalty, then?.stake ?? 0n) : 0n;
        if (lost !== due || event.args.slashed !== inline || move !== "desk.lapse") yield `${auditor} lost ${lost}`;
      }
    },
  ),
];

/** Seeds of periods that are not what they were. */
const periodsOf = ({ periods }: View, before: View) =>
  [...periods].map(([period, now]) => [period, now, before.periods.get(period)] as const);
