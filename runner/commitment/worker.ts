import { parentPort } from "node:worker_threads";

import { tensorOfClone } from "../storage/stored.ts";
import { commitTensor } from "./tensor.ts";
import type { CommitOrder, CommitReport } from "./threads.ts";

/* The thread that commits tensors: what it gets and gives is in threads.ts. */

const port = parentPort;
if (port === null) throw new Error("this is a thread's file");

port.on("message", ({ tensor }: CommitOrder) => {
  try {
    const { root, tree } = commitTensor(tensorOfClone(tensor));
    const report: CommitReport = { root, levels: tree.levels };
    port.postMessage(
      report,
      tree.levels.map(({ buffer }) => buffer as ArrayBuffer),
    );
  } catch {
    port.postMessage("failed" satisfies CommitReport);
  }
});
