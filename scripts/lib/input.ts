import { tensorsRoot } from "../../runner/commitment/model.ts";
import { commitTensors } from "../../runner/commitment/tensor.ts";
import type { Store } from "../../runner/store.ts";
import { fetchBlob } from "./blobs.ts";
import type { RequestView } from "./ledger.ts";
import { log, short } from "./log.ts";
import { type HostedModel, splitInputs } from "./models.ts";

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

async function isInput(bytes: Uint8Array, { request }: RequestView, hosted: HostedModel): Promise<boolean> {
  try {
    const tensors = splitInputs(hosted, bytes);
    return tensorsRoot(await commitTensors("commit inputs", tensors)) === request.inputRoot;
  } catch {
    // Not as many bytes as the model takes.
    return false;
  }
}
