import type { ContractTransactionResponse } from "ethers";

import type { Hash } from "../../runner/commitment/keccak.ts";
import { commitTrace } from "../../runner/commitment/trace.ts";
import type { OwnExecution, Published } from "../../runner/dispute/locate.ts";
import { nextWatcherMove, type WatcherMove } from "../../runner/dispute/watcher.ts";
import { type DisputeStatus, TRACE_TREE } from "../../runner/dispute/view.ts";
import { nodeNames } from "../../runner/inspection/inspect.ts";
import type { Tensor } from "../../runner/machine/tensor.ts";
import type { Store } from "../../runner/files/store.ts";
import { type Budget, DEFAULT_BUDGET, halved } from "../../runner/proving/witness.ts";
import { fetchOutput, fetchRoots } from "../blobs/blobs.ts";
import { encodeTerms, mutable } from "../chain/calldata.ts";
import { collect } from "../chain/collect.ts";
import { demandData, reclaimData, settleData } from "../blobs/data.ts";
import { inputOf } from "../blobs/input.ts";
import { withheld } from "../chain/data-demands.ts";
import type { ClaimView, RequestView } from "../chain/ledger.ts";
import type { Action } from "../environment/events.ts";
import { execute, type HostedModel, modelFor, type Run } from "../models/models.ts";
import { type Now, nowOf, send, type ServiceContext } from "../chain/context.ts";
import { eachAlone } from "../chain/loop.ts";

export interface WatcherOptions extends ServiceContext {
  readonly models: readonly HostedModel[];
  readonly store: Store;
  /** 32 secret bytes, hex: makes the salts of accusations. The same one after a restart finds them again. */
  readonly secret: string;
}

interface Work {
  readonly hosted: HostedModel;
  readonly run: Run;
  own?: OwnExecution;
  /** What a transaction of a proof may carry; less after one that failed. */
  budget: Budget;
  roots?: readonly Hash[] | null;
  readonly outputs: Map<number, Tensor | null>;
}

/**
 * Re-executes every claim of the models that it has; stays silent when the answer is right, and otherwise challenges,
 * finds the wrong element and convicts. It remembers nothing that is not on chain but what it can compute again.
 */
export class WatcherService {
  readonly #options: WatcherOptions;
  readonly #work = new Map<string, Work>();

  constructor(options: WatcherOptions) {
    this.#options = options;
  }

