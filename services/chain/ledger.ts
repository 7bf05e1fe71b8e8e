import type { Log, Provider } from "ethers";

import type { Hash } from "../../runner/commitment/keccak.ts";
import { disputeEventOf } from "../../runner/dispute/events.ts";
import { afterEvent, type DisputeView, noDispute } from "../../runner/dispute/view.ts";
import type { RequestStruct } from "../../typechain-types/market/InferenceMarket.ts";
import { afterDataEvent, type DataDemand } from "./data-demands.ts";
import type { Deployment, Suite } from "./deployment.ts";

/** A request as the market's events tell it. */
export interface RequestView {
  readonly id: Hash;
  readonly request: RequestStruct;
  /** Input bytes when they stood in calldata; empty otherwise. */
  readonly inputs: Uint8Array;
  readonly inputUri: string;
  /** Chunks of a committed input or output that were demanded on chain. */
  readonly demands: readonly DataDemand[];
  /** What the randomness of the present draw is asked with. */
  readonly ticket: bigint;
  readonly operator?: string;
  readonly claim?: ClaimView;
  /** Whether the request is in a terminal state. */
  readonly settled: boolean;
}

/** What is claimed for a request. */
export interface ClaimView {
  readonly id: Hash;
  readonly operator: string;
  readonly outputRoot: Hash;
  /** In the market's time. */
  readonly windowEnd: number;
  readonly outputs: Uint8Array;
  readonly outputUri: string;
}

/** Logs of one range of blocks. */
interface Page {
  readonly lastBlock: number;
  readonly lastHash: string;
  readonly logs: readonly Log[];
}

const PAGE_BLOCKS = 2_000;
/** Blocks that are read again when the chain was reorganised: deeper reorganisations start from the beginning. */
const OVERLAP = 64;

/**
 * All that the suite's events say, and the only memory that services have: whoever starts again reads the chain again,
 * so nothing is done twice and no deadline is lost. A reorganisation drops what it dropped.
 */
export class Ledger {
  readonly #suite: Suite;
  readonly #provider: Provider;
  readonly #from: number;
  readonly #addresses: readonly string[];
  #pages: Page[] = [];
  #requests = new Map<string, RequestView>();
  #disputes = new Map<string, DisputeView>();
  #versions = new Map<string, Hash>();

  constructor(suite: Suite, provider: Provider, deployment: Deployment) {
    this.#suite = suite;
    this.#provider = provider;
    this.#from = deployment.block;
    const { ModelRegistry, InferenceMarket, DataAvailability, DisputeCourt } = deployment.contracts;
    this.#addresses = [ModelRegistry, InferenceMarket, DataAvailability, DisputeCourt];
  }

  get requests(): ReadonlyMap<string, RequestView> {
    return this.#requests;
  }

  /** The dispute of a claim. */
  dispute(claimId: Hash): DisputeView {
    return this.#disputes.get(claimId) ?? noDispute(claimId);
  }

  /** Commitment of the model that a version is of. */
  commitmentOf(versionId: string): Hash | undefined {
    return this.#versions.get(versionId);
  }

