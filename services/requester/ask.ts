import { type TransactionReceipt, ZeroAddress, ZeroHash } from "ethers";

import type { Hash } from "../../runner/commitment/keccak.ts";
import { tensorsRoot } from "../../runner/commitment/model.ts";
import { commitTensors } from "../../runner/commitment/tensor.ts";
import { AssayError, isAssayError } from "../../runner/errors.ts";
import { CONSTANTS } from "../../runner/protocol/constants.ts";
import { finalityOf, type RequestStatus, requestStatusOf } from "../../runner/protocol/enums.ts";
import { DTYPE_CODE, DTYPES } from "../../runner/machine/dtype.ts";
import type { TensorType } from "../../runner/machine/kernel.ts";
import type { Tensor } from "../../runner/machine/tensor.ts";
import type { Store } from "../../runner/files/store.ts";
import { type BlobSource, fetchBlob } from "../blobs/blobs.ts";
import { GuardedClient } from "../blobs/guarded-client.ts";
import { showData } from "../blobs/data.ts";
import type { RequestView } from "../chain/ledger.ts";
import { bytesOfTensors, type HostedModel, joinTensors, splitTensors } from "../models/models.ts";
import { invalid } from "../environment/options.ts";
import { nowOf, send, type ServiceContext } from "../chain/context.ts";
import { keepLooking } from "../chain/loop.ts";
import { toShow } from "../chain/data-demands.ts";
import { stepsToAllow, stepsToFund } from "../chain/funds.ts";
import { type Step, take } from "../chain/steps.ts";
import { mayFetchPrivately } from "../work/looking.ts";

export interface Question {
  readonly inputs: readonly Tensor[];
  readonly policy: string;
  readonly fee: bigint;
  /** What a wrong answer would cost; sets the operator's collateral. */
  readonly valueAtRisk: bigint;
  readonly windowSeconds: number;
  /** Where a large input is put for the operator to fetch. */
  readonly store: Store;
  readonly locationPrefix?: string;
}

/** A version that is asked. */
export interface AskedVersion {
  readonly versionId: Hash;
  /** For people. */
  readonly name: string;
}

/** What became of a request. */
export interface Outcome {
  readonly requestId: Hash;
  readonly finality: "provisional" | "final" | "failed";
  /** Why: where the request stands, as `RequestStatus` names it. */
  readonly status: RequestStatus;
  readonly operator: string;
  readonly outputRoot: string;
  /** Empty when there is no answer, or its data are not where the operator said. */
  readonly outputs: readonly Tensor[];
}

const STAGE_SECONDS = 3_600;

/**
 * What opens a request; the last step opens it.
 * @throws AssayError TENSOR_MISMATCH when the inputs are not of the version's types, and those of `stepsToFund`.
 */
export async function stepsToAsk(
  context: ServiceContext,
  { versionId, name }: AskedVersion,
  question: Question,
): Promise<readonly Step[]> {
  const { market } = context.suite;
  const bytes = joinTensors(question.inputs);
  splitTensors("input", (await typesOf(context, versionId)).inputs, bytes);
  const inline = bytes.length <= CONSTANTS.MarketRecord.INLINE_LIMIT;
  const { locationPrefix = "store:" } = question;
  const terms = {
    versionId,
    inputs: inline ? bytes : "0x",
    inputRoot: inline ? ZeroHash : tensorsRoot(await commitTensors("commit inputs", question.inputs)),
    inputUri: inline ? "" : `${locationPrefix}${await question.store.put(bytes)}`,
    policy: question.policy,
    fee: question.fee,
    valueAtRisk: question.valueAtRisk,
    openSeconds: STAGE_SECONDS,
    claimSeconds: STAGE_SECONDS,
    windowSeconds: question.windowSeconds,
    callback: ZeroAddress,
    callbackGas: 0,
    minimumHolders: 0,
  };
  return [
    ...(await stepsToFund(context, question.fee)),
    ...(await stepsToAllow(context, market)),
    { action: { kind: "asked", model: name }, call: () => market.request.populateTransaction(terms) },
  ];
}

/** Opens a request. @returns Its id. @throws as `stepsToAsk` does. */
export async function ask(context: ServiceContext, version: AskedVersion, question: Question): Promise<Hash> {
  return openedIn(context, (await take(context, await stepsToAsk(context, version, question))).at(-1));
}

/** The newest version of a model that the ledger knows. @throws AssayError OPTION_INVALID when nobody published it. */
export function newestVersion({ ledger }: Pick<ServiceContext, "ledger">, hosted: HostedModel): AskedVersion {
  const versionId = ledger.versionsOf(hosted.commitment.commitment).at(-1);
  if (versionId === undefined) throw invalid("ASSAY_MODEL", hosted.path, "publish the model first");
  return { versionId, name: hosted.name };
}

/** Types of the inputs and outputs of a version, as the registry keeps them: five bytes each. */
export async function typesOf(
  { suite: { registry } }: Pick<ServiceContext, "suite">,
  versionId: string,
): Promise<{ readonly inputs: readonly TensorType[]; readonly outputs: readonly TensorType[] }> {
  const { inputTypes, outputTypes } = await registry.versionOf(versionId);
  return { inputs: unpackTypes(inputTypes), outputs: unpackTypes(outputTypes) };
}

