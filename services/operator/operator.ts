import type { ContractTransaction } from "ethers";

import type { Hash } from "../../runner/commitment/keccak.ts";
import { commitTrace } from "../../runner/commitment/trace.ts";
import { type DefendedTrace, nextOperatorMove, type OperatorMove } from "../../runner/dispute/operator.ts";
import { CONSTANTS } from "../../runner/protocol/constants.ts";
import type { Store } from "../../runner/files/store.ts";
import { type Budget, DEFAULT_BUDGET, halved } from "../../runner/proving/witness.ts";
import { AuditorService } from "../auditor/auditor.ts";
import { demandData, settleData, showData } from "../blobs/data.ts";
import { fetchInput, inputOnChain } from "../blobs/input.ts";
import { publishTrace } from "../blobs/blobs.ts";
import { Custody, type HeldAnswer } from "../blobs/custody.ts";
import { encodeTerms, mutable } from "../chain/calldata.ts";
import { collect } from "../chain/collect.ts";
import { type Now, nowOf, send, type ServiceContext } from "../chain/context.ts";
import { toShow, withheld } from "../chain/data-demands.ts";
import { evidenceFor, type Provers } from "../chain/evidence.ts";
import type { RequestView } from "../chain/ledger.ts";
import { eachAlone } from "../chain/loop.ts";
import { isTooLarge } from "../chain/sender.ts";
import { describeError } from "../environment/describe.ts";
import type { Action } from "../environment/events.ts";
import { type Answer, type HostedModel, joinTensors, modelFor, type Run, splitTensors } from "../models/models.ts";
import { SeedService } from "../randomness/seeds.ts";
import { compareOrders, type WorkOrder } from "../work/order.ts";
import { OTHER_WORK, type Piece, takeWork, WHOLE } from "../chain/share.ts";
import { roomIn, workUntilIdle, type Workshop } from "../work/workshop.ts";

export interface OperatorOptions extends ServiceContext {
  readonly models: readonly HostedModel[];
  readonly store: Store;
  /** Folder of what is kept for each answer; of this operator alone. */
  readonly custody: string;
  readonly workshop: Workshop;
  /** What stands before a blob's id in the locations that are given to others. */
  readonly locationPrefix: string;
  /** Where the rounds of the randomness beacon are published; see `parseBeacons`. */
  readonly beacons?: readonly string[] | undefined;
  /** Who makes evidence of modes that are neither optimistic nor signed, such as proofs. */
  readonly provers?: Provers | undefined;
  /** What is claimed instead of the honest run; for demonstrations of fraud only. */
  readonly tamper?: (run: Run, model: HostedModel) => Promise<Run>;
}

/** A request of a model that is hosted here. */
interface Job {
  readonly view: RequestView;
  readonly hosted: HostedModel;
  readonly order: WorkOrder;
}

/** Blocks for which an answer is kept after its request is forgotten: a reorganisation may bring it back. */
const HELD_BLOCKS = 256;
/** Draws that are looked at in one step: requests wait for their seed, and there may be many. */
const DRAWS_A_STEP = 64;
/** Whether there may be something to do for a request now, and not only later. */
const needsMove = ({ status, deadline, demands }: RequestView, { marketTime }: Now): boolean =>
  status !== "claimed" || marketTime >= deadline || demands.some(({ data }) => data === undefined);

/** Jobs as they are shared between processes. */
function piecesOf(jobs: readonly Job[], now: Now): readonly (Piece & { readonly job: Job })[] {
  let draws = 0;
  return jobs.flatMap((job) => {
    const { id, status } = job.view;
    if (!needsMove(job.view, now) || (status === "open" && ++draws > DRAWS_A_STEP)) return [];
    // Who draws need not be the one that executes.
    return [{ name: `${status} ${id}`, slow: status === "assigned", job }];
  });
}

/**
 * Answers requests: takes part in draws, executes, claims, collects, defends its claims, and does its part in audits. What a
 * claim stands on is kept before it is made, so the operator can be stopped and started at any time, whatever the requester does meanwhile.
 */
export class OperatorService {
  readonly #options: OperatorOptions;
  readonly #auditor: AuditorService;
  readonly #custody: Custody;
  readonly #seeds: SeedService;
  /** Traces of challenged claims, by claim. */
  readonly #defended = new Map<Hash, DefendedTrace>();
  readonly #budgets = new Map<Hash, Budget>();
  #address = "";

