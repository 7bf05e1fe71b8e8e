import type { Signer } from "ethers";

import { keccak256, type Hash, toHash } from "../../runner/commitment/keccak.ts";
import { AssayError } from "../../runner/errors.ts";
import type { Store } from "../../runner/files/store.ts";
import type { Tensor } from "../../runner/machine/tensor.ts";
import { fetchInput, inputOnChain } from "../blobs/input.ts";
import { GuardedClient } from "../blobs/guarded-client.ts";
import { hostVersion } from "../blobs/hosting.ts";
import { PAYERS, stepsToCollect } from "../chain/collect.ts";
import type { ServiceContext } from "../chain/context.ts";
import { attach, type Deployment, deploymentIn } from "../chain/deployment.ts";
import { Endpoints } from "../chain/endpoints.ts";
import { OPTIMISTIC_MODE, policyOf } from "../chain/evidence.ts";
import { Ledger } from "../chain/ledger.ts";
import { take } from "../chain/steps.ts";
import { TransactionManager } from "../chain/transactions.ts";
import { findVersion } from "../chain/versions.ts";
import { type Clock, SYSTEM_CLOCK } from "../environment/clock.ts";
import type { Reporter } from "../environment/events.ts";
import { execute, hostModel, type HostedModel, joinTensors, splitTensors } from "../models/models.ts";
import { openedBlock } from "./opened.ts";
import { ask, awaitOutcome, type Outcome, type Question, typesOf } from "./ask.ts";

/** What a client stands on. */
export interface ClientContext extends Omit<ServiceContext, "ledger"> {
  readonly deployment: Deployment;
}

export interface ClientOptions {
  /** Whether strangers' URLs may lead to private addresses: for development chains. */
  readonly privateAddresses?: boolean;
  /** Where inputs too large for calldata are kept for the operator; default this process's memory. */
  readonly store?: Store;
  /** What stands before a blob's id in the location of a large input: the URL that the store is served under. */
  readonly locationPrefix?: string;
  readonly intervalMilliseconds?: number;
  /** Folder of models that `verify` fetches. */
  readonly modelFolder?: string;
  readonly ipfsGateway?: string;
}

/** Where a client finds the chain. */
export interface Connecting extends ClientOptions {
  /** URLs of nodes of the chain. */
  readonly rpc: readonly string[];
  /** The addresses of the suite, or the file that has them. */
  readonly deployment: Deployment | string;
  /** Signs by itself, from a key. */
  readonly signer: Signer;
  /** Most that a unit of gas, and that all transactions of a day, may cost, in wei. */
  readonly maxFeePerGas?: bigint;
  readonly dailyWei?: bigint;
  readonly report?: Reporter;
  readonly clock?: Clock;
}

/** What a question costs, and how sure its answer must be. Amounts are units of 1e-18 token. */
export type AskOptions = Partial<Pick<Question, "policy" | "fee" | "valueAtRisk" | "windowSeconds">>;

/** An answer compared with what the model gives here. */
export interface Verification {
  readonly right: boolean;
  /** What is claimed on chain. */
  readonly claimedRoot: Hash;
  /** What the model gives here, and its outputs. */
  readonly outputRoot: Hash;
  readonly outputs: readonly Tensor[];
}

const TOKEN = 10n ** 18n;
const GWEI = 10n ** 9n;
const DEFAULTS = {
  policy: policyOf(OPTIMISTIC_MODE),
  fee: 20n * TOKEN,
  valueAtRisk: 200n * TOKEN,
  windowSeconds: 3_600,
};
const MODEL_BYTES = 2 ** 32;

/** Asks, waits, verifies and collects: one call each. It needs no model file; the id of a version is enough. */
export class AssayClient {
  readonly #context: ClientContext;
  readonly #options: ClientOptions;
  readonly #store: Store;
  readonly #inputs = new Map<Hash, readonly Tensor[]>();
  readonly #client: GuardedClient;
  #ledger: Ledger | undefined;
  /** Where it begins. */
  #block = Infinity;
  #close: () => void = () => undefined;

