import { join } from "node:path";

import { parseEther } from "ethers";

import { OPTIMISTIC_MODE, SHIPPED } from "../ignition/modules/Assay.ts";
import type { Hash } from "../runner/commitment/keccak.ts";
import type { Store } from "../runner/files/store.ts";
import { readInputs } from "../runner/files/model.ts";
import { auditStatusOf, requestStatusOf } from "../runner/protocol/enums.ts";
import { allow, fund } from "../services/chain/funds.ts";
import { policyOf } from "../services/chain/evidence.ts";
import { hostModel, type Run } from "../services/models/models.ts";
import { OperatorService } from "../services/operator/operator.ts";
import { join as joinOperators } from "../services/operator/stake.ts";
import { openWorkshop } from "../services/work/workshop.ts";
import { CHAIN_CLOCK } from "../services/environment/clock.ts";
import { ask, newestVersion } from "../services/requester/ask.ts";
import { WatcherService } from "../services/watcher/watcher.ts";
import { FEE, openStage } from "./court-stage.ts";

const WINDOW_SECONDS = 3 * 3_600;
const STAKE = parseEther("10000");

/** Two operators of the digits, each of which audits the other one; every answer is picked. */
export async function openAudits(store: Store, tamper?: (run: Run) => Promise<Run>) {
  const model = await hostModel("models/digits/digits.onnx?N=1");
  const parameters = { Assay: { audit: { ...SHIPPED.audit, rateBps: 10_000 } } };
  const stage = await openStage([model], store, { parameters });
  const { accounts, contextFor, networkHelpers, suite, asking } = stage;
  await joinOperators(contextFor(accounts.stranger), [model], { amount: STAKE, endpoint: "" });
  await networkHelpers.time.increase(await suite.pools.EPOCH_SECONDS());
  const image = readInputs(model.model, "image", ["image=models/digits/images/digit-7.npy"]);
  const question = { inputs: image, policy: policyOf(OPTIMISTIC_MODE), fee: FEE, valueAtRisk: parseEther("80") };
  await asking.ledger.sync();
  const id = await ask(asking, newestVersion(asking, model), { ...question, windowSeconds: WINDOW_SECONDS, store });
  const players = [accounts.operating, accounts.stranger].map((signer) => {
    const workshop = openWorkshop({ clock: CHAIN_CLOCK, privateAddresses: true });
    const options = { ...contextFor(signer), models: [model], store, workshop };
    return {
      signer,
      operator: new OperatorService({
        ...options,
        ...{ locationPrefix: "store:", custody: join(stage.custody, signer.address) },
        ...(tamper === undefined ? {} : { tamper }),
      }),
      watcher: new WatcherService({ ...options, secret: `0x${"5e".repeat(32)}` }),
    };
  });
  // Who watches needs bonds for the court.
  for (const { signer } of players) {
    await fund(contextFor(signer), parseEther("1000"));
    await allow(contextFor(signer), suite.court);
  }
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
    const { status: reached, drawn } = await audit();
    if (reached !== wanted || drawn !== auditor.signer.address) throw new Error(`the audit is ${reached}`);
  };
  const status = async () => requestStatusOf((await suite.market.stateOf(id)).status);
  return { ...stage, id, claimId: claimId as Hash, model, operator, auditor, audit, auditUntil, status, windowEnd };
}
