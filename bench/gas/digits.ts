import { type TransactionReceipt, getBytes, parseEther, type Result } from "ethers";

import { OPTIMISTIC_MODE, SIGNATURE_MODE } from "../../ignition/modules/Assay.ts";
import { calldataOf } from "../../runner/check/machine.ts";
import { readInputs } from "../../runner/files/model.ts";
import type { Hash } from "../../runner/commitment/keccak.ts";
import { changeOneWeight, flipOneBit, type Forgery } from "../../testing/forgeries.ts";
import { openedIn } from "../../services/requester/ask.ts";
import { policyOf } from "../../services/chain/evidence.ts";
import { execute, type HostedModel, joinTensors, hostModel, type Run } from "../../services/models/models.ts";
import { send } from "../../services/chain/context.ts";
import type { Action } from "../../services/environment/events.ts";
import { allow, fund } from "../../services/chain/funds.ts";
import { createFolderStore } from "../../runner/files/store.ts";
import { openStage, type CourtStage, WINDOW_SECONDS } from "../../testing/court-stage.ts";
import { DigitReader__factory } from "../../typechain-types/index.ts";
import type { Gauge, GasScenario } from "./gauge.ts";

/** Request, claim and finalisation together (the assignment is one more transaction, by anyone). */
const ANSWER_AIM = 450_000n;

interface Digits {
  readonly stage: CourtStage;
  readonly models: readonly HostedModel[];
  readonly image: ReturnType<typeof readInputs>;
}

const digits = async (folder: string): Promise<Digits> => {
  const models = [
    await hostModel("models/digits/digits.onnx?N=1"),
    await hostModel("models/digits/digits.int8.onnx?N=1"),
  ];
  const [model] = models;
  if (model === undefined) throw new Error("no model");
  const image = readInputs(model.model, "image", ["image=models/digits/images/digit-7.npy"]);
  return { stage: await openStage(models, createFolderStore(folder)), models, image };
};

const nameOf = ({ name }: HostedModel): string => (name.includes("int8") ? "int8" : "f32");

/** Gas of the first transaction of a kind that services sent since `from`. */
const gasSince = (stage: CourtStage, from: number, ...[kind, model]: [Action["kind"], string?]): bigint => {
  const found = stage
    .sentSince(from)
    .find(
      ({ action }) => action.kind === kind && (model === undefined || ("model" in action && action.model === model)),
    );
  if (found === undefined) throw new Error(`nothing was ${kind}`);
  return found.receipt.gasUsed;
};

/** Publication and everything an operator does once. */
export const publishingScenario = (folder: string): GasScenario => ({
  title: "Once: publish a model, become an operator",
  text: "The digit models of `models/digits/`. A model of any size costs the same to publish: two roots.",
  run: async (gauge) => {
    const { stage, models } = await digits(folder);
    for (const model of models) {
      await gauge.measure(
        `publish, ${nameOf(model)}`,
        `${String(model.model.program.kernels.length)} kernels and ${String(model.model.constants.length)} tensors of weights, for ever`,
        gasSince(stage, 0, "published", model.name),
      );
    }
    await gauge.measure("deposit", "stake that wrong answers cost", gasSince(stage, 0, "staked"));
    await gauge.measure("rotateSigningKey", "a key for signed answers", gasSince(stage, 0, "signingKeySet"));
    await gauge.measure("setEndpoint", "where the operator is reached", gasSince(stage, 0, "endpointSet"));
    await gauge.measure("optIn", "part in the draws of a model", gasSince(stage, 0, "optedIn"));
    await stage.connection.close();
  },
});

/** A digit asked and answered: without a callback, signed, and through the consumer contract. */
export const answerScenario = (folder: string): GasScenario => ({
  title: "A digit: asked, claimed, final",
  text:
    "64 floats in, ten floats out, both in calldata; royalty, collateral and challenge window included. Anyone may send " +
    "`assign`, and it is in no total. The first request of an account pays for storage that later ones find there.",
  run: async (gauge) => {
    const { stage, models, image } = await digits(folder);
    const [model] = models;
    if (model === undefined) throw new Error("no model");
    const operator = stage.operator();
    const story = async (label: string, id: Hash, asked: bigint, from: number): Promise<void> => {
      await operator.look();
      await operator.look();
      await stage.advance(WINDOW_SECONDS + 1);
      await operator.look();
      const [assigned, claimed, final] = (["drawn", "claimed", "finalised"] as const).map((kind) =>
        gasSince(stage, from, kind),
      );
      if (assigned === undefined || claimed === undefined || final === undefined) throw new Error(`${id} got stuck`);
      await gauge.measure(`request, ${label}`, "fee in escrow, input on chain", asked);
      await gauge.measure(`assign, ${label}`, "operator drawn, collateral locked", assigned);
      await gauge.measure(`claim, ${label}`, "output checked against its root", claimed);
      await gauge.measure(`finalise, ${label}`, "fee and royalty paid, collateral freed", final);
      await gauge.measure(`**request + claim + finalise, ${label}**`, "", asked + claimed + final, {
        atMost: ANSWER_AIM,
      });
    };
    const cases = [
      { label: "first of an account", policy: policyOf(OPTIMISTIC_MODE) },
      { label: "later", policy: policyOf(OPTIMISTIC_MODE) },
      { label: "signed answer", policy: policyOf(OPTIMISTIC_MODE, SIGNATURE_MODE) },
    ];
    for (const { label, policy } of cases) {
      const from = stage.events.length;
      const id = await stage.open(model, image, { policy });
      await story(label, id, gasSince(stage, from, "asked"), from);
    }

    const versionId = stage.asking.ledger.versionsOf(model.commitment.commitment).at(-1) ?? "0x";
    const reader = await new DigitReader__factory(stage.accounts.requester).deploy(
      stage.suite.market,
      stage.termsOf(versionId),
    );
    await fund(stage.asking, parseEther("1000"));
    await allow(stage.asking, reader);
    const label = "consumer with callback";
    const from = stage.events.length;
    const receipt = await send(
      stage.asking,
      { kind: "asked", model: model.name },
      reader.ask.populateTransaction(joinTensors(image)),
    );
    const id = openedIn(stage.asking, receipt);
    await stage.networkHelpers.mine(3);
    await story(label, id, receipt.gasUsed, from);
    await stage.connection.close();
  },
});

