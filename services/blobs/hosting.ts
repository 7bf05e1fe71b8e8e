import { mkdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

import { type Hash, keccak256, toHash } from "../../runner/commitment/keccak.ts";
import { AssayError, isAssayError } from "../../runner/errors.ts";
import { readBytes } from "../../runner/files/read.ts";
import { type ManifestFile, readManifestFile } from "../../runner/inspection/manifest-file.ts";
import { decodeModel } from "../../runner/onnx/file/decode.ts";
import type { TaskOptions } from "../../runner/task.ts";
import type { VersionView } from "../chain/views.ts";
import { compileModel, type HostedModel } from "../models/models.ts";
import type { GuardedClient } from "./guarded-client.ts";
import { fetchable } from "./location.ts";

/** How files of versions are fetched and kept. */
export interface Hosting {
  readonly client: GuardedClient;
  /** Folder of models; each has one of its own, named by the hash of its file. */
  readonly folder: string;
  /** Most bytes of one model, all its files together. */
  readonly maxBytes: number;
}

/** Bytes of a manifest: for each part a hash with its punctuation, and room for names, shapes and types. */
const manifestBytes = ({ kernelCount, constantCount }: VersionView): number =>
  (1 << 20) + 80 * (kernelCount + constantCount);
/** Least speed of a server, in bytes a millisecond. */
const LEAST_SPEED = 100;
const PATIENCE_MILLISECONDS = 30_000;

/**
 * The model of a version from its publisher's location alone. There are the file, and beside it `FILE.manifest.json`, as
 * `assay manifest` writes it: sizes of symbolic dimensions, and how large the file is. Everything is the publisher's word
 * until it was compared: the file has the hash of the registry, and compiled here it gives the commitment of the registry.
 * What was fetched before is not fetched again, but compared again.
 * @throws AssayError BLOB_UNAVAILABLE, COMMITMENT_MISMATCH with the location and what differs, and those of the importer.
 */
export async function hostVersion(version: VersionView, hosting: Hosting, options?: TaskOptions): Promise<HostedModel> {
  const folder = join(hosting.folder, version.fileHash);
  await mkdir(folder, { recursive: true });
  try {
    return await fetchModel({ version, hosting, folder, left: hosting.maxBytes, signal: options?.signal }, options);
  } catch (error) {
    // What is wrong is fetched anew at the next start: the publisher may have mended it.
    if (!isAssayError(error, "BLOB_UNAVAILABLE") && !isAssayError(error, "ABORTED")) {
      await rm(folder, { recursive: true, force: true });
    }
    throw error;
  }
}

async function fetchModel(fetching: Fetching, options: TaskOptions | undefined): Promise<HostedModel> {
  const { folder, version } = fetching;
  const { versionId, fileHash, commitment } = version;
  const url = fetchable(version.contentUri);
  const manifest = await manifestOf(fetching, `${url}.manifest.json`);
  const path = join(folder, "model.onnx");
  if (!(await isFile(path)) || hashOf(path) !== fileHash) {
    await fetchFile(fetching, url, path, manifest.file.bytes);
    expectSame(url, "the hash of its file", fileHash, hashOf(path));
  }
  for (const { location, bytes } of externalFiles(path)) {
    const data = join(folder, location);
    if ((await isFile(data)) && (await stat(data)).size >= bytes) continue;
    await mkdir(dirname(data), { recursive: true });
    await fetchFile(fetching, new URL(location, url).href, data, bytes);
  }
  const hosted = await compileModel(nameOf(url), path, manifest.shapes, options);
  expectSame(url, `the model of version ${versionId}`, commitment, hosted.commitment.commitment);
  return hosted;
}

interface Fetching {
  readonly version: VersionView;
  readonly hosting: Hosting;
  readonly folder: string;
  readonly signal: AbortSignal | undefined;
  /** Bytes that may still be fetched. */
  left: number;
}

/** The manifest of a version: what its publisher serves, if it is of this version. */
async function manifestOf(fetching: Fetching, url: string): Promise<ManifestFile> {
  const { version, folder } = fetching;
  const path = join(folder, `${version.commitment}.manifest.json`);
  if (!(await isFile(path))) await fetchFile(fetching, url, path, manifestBytes(version));
  const manifest = readManifestFile(path);
  expectSame(url, "the commitment of its manifest", version.commitment, manifest.commitment);
  expectSame(url, "the hash of the file in its manifest", version.fileHash, manifest.file.hash);
  return manifest;
}

async function fetchFile(fetching: Fetching, url: string, path: string, maxBytes: number): Promise<void> {
  const { hosting, version, signal, left } = fetching;
  const patienceMilliseconds = Math.ceil(PATIENCE_MILLISECONDS + maxBytes / LEAST_SPEED);
  try {
    if (maxBytes > left) throw new Error(`it says that it has ${String(maxBytes)} bytes; ${String(left)} are allowed`);
    fetching.left -= maxBytes;
    await hosting.client.save(url, path, {
      ...{ maxBytes, counterparty: version.publisher, patienceMilliseconds, signal },
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new AssayError("BLOB_UNAVAILABLE", `${url} cannot be had: ${reason}`, { location: url, reason });
  }
}

function expectSame(location: string, name: string, expected: Hash, actual: Hash): void {
  if (expected === actual) return;
  const message = `${location} is refused: ${name} is ${actual}; published is ${expected}`;
  throw new AssayError("COMMITMENT_MISMATCH", message, { name, expected, actual });
}

const hashOf = (path: string): Hash => toHash(keccak256(readBytes(path)));

const isFile = async (path: string): Promise<boolean> =>
  await stat(path).then(
    (entry) => entry.isFile(),
    () => false,
  );

/** Names of files below a folder, without anything that leads elsewhere. */
const INSIDE = /^(?!.*(^|\/)\.{1,2}(\/|$))[\w.-]+(\/[\w.-]+)*$/;
const OWN = /^model\.onnx$|\.manifest\.json$/;

/** Files with the weights of a model file that keeps them elsewhere, with the bytes that it reads of each. */
function externalFiles(path: string): readonly { readonly location: string; readonly bytes: number }[] {
  const sizes = new Map<string, number>();
  for (const { data_location: place, external_data: data, dims } of decodeModel(readBytes(path)).graph?.initializer ??
    []) {
    if (place !== 1) continue;
    const entries = new Map(data.map(({ key = "", value = "" }) => [key, value]));
    const location = entries.get("location") ?? "";
    if (!INSIDE.test(location) || OWN.test(location)) {
      const reason = `its weights are in "${location.slice(0, 200)}", which is no name of a file beside it`;
      throw new AssayError("FILE_UNSUPPORTED", `${path}: ${reason}`, { path, reason });
    }
    const most = dims.reduce((product: number, size) => product * Number(size), 8);
    const end = Number(entries.get("offset") ?? 0) + Number(entries.get("length") ?? most);
    sizes.set(location, Math.max(sizes.get(location) ?? 0, Number.isSafeInteger(end) ? end : Infinity));
  }
  return [...sizes].map(([location, bytes]) => ({ location, bytes }));
}

/** The last part of a URL, for people. */
const nameOf = (url: string): string => {
  const last = new URL(url).pathname.split("/").at(-1) ?? "";
  return /^[\w.-]{1,100}$/.test(last) ? last : "model.onnx";
};
