import { expect } from "chai";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { SHIPPED } from "../../ignition/modules/Assay.ts";
import { createFolderStore, type Store } from "../../runner/files/store.ts";
import { readInputs } from "../../runner/files/model.ts";
import { execute, hostModel, joinTensors, type Run } from "../../services/models/models.ts";
import { openAudits } from "../../testing/audit-stage.ts";
import { changeOneWeight } from "../../testing/forgeries.ts";

describe("audits by services", () => {
  let folder = "";
  let store: Store;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-audits-"));
    store = createFolderStore(folder);
  });
  after(async () => {
    await rm(folder, { recursive: true });
  });

  it("an honest auditor and an honest operator agree, the bond comes back and the answer becomes final", async () => {
    const { operator, auditor, audit, auditUntil, suite, advance, status, windowEnd, networkHelpers, connection } =
      await openAudits(store);
    const before = await suite.token.balanceOf(auditor.signer);
    await auditUntil("committed");
    await operator.operator.look();
    expect((await audit()).status).to.equal("settled");
    await auditor.operator.look();
    // Nothing was in the fund yet, so the bond is all that comes back.
    expect(await suite.token.balanceOf(auditor.signer)).to.equal(before);
    await networkHelpers.time.increaseTo(windowEnd);
    await operator.operator.look();
    expect(await status()).to.equal("final");
    await advance(10);
    await auditor.operator.look();
    await connection.close();
  });

  it("a forged answer that nobody watches is convicted by its audit", async () => {
    let forgery: Run | undefined;
    const tamper = (run: Run): Promise<Run> => Promise.resolve(forgery ?? run);
    const model = await hostModel("models/digits/digits.onnx?N=1");
    const image = readInputs(model.model, "image", ["image=models/digits/images/digit-7.npy"]);
    forgery = (await changeOneWeight(model, await execute(model, joinTensors(image)))).run;
    const { operator, auditor, audit, auditUntil, suite, status, networkHelpers, connection } = await openAudits(
      store,
      tamper,
    );
    await auditUntil("committed");
    await operator.operator.look();
    expect(await status()).to.equal("challenged");
    for (let round = 0; round < 8 && (await status()) === "challenged"; round++) {
      await auditor.watcher.look();
      await operator.operator.look();
      await networkHelpers.mine();
    }
    expect(await status()).to.equal("convicted");
    await auditor.operator.look();
    expect((await audit()).status).to.equal("settled");
    expect(await suite.token.balanceOf(suite.auditDesk)).to.equal(0n);
    await connection.close();
  });

  it("an operator that is silent in its audit is challenged, and convicted for silence", async () => {
    const { auditor, audit, auditUntil, suite, status, networkHelpers, connection } = await openAudits(store);
    await auditUntil("committed");
    const { commitBy } = await audit();
    await networkHelpers.time.increaseTo(commitBy + (await suite.auditDesk.PUBLISH_SECONDS()));
    await auditor.operator.look();
    expect(await status()).to.equal("challenged");
    await networkHelpers.time.increase(SHIPPED.court.traceWindow + 1);
    await auditor.watcher.look();
    expect(await status()).to.equal("convicted");
    await auditor.operator.look();
    expect((await audit()).status).to.equal("settled");
    await connection.close();
  });

  it("an auditor that falls silent loses its turn to whoever looks", async () => {
    const { operator, auditor, audit, suite, claimId, networkHelpers, connection, id, asking } =
      await openAudits(store);
    await operator.operator.look();
    await networkHelpers.mine(3);
    await asking.ledger.sync();
    const request = asking.ledger.requests.get(id)?.request;
    if (request === undefined) throw new Error("no request");
    await suite.auditDesk.begin(request);
    expect((await audit()).status).to.equal("begun");
    await networkHelpers.time.increaseTo((await audit()).commitBy);
    await operator.operator.look();
    expect((await audit()).status).to.equal("none");
    expect((await suite.staking.lockOf(suite.auditDesk, claimId)).amount).to.equal(0n);
    expect(await suite.staking.jailedUntil(auditor.signer)).to.be.greaterThan(0n);
    await connection.close();
  });
});
