import type { Hash } from "../../runner/commitment/keccak.ts";
import type { OwnExecution, Published } from "../../runner/dispute/locate.ts";
import { TRACE_TREE } from "../../runner/dispute/view.ts";
import { nextWatcherMove, type WatcherMove } from "../../runner/dispute/watcher.ts";
import { nodeNames } from "../../runner/inspection/inspect.ts";
import { item } from "../../runner/items.ts";
import { product } from "../../runner/machine/shape.ts";
import type { Tensor } from "../../runner/machine/tensor.ts";
import type { Store } from "../../runner/files/store.ts";
import { fetchOutput, fetchRoots } from "../blobs/blobs.ts";
import { mutable } from "../chain/calldata.ts";
import { nowOf, send, type ServiceContext } from "../chain/context.ts";
import type { HostedModel } from "../models/models.ts";
import type { Workshop } from "../work/workshop.ts";

export interface ProsecutorOptions extends ServiceContext {
  readonly store: Store;
  readonly workshop: Workshop;
  /** 32 secret bytes, hex: makes the salts of accusations. */
  readonly secret: string;
}

/** A claim that says something else than one's own execution, and is in dispute. */
export interface Suspect {
  readonly seatId: Hash;
  readonly claimId: Hash;
  readonly operator: string;
  readonly outputRoot: Hash;
  /** Terms of the claim, as the court takes them. */
  readonly terms: string;
  readonly hosted: HostedModel;
  readonly own: OwnExecution;
  readonly ownRoot: Hash;
}

/** What the operator of a claim published; null is what cannot be had. */
interface Seen {
  roots?: readonly Hash[] | null;
  readonly outputs: Map<number, Tensor | null>;
}

/**
 * Convicts who said something else in a quorum. The dispute is there already; whoever has its own execution finds the wrong
 * element. It remembers nothing that is not on chain but what it can fetch again.
 */
export class Prosecutor {
  readonly #options: ProsecutorOptions;
  readonly #seen = new Map<Hash, Seen>();

  constructor(options: ProsecutorOptions) {
    this.#options = options;
  }

  /** All that can be done against a claim now. */
  async prosecute(suspect: Suspect, signal?: AbortSignal): Promise<void> {
    const { ledger, signer, secret, suite } = this.#options;
    const { claimId, own, ownRoot, outputRoot } = suspect;
    const seen = this.#seen.get(claimId) ?? { outputs: new Map<number, Tensor | null>() };
    this.#seen.set(claimId, seen);
    for (let going = true; going && signal?.aborted !== true;) {
      await ledger.sync(signal);
      const dispute = ledger.dispute(claimId);
      const { time, block } = await nowOf(this.#options);
      const published: Published = {
        ...(seen.roots === undefined ? {} : { roots: seen.roots }),
        outputs: seen.outputs,
      };
      const { answerWindow } = await suite.court.termsOf(dispute.termsId);
      const chain = { time, block, claimedRoot: outputRoot, answerWindow: Number(answerWindow) };
      const move = nextWatcherMove(
        { address: await signer.getAddress(), secret },
        own,
        ownRoot,
        dispute,
        published,
        chain,
      );
      going = await this.#carryOut(move, suspect, seen, signal);
    }
  }

  /** @returns Whether there may be another move now. */
  async #carryOut(
    move: WatcherMove,
    { seatId, claimId, operator, terms, hosted }: Suspect,
    seen: Seen,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const { suite, store, workshop } = this.#options;
    const { court } = suite;
    const { program } = hosted.model;
    const kernels = program.kernels.length;
    const source = { store, client: workshop.client };
    const download = { counterparty: operator, ...(signal === undefined ? {} : { signal }) };
    switch (move.kind) {
      case "wait":
      case "done":
      // The quorum market has challenged already.
      case "challenge":
        return false;
      case "fetchRoots":
        seen.roots = await fetchRoots(source, move.location, kernels, download).catch(() => null);
        return true;
      case "fetchOutput": {
        const { dtype, shape } = item(program.kernels, move.kernel);
        const place = { kernel: move.kernel, kernels, type: { dtype, length: product(shape) } };
        const output = await fetchOutput(source, move.location, place, download).catch(() => null);
        seen.outputs.set(move.kernel, output);
        return true;
      }
      case "convictWithoutTrace":
        await send(
          this.#options,
          { kind: "convictedForSilence", requestId: seatId, missing: "trace" },
          court.convictWithoutTrace.populateTransaction(claimId, terms),
        );
        return false;
      case "demand": {
        const places = mutable(move.places);
        const opening = {
          index: move.kernel,
          encoded: hosted.commitment.kernels[move.kernel] ?? new Uint8Array(),
          siblings: move.kernel === TRACE_TREE ? [] : [...hosted.commitment.programTree.prove(move.kernel)],
        };
        const call =
          move.kernel === TRACE_TREE
            ? court.demandTrace.populateTransaction(claimId, places)
            : court.demandTensor.populateTransaction(claimId, opening, places);
        await send(this.#options, { kind: "demanded", requestId: seatId, places: places.length }, call);
        return true;
      }
      case "convictUnanswered":
        await send(
          this.#options,
          { kind: "convictedForSilence", requestId: seatId, missing: "answer" },
          court.convictUnanswered.populateTransaction(claimId, terms, mutable(move.opening)),
        );
        return false;
      case "accuse":
        await send(
          this.#options,
          { kind: "accused", requestId: seatId },
          court.accuse.populateTransaction(claimId, move.commitment),
        );
        return true;
      case "replay":
        await send(
          this.#options,
          { kind: "replayed", requestId: seatId },
          court.replay.populateTransaction(claimId, move.accusation, mutable(move.execution), move.maxSteps),
        );
        return true;
      case "proveFraud": {
        const { execution, accusation, output } = move;
        const { kernel, element } = execution;
        const nodes = nodeNames(hosted.model.nodes[kernel.index] ?? []);
        await send(
          this.#options,
          { kind: "convicted", requestId: seatId, kernel: kernel.index, element, nodes },
          court.proveFraud.populateTransaction(claimId, terms, accusation, mutable(execution), mutable(output)),
        );
        return false;
      }
    }
  }

  /** Takes the bonds of one's accusations and demands back, once a claim is convicted. */
  async reclaim(claimId: Hash): Promise<void> {
    const { ledger, suite, signer } = this.#options;
    const own = await signer.getAddress();
    this.#seen.delete(claimId);
    const { demands, accusations } = ledger.dispute(claimId);
    for (const { opening, demander } of demands.values()) {
      if (demander !== own || (await suite.court.demandOf(claimId, mutable(opening))).demander !== own) continue;
      const call = suite.court.reclaim.populateTransaction(claimId, mutable(opening));
      await send(this.#options, { kind: "bondReclaimed" }, call);
    }
    for (const commitment of accusations.keys()) {
      if ((await suite.court.accusationOf(claimId, commitment)).payer !== own) continue;
      const call = suite.court.reclaimAccusation.populateTransaction(claimId, commitment);
      await send(this.#options, { kind: "bondReclaimed" }, call);
    }
  }
}
