import { parseEther, ZeroHash } from "ethers";
import { styleText } from "node:util";

import { OPTIMISTIC_MODE } from "../../ignition/modules/Assay.ts";
import type { Hash } from "../../runner/commitment/keccak.ts";
import { throwIfAborted } from "../../runner/errors.ts";
import { nodeNames } from "../../runner/inspection/inspect.ts";
import { ANSWER_STAGE } from "../../runner/protocol/enums.ts";
import { openedIn } from "../../services/requester/ask.ts";
import type { Connection, Signer } from "../../services/chain/deployment.ts";
import { policyOf } from "../../services/chain/evidence.ts";
import { execute, type HostedModel, hostModel, joinTensors, type Run } from "../../services/models/models.ts";
import { allow, fund } from "../../services/chain/funds.ts";
import { AUDIT_TITLE, playAudit } from "./audit.ts";
import { checkBooks, settle } from "./books.ts";
import { assemble, type Cast } from "./cast.ts";
import { changeOneWeight, type Forgery, type Wanted } from "../../testing/forgeries.ts";
import { DISPUTE } from "./phrases.ts";
import { drawPicture } from "./picture.ts";
import type { Consumer, Question, Reading, Scenario } from "./scenario.ts";
import type { Print } from "./story.ts";
import type { Tale, Trial, Verdict } from "./tale.ts";
import { printTotals } from "./totals.ts";
import { bitsText, valueText } from "./values.ts";

const WINDOW_SECONDS = 3_600;
const FEE = parseEther("20");
const ROUNDS = 12;
const MOST_DRAWS = 50;

/** Plays the demo, printing as it goes. Throws when anything is not as it must be, ABORTED when the signal says so. */
export async function runDemo(
  connection: Connection,
  scenario: Scenario,
  folder: string,
  print: Print,
  signal: AbortSignal,
): Promise<Tale> {
  const models: HostedModel[] = [];
  for (const file of scenario.files) models.push(await hostModel(file, { signal }));
  const model = models.at(-1);
  if (model === undefined) throw new Error("the scenario has no model");
  const question = await scenario.prepare(model);
  const cast = await assemble(connection, models, folder, print);
  const { story, suite, asking, requester } = cast;
  const consumer = await question.consumer(suite, requester, {
    versionId: cast.versionId,
    policy: policyOf(OPTIMISTIC_MODE),
    fee: FEE,
    valueAtRisk: parseEther("80"),
    openSeconds: WINDOW_SECONDS,
    claimSeconds: 600,
    windowSeconds: WINDOW_SECONDS,
    callbackGas: 150_000,
    minimumHolders: 2,
    acceptedStage: ANSWER_STAGE.provisional,
  });
  story.name(consumer.address, consumer.name);
  await story.digest("Requester", `sets ${consumer.name} up`, "a contract that asks and is called back", async () => {
    await fund(asking, parseEther("100"));
    await allow(asking, { target: consumer.address });
  });
  const stage: Stage = { ...cast, connection, model, question, consumer, scenario, signal };

  story.chapter(`An honest answer. ${scenario.title}`);
  drawPicture(question.picture).forEach((line) => {
    print(line);
  });
  print();
  const honest = await execute(model, joinTensors(question.inputs), { signal });
  const { id, drawn } = await ask(stage);
  const provisional = await consumer.readingOf(id);
  await cast.watcher.look(signal);
  story.say(
    `${consumer.name} is told ${reading(stage, honest, provisional)}. The watcher runs the model too, and agrees.`,
  );
  await connection.networkHelpers.time.increase(WINDOW_SECONDS + 1);
  await drawn.operator.look(signal);
  throwIfAborted(signal, "demo");
  const final = await consumer.readingOf(id);
  expect(final.final && final.answer === question.expected, "the honest answer is not final or not right");
  print(`\n  ${styleText("green", "Final:")} ${reading(stage, honest, final)}.`);

  story.chapter(AUDIT_TITLE);
  const audit = await playAudit({
    ...stage,
    windowSeconds: WINDOW_SECONDS,
    ask: async () => {
      await fund(asking, 3n * FEE);
      return await ask(stage);
    },
  });

  const answer = question.answerOf(honest);
  const wanted: Wanted = (run) => !question.scores(run).some(Number.isNaN) && question.answerOf(run) !== answer;
  const trials: Trial[] = [];
  const failed: Hash[] = [];
  for (const { title, forge } of [
    { title: "First forgery: one weight is changed", forge: changeOneWeight },
    scenario.forgery,
  ]) {
    story.chapter(title);
    const { trial, id: requestId } = await convict(stage, title, await forge(model, honest, wanted));
    trials.push(trial);
    failed.push(requestId);
  }

  story.chapter("Everyone is paid");
  await connection.networkHelpers.time.increase(4 * 86_400);
  const accounts = [cast.publisher, requester, cast.watcherAccount, ...cast.operators.map(({ signer }) => signer)];
  await settle(suite, story, accounts, consumer, failed);
  const books = await checkBooks(connection, cast.deployment, story);
  const tale = { scenario, model, question, honest, steps: story.steps, provisional, final, audit, trials, books };
  printTotals(story, tale);
  return tale;
}

