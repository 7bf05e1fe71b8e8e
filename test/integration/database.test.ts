import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { readInputs } from "../../runner/files/model.ts";
import { createFolderStore } from "../../runner/files/store.ts";
import type { Tensor } from "../../runner/machine/tensor.ts";
import type { Journal } from "../../services/chain/journal.ts";
import { type Database, openDatabase } from "../../services/database/database.ts";
import { databaseJournal } from "../../services/database/journal.ts";
import { type HostedModel, hostModel } from "../../services/models/models.ts";
import { type CourtStage, openStage, WINDOW_SECONDS } from "../../testing/court-stage.ts";

/*
 * What services know between two starts. ASSAY_TEST_DATABASE names a Postgres to run the same with; its tables are of no
 * other use.
 */

describe("Database", () => {
  let folder: string;
  let model: HostedModel;
  let image: readonly Tensor[];
  let stage: CourtStage;
  let database: Database;
  let journal: Journal;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-database-"));
    model = await hostModel("models/digits/digits.int8.onnx?N=1");
    image = readInputs(model.model, "image", ["image=models/digits/images/digit-3.npy"]);
    database = await openDatabase(process.env.ASSAY_TEST_DATABASE ?? join(folder, "database"));
  });
  beforeEach(async () => {
    stage = await openStage([model], createFolderStore(join(folder, "store")));
    for (const table of ["logs", "marks"]) await database.query(`delete from ${table}`);
    journal = databaseJournal(database, stage.deployment);
  });
  after(async () => {
    await database.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** A ledger as a process has it that has just started, and the questions for logs that it asks. */
  const started = () => {
    const { ledger } = stage.contextFor(stage.accounts.watching, journal);
    return ledger;
  };

  /** Counts the blocks whose logs are asked for. */
  const countingLogs = (): (() => number) => {
    const { provider } = stage.connection;
    const ask = provider.request.bind(provider) as (call: { method: string }) => Promise<unknown>;
    let count = 0;
    provider.request = async (call: { method: string }) => {
      if (call.method === "eth_getLogs") count++;
      return await ask(call);
    };
    return () => count;
  };

  it("a ledger that starts again knows what it knew, and reads only what came after", async () => {
    const ids = [await stage.open(model, image), await stage.open(model, image)];
    const [operator, first] = [stage.operator(), started()];
    await operator.look();
    await operator.look();
    await first.sync();
    const count = countingLogs();
    const second = started();
    await second.sync();
    expect(count()).to.equal(0);
    expect(ids.map((id) => second.requests.get(id))).to.deep.equal(ids.map((id) => first.requests.get(id)));
    expect(second.versionsOf(model.commitment.commitment)).to.deep.equal(first.versionsOf(model.commitment.commitment));
    ids.push(await stage.open(model, image));
    await second.sync();
    expect([count() > 0, second.requests.size]).to.deep.equal([true, 3]);
  });

  it("what a reorganisation takes back while nobody runs is gone after the next start", async () => {
    const { connection, networkHelpers } = stage;
    const kept = await stage.open(model, image);
    const before: unknown = await connection.provider.request({ method: "evm_snapshot" });
    const lost = await stage.open(model, image);
    await started().sync();
    await connection.provider.request({ method: "evm_revert", params: [before] });
    await stage.advance(100);
    await networkHelpers.mine(9);
    for (const ledger of [started(), started()]) {
      await ledger.sync();
      expect([ledger.requests.has(kept), ledger.requests.has(lost)]).to.deep.equal([true, false]);
    }
  });

  it("settled requests are forgotten, in memory and for the next start", async () => {
    const id = await stage.open(model, image);
    const [operator, ledger] = [stage.operator(), started()];
    await operator.look();
    await operator.look();
    await stage.advance(WINDOW_SECONDS + 1);
    await operator.look();
    await ledger.sync();
    expect(ledger.requests.get(id)?.status).to.equal("final");
    await stage.networkHelpers.mine(300);
    await ledger.sync();
    expect(ledger.requests.has(id)).to.equal(false);
    const open = await database.query("select block from logs where subject = $1 and not closed", [id]);
    expect(open).to.have.length(0);
    const again = started();
    await again.sync();
    expect(again.requests.has(id)).to.equal(false);
  });

  it("a page is kept whole or not at all, and once", async () => {
    await stage.open(model, image);
    await started().sync();
    const page = await journal.read();
    await journal.append(page);
    expect(await journal.read()).to.deep.equal(page);
    const [first] = page.logs;
    if (first === undefined) throw new Error("no logs");
    const broken = { marks: [{ number: 999_999, hash: "" }], logs: [{ ...first, index: 77, data: "0xzz" }] };
    expect(await journal.append(broken).then(String, () => "refused")).to.equal("refused");
    expect(await journal.read()).to.deep.equal(page);
  });
});
