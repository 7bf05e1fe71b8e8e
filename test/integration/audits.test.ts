import { expect } from "chai";
import { parseEther } from "ethers";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join as pathOf } from "node:path";

import { OPTIMISTIC_MODE, SHIPPED } from "../../ignition/modules/Assay.ts";
import type { Hash } from "../../runner/commitment/keccak.ts";
import { createFolderStore } from "../../runner/files/store.ts";
import { readInputs } from "../../runner/files/model.ts";
import { auditStatusOf, requestStatusOf } from "../../runner/protocol/enums.ts";
import { policyOf } from "../../services/chain/evidence.ts";
import { execute, hostModel, joinTensors, type Run } from "../../services/models/models.ts";
import { OperatorService } from "../../services/operator/operator.ts";
import { join } from "../../services/operator/stake.ts";
import { ask } from "../../services/requester/ask.ts";
import { WatcherService } from "../../services/watcher/watcher.ts";
import { FEE, openStage } from "../../testing/court-stage.ts";
import { changeOneWeight } from "../../testing/forgeries.ts";

const WINDOW_SECONDS = 3 * 3_600;
const STAKE = parseEther("10000");

/** Two operators of the digits, each of which audits the other one; every answer is picked. */
async function openAudits(folder: string, tamper?: (run: Run) => Promise<Run>) {
  const model = await hostModel("models/digits/digits.onnx?N=1");
  const store = createFolderStore(folder);
  const parameters = { Assay: { audit: { ...SHIPPED.audit, rateBps: 10_000 } } };
  const stage = await openStage([model], store, { parameters });
  const { accounts, contextFor, networkHelpers, suite, asking } = stage;
  await join(contextFor(accounts.stranger), [model], { amount: STAKE, endpoint: "" });
  await networkHelpers.time.increase(await suite.pools.EPOCH_SECONDS());
  const image = readInputs(model.model, "image", ["image=models/digits/images/digit-7.npy"]);
  const question = { inputs: image, policy: policyOf(OPTIMISTIC_MODE), fee: FEE, valueAtRisk: parseEther("80") };
  const id = await ask(asking, model, { ...question, windowSeconds: WINDOW_SECONDS, store });
  const players = [accounts.operating, accounts.stranger].map((signer) => {
    const options = { ...contextFor(signer), models: [model], store };
    return {
      signer,
      operator: new OperatorService({
        ...options,
        locationPrefix: "store:",
        ...(tamper === undefined ? {} : { tamper }),
      }),
      watcher: new WatcherService({ ...options, secret: `0x${"5e".repeat(32)}` }),
    };
  });
  await networkHelpers.mine(3);
  for (let round = 0; round < 20; round++) {
    for (const { operator } of players) await operator.look();
    if (requestStatusOf((await suite.market.stateOf(id)).status) === "claimed") break;
    await networkHelpers.mine(3);
  }
  const { claimId, operator: address, windowEnd } = await suite.market.claimOf(id);
  const [operator, auditor] = players.sort((a) => (a.signer.address === address ? -1 : 1));
  if (operator === undefined || auditor === undefined) throw new Error("somebody is missing");
  const seconds = await suite.auditDesk.PERIOD_SECONDS();
  const period = (windowEnd - BigInt(WINDOW_SECONDS)) / seconds;
  await networkHelpers.time.increaseTo((period + 1n) * seconds);
  const audit = async () => {
    const { status, auditor: drawn, commitBy } = await suite.auditDesk.auditOf(claimId);
    return { status: auditStatusOf(status), drawn, commitBy };
  };
  /** The auditor looks until its audit stands so. */
  const auditUntil = async (wanted: "begun" | "committed"): Promise<void> => {
    for (let round = 0; round < 12 && (await audit()).status !== wanted; round++) {
      await auditor.operator.look();
      await networkHelpers.mine(3);
    }
    expect((await audit()).status).to.equal(wanted);
    expect((await audit()).drawn).to.equal(auditor.signer.address);
  };
  const status = async () => requestStatusOf((await suite.market.stateOf(id)).status);
  return { ...stage, id, claimId: claimId as Hash, model, operator, auditor, audit, auditUntil, status, windowEnd };
}

describe("audits by services", () => {
  let folder = "";
  before(async () => {
    folder = await mkdtemp(pathOf(tmpdir(), "assay-audits-"));
  });
  after(async () => {
    await rm(folder, { recursive: true });
  });

  it("an honest auditor and an honest operator agree, the bond comes back and the answer becomes final", async () => {
    const { operator, auditor, audit, auditUntil, suite, advance, status, windowEnd, networkHelpers, connection } =
      await openAudits(folder);
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
      folder,
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
    const { auditor, audit, auditUntil, suite, status, networkHelpers, connection } = await openAudits(folder);
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
    const { operator, auditor, audit, suite, claimId, model, networkHelpers, connection, id, asking } =
      await openAudits(folder);
    expect(model.name).to.equal("digits.onnx");
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
