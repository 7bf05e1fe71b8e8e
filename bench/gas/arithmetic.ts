import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { hexlify } from "ethers";
import { network } from "hardhat";

import { prepareProgram } from "../../runner/backends/backend.ts";
import { commitModel } from "../../runner/commitment/model.ts";
import { commitTensor } from "../../runner/commitment/tensor.ts";
import { compiled } from "../../runner/backends/javascript/compiled.ts";
import { encodeKernel } from "../../runner/machine/encoding.ts";
import type { Kernel } from "../../runner/machine/kernel.ts";
import { createRandom } from "../../runner/machine/prng.ts";
import { product } from "../../runner/machine/shape.ts";
import { createTensor, setElementBits, type Tensor, tensorBytes } from "../../runner/machine/tensor.ts";
import { witnessElement } from "../../runner/proving/witness.ts";
import { createFolderStore } from "../../runner/files/store.ts";
import { forgeElement } from "../../testing/forgeries.ts";
import { mutable } from "../../services/chain/calldata.ts";
import { execute, type HostedModel, joinTensors } from "../../services/models/models.ts";
import { f32 } from "../../testing/onnx-model.ts";
import { openStage } from "../../testing/court-stage.ts";
import { activations, hosted, longestSum, softmaxModel } from "../../testing/wide-kernels.ts";
import { convict } from "./digits.ts";
import type { GasScenario } from "./gauge.ts";

const bytes = (dtype: "i8" | "u8", length: number, seed: number): Tensor => {
  const random = createRandom(seed);
  const tensor = createTensor(dtype, length);
  for (let i = 0; i < length; i++) setElementBits(tensor, i, BigInt(random.below(256)));
  return tensor;
};

/** Sum of products of two rows, or the sum of one. */
const dot = (operands: readonly Tensor[], steps: number): Kernel => {
  const float = operands[0]?.dtype === "f32";
  const [multiply, add] = float ? (["fmul", "fadd"] as const) : (["imul", "iadd"] as const);
  const reads = operands.map((_, operand) => ({ operand, base: 0, strides: [0, 1], fill: 0n, guards: [] }));
  const product = operands.length === 2 ? [{ op: multiply, a: 1, b: 2, c: 0 }] : [];
  return {
    dtype: float ? "f32" : "i32",
    shape: [1],
    operands: operands.map(({ dtype, data }, index) => ({ space: "constant", index, dtype, length: data.length })),
    reduce: {
      dims: [steps],
      accumulators: 1,
      init: { reads: [], constants: [float ? { f32: 0 } : { int: 0n }], code: [] },
      step: { reads, constants: [], code: [...product, { op: add, a: 0, b: operands.length === 2 ? 3 : 1, c: 0 }] },
    },
    finish: { reads: [], constants: [], code: [{ op: float ? "fabs" : "ior", a: 0, b: 0, c: 0 }] },
  };
};

/** One more step of a reduction. */
export const stepScenario: GasScenario = {
  title: "Arithmetic: one more step of a reduction",
  text:
    "On `TensorMachine` alone, leaf hashing included, calldata not: the difference of a long and a short reduction over " +
    "the steps between.",
  run: async (gauge) => {
    const { ethers } = await network.create();
    const machine = await ethers.deployContract("TensorMachine");
    const meter = await ethers.deployContract("GasMeter");
    const execution = async (operands: readonly Tensor[], steps: number): Promise<bigint> => {
      const kernel = dot(operands, steps);
      const witness = mutable(witnessElement(kernel, operands, operands.map(commitTensor), 0));
      const start = { position: 0, accumulators: [] };
      const call = [hexlify(encodeKernel(kernel)), 0, start, 2n ** 64n - 1n, witness] as const;
      return await meter.measure(machine, machine.interface.encodeFunctionData("execute", call as never));
    };
    const cases = [
      {
        name: "f32 multiply-accumulate",
        aim: 400n,
        steps: 1_024,
        of: (n: number) => [activations(n, 1), activations(n, 2)],
      },
      {
        name: "int8 multiply-accumulate",
        aim: 40n,
        steps: 16_384,
        of: (n: number) => [bytes("u8", n, 1), bytes("i8", n, 2)],
      },
      { name: "f32 addition", aim: 400n, steps: 1_024, of: (n: number) => [activations(n, 1)] },
    ];
    for (const { name, aim, steps, of } of cases) {
      const [short, long] = [await execution(of(steps), steps), await execution(of(2 * steps), 2 * steps)];
      await gauge.measureEach(name, "one step", { short, long, units: BigInt(steps) }, { atMost: aim });
    }
  },
};