  /** Everything there is to do now, one transaction after the other. */
  async look(signal?: AbortSignal): Promise<void> {
    const { ledger, report } = this.#options;
    if (await ledger.sync()) report({ kind: "reorganised" });
    let now = await nowOf(this.#options);
    await eachAlone([...ledger.requests.values()], signal, async (view) => {
      const { claim } = view;
      if (claim === undefined) return;
      if (view.settled) this.#work.delete(claim.id);
      else
        while (await this.#move(view, claim, now, signal)) {
          await ledger.sync();
          now = await nowOf(this.#options);
        }
    });
    if (signal?.aborted === true) return;
    await this.#reclaim(now.marketTime);
    await collect(this.#options);
  }

  /** The bonds of one's demands and accusations come back when the claim was convicted. */
  async #reclaim(marketTime: number): Promise<void> {
    const { ledger, suite, signer } = this.#options;
    const own = await signer.getAddress();
    await reclaimData(this.#options, own, marketTime);
    for (const { claim } of ledger.requests.values()) {
      if (claim === undefined || ledger.dispute(claim.id).status !== "convicted") continue;
      for (const { opening, demander } of ledger.dispute(claim.id).demands.values()) {
        if (demander !== own) continue;
        // The event log does not say which bonds are back already; the court does.
        const left = await suite.court.demandOf(claim.id, mutable(opening));
        if (left.demander === own) {
          await this.#send({ kind: "bondReclaimed" }, suite.court.reclaim(claim.id, mutable(opening)));
        }
      }
      for (const commitment of ledger.dispute(claim.id).accusations.keys()) {
        const left = await suite.court.accusationOf(claim.id, commitment);
        if (left.payer === own) {
          await this.#send({ kind: "bondReclaimed" }, suite.court.reclaimAccusation(claim.id, commitment));
        }
      }
    }
  }

  /** Nobody is paid for an answer whose input or output nobody shows. @returns Whether the request is settled now. */
  async #settleWithheld(view: RequestView, status: DisputeStatus, marketTime: number): Promise<boolean> {
    if (status !== "none" && status !== "upheld") return false;
    const hidden = withheld(view.demands, "output", marketTime) ?? withheld(view.demands, "input", marketTime);
    if (hidden === undefined) return false;
    await settleData(this.#options, view, hidden);
    return true;
  }

  /** One move of one claim. @returns Whether there may be another one now. */
  async #move(
    view: RequestView,
    claim: ClaimView,
    { time, block, marketTime }: Now,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const { suite, signer, ledger, secret } = this.#options;
    const dispute = ledger.dispute(claim.id);
    if (await this.#settleWithheld(view, dispute.status, marketTime)) return false;
    if (dispute.status === "none" && marketTime >= claim.windowEnd) return false;
    const work = await this.#workOn(view, claim, marketTime, signal);
    if (work === undefined) return false;
    // Most claims are right: the whole trace is committed only once something is wrong.
    if (dispute.status === "none" && work.run.outputRoot === claim.outputRoot) return false;
    work.own ??= await ownExecution(work, signal);
    const terms = await suite.court.termsOf(dispute.termsId);
    const published: Published = { ...(work.roots === undefined ? {} : { roots: work.roots }), outputs: work.outputs };
    const move = nextWatcherMove(
      { address: await signer.getAddress(), secret },
      work.own,
      work.run.outputRoot,
      dispute,
      published,
      { time, block, claimedRoot: claim.outputRoot, answerWindow: Number(terms.answerWindow) },
      work.budget,
    );
    if (signal?.aborted === true) return false;
    try {
      return await this.#carryOut(move, view, claim, work);
    } catch (error) {
      // Data made to be expensive must not make a fraud unprovable: the next look tries smaller parts.
      if (move.kind === "replay" || move.kind === "proveFraud") work.budget = halved(work.budget);
      throw error;
    }
  }

  async #carryOut(move: WatcherMove, { id, request }: RequestView, claim: ClaimView, work: Work): Promise<boolean> {
    const { suite, ledger } = this.#options;
    const { court, market } = suite;
    switch (move.kind) {
      case "wait":
      case "done":
        return false;
      case "fetchRoots":
        work.roots = await fetchRoots(this.#options, move.location);
        return true;
      case "fetchOutput":
        work.outputs.set(move.kernel, await fetchOutput(this.#options, move.location, move.kernel));
        return true;
      case "challenge":
        await this.#send({ kind: "challenged", requestId: id }, court.challenge(market, id, claim.id));
        return true;
      case "convictWithoutTrace":
        await this.#send(
          { kind: "convictedForSilence", requestId: id, missing: "trace" },
          court.convictWithoutTrace(claim.id, encodeTerms(request)),
        );
        return true;
      case "demand": {
        const places = mutable(move.places);
        const action = { kind: "demanded", requestId: id, places: places.length } as const;
        if (move.kernel === TRACE_TREE) await this.#send(action, court.demandTrace(claim.id, places));
        else await this.#send(action, court.demandTensor(claim.id, kernelOpening(work, move.kernel), places));
        return true;
      }
      case "convictUnanswered":
        await this.#send(
          { kind: "convictedForSilence", requestId: id, missing: "answer" },
          court.convictUnanswered(claim.id, encodeTerms(request), mutable(move.opening)),
        );
        return true;
      case "accuse":
        await this.#send({ kind: "accused", requestId: id }, court.accuse(claim.id, move.commitment));
        return true;
      case "replay":
        await this.#send(
          { kind: "replayed", requestId: id },
          court.replay(claim.id, move.accusation, mutable(move.execution), move.maxSteps),
        );
        return true;
      case "proveFraud": {
        const { kernel, element } = move.execution;
        const nodes = nodeNames(work.hosted.model.nodes[kernel.index] ?? []);
        await this.#send(
          { kind: "convicted", requestId: id, kernel: kernel.index, element, nodes },
          court.proveFraud(
            claim.id,
            encodeTerms(request),
            move.accusation,
            mutable(move.execution),
            mutable(move.output),
          ),
        );
        this.#work.delete(claim.id);
        await ledger.sync();
        return false;
      }
    }
  }

  async #send(action: Action, transaction: Promise<ContractTransactionResponse>): Promise<void> {
    await send(this.#options, action, transaction);
  }

  async #workOn(
    view: RequestView,
    claim: ClaimView,
    marketTime: number,
    signal: AbortSignal | undefined,
  ): Promise<Work | undefined> {
    const { models, ledger } = this.#options;
    const known = this.#work.get(claim.id);
    if (known !== undefined) return known;
    const hosted = modelFor(models, ledger, view);
    if (hosted === undefined) return undefined;
    const bytes = await inputOf(this.#options, view, hosted);
    // Without its input nobody can judge a claim: it is demanded, and nobody is paid if nobody shows it.
    if (bytes === undefined) {
      const asked = view.demands.some(({ kind }) => kind === "input");
      if (!asked && marketTime < claim.windowEnd) {
        await demandData(this.#options, view, "input", hosted.model.program.inputs);
      }
      return undefined;
    }
    const work: Work = {
      hosted,
      run: await execute(hosted, bytes, { signal }),
      outputs: new Map(),
      budget: DEFAULT_BUDGET,
    };
    this.#work.set(claim.id, work);
    return work;
  }
}

const kernelOpening = ({ hosted: { commitment } }: Work, index: number) => ({
  index,
  encoded: commitment.kernels[index] ?? new Uint8Array(),
  siblings: [...commitment.programTree.prove(index)],
});

async function ownExecution({ hosted, run }: Work, signal: AbortSignal | undefined): Promise<OwnExecution> {
  const { model, commitment } = hosted;
  return {
    program: model.program,
    model: commitment,
    inputs: run.inputs,
    constants: model.constants,
    trace: run.trace,
    commitment: await commitTrace(run.trace, { signal }),
  };
}
