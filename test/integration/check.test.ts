import { readFileSync } from "node:fs";

import hre, { network } from "hardhat";

import { expect } from "chai";

import { TensorMachine__factory } from "../../typechain-types/index.ts";
import { createMachineContract } from "../../runner/check/evm.ts";
import { calldataOf, type MachineContract } from "../../runner/check/machine.ts";
import { commitModel } from "../../runner/commitment/model.ts";
import { commitTensor } from "../../runner/commitment/tensor.ts";
import { readTensorFile } from "../../runner/files/tensor-file.ts";
import { saveTrace } from "../../runner/inspection/trace-file.ts";
import { encodeKernel } from "../../runner/machine/encoding.ts";
import { executeKernel, executeProgram, START } from "../../runner/machine/interpreter.ts";
import { elementBits, setElementBits, type Tensor, tensorFrom } from "../../runner/machine/tensor.ts";
import type { Kernel } from "../../runner/machine/kernel.ts";
import { importModel } from "../../runner/onnx/import/file.ts";
import { witnessElement } from "../../runner/proving/witness.ts";
import { useFolder } from "../runner/files/support.ts";
import { assay, jsonOf } from "../runner/cli/support.ts";

const MODELS = new URL("../../models/digits/", import.meta.url).pathname;

/** Elements a kernel; `ASSAY_CHECK_SAMPLES=400` checks more than 2,000 of each model. */
const SAMPLES = process.env["ASSAY_CHECK_SAMPLES"] ?? "4";

interface Inspected {
  readonly kernels: readonly { readonly proof: { readonly executionGas: number; readonly bytes: number } }[];
}

interface Report {
  readonly elements: number;
  readonly mismatches: readonly unknown[];
  readonly kernels: readonly {
    readonly gas: { readonly samples: number; readonly max: number; readonly calldataBytes: number };
  }[];
}

describe("assay check", () => {
  for (const model of ["digits.onnx", "digits.int8.onnx"]) {
    it(`finds every bit of runner and contract equal in all kernels of ${model}, at no more gas than inspect says`, async () => {
      const image = `image=${MODELS}images/digit-3.npy`;
      const args = [`${MODELS}${model}`, "--shape", "N=1", "--input", image, "--samples", SAMPLES, "--seed", "1"];
      const outcome = await assay("check", ...args, "--json");
      const estimate = jsonOf(
        await assay("inspect", `${MODELS}${model}`, "--shape", "N=1", "--json"),
      ) as Partial<Inspected>;
      expect([outcome.exitCode, outcome.stderr]).to.deep.equal([0, ""]);
      const report: Report = JSON.parse(JSON.stringify(jsonOf(outcome))) as Report;
      expect(report.mismatches).to.deep.equal([]);
      expect(report.elements).to.be.greaterThan(0);
      expect(report.kernels.length).to.be.greaterThan(0).and.to.equal(estimate.kernels?.length);
      for (const [kernel, { gas }] of report.kernels.entries()) {
        const proof = estimate.kernels?.[kernel]?.proof;
        expect(gas.samples).to.be.greaterThan(0);
        expect(gas.calldataBytes, `calldata of kernel ${kernel}`).to.be.at.most(proof?.bytes ?? 0);
        // Instrumented code costs more.
        if (hre.globalOptions.coverage) continue;
        expect(gas.max, `gas of kernel ${kernel}`).to.be.within(
          (proof?.executionGas ?? 0) / 2,
          proof?.executionGas ?? 0,
        );
      }
    });
  }
});

describe("createMachineContract", () => {
  const operand: Tensor = tensorFrom("f32", [1.5, 2.5, -4]);
  const kernel: Kernel = {
    dtype: "f32",
    shape: [3],
    operands: [{ space: "input", index: 0, dtype: "f32", length: 3 }],
    finish: {
      reads: [{ operand: 0, base: 0, strides: [1], fill: 0n, guards: [] }],
      constants: [],
      code: [{ op: "fmul", a: 0, b: 0, c: 0 }],
    },
  };
  const call = {
    kernel: encodeKernel(kernel),
    element: 2,
    progress: START,
    maxSteps: 2n ** 64n - 1n,
    witness: witnessElement(kernel, [operand], [commitTensor(operand)], 2),
  };
  let contract: MachineContract;
  before(async () => {
    contract = await createMachineContract();
  });
  after(() => contract.close());

  it("gives the contract's bits and roots", async () => {
    const { done, bits, roots } = await contract.execute(call);
    expect([done, bits]).to.deep.equal([true, elementBits(executeKernel(kernel, [operand]), 2)]);
    expect(roots).to.deep.equal([commitTensor(operand).root]);
  });

  it("measures the gas that a transaction would use beside its 21,000 and its calldata", async () => {
    const { ethers } = await network.create();
    const signer = await ethers.provider.getSigner(0);
    const machine = await new TensorMachine__factory(signer).deploy();
    const { kernel: encoded, element, progress, maxSteps, witness } = call;
    const argument = [encoded, element, progress, maxSteps, witness] as const;
    const data = machine.interface.encodeFunctionData("execute", argument as never);
    const receipt = await (await signer.sendTransaction({ to: await machine.getAddress(), data })).wait();
    const { gas, calldata } = await contract.execute(call);
    expect(calldata).to.deep.equal(calldataOf(Buffer.from(data.slice(2), "hex")));
    expect(Number(receipt?.gasUsed) - 21_000 - calldata.gas).to.be.within(gas - 50, gas + 50);
  });

  it("names the contract's error when it reverts", async () => {
    const attempt = contract.execute({ ...call, element: 3 });
    await attempt.then(
      () => expect.fail("it did not revert"),
      (error: unknown) => expect(String(error)).to.match(/reverted with [A-Z]\w+\(/),
    );
  });
});

describe("assay prove", () => {
  const folder = useFolder();

  it("writes a proof on which the contract gives the machine's bits, not the operator's", async () => {
    const path = `${MODELS}digits.onnx`;
    const image = `${MODELS}images/digit-3.npy`;
    const model = importModel(path, { shapes: { N: 1 } });
    const inputs = model.inputs.map((port) => readTensorFile(image, port));
    const trace = executeProgram(model.program, inputs, model.constants);
    const [kernel, element] = [4, 1234];
    const output = trace[kernel];
    if (output === undefined) throw new Error("no such kernel");
    const honest = elementBits(output, element);
    setElementBits(output, element, honest ^ 1n);
    const commitment = await commitModel(model.program, model.constants);
    await saveTrace(folder.path("trace"), commitment, model.program, { inputs, trace });

    const args = [path, "--shape", "N=1", "--input", `image=${image}`, "--trace", folder.path("trace")];
    const found = jsonOf(await assay("prove", ...args, "--out", folder.path("proof.json"), "--json"));
    expect(found).to.include({ kernel, element, expected: `0x${honest.toString(16)}` });
    const { execution } = JSON.parse(readFileSync(folder.path("proof.json"), "utf8")) as WrittenProof;
    const machine = await (await network.create()).ethers.deployContract("TensorMachine");
    const { encoded } = execution.kernel;
    const { progress, witness } = execution;
    const result = await machine.getFunction("execute")(encoded, execution.element, progress, 2n ** 64n - 1n, witness);
    expect([result.done, result.bits]).to.deep.equal([true, honest]);
  });
});

/** The part of a proof file that the machine takes. */
interface WrittenProof {
  readonly execution: {
    readonly kernel: { readonly encoded: string };
    readonly element: number;
    readonly progress: { readonly position: number; accumulators: string[] };
    readonly witness: { readonly firstLeaf: number; readonly data: string; siblings: string[] }[][];
  };
}
