import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { Hash } from "../../runner/commitment/keccak.ts";
import { isHash } from "../../runner/files/fields.ts";
import type { DType } from "../../runner/machine/dtype.ts";
import { type Tensor, tensorBytes, tensorFromBytes } from "../../runner/machine/tensor.ts";
import { createFolderStore, type Store } from "../../runner/files/store.ts";
import type { Answer, HostedModel } from "../models/models.ts";

/** What an operator keeps of one answer. */
export interface HeldAnswer {
  readonly requestId: Hash;
  /** Block at which it was kept. */
  readonly block: number;
  readonly outputRoot: Hash;
  /** Blobs: the input, the program's outputs, and once the claim is challenged the outputs of all kernels, in order. */
  readonly input: Hash;
  readonly outputs: readonly Hash[];
  readonly trace?: readonly Hash[];
}

/**
 * What an operator's answers stand on, kept from before each claim until nobody can contest it any more: whoever asked may
 * take its input away, the one who answered must be able to show all of it. The trace can be computed from the input
 * again, so it is kept only once a challenge has made somebody compute it.
 */
export class Custody {
  readonly #store: Store;
  readonly #folder: string;
  #held: Map<Hash, HeldAnswer> | undefined;

  /** @param folder Of one operator alone: blobs that none of its answers needs any more are removed. */
  constructor(folder: string) {
    this.#store = createFolderStore(join(folder, "blobs"));
    this.#folder = folder;
  }

  /** Keeps an answer; it is on disk when the promise resolves. */
  async hold(requestId: Hash, block: number, inputBytes: Uint8Array, answer: Answer): Promise<void> {
    const input = await this.#store.put(inputBytes);
    const outputs = await this.#putAll(answer.outputs);
    await this.#write({ requestId, block, outputRoot: answer.outputRoot, input, outputs });
  }

  /** Keeps the trace of an answer that is kept. */
  async holdTrace(requestId: Hash, trace: readonly Tensor[]): Promise<void> {
    const record = await this.find(requestId);
    if (record !== undefined) await this.#write({ ...record, trace: await this.#putAll(trace) });
  }

  /** What is kept of an answer. */
  async find(requestId: Hash): Promise<HeldAnswer | undefined> {
    return (await this.#records()).get(requestId);
  }

  /** All that is kept. */
  async all(): Promise<readonly HeldAnswer[]> {
    return [...(await this.#records()).values()];
  }

  /** The input of a kept answer. @throws AssayError STORE_MISSING, STORE_CORRUPT. */
  async input({ input }: HeldAnswer): Promise<Uint8Array> {
    return await this.#store.get(input);
  }

  /** The program's outputs of a kept answer. @throws AssayError STORE_MISSING, STORE_CORRUPT. */
  async outputs({ outputs }: HeldAnswer, { model }: HostedModel): Promise<readonly Tensor[]> {
    const { kernels, outputs: indices } = model.program;
    return await this.#getAll(
      outputs,
      indices.flatMap((index) => kernels[index] ?? []),
    );
  }

  /** The outputs of all kernels, where they are kept. @throws AssayError STORE_MISSING, STORE_CORRUPT. */
  async trace({ trace }: HeldAnswer, { model }: HostedModel): Promise<readonly Tensor[] | undefined> {
    return trace === undefined ? undefined : await this.#getAll(trace, model.program.kernels);
  }

  /** Forgets an answer, and the blobs that no other one needs. */
  async release(requestId: Hash): Promise<void> {
    const held = await this.#records();
    const record = held.get(requestId);
    if (record === undefined) return;
    await rm(this.#pathOf(requestId), { force: true });
    held.delete(requestId);
    const needed = new Set([...held.values()].flatMap(blobsOf));
    for (const blob of blobsOf(record)) if (!needed.has(blob)) await this.#store.remove(blob);
  }

  async #putAll(tensors: readonly Tensor[]): Promise<readonly Hash[]> {
    const blobs: Hash[] = [];
    for (const tensor of tensors) blobs.push(await this.#store.put(tensorBytes(tensor)));
    return blobs;
  }

  async #getAll(blobs: readonly Hash[], kernels: readonly { readonly dtype: DType }[]): Promise<readonly Tensor[]> {
    const tensors: Tensor[] = [];
    for (const [i, { dtype }] of kernels.entries()) {
      const blob = blobs[i];
      if (blob !== undefined) tensors.push(tensorFromBytes(dtype, await this.#store.get(blob)));
    }
    return tensors;
  }

  async #write(record: HeldAnswer): Promise<void> {
    const held = await this.#records();
    await mkdir(this.#folder, { recursive: true });
    const path = this.#pathOf(record.requestId);
    await writeFile(`${path}.part`, JSON.stringify(record), { flush: true });
    await rename(`${path}.part`, path);
    held.set(record.requestId, record);
  }

  async #records(): Promise<Map<Hash, HeldAnswer>> {
    if (this.#held !== undefined) return this.#held;
    const held = new Map<Hash, HeldAnswer>();
    const names = await readdir(this.#folder).catch(() => []);
    for (const name of names.filter((entry) => entry.endsWith(".json"))) {
      const record: unknown = JSON.parse(await readFile(join(this.#folder, name), "utf8"));
      if (isRecord(record)) held.set(record.requestId, record);
    }
    return (this.#held ??= held);
  }

  #pathOf(requestId: Hash): string {
    return join(this.#folder, `${requestId}.json`);
  }
}

const blobsOf = ({ input, outputs, trace = [] }: HeldAnswer): readonly Hash[] => [input, ...outputs, ...trace];

const areHashes = (value: unknown): boolean => Array.isArray(value) && value.every(isHash);

/** Half a record of a crash is none. */
function isRecord(value: unknown): value is HeldAnswer {
  if (typeof value !== "object" || value === null || !("requestId" in value) || !("outputs" in value)) return false;
  return isHash(value.requestId) && areHashes(value.outputs) && (!("trace" in value) || areHashes(value.trace));
}