  constructor(context: ClientContext, options: ClientOptions = {}) {
    this.#context = context;
    this.#options = options;
    this.#store = options.store ?? memoryStore();
    this.#client = new GuardedClient(context.clock, {
      privateAddresses: options.privateAddresses ?? false,
      ipfsGateway: options.ipfsGateway,
    });
  }

  /** A client on nodes of the chain. @throws AssayError FILE_UNREADABLE, FILE_MALFORMED. */
  static async open(connecting: Connecting): Promise<AssayClient> {
    const { rpc, clock = SYSTEM_CLOCK, report = () => undefined, deployment: given } = connecting;
    const deployment = typeof given === "string" ? await deploymentIn(given) : given;
    const { chainId, randomness, existingToken = false } = deployment;
    const provider = new Endpoints(rpc, chainId, clock, report);
    const signer = connecting.signer.connect(provider);
    const { maxFeePerGas = 500n * GWEI, dailyWei = TOKEN } = connecting;
    const policy = { maxFeePerGas, dailyWei, bumpSeconds: 60, dryRun: false };
    const sender = new TransactionManager({ provider, signer, clock, report, policy });
    const suite = attach(deployment, signer);
    const context = { suite, signer, sender, provider, randomness, existingToken, report, clock, deployment };
    const client = new AssayClient(context, connecting);
    client.#close = () => {
      provider.destroy();
    };
    return client;
  }

  /**
   * Asks a version. @returns The id of the request.
   * @throws AssayError TENSOR_MISMATCH when the inputs are not of its types, NOT_READY without tokens, and what the market
   * refuses it with.
   */
  async ask(versionId: Hash, inputs: readonly Tensor[], options: AskOptions = {}): Promise<Hash> {
    const context = await this.#knowing();
    const { locationPrefix } = this.#options;
    const place = { store: this.#store, ...(locationPrefix === undefined ? {} : { locationPrefix }) };
    const question = { ...DEFAULTS, ...options, ...place, inputs };
    const requestId = await ask(context, { versionId, name: versionId }, question);
    this.#inputs.set(requestId, inputs);
    return requestId;
  }

  /**
   * Waits until a request has an answer that is final, or only provisional, or failed. Meanwhile it does what the requester
   * must: it puts a large input on chain when that is demanded, and takes the exits that time opens.
   * @throws AssayError ABORTED.
   */
  async wait(
    requestId: Hash,
    { provisional = false, signal }: { readonly provisional?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<Outcome> {
    const context = await this.#knowing(requestId);
    const { intervalMilliseconds = 2_000, privateAddresses } = this.#options;
    const question = { inputs: await this.#inputsOf(context, requestId), store: this.#store };
    const waiting = { final: !provisional, intervalMilliseconds, signal: signal ?? new AbortController().signal };
    return await awaitOutcome(context, requestId, question, {
      ...waiting,
      ...(privateAddresses === undefined ? {} : { privateAddresses }),
    });
  }

  /**
   * Executes a request here and compares.
   * @param model Its file, sizes of symbolic dimensions behind a question mark; without it, the publisher's is fetched.
   * @throws AssayError COMMITMENT_MISMATCH when the file is not the version, NOT_READY when nothing is claimed yet, and those
   * of `hostVersion`.
   */
  async verify(requestId: Hash, model?: string): Promise<Verification> {
    const context = await this.#knowing(requestId);
    const view = context.ledger.requests.get(requestId);
    const claimedRoot = view?.claim?.outputRoot;
    if (view === undefined || claimedRoot === undefined) {
      const reason = `${requestId} has no answer that could be compared`;
      throw new AssayError("NOT_READY", reason, { reasons: [reason] });
    }
    const hosted = await this.#modelOf(String(view.request.versionId) as Hash, model);
    const own = joinTensors(await this.#inputsOf(context, requestId));
    const source = { store: this.#store, client: this.#client };
    const input = inputOnChain(view, hosted) ?? (own.length > 0 ? own : await fetchInput(source, view, hosted));
    const { outputRoot, outputs } = await execute(hosted, input);
    return { right: outputRoot === claimedRoot, claimedRoot, outputRoot, outputs };
  }

  /** Takes what the contracts owe to the account. @returns How much. */
  async collect(): Promise<bigint> {
    const context = await this.#knowing();
    const { suite, signer } = context;
    const own = await signer.getAddress();
    const amounts = await Promise.all(PAYERS.map((from) => suite[from].creditOf(own)));
    await take(context, await stepsToCollect(context));
    return amounts.reduce((sum, amount) => sum + amount, 0n);
  }

  /** Ends what `open` has begun. */
  close(): void {
    this.#close();
  }

  async #modelOf(versionId: Hash, file: string | undefined): Promise<HostedModel> {
    const { suite, provider } = this.#context;
    if (file !== undefined) {
      const hosted = await hostModel(file);
      const [expected, actual] = [await suite.registry.commitmentOf(versionId), hosted.commitment.commitment];
      if (expected === actual) return hosted;
      const message = `${file} is not version ${versionId}: its commitment is ${actual}; published is ${expected}`;
      throw new AssayError("COMMITMENT_MISMATCH", message, { name: "model", expected, actual });
    }
    const { modelFolder: folder = ".assay/models" } = this.#options;
    const hosting = { client: this.#client, folder, maxBytes: MODEL_BYTES };
    return await hostVersion(await findVersion(suite, provider, versionId), hosting);
  }

  /** The context with a ledger that knows a request, or what is asked from now on: older events are of no interest. */
  async #knowing(requestId?: Hash): Promise<ServiceContext> {
    const { deployment, suite, provider, report } = this.#context;
    let ledger = this.#ledger;
    await ledger?.sync();
    if (ledger === undefined || (requestId !== undefined && !ledger.requests.has(requestId))) {
      const block =
        requestId === undefined
          ? await provider.getBlockNumber()
          : await openedBlock(suite, provider, requestId, deployment.block);
      this.#block = Math.min(this.#block, block);
      // Whoever asked may come late: nothing is forgotten.
      ledger = new Ledger(suite, provider, { ...deployment, block: this.#block }, report, undefined, Infinity);
      this.#ledger = ledger;
      await ledger.sync();
    }
    return { ...this.#context, ledger };
  }

  /** What a request was asked with: what this client gave, or what its store has. */
  async #inputsOf({ suite, ledger }: ServiceContext, requestId: Hash): Promise<readonly Tensor[]> {
    const known = this.#inputs.get(requestId);
    if (known !== undefined) return known;
    await ledger.sync();
    const view = ledger.requests.get(requestId);
    const id = /(0x[0-9a-f]{64})$/.exec(view?.inputUri ?? "")?.[1] as Hash | undefined;
    if (view === undefined || id === undefined || !(await this.#store.has(id))) return [];
    const { inputs } = await typesOf({ suite }, String(view.request.versionId));
    return splitTensors("input", inputs, await this.#store.get(id));
  }
}

/** Keeps blobs as long as the process runs. */
function memoryStore(): Store {
  const blobs = new Map<Hash, Uint8Array>();
  return {
    put: (bytes) => {
      const id = toHash(keccak256(bytes));
      blobs.set(id, bytes);
      return Promise.resolve(id);
    },
    get: (id) => {
      const bytes = blobs.get(id);
      if (bytes !== undefined) return Promise.resolve(bytes);
      return Promise.reject(new AssayError("STORE_MISSING", `the store has no blob ${id}`, { id }));
    },
    has: (id) => Promise.resolve(blobs.has(id)),
    remove: (id) => {
      blobs.delete(id);
      return Promise.resolve();
    },
  };
}
