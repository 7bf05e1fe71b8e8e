import { commitTensors, leafCount, openSegment } from "../../runner/commitment/tensor.ts";
import { AssayError } from "../../runner/errors.ts";
import type { TensorType } from "../../runner/machine/kernel.ts";
import { type Tensor, tensorType } from "../../runner/machine/tensor.ts";
import { DATA_KIND, type DataKind } from "../../runner/protocol/enums.ts";
import { CONSTANTS } from "../../runner/protocol/constants.ts";
import { encodeTerms, mutable } from "../chain/calldata.ts";
import { send, type ServiceContext } from "../chain/context.ts";
import type { DataDemand } from "../chain/data-demands.ts";
import type { RequestView } from "../chain/ledger.ts";
import { allow, fund } from "../chain/funds.ts";

const { CHUNK_LEAVES } = CONSTANTS.TensorList;

/** Chunks in which tensors are put on chain; a chunk never spans two tensors. */
export const chunkCount = (types: readonly TensorType[]): number =>
  types.reduce((count, type) => count + Math.ceil(leafCount(type) / CHUNK_LEAVES), 0);

/** Demands all chunks of a request's input or output on chain, against a bond for each. */
export async function demandData(
  context: ServiceContext,
  view: RequestView,
  kind: DataKind,
  types: readonly TensorType[],
): Promise<void> {
  const { availability, market } = context.suite;
  const count = chunkCount(types);
  await fund(context, (await availability.BOND()) * BigInt(count));
  await allow(context, availability);
  const chunks = Array.from({ length: count }, (_, chunk) => chunk);
  await send(
    context,
    { kind: "dataDemanded", requestId: view.id, data: kind },
    availability.demand.populateTransaction(market, encodeTerms(view.request), DATA_KIND[kind], chunks),
  );
}

/** Puts demanded chunks on chain and earns their bonds. @throws AssayError OUT_OF_RANGE for a chunk that is not there. */
export async function showData(
  context: ServiceContext,
  view: RequestView,
  demands: readonly DataDemand[],
  tensors: readonly Tensor[],
): Promise<void> {
  const { availability, market } = context.suite;
  const committed = await commitTensors("commit demanded data", tensors);
  const roots = committed.map(({ root }) => root);
  for (const { kind, root, chunk } of demands) {
    const data = {
      ...{ source: market, id: view.id, versionId: view.request.versionId },
      ...{ root, kind: DATA_KIND[kind] },
    };
    const [tensor, first] = placeOf(tensors, chunk);
    const [opened, commitment] = [tensors[tensor], committed[tensor]];
    if (opened === undefined || commitment === undefined) throw outside(chunk);
    const leaves = Math.min(CHUNK_LEAVES, leafCount(tensorType(opened)) - first);
    const segment = openSegment(opened, commitment, first, leaves);
    const action = { kind: "dataShown", requestId: view.id, data: kind, chunk } as const;
    await send(context, action, availability.show.populateTransaction(data, chunk, roots, mutable(segment)));
  }
}

/** Takes the bonds of one's demands back that nobody answered in time. */
export async function reclaimData(context: ServiceContext, own: string, marketTime: number): Promise<void> {
  const { availability, market } = context.suite;
  for (const { id, request, demands } of context.ledger.requests.values()) {
    for (const { kind, root, chunk, demander, answerUntil, data } of demands) {
      if (demander !== own || data !== undefined || marketTime <= answerUntil) continue;
      const committed = { source: market, id, versionId: request.versionId, root, kind: DATA_KIND[kind] };
      if (!(await availability.isReturned(committed, chunk))) {
        await send(context, { kind: "bondReclaimed" }, availability.reclaim.populateTransaction(committed, chunk));
      }
    }
  }
}

/** Tells the market that nobody showed demanded data: it pays nobody for the answer, or convicts who claims it. */
export async function settleData(
  context: ServiceContext,
  view: RequestView,
  { kind, root, chunk }: DataDemand,
): Promise<void> {
  const { availability, market } = context.suite;
  const data = { source: market, id: view.id, versionId: view.request.versionId, root, kind: DATA_KIND[kind] };
  const action =
    kind === "input"
      ? ({ kind: "cancelled", requestId: view.id } as const)
      : ({ kind: "convictedForSilence", requestId: view.id, missing: "output" } as const);
  await send(context, action, availability.settle.populateTransaction(data, chunk, encodeTerms(view.request)));
}

/** The tensor that holds a chunk, and the chunk's first leaf in it. */
function placeOf(tensors: readonly Tensor[], chunk: number): readonly [tensor: number, firstLeaf: number] {
  let left = chunk;
  for (const [i, tensor] of tensors.entries()) {
    const chunks = Math.ceil(leafCount(tensorType(tensor)) / CHUNK_LEAVES);
    if (left < chunks) return [i, left * CHUNK_LEAVES];
    left -= chunks;
  }
  throw outside(chunk);
}

const outside = (chunk: number): AssayError => {
  const range = "a chunk of the data";
  return new AssayError("OUT_OF_RANGE", `chunk ${String(chunk)} is not ${range}`, {
    name: "chunk",
    value: chunk,
    range,
  });
};
