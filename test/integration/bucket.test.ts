import { createServer, type Server } from "node:http";

import { expect } from "chai";

import type { Hash } from "../../runner/commitment/keccak.ts";
import { isAssayError } from "../../runner/errors.ts";
import type { Store } from "../../runner/files/store.ts";
import { createBucketStore } from "../../services/blobs/bucket.ts";
import { CHAIN_CLOCK } from "../../services/environment/clock.ts";

describe("a store in a bucket", () => {
  const objects = new Map<string, Buffer>();
  const signatures: string[] = [];
  let answer: number | undefined;
  let server: Server;
  let store: Store;

  before(async () => {
    server = createServer((request, response) => {
      const path = request.url ?? "";
      const parts: Buffer[] = [];
      signatures.push(request.headers.authorization ?? "");
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        const found = objects.get(path);
        if (answer !== undefined) response.writeHead(answer).end();
        else if (request.method === "PUT") {
          objects.set(path, Buffer.concat(parts));
          response.end();
        } else if (request.method === "DELETE") {
          objects.delete(path);
          response.writeHead(204).end();
        } else if (found === undefined) response.writeHead(404).end();
        else response.end(request.method === "HEAD" ? undefined : found);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const url = `http://127.0.0.1:${String(port)}/bucket/folder/`;
    const keys = { accessKeyId: "ACCESS", secretAccessKey: "SECRET" };
    store = createBucketStore({ url, region: "eu-central-1", ...keys, clock: CHAIN_CLOCK });
  });
  after(() => {
    server.close().closeAllConnections();
  });
  const codeOf = async (work: Promise<unknown>): Promise<string> =>
    await work.then(
      () => "accepted",
      (error: unknown) => (isAssayError(error) ? error.code : String(error)),
    );

  it("keeps blobs by their names, once, with signed requests, and removes them", async () => {
    const id = await store.put(Buffer.from("a blob"));
    expect([...objects.keys()]).to.deep.equal([`/bucket/folder/${id}`]);
    expect(signatures.at(-1)).to.match(
      /^AWS4-HMAC-SHA256 Credential=ACCESS\/[0-9]{8}\/eu-central-1\/s3\/aws4_request, SignedHeaders=.*Signature=[0-9a-f]{64}$/,
    );
    const asked = signatures.length;
    await store.put(Buffer.from("a blob"));
    expect(signatures.length - asked, "it only asks whether it is there").to.equal(1);
    expect(Buffer.from(await store.get(id)).toString()).to.equal("a blob");
    await store.remove(id);
    await store.remove(id);
    expect([await store.has(id), await codeOf(store.get(id))]).to.deep.equal([false, "STORE_MISSING"]);
  });

  it("refuses what no longer hashes to its name, names that are none, and a bucket that refuses", async () => {
    const id = await store.put(Buffer.from("another one"));
    objects.set(`/bucket/folder/${id}`, Buffer.from("changed"));
    expect(await codeOf(store.get(id))).to.equal("STORE_CORRUPT");
    expect(await codeOf(store.get("../other" as Hash))).to.equal("COMMITMENT_MISMATCH");
    answer = 403;
    const work = [store.get(id), store.has(id), store.remove(id), store.put(Buffer.from("third"))];
    expect(await Promise.all(work.map(codeOf))).to.deep.equal(Array<string>(4).fill("BLOB_UNAVAILABLE"));
    answer = undefined;
  });
});
