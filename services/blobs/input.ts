import type { TransactionReceipt } from "ethers";

import { tensorsRoot } from "../../runner/commitment/model.ts";
import { commitTensors, leafCount, openSegment } from "../../runner/commitment/tensor.ts";
import { AssayError } from "../../runner/errors.ts";
import { type Tensor, tensorType } from "../../runner/machine/tensor.ts";
import { CONSTANTS } from "../../runner/protocol/constants.ts";
import { type BlobSource, fetchBlob } from "./blobs.ts";
import { mutable } from "../chain/calldata.ts";
import type { RequestView } from "../chain/ledger.ts";
import { bytesOfTensors, type HostedModel, splitTensors } from "../models/models.ts";
import { send, type ServiceContext } from "../chain/context.ts";

const { CHUNK_LEAVES } = CONSTANTS.TensorList;

/** A request's input that is on chain, in calldata or in answered demands; undefined when it is not, or not yet all. */
export async function inputOnChain(view: RequestView, hosted: HostedModel): Promise<Uint8Array | undefined> {
  if (view.inputs.length > 0) return view.inputs;
  const answered = Buffer.concat(view.chunks);
  return (await isInput(answered, view, hosted)) ? answered : undefined;
}

/**
 * A request's input from where the requester put it. What comes from a stranger counts only if it is what the request
 * commits to: whoever executed something else would be convicted for it, or lose a bond over it.
 * @throws AssayError BLOB_UNAVAILABLE, COMMITMENT_MISMATCH.
 */
export async function fetchInput(
  source: BlobSource,
  view: RequestView,
  hosted: HostedModel,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const maxBytes = bytesOfTensors(hosted.model.program.inputs);
  const fetched = await fetchBlob(source, view.inputUri, { maxBytes, counterparty: view.requester, signal });
  if (await isInput(fetched, view, hosted)) return fetched;
  const details = { name: "input", expected: String(view.request.inputRoot), actual: "other data" };
  throw new AssayError("COMMITMENT_MISMATCH", "it is not what its requester committed to", details);
}

async function isInput(bytes: Uint8Array, { request }: RequestView, { model }: HostedModel): Promise<boolean> {
  const { inputs } = model.program;
  if (bytes.length !== bytesOfTensors(inputs)) return false;
  const tensors = splitTensors("input", inputs, bytes);
  return tensorsRoot(await commitTensors("commit inputs", tensors)) === request.inputRoot;
}

/** Puts the next chunk of an input on chain, as its operator demanded. */
export async function answerInput(
  context: ServiceContext,
  view: RequestView,
  inputs: readonly Tensor[],
): Promise<TransactionReceipt> {
  const committed = await commitTensors("commit inputs", inputs);
  const roots = committed.map(({ root }) => root);
  let chunk = view.chunks.length;
  for (const [i, tensor] of inputs.entries()) {
    const leaves = leafCount(tensorType(tensor));
    const [commitment, first] = [committed[i], chunk * CHUNK_LEAVES];
    if (commitment !== undefined && first < leaves) {
      const segment = openSegment(tensor, commitment, first, Math.min(CHUNK_LEAVES, leaves - first));
      const action = { kind: "inputShown", requestId: view.id, chunk: view.chunks.length } as const;
      return await send(
        context,
        action,
        context.suite.market.answerInput.populateTransaction(view.request, roots, mutable(segment)),
      );
    }
    chunk -= Math.ceil(leaves / CHUNK_LEAVES);
  }
  const range = "a chunk of the input";
  throw new AssayError("OUT_OF_RANGE", `chunk ${String(view.chunks.length)} is not ${range}`, {
    name: "chunk",
    value: view.chunks.length,
    range,
  });
}
