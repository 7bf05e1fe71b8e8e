import { parseEther, ZeroHash } from "ethers";
import { network } from "hardhat";

import { OPTIMISTIC_MODE } from "../../ignition/modules/Assay.ts";
import type { Hash } from "../../runner/commitment/keccak.ts";
import { loadInputs } from "../../runner/cli/load.ts";
import { createFolderStore } from "../../runner/store.ts";
import { DigitReader__factory } from "../../typechain-types/index.ts";
import { openedIn } from "../lib/ask.ts";
import { attach, type Connection, deploySuite, type Deployment, type Signer } from "../lib/deployment.ts";
import { policyOf } from "../lib/evidence.ts";
import { setLog } from "../lib/log.ts";
import { execute, type HostedModel, joinTensors, loadModel, type Run } from "../lib/models.ts";
import { Operator } from "../lib/operator.ts";
import { publish } from "../lib/publish.ts";
import { sceneOf, setSent } from "../lib/service.ts";
import { allow, fund, join } from "../lib/stake.ts";
import { Watcher } from "../lib/watcher.ts";
import { type Forgery, changeOneWeight, flipOneBit } from "./forge.ts";
import { drawPicture } from "./digit.ts";
import { type Books, checkBooks } from "./books.ts";
import { Story } from "./story.ts";

/** All that the report shows. */
export interface Tale {
  readonly story: Story;
  readonly model: HostedModel;
  readonly honest: Run;
  readonly digit: number;
  readonly pixels: readonly number[];
  readonly trials: readonly Trial[];
  readonly books: Books;
}

/** One forged answer and its end. */
export interface Trial {
  readonly title: string;
  readonly forgery: Forgery;
  readonly kernel: number;
  readonly element: number;
  readonly claimed: bigint;
  readonly executed: bigint;
  readonly transactions: number;
  readonly calldata: number;
  readonly proofGas: bigint;
}

const WINDOW_SECONDS = 3_600;
const IMAGE = "models/digits/images/digit-7.npy";
const FEE = parseEther("20");
const STAKE = parseEther("5000");

/** Plays the demo, printing as it goes. Throws when anything is not as it must be. */
export async function runDemo(folder: string, signal: AbortSignal): Promise<Tale> {
  const connection = await network.create();
  try {
    return await play(connection, folder, signal);
  } finally {
    await connection.close();
  }
}

