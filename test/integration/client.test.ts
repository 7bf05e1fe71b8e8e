import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import type { Hash } from "../../runner/commitment/keccak.ts";
import { isAssayError } from "../../runner/errors.ts";
import { readInputs } from "../../runner/files/model.ts";
import { createFolderStore } from "../../runner/files/store.ts";
import { manifestFile } from "../../runner/inspection/manifest-file.ts";
import { tensorFrom } from "../../runner/machine/tensor.ts";
import { execute, type HostedModel, hostModel, joinTensors } from "../../services/models/models.ts";
import { OPEN_TERMS } from "../../services/operator/stake.ts";
import { publish } from "../../services/publisher/publish.ts";
import { AssayClient, type ClientOptions } from "../../services/requester/client.ts";
import { changeOneWeight } from "../../testing/forgeries.ts";
import { type CourtStage, FEE, openStage, WINDOW_SECONDS } from "../../testing/court-stage.ts";

describe("AssayClient", () => {
  let folder: string;
  let model: HostedModel;
  let stage: CourtStage;
  let version: Hash;
  let server: Server;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-client-"));
    model = await hostModel("models/digits/digits.int8.onnx?N=1");
    const bytes = await readFile(model.path);
    const manifest = JSON.stringify(manifestFile(model.commitment, model.model, bytes, { N: 1 }));
    server = createServer((request, response) => response.end(request.url === "/m.onnx" ? bytes : manifest));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  after(async () => {
    server.close().closeAllConnections();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    stage = await openStage([model], createFolderStore(join(folder, "store")));
    await stage.asking.ledger.sync();
    version = stage.asking.ledger.versionsOf(model.commitment.commitment)[0] ?? "0x";
  });

  const client = (more: ClientOptions = {}): AssayClient => {
    const { ledger: _, ...context } = stage.asking;
    const options = { privateAddresses: true, intervalMilliseconds: 1, modelFolder: join(folder, "models"), ...more };
    return new AssayClient({ ...context, deployment: stage.deployment }, options);
  };
  const image = () => readInputs(model.model, "image", ["image=models/digits/images/digit-3.npy"]);
  const refusal = async (work: Promise<unknown>): Promise<string> =>
    await work.then(
      () => "accepted",
      (error: unknown) => (isAssayError(error) ? error.code : String(error)),
    );
  const answered = async (tampering: Parameters<CourtStage["operator"]>[0] = {}): Promise<void> => {
    await stage.networkHelpers.mine(3);
    const operator = stage.operator(tampering);
    await operator.look();
    await operator.look();
  };

  it("asks by version id, waits, verifies and collects: one call each, without a model file", async () => {
    const asking = client();
    const id = await asking.ask(version, image(), { fee: FEE, windowSeconds: WINDOW_SECONDS });
    await answered();
    const expected = await execute(model, joinTensors(image()));
    const early = await asking.wait(id, { provisional: true });
    expect([early.finality, early.outputs]).to.deep.equal(["provisional", expected.outputs]);
    const { right, claimedRoot } = await asking.verify(id, "models/digits/digits.int8.onnx?N=1");
    expect([right, claimedRoot]).to.deep.equal([true, expected.outputRoot]);
    await stage.advance(WINDOW_SECONDS + 60);
    expect((await asking.wait(id)).finality).to.equal("final");
    expect(await asking.collect()).to.equal(0n);
  });

  it("an answer that was claimed after the ledger was read is told at the next look, with its data", async () => {
    const asking = client();
    const id = await asking.ask(version, image(), { fee: FEE, windowSeconds: WINDOW_SECONDS });
    const { provider } = stage.connection;
    const ask = provider.request.bind(provider) as (call: { method: string; params?: unknown }) => Promise<unknown>;
    const { market } = stage.suite;
    const resultOf = market.interface.getFunction("resultOf").selector;
    let claimed = false;
    provider.request = async (call): Promise<unknown> => {
      const [first] = (call.params ?? []) as readonly { readonly data?: string }[];
      if (!claimed && call.method === "eth_call" && first?.data?.startsWith(resultOf) === true) {
        claimed = true;
        await answered();
      }
      return await ask(call);
    };
    const { outputs, outputRoot } = await asking.wait(id, { provisional: true });
    const expected = await execute(model, joinTensors(image()));
    expect([outputs, outputRoot]).to.deep.equal([expected.outputs, expected.outputRoot]);
  });

  it("another client goes on with the id alone, however long ago it was settled", async () => {
    const id = await client().ask(version, image(), { fee: FEE, windowSeconds: WINDOW_SECONDS });
    await answered();
    await stage.advance(WINDOW_SECONDS + 60);
    await stage.operator().look();
    await stage.networkHelpers.mine(600);
    const { finality, outputs } = await client().wait(id);
    expect([finality, outputs]).to.deep.equal(["final", (await execute(model, joinTensors(image()))).outputs]);
  });

  it("verifies with the file that the publisher serves, and with no other", async () => {
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const publishing = stage.contextFor(stage.accounts.publisher);
    const served = await publish(publishing, model, { uri: `http://127.0.0.1:${String(port)}/m.onnx` });
    const { pools } = stage.contextFor(stage.accounts.operating).suite;
    await (await pools.optIn(served, OPEN_TERMS)).wait();
    await stage.networkHelpers.time.increase(await pools.EPOCH_SECONDS());
    const asking = client();
    const id = await asking.ask(served, image(), { fee: FEE, windowSeconds: WINDOW_SECONDS });
    expect(await refusal(asking.verify(id)), "nothing is claimed").to.equal("NOT_READY");
    await answered();
    expect((await asking.verify(id)).right).to.equal(true);
    expect(await refusal(asking.verify(id, "models/digits/digits.onnx?N=1"))).to.equal("COMMITMENT_MISMATCH");
  });

  it("says that a forged answer is wrong", async () => {
    const asking = client();
    const id = await asking.ask(version, image(), { fee: FEE, windowSeconds: WINDOW_SECONDS });
    await answered({ tamper: async (run, hosted) => (await changeOneWeight(hosted, run)).run });
    const { right, claimedRoot, outputRoot } = await asking.verify(id, "models/digits/digits.int8.onnx?N=1");
    expect(right).to.equal(false);
    expect(claimedRoot).not.to.equal(outputRoot);
  });

  it("takes the fee back when nobody answers, and collect gives it", async () => {
    const asking = client();
    const id = await asking.ask(version, image(), { fee: FEE });
    await stage.advance(2 * WINDOW_SECONDS);
    expect((await asking.wait(id)).status).to.equal("refunded");
    expect(await asking.collect()).to.equal(FEE);
  });

  it("refuses inputs of other types, unknown versions and unknown requests before anything is sent", async () => {
    const [asking, before] = [client(), await stage.accounts.requester.getNonce()];
    expect(await refusal(asking.ask(version, [tensorFrom("f32", [1, 2])]))).to.equal("TENSOR_MISMATCH");
    expect(await refusal(asking.ask(`0x${"99".repeat(32)}`, image()))).to.match(/RegistryVersionUnknown/);
    expect(await refusal(asking.wait(`0x${"99".repeat(32)}`))).to.equal("USAGE");
    expect(await stage.accounts.requester.getNonce()).to.equal(before);
  });
});
