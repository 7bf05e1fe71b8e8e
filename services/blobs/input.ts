import { tensorsRoot } from "../../runner/commitment/model.ts";
import { commitTensors } from "../../runner/commitment/tensor.ts";
import { type BlobSource, fetchBlob } from "./blobs.ts";
import { shownWhole } from "../chain/data-demands.ts";
import type { RequestView } from "../chain/ledger.ts";
import { describeError } from "../environment/describe.ts";
import type { Reporter } from "../environment/events.ts";
import { type HostedModel, splitTensors } from "../models/models.ts";
import { chunkCount } from "./data.ts";

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
  // The contract has checked what was shown.
  const shown = shownWhole(view.demands, "input", chunkCount(hosted.model.program.inputs));
  if (shown !== undefined) return shown;
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
