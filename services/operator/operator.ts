import type { ContractTransactionResponse } from "ethers";

import type { Hash } from "../../runner/commitment/keccak.ts";
import { commitTrace } from "../../runner/commitment/trace.ts";
import { type DefendedTrace, nextOperatorMove } from "../../runner/dispute/operator.ts";
import { CONSTANTS } from "../../runner/protocol/constants.ts";
import { requestStatusOf } from "../../runner/protocol/enums.ts";
import type { Store } from "../../runner/files/store.ts";
import { encodeTerms, mutable } from "../chain/calldata.ts";
import { AuditorService } from "../auditor/auditor.ts";
import { publishTrace } from "../blobs/blobs.ts";
import { collect } from "../chain/collect.ts";
import { evidenceFor } from "../chain/evidence.ts";
import { demandData, settleData, showData } from "../blobs/data.ts";
import { inputOf } from "../blobs/input.ts";
import { toShow, withheld } from "../chain/data-demands.ts";
import type { RequestView } from "../chain/ledger.ts";
import type { Action } from "../environment/events.ts";
import { execute, type HostedModel, joinTensors, modelFor, type Run, splitTensors } from "../models/models.ts";
import { type Now, nowOf, send, type ServiceContext } from "../chain/context.ts";
import { eachAlone } from "../chain/loop.ts";
import { SeedService } from "../randomness/seeds.ts";

export interface OperatorOptions extends ServiceContext {
  readonly models: readonly HostedModel[];
  readonly store: Store;
  /** What stands before a blob's id in the locations that are given to others. */
  readonly locationPrefix: string;
  /** Where the rounds of the randomness beacon are published; see `parseBeacons`. */
  readonly beacons?: readonly string[] | undefined;
  /** What is claimed instead of the honest run; for demonstrations of fraud only. */
  readonly tamper?: (run: Run, model: HostedModel) => Promise<Run>;
}

/**
 * Answers requests: takes part in draws, executes, claims, collects, defends its claims, and does its part in audits. It remembers nothing that is
 * not on chain but what it can compute again, so it can be stopped and started at any time.
 */
export class OperatorService {
  readonly #options: OperatorOptions;
  readonly #auditor: AuditorService;
  readonly #seeds: SeedService;
  /** Traces of challenged claims, by claim. */
  readonly #defended = new Map<Hash, DefendedTrace>();
  #address = "";

  constructor(options: OperatorOptions) {
    this.#options = options;
    this.#auditor = new AuditorService({ ...options, ownRun: (...args) => this.#run(...args) });
    this.#seeds = new SeedService(options, options.beacons);
  }

