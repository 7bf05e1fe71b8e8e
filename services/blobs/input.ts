import type { ContractTransactionReceipt } from "ethers";

import { tensorsRoot } from "../../runner/commitment/model.ts";
import { commitTensors, leafCount, openSegment } from "../../runner/commitment/tensor.ts";
import { AssayError } from "../../runner/errors.ts";
import { type Tensor, tensorType } from "../../runner/machine/tensor.ts";
import { CONSTANTS } from "../../runner/protocol/constants.ts";
import type { Store } from "../../runner/files/store.ts";
import { fetchBlob } from "./blobs.ts";
import { mutable } from "../chain/calldata.ts";
import type { RequestView } from "../chain/ledger.ts";
import { log, short } from "../environment/log.ts";
import { type HostedModel, splitTensors } from "../models/models.ts";
import { type Scene, send } from "../chain/service.ts";

const { CHUNK_LEAVES } = CONSTANTS.TensorList;

/**
 * A request's input: from calldata, from answered demands once they are all there, or from where the requester put it;
 * undefined when it is nowhere. What comes from a stranger counts only if it is what the request commits to: whoever
 * executed something else would be convicted for it, or lose a bond over it.
 */
export async function inputOf(store: Store, view: RequestView, hosted: HostedModel): Promise<Uint8Array | undefined> {
  if (view.inputs.length > 0) return view.inputs;
  const answered = Buffer.concat(view.chunks);
  if (await isInput(answered, view, hosted)) return answered;
  const fetched = await fetchBlob(store, view.inputUri).catch((error: unknown) => {
    log(`the input of ${short(view.id)} cannot be fetched: ${String(error)}`);
    return undefined;
  });
  if (fetched === undefined) return undefined;
  if (await isInput(fetched, view, hosted)) return fetched;
  log(`the input of ${short(view.id)} is not what its requester committed to`);
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
  { suite }: Scene,
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
      const what = `put chunk ${String(view.chunks.length)} of the input of ${short(view.id)} on chain`;
      return await send(what, suite.market.answerInput(view.request, roots, mutable(segment)));
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