/** A fully connected layer of eight outputs, each one sum of products in order. */
async function layer(folder: string, inputs: number): Promise<{ readonly model: HostedModel; readonly row: Tensor }> {
  const [row, weights] = [activations(inputs, inputs), activations(8 * inputs, inputs + 1)];
  const base = dot([row, weights], inputs);
  const read = (operand: number, strides: readonly number[]) => ({ operand, base: 0, strides, fill: 0n, guards: [] });
  const kernel: Kernel = {
    ...base,
    shape: [8],
    operands: [
      { space: "input", index: 0, dtype: "f32", length: inputs },
      { space: "constant", index: 0, dtype: "f32", length: 8 * inputs },
    ],
    ...(base.reduce === undefined
      ? {}
      : { reduce: { ...base.reduce, step: { ...base.reduce.step, reads: [read(0, [0, 1]), read(1, [inputs, 1])] } } }),
  };
  const types = kernel.operands.map(({ dtype, length }) => ({ dtype, length }));
  const program = { inputs: types.slice(0, 1), constants: types.slice(1), kernels: [kernel], outputs: [0] };
  const path = join(folder, `layer-${String(inputs)}`);
  await writeFile(path, tensorBytes(weights));
  const model: HostedModel = {
    name: "layer",
    path,
    model: {
      program,
      constants: [weights],
      inputs: [{ name: "x", element: "f32", dtype: "f32", shape: [1, inputs] }],
      outputs: [{ name: "y", element: "f32", dtype: "f32", shape: [8] }],
      opsets: {},
      nodes: [],
      producer: "",
    },
    commitment: await commitModel(program, [weights]),
    executable: prepareProgram(program, compiled),
  };
  return { model, row };
}

/** Float reductions as long as they get in practice, convicted on the real court. */
export const elementScenario = (folder: string): GasScenario => ({
  title: "Convictions of long float reductions",
  text:
    "One wrong element of a layer of K inputs, in one transaction. All that `proveFraud` costs counts: calldata, " +
    "arithmetic, slash and settlement. First with all K products in one sum, which is the most that an element can " +
    "take; then as the importer lowers such layers: in the blocks in which onnxruntime adds, so that a single element of " +
    "a block is convicted.",
  run: async (gauge) => {
    const trial = async (label: string, model: HostedModel, inputs: readonly Tensor[], aim: bigint): Promise<void> => {
      const honest = await execute(model, joinTensors(inputs));
      const run = await forgeElement(model, honest, { kernel: longestSum(model), element: 5, mask: 1n << 20n });
      const stage = await openStage([model], createFolderStore(folder));
      await convict(gauge, stage, model, { label, forgery: { run }, limits: { atMost: aim } });
      await stage.connection.close();
    };
    const float = (shape: readonly number[], seed: number) =>
      f32(shape, Array.from(activations(product(shape), seed).data as Float32Array));
    for (const [inputs, aim] of [
      [3_072, 3_000_000n],
      [4_608, 4_000_000n],
    ] as const) {
      const name = `K = ${inputs.toLocaleString("en")}`;
      const { model, row } = await layer(folder, inputs);
      await trial(`${name}, one sum`, model, [row], aim);
      const gemm = await hosted(folder, `gemm-${String(inputs)}`, {
        inputs: { x: f32([1, inputs]) },
        constants: { w: float([8, inputs], 1), b: float([8], 2) },
        nodes: [{ op: "Gemm", in: ["x", "w", "b"], out: ["y"], attributes: { transB: 1 } }],
        outputs: ["y"],
      });
      await trial(`${name}, Gemm`, gemm, [row], aim);
    }
    const conv = await hosted(folder, "conv", {
      inputs: { x: f32([1, 512, 7, 7]) },
      constants: { w: float([8, 512, 3, 3], 1), b: float([8], 2) },
      nodes: [{ op: "Conv", in: ["x", "w", "b"], out: ["y"], attributes: { pads: [1, 1, 1, 1] } }],
      outputs: ["y"],
    });
    await trial("K = 512 × 3 × 3, Conv of 7 × 7", conv, [activations(512 * 49, 3)], 4_000_000n);
  },
});

/** A reduction too long for one transaction. */
export const softmaxScenario = (folder: string): GasScenario => ({
  title: "A softmax over 50,257 classes, convicted over resumed transactions",
  text:
    "The importer takes the denominator in four interleaved sums, as onnxruntime does; one of them is wrong. No " +
    "transaction may take more than 16,777,216 gas (EIP-7825).",
  run: async (gauge) => {
    const { model, honest, kernel } = await softmaxModel(folder);
    const run = await forgeElement(model, honest, { kernel, element: 2, mask: 1n << 20n });
    const stage = await openStage([model], createFolderStore(folder));
    await convict(gauge, stage, model, { label: "softmax", forgery: { run }, limits: { atMost: 16_777_215n } });
    await stage.connection.close();
  },
});
