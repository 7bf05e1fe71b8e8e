import { ZeroAddress, ZeroHash } from "ethers";

import { CONSTANTS } from "../../../../../runner/protocol/constants.ts";
import { type AnswerStage, answerStageOf } from "../../../../../runner/protocol/enums.ts";
import { rentOf } from "../market.ts";
import { ASSIGNED, CHALLENGED, CLAIMED, FINAL, OPEN, short } from "../move.ts";
import { always, changes, type Invariant, moved, saidBy, textOf } from "./base.ts";
import { DISPUTE_DIAGRAM, REQUEST_DIAGRAM, transitions } from "./diagrams.ts";

/*
 * The life of a request: its states, deadlines, result and callbacks.
 */

const { INPUT_SECONDS } = CONSTANTS.DataAvailability;
const FINALITY = { unknown: 0n, pending: 1n, provisional: 2n, disputed: 3n, final: 4n, failed: 5n } as const;

/** How far a result may be relied on, by status. */
function finalityOf(status: bigint): bigint {
  if (status === 0n) return FINALITY.unknown;
  if (status < CLAIMED) return FINALITY.pending;
  if (status === CLAIMED) return FINALITY.provisional;
  if (status === CHALLENGED) return FINALITY.disputed;
  return status === FINAL ? FINALITY.final : FINALITY.failed;
}

/** The move that tells a consumer of a stage; the market knows no attested answers. */
const TELLING: Readonly<Partial<Record<AnswerStage, string>>> = {
  provisional: "market.claim",
  final: "market.finalise",
  failed: "market.notifyFailure",
};

