import { expect } from "chai";

import { isAssayError } from "../../../runner/errors.ts";
import type { Kernel, Operand, Read, Reduce } from "../../../runner/machine/kernel.ts";
import { createRandom } from "../../../runner/machine/prng.ts";
import { replayTransactions } from "../../../runner/machine/proof-limits.ts";
import { createTensor } from "../../../runner/machine/tensor.ts";
import { verifyKernel } from "../../../runner/machine/verify.ts";
import { splitElement } from "../../../runner/proving/witness.ts";
import { randomKernel } from "../../../testing/random-kernels.ts";

const constant = (index: number, length: number): Operand => ({ space: "constant", index, dtype: "f32", length });
const read = (operand: number, strides: readonly number[], change: Partial<Read> = {}): Read => ({
  ...{ operand, base: 0, strides, fill: 0n, guards: [] },
  ...change,
});
const reducing = (operands: readonly Operand[], dims: readonly number[], step: Reduce["step"]): Kernel => ({
  dtype: "f32",
  shape: [],
  operands,
  reduce: { dims, accumulators: 1, init: { reads: [], constants: [{ f32: 0 }], code: [] }, step },
  finish: { reads: [], constants: [], code: [] },
});
const sum = (dims: readonly number[], strides: readonly number[], length: number, change: Partial<Read> = {}): Kernel =>
  reducing([constant(0, length)], dims, {
    ...{ reads: [read(0, strides, change)], constants: [] },
    code: [{ op: "fadd", a: 0, b: 1, c: 0 }],
  });
const product = (dims: readonly number[], strides: readonly number[], length: number): Kernel =>
  reducing([constant(0, length), constant(1, length)], dims, {
    reads: [read(0, strides), read(1, strides)],
    constants: [],
    code: [
      { op: "fmul", a: 1, b: 2, c: 0 },
      { op: "fadd", a: 0, b: 3, c: 0 },
    ],
  });
const parts = (kernel: Kernel): number =>
  splitElement(
    kernel,
    kernel.operands.map(({ dtype, length }) => createTensor(dtype, length)),
    0,
  ).length;
const accepted = (kernel: Kernel): boolean => {
  try {
    verifyKernel(kernel);
    return true;
  } catch (error) {
    if (isAssayError(error, "KERNEL_INVALID")) return false;
    throw error;
  }
};
/** The most turns with which `verify` accepts a kernel. */
function mostTurns(kernelOf: (turns: number) => Kernel): number {
  let [low, high] = [1, 2 ** 24];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (accepted(kernelOf(middle))) low = middle;
    else high = middle;
  }
  return low;
}

describe("replayTransactions", () => {
  const [ROWS, COLUMNS] = [128, 256];

  describe("given reductions that open another leaf at each step", () => {
    it("bounds strided sums: what verify accepts takes at most 1,000 transactions", () => {
      const kernel = (turns: number): Kernel => sum([turns, ROWS], [0, COLUMNS], ROWS * COLUMNS);
      const turns = mostTurns(kernel);
      const taken = parts(kernel(turns));
      expect(taken).to.be.within(500, 1_000);
      expect(taken).to.be.at.most(replayTransactions(kernel(turns)));
    });

    it("bounds strided products: what verify accepts takes at most 1,000 transactions", () => {
      const kernel = (turns: number): Kernel => product([turns, ROWS], [0, COLUMNS], ROWS * COLUMNS);
      const turns = mostTurns(kernel);
      const taken = parts(kernel(turns));
      expect(taken).to.be.within(500, 1_000);
      expect(taken).to.be.at.most(replayTransactions(kernel(turns)));
    });

    it("counts a leaf for each element that a gather may look at", () => {
      const gather = { operand: 1, base: 0, strides: [1], bound: 4_000, stride: 1 };
      const kernel = sum([4_000], [0], 40_000, { gather });
      const indices: Operand = { space: "constant", index: 1, dtype: "i32", length: 4_000 };
      const gathered = { ...kernel, operands: [constant(0, 40_000), indices] };
      expect(replayTransactions(gathered)).to.be.within(50, 120);
    });
  });

  describe("given reductions along a tensor", () => {
    it("counts each leaf once", () => {
      const kernel = sum([1_000_000], [1], 1_000_000);
      expect(parts(kernel)).to.be.at.most(replayTransactions(kernel));
      // Some 650 for arithmetic at the most that a unit of work can cost, and the leaves of four megabytes.
      expect(replayTransactions(kernel)).to.be.below(760);
      expect(accepted(kernel)).to.equal(true);
    });

    it("counts none for an operand of one leaf", () => {
      const kernel = sum([100, 200], [0, -1], 200, { base: 199 });
      expect(replayTransactions(kernel)).to.be.below(16);
    });
  });

  it("is at least what a replay takes, for random kernels", () => {
    const random = createRandom(5);
    for (let i = 0; i < 150; i++) {
      const { kernel, operands } = randomKernel(random, { elements: 8, steps: 3_000, operandLength: 200_000 });
      if (kernel.reduce === undefined) continue;
      const taken = splitElement(kernel, operands, 0).length;
      expect(replayTransactions(kernel), `kernel ${String(i)}`).to.be.at.least(taken);
    }
  });
});
