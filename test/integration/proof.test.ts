import { expect } from "chai";
import { AbiCoder, dataLength, hexlify, type ParamType, ZeroAddress, ZeroHash } from "ethers";
import { network } from "hardhat";

import { prepareProgram } from "../../runner/backends/backend.ts";
import { commitModel } from "../../runner/commitment/model.ts";
import { commitTensor } from "../../runner/commitment/tensor.ts";
import { compiled } from "../../runner/backends/javascript/compiled.ts";
import { executeElement } from "../../runner/machine/interpreter.ts";
import { createRandom } from "../../runner/machine/prng.ts";
import { randomProgram } from "../../testing/random-kernels.ts";
import { buildFraudProof, type Execution } from "../../runner/proving/fraud-proof.ts";
import { mutable } from "../../services/chain/calldata.ts";

const PROGRAMS = 40;
const LIMITS = { elements: 300, steps: 24, operandLength: 1500 };
const ALL = 2n ** 64n - 1n;

describe("Fraud proofs of the runner", () => {
  const deploy = async () => {
    const { ethers } = await network.create();
    return {
      machine: await ethers.deployContract("TensorMachine"),
      court: await ethers.getContractAt("IDisputeCourt", ZeroAddress),
    };
  };
  let chain: Awaited<ReturnType<typeof deploy>>;
  before(async () => {
    chain = await deploy();
  });

  const argument = ({ kernel, element, progress, witness, operandSiblings }: Execution) =>
    mutable({ kernel, element, progress, witness, operandSiblings });

  it(`execute on TensorMachine part by part, with the least leaves, to the machine's bits (${PROGRAMS} programs)`, async () => {
    const random = createRandom(51);
    let parts = 0;
    for (let i = 0; i < PROGRAMS; i++) {
      const { program, inputs, constants } = randomProgram(random, 4, LIMITS);
      const model = await commitModel(program, constants);
      const trace = await prepareProgram(program, compiled).run(inputs, constants);
      const traceRoots = trace.map((tensor) => commitTensor(tensor).root);
      for (const [index, kernel] of program.kernels.entries()) {
        const output = trace[index]!;
        const element = random.below(output.data.length);
        const evidence = { program, model, inputs, constants, trace, traceRoots };
        const budget = { bytes: 2500, gas: random.pick([20_000, 60_000, 1e9]) };
        const proof = buildFraudProof(evidence, { kernel: index, element, output }, budget);
        for (const [n, { execution, maxSteps }] of [
          ...proof.replays,
          { execution: proof.execution, maxSteps: ALL },
        ].entries()) {
          parts++;
          const { kernel: opening, progress, witness } = argument(execution);
          const { done, bits, next, roots } = await chain.machine.execute(
            opening.encoded,
            element,
            progress,
            maxSteps,
            witness,
          );
          const operands = kernel.operands.map(
            (o) => ({ input: inputs, constant: constants, kernel: trace })[o.space][o.index]!,
          );
          const after = proof.replays[n + 1]?.execution ?? proof.execution;
          if (n < proof.replays.length) {
            expect(done).to.equal(false);
            expect([Number(next.position), [...next.accumulators]]).to.deep.equal([
              after.progress.position,
              [...after.progress.accumulators],
            ]);
          } else {
            expect([done, bits]).to.deep.equal([true, executeElement(kernel, operands, element)]);
          }
          // An operand without leaves in the witness is not read and has no root; every other has the committed one.
          const committed = operands.map((operand) => commitTensor(operand).root);
          const covered = witness.map((segments, k) => (segments.length === 0 ? ZeroHash : committed[k]));
          expect(roots.map(({ root }) => root)).to.deep.equal(covered);
        }
      }
    }
    expect(parts).to.be.greaterThan(4 * PROGRAMS);
  });

  it("are the arguments of IDisputeCourt.replay and proveFraud, field by field", async () => {
    const random = createRandom(52);
    const { program, inputs, constants } = randomProgram(random, 4, LIMITS);
    const model = await commitModel(program, constants);
    const trace = await prepareProgram(program, compiled).run(inputs, constants);
    const traceRoots = trace.map((tensor) => commitTensor(tensor).root);
    const evidence = { program, model, inputs, constants, trace, traceRoots };
    const { execution, output } = buildFraudProof(evidence, { kernel: 3, element: 0, output: trace[3]! });
    const opening = {
      leaves: { ...output.leaves, data: hexlify(output.leaves.data), siblings: [...output.leaves.siblings] },
      siblings: [...output.siblings],
    };
    /** Every field of a struct has its name in the ABI, at every depth; the first entry stands for an array's others. */
    const sameNames = (type: ParamType, value: unknown, path: string): void => {
      if (type.arrayChildren !== null) {
        if (Array.isArray(value) && value.length > 0) sameNames(type.arrayChildren, value[0], `${path}[0]`);
        return;
      }
      const fields = type.components ?? [];
      if (fields.length === 0) return;
      expect(Object.keys(value as object), path).to.deep.equal(fields.map(({ name }) => name));
      for (const field of fields) {
        sameNames(field, (value as Readonly<Record<string, unknown>>)[field.name], `${path}.${field.name}`);
      }
    };
    // By name, whatever else the functions take.
    const check = (method: "proveFraud" | "replay", name: string, value: object): void => {
      const type = chain.court.interface.getFunction(method).inputs.find((input) => input.name === name);
      if (type === undefined) throw new Error(`${method} has no ${name}`);
      sameNames(type, value, name);
      expect(dataLength(AbiCoder.defaultAbiCoder().encode([type], [value]))).to.be.greaterThan(0);
    };
    check("proveFraud", "execution", argument(execution));
    check("replay", "execution", argument(execution));
    check("proveFraud", "output", opening);
  });
});
