import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { type Hash, keccak256, toHash } from "../../runner/commitment/keccak.ts";
import { isAssayError } from "../../runner/errors.ts";
import { createFolderStore } from "../../runner/files/store.ts";
import { manifestFile, type ManifestFile } from "../../runner/inspection/manifest-file.ts";
import { GuardedClient } from "../../services/blobs/guarded-client.ts";
import { hostVersion } from "../../services/blobs/hosting.ts";
import { fetchable, urlOf } from "../../services/blobs/location.ts";
import { findVersion } from "../../services/chain/versions.ts";
import type { VersionView } from "../../services/chain/ledger.ts";
import { CHAIN_CLOCK, SYSTEM_CLOCK } from "../../services/environment/clock.ts";
import { type HostedModel, hostModel } from "../../services/models/models.ts";
import { publish } from "../../services/publisher/publish.ts";
import { encode, f32, rawNode, valueInfo } from "../../testing/onnx-model.ts";
import { openStage } from "../../testing/court-stage.ts";

describe("hosting by version id", () => {
  let folder: string;
  let model: HostedModel;
  let bytes: Uint8Array;
  let manifest: ManifestFile;
  let kept = 0;
  const servers: Server[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-hosting-"));
    model = await hostModel("models/digits/digits.int8.onnx?N=1");
    bytes = await readFile(model.path);
    manifest = manifestFile(model.commitment, model.model, bytes, { N: 1 });
  });
  after(async () => {
    for (const server of servers) server.close().closeAllConnections();
    await rm(folder, { recursive: true, force: true });
  });

  const serve = async (listener: RequestListener): Promise<string> => {
    const server = createServer(listener);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    return `http://127.0.0.1:${String(port)}/digits.onnx`;
  };
  /** A publisher's server: by path, what it answers. */
  const serving = async (answers: Readonly<Record<string, Uint8Array | string | RequestListener>>): Promise<string> =>
    await serve((request, response) => {
      const answer = answers[request.url ?? ""];
      if (answer === undefined) response.writeHead(404).end();
      else if (typeof answer === "function") answer(request, response);
      else response.end(answer);
    });
  const honest = () => ({ "/digits.onnx": bytes, "/digits.onnx.manifest.json": JSON.stringify(manifest) });

  const versionAt = (contentUri: string): VersionView => ({
    versionId: `0x${"1d".repeat(32)}`,
    commitment: model.commitment.commitment,
    publisher: "0x0000000000000000000000000000000000000001",
    fileHash: manifest.file.hash,
    contentUri,
    licence: "MIT",
    kernelCount: model.commitment.manifest.kernelCount,
    constantCount: model.commitment.manifest.constantCount,
  });
  const fresh = (): string => join(folder, `models-${String(kept++)}`);
  const host = async (contentUri: string, into = fresh(), more: Partial<VersionView> = {}, maxBytes = 2 ** 26) =>
    await hostVersion(
      { ...versionAt(contentUri), ...more },
      {
        client: new GuardedClient(CHAIN_CLOCK, { privateAddresses: true }),
        folder: into,
        maxBytes,
      },
    );
  const refusal = async (work: Promise<unknown>): Promise<string> =>
    await work.then(
      () => "accepted",
      (error: unknown) => (isAssayError(error) ? `${error.code}: ${error.message}` : String(error)),
    );

  it("fetches file and sizes, compiles to the published commitment, and keeps both for the next start", async () => {
    let asked = 0;
    const url = await serve((request, response) => {
      asked++;
      response.end(request.url === "/digits.onnx" ? bytes : JSON.stringify(manifest));
    });
    const into = fresh();
    const first = await host(url, into);
    expect([first.name, first.commitment.commitment]).to.deep.equal(["digits.onnx", model.commitment.commitment]);
    expect(first.path.endsWith(join(manifest.file.hash, "model.onnx"))).to.equal(true);
    await host(url, into);
    expect(asked).to.equal(2);
    // What the disk changed is fetched again.
    await writeFile(first.path, "damaged");
    await host(url, into);
    expect(asked).to.equal(3);
  });

  it("a file with other bytes is refused by name and hash, and fetched again once it is mended", async () => {
    const wrong = Uint8Array.from(bytes);
    wrong[wrong.length - 1] = (wrong.at(-1) ?? 0) ^ 1;
    const answers: Record<string, Uint8Array | string> = { ...honest(), "/digits.onnx": wrong };
    const url = await serving(answers);
    const into = fresh();
    expect(await refusal(host(url, into))).to.equal(
      `COMMITMENT_MISMATCH: ${url} is refused: the hash of its file is ${toHash(keccak256(wrong))}; ` +
        `published is ${manifest.file.hash}`,
    );
    answers["/digits.onnx"] = bytes;
    expect((await host(url, into)).commitment.commitment).to.equal(model.commitment.commitment);
  });

  it("a file that is what its hash says, but compiles to another model than the registry's, is refused", async () => {
    const other = await hostModel("models/digits/digits.onnx?N=1");
    const url = await serving({
      "/digits.onnx": await readFile(other.path),
      "/digits.onnx.manifest.json": JSON.stringify({
        ...manifest,
        file: { hash: toHash(keccak256(await readFile(other.path))), bytes: (await readFile(other.path)).length },
      }),
    });
    const fileHash: Hash = toHash(keccak256(await readFile(other.path)));
    expect(await refusal(host(url, fresh(), { fileHash }))).to.match(
      /^COMMITMENT_MISMATCH: http.* is refused: the model of version 0x(1d){32} is 0x[0-9a-f]{64}; published is 0x/,
    );
  });

  it("a manifest of another model, one that contradicts itself, and one that is none are refused", async () => {
    const twisted = { ...manifest, commitment: `0x${"ab".repeat(32)}` };
    const other = { ...manifest, file: { ...manifest.file, hash: `0x${"cd".repeat(32)}` } };
    const refused = await Promise.all(
      [JSON.stringify(twisted), JSON.stringify(other), "<html>"].map(
        async (text) =>
          (await refusal(host(await serving({ ...honest(), "/digits.onnx.manifest.json": text })))).split(":")[0],
      ),
    );
    expect(refused).to.deep.equal(["COMMITMENT_MISMATCH", "COMMITMENT_MISMATCH", "FILE_MALFORMED"]);
  });

  it("no more bytes are read than are promised, and no more are promised than are allowed", async () => {
    const lying = (size: number) => JSON.stringify({ ...manifest, file: { ...manifest.file, bytes: size } });
    const small = await serving({ ...honest(), "/digits.onnx.manifest.json": lying(100) });
    expect(await refusal(host(small))).to.match(/BLOB_UNAVAILABLE: .* cannot be had: it is larger than 100 bytes/);
    const huge = await serving({ ...honest(), "/digits.onnx.manifest.json": lying(2 ** 40) });
    expect(await refusal(host(huge))).to.match(/it says that it has 1099511627776 bytes; [0-9]+ are allowed/);
    let sent = 0;
    const endless = await serving({
      ...honest(),
      "/digits.onnx": (_, response) => {
        const more = (): void => {
          if (response.destroyed) return;
          sent += 65_536;
          if (response.write(Buffer.alloc(65_536))) setImmediate(more);
          else response.once("drain", more);
        };
        more();
      },
    });
    expect(await refusal(host(endless))).to.match(/it is larger than [0-9]+ bytes/);
    expect(sent).to.be.lessThan(1 << 24);
  });

  it("redirects, errors, broken and encoded answers, and private addresses are not followed", async () => {
    const hostile: Readonly<Record<string, RequestListener>> = {
      "the server said 302": (_, response) => response.writeHead(302, { location: "http://169.254.169.254/" }).end(),
      "the server said 500": (_, response) => response.writeHead(500).end(),
      "encoded as gzip": (_, response) => response.writeHead(200, { "content-encoding": "gzip" }).end("x"),
      "aborted|broke off|socket hang up": (_, response) => {
        response.writeHead(200, { "content-length": String(bytes.length) }).write("half");
        setTimeout(() => response.destroy(), 50);
      },
    };
    for (const [reason, listener] of Object.entries(hostile)) {
      expect(await refusal(host(await serving({ ...honest(), "/digits.onnx": listener })))).to.match(
        new RegExp(reason),
      );
    }
    const client = new GuardedClient(SYSTEM_CLOCK, { privateAddresses: false });
    const own = hostVersion(versionAt(await serving(honest())), { client, folder: fresh(), maxBytes: 2 ** 26 });
    expect(await refusal(own)).to.match(/127\.0\.0\.1 is a private address/);
  });

  it("weights beside the file are fetched and checked; a location that leads elsewhere is refused", async () => {
    const given = (location: string): Uint8Array =>
      encode("ModelProto", {
        ir_version: 8,
        opset_import: [{ domain: "", version: 17 }],
        graph: {
          name: "test",
          node: [rawNode({ op: "Add", in: ["x", "w"], out: ["y"] })],
          initializer: [
            {
              ...{ name: "w", dims: [4], data_type: 1, data_location: 1 },
              external_data: Object.entries({ location, offset: "0", length: "16" }).map(([key, value]) => ({
                key,
                value,
              })),
            },
          ],
          input: [valueInfo("x", f32([4]))],
          output: [{ name: "y" }],
        },
      });
    const source = await mkdtemp(join(folder, "external-"));
    const weights = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);
    await writeFile(join(source, "model.onnx"), given("weights.bin"));
    await writeFile(join(source, "weights.bin"), weights);
    const local = await hostModel(join(source, "model.onnx"));
    const file = await readFile(local.path);
    const { hash: fileHash } = manifestFile(local.commitment, local.model, file, {}).file;
    const { kernelCount, constantCount } = local.commitment.manifest;
    const facts = { fileHash, commitment: local.commitment.commitment, kernelCount, constantCount };
    const text = JSON.stringify(manifestFile(local.commitment, local.model, file, {}));
    const answers = { "/digits.onnx": file, "/digits.onnx.manifest.json": text, "/weights.bin": weights };
    const hosted = await host(await serving(answers), fresh(), facts);
    expect(hosted.commitment.commitment).to.equal(local.commitment.commitment);
    const wrong = await serving({ ...answers, "/weights.bin": Buffer.alloc(16) });
    expect(await refusal(host(wrong, fresh(), facts))).to.match(/COMMITMENT_MISMATCH: .* the model of version/);

    for (const location of ["../weights.bin", "/etc/passwd", "model.onnx", "x/../../y"]) {
      const bad = given(location);
      const named = { ...manifestFile(local.commitment, local.model, bad, {}) };
      const url = await serving({ "/digits.onnx": bad, "/digits.onnx.manifest.json": JSON.stringify(named) });
      expect(await refusal(host(url, fresh(), { ...facts, fileHash: named.file.hash }))).to.match(/FILE_UNSUPPORTED/);
    }
  });

  it("locations: http, https, and ipfs through a gateway; others are refused with what to do", async () => {
    expect(fetchable("https://a.example/m.onnx")).to.equal("https://a.example/m.onnx");
    expect(urlOf("https://a.example/m.onnx")).to.equal("https://a.example/m.onnx");
    expect(urlOf("ipfs://bafy123/m.onnx", "http://gate.example/")).to.equal("http://gate.example/ipfs/bafy123/m.onnx");
    for (const location of ["digits.onnx", "file:///etc/passwd", "ipfs://../x", "", "javascript:1"]) {
      expect(await refusal(Promise.resolve().then(() => fetchable(location)))).to.match(
        /^BLOB_UNAVAILABLE: .* give the file itself in `models`/,
      );
    }
    expect(await refusal(Promise.resolve().then(() => urlOf("ipfs://bafy123")))).to.match(/give `ipfsGateway`/);
    const gateway = (
      await serve((request, response) => {
        const name = request.url?.replace("/ipfs/bafy123", "") ?? "";
        response.end((honest() as Readonly<Record<string, Uint8Array | string>>)[name]);
      })
    ).replace("/digits.onnx", "");
    // The gateway is the owner's own choice: it may be on this machine.
    const client = new GuardedClient(CHAIN_CLOCK, { privateAddresses: false, ipfsGateway: gateway });
    const hosting = { client, folder: fresh(), maxBytes: 2 ** 26 };
    const hosted = await hostVersion(versionAt("ipfs://bafy123/digits.onnx"), hosting);
    expect(hosted.commitment.commitment).to.equal(model.commitment.commitment);
  });

  it("finds a version by its id on a chain without an index, and an unknown one is refused", async () => {
    const url = await serving(honest());
    const stage = await openStage([], createFolderStore(join(folder, "store")));
    const context = stage.contextFor(stage.accounts.publisher);
    const versionId = await publish(context, model, { uri: url });
    await stage.networkHelpers.mine(30);
    const found = await findVersion(context.suite, context.provider, versionId);
    await context.ledger.sync();
    expect(found).to.deep.equal(context.ledger.version(versionId));
    expect(
      (
        await hostVersion(found, {
          client: new GuardedClient(CHAIN_CLOCK, { privateAddresses: true }),
          folder: fresh(),
          maxBytes: 2 ** 26,
        })
      ).commitment.commitment,
    ).to.equal(model.commitment.commitment);
    const unknown = findVersion(context.suite, context.provider, `0x${"99".repeat(32)}`);
    expect(String(await unknown.catch((error: unknown) => error))).to.match(/RegistryVersionUnknown/);
  });
});