/** Tensor types as contracts/types/PackedTypes.sol packs them. */
function unpackTypes(packed: string): readonly TensorType[] {
  const bytes = Buffer.from(packed.slice(2), "hex");
  return Array.from({ length: bytes.length / 5 }, (_, i) => {
    const dtype = DTYPES.find((each) => DTYPE_CODE[each] === bytes[5 * i]);
    if (dtype !== undefined) return { dtype, length: bytes.readUInt32BE(5 * i + 1) };
    throw new AssayError("RPC_UNUSABLE", "the registry gave types that are not valid", { reason: "types" });
  });
}

/** Id of the request that was opened in a transaction. */
export function openedIn(
  { suite: { market } }: Pick<ServiceContext, "suite">,
  receipt: Pick<TransactionReceipt, "logs"> | undefined,
): Hash {
  for (const entry of receipt?.logs ?? []) {
    if (entry.address !== market.target) continue;
    const parsed = market.interface.parseLog({ topics: [...entry.topics], data: entry.data });
    if (parsed?.name === "RequestOpened") return parsed.args.requestId as Hash;
  }
  throw new AssayError("RPC_UNUSABLE", "the receipt has no RequestOpened event", { reason: "no event" });
}

/** How to wait for an answer. */
export interface Waiting {
  /** Whether a provisional answer is not enough. */
  readonly final: boolean;
  readonly intervalMilliseconds: number;
  readonly signal: AbortSignal;
  /** Whether strangers' URLs may lead to private addresses; not given: as `mayFetchPrivately` says. */
  readonly privateAddresses?: boolean;
}

/**
 * Waits until the request has an answer (or, when `final`, until it is settled). Meanwhile it puts a large input on chain
 * when the operator demands it, and finalises or takes refunds when nobody else does.
 * @throws AssayError ABORTED.
 */
export async function awaitOutcome(
  context: ServiceContext,
  requestId: Hash,
  { inputs, store }: Pick<Question, "inputs" | "store">,
  { final, intervalMilliseconds, signal, privateAddresses }: Waiting,
): Promise<Outcome> {
  const { suite, ledger, clock } = context;
  const answered = new AbortController();
  let client: GuardedClient | undefined;
  let outcome: Outcome | undefined;
  const look = async (given: AbortSignal): Promise<void> => {
    client ??= new GuardedClient(clock, {
      privateAddresses: privateAddresses ?? (await mayFetchPrivately(context)),
    });
    await ledger.sync(given);
    const view = ledger.requests.get(requestId);
    // Not read yet, or gone with a reorganisation.
    if (view === undefined) return;
    const finality = finalityOf((await suite.market.resultOf(requestId)).finality);
    // Claimed since the ledger was read: the next look knows the answer.
    if ((finality === "provisional" || finality === "final") && view.claim === undefined) return;
    if (finality === "final" || finality === "failed" || (finality === "provisional" && !final)) {
      const { operator = ZeroAddress, outputRoot = ZeroHash } = view.claim ?? {};
      const outputs = finality === "failed" ? [] : await outputsOf({ ...context, store, client }, view);
      outcome = { requestId, finality, status: view.status, operator, outputRoot, outputs };
      answered.abort();
    } else await attend(context, view, inputs);
  };
  const until = AbortSignal.any([signal, answered.signal]);
  await keepLooking(context, { task: "request", intervalMilliseconds, look }, until);
  if (outcome === undefined) throw new AssayError("ABORTED", "waiting for the answer was aborted", { task: "request" });
  return outcome;
}

/** Does what only the requester will, and takes the exit that time has opened: nobody's goodwill is needed. */
async function attend(context: ServiceContext, view: RequestView, inputs: readonly Tensor[]): Promise<void> {
  const { market } = context.suite;
  const [state, { marketTime }] = await Promise.all([market.stateOf(view.id), nowOf(context)]);
  const [status, late] = [requestStatusOf(state.status), marketTime - Number(state.deadline)];
  const demanded = toShow(view.demands, "input", marketTime);
  if (demanded.length > 0) await showData(context, view, demanded, inputs);
  // A little later than the operators, who do the same: two transactions for one exit would waste one.
  if (late < 30) return;
  const requestId = view.id;
  if (status === "open")
    await send(context, { kind: "refunded", requestId }, market.refund.populateTransaction(view.request));
  if (status === "assigned")
    await send(context, { kind: "timedOut", requestId }, market.timeOut.populateTransaction(view.request));
  if (status === "claimed") {
    const outputs = view.claim?.outputs ?? new Uint8Array();
    await send(context, { kind: "finalised", requestId }, market.finalise.populateTransaction(view.request, outputs));
  }
}

/** Outputs; none when their data cannot be had or are not what was claimed. */
async function outputsOf(
  source: BlobSource & Pick<ServiceContext, "report" | "suite">,
  { id, claim, request }: RequestView,
): Promise<Outcome["outputs"]> {
  if (claim === undefined) return [];
  try {
    const { outputs: types } = await typesOf(source, String(request.versionId));
    const download = { maxBytes: bytesOfTensors(types), counterparty: claim.operator };
    const bytes = claim.outputs.length > 0 ? claim.outputs : await fetchBlob(source, claim.outputUri, download);
    const tensors = splitTensors("output", types, bytes);
    const root = tensorsRoot(await commitTensors("commit outputs", tensors));
    if (root !== claim.outputRoot) {
      const details = { name: "output", expected: claim.outputRoot, actual: root };
      throw new AssayError("TENSOR_MISMATCH", `the root of the data is ${root}, not ${claim.outputRoot}`, details);
    }
    return tensors;
  } catch (error) {
    if (!isAssayError(error)) throw error;
    const { outputRoot } = claim;
    source.report({ kind: "outputUnavailable", requestId: id, outputRoot, reason: error.message });
    return [];
  }
}
