import { throwIfAborted } from "../../runner/errors.ts";
import type { Hash } from "../../runner/commitment/keccak.ts";
import { type DisputeView, noDispute } from "../../runner/dispute/view.ts";
import type { Reporter } from "../environment/events.ts";
import { abortable } from "../environment/abortable.ts";
import { type BlockHeader, type BlockMark, BlockReader, type ChainLog, type Rpc } from "./blocks.ts";
import type { UndoableMap } from "./chronicle.ts";
import { EventDecoder } from "./decode.ts";
import type { Deployment, Suite } from "./deployment.ts";
import { HANDLERS, LedgerState } from "./handlers.ts";
import type { Journal } from "./journal.ts";
import type { QuorumView, RequestView, VersionView } from "./views.ts";

export type { ClaimView, QuorumView, RequestView, VersionView } from "./views.ts";

/** Blocks below the newest that are read one by one, by their hashes. What is deeper is read in ranges. */
const NEAR_BLOCKS = 64;
/** Blocks for which changes can be undone. A deeper reorganisation reads everything again. */
const UNDO_BLOCKS = 256;
/** Blocks for which a settled request stays known; a convicted claim, whose bonds somebody takes back, stays longer. */
const KEPT_BLOCKS = 256;
const CONVICTED_BLOCKS = 50_000;
/** Headers, and their logs, that are asked for at a time. */
const AT_ONCE = 8;

/**
 * All that the suite's events say. It follows the chain by block hashes: a block that is replaced takes back what its logs
 * said, a node that is behind changes nothing, and what could not be read is asked for again. With a journal it survives
 * restarts; without one it reads the chain again from the deployment on.
 */
export class Ledger {
  readonly #decoder: EventDecoder;
  readonly #reader: BlockReader;
  readonly #report: Reporter;
  readonly #journal: Journal | undefined;
  readonly #from: number;
  readonly #keptBlocks: number;
  #state = new LedgerState();
  #marks: BlockMark[] = [];
  #settled: { readonly view: RequestView; readonly block: number }[] = [];
  #loaded = false;
  #running: { readonly work: Promise<boolean>; readonly signal: AbortSignal | undefined } | undefined;

  /** @param keptBlocks Blocks for which a settled request stays known. */
  constructor(
    suite: Suite,
    rpc: Rpc,
    deployment: Deployment,
    report: Reporter,
    journal?: Journal,
    keptBlocks = KEPT_BLOCKS,
  ) {
    this.#decoder = new EventDecoder(suite, Object.keys(HANDLERS));
    this.#reader = new BlockReader(rpc, this.#decoder.addresses);
    this.#from = deployment.block;
    this.#report = report;
    this.#journal = journal;
    this.#keptBlocks = keptBlocks;
  }

  /** Requests that are not settled, and those that were settled not long ago. */
  get requests(): Pick<UndoableMap<RequestView>, "get" | "has" | "size" | "values"> {
    return this.#state.requests;
  }

  /** Quorums that are not settled. */
  get quorums(): Pick<UndoableMap<QuorumView>, "get" | "has" | "size" | "values"> {
    return this.#state.quorums;
  }

  /** The dispute of a claim. */
  dispute(claimId: Hash): DisputeView {
    return this.#state.disputes.get(claimId) ?? noDispute(claimId);
  }

  /** Commitment of the model that a version is of. */
  commitmentOf(versionId: string): Hash | undefined {
    return this.version(versionId)?.commitment;
  }

  /** A published version. */
  version(versionId: string): VersionView | undefined {
    return this.#state.versions.get(versionId);
  }

