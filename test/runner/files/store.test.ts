import { expect } from "chai";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { keccak256, toHash } from "../../../runner/commitment/keccak.ts";
import { type AssayErrorCode, isAssayError } from "../../../runner/errors.ts";
import { createFolderStore } from "../../../runner/files/store.ts";

const failure = async (task: Promise<unknown>): Promise<unknown> => await task.catch((error: unknown) => error);
const coded = (code: AssayErrorCode) => (error: unknown) => isAssayError(error, code);

describe("folder store", () => {
  const blob = Uint8Array.of(1, 2, 3);
  const id = toHash(keccak256(blob));
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-store-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("names a blob by its keccak256 and gives it back", async () => {
    const store = createFolderStore(folder);
    expect(await store.put(blob)).to.equal(id);
    expect(await store.has(id)).to.equal(true);
    expect(new Uint8Array(await store.get(id))).to.deep.equal(blob);
  });

  it("keeps a blob once, also when many put it at the same time, and leaves no drafts", async () => {
    const store = createFolderStore(join(folder, "deep", "er"));
    await Promise.all(Array.from({ length: 20 }, () => store.put(blob)));
    const files = await readdir(join(folder, "deep", "er"), { recursive: true, withFileTypes: true });
    expect(files.filter((file) => file.isFile())).to.have.length(1);
  });

  it("says STORE_MISSING of a blob that it does not hold", async () => {
    const store = createFolderStore(folder);
    expect(await store.has(id)).to.equal(false);
    expect(await failure(store.get(id))).to.satisfy(coded("STORE_MISSING"));
  });

  it("says STORE_CORRUPT of a blob whose bytes changed", async () => {
    const store = createFolderStore(folder);
    await store.put(blob);
    await writeFile(join(folder, id.slice(2, 4), id.slice(4)), "other");
    expect(await failure(store.get(id))).to.satisfy(coded("STORE_CORRUPT"));
  });

  it("refuses ids that are not hashes, so that none can leave the folder", async () => {
    const store = createFolderStore(folder);
    for (const bad of ["0x", "0x../../../../etc/passwd", `0x${"A".repeat(64)}`, `0x${"0".repeat(63)}`] as const) {
      expect(await failure(store.get(bad))).to.satisfy(coded("COMMITMENT_MISMATCH"));
    }
  });
});