async function play(connection: Connection, folder: string, signal: AbortSignal): Promise<Tale> {
  const { ethers } = connection;
  const [deployer, publisher, requester, watcherAccount, ...operators] = (await ethers.getSigners()).slice(0, 7) as [
    Signer,
    Signer,
    Signer,
    Signer,
    ...Signer[],
  ];
  const deployment = await deploySuite(connection);
  const suite = attach(deployment, deployer);
  const story = new Story(suite, deployment);
  Object.entries({ Deployer: deployer, Publisher: publisher, Requester: requester, Watcher: watcherAccount }).forEach(
    ([name, { address }]) => {
      story.name(address, name);
    },
  );
  const names = ["Ada", "Bruno", "Chen"];
  operators.forEach(({ address }, i) => {
    story.name(address, names[i] ?? address);
  });
  setLog(() => undefined);
  setSent((signer, what, receipt, calldata) => {
    story.record(story.nameOf(signer), ...explained(what), receipt, calldata);
  });

  story.chapter("Two models are published, three operators stake");
  const [model, quantised] = [
    await loadModel("models/digits/digits.onnx?N=1"),
    await loadModel("models/digits/digits.int8.onnx?N=1"),
  ];
  const publishing = sceneOf(connection, deployment, publisher);
  const versionId = await publish(publishing, model, { royaltyBps: 500, royaltyRecipient: publisher.address });
  await publish(publishing, quantised, { parents: [{ versionId, relation: 1 }] });
  const store = createFolderStore(folder);
  const forged = new Map<string, Forgery>();
  const services: { readonly signer: Signer; readonly operator: Operator }[] = [];
  for (const signer of operators) {
    const scene = sceneOf(connection, deployment, signer);
    await join(scene, [model, quantised], { amount: STAKE, endpoint: "" });
    const tamper = (run: Run): Promise<Run> => Promise.resolve(forged.get(signer.address)?.run ?? run);
    services.push({
      signer,
      operator: new Operator({ ...scene, models: [model, quantised], store, locationPrefix: "store:", tamper }),
    });
  }
  const watching = sceneOf(connection, deployment, watcherAccount);
  await fund(watching, parseEther("1000"));
  await allow(watching, suite.court);
  const watcher = new Watcher({ ...watching, models: [model, quantised], store, secret: `0x${"5e".repeat(32)}` });

  const asking = sceneOf(connection, deployment, requester);
  const reader = await new DigitReader__factory(requester).deploy(suite.market);
  const consumer = await reader.getAddress();
  story.name(consumer, "Consumer");
  await fund(asking, parseEther("100"));
  await allow(asking, reader);

  const image = loadInputs(model.model, [`image=${IMAGE}`]);
  const honest = await execute(model, joinTensors(image));
  const pixels = Array.from(image[0]?.data as Float32Array);

  /** Asks, lets time pass until the answer is claimed, and tells who was drawn. */
  const ask = async (lie?: (operator: string) => Promise<void>): Promise<{ id: Hash; operator: Signer }> => {
    const receipt = await story.tell(
      "Requester",
      "asks through the consumer contract",
      "escrow, input in calldata",
      reader.connect(requester).ask({
        versionId,
        inputs: joinTensors(image),
        inputRoot: ZeroHash,
        inputUri: "",
        policy: policyOf(OPTIMISTIC_MODE),
        fee: FEE,
        valueAtRisk: parseEther("1000"),
        assignSeconds: 600,
        claimSeconds: 600,
        windowSeconds: WINDOW_SECONDS,
        callback: consumer,
        callbackGas: 150_000,
        minimumHolders: 3,
      }),
    );
    const id = openedIn(asking, receipt.logs as never);
    await connection.networkHelpers.mine(3);
    const view = await requestView(asking, id);
    await story.tell(
      "anyone",
      "draws the operator",
      "unpredictable choice, collateral locked",
      suite.market.assign(view.request),
    );
    const { operator } = await suite.market.stateOf(id);
    const drawn = services.find(({ signer }) => signer.address === operator);
    if (drawn === undefined) throw new Error("nobody was drawn");
    await lie?.(operator);
    await drawn.operator.look(signal);
    return { id, operator: drawn.signer };
  };

  story.chapter("An honest answer");
  console.log(drawPicture(pixels, 8));
  const first = await ask();
  const digit = Number((await reader.readingOf(first.id)).digit);
  console.log(`\n  The consumer contract was called back: the digit is ${String(digit)} (provisional).`);
  await watcher.look(signal);
  console.log("  The watcher re-executed it, found every bit right, and stays silent.\n");
  await connection.networkHelpers.time.increase(WINDOW_SECONDS + 1);
  await services.find(({ signer }) => signer === first.operator)?.operator.look(signal);
  const { digit: final, stage } = await reader.readingOf(first.id);
  expect(Number(final) === 7 && Number(stage) === 1, `the consumer holds ${String(final)} at stage ${String(stage)}`);
  console.log(`\n  Final: the digit is ${String(final)}.`);

  const trials: Trial[] = [];
  const lies = [
    { title: "A forged answer: one weight changed", forge: () => changeOneWeight(model, honest) },
    { title: "A forged answer: one bit of one activation flipped", forge: () => flipOneBit(model, honest) },
  ];
  for (const { title, forge } of lies) {
    story.chapter(title);
    const forgery = await forge();
    const from = story.steps.length;
    const { id, operator } = await ask((address) => {
      forged.set(address, forgery);
      console.log(`\n  ${story.nameOf(address)} was drawn and lies: ${forgery.description}.\n`);
      return Promise.resolve();
    });
    const service = services.find(({ signer }) => signer === operator);
    // The watcher challenges, the operator commits its trace, the watcher accuses and proves.
    for (let round = 0; round < 6; round++) {
      await watcher.look(signal);
      await service?.operator.look(signal);
      await asking.ledger.sync();
      const view = await requestView(asking, id);
      if (view.settled) break;
      await connection.networkHelpers.mine(1);
    }
    const verdict = await verdictOn(asking, id);
    const dispute = story.steps.slice(from).filter(({ what }) => DISPUTE.some((move) => what.startsWith(move)));
    const proof = dispute.find(({ what }) => what.startsWith("convicts"));
    trials.push({
      title,
      forgery,
      ...verdict,
      transactions: dispute.length,
      calldata: dispute.reduce((sum, step) => sum + step.calldata, 0),
      proofGas: proof?.gas ?? 0n,
    });
    console.log(
      `\n  Convicted: kernel ${String(verdict.kernel)}, element ${String(verdict.element)}: claimed ` +
        `0x${verdict.claimed.toString(16)}, the machine gives 0x${verdict.executed.toString(16)}. The dispute took ` +
        `${String(dispute.length)} transactions and ${dispute.reduce((sum, step) => sum + step.calldata, 0).toLocaleString("en")} bytes.`,
    );
  }

  story.chapter("Everyone is paid");
  await connection.networkHelpers.time.increase(4 * 86_400);
  await settle(connection, deployment, story, [publisher, requester, watcherAccount, ...operators], consumer);
  const books = await checkBooks(connection, deployment, story);
  console.log(
    `\n  Every token is accounted for: ${String(books.rows.length)} holders sum to the ${books.supply} minted.`,
  );
  return { story, model, honest, digit, pixels, trials, books };
}