export const REQUESTS: readonly Invariant[] = [
  always(
    "I-06",
    "requests and disputes go only where the diagrams say, by the moves they name, and ends stay",
    function* (world, step) {
      const { requests, disputes } = transitions(world, step);
      const rows = [
        ...requests.map((it) => [it, REQUEST_DIAGRAM] as const),
        ...disputes.map((it) => [it, DISPUTE_DIAGRAM] as const),
      ];
      for (const [{ id, name }, diagram] of rows) {
        if (diagram[name]?.includes(step.move) !== true) yield `${short(id)}: ${name} by ${step.move}`;
      }
    },
  ),

  always("I-57", "a request that has ended never changes again, in any part", function* ({ view }, { before }) {
    for (const [id, now, then] of changes(view.requests, before.requests)) {
      if (then === undefined || then.status < FINAL) continue;
      yield* moved(short(id), now, then, Object.keys(then) as (keyof typeof then)[]);
    }
  }),

  always(
    "I-58",
    "a stage's deadline is set when it begins, as long as was agreed, and never moves",
    function* ({ view, jobs }, { before, move }) {
      for (const [id, now, then] of changes(view.requests, before.requests)) {
        const request = jobs.find((job) => job.id === id)?.request;
        if (request === undefined) continue;
        const set: Readonly<Record<string, number | undefined>> = {
          [String(OPEN)]: Number(request.openUntil),
          [String(ASSIGNED)]: view.clock + Number(request.claimSeconds),
          [String(CLAIMED)]: view.clock + Number(request.windowSeconds),
        };
        const was = then?.status;
        const begun = now.status !== was && !(was === CHALLENGED && now.status === CLAIMED);
        // An operator that asks for the input once has the time to see it, and then all of its own.
        const postponed = now.status === ASSIGNED && move === "availability.demand" && now.deadline !== then?.deadline;
        const later = view.clock + INPUT_SECONDS + Number(request.claimSeconds);
        const due = postponed ? later : ((begun ? set[String(now.status)] : undefined) ?? then?.deadline);
        if (now.deadline !== due) yield `${short(id)}: ${now.deadline}, not ${due}`;
      }
    },
  ),

  always(
    "I-59",
    "nobody is drawn after a request's time, and a request that was missed is drawn again while it lasts",
    function* (world, step) {
      for (const { id, name } of transitions(world, step).requests) {
        const job = world.jobs.find((it) => it.id === id);
        const open = world.view.clock < Number(job?.request.openUntil ?? 0);
        if ((name === "Open to Assigned" || name === "Open to Claimed") && !open)
          yield `${short(id)} was drawn too late`;
        if (name === "Assigned to Open" && !open) yield `${short(id)} was opened too late`;
        if (name === "Assigned to TimedOut" && open) yield `${short(id)} ended too early`;
      }
    },
  ),

  always(
    "I-60",
    "a claim stands as it was made: operator, output and window never change while it stands",
    function* ({ view }, { before }) {
      for (const [id, now, then] of changes(view.requests, before.requests)) {
        if (then === undefined || then.claimId === ZeroHash || now.claimId === ZeroHash) continue;
        yield* moved(short(id), now, then, ["claimId", "outputRoot", "operator", "claimedBlock", "deadline"]);
      }
    },
  ),

  always(
    "I-61",
    "a result is told as far as it goes: provisional, disputed, final or failed, and no root without a claim",
    function* ({ view }) {
      for (const [id, { status, finality, result, outputRoot }] of view.requests) {
        const stands = status === CLAIMED || status === CHALLENGED || status === FINAL;
        if (finality !== finalityOf(status) || result !== outputRoot || (result !== ZeroHash) !== stands) {
          yield `${short(id)}: ${finality} and ${result} with status ${status}`;
        }
      }
    },
  ),

  always("I-62", "an open request has no operator, and an operator is named once for each draw", function* ({ view }) {
    for (const [id, { status, operator }] of view.requests) {
      if (status === OPEN && operator !== ZeroAddress) yield `${short(id)}: ${operator} while open`;
      if (status > OPEN && status < FINAL && operator === ZeroAddress) yield `${short(id)}: nobody`;
    }
  }),

  always(
    "I-63",
    "a consumer is called at most once for each stage, and never after the end it was told",
    function* ({ ledger, jobs, view }) {
      for (const { id, request } of jobs) {
        // After an answer that was missed, another one is made.
        const { callbacks } = ledger.job(id);
        if (callbacks.some((times) => times > 1)) yield `${short(id)}: ${callbacks.join()}`;
        const { status = 0n } = view.requests.get(id) ?? {};
        const [provisional = 0, , final = 0, failed = 0] = callbacks;
        if (final > 0 && (failed > 0 || status !== FINAL)) yield `${short(id)}: final with status ${status}`;
        if (failed > 0 && status <= FINAL) yield `${short(id)}: failed with status ${status}`;
        if (request.callback === ZeroAddress && provisional + final + failed > 0)
          yield `${short(id)}: nobody's callback`;
        if (status === FINAL && request.callback !== ZeroAddress && final !== 1) yield `${short(id)}: never told`;
      }
    },
  ),

  always("I-64", "a callback of any kind stops neither a claim nor a settlement", function* (world, { move }) {
    // A consumer that reverts, burns its gas or calls back is told in the event; the move that called it succeeded.
    for (const event of saidBy(world, "market.CallbackDone")) {
      const stage = answerStageOf(Number(event.args.stage));
      if (move !== TELLING[stage]) yield `stage ${stage} by ${move}`;
    }
    const claimed = saidBy(world, "market.Claimed").length + saidBy(world, "market.RequestSettled").length;
    if ((move === "market.claim" || move === "market.finalise") && claimed !== 1) yield `${move} did ${claimed} things`;
  }),

  always(
    "I-65",
    "a request has a number and an id of its own, and its fee and collateral are at least what the rules ask for",
    function* (world) {
      const { view, jobs } = world;
      if (view.requestCount !== jobs.length) yield `${view.requestCount} requests, events say ${jobs.length}`;
      for (const event of saidBy(world, "market.RequestOpened")) {
        const id = textOf(event, "requestId");
        const job = jobs.find((it) => it.id === id);
        if (job === undefined || jobs.filter((it) => it.id === id).length !== 1) yield `${short(id)} twice`;
        const { claimSeconds = 0, windowSeconds = 0, fee = 0, collateral = 0 } = job?.request ?? {};
        const leastFee = rentOf(BigInt(collateral), Number(claimSeconds) + Number(windowSeconds));
        if (BigInt(fee) < leastFee) yield `${short(id)}: ${fee} for ${collateral}`;
      }
    },
  ),

  always(
    "I-66",
    "only the operator or its agent claims or demands input, and fees stay the operator's",
    function* (world, { before }) {
      for (const event of saidBy(world, "market.Claimed")) {
        const operator = textOf(event, "operator");
        // Who is drawn by its own claim was nobody's before it.
        const { operator: then = ZeroAddress } = before.requests.get(textOf(event, "requestId")) ?? {};
        const assigned = then === ZeroAddress ? operator : then;
        const { agent } = before.operators.get(assigned) ?? {};
        const sender = world.chain.lastSender;
        if (operator !== assigned || (sender !== assigned && sender !== agent)) yield `${operator} by ${sender}`;
      }
    },
  ),

  always("I-67", "an operator asks for the input once, and everybody once for each chunk", function* ({ ledger }) {
    const seen = new Set<string>();
    for (const { requestId, chunk } of ledger.data) {
      if (seen.has(`${requestId} ${chunk}`)) yield `chunk ${chunk} of ${short(requestId)} twice`;
      seen.add(`${requestId} ${chunk}`);
    }
  }),
];
