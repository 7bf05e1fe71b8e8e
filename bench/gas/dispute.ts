import { id } from "ethers";

import {
  answerOf,
  commitmentOf,
  connection,
  FORGED,
  HONEST,
  kernelOpening,
  LEVEL_BYTES,
  MANIFEST,
  networkHelpers,
  stageAt,
  TRACE_TREE,
} from "../../testing/toy-court.ts";
import { BEGINNING, steadyTime } from "../../testing/court-stage.ts";
import type { GasScenario } from "./gauge.ts";

/** What a dispute costs without its arithmetic. */
export const disputeScenario: GasScenario = {
  title: "The court alone, on a toy machine and a toy market",
  text:
    "Demands for withheld data, their answers and every other move where machine and market cost next to nothing: what " +
    "remains is the court's own part, with the calldata. Verdicts come without settlement and slash; the chapters above " +
    "have them.",
  run: async (gauge) => {
    // Ids of claims hold times and stand in calldata, where a zero byte is cheaper: at the same times, the same gas.
    steadyTime(connection);
    await networkHelpers.time.increaseTo(BEGINNING);
    const { court, market, challenger, operator, watcher, requestId, claimId, request } = await stageAt("open");
    const { root, outputRoots, outputSiblings } = HONEST;
    await gauge.measure(
      "challenge",
      "a claim that cannot become final",
      court.connect(challenger).challenge(market, requestId, claimId),
    );
    await gauge.measure(
      "commitTrace",
      "18 kernels and two outputs, bound to one root",
      court
        .connect(operator)
        .commitTrace(claimId, request, MANIFEST, root, outputRoots, outputSiblings, "ipfs://trace"),
    );
    const nodes = { level: 0, index: 0 };
    const leaf = { level: LEVEL_BYTES, index: 0 };
    const asker = court.connect(watcher);
    await gauge.measure("demandTrace", "16 nodes of the trace's tree", asker.demandTrace(claimId, [nodes]));
    await gauge.measure(
      "demandTensor",
      "16 nodes of a kernel's output",
      asker.demandTensor(claimId, kernelOpening(0), [nodes]),
    );
    await gauge.measure("demandTensor, bytes", "one leaf", asker.demandTensor(claimId, kernelOpening(0), [leaf]));
    const ten = Array.from({ length: 10 }, (_, i) => ({ level: LEVEL_BYTES, index: i + 1 }));
    await gauge.measure("demandTensor, ten", "ten leaves", asker.demandTensor(claimId, kernelOpening(0), ten));
    const answers = court.connect(operator);
    await gauge.measure(
      "answer",
      "16 nodes of the trace's tree",
      answers.answer(claimId, [answerOf(HONEST, TRACE_TREE, nodes)]),
    );
    await gauge.measure(
      "answer, tensor",
      "16 nodes of a kernel's output",
      answers.answer(claimId, [answerOf(HONEST, 0, nodes)]),
    );
    await gauge.measure("answer, bytes", "one leaf", answers.answer(claimId, [answerOf(HONEST, 0, leaf)]));
    await gauge.measure(
      "answer, ten",
      "ten leaves in one transaction",
      answers.answer(
        claimId,
        ten.map((place) => answerOf(HONEST, 0, place)),
      ),
    );
    await networkHelpers.time.increaseTo((await court.disputeOf(claimId)).end + 1n);
    await gauge.measure("resolve", "an operator upheld", court.resolve(claimId));

    const wrong = await stageAt("accused");
    const accusation = { accuser: wrong.stranger.address, salt: id("salt") };
    const commitment = commitmentOf(wrong.claimId, FORGED.kernel, FORGED.element, accusation);
    await gauge.measure("accuse", "a proof that cannot be copied", wrong.court.accuse(wrong.claimId, commitment));
    await gauge.measure(
      "proveFraud",
      "a conviction: three operands, one of each space, and the output's leaf",
      wrong.court.proveFraud(wrong.claimId, wrong.request, wrong.accusation, wrong.execution, wrong.output),
    );
  },
};
