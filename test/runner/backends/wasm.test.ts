import { expect } from "chai";

import { prepareProgram } from "../../../runner/backends/backend.ts";
import { compiled } from "../../../runner/backends/javascript/compiled.ts";
import { wasm, wasmOn } from "../../../runner/backends/wasm/wasm.ts";
import { item } from "../../../runner/items.ts";
import { executeKernel, executeProgram } from "../../../runner/machine/interpreter.ts";
import { createRandom } from "../../../runner/machine/prng.ts";
import { product } from "../../../runner/machine/shape.ts";
import { createTensor, type Tensor, tensorBytes, tensorFrom } from "../../../runner/machine/tensor.ts";
import { importModel } from "../../../runner/onnx/index.ts";
import { onnxFile, type TestModel, type TestTensor } from "../../../testing/onnx-model.ts";
import { DEFAULT_LIMITS, randomKernel } from "../../../testing/random-kernels.ts";
import { randomModel } from "../../../testing/random-models.ts";

/** A model large enough for threads to share each of its kernels, packing included. */
const wide = (): TestModel => {
  const random = createRandom(3);
  const values = (shape: readonly number[]): TestTensor => ({
    dtype: "f32",
    shape,
    data: Array.from({ length: product(shape) }, () => random.u32() / 2 ** 31 - 1),
  });
  return {
    inputs: { x: values([1, 24, 21, 19]), y: values([40, 19]) },
    constants: { w: values([40, 24, 3, 3]), s: { dtype: "i64", shape: [2], data: [40 * 21, 19] } },
    nodes: [
      { op: "Conv", in: ["x", "w"], out: ["c"], attributes: { pads: [1, 1, 1, 1] } },
      { op: "Sigmoid", in: ["c"], out: ["g"] },
      { op: "Reshape", in: ["g", "s"], out: ["r"] },
      { op: "Transpose", in: ["y"], out: ["t"], attributes: { perm: [1, 0] } },
      { op: "MatMul", in: ["r", "t"], out: ["m"] },
    ],
    outputs: ["m"],
  };
};

/** Random kernels and models: some by default, more with ASSAY_FUZZ. */
const KERNELS = Math.max(500, Number(process.env.ASSAY_FUZZ ?? 0));
const MODELS = Math.max(120, Number(process.env.ASSAY_FUZZ ?? 0) / 20);
const SEED = Number(process.env.ASSAY_SEED ?? 1);

const bits = (tensors: readonly Tensor[]): readonly string[] =>
  tensors.map((tensor) => Buffer.from(tensorBytes(tensor)).toString("hex"));

describe("WebAssembly backend", () => {
  it(`agrees with the interpreter on every bit of ${KERNELS} random kernels (seed ${SEED})`, () => {
    const random = createRandom(SEED);
    for (let i = 0; i < KERNELS; i++) {
      const { kernel, operands } = randomKernel(random, DEFAULT_LIMITS);
      const output = createTensor(kernel.dtype, product(kernel.shape));
      for (const _pause of wasm.prepare(kernel)(operands, output));
      const expected = executeKernel(kernel, operands);
      const same = Buffer.compare(tensorBytes(output), tensorBytes(expected)) === 0;
      if (!same) expect(output.data, `kernel ${i} of seed ${SEED}`).to.deep.equal(expected.data);
      expect(same, `kernel ${i} of seed ${SEED}`).to.equal(true);
    }
  });

  it("gives the same bits on one, two and three threads, again and again", async () => {
    const model = wide();
    const { program, constants, inputs: ports } = importModel(onnxFile(model));
    const inputs = ports.map(({ name, dtype }) => tensorFrom(dtype, model.inputs[name]?.data ?? []));
    const expected = bits(await prepareProgram(program, compiled).run(inputs, constants));
    for (const threads of [1, 2, 3]) {
      const executable = prepareProgram(program, wasmOn(threads));
      for (let run = 0; run < 20; run++) {
        expect(bits(await executable.run(inputs, constants)), `${threads} threads, run ${run}`).to.deep.equal(expected);
      }
    }
  });

  it(`gives trace and outputs of ${MODELS} random models as the interpreter does (seed ${SEED})`, async () => {
    const random = createRandom(SEED);
    for (let i = 0; i < MODELS; i++) {
      const model = randomModel(random);
      const { program, constants, inputs: ports } = importModel(onnxFile(model));
      const inputs = ports.map(({ name, dtype }) => tensorFrom(dtype, model.inputs[name]?.data ?? []));
      const expected = executeProgram(program, inputs, constants);
      const executable = prepareProgram(program, wasm);
      const what = `model ${i} of seed ${SEED}: ${model.nodes.map(({ op }) => op).join(" ")}`;
      const outputs = program.outputs.map((kernel) => item(expected, kernel));
      expect(bits(await executable.infer(inputs, constants)), what).to.deep.equal(bits(outputs));
      expect(bits(await executable.run(inputs, constants)), what).to.deep.equal(bits(expected));
      // The same inputs again, over memory that holds what the last execution left there.
      expect(bits(await executable.infer(inputs, constants)), what).to.deep.equal(bits(outputs));
    }
  });
});
