import { createServer, type Server } from "node:http";

import { type Hash, keccak256, toHash } from "../../runner/commitment/keccak.ts";
import type { TraceCommitment } from "../../runner/commitment/trace.ts";
import { AssayError } from "../../runner/errors.ts";
import { isHash } from "../../runner/files/fields.ts";
import { DTYPES, type DType } from "../../runner/machine/dtype.ts";
import { type Tensor, tensorBytes, tensorFromBytes } from "../../runner/machine/tensor.ts";
import type { Store } from "../../runner/files/store.ts";
import type { Clock } from "../environment/clock.ts";

/*
 * How services hand data to one another: blobs named by their keccak256, so that it does not matter who serves them. A
 * location is `store:ID` (the store that both share, a folder) or `http(s)://HOST/blobs/ID`.
 */

/** Longest that a stranger's server may take for a blob, or that a client may take for its question. */
const PATIENCE_MILLISECONDS = 10_000;
/** Most that a stranger's server may send. */
const MAX_BYTES = 256 << 20;

/** Where blobs come from: the store that is at hand, and the clock that ends waiting for strangers. */
export interface BlobSource {
  readonly store: Store;
  readonly clock: Clock;
}

/** What a published trace's location leads to. */
interface TraceIndex {
  readonly roots: readonly Hash[];
  readonly outputs: readonly { readonly dtype: DType; readonly blob: Hash }[];
}

/** Keeps a trace in the store. @returns The id of its index. */
export async function publishTrace(
  store: Store,
  trace: readonly Tensor[],
  { outputs }: TraceCommitment,
): Promise<Hash> {
  const blobs: TraceIndex["outputs"][number][] = [];
  for (const tensor of trace) blobs.push({ dtype: tensor.dtype, blob: await store.put(tensorBytes(tensor)) });
  const index: TraceIndex = { roots: outputs.map(({ root }) => root), outputs: blobs };
  return await store.put(new TextEncoder().encode(JSON.stringify(index)));
}

/** Tensor roots that an operator published; null when they cannot be had. */
export async function fetchRoots(source: BlobSource, location: string): Promise<readonly Hash[] | null> {
  return (await fetchIndex(source, location))?.roots ?? null;
}

/** A kernel's output that an operator published; null when it cannot be had. Whoever uses it checks it. */
export async function fetchOutput(source: BlobSource, location: string, kernel: number): Promise<Tensor | null> {
  const entry = (await fetchIndex(source, location))?.outputs[kernel];
  if (entry === undefined) return null;
  const bytes = await fetchBlob(source, siblingOf(location, entry.blob)).catch(() => undefined);
  if (bytes === undefined) return null;
  try {
    return tensorFromBytes(entry.dtype, bytes);
  } catch {
    return null;
  }
}

async function fetchIndex(source: BlobSource, location: string): Promise<TraceIndex | undefined> {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder().decode(await fetchBlob(source, location)));
    return isIndex(parsed) ? parsed : undefined;
  } catch {
    // Nothing there, not what its name says, or not an index: the same to a watcher, who then demands it on chain.
    return undefined;
  }
}

function isIndex(value: unknown): value is TraceIndex {
  if (typeof value !== "object" || value === null || !("roots" in value) || !("outputs" in value)) return false;
  const { roots, outputs } = value;
  if (!Array.isArray(roots) || !Array.isArray(outputs)) return false;
  return roots.every(isHash) && outputs.every(isEntry);
}

const isEntry = (value: unknown): boolean =>
  typeof value === "object" &&
  value !== null &&
  "dtype" in value &&
  "blob" in value &&
  DTYPES.some((dtype) => dtype === value.dtype) &&
  isHash(value.blob);

const siblingOf = (location: string, id: Hash): string => location.replace(/0x[0-9a-f]{64}$/, id);

/**
 * A blob by its location, checked against the id in it.
 * @throws AssayError BLOB_UNAVAILABLE, STORE_MISSING, STORE_CORRUPT.
 */
export async function fetchBlob(
  { store, clock }: BlobSource,
  location: string,
  maxBytes = MAX_BYTES,
): Promise<Uint8Array> {
  const id = /(0x[0-9a-f]{64})$/.exec(location)?.[1] as Hash | undefined;
  if (id === undefined) throw unavailable(location, "the location names no blob");
  if (location === `store:${id}`) return await store.get(id);
  const url = URL.canParse(location) ? new URL(location) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw unavailable(location, "only store:, http: and https: are fetched");
  }
  if (await store.has(id)) return await store.get(id);
  const bytes = await download(url, clock.deadline(PATIENCE_MILLISECONDS), maxBytes).catch((error: unknown) => {
    throw unavailable(location, error instanceof Error ? error.message : String(error));
  });
  if (toHash(keccak256(bytes)) !== id) throw unavailable(location, "what it gives does not hash to its name");
  return bytes;
}

/** A stranger's server may redirect to where only this machine gets, never answer, or never end: none of it is followed. */
async function download(url: URL, signal: AbortSignal, maxBytes: number): Promise<Uint8Array> {
  const response = await fetch(url, { redirect: "error", signal });
  const { body } = response;
  if (!response.ok || body === null) {
    await body?.cancel();
    throw new Error(`the server said ${String(response.status)}`);
  }
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body as AsyncIterable<Uint8Array>) {
    size += part.length;
    if (size > maxBytes) throw new Error(`it is larger than ${String(maxBytes)} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

const unavailable = (location: string, reason: string): AssayError<"BLOB_UNAVAILABLE"> =>
  new AssayError("BLOB_UNAVAILABLE", `${location} cannot be had: ${reason}`, { location, reason });

/** Serves the store's blobs, read only, until the signal fires. @returns The port that it listens on. */
export async function serveBlobs(store: Store, host: string, port: number, signal: AbortSignal): Promise<number> {
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
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  signal.addEventListener("abort", () => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}
