import type { ContractTransaction } from "ethers";

import { item } from "../../runner/items.ts";
import type { OwnExecution, Published } from "../../runner/dispute/locate.ts";
import { nextMoveWithoutTrace, nextWatcherMove, type WatcherMove } from "../../runner/dispute/watcher.ts";
import { type DisputeStatus, TRACE_TREE } from "../../runner/dispute/view.ts";
import { nodeNames } from "../../runner/inspection/inspect.ts";
import { product } from "../../runner/machine/shape.ts";
import type { Store } from "../../runner/files/store.ts";
import { halved } from "../../runner/proving/witness.ts";
import { fetchOutput, fetchRoots } from "../blobs/blobs.ts";
import { demandData, reclaimData, settleData } from "../blobs/data.ts";
import { fetchInput, inputOnChain } from "../blobs/input.ts";
import { encodeTerms, mutable } from "../chain/calldata.ts";
import { collect } from "../chain/collect.ts";
import { withheld } from "../chain/data-demands.ts";
import { type Now, nowOf, send, type ServiceContext } from "../chain/context.ts";
import type { ClaimView, RequestView } from "../chain/ledger.ts";
import { eachAlone } from "../chain/loop.ts";
import { isTooLarge } from "../chain/sender.ts";
import { describeError } from "../environment/describe.ts";
import type { Action } from "../environment/events.ts";
import { type HostedModel, modelFor } from "../models/models.ts";
import { compareOrders, type WorkOrder } from "../work/order.ts";
import { OTHER_WORK, takeWork, WHOLE } from "../chain/share.ts";
import { roomIn, workUntilIdle, type Workshop } from "../work/workshop.ts";
import { type Case, Cases, ownExecution } from "./cases.ts";

export interface WatcherOptions extends ServiceContext {
  readonly models: readonly HostedModel[];
  readonly store: Store;
  readonly workshop: Workshop;
  /** 32 secret bytes, hex: makes the salts of accusations. The same one after a restart finds them again. */
  readonly secret: string;
  /** Bytes of traces that are kept at a time. */
  readonly traceBytes?: number;
}

/** A claim of a model that is hosted here. */
interface Watched {
  readonly view: RequestView;
  readonly claim: ClaimView;
  readonly hosted: HostedModel;
  readonly order: WorkOrder;
}

/**
 * Re-executes every claim of the models that it has; stays silent when the answer is right, and otherwise challenges,
 * finds the wrong element and convicts. It remembers nothing that is not on chain but what it can compute again.
 */
