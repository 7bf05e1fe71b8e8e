import { expect } from "chai";

import { ZERO_HASH } from "../../../runner/commitment/keccak.ts";
import { commitModel } from "../../../runner/commitment/model.ts";
import { commitTrace } from "../../../runner/commitment/trace.ts";
import type { OwnExecution } from "../../../runner/dispute/locate.ts";
import { afterEvent, noDispute } from "../../../runner/dispute/view.ts";
import { nextWatcherMove, type WatcherMove } from "../../../runner/dispute/watcher.ts";
import { executeProgram } from "../../../runner/machine/interpreter.ts";
import type { Program } from "../../../runner/machine/kernel.ts";
import {
  createTensor,
  elementBits,
  setElementBits,
  tensorBytes,
  tensorFromBytes,
} from "../../../runner/machine/tensor.ts";
import { DEFAULT_BUDGET, halved } from "../../../runner/proving/witness.ts";

const CLAIM = `0x${"11".repeat(32)}` as const;
const WATCHER = { address: `0x${"22".repeat(20)}`, secret: `0x${"33".repeat(32)}` };
const STEPS = 2048;

/** One sum over an input: too long for the small budget below. */
const PROGRAM: Program = {
  inputs: [{ dtype: "f32", length: STEPS }],
  constants: [],
  kernels: [
    {
      dtype: "f32",
      shape: [],
      operands: [{ space: "input", index: 0, dtype: "f32", length: STEPS }],
      reduce: {
        dims: [STEPS],
        accumulators: 1,
        init: { reads: [], constants: [{ f32: 0 }], code: [] },
        step: {
          reads: [{ operand: 0, base: 0, strides: [1], fill: 0n, guards: [] }],
          constants: [],
          code: [{ op: "fadd", a: 0, b: 1, c: 0 }],
        },
      },
      finish: { reads: [], constants: [], code: [{ op: "fabs", a: 0, b: 0, c: 0 }] },
    },
  ],
  outputs: [0],
};

/** A watcher that has accused the one element, and the moves that follow when replays are stored as `event` says. */
async function accused() {
  const inputs = [createTensor("f32", STEPS)];
  const trace = executeProgram(PROGRAM, inputs, []);
  const own: OwnExecution = {
    program: PROGRAM,
    model: await commitModel(PROGRAM, []),
    inputs,
    constants: [],
    trace,
    commitment: await commitTrace(trace),
  };
  const forged = trace.map((tensor) => tensorFromBytes(tensor.dtype, tensorBytes(tensor).slice()));
  const [output] = forged;
  if (output === undefined) throw new Error("no output");
  setElementBits(output, 0, elementBits(output, 0) ^ 1n);
  const commitment = await commitTrace(forged);
  const published = { roots: commitment.outputs.map(({ root }) => root), outputs: new Map([[0, output]]) };
  let view = afterEvent(noDispute(CLAIM), {
    name: "TraceCommitted",
    traceRoot: commitment.root,
    demandUntil: 2 ** 40,
    end: 2 ** 40,
    location: "",
  });
  const scene = { time: 0, block: 9, claimedRoot: ZERO_HASH, answerWindow: 1 };
  const next = (): WatcherMove =>
    nextWatcherMove(WATCHER, own, ZERO_HASH, view, published, scene, { bytes: 90_000, gas: 1_000_000 });
  const accuse = next();
  if (accuse.kind !== "accuse") throw new Error(accuse.kind);
  view = afterEvent(view, { name: "Accused", commitment: accuse.commitment, block: 1 });
  const stored = (position: number, accumulators: readonly bigint[]): void => {
    view = afterEvent(view, { name: "Replayed", kernel: 0, element: 0, position, accumulators });
  };
  return { next, stored };
}

describe("nextWatcherMove", () => {
  describe("given an accused element whose reduction takes several transactions", () => {
    it("goes on from the accumulators that the court has, to the bit, not from its own", async () => {
      const { next, stored } = await accused();
      const payload = 0x7fc0deadn;
      for (let turn = 0; turn < 100; turn++) {
        const move = next();
        if (move.kind !== "replay" && move.kind !== "proveFraud") throw new Error(move.kind);
        const { position, accumulators } = move.execution.progress;
        expect(accumulators).to.deep.equal(position === 0 ? [] : [payload]);
        if (move.kind === "proveFraud") {
          expect(turn).to.be.greaterThan(0);
          return;
        }
        stored(position + Number(move.maxSteps), [payload]);
      }
      throw new Error("no proof");
    });
  });
});

describe("halved", () => {
  it("halves a budget, down to a sixteenth of the default", () => {
    const { bytes, gas } = DEFAULT_BUDGET;
    expect(halved(DEFAULT_BUDGET)).to.deep.equal({ bytes: bytes / 2, gas: gas / 2 });
    let budget = DEFAULT_BUDGET;
    for (let i = 0; i < 9; i++) budget = halved(budget);
    expect(budget).to.deep.equal({ bytes: bytes / 16, gas: gas / 16 });
  });
});
