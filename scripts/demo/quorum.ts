import { join } from "node:path";
import { styleText } from "node:util";

import { throwIfAborted } from "../../runner/errors.ts";
import { nodeNames } from "../../runner/inspection/inspect.ts";
import { item } from "../../runner/items.ts";
import { createFolderStore } from "../../runner/files/store.ts";
import { quorumFinalityOf } from "../../runner/protocol/enums.ts";
import { execute } from "../../services/models/models.ts";
import { changeOneWeight } from "../../testing/forgeries.ts";
import { openQuorumStage } from "../../testing/quorum-stage.ts";
import { phraseOf } from "./phrases.ts";
import { highest } from "./scenario.ts";
import { type Print, Story, tokens } from "./story.ts";

const NAMES = ["Ada", "Bruno", "Chen", "Dewi", "Emeka"];

/** What came of a quorum. */
export interface QuorumTale {
  /** What a consumer could rely on when the reveals were over. */
  readonly revealed: string;
  readonly final: string;
  /** The digit of the final answer. */
  readonly digit: number;
  /** Operators that were convicted, by name. */
  readonly convicted: readonly string[];
  /** What each operator's tokens grew by, by name. */
  readonly earned: ReadonlyMap<string, bigint>;
}

/** A digit is asked of five operators twice: all agree; one lies and defends itself. Nobody watches. */
export async function playQuorums(folder: string, print: Print, signal: AbortSignal): Promise<readonly QuorumTale[]> {
  return [
    await playQuorum("Five operators are asked, and agree", join(folder, "agreed"), print, signal),
    await playQuorum("Five are asked, one lies, nobody watches", join(folder, "split"), print, signal, "Chen"),
  ];
}

async function playQuorum(
  title: string,
  folder: string,
  print: Print,
  signal: AbortSignal,
  liar?: string,
): Promise<QuorumTale> {
  const stage = await openQuorumStage(createFolderStore(folder), (place) =>
    NAMES[place] === liar ? { tamper: async (run, model) => (await changeOneWeight(model, run)).run } : {},
  );
  const { suite, deployment, accounts, players, id, view, model, networkHelpers, playUntil, status, seats } = stage;
  try {
    const story = new Story(suite, deployment, print);
    story.name(deployment.contracts.QuorumMarket, "Quorums");
    story.name(accounts.requester.address, "Requester");
    story.name(accounts.publisher.address, "Publisher");
    players.forEach(({ signer }, place) => {
      story.name(signer.address, NAMES[place] ?? signer.address);
    });
    story.chapter(title);
    const ask = { purpose: "ask", what: "asks five, of whom three must stand", buys: "all fees held" } as const;
    await story.tell("Requester", ask, Promise.resolve(stage.opening));
    let told = stage.sentSince(0).length;
    /** Plays, and tells what was sent meanwhile. */
    const until = async (reached: () => Promise<boolean>): Promise<void> => {
      await playUntil(reached);
      throwIfAborted(signal, "demo");
      for (const { action, from, receipt, calldata } of stage.sentSince(0).slice(told)) {
        story.record(story.nameOf(from), phraseOf(action), receipt, calldata);
      }
      told = stage.sentSince(0).length;
    };
    const finality = async (): Promise<string> => quorumFinalityOf((await suite.quorums.resultOf(id)).finality);
    const balances = () => Promise.all(players.map(({ signer }) => suite.token.balanceOf(signer)));

    const before = await balances();
    await until(async () => (await status()) === "answered");
    const revealed = await finality();
    story.say(
      liar === undefined
        ? `All say the same, and nobody could copy: the answer is ${revealed}.`
        : `${liar} changed one weight. Answers differ: no vote, all of them are in dispute.`,
    );
    const convicted = async () => (await seats()).filter((seat) => seat.status === "convicted");
    if (liar !== undefined) {
      await until(async () => (await convicted()).length > 0);
      const [proof] = await suite.court.queryFilter(suite.court.filters.FraudProven());
      if (proof === undefined) throw new Error("the demo went wrong: there is no fraud proof");
      const { kernelIndex, element } = proof.args;
      const nodes = nodeNames(model.model.nodes[Number(kernelIndex)] ?? []);
      print(
        `\n  ${styleText("green", "Convicted:")} ${liar}, by number ${String(element)} of kernel ${String(kernelIndex)} ` +
          `(${nodes}). Nobody had watched: the others knew better.\n`,
      );
    }
    const claims = await Promise.all(players.map((_, seat) => suite.quorums.claimIdFor(id, seat)));
    const ends = await Promise.all(claims.map(async (claimId) => (await suite.court.disputeOf(claimId)).end));
    const { deadline } = await suite.quorums.quorumOf(id);
    await networkHelpers.time.increaseTo([...ends, deadline].reduce((a, b) => (a > b ? a : b)) + 1n);
    story.say("Windows and disputes pass.");
    await until(async () => (await status()) === "final");
    for (const { service } of players) await service.look(signal);

    const honest = await execute(model, view.inputs);
    const { outputRoot } = await suite.quorums.resultOf(id);
    if (outputRoot !== honest.outputRoot) throw new Error("the demo went wrong: a wrong answer became final");
    const digit = highest(Array.from(item(honest.outputs, 0).data, Number));
    const after = await balances();
    const earned = new Map(players.map((_, i) => [NAMES[i] ?? "", (after[i] ?? 0n) - (before[i] ?? 0n)]));
    print(`\n  ${styleText("green", "Final:")} digit ${String(digit)}.`);
    for (const [name, amount] of earned) print(`    ${name.padEnd(6)} ${tokens(amount)} ASSAY`);
    return {
      ...{ revealed, final: await finality(), digit, earned },
      convicted: (await convicted()).map(({ operator }) => story.nameOf(operator)),
    };
  } finally {
    await stage.connection.close();
  }
}