  constructor(options: OperatorOptions) {
    this.#options = options;
    this.#auditor = new AuditorService({ ...options, ownRun: (...args) => this.#run(...args) });
    this.#custody = new Custody(options.custody);
    this.#seeds = new SeedService(options, options.beacons);
  }

  /** Everything there is to do, until nothing is left that is not waiting for others. */
  async look(signal?: AbortSignal): Promise<void> {
    await workUntilIdle(this.#options.workshop, signal, () => this.step(signal));
  }

  /** What can be done at once, one transaction after the other; what is slow is begun, and done at a later step. */
  async step(signal?: AbortSignal): Promise<void> {
    const { ledger, signer, report, workshop } = this.#options;
    this.#address = await signer.getAddress();
    if (await ledger.sync(signal)) report({ kind: "reorganised" });
    const now = await nowOf(this.#options);
    const { share = WHOLE } = this.#options;
    const { own, fresh } = await takeWork(share, piecesOf(this.#jobs(now), now), roomIn(workshop));
    if (fresh && share !== WHOLE) await ledger.sync(signal);
    await eachAlone(own, signal, async ({ job }) => {
      const view = ledger.requests.get(job.view.id);
      if (view !== undefined && !view.settled) await this.#attend({ ...job, view }, now, signal);
    });
    const others = await share.take(OTHER_WORK);
    if (signal?.aborted !== true && others) await this.#auditor.step(signal);
    if (signal?.aborted === true) return;
    await this.#release();
    if (others) await collect(this.#options);
  }

  /** What may need a move, the most urgent first. */
  #jobs({ time }: Now): readonly Job[] {
    const { ledger, models } = this.#options;
    const jobs: Job[] = [];
    for (const view of ledger.requests.values()) {
      if (view.settled || (view.status !== "open" && view.operator !== this.#address)) continue;
      const hosted = modelFor(models, ledger, view);
      if (hosted === undefined) continue;
      const deadline = view.claim === undefined ? view.deadline : this.#defenceUntil(view.claim.id, view.deadline);
      const value = BigInt(view.request.collateral);
      jobs.push({ view, hosted, order: { counterparty: view.requester, deadline, value } });
    }
    return jobs.sort((a, b) => compareOrders(a.order, b.order, time));
  }

  #defenceUntil(claimId: Hash, otherwise: number): number {
    const dispute = this.#options.ledger.dispute(claimId);
    if (dispute.status === "challenged") return dispute.traceUntil;
    if (dispute.status !== "traceCommitted") return otherwise;
    let until = dispute.end;
    for (const { answer, answerUntil } of dispute.demands.values()) {
      if (answer === undefined) until = Math.min(until, answerUntil);
    }
    return until;
  }

  async #attend(job: Job, now: Now, signal: AbortSignal | undefined): Promise<void> {
    const { suite } = this.#options;
    const { marketTime, time } = now;
    const { id, request, status, deadline, claim, demands } = job.view;
    switch (status) {
      case "open":
        if (marketTime < deadline) await this.#draw(job.view, now, signal);
        return;
      case "assigned":
        await this.#claim(job, marketTime, signal);
        return;
      case "claimed":
        await this.#show(job, marketTime, signal);
        if (marketTime >= deadline && demands.every(({ data }) => data !== undefined)) {
          const outputs = claim?.outputs ?? new Uint8Array();
          const call = suite.market.finalise.populateTransaction(request, outputs);
          await this.#send({ kind: "finalised", requestId: id }, call);
        }
        return;
      case "challenged":
        await this.#show(job, marketTime, signal);
        await this.#defend(job, time, signal);
        return;
      default:
        return;
    }
  }

  async #draw({ id, request, ticket }: RequestView, now: Now, signal: AbortSignal | undefined): Promise<void> {
    if (!(await this.#seeds.bring(ticket, now, signal)) || signal?.aborted === true) return;
    // A seed that is out of reach is replaced by the same call.
    const call = this.#options.suite.market.assign.populateTransaction(request);
    await this.#send({ kind: "drawn", requestId: id }, call);
  }

  async #claim(job: Job, marketTime: number, signal: AbortSignal | undefined): Promise<void> {
    const { suite, signer, store, locationPrefix, workshop } = this.#options;
    const { view, hosted, order } = job;
    const hidden = withheld(view.demands, "input", marketTime);
    if (hidden !== undefined) {
      await settleData(this.#options, view, hidden);
      return;
    }
    if (marketTime >= view.deadline) return;
    const input = this.#input(job);
    if (input === "unavailable" && !view.demands.some(({ kind }) => kind === "input")) {
      await demandData(this.#options, view, "input", hosted.model.program.inputs);
    }
    if (typeof input === "string") return;
    const answered = workshop.executions.get(`answer:${view.id}`, order, () => this.#answer(job, input));
    if (answered === undefined) return;
    if (!answered.ok) throw answered.error;
    const { outputs, outputRoot } = answered.value;
    const inline = outputs.length <= CONSTANTS.MarketRecord.INLINE_LIMIT;
    const uri = inline ? "" : `${locationPrefix}${await store.put(outputs)}`;
    const statement = {
      requestId: view.id,
      request: view.request,
      outputRoot,
      operator: this.#address,
      deadline: view.deadline,
    };
    const { provers } = this.#options;
    const evidence = await evidenceFor(suite, signer, statement, { provers, data: { inputs: input, outputs } });
    if (signal?.aborted === true) return;
    await this.#send(
      { kind: "claimed", requestId: view.id, model: hosted.name },
      suite.market.claim.populateTransaction(view.request, inline ? outputs : "0x", outputRoot, uri, evidence),
    );
    workshop.executions.forget(`answer:${view.id}`);
  }

  /** The input; "pending" while it is fetched, "unavailable" when it cannot be had. */
  #input({ view, hosted, order }: Job): Uint8Array | "pending" | "unavailable" {
    const { workshop, store } = this.#options;
    const given = inputOnChain(view, hosted);
    if (given !== undefined) return given;
    const source = { store, client: workshop.client };
    const task = `input:${view.id}`;
    const fetched = workshop.downloads.get(task, order, async (signal) => {
      try {
        return await fetchInput(source, view, hosted, signal);
      } catch (error) {
        this.#options.report({ kind: "inputUnavailable", requestId: view.id, reason: describeError(error) });
        throw error;
      }
    });
    if (fetched === undefined) return "pending";
    return fetched.ok ? fetched.value : "unavailable";
  }

  /** Executes once, and keeps what the answer stands on before it is claimed. */
  async #answer(
    { view, hosted }: Job,
    input: Uint8Array,
  ): Promise<{ readonly outputs: Uint8Array; readonly outputRoot: Hash }> {
    const held = await this.#custody.find(view.id);
    if (held !== undefined && (await this.#custody.input(held).catch(() => undefined)) !== undefined) {
      return { outputs: joinTensors(await this.#custody.outputs(held, hosted)), outputRoot: held.outputRoot };
    }
    const answer = await this.#infer(hosted, input);
    await this.#custody.hold(view.id, this.#options.ledger.tip, input, answer);
    this.#options.workshop.downloads.forget(`input:${view.id}`);
    return { outputs: joinTensors(answer.outputs), outputRoot: answer.outputRoot };
  }

  async #infer(hosted: HostedModel, input: Uint8Array): Promise<Answer> {
    const { tamper, workshop } = this.#options;
    return tamper === undefined ? await workshop.executor.infer(hosted, input) : await this.#run(hosted, input);
  }

  async #run(hosted: HostedModel, input: Uint8Array): Promise<Run> {
    const { tamper, workshop } = this.#options;
    const run = await workshop.executor.run(hosted, input);
    return tamper === undefined ? run : await tamper(run, hosted);
  }

  /** Shows what others demand of an answer of its own: an input that nobody shows is nobody's to be paid for. */
  async #show({ view, hosted }: Job, marketTime: number, signal: AbortSignal | undefined): Promise<void> {
    const [inputs, outputs] = [toShow(view.demands, "input", marketTime), toShow(view.demands, "output", marketTime)];
    if (inputs.length + outputs.length === 0) return;
    const held = await this.#custody.find(view.id);
    if (held === undefined || signal?.aborted === true) return;
    const { program } = hosted.model;
    if (inputs.length > 0) {
      const tensors = splitTensors("input", program.inputs, await this.#custody.input(held));
      await showData(this.#options, view, inputs, tensors);
    }
    if (outputs.length > 0) await showData(this.#options, view, outputs, await this.#custody.outputs(held, hosted));
  }

  async #send(action: Action, call: Promise<ContractTransaction>): Promise<void> {
    await send(this.#options, action, call);
  }

  async #defend(job: Job, time: number, signal: AbortSignal | undefined): Promise<void> {
    const { ledger } = this.#options;
    const { claim } = job.view;
    const defended = claim === undefined ? undefined : await this.#defendedTrace(job, claim.id);
    if (claim === undefined || defended === undefined) return;
    for (;;) {
      const budget = this.#budgets.get(claim.id) ?? DEFAULT_BUDGET;
      const move = nextOperatorMove(defended, ledger.dispute(claim.id), time, budget);
      if (signal?.aborted === true) return;
      try {
        await this.#carryOut(move, defended, job, claim.id);
      } catch (error) {
        if (move.kind !== "answer" || move.answers.length < 2 || !isTooLarge(error)) throw error;
        this.#budgets.set(claim.id, halved(budget));
        continue;
      }
      // Demands are answered all at once, in as many transactions as that takes.
      if (move.kind !== "answer") return;
      await ledger.sync(signal);
    }
  }

  async #carryOut(
    move: OperatorMove,
    { trace, commitment }: DefendedTrace,
    { view, hosted }: Job,
    claimId: Hash,
  ): Promise<void> {
    const { suite, store, locationPrefix } = this.#options;
    switch (move.kind) {
      case "commitTrace": {
        const location = `${locationPrefix}${await publishTrace(store, trace, commitment)}`;
        const { traceRoot, outputRoots, outputSiblings } = mutable(move);
        const manifest = mutable(hosted.commitment.manifest);
        await this.#send(
          { kind: "traceCommitted", requestId: view.id },
          suite.court.commitTrace.populateTransaction(
            claimId,
            encodeTerms(view.request),
            manifest,
            traceRoot,
            outputRoots,
            outputSiblings,
            location,
          ),
        );
        return;
      }
      case "answer":
        await this.#send(
          { kind: "demandsAnswered", requestId: view.id, demands: move.answers.length },
          suite.court.answer.populateTransaction(claimId, mutable(move.answers)),
        );
        return;
      case "resolve":
        await this.#send({ kind: "upheld", requestId: view.id }, suite.court.resolve.populateTransaction(claimId));
        return;
      case "wait":
      case "done":
        return;
    }
  }

  /** What a challenged claim stands on; undefined while it is computed, or read because it was computed before. */
  async #defendedTrace(job: Job, claimId: Hash): Promise<DefendedTrace | undefined> {
    const known = this.#defended.get(claimId);
    if (known !== undefined) return known;
    const { workshop } = this.#options;
    const held = await this.#custody.find(job.view.id);
    const input = held === undefined ? this.#input(job) : "held";
    if (input === "pending" || input === "unavailable") return undefined;
    const task = `defend:${claimId}`;
    const done = workshop.executions.get(task, job.order, () => this.#readOrExecute(job, held, input));
    if (done === undefined) return undefined;
    workshop.executions.forget(task);
    if (!done.ok) throw done.error;
    this.#defended.set(claimId, done.value);
    return done.value;
  }

  async #readOrExecute(
    { view, hosted }: Job,
    held: HeldAnswer | undefined,
    input: Uint8Array | "held",
  ): Promise<DefendedTrace> {
    const { program } = hosted.model;
    const kept = held === undefined ? undefined : await this.#custody.trace(held, hosted).catch(() => undefined);
    let trace = kept;
    if (trace === undefined) {
      const bytes = input === "held" && held !== undefined ? await this.#custody.input(held) : input;
      if (bytes === "held") throw new Error("an answer is held without its input");
      const run = await this.#run(hosted, bytes);
      trace = run.trace;
      await this.#keep(view.id, bytes, run, held);
    }
    return { outputKernels: program.outputs, trace, commitment: await commitTrace(trace) };
  }

  /** Keeps a trace for a restart. It can be computed again, so a disk that is full does not end the defence. */
  async #keep(requestId: Hash, bytes: Uint8Array, run: Run, held: HeldAnswer | undefined): Promise<void> {
    try {
      if (held === undefined) await this.#custody.hold(requestId, this.#options.ledger.tip, bytes, run);
      await this.#custody.holdTrace(requestId, run.trace);
    } catch (error) {
      this.#options.report({ kind: "traceNotKept", requestId, reason: describeError(error) });
    }
  }

  /** What nobody can contest any more need not be kept. */
  async #release(): Promise<void> {
    const { ledger } = this.#options;
    for (const claimId of this.#defended.keys()) {
      const { status } = ledger.dispute(claimId);
      if (status === "none" || status === "upheld" || status === "convicted") this.#defended.delete(claimId);
    }
    for (const { requestId, block } of await this.#custody.all()) {
      if (!ledger.requests.has(requestId) && ledger.tip > block + HELD_BLOCKS) await this.#custody.release(requestId);
    }
  }
}