interface Stage extends Cast {
  readonly connection: Connection;
  readonly model: HostedModel;
  readonly question: Question;
  readonly consumer: Consumer;
  readonly scenario: Scenario;
  readonly signal: AbortSignal;
}

/** An answer in words: `digit 7 (97.2 %)`. */
function reading({ scenario, question }: Stage, run: Run, { answer }: Reading): string {
  const score = question.scores(run)[question.classes.indexOf(answer)];
  const share = score === undefined ? "" : ` (${(100 * score).toFixed(1)} %)`;
  return `${scenario.noun} ${/^[0-9]$/.test(answer) ? answer : JSON.stringify(answer)}${share}`;
}

/** Asks, and lets the drawn operator claim: its honest run, or the lie. */
async function ask(
  { connection, suite, story, consumer, question, asking, operators, lies, signal }: Stage,
  lie?: (operator: Signer) => Run,
) {
  throwIfAborted(signal, "demo");
  const receipt = await story.tell(
    "Requester",
    { purpose: "ask", what: `asks through ${consumer.name}`, buys: "fee held, input on chain" },
    consumer.ask(joinTensors(question.inputs)),
  );
  const id = openedIn(asking, receipt);
  /** A draw whose operator is not able, such as one that was convicted, is followed by another one. */
  const draw = async () => {
    const phrase = { purpose: "draw", what: "draws the operator", buys: "unpredictable choice, stake locked" } as const;
    const { request } = await requestView(asking, id);
    for (let draws = 0; draws < MOST_DRAWS; draws++) {
      await connection.networkHelpers.mine(3);
      await story.tell("Anyone", phrase, suite.market.assign(request));
      const { operator: address } = await suite.market.stateOf(id);
      const found = operators.find(({ signer }) => signer.address === address);
      if (found !== undefined) return found;
    }
    throw new Error("nobody was drawn");
  };
  const drawn = await draw();
  const { address } = drawn.signer;
  if (lie !== undefined) lies.set(address, lie(drawn.signer));
  await drawn.operator.look(signal);
  throwIfAborted(signal, "demo");
  return { id, drawn };
}

/** Plays one forgery to its conviction. */
async function convict(stage: Stage, title: string, forgery: Forgery): Promise<{ trial: Trial; id: Hash }> {
  const { story, watcher, asking, consumer, connection, signal } = stage;
  const from = story.steps.length;
  const { id, drawn } = await ask(stage, (signer) => {
    story.say(`${story.nameOf(signer.address)} is drawn, and lies: ${forgery.description}.`);
    return forgery.run;
  });
  const liar = story.nameOf(drawn.signer.address);
  const told = await consumer.readingOf(id);
  story.say(`${consumer.name} is told ${reading(stage, forgery.run, told)}. The watcher runs it too, and differs.`);
  // The watcher challenges, the operator commits its trace, the watcher accuses and proves.
  for (let round = 0; round < ROUNDS; round++) {
    await watcher.look(signal);
    await drawn.operator.look(signal);
    throwIfAborted(signal, "demo");
    if ((await requestView(asking, id)).settled) break;
    await connection.networkHelpers.mine(1);
  }
  const verdict = await verdictOn(stage, id);
  printVerdict(stage, liar, verdict);
  return { trial: { title, liar, forgery, told, verdict, dispute: story.since(from, DISPUTE) }, id };
}

const requestView = async ({ ledger }: Cast["asking"], id: Hash) => {
  await ledger.sync();
  const view = ledger.requests.get(id);
  if (view === undefined) throw new Error(`request ${id} is not on the chain`);
  return view;
};

/** The fraud that was proven on a request. */
async function verdictOn({ asking, suite, model }: Stage, id: Hash): Promise<Verdict> {
  const claimId = (await requestView(asking, id)).claim?.id ?? ZeroHash;
  const [event] = await suite.court.queryFilter(suite.court.filters.FraudProven(claimId));
  expect(event !== undefined, "the forgery was not convicted");
  const { kernelIndex, element, claimed, executed } = event.args;
  const kernel = Number(kernelIndex);
  const dtype = model.model.program.kernels[kernel]?.dtype ?? "f32";
  return { kernel, element: Number(element), dtype, claimed, executed };
}

function printVerdict({ story, model }: Stage, liar: string, { kernel, element, dtype, claimed, executed }: Verdict) {
  const { nodes, program } = model.model;
  const where = `number ${element.toLocaleString("en")} of kernel ${String(kernel)} (of ${String(program.kernels.length)}) is wrong`;
  story.print(`\n  ${styleText("red", `${liar} is convicted:`)} ${where}`);
  story.print(`    it does      ${nodeNames(nodes[kernel] ?? [], 1)}`);
  story.print(`    claimed      ${bitsText(dtype, claimed)}  ${valueText(dtype, claimed)}`);
  story.print(`    the machine  ${bitsText(dtype, executed)}  ${valueText(dtype, executed)}`);
}

function expect(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`the demo went wrong: ${message}`);
}