  /** Everything there is to do now, one transaction after the other. */
  async look(signal?: AbortSignal): Promise<void> {
    const { ledger, signer, models, report } = this.#options;
    this.#address = await signer.getAddress();
    if (await ledger.sync()) report({ kind: "reorganised" });
    const now = await nowOf(this.#options);
    await eachAlone([...ledger.requests.values()], signal, async (view) => {
      if (view.settled) {
        if (view.claim !== undefined) this.#defended.delete(view.claim.id);
        return;
      }
      const hosted = modelFor(models, ledger, view);
      if (hosted !== undefined) await this.#attend(view, hosted, now, signal);
    });
    if (signal?.aborted !== true) await this.#auditor.look(signal);
    if (signal?.aborted !== true) await collect(this.#options);
  }

  async #attend(view: RequestView, hosted: HostedModel, now: Now, signal: AbortSignal | undefined): Promise<void> {
    const { suite } = this.#options;
    const { marketTime, time } = now;
    const state = await suite.market.stateOf(view.id);
    // The chain may have answered after this look was given up.
    if (signal?.aborted === true) return;
    const [deadline, mine] = [Number(state.deadline), state.operator === this.#address];
    switch (requestStatusOf(state.status)) {
      case "open":
        if (marketTime < deadline) await this.#draw(view, now, signal);
        return;
      case "assigned":
        if (mine) await this.#claim(view, hosted, deadline, marketTime, signal);
        return;
      case "claimed":
        if (mine) await this.#show(view, hosted, marketTime, signal);
        if (mine && marketTime >= deadline && view.demands.every(({ data }) => data !== undefined)) {
          const outputs = view.claim?.outputs ?? new Uint8Array();
          await this.#send({ kind: "finalised", requestId: view.id }, suite.market.finalise(view.request, outputs));
        }
        return;
      case "challenged":
        if (mine) await this.#show(view, hosted, marketTime, signal);
        if (mine) await this.#defend(view, hosted, time, signal);
        return;
      default:
        return;
    }
  }

  async #draw({ id, request, ticket }: RequestView, now: Now, signal: AbortSignal | undefined): Promise<void> {
    if (!(await this.#seeds.bring(ticket, now, signal))) return;
    // A seed that is out of reach is replaced by the same call.
    await this.#send({ kind: "drawn", requestId: id }, this.#options.suite.market.assign(request));
  }

  async #claim(
    view: RequestView,
    hosted: HostedModel,
    deadline: number,
    marketTime: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { suite, signer, store, locationPrefix } = this.#options;
    const hidden = withheld(view.demands, "input", marketTime);
    if (hidden !== undefined) {
      await settleData(this.#options, view, hidden);
      return;
    }
    if (marketTime >= deadline) return;
    const input = await inputOf(this.#options, view, hosted);
    if (input === undefined) {
      const asked = view.demands.some(({ kind }) => kind === "input");
      if (!asked) await demandData(this.#options, view, "input", hosted.model.program.inputs);
      return;
    }
    const run = await this.#run(hosted, input, signal);
    const outputs = joinTensors(run.outputs);
    const inline = outputs.length <= CONSTANTS.MarketRecord.INLINE_LIMIT;
    const uri = inline ? "" : `${locationPrefix}${await store.put(outputs)}`;
    const evidence = await evidenceFor(suite, signer, {
      requestId: view.id,
      request: view.request,
      outputRoot: run.outputRoot,
      operator: this.#address,
      deadline,
    });
    if (signal?.aborted === true) return;
    await this.#send(
      { kind: "claimed", requestId: view.id, model: hosted.name },
      suite.market.claim(view.request, inline ? outputs : "0x", run.outputRoot, uri, evidence),
    );
  }

  /** Shows what others demand of an answer of its own: an input that nobody shows is nobody's to be paid for. */
  async #show(
    view: RequestView,
    hosted: HostedModel,
    marketTime: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const [inputs, outputs] = (["input", "output"] as const).map((kind) => toShow(view.demands, kind, marketTime));
    if (inputs === undefined || outputs === undefined || inputs.length + outputs.length === 0) return;
    const input = await inputOf(this.#options, view, hosted);
    if (input === undefined) return;
    if (inputs.length > 0) {
      await showData(this.#options, view, inputs, splitTensors("input", hosted.model.program.inputs, input));
    }
    if (outputs.length > 0) {
      await showData(this.#options, view, outputs, (await this.#run(hosted, input, signal)).outputs);
    }
  }

  async #send(action: Action, transaction: Promise<ContractTransactionResponse>): Promise<void> {
    await send(this.#options, action, transaction);
  }

  async #run(hosted: HostedModel, input: Uint8Array, signal: AbortSignal | undefined): Promise<Run> {
    const run = await execute(hosted, input, { signal });
    const { tamper } = this.#options;
    return tamper === undefined ? run : await tamper(run, hosted);
  }

  async #defend(view: RequestView, hosted: HostedModel, time: number, signal: AbortSignal | undefined): Promise<void> {
    const { suite, ledger, store, locationPrefix } = this.#options;
    const { claim, request } = view;
    const defended = await this.#defendedTrace(view, hosted, signal);
    if (claim === undefined || defended === undefined) return;
    const move = nextOperatorMove(defended, ledger.dispute(claim.id), time);
    switch (move.kind) {
      case "commitTrace": {
        const location = `${locationPrefix}${await publishTrace(store, defended.trace, defended.commitment)}`;
        const manifest = mutable(hosted.commitment.manifest);
        const { traceRoot, outputRoots, outputSiblings } = mutable(move);
        await this.#send(
          { kind: "traceCommitted", requestId: view.id },
          suite.court.commitTrace(
            claim.id,
            encodeTerms(request),
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
          suite.court.answer(claim.id, mutable(move.answers)),
        );
        return;
      case "resolve":
        await this.#send({ kind: "upheld", requestId: view.id }, suite.court.resolve(claim.id));
        return;
      case "wait":
      case "done":
        return;
    }
  }

  /** What a challenged claim stands on, executed once; undefined while its input cannot be had. */
  async #defendedTrace(
    view: RequestView,
    hosted: HostedModel,
    signal: AbortSignal | undefined,
  ): Promise<DefendedTrace | undefined> {
    const { claim } = view;
    const known = claim === undefined ? undefined : this.#defended.get(claim.id);
    if (claim === undefined || known !== undefined) return known;
    const input = await inputOf(this.#options, view, hosted);
    if (input === undefined) return undefined;
    const { trace } = await this.#run(hosted, input, signal);
    const commitment = await commitTrace(trace, { signal });
    const defended = { outputKernels: hosted.model.program.outputs, trace, commitment };
    this.#defended.set(claim.id, defended);
    return defended;
  }
}