const FORGERIES = [
  { name: "one weight", forge: changeOneWeight },
  { name: "one bit", forge: flipOneBit },
] as const;

/** Forged digits and their end. */
export const convictionScenario = (folder: string): GasScenario => ({
  title: "A forged digit, convicted",
  text:
    "The operator changes one weight, or one bit of one activation deep inside, and everything after follows from it. " +
    "`proveFraud` re-executes the first wrong element on chain, slashes and settles.",
  run: async (gauge) => {
    for (const which of [0, 1]) {
      for (const { name, forge } of FORGERIES) {
        const { stage, models, image } = await digits(folder);
        const model = models[which];
        if (model === undefined) throw new Error("no model");
        const honest = await execute(model, joinTensors(image));
        await convict(gauge, stage, model, { label: `${nameOf(model)}, ${name}`, forgery: await forge(model, honest) });
        await stage.connection.close();
      }
    }
  },
});

/** Calls of the court by what they do, and what their gas buys. */
const MOVES: Readonly<Partial<Record<Action["kind"], readonly [string, string]>>> = {
  challenged: ["challenge", "freezes the payment, takes the bond"],
  traceCommitted: ["commitTrace", "one root over every activation"],
  accused: ["accuse", "a proof that cannot be copied"],
  replayed: ["replay", "a part of a reduction"],
  convicted: ["proveFraud", "one element re-executed: the operator is slashed"],
};

/** Lets the services play a forged answer to its end and reads every move. @returns The request's id. */
export async function convict(
  gauge: Gauge,
  stage: CourtStage,
  model: HostedModel,
  { label, forgery, limits = {} }: { label: string; forgery: Pick<Forgery, "run">; limits?: { atMost?: bigint } },
): Promise<Hash> {
  const tamper = (): Promise<Run> => Promise.resolve(forgery.run);
  const [operator, watcher] = [stage.operator({ tamper }), stage.watcher()];
  const from = stage.events.length;
  const id = await stage.open(model, forgery.run.inputs);
  await operator.look();
  await operator.look();
  for (let round = 0; round < 8 && !(await stage.view(id)).settled; round++) {
    await watcher.look();
    await operator.look();
    await stage.networkHelpers.mine();
  }
  let total = 0n;
  for (const { action, receipt, calldata } of stage.sentSince(from)) {
    const move = MOVES[action.kind];
    if (move === undefined) continue;
    const [name, buys] = move;
    const proof = name === "proveFraud" || name === "replay";
    const bytes = proof ? `; ${calldata.toLocaleString("en")} bytes` : "";
    await gauge.measure(`${name}, ${label}`, buys + bytes, receipt.gasUsed, proof ? limits : {});
    total += receipt.gasUsed;
    if (name === "proveFraud") {
      const own = await withoutArithmetic(stage, receipt);
      await gauge.measure(
        `of it not calldata, not arithmetic, ${label}`,
        "proofs of operands and output, slash, settlement",
        own,
      );
    }
  }
  await gauge.measure(`**all moves, ${label}**`, "", total);
  return id;
}

/** What a fraud proof costs without its calldata and the machine's execution. */
async function withoutArithmetic({ connection, suite }: CourtStage, receipt: TransactionReceipt): Promise<bigint> {
  const { data } = (await connection.ethers.provider.getTransaction(receipt.hash)) ?? { data: "0x" };
  const decoded: Result = suite.court.interface.decodeFunctionData("proveFraud", data);
  // The fields of Execution in order: kernel, element, progress, witness; the encoded kernel is its opening's second.
  const [kernel, element, progress, witness] = decoded.getValue("execution") as readonly Result[];
  const call = [kernel?.[1], element, progress, 2n ** 64n - 1n, witness];
  const meter = await connection.ethers.deployContract("GasMeter");
  const arithmetic = await meter.measure(
    suite.machine,
    suite.machine.interface.encodeFunctionData("execute", call as never),
  );
  return receipt.gasUsed - 21_000n - BigInt(calldataOf(getBytes(data)).gas) - arithmetic;
}