export class WatcherService {
  readonly #options: WatcherOptions;
  readonly #cases: Cases;
  readonly #answerWindows = new Map<number, number>();

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#cases = new Cases(options.traceBytes);
  }

  /** Bytes of traces in memory. */
  get heldBytes(): number {
    return this.#cases.heldBytes;
  }

  /** Everything there is to do, until nothing is left that is not waiting for others. */
  async look(signal?: AbortSignal): Promise<void> {
    await workUntilIdle(this.#options.workshop, signal, () => this.step(signal));
  }

  /** What can be done at once, one transaction after the other; what is slow is begun, and done at a later step. */
  async step(signal?: AbortSignal): Promise<void> {
    const { ledger, report } = this.#options;
    if (await ledger.sync(signal)) report({ kind: "reorganised" });
    let now = await nowOf(this.#options);
    const watched = this.#watched(now);
    this.#cases.retain(new Set(watched.map(({ claim }) => claim.id)));
    const { share = WHOLE, workshop } = this.#options;
    const pieces = watched
      .filter((each) => this.#isOpen(each))
      .map((each) => ({ ...each, name: each.claim.id, slow: true }));
    const { own, fresh } = await takeWork(share, pieces, roomIn(workshop));
    if (fresh && share !== WHOLE) await ledger.sync(signal);
    await eachAlone(own, signal, async (each) => {
      while (await this.#move(each, now, signal)) {
        await ledger.sync(signal);
        now = await nowOf(this.#options);
      }
    });
    if (signal?.aborted === true || !(await share.take(OTHER_WORK))) return;
    await this.#reclaim(now.marketTime);
    await collect(this.#options);
  }

  /** Whether a claim may need a move: it is not known to be right, or somebody demanded its data. */
  #isOpen({ view, claim }: Watched): boolean {
    const { status } = this.#options.ledger.dispute(claim.id);
    const known = this.#cases.find(claim.id);
    return known?.outputRoot !== claim.outputRoot || status !== "none" || view.demands.length > 0;
  }

  /** Claims that are open, what is most urgent and pays most first. */
  #watched({ time }: Now): readonly Watched[] {
    const { ledger, models } = this.#options;
    const watched: Watched[] = [];
    for (const view of ledger.requests.values()) {
      const { claim, request } = view;
      const hosted = claim === undefined || view.settled ? undefined : modelFor(models, ledger, view);
      if (claim === undefined || hosted === undefined) continue;
      const dispute = ledger.dispute(claim.id);
      const until = { none: claim.windowEnd, challenged: dispute.traceUntil, traceCommitted: dispute.end };
      const deadline = dispute.status === "upheld" || dispute.status === "convicted" ? Infinity : until[dispute.status];
      const order = { counterparty: claim.operator, deadline, value: BigInt(request.collateral) };
      watched.push({ view, claim, hosted, order });
    }
    return watched.sort((a, b) => compareOrders(a.order, b.order, time));
  }

  /** The bonds of one's demands and accusations come back when the claim was convicted. */
  async #reclaim(marketTime: number): Promise<void> {
    const { ledger, suite, signer } = this.#options;
    const own = await signer.getAddress();
    await reclaimData(this.#options, own, marketTime);
    for (const { claim, status } of ledger.requests.values()) {
      if (claim === undefined || status !== "convicted") continue;
      for (const { opening, demander } of ledger.dispute(claim.id).demands.values()) {
        if (demander !== own) continue;
        // The event log does not say which bonds are back already; the court does.
        const left = await suite.court.demandOf(claim.id, mutable(opening));
        if (left.demander !== own) continue;
        const call = suite.court.reclaim.populateTransaction(claim.id, mutable(opening));
        await this.#send({ kind: "bondReclaimed" }, call);
      }
      for (const commitment of ledger.dispute(claim.id).accusations.keys()) {
        const left = await suite.court.accusationOf(claim.id, commitment);
        if (left.payer !== own) continue;
        const call = suite.court.reclaimAccusation.populateTransaction(claim.id, commitment);
        await this.#send({ kind: "bondReclaimed" }, call);
      }
    }
  }

  /** Nobody is paid for an answer whose input or output nobody shows. @returns Whether the request is settled now. */
  async #settleWithheld({ view }: Watched, status: DisputeStatus, marketTime: number): Promise<boolean> {
    if (status !== "none" && status !== "upheld") return false;
    const hidden = withheld(view.demands, "output", marketTime) ?? withheld(view.demands, "input", marketTime);
    if (hidden === undefined) return false;
    await settleData(this.#options, view, hidden);
    return true;
  }

  /** One move of one claim. @returns Whether there may be another one now. */
  async #move(watched: Watched, now: Now, signal: AbortSignal | undefined): Promise<boolean> {
    const { ledger } = this.#options;
    const { claim } = watched;
    const dispute = ledger.dispute(claim.id);
    if (await this.#settleWithheld(watched, dispute.status, now.marketTime)) return false;
    if (dispute.status === "none" && now.marketTime >= claim.windowEnd) return false;
    const known = this.#cases.find(claim.id) ?? (await this.#judged(watched, now));
    if (known === undefined) return false;
    if (dispute.status === "none" && known.outputRoot === claim.outputRoot) return false;
    const move =
      known.own === undefined
        ? nextMoveWithoutTrace(dispute, now.time, known)
        : await this.#nextMove(known.own, known, watched, now);
    if (signal?.aborted === true) return false;
    if (move.kind === "execute") return this.#execute(watched, known);
    try {
      return await this.#carryOut(move, watched, known);
    } catch (error) {
      // Data made to be expensive must not make a fraud unprovable: smaller parts are tried. No other error shrinks them.
      const smaller = halved(known.budget);
      const divisible = move.kind === "replay" || move.kind === "proveFraud" || move.kind === "demand";
      if (!divisible || !isTooLarge(error) || smaller.gas === known.budget.gas) throw error;
      known.budget = smaller;
      return true;
    }
  }

  async #nextMove(own: OwnExecution, known: Case, { claim }: Watched, { time, block }: Now): Promise<WatcherMove> {
    const { ledger, signer, secret } = this.#options;
    const dispute = ledger.dispute(claim.id);
    const published: Published = {
      ...(known.roots === undefined ? {} : { roots: known.roots }),
      outputs: known.outputs,
    };
    return nextWatcherMove(
      { address: await signer.getAddress(), secret },
      own,
      known.outputRoot,
      dispute,
      published,
      { time, block, claimedRoot: claim.outputRoot, answerWindow: await this.#answerWindow(dispute.termsId) },
      known.budget,
    );
  }

  /** Terms never change once they are there. */
  async #answerWindow(termsId: number): Promise<number> {
    const known = this.#answerWindows.get(termsId);
    if (known !== undefined) return known;
    const { answerWindow } = await this.#options.suite.court.termsOf(termsId);
    this.#answerWindows.set(termsId, Number(answerWindow));
    return Number(answerWindow);
  }

  async #carryOut(move: WatcherMove, watched: Watched, known: Case): Promise<boolean> {
    const { court, market } = this.#options.suite;
    const { claim, hosted } = watched;
    const { id, request } = watched.view;
    switch (move.kind) {
      case "wait":
      case "done":
        return false;
      case "fetchRoots":
      case "fetchOutput":
        return this.#fetch(move, watched, known);
      case "challenge":
        await this.#send(
          { kind: "challenged", requestId: id },
          court.challenge.populateTransaction(market, id, claim.id),
        );
        return true;
      case "convictWithoutTrace":
        await this.#send(
          { kind: "convictedForSilence", requestId: id, missing: "trace" },
          court.convictWithoutTrace.populateTransaction(claim.id, encodeTerms(request)),
        );
        return true;
      case "demand": {
        const places = mutable(move.places);
        const call =
          move.kernel === TRACE_TREE
            ? court.demandTrace.populateTransaction(claim.id, places)
            : court.demandTensor.populateTransaction(claim.id, kernelOpening(hosted, move.kernel), places);
        await this.#send({ kind: "demanded", requestId: id, places: places.length }, call);
        return true;
      }
      case "convictUnanswered":
        await this.#send(
          { kind: "convictedForSilence", requestId: id, missing: "answer" },
          court.convictUnanswered.populateTransaction(claim.id, encodeTerms(request), mutable(move.opening)),
        );
        return true;
      case "accuse":
        await this.#send(
          { kind: "accused", requestId: id },
          court.accuse.populateTransaction(claim.id, move.commitment),
        );
        return true;
      case "replay":
        await this.#send(
          { kind: "replayed", requestId: id },
          court.replay.populateTransaction(claim.id, move.accusation, mutable(move.execution), move.maxSteps),
        );
        return true;
      case "proveFraud": {
        const { execution, accusation, output } = move;
        const { kernel, element } = execution;
        const nodes = nodeNames(hosted.model.nodes[kernel.index] ?? []);
        await this.#send(
          { kind: "convicted", requestId: id, kernel: kernel.index, element, nodes },
          court.proveFraud.populateTransaction(
            claim.id,
            encodeTerms(request),
            accusation,
            mutable(execution),
            mutable(output),
          ),
        );
        this.#cases.forget(claim.id);
        await this.#options.ledger.sync();
        return false;
      }
    }
  }

  async #send(action: Action, call: Promise<ContractTransaction>): Promise<void> {
    await send(this.#options, action, call);
  }

  /** What the operator published of its trace. @returns Whether it is there now. */
  #fetch(
    move: Extract<WatcherMove, { kind: "fetchRoots" | "fetchOutput" }>,
    { claim, hosted, order }: Watched,
    known: Case,
  ): boolean {
    const { workshop, store } = this.#options;
    const source = { store, client: workshop.client };
    const { program } = hosted.model;
    const kernels = program.kernels.length;
    const { counterparty } = order;
    if (move.kind === "fetchRoots") {
      const task = `roots:${claim.id}`;
      const done = workshop.downloads.get(task, order, (signal) =>
        fetchRoots(source, move.location, kernels, { counterparty, signal }),
      );
      if (done === undefined) return false;
      known.roots = done.ok ? done.value : null;
      workshop.downloads.forget(task);
      return true;
    }
    const task = `output:${claim.id}:${String(move.kernel)}`;
    const { dtype, shape } = item(program.kernels, move.kernel);
    const place = { kernel: move.kernel, kernels, type: { dtype, length: product(shape) } };
    const done = workshop.downloads.get(task, order, (signal) =>
      fetchOutput(source, move.location, place, { counterparty, signal }),
    );
    if (done === undefined) return false;
    known.outputs.set(move.kernel, done.ok ? done.value : null);
    workshop.downloads.forget(task);
    return true;
  }

  /** Executes the claim's model; undefined while that lasts, or while the input cannot be had. */
  async #judged(watched: Watched, { marketTime }: Now): Promise<Case | undefined> {
    const { workshop } = this.#options;
    const { claim, hosted, order } = watched;
    const input = this.#input(watched);
    // Without its input nobody can judge a claim: it is demanded, and nobody is paid if nobody shows it.
    if (input === "unavailable" && marketTime < claim.windowEnd) {
      const asked = watched.view.demands.some(({ kind }) => kind === "input");
      if (!asked) await demandData(this.#options, watched.view, "input", hosted.model.program.inputs);
    }
    if (typeof input === "string") return undefined;
    const task = `judge:${claim.id}`;
    const done = workshop.executions.get(task, order, async (signal) => {
      const judgement = await workshop.executor.judge(hosted, input, claim.outputRoot, signal);
      return judgement.right
        ? { outputRoot: judgement.outputRoot }
        : { outputRoot: judgement.outputRoot, own: await ownExecution(hosted, judgement.run) };
    });
    if (done === undefined) return undefined;
    if (!done.ok) throw done.error;
    workshop.executions.forget(task);
    workshop.downloads.forget(`input:${claim.id}`);
    const noted = this.#cases.judge(claim.id, done.value.outputRoot);
    if ("own" in done.value) this.#cases.keep(claim.id, done.value.own);
    return noted;
  }

  /** Executes again for the whole trace, which is kept only if the operator's is another one. @returns Whether it is there. */
  #execute(watched: Watched, known: Case): boolean {
    const { workshop, ledger } = this.#options;
    const { claim, hosted, order } = watched;
    const input = this.#input(watched);
    if (typeof input === "string") return false;
    const task = `trace:${claim.id}`;
    const done = workshop.executions.get(task, order, async (signal) =>
      ownExecution(hosted, await workshop.executor.run(hosted, input, signal)),
    );
    if (done === undefined) return false;
    if (!done.ok) throw done.error;
    workshop.executions.forget(task);
    known.traceRoot = done.value.commitment.root;
    if (known.traceRoot !== ledger.dispute(claim.id).traceRoot) this.#cases.keep(claim.id, done.value);
    return true;
  }

  /** The input; "pending" while it is fetched, "unavailable" when it cannot be had. */
  #input({ view, claim, hosted, order }: Watched): Uint8Array | "pending" | "unavailable" {
    const { workshop, store, report } = this.#options;
    const given = inputOnChain(view, hosted);
    if (given !== undefined) return given;
    const source = { store, client: workshop.client };
    // The requester wrote the location, the operator agreed to answer it: what it costs counts against the requester.
    const fetching = { ...order, counterparty: view.requester };
    const fetched = workshop.downloads.get(`input:${claim.id}`, fetching, async (signal) => {
      try {
        return await fetchInput(source, view, hosted, signal);
      } catch (error) {
        report({ kind: "inputUnavailable", requestId: view.id, reason: describeError(error) });
        throw error;
      }
    });
    if (fetched === undefined) return "pending";
    return fetched.ok ? fetched.value : "unavailable";
  }
}

const kernelOpening = ({ commitment }: HostedModel, index: number) => ({
  index,
  encoded: commitment.kernels[index] ?? new Uint8Array(),
  siblings: [...commitment.programTree.prove(index)],
});
