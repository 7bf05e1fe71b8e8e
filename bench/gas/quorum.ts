import { createFolderStore } from "../../runner/files/store.ts";
import type { Action } from "../../services/environment/events.ts";
import { changeOneWeight } from "../../testing/forgeries.ts";
import { openQuorumStage } from "../../testing/quorum-stage.ts";
import type { Gauge, GasScenario } from "./gauge.ts";

/** Operators that are asked. */
const SEATS = 5;

/** Moves of a quorum by what they do, and what their gas buys. */
const MOVES: Readonly<Partial<Record<Action["kind"], readonly [string, string]>>> = {
  quorumDrawn: ["draw", "operators drawn for all free seats, their stake locked"],
  quorumCommitted: ["commit", "one answer, sealed"],
  quorumRevealed: ["reveal", "one answer, with its evidence"],
  quorumClosed: ["close", "answers are claims; if they differ, all are challenged"],
  quorumSettled: ["settle", "everybody paid, all stake freed"],
  traceCommitted: ["commitTrace", "one operator shows its trace"],
  accused: ["accuse", "one number accused, sealed"],
  convicted: ["proveFraud", "the liar convicted by that number"],
  upheld: ["resolve", "one right answer upheld"],
};

type Stage = Awaited<ReturnType<typeof openQuorumStage>>;

/** A digit asked of five operators of which three must stand: all agree; one lies and defends itself. */
export const quorumScenario = (folder: string): GasScenario => ({
  title: "A quorum of three of five",
  text:
    "A digit, answered by five operators. Seats that a seed leaves free take another draw, so the number of draws changes " +
    "from run to run. Of moves that several make, the dearest is listed; the sum has all of them.",
  run: async (gauge) => {
    const store = createFolderStore(folder);
    const agreed = await openQuorumStage(store);
    await finish(agreed);
    await measure(gauge, agreed, "all agree");
    await agreed.connection.close();

    const split = await openQuorumStage(store, (place) =>
      place === 2 ? { tamper: async (run, model) => (await changeOneWeight(model, run)).run } : {},
    );
    await split.playUntil(async () => (await split.seats()).some(({ status }) => status === "convicted"));
    await finish(split);
    await measure(gauge, split, "one lies");
    await split.connection.close();
  },
});

/** Lets windows and disputes pass until the quorum is final. */
async function finish({ playUntil, status, suite, id, networkHelpers }: Stage): Promise<void> {
  await playUntil(async () => (await status()) === "answered");
  const { deadline } = await suite.quorums.quorumOf(id);
  const claims = await Promise.all(Array.from({ length: SEATS }, (_, seat) => suite.quorums.claimIdFor(id, seat)));
  const ends = await Promise.all(claims.map(async (claim) => (await suite.court.disputeOf(claim)).end));
  await networkHelpers.time.increaseTo([...ends, deadline].reduce((a, b) => (a > b ? a : b)) + 1n);
  await playUntil(async () => (await status()) === "final");
}

async function measure(gauge: Gauge, stage: Stage, label: string): Promise<void> {
  const opening = await stage.opening.wait();
  if (opening === null) throw new Error("the quorum was not opened");
  let total = await gauge.measure(`open, ${label}`, "fees held, input on chain, draw committed", opening);
  const dearest = new Map<Action["kind"], { readonly gas: bigint; readonly times: number }>();
  for (const { action, receipt } of stage.sentSince(0)) {
    if (MOVES[action.kind] === undefined) continue;
    const known = dearest.get(action.kind) ?? { gas: 0n, times: 0 };
    const gas = receipt.gasUsed > known.gas ? receipt.gasUsed : known.gas;
    dearest.set(action.kind, { gas, times: known.times + 1 });
    total += receipt.gasUsed;
  }
  for (const [kind, [name, buys]] of Object.entries(MOVES)) {
    const found = dearest.get(kind as Action["kind"]);
    if (found === undefined) continue;
    await gauge.measure(`${name}, ${label} (${String(found.times)} of them)`, buys, found.gas);
  }
  await gauge.measure(`**all of it, ${label}**`, "", total);
  await gauge.measure(`**for each of the five answers, ${label}**`, "", total / BigInt(SEATS));
}
