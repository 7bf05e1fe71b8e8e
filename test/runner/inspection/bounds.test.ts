import { Interface } from "ethers";
import { expect } from "chai";

import { commitModel } from "../../../runner/commitment/model.ts";
import { commitTensor } from "../../../runner/commitment/tensor.ts";
import { proofBound } from "../../../runner/inspection/bounds.ts";
import { executeProgram } from "../../../runner/machine/interpreter.ts";
import { product } from "../../../runner/machine/shape.ts";
import type { Kernel, Program } from "../../../runner/machine/kernel.ts";
import { createRandom } from "../../../runner/machine/prng.ts";
import { randomProgram } from "../../../testing/random-kernels.ts";
import { buildFraudProof, type FraudProof } from "../../../runner/proving/fraud-proof.ts";

const SEGMENT = "tuple(uint32 firstLeaf, bytes data, bytes32[] siblings)";
const court = new Interface([
  "function proveFraud(bytes32 claimId, uint256[15] request, tuple(address accuser, bytes32 salt) accusation, " +
    "tuple(tuple(uint32 index, bytes encoded, bytes32[] siblings) kernel, uint32 element, " +
    `tuple(uint64 position, uint64[] accumulators) progress, ${SEGMENT}[][] witness, bytes32[][] operandSiblings) execution, ` +
    `tuple(${SEGMENT} leaves, bytes32[] siblings) output)`,
]);
const zero = `0x${"00".repeat(32)}`;

/** Bytes of calldata of a fraud proof. */
const calldata = ({ execution, output }: FraudProof): number => {
  const accusation = { accuser: `0x${"00".repeat(20)}`, salt: zero };
  return (
    (court.encodeFunctionData("proveFraud", [zero, Array<bigint>(15).fill(0n), accusation, execution, output]).length -
      2) /
    2
  );
};

describe("proofBound", () => {
  it("is never exceeded by the proof of any element, over random programs with long operands", async () => {
    const random = createRandom(2024);
    const room = { bytes: Number.MAX_SAFE_INTEGER, gas: Number.MAX_SAFE_INTEGER };
    let elements = 0;
    for (let round = 0; round < 12; round++) {
      const { program, inputs, constants } = randomProgram(random, 6, {
        elements: 600,
        steps: 60,
        operandLength: 4_000,
      });
      const model = await commitModel(program, constants);
      const trace = executeProgram(program, inputs, constants);
      const traceRoots = trace.map((tensor) => commitTensor(tensor).root);
      for (const [index, kernel] of program.kernels.entries()) {
        const bound = proofBound(program, kernel);
        for (const element of [0, product(kernel.shape) - 1, random.below(product(kernel.shape))]) {
          const output = trace[index];
          if (output === undefined) throw new Error("no output");
          const evidence = { program, model, inputs, constants, trace, traceRoots };
          const proof = buildFraudProof(evidence, { kernel: index, element, output }, room);
          const segments = proof.execution.witness.flat();
          const leaves = segments.reduce((sum, { data }) => sum + Math.ceil(data.length / 1024), 0);
          expect(leaves, "leaves").to.be.at.most(bound.leaves);
          expect(segments.length, "segments").to.be.at.most(bound.segments);
          const bytes = calldata(proof);
          expect(bytes, "bytes").to.be.at.most(bound.bytes);
          elements++;
        }
      }
    }
    expect(elements).to.equal(12 * 6 * 3);
  });

  it("counts the leaves of a dot product of rows, and one more where a row need not begin with a leaf", () => {
    const [rows, width] = [64, 4_608];
    const operands = [
      { space: "input", index: 0, dtype: "f32", length: width },
      { space: "constant", index: 0, dtype: "f32", length: rows * width },
    ] as const;
    const read = { fill: 0n, guards: [], base: 0 };
    const kernel: Kernel = {
      dtype: "f32",
      shape: [rows],
      operands,
      reduce: {
        dims: [width],
        accumulators: 1,
        init: { reads: [], constants: [{ f32: 0 }], code: [] },
        step: {
          reads: [
            { ...read, operand: 0, strides: [0, 1] },
            { ...read, operand: 1, strides: [width, 1] },
          ],
          constants: [],
          code: [
            { op: "fmul", a: 1, b: 2, c: 0 },
            { op: "fadd", a: 0, b: 3, c: 0 },
          ],
        },
      },
      finish: { reads: [], constants: [], code: [{ op: "fabs", a: 0, b: 0, c: 0 }] },
    };
    const program: Program = { inputs: [operands[0]], constants: [operands[1]], kernels: [kernel], outputs: [0] };
    const { leaves, segments, bytes } = proofBound(program, kernel);
    // 4,608 f32 are 18 leaves; the input, which is no longer than that, cannot have 19.
    expect([leaves, segments]).to.deep.equal([18 + 19, 2]);
    expect(bytes).to.be.within(37 * 1024, 42 * 1024);
  });
});
