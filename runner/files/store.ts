import { randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

import { type Hash, keccak256, toHash } from "../commitment/keccak.ts";
import { AssayError } from "../errors.ts";

/** Content-addressed blobs: models, traces. The id of a blob is its keccak256. */
export interface Store {
  /** Stores a blob; it is on disk when the promise resolves. To store it again changes nothing. */
  readonly put: (bytes: Uint8Array) => Promise<Hash>;
  /** @throws AssayError STORE_MISSING, or STORE_CORRUPT when the bytes no longer hash to the id. */
  readonly get: (id: Hash) => Promise<Uint8Array>;
  readonly has: (id: Hash) => Promise<boolean>;
  /** Removes a blob; nothing happens when it is not there. */
  readonly remove: (id: Hash) => Promise<void>;
}

/** A store in a folder, which is created when needed. Several processes may share it. */
export function createFolderStore(folder: string): Store {
  const pathOf = (id: Hash): string => {
    // The id becomes a path: nothing but a hash may pass.
    if (!/^0x[0-9a-f]{64}$/.test(id)) {
      const details = { name: "id", expected: "0x and 64 lower-case hex digits", actual: id };
      throw new AssayError("COMMITMENT_MISMATCH", `${details.actual} is not the id of a blob`, details);
    }
    return join(folder, id.slice(2, 4), id.slice(4));
  };
  const has = async (id: Hash): Promise<boolean> => {
    try {
      return (await stat(pathOf(id))).isFile();
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  };
  return {
    has,
    remove: async (id) => {
      await rm(pathOf(id), { force: true });
    },
    async put(bytes) {
      const id = toHash(keccak256(bytes));
      const path = pathOf(id);
      if (await has(id)) return id;
      await mkdir(dirname(path), { recursive: true });
      // Written to a temporary name in the same folder, then renamed: no reader sees half a blob.
      const draft = `${path}.${randomUUID()}.part`;
      try {
        const file = await open(draft, "wx");
        try {
          await file.writeFile(bytes);
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(draft, path);
      } catch (error) {
        await rm(draft, { force: true });
        throw error;
      }
      return id;
    },
    async get(id) {
      const path = pathOf(id);
      let bytes: Uint8Array;
      try {
        bytes = await readFile(path);
      } catch (error) {
        if (!isMissing(error)) throw error;
        throw new AssayError("STORE_MISSING", `the store has no blob ${id}`, { id }, { cause: error });
      }
      if (toHash(keccak256(bytes)) !== id) {
        throw new AssayError("STORE_CORRUPT", `${path} no longer hashes to ${id}; delete it and fetch it again`, {
          id,
          path,
        });
      }
      return bytes;
    },
  };
}

const isMissing = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "ENOENT";
