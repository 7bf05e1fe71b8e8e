import { concat, dataSlice, hexlify, parseEther } from "ethers";
import { styleText } from "node:util";

import { GROTH16_MODE } from "../../ignition/modules/Assay.ts";
import { item } from "../../runner/items.ts";
import { tensorFrom } from "../../runner/machine/tensor.ts";
import { ANSWER_STAGE, RELATION } from "../../runner/protocol/enums.ts";
import type { Connection } from "../../services/chain/connection.ts";
import { policyOf } from "../../services/chain/evidence.ts";
import { allow, fund } from "../../services/chain/funds.ts";
import { execute, hostModel, joinTensors } from "../../services/models/models.ts";
import { INTEGER_DIGITS } from "../../testing/zk/circuit.ts";
import { digitsCircuit, digitsProver, unseenDigit } from "../../testing/zk/digits.ts";
import { assemble } from "./cast.ts";
import { drawPicture } from "./picture.ts";
import { askAndDraw, requestView } from "./play.ts";
import { highest, SCENARIOS } from "./scenario.ts";
import type { Print } from "./story.ts";

const FEE = parseEther("20");
/** An image that the model has not seen. */
const IMAGE = 4;
const PROOF_BYTES = 256;

/** What the demonstration showed. */
export interface ProofTale {
  /** The digit in the image, and the one that the consumer was told at last. */
  readonly expected: number;
  readonly told: number;
  readonly final: boolean;
  /** Error with which the market refused the forged answer. */
  readonly refusal: string;
  /** Gas of the claim with its proof. */
  readonly claimGas: bigint;
}

/** Plays answers that are shown by a proof. Throws when anything is not as it must be, ABORTED when the signal says so. */
export async function runProofDemo(
  connection: Connection,
  folder: string,
  print: Print,
  signal: AbortSignal,
): Promise<ProofTale> {
  const [teacher, model, circuit] = [
    await hostModel("models/digits/digits.onnx?N=1", { signal }),
    await hostModel(INTEGER_DIGITS, { signal }),
    await digitsCircuit(),
  ];
  const cast = await assemble(connection, [teacher, model], folder, print, {
    relation: RELATION.distilledFrom,
    provers: ({ groth16 }) => ({ [GROTH16_MODE]: digitsProver(groth16, circuit) }),
  });
  const { story, suite, asking, requester, publisher, versionId } = cast;
  await story.tell(
    "Publisher",
    { purpose: "publish", what: "registers the circuit", buys: "the key that proofs must fit" },
    suite.circuits.connect(publisher).registerGroth16(versionId, circuit.circuitHash, circuit.key),
  );
  const { image, digit } = await unseenDigit(IMAGE);
  const inputs = [tensorFrom("u8", image)];
  const question = await SCENARIOS.digits.prepare(teacher);
  const consumer = await question.consumer(suite, requester, {
    versionId,
    policy: policyOf(GROTH16_MODE),
    fee: FEE,
    valueAtRisk: parseEther("80"),
    openSeconds: 3_600,
    claimSeconds: 600,
    // A proof leaves nothing to challenge.
    windowSeconds: 0,
    callbackGas: 150_000,
    minimumHolders: 2,
    acceptedStage: ANSWER_STAGE.final,
  });
  story.name(consumer.address, consumer.name);
  await story.digest("Requester", `sets ${consumer.name} up`, "a contract that asks and is called back", async () => {
    await fund(asking, parseEther("100"));
    await allow(asking, { target: consumer.address });
  });

  story.chapter("An answer with its proof. Which digit is this?");
  drawPicture({ kind: "pixels", width: 8, values: Array.from(image, (pixel) => pixel / 16) }).forEach((line) => {
    print(line);
  });
  print();
  const { id, drawn } = await askAndDraw({ ...cast, connection, consumer, signal, question: { ...question, inputs } });
  const name = story.nameOf(drawn.signer.address);
  const run = await execute(model, image, { signal });
  const outputs = joinTensors(run.outputs);

  const forged = Uint8Array.from(outputs);
  new DataView(forged.buffer).setInt32(4 * ((digit + 1) % 10), 2 ** 30, true);
  const { request, deadline } = await requestView(asking, id);
  const context = {
    market: await suite.market.getAddress(),
    requestId: id,
    versionId,
    numericsVersion: request.numericsVersion,
    inputRoot: request.inputRoot,
    outputRoot: run.outputRoot,
    operator: drawn.signer.address,
    mode: GROTH16_MODE,
    deadline,
    windowSeconds: request.windowSeconds,
  };
  const evidence = await digitsProver(suite.groth16, circuit)(context, { inputs: image, outputs });
  const swapped = concat([
    dataSlice(evidence, 0, PROOF_BYTES),
    forged,
    dataSlice(evidence, PROOF_BYTES + forged.length),
  ]);
  const forgedRoot = await suite.registry.outputRootFor(versionId, forged);
  const refusal = await suite.market
    .connect(drawn.signer)
    .claim.staticCall(request, hexlify(forged), forgedRoot, "", [swapped])
    .then(
      () => "nothing",
      (error: unknown) => suite.groth16.interface.parseError(dataOf(error))?.name ?? String(error),
    );
  expect(refusal === "EvidenceRejected", `the forged answer was refused by ${refusal}`);
  print(`\n  ${name} is drawn, and tries to answer ${String((digit + 1) % 10)} with the proof of ${String(digit)}.`);
  story.say(`${styleText("red", "Refused:")} ${refusal}. There is no claim, and no payment. Now the right answer:`);

  await drawn.operator.look(signal);
  await connection.networkHelpers.time.increase(1);
  await drawn.operator.look(signal);
  const { answer, final } = await consumer.readingOf(id);
  expect(final && answer === String(digit), "the proved answer is not final or not right");
  const claim = story.steps.findLast(({ purpose }) => purpose === "claim");
  const scores = Array.from(item(run.outputs, 0).data, Number);
  expect(highest(scores) === digit, "the model reads another digit");
  print(`\n  ${styleText("green", "Final:")} digit ${answer}, one block after the claim: nobody had to watch.`);
  const claimGas = claim?.gas ?? 0n;
  print(`  The claim with its proof took ${claimGas.toLocaleString("en")} gas.`);
  return { expected: digit, told: Number(answer), final, refusal, claimGas };
}

/** What a call reverted with. */
function dataOf(error: unknown): string {
  const { data } = error as { readonly data?: unknown };
  return typeof data === "string" ? data : "0x";
}

function expect(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise);
}
