import { join } from "node:path";

import { createFolderStore } from "../../runner/files/store.ts";
import { demandData, settleData, showData } from "../../services/blobs/data.ts";
import { openStage, WINDOW_SECONDS } from "../../testing/court-stage.ts";
import { f32 } from "../../testing/onnx-model.ts";
import { activations, hosted } from "../../testing/wide-kernels.ts";
import type { GasScenario } from "./gauge.ts";

/** 128 × 128 floats: two chunks of 32 KiB. */
const SIDE = 128;

/** What a demand for committed data costs who makes it, and what its answer costs. */
export const availabilityScenario = (folder: string): GasScenario => ({
  title: "Committed data, demanded and shown",
  text:
    "An input of 64 KiB, of which only the root is on chain. The bond of a chunk (`dataBond` of the deployment) should " +
    "pay for showing it: some twenty times the gas of a leaf in court, and so 25 times `demandBond`.",
  run: async (gauge) => {
    const model = await hosted(folder, "average", {
      inputs: { x: f32([1, 1, SIDE, SIDE]) },
      nodes: [{ op: "GlobalAveragePool", in: ["x"], out: ["y"] }],
      outputs: ["y"],
    });
    const stage = await openStage([model], createFolderStore(join(folder, "average")));
    const input = activations(SIDE * SIDE, 1);
    const operator = stage.operator();
    const demanded = async () => {
      const id = await stage.open(model, [input]);
      for (let i = 0; i < 4 && (await stage.view(id)).claim === undefined; i++) {
        await operator.look();
        await stage.networkHelpers.mine(3);
      }
      const before = stage.events.length;
      await demandData(stage.accusing, await stage.view(id), "input", model.model.program.inputs);
      const gas = stage.sentSince(before).at(-1)?.receipt.gasUsed ?? 0n;
      return { gas, view: await stage.view(id) };
    };
    const { view } = await demanded();
    const before = stage.events.length;
    await showData(stage.asking, view, view.demands, [input]);
    const [first, second] = stage.sentSince(before).map(({ receipt }) => receipt.gasUsed);
    const again = await demanded();
    await gauge.measure("demand, two chunks", "an input of 64 KiB on chain, or no final answer", again.gas);
    await gauge.measure("show, first of an account", "32 KiB with their proof; the bond is the account's", first ?? 0n);
    await gauge.measure("show, later", "32 KiB with their proof; the bond is the account's", second ?? 0n);
    await stage.advance(WINDOW_SECONDS + 1);
    const [withheld] = again.view.demands;
    const last = stage.events.length;
    if (withheld !== undefined) await settleData(stage.accusing, again.view, withheld);
    const settled = stage.sentSince(last).at(-1)?.receipt.gasUsed ?? 0n;
    await gauge.measure("settle", "nobody is paid for an input that nobody showed", settled);
  },
});