  /** Published versions of a model, by model commitment. */
  versionsOf(commitment: Hash): readonly Hash[] {
    return [...this.#versions].flatMap(([version, model]) => (model === commitment ? [version as Hash] : []));
  }

  /** Reads what happened since the last call. @returns Whether blocks that were read before are gone. */
  async sync(): Promise<boolean> {
    const reorganised = await this.#dropReplaced();
    const head = await this.#provider.getBlockNumber();
    for (let first = (this.#pages.at(-1)?.lastBlock ?? this.#from - 1) + 1; first <= head; first += PAGE_BLOCKS) {
      // The pages near the head are short, so that a reorganisation drops little.
      const last = Math.min(head, first + PAGE_BLOCKS - 1);
      const page = await this.#read(first, last);
      this.#pages.push(page);
      page.logs.forEach((entry) => {
        this.#apply(entry);
      });
    }
    this.#merge(head);
    return reorganised;
  }

  async #read(first: number, last: number): Promise<Page> {
    const before = await this.#provider.getBlock(last);
    const logs = await this.#provider.getLogs({ address: [...this.#addresses], fromBlock: first, toBlock: last });
    const after = await this.#provider.getBlock(last);
    // Replaced while it was read, so nobody knows which chain the logs are of: the next look reads it again.
    const lastHash = before?.hash === after?.hash ? (after?.hash ?? "") : "";
    return { lastBlock: last, lastHash, logs };
  }

  /** Forgets pages whose last block is no longer on the chain, and rebuilds what the others say. */
  async #dropReplaced(): Promise<boolean> {
    // All questions before the first change: a server that fails between two must not leave half of it done.
    let kept = this.#pages.length;
    for (; kept > 0; kept--) {
      const page = this.#pages[kept - 1];
      if (page === undefined) break;
      const block = await this.#provider.getBlock(page.lastBlock);
      if (block?.hash === page.lastHash) break;
    }
    if (kept === this.#pages.length) return false;
    this.#pages = this.#pages.slice(0, kept);
    this.#requests = new Map();
    this.#disputes = new Map();
    this.#versions = new Map();
    for (const { logs } of this.#pages) for (const entry of logs) this.#apply(entry);
    return true;
  }

  /** Joins pages far behind the head into one: there are never more than about OVERLAP of them. */
  #merge(head: number): void {
    const old = this.#pages.filter(({ lastBlock }) => lastBlock < head - OVERLAP);
    const last = old.at(-1);
    if (last === undefined || old.length < OVERLAP) return;
    const logs = old.flatMap((page) => page.logs);
    this.#pages = [{ ...last, logs }, ...this.#pages.slice(old.length)];
  }

  #apply(entry: Log): void {
    const { market, availability, court, registry } = this.#suite;
    const place = { topics: [...entry.topics], data: entry.data };
    const ofMarket = entry.address === market.target ? market.interface.parseLog(place) : null;
    if (ofMarket !== null) this.#applyMarket(ofMarket.name, ofMarket.args);
    const ofData = entry.address === availability.target ? availability.interface.parseLog(place) : null;
    if (ofData?.args.source === market.target) {
      const known = this.#requests.get(ofData.args.id as Hash);
      const demands = known && afterDataEvent(known.demands, ofData.name, ofData.args);
      if (known !== undefined && demands !== undefined) this.#requests.set(known.id, { ...known, demands });
    }
    const ofCourt = entry.address === court.target ? court.interface.parseLog(place) : null;
    if (ofCourt !== null) {
      const event = disputeEventOf({ name: ofCourt.name, args: ofCourt.args, block: entry.blockNumber });
      const claimId = ofCourt.args[0] as Hash;
      if (event !== undefined) this.#disputes.set(claimId, afterEvent(this.dispute(claimId), event));
    }
    const ofRegistry = entry.address === registry.target ? registry.interface.parseLog(place) : null;
    if (ofRegistry?.name === "VersionPublished") {
      this.#versions.set(ofRegistry.args.versionId as string, ofRegistry.args.commitment as Hash);
    }
  }

  #applyMarket(name: string, args: Readonly<Record<string, unknown>>): void {
    const id = args.requestId as Hash;
    if (name === "RequestOpened") {
      const request = (args.request as { toObject: () => RequestStruct }).toObject();
      this.#requests.set(id, {
        id,
        request,
        inputs: bytesOf(args.inputs),
        inputUri: args.inputUri as string,
        demands: [],
        ticket: 0n,
        settled: false,
      });
      return;
    }
    const known = this.#requests.get(id);
    if (known === undefined) return;
    if (name === "DrawCommitted") this.#requests.set(id, { ...known, ticket: args.ticket as bigint });
    else if (name === "RequestAssigned") this.#requests.set(id, { ...known, operator: args.operator as string });
    else if (name === "RequestReopened") {
      const { operator: _, ...reopened } = known;
      this.#requests.set(id, reopened);
    } else if (name === "RequestSettled") this.#requests.set(id, { ...known, settled: true });
    else if (name === "Claimed") {
      const claim: ClaimView = {
        id: args.claimId as Hash,
        operator: args.operator as string,
        outputRoot: args.outputRoot as Hash,
        windowEnd: Number(args.windowEnd),
        outputs: bytesOf(args.outputs),
        outputUri: args.outputUri as string,
      };
      this.#requests.set(id, { ...known, claim });
    }
  }
}

const bytesOf = (hex: unknown): Uint8Array => Uint8Array.from(Buffer.from(String(hex).slice(2), "hex"));
