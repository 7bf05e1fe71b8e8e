import type { ContractTransactionResponse } from "ethers";

import type { Hash } from "../../runner/commitment/keccak.ts";
import { commitTrace } from "../../runner/commitment/trace.ts";
import { type AuditMove, nextAuditMove } from "../../runner/dispute/audit.ts";
import type { Store } from "../../runner/files/store.ts";
import { inputOf } from "../blobs/input.ts";
import { nowOf, send, type ServiceContext } from "../chain/context.ts";
import type { ClaimView, RequestView } from "../chain/ledger.ts";
import { eachAlone } from "../chain/loop.ts";
import type { Action } from "../environment/events.ts";
import { execute, type HostedModel, modelFor, type Run } from "../models/models.ts";
import { auditCommitmentOf } from "./commitment.ts";
import { readAudit } from "./read.ts";

export interface AuditorOptions extends ServiceContext {
  readonly models: readonly HostedModel[];
  readonly store: Store;
  /** The run that an own claim was made of; the honest one when it is not given. */
  readonly ownRun?: (hosted: HostedModel, input: Uint8Array, signal: AbortSignal | undefined) => Promise<Run>;
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

  /** Everything there is to do now, one transaction after the other. */
  async look(signal?: AbortSignal): Promise<void> {
    const { ledger, models, signer, report } = this.#options;
    if (await ledger.sync()) {
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
        await this.#send({ kind: "periodCommitted" }, desk.commitPeriod(period));
        return;
      case "begin": {
        // A claim that is not picked is refused; of the others, everybody begins its own.
        const drawn = await desk.begin.staticCall(view.request).catch(() => undefined);
        if (drawn !== self) this.#passed.set(claim.id, ticket);
        else await this.#send({ kind: "auditBegun", requestId }, desk.begin(view.request));
        return;
      }
      case "commit": {
        const run = await this.#execute(view, hosted, signal);
        if (run === undefined) return;
        const { root } = await commitTrace(run.trace, { signal });
        const { chainId } = await this.#options.provider.getNetwork();
        const parts = { traceRoot: root, outputRoot: run.outputRoot, auditor: self };
        const commitment = auditCommitmentOf({ chainId, desk: String(desk.target), claimId: claim.id, ...parts });
        if (signal?.aborted === true) return;
        await this.#send({ kind: "auditCommitted", requestId }, desk.commit(claim.id, commitment));
        return;
      }
      case "publish": {
        const input = await inputOf(this.#options, view, hosted);
        if (input === undefined) return;
        const { ownRun } = this.#options;
        const run = await (ownRun === undefined ? execute(hosted, input, { signal }) : ownRun(hosted, input, signal));
        const { root } = await commitTrace(run.trace, { signal });
        if (signal?.aborted === true) return;
        await this.#send({ kind: "auditPublished", requestId }, desk.publish(view.request, root));
        return;
      }
      case "escalate":
        await this.#send({ kind: "auditEscalated", requestId }, desk.escalate(view.request));
        return;
      case "lapse":
        await this.#send({ kind: "auditLapsed", requestId }, desk.lapse(view.request));
        return;
      case "settle":
        await this.#send({ kind: "auditSettled", requestId }, desk.settle(view.request, claim.outputRoot));
        return;
    }
  }

  /** Undefined while the input cannot be had. */
  async #execute(view: RequestView, hosted: HostedModel, signal: AbortSignal | undefined): Promise<Run | undefined> {
    const input = await inputOf(this.#options, view, hosted);
    return input === undefined ? undefined : await execute(hosted, input, { signal });
  }

  async #send(action: Action, transaction: Promise<ContractTransactionResponse>): Promise<void> {
    await send(this.#options, action, transaction);
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
