import type { ContractTransactionReceipt } from "ethers";

import { tensorsRoot } from "../../runner/commitment/model.ts";
import { commitTensors, leafCount, openSegment } from "../../runner/commitment/tensor.ts";
import { AssayError } from "../../runner/errors.ts";
import { type Tensor, tensorType } from "../../runner/machine/tensor.ts";
import { CONSTANTS } from "../../runner/protocol/constants.ts";
import { type BlobSource, fetchBlob } from "./blobs.ts";
import { mutable } from "../chain/calldata.ts";
import type { RequestView } from "../chain/ledger.ts";
import { describeError } from "../environment/describe.ts";
import type { Reporter } from "../environment/events.ts";
import { type HostedModel, splitTensors } from "../models/models.ts";
import { send, type ServiceContext } from "../chain/context.ts";

const { CHUNK_LEAVES } = CONSTANTS.TensorList;

/**
 * A request's input: from calldata, from answered demands once they are all there, or from where the requester put it;
 * undefined when it is nowhere. What comes from a stranger counts only if it is what the request commits to: whoever
 * executed something else would be convicted for it, or lose a bond over it.
 */
export async function inputOf(
  source: BlobSource & { readonly report: Reporter },
  view: RequestView,
  hosted: HostedModel,
): Promise<Uint8Array | undefined> {
  if (view.inputs.length > 0) return view.inputs;
  const answered = Buffer.concat(view.chunks);
  if (await isInput(answered, view, hosted)) return answered;
  const fetched = await fetchBlob(source, view.inputUri).catch((error: unknown) => {
    source.report({ kind: "inputUnavailable", requestId: view.id, reason: describeError(error) });
    return undefined;
  });
  if (fetched === undefined) return undefined;
  if (await isInput(fetched, view, hosted)) return fetched;
  source.report({ kind: "inputMismatch", requestId: view.id });
  return undefined;
}

async function isInput(bytes: Uint8Array, { request }: RequestView, { model }: HostedModel): Promise<boolean> {
  try {
    const tensors = splitTensors("input", model.program.inputs, bytes);
    return tensorsRoot(await commitTensors("commit inputs", tensors)) === request.inputRoot;
  } catch {
    // Not as many bytes as the model takes.
    return false;
  }
}

/** Puts the next chunk of an input on chain, as its operator demanded. */
export async function answerInput(
  context: ServiceContext,
  view: RequestView,
  inputs: readonly Tensor[],
): Promise<ContractTransactionReceipt> {
  const committed = await commitTensors("commit inputs", inputs);
  const roots = committed.map(({ root }) => root);
  let chunk = view.chunks.length;
  for (const [i, tensor] of inputs.entries()) {
    const leaves = leafCount(tensorType(tensor));
    const [commitment, first] = [committed[i], chunk * CHUNK_LEAVES];
    if (commitment !== undefined && first < leaves) {
      const segment = openSegment(tensor, commitment, first, Math.min(CHUNK_LEAVES, leaves - first));
      const action = { kind: "inputShown", requestId: view.id, chunk: view.chunks.length } as const;
      return await send(context, action, context.suite.market.answerInput(view.request, roots, mutable(segment)));
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