  /** All published versions. */
  get versions(): readonly VersionView[] {
    return [...this.#state.versions.values()];
  }

  /** Published versions of a model, by model commitment. */
  versionsOf(commitment: Hash): readonly Hash[] {
    return this.versions.filter((version) => version.commitment === commitment).map(({ versionId }) => versionId);
  }

  /** The newest block that was read; the one before the deployment when none was. */
  get tip(): number {
    return this.#marks.at(-1)?.number ?? this.#from - 1;
  }

  /**
   * Reads what happened since the last call. Calls at the same time share the work; it ends when the signal of the call
   * that began it fires, and goes on from there at the next call.
   * @returns Whether blocks that were read before are gone.
   */
  async sync(signal?: AbortSignal): Promise<boolean> {
    const running = this.#running;
    if (running !== undefined && running.signal?.aborted !== true) return await abortable(running.work, signal, "sync");
    const mine = { work: this.#follow(signal), signal };
    this.#running = mine;
    try {
      return await mine.work;
    } finally {
      if (this.#running === mine) this.#running = undefined;
    }
  }

  async #follow(signal: AbortSignal | undefined): Promise<boolean> {
    // Every wait ends with the signal: what a slow node answers after that changes nothing.
    const ask = <T>(answer: Promise<T>): Promise<T> => abortable(answer, signal, "sync");
    if (!this.#loaded && this.#journal !== undefined) {
      const { marks, logs } = await ask(this.#journal.read());
      this.#apply(logs);
      this.#marks = [...marks];
      this.#loaded = true;
    }
    const head = await ask(this.#reader.head());
    const fork = await this.#forkBelow(head, ask);
    if (fork === "behind") return false;
    if (fork !== undefined) await this.#dropAfter(fork, ask);
    while (this.tip < head) {
      throwIfAborted(signal, "sync");
      const deep = head - NEAR_BLOCKS;
      const going = this.tip < deep ? await this.#readRange(deep, ask) : await this.#readBlocks(head, ask);
      if (!going) break;
    }
    this.#tidy();
    return fork !== undefined;
  }

  /** Newest block that is still on the chain, when blocks that were read are not; "behind" when the node knows less. */
  async #forkBelow(head: number, ask: Ask): Promise<number | "behind" | undefined> {
    let fork: number | undefined;
    for (let i = this.#marks.length - 1; i >= 0; i--) {
      const mark = this.#marks[i];
      if (mark === undefined || mark.number > head) continue;
      const header = await ask(this.#reader.header(mark.number));
      if (header === undefined) return "behind";
      if (header.hash === mark.hash) {
        if (fork !== undefined) return mark.number;
        return this.tip > head ? "behind" : undefined;
      }
      fork = mark.number - 1;
    }
    return fork === undefined ? undefined : this.#from - 1;
  }

  async #dropAfter(block: number, ask: Ask): Promise<void> {
    if (this.#journal !== undefined) await ask(this.#journal.dropAfter(block));
    const deepest = this.#marks[0]?.number ?? this.#from;
    if (block < deepest) {
      // Deeper than anything that can be undone.
      this.#state = new LedgerState();
      this.#settled = [];
      this.#marks = [];
      return;
    }
    this.#state.chronicle.undoAfter(block);
    this.#settled = this.#settled.filter((settled) => settled.block <= block);
    this.#marks = this.#marks.filter(({ number }) => number <= block);
  }

  /** Blocks that are too deep to be replaced, many with one question. */
  async #readRange(deep: number, ask: Ask): Promise<boolean> {
    const { logs, last } = await ask(this.#reader.logsFrom(this.tip + 1, deep));
    const header = await ask(this.#reader.header(last));
    if (header === undefined) return false;
    await this.#take([header], logs, ask);
    return true;
  }

  /** The next few blocks, each by its hash. @returns false when the chain changed meanwhile. */
  async #readBlocks(head: number, ask: Ask): Promise<boolean> {
    const first = this.tip + 1;
    const numbers = Array.from({ length: Math.min(AT_ONCE, head - this.tip) }, (_, i) => first + i);
    const headers = await ask(Promise.all(numbers.map((number) => this.#reader.header(number))));
    let parent = this.#marks.at(-1)?.hash;
    const chain: BlockHeader[] = [];
    for (const header of headers) {
      if (header === undefined) break;
      if (parent !== undefined && header.parentHash !== parent) {
        // Either the chain changed, and the next call finds out from where on; or this node's blocks do not name their
        // parents, as those that Hardhat mines many at a time.
        const before = await ask(this.#reader.header(header.number - 1));
        if (before?.hash !== parent) break;
      }
      chain.push(header);
      parent = header.hash;
    }
    const logs = await ask(Promise.all(chain.map((header) => this.#reader.logsAt(header))));
    if (chain.length > 0) await this.#take(chain, logs.flat(), ask);
    return chain.length === headers.length;
  }

  async #take(headers: readonly BlockHeader[], read: readonly ChainLog[], ask: Ask): Promise<void> {
    const logs = read.filter(({ topics: [event = ""] }) => this.#decoder.isHandled(event));
    const marks = headers.map(({ number, hash }) => ({ number, hash }));
    if (this.#journal !== undefined) await ask(this.#journal.append({ marks, logs }));
    this.#apply(logs);
    this.#marks.push(...marks);
  }

  #apply(logs: readonly ChainLog[]): void {
    for (const entry of logs) {
      const event = this.#decoder.decode(entry);
      const handle = event === undefined ? undefined : HANDLERS[event.name];
      if (event === undefined || handle === undefined) continue;
      const { name, block } = event;
      for (const field of event.unusable) this.#report({ kind: "textUnusable", event: name, field, block });
      this.#state.chronicle.enter(block);
      try {
        handle(this.#state, event);
      } catch (error) {
        // One event of a stranger must not hide the others.
        const reason = error instanceof Error ? error.message : String(error);
        this.#report({ kind: "eventUnusable", event: name, block, reason });
      }
      const view =
        name === "market.RequestSettled" ? this.#state.requests.get(String(event.args.requestId)) : undefined;
      if (view?.settled === true) this.#settled.push({ view, block });
    }
  }

  /** Forgets what nobody needs any more, so that what is over costs neither memory nor time. */
  #tidy(): void {
    const { tip } = this;
    this.#state.chronicle.settle(tip - UNDO_BLOCKS);
    const first = this.#marks.findIndex(({ number }) => number >= tip - UNDO_BLOCKS);
    if (first > 1) this.#marks.splice(0, first - 1);
    const over: Hash[] = [];
    this.#settled = this.#settled.filter(({ view: { id, claim, status }, block }) => {
      if (block >= tip - (status === "convicted" ? Math.max(CONVICTED_BLOCKS, this.#keptBlocks) : this.#keptBlocks))
        return true;
      this.#state.requests.forget(id);
      if (claim !== undefined) this.#state.disputes.forget(claim.id);
      over.push(id, ...(claim === undefined ? [] : [claim.id]));
      return false;
    });
    if (over.length > 0) {
      this.#journal?.close(over).catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        this.#report({ kind: "retrying", task: "journal", reason });
      });
    }
  }
}

type Ask = <T>(answer: Promise<T>) => Promise<T>;
