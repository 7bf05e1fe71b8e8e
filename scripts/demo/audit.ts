import { styleText } from "node:util";

import type { Hash } from "../../runner/commitment/keccak.ts";
import { throwIfAborted } from "../../runner/errors.ts";
import { auditStatusOf } from "../../runner/protocol/enums.ts";
import type { Connection } from "../../services/chain/connection.ts";
import type { Cast } from "./cast.ts";
import { tokens } from "./story.ts";

export const AUDIT_TITLE = "An audit of an answer that nobody doubted";

/** A claim is picked with a chance of a quarter: all of so many are passed over once in 10¹² runs. */
const MOST_QUESTIONS = 96;

export interface AuditStage extends Cast {
  readonly connection: Connection;
  readonly windowSeconds: number;
  /** Asks once more; gives the request and the operator that claimed its answer. */
  readonly ask: () => Promise<{ readonly id: Hash; readonly drawn: Cast["operators"][number] }>;
  readonly signal: AbortSignal;
}

/** What came of the audit. */
export interface AuditTale {
  readonly operator: string;
  readonly auditor: string;
  /** Questions until one was picked. */
  readonly questions: number;
  readonly reward: bigint;
}

/** Asks until the seed of a period picks an answer, and plays its audit. */
export async function playAudit(stage: AuditStage): Promise<AuditTale> {
  const { story, suite, connection, operators, windowSeconds, signal } = stage;
  const { auditDesk, market } = suite;
  const { networkHelpers } = connection;
  const rate = Number(await auditDesk.RATE_BPS()) / 100;
  story.say(`Of all answers ${String(rate)} % are audited. Which ones, the chain says after they were claimed.`);
  let picked: { readonly id: Hash; readonly claimId: string; readonly operator: string } | undefined;
  let questions = 0;
  await story.digest("Requester", "asks until an answer is picked", "nobody can know which one", async () => {
    while (picked === undefined && questions < MOST_QUESTIONS) {
      throwIfAborted(signal, "demo");
      const { id, drawn } = await stage.ask();
      questions++;
      const { claimId, windowEnd } = await market.claimOf(id);
      const seconds = await auditDesk.PERIOD_SECONDS();
      const period = (windowEnd - BigInt(windowSeconds)) / seconds;
      await networkHelpers.time.increaseTo((period + 1n) * seconds);
      await drawn.operator.look(signal);
      await networkHelpers.mine(3);
      const { ticket } = await auditDesk.periodOf(period);
      const { seed } = await suite.randomness.seedOf(ticket);
      if (await auditDesk.isPicked(seed, claimId)) picked = { id, claimId, operator: drawn.signer.address };
      else {
        await networkHelpers.time.increaseTo(windowEnd);
        await drawn.operator.look(signal);
      }
    }
  });
  if (picked === undefined) throw new Error("the demo went wrong: no answer was picked");
  const { id, claimId, operator: address } = picked;
  story.say(`The answer to question ${String(questions)} is picked. Nobody has doubted it.`);

  const who = async (): Promise<string> => story.nameOf((await auditDesk.auditOf(claimId)).auditor);
  // The auditor begins and commits, the operator publishes, the auditor takes its bond; all are right, so nothing else.
  for (let round = 0; round < 4; round++) {
    for (const { operator } of operators) await operator.look(signal);
    throwIfAborted(signal, "demo");
  }
  const { status } = await auditDesk.auditOf(claimId);
  if (auditStatusOf(status) !== "settled") throw new Error("the demo went wrong: the audit was not settled");
  const [settled] = await auditDesk.queryFilter(auditDesk.filters.AuditSettled(claimId));
  const tale = {
    operator: story.nameOf(address),
    auditor: await who(),
    questions,
    reward: settled?.args.reward ?? 0n,
  };
  story.print(
    `\n  ${styleText("green", "Agreed:")} ${tale.auditor} computed what ${tale.operator} claimed, and earned ` +
      `${tokens(tale.reward)} ASSAY from a share of all fees.`,
  );
  await networkHelpers.time.increaseTo((await market.claimOf(id)).windowEnd);
  await story.digest(tale.operator, "finalises the audited answer", "fee and royalty paid, stake freed", async () => {
    for (const { operator } of operators) await operator.look(signal);
  });
  return tale;
}
