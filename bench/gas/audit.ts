import { createFolderStore } from "../../runner/files/store.ts";
import type { Action } from "../../services/environment/events.ts";
import { openAudits } from "../../testing/audit-stage.ts";
import type { Gauge, GasScenario } from "./gauge.ts";

/** Moves of an audit by what they do, and what their gas buys. */
const MOVES: Readonly<Partial<Record<Action["kind"], readonly [string, string]>>> = {
  periodCommitted: ["commitPeriod", "one seed for all claims of a period"],
  auditBegun: ["begin", "an auditor drawn, its penalty locked"],
  auditCommitted: ["commit", "the auditor's trace, sealed, against a bond"],
  auditPublished: ["publish", "the operator's trace root; reward and bond paid"],
  auditEscalated: ["escalate", "the claim of a silent operator challenged"],
  auditLapsed: ["lapse", "a silent auditor slashed and jailed"],
  auditSettled: ["settle", "the bond given back after the verdict"],
};

/** Audits of a digit: one that agrees, one of an operator that is silent. */
export const auditScenario = (folder: string): GasScenario => ({
  title: "An audit",
  text:
    "Of a digit, by one of two operators. `commitPeriod` serves every claim of a period. The path of a request pays " +
    "nothing for audits but one word in `finalise`.",
  run: async (gauge) => {
    const store = createFolderStore(folder);
    const agreed = await openAudits(store);
    await agreed.auditUntil("committed");
    await agreed.operator.operator.look();
    await measure(gauge, agreed, "agreed");
    await agreed.connection.close();

    const silent = await openAudits(store);
    await silent.auditUntil("committed");
    const { commitBy } = await silent.audit();
    await silent.networkHelpers.time.increaseTo(commitBy + (await silent.suite.auditDesk.PUBLISH_SECONDS()));
    await silent.auditor.operator.look();
    const { traceUntil } = await silent.suite.court.disputeOf(silent.claimId);
    await silent.networkHelpers.time.increaseTo(traceUntil + 1n);
    await silent.auditor.watcher.look();
    await silent.auditor.operator.look();
    await measure(gauge, silent, "operator silent", ["auditEscalated", "auditSettled"]);
    await silent.connection.close();
  },
});

async function measure(
  gauge: Gauge,
  stage: Awaited<ReturnType<typeof openAudits>>,
  label: string,
  kinds: readonly Action["kind"][] = ["periodCommitted", "auditBegun", "auditCommitted", "auditPublished"],
): Promise<void> {
  let total = 0n;
  for (const { action, receipt } of stage.sentSince(0)) {
    const move = MOVES[action.kind];
    if (move === undefined || !kinds.includes(action.kind)) continue;
    await gauge.measure(`${move[0]}, ${label}`, move[1], receipt.gasUsed);
    total += receipt.gasUsed;
  }
  await gauge.measure(`**all of it, ${label}**`, "", total);
}
