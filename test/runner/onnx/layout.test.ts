import { expect } from "chai";

import { executeKernel } from "../../../runner/machine/interpreter.ts";
import type { Kernel, Operand } from "../../../runner/machine/kernel.ts";
import { createRandom } from "../../../runner/machine/prng.ts";
import { createTensor, type Tensor, tensorBytes } from "../../../runner/machine/tensor.ts";
import { verifyKernel } from "../../../runner/machine/verify.ts";
import { laidOut } from "../../../runner/onnx/build/layout.ts";
import { importModel } from "../../../runner/onnx/index.ts";
import { splitElement } from "../../../runner/proving/witness.ts";
import { f32, onnxFile, type TestNode } from "../../../testing/onnx-model.ts";
import { randomKernel } from "../../../testing/random-kernels.ts";

/** Transactions that the longest replay of a model's kernels takes. */
const longest = (node: TestNode, shape: readonly number[]): { readonly most: number; readonly kernels: number } => {
  const { program } = importModel(onnxFile({ inputs: { x: f32(shape) }, nodes: [node], outputs: ["y"], opset: 12 }));
  const counts = program.kernels.map((kernel) => {
    verifyKernel(kernel);
    return splitElement(
      kernel,
      kernel.operands.map(({ dtype, length }) => createTensor(dtype, length)),
      0,
    ).length;
  });
  return { most: Math.max(...counts), kernels: program.kernels.length };
};

describe("laidOut", () => {
  describe("given reductions over the first axis of a large tensor", () => {
    const reduction = (op: string): TestNode => ({
      ...{ op, in: ["x"], out: ["y"] },
      attributes: op === "ArgMax" ? { axis: { int: 0 } } : { axes: [0], keepdims: { int: 0 } },
    });
    for (const op of ["ReduceMax", "ReduceSum", "ReduceProd", "ArgMax"]) {
      it(`every element of ${op} is replayed in at most 200 transactions`, () => {
        expect(longest(reduction(op), [40_000, 256]).most).to.be.at.most(200);
      });
    }

    it("a reduction that is short enough is left as it is", () => {
      expect(longest(reduction("ReduceMax"), [4_096, 256])).to.deep.equal({ most: 48, kernels: 1 });
    });
  });

  it("gives the same bits from copies, for random kernels", () => {
    const random = createRandom(9);
    let changed = 0;
    for (let i = 0; i < 400; i++) {
      const { kernel, operands } = randomKernel(random);
      const tensors: Tensor[] = [...operands];
      const types: Operand[] = [];
      const place = (copy: Kernel): Operand => {
        verifyKernel(copy);
        const given = copy.operands.map((operand) => {
          const known = kernel.operands.findIndex(
            ({ space, index }) => space === operand.space && index === operand.index,
          );
          return operands[known] ?? createTensor(operand.dtype, operand.length);
        });
        const made = executeKernel(copy, given);
        const operand = {
          space: "kernel" as const,
          index: 1_000 + types.length,
          dtype: copy.dtype,
          length: made.data.length,
        };
        types.push(operand);
        tensors.push(made);
        return operand;
      };
      const other = laidOut(kernel, place, 0);
      if (other === kernel) continue;
      changed++;
      verifyKernel(other);
      const rows = other.operands.map((operand) => {
        const made = types.findIndex(({ space, index }) => space === operand.space && index === operand.index);
        if (made >= 0) return tensors[operands.length + made];
        return operands[
          kernel.operands.findIndex(({ space, index }) => space === operand.space && index === operand.index)
        ];
      });
      const expected = tensorBytes(executeKernel(kernel, operands));
      const actual = tensorBytes(executeKernel(other, rows as Tensor[]));
      expect(Buffer.compare(Buffer.from(actual), Buffer.from(expected)), `kernel ${String(i)}`).to.equal(0);
    }
    expect(changed).to.be.greaterThan(50);
  });
});