/** Moves of a dispute in the story's words. */
const DISPUTE = ["challenges", "commits its trace", "accuses", "convicts"];

const requestView = async ({ ledger }: ReturnType<typeof sceneOf>, id: Hash) => {
  await ledger.sync();
  const view = ledger.requests.get(id);
  if (view === undefined) throw new Error(`request ${id} is not on the chain`);
  return view;
};

/** The fraud that was proven on a request. */
async function verdictOn({ suite, ledger }: ReturnType<typeof sceneOf>, id: Hash) {
  await ledger.sync();
  const claimId = ledger.requests.get(id)?.claim?.id ?? ZeroHash;
  const [event] = await suite.court.queryFilter(suite.court.filters.FraudProven(claimId));
  expect(event !== undefined, "the forgery was not convicted");
  const { kernelIndex, element, claimed, executed } = event.args;
  return { kernel: Number(kernelIndex), element: Number(element), claimed, executed };
}

/** Everyone takes what is owed; what was slashed is paid after its airgap. */
async function settle(
  connection: Connection,
  deployment: Deployment,
  story: Story,
  accounts: readonly Signer[],
  consumer: string,
): Promise<void> {
  const scene = sceneOf(connection, deployment, accounts[0] as Signer);
  const { suite, ledger } = scene;
  await ledger.sync();
  for (const { address } of accounts) await payOut(story, suite, address);
  await payOut(story, suite, consumer);
  await payOut(story, suite, BURN);
  for (const event of await suite.staking.queryFilter(suite.staking.filters.PayoutMarked())) {
    for (const [share, amount] of event.args.amounts.entries()) {
      if (amount === 0n) continue;
      const purpose = ["the watcher's reward", "the harmed requester's share", "burned: nobody is to gain from it"];
      await story.tell(
        "anyone",
        "pays a share of slashed stake",
        purpose[share] ?? "",
        suite.staking.payPayout(event.args.payoutId, share),
      );
    }
  }
}

const BURN = "0x000000000000000000000000000000000000dEaD";

async function payOut(story: Story, { market, court }: ReturnType<typeof attach>, address: string): Promise<void> {
  if ((await market.creditOf(address)) > 0n) {
    await story.tell(
      story.nameOf(address),
      "collects from the market",
      "fee, royalty or refund",
      market.withdraw(address),
    );
  }
  if ((await court.creditOf(address)) > 0n) {
    await story.tell(story.nameOf(address), "collects from the court", "bond", court.withdraw(address));
  }
}

/** A service's log line in the story's words, with what its gas buys. */
function explained(what: string): [string, string] {
  const phrases: readonly (readonly [RegExp, string, string])[] = [
    [/^published (.*)/, "publishes $1", "immutable commitment to program and weights"],
    [/^staked (.*)/, "stakes $1", "something to lose"],
    [/^opted in to (.*)/, "opts in to $1", "takes part in its draws"],
    [/^claimed .*/, "claims the answer", "output checked against its root, window starts"],
    [/^finalised .*/, "finalises", "fee and royalty paid, collateral freed, callback"],
    [/^challenged .*/, "challenges the claim", "bond: freezes the payment"],
    [/^committed the trace .*/, "commits its trace", "one root over every activation"],
    [/^accused .*/, "accuses an element", "the reward cannot be front-run"],
    [/^convicted .*/, "convicts with one fraud proof", "one element re-executed on chain, to the bit"],
  ];
  for (const [pattern, phrase, buys] of phrases) {
    if (pattern.test(what)) return [what.replace(pattern, phrase), buys];
  }
  return [what, ""];
}

function expect(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`the demo went wrong: ${message}`);
}
