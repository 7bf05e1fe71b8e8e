import { createServer, type Server } from "node:http";

import { hashBytes, type Hash, keccak256, toHash } from "../../runner/commitment/keccak.ts";
import type { TraceCommitment } from "../../runner/commitment/trace.ts";
import { AssayError } from "../../runner/errors.ts";
import { DTYPE_BYTES } from "../../runner/machine/dtype.ts";
import type { TensorType } from "../../runner/machine/kernel.ts";
import { type Tensor, tensorBytes, tensorFromBytes } from "../../runner/machine/tensor.ts";
import type { Store } from "../../runner/files/store.ts";
import { type Address, listen } from "../environment/listen.ts";
import type { Download, GuardedClient } from "./guarded-client.ts";

/*
 * How services hand data to one another: blobs named by their keccak256, so that it does not matter who serves them. A
 * location is `store:ID` (the store that both share, a folder) or `http(s)://HOST/blobs/ID`.
 */

/** Longest that a client may take for its question. */
const PATIENCE_MILLISECONDS = 10_000;

/** Where blobs come from: the store that is at hand, and the client for what strangers serve. */
export interface BlobSource {
  readonly store: Store;
  readonly client: GuardedClient;
}

/** What a published trace's location leads to: 64 bytes for each kernel, its tensor root and the id of its output's blob. */
const ENTRY_BYTES = 64;

/** Puts a trace into the store. @returns The id of its index. */
export async function publishTrace(
  store: Store,
  trace: readonly Tensor[],
  { outputs }: Pick<TraceCommitment, "outputs">,
): Promise<Hash> {
  const index = new Uint8Array(ENTRY_BYTES * trace.length);
  for (const [i, tensor] of trace.entries()) {
    const blob = await store.put(tensorBytes(tensor));
    const root = outputs[i]?.root;
    if (root !== undefined) index.set(hashBytes(root), ENTRY_BYTES * i);
    index.set(hashBytes(blob), ENTRY_BYTES * i + 32);
  }
  return await store.put(index);
}

/** Tensor roots that an operator published, of a trace of so many kernels; null when they cannot be had. */
export async function fetchRoots(
  source: BlobSource,
  location: string,
  kernels: number,
  download: Omit<Download, "maxBytes">,
): Promise<readonly Hash[] | null> {
  const index = await fetchIndex(source, location, kernels, download);
  if (index === null) return null;
  return Array.from({ length: kernels }, (_, i) => hashAt(index, ENTRY_BYTES * i));
}

/** A kernel's output that an operator published; null when it cannot be had. Whoever uses it checks it. */
export async function fetchOutput(
  source: BlobSource,
  location: string,
  place: { readonly kernel: number; readonly kernels: number; readonly type: TensorType },
  download: Omit<Download, "maxBytes">,
): Promise<Tensor | null> {
  const index = await fetchIndex(source, location, place.kernels, download);
  if (index === null) return null;
  const blob = siblingOf(location, hashAt(index, ENTRY_BYTES * place.kernel + 32));
  const size = place.type.length * DTYPE_BYTES[place.type.dtype];
  const bytes = await fetchBlob(source, blob, { ...download, maxBytes: size }).catch(() => undefined);
  return bytes?.length === size ? tensorFromBytes(place.type.dtype, bytes) : null;
}

/** The index; null when there is nothing, or not what its name says: the same to a watcher, who then demands on chain. */
async function fetchIndex(
  source: BlobSource,
  location: string,
  kernels: number,
  download: Omit<Download, "maxBytes">,
): Promise<Uint8Array | null> {
  const maxBytes = ENTRY_BYTES * kernels;
  const index = await fetchBlob(source, location, { ...download, maxBytes }).catch(() => null);
  return index?.length === maxBytes ? index : null;
}

const hashAt = (bytes: Uint8Array, at: number): Hash => toHash(bytes.subarray(at, at + 32));

const siblingOf = (location: string, id: Hash): string => location.replace(/0x[0-9a-f]{64}$/, id);

/**
 * A blob by its location, checked against the id in it, of no more bytes than the download allows.
 * @throws AssayError BLOB_UNAVAILABLE.
 */
export async function fetchBlob(
  { store, client }: BlobSource,
  location: string,
  download: Download,
): Promise<Uint8Array> {
  const id = /(0x[0-9a-f]{64})$/.exec(location)?.[1] as Hash | undefined;
  if (id === undefined) throw unavailable(location, "the location names no blob");
  const local = location === `store:${id}` || (await store.has(id));
  const fetching = local ? store.get(id) : client.get(location, download);
  const bytes = await fetching.catch((error: unknown) => {
    throw unavailable(location, error instanceof Error ? error.message : String(error));
  });
  if (bytes.length > download.maxBytes)
    throw unavailable(location, `it is larger than ${String(download.maxBytes)} bytes`);
  if (!local && toHash(keccak256(bytes)) !== id) {
    client.failed(location);
    throw unavailable(location, "what it gives does not hash to its name");
  }
  return bytes;
}

/** The first characters of a location: a stranger chose its length. */
const unavailable = (location: string, reason: string): AssayError<"BLOB_UNAVAILABLE"> => {
  const shown = location.slice(0, 200);
  return new AssayError("BLOB_UNAVAILABLE", `${shown} cannot be had: ${reason}`, { location: shown, reason });
};

/** Serves the store's blobs, read only, until the signal fires. @returns The port. @throws AssayError ADDRESS_UNUSABLE. */
export async function serveBlobs(store: Store, address: Address, signal: AbortSignal): Promise<number> {
  const server: Server = createServer((request, response) => {
    const id = /^\/blobs\/(0x[0-9a-f]{64})$/.exec(request.url ?? "")?.[1] as Hash | undefined;
    if (request.method !== "GET" || id === undefined) {
      response.writeHead(404).end();
      return;
    }
    store.get(id).then(
      (bytes) => response.writeHead(200, { "content-type": "application/octet-stream" }).end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  server.requestTimeout = PATIENCE_MILLISECONDS;
  return await listen(server, address, signal);
}
