import { type ContractTransaction, ZeroAddress } from "ethers";

import type { Hash } from "../../runner/commitment/keccak.ts";
import { commitTrace } from "../../runner/commitment/trace.ts";
import { type AuditMove, nextAuditMove } from "../../runner/dispute/audit.ts";
import type { Store } from "../../runner/files/store.ts";
import { fetchInput, inputOnChain } from "../blobs/input.ts";
import { nowOf, send, type ServiceContext } from "../chain/context.ts";
import type { ClaimView, RequestView } from "../chain/ledger.ts";
import { eachAlone } from "../chain/loop.ts";
import type { Action } from "../environment/events.ts";
import { type HostedModel, modelFor, type Run } from "../models/models.ts";
import type { TaskResult } from "../work/board.ts";
import type { Workshop } from "../work/workshop.ts";
import { auditCommitmentOf } from "./commitment.ts";
import { readAudit } from "./read.ts";

export interface AuditorOptions extends ServiceContext {
  readonly models: readonly HostedModel[];
  readonly store: Store;
  /** The run that an own claim was made of; the honest one when it is not given. */
  readonly ownRun?: (hosted: HostedModel, input: Uint8Array) => Promise<Run>;
  readonly workshop: Workshop;
}

/**
 * An operator's part in audits: asks for seeds, executes what it is drawn to audit and commits to it, and publishes the
 * trace root of its own claims that are audited. What a dispute needs after that, a watcher does. It remembers nothing
 * that is not on chain but which draws named somebody else.
 */
export class AuditorService {
  readonly #options: AuditorOptions;
  /** Claims that the present seed of their period does not let this account audit, with that seed's ticket. */
  readonly #passed = new Map<Hash, bigint>();
  /** Claims whose audit needs nothing more of this account. */
  readonly #done = new Set<Hash>();

  constructor(options: AuditorOptions) {
    this.#options = options;
  }

  /** What can be done at once, one transaction after the other; what is slow is begun, and done at a later step. */
  async step(signal?: AbortSignal): Promise<void> {
    const { ledger, models, signer, report } = this.#options;
    if (await ledger.sync(signal)) {
      report({ kind: "reorganised" });
      this.#done.clear();
    }
    const self = await signer.getAddress();
    const { marketTime } = await nowOf(this.#options);
    await eachAlone([...ledger.requests.values()], signal, async (view) => {
      const hosted = modelFor(models, ledger, view);
      const { claim } = view;
      if (hosted === undefined || claim === undefined || this.#done.has(claim.id)) return;
      const { audit, period, ticket } = await readAudit(this.#options, view, claim);
      const move = nextAuditMove(self, audit, marketTime);
      if (move.kind === "done") this.#done.add(claim.id);
      if (move.kind === "begin" && this.#passed.get(claim.id) === ticket) return;
      if (signal?.aborted === true) return;
      await this.#carryOut(move, { view, claim, hosted, period, ticket, self }, signal);
    });
  }

  async #carryOut(
    move: AuditMove,
    { view, claim, hosted, period, ticket, self }: Scene,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { suite } = this.#options;
    const desk = suite.auditDesk;
    const requestId = view.id;
    switch (move.kind) {
      case "wait":
      case "done":
        return;
      case "commitPeriod":
        await this.#send({ kind: "periodCommitted" }, desk.commitPeriod.populateTransaction(period));
        return;
      case "begin": {
        // A claim that is not picked is refused; of the others, everybody begins its own. Nobody may be able now: later.
        const drawn = await desk.begin.staticCall(view.request).catch(() => undefined);
        if (drawn === self) {
          await this.#send({ kind: "auditBegun", requestId }, desk.begin.populateTransaction(view.request));
        } else if (drawn !== ZeroAddress) this.#passed.set(claim.id, ticket);
        return;
      }
      case "commit": {
        const known = this.#execute(view, claim, hosted, (input) => this.#options.workshop.executor.run(hosted, input));
        if (known === undefined) return;
        const { chainId } = await this.#options.provider.getNetwork();
        const parts = { ...known, auditor: self };
        const commitment = auditCommitmentOf({ chainId, desk: desk.target as string, claimId: claim.id, ...parts });
        if (signal?.aborted === true) return;
        await this.#send({ kind: "auditCommitted", requestId }, desk.commit.populateTransaction(claim.id, commitment));
        return;
      }
      case "publish": {
        const { ownRun, workshop } = this.#options;
        const known = this.#execute(view, claim, hosted, (input) =>
          ownRun === undefined ? workshop.executor.run(hosted, input) : ownRun(hosted, input),
        );
        if (known === undefined || signal?.aborted === true) return;
        const call = desk.publish.populateTransaction(view.request, known.traceRoot);
        await this.#send({ kind: "auditPublished", requestId }, call);
        return;
      }
      case "escalate":
        await this.#send({ kind: "auditEscalated", requestId }, desk.escalate.populateTransaction(view.request));
        return;
      case "lapse":
        await this.#send({ kind: "auditLapsed", requestId }, desk.lapse.populateTransaction(view.request));
        return;
      case "settle":
        await this.#send(
          { kind: "auditSettled", requestId },
          desk.settle.populateTransaction(view.request, claim.outputRoot),
        );
        return;
    }
  }

  /** Roots of an execution; undefined while it lasts, or while the input cannot be had. */
  #execute(
    view: RequestView,
    claim: ClaimView,
    hosted: HostedModel,
    run: (input: Uint8Array) => Promise<Run>,
  ): { readonly traceRoot: Hash; readonly outputRoot: Hash } | undefined {
    const { workshop, store } = this.#options;
    const { windowEnd: deadline } = claim;
    const order = { counterparty: view.requester, deadline, value: BigInt(view.request.collateral) };
    const source = { store, client: workshop.client };
    const fetched = inputOnChain(view, hosted);
    const input: TaskResult<Uint8Array> | undefined =
      fetched === undefined
        ? workshop.downloads.get(`audit:${claim.id}`, order, (stop) => fetchInput(source, view, hosted, stop))
        : { ok: true, value: fetched };
    if (input?.ok !== true) return undefined;
    const { value } = input;
    const done = workshop.executions.get(`audit:${claim.id}`, order, async () => {
      const { trace, outputRoot } = await run(value);
      return { traceRoot: (await commitTrace(trace)).root, outputRoot };
    });
    if (done === undefined) return undefined;
    if (!done.ok) throw done.error;
    return done.value;
  }

  async #send(action: Action, call: Promise<ContractTransaction>): Promise<void> {
    await send(this.#options, action, call);
  }
}

interface Scene {
  readonly view: RequestView;
  readonly claim: ClaimView;
  readonly hosted: HostedModel;
  readonly period: bigint;
  readonly ticket: bigint;
  readonly self: string;
}
