import { tensorsRoot } from "../../runner/commitment/model.ts";
import { commitTensors } from "../../runner/commitment/tensor.ts";
import { AssayError } from "../../runner/errors.ts";
import { shownWhole } from "../chain/data-demands.ts";
import type { RequestView } from "../chain/ledger.ts";
import { bytesOfTensors, type HostedModel, splitTensors } from "../models/models.ts";
import { type BlobSource, fetchBlob } from "./blobs.ts";
import { chunkCount } from "./data.ts";

/** A request's input that is on chain, in calldata or in answered demands; undefined when it is not, or not yet all. */
export function inputOnChain(view: RequestView, hosted: HostedModel): Uint8Array | undefined {
  if (view.inputs.length > 0) return view.inputs;
  // The contract has checked what was shown.
  return shownWhole(view.demands, "input", chunkCount(hosted.model.program.inputs));
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
