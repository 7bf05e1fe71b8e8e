import { expect } from "chai";

import { prepareProgram } from "../../../runner/backends/backend.ts";
import { compiled } from "../../../runner/backends/javascript/compiled.ts";
import { prepareWasmProgram } from "../../../runner/backends/wasm/program.ts";
import { wasm, wasmOn } from "../../../runner/backends/wasm/wasm.ts";
import { item } from "../../../runner/items.ts";
import { DTYPE_CODE, DTYPES } from "../../../runner/machine/dtype.ts";
import { executeKernel, executeProgram } from "../../../runner/machine/interpreter.ts";
import type { Constant, Kernel } from "../../../runner/machine/kernel.ts";
import { createRandom, type Random } from "../../../runner/machine/prng.ts";
import { OPCODES, type Opcode, type OpcodeRow } from "../../../runner/machine/scalar.ts";
import { product } from "../../../runner/machine/shape.ts";
import { createTensor, firstDifference, type Tensor, tensorBytes, tensorFrom } from "../../../runner/machine/tensor.ts";
import { verifyKernel } from "../../../runner/machine/verify.ts";
import { importModel } from "../../../runner/onnx/index.ts";
import { onnxFile, type TestModel, type TestTensor } from "../../../testing/onnx-model.ts";
import {
  DEFAULT_LIMITS,
  type RandomKernel,
  type RandomLimits,
  randomF32Bits,
  randomInt,
  randomKernel,
  randomTensor,
} from "../../../testing/random-kernels.ts";
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

/** One instruction on rows of random and difficult operands, some of which are constants. */
function scalarKernel(random: Random, op: Exclude<Opcode, "index">): RandomKernel {
  const length = 64;
  const { takes, gives }: OpcodeRow = OPCODES[op];
  const any = random.pick(["f32", "int"] as const);
  const classes = takes.map((kind) => (kind === "any" ? any : kind));
  const operands: Tensor[] = [];
  const constants: Constant[] = [];
  // Reads come before constants; the first operand is always read.
  const read = classes.map((_, i) => i === 0 || random.chance(0.6));
  classes.forEach((kind, i) => {
    if (read[i] === true) {
      const dtype = kind === "f32" ? "f32" : random.pick(DTYPES.filter((name) => name !== "f32"));
      operands.push(randomTensor(random, dtype, length));
    } else constants.push(kind === "f32" ? { f32: randomF32Bits(random) } : { int: randomInt(random) });
  });
  let [nextRead, nextConstant] = [0, operands.length];
  const registers = classes.map((_, i) => (read[i] === true ? nextRead++ : nextConstant++));
  const [a = 0, b = 0, c = 0] = registers;
  const result = gives === "any" ? any : gives;
  const field = op === "wrap" ? DTYPE_CODE[random.pick(DTYPES.slice(1))] : b;
  const kernel: Kernel = {
    dtype: result === "f32" ? "f32" : random.pick(["i64", "i64", "u8", "i16", "u32"]),
    shape: [length],
    operands: operands.map(({ dtype, data }, index) => ({ space: "input", index, dtype, length: data.length })),
    finish: {
      reads: operands.map((_, operand) => ({ operand, base: 0, strides: [1], fill: 0n, guards: [] })),
      constants,
      code: [{ op, a, b: field, c }],
    },
  };
  return { kernel, operands };
}

/** Random kernels and models: some by default, more with ASSAY_FUZZ. */
const KERNELS = Math.max(500, Number(process.env.ASSAY_FUZZ ?? 0));
const MODELS = Math.max(120, Number(process.env.ASSAY_FUZZ ?? 0) / 20);
/** Enough outputs for tiles of several vectors. */
const WIDE_LIMITS: RandomLimits = { elements: 200, steps: 40, operandLength: 900 };
/** Kernels for each instruction. */
const OPERANDS = Math.max(40, Number(process.env.ASSAY_FUZZ ?? 0) / 50);
const SEED = Number(process.env.ASSAY_SEED ?? 1);

const bits = (tensors: readonly Tensor[]): readonly string[] =>
  tensors.map((tensor) => Buffer.from(tensorBytes(tensor)).toString("hex"));

describe("WebAssembly backend", () => {
  it(`agrees with the interpreter on every bit of ${KERNELS} random kernels (seed ${SEED})`, () => {
    const random = createRandom(SEED);
    for (let i = 0; i < KERNELS; i++) {
      const { kernel, operands } = randomKernel(random, i % 2 === 0 ? DEFAULT_LIMITS : WIDE_LIMITS);
      const output = createTensor(kernel.dtype, product(kernel.shape));
      for (const _pause of wasm.prepare(kernel)(operands, output));
      const expected = executeKernel(kernel, operands);
      const same = Buffer.compare(tensorBytes(output), tensorBytes(expected)) === 0;
      if (!same) expect(output.data, `kernel ${i} of seed ${SEED}`).to.deep.equal(expected.data);
      expect(same, `kernel ${i} of seed ${SEED}`).to.equal(true);
    }
  });

  for (const op of Object.keys(OPCODES) as Opcode[]) {
    if (op === "index") continue;
    it(`${op}: gives what the interpreter gives, four elements at a time (${OPERANDS} kernels)`, () => {
      const random = createRandom(SEED);
      for (let i = 0; i < OPERANDS; i++) {
        const { kernel, operands } = scalarKernel(random, op);
        verifyKernel(kernel);
        const output = createTensor(kernel.dtype, product(kernel.shape));
        for (const _pause of wasm.prepare(kernel)(operands, output));
        const expected = executeKernel(kernel, operands);
        expect(firstDifference(output, expected), `kernel ${i} of seed ${SEED}`).to.equal(-1);
      }
    });
  }

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

  it("keeps executions apart that take turns, and forgets one that is not finished", async () => {
    const model = wide();
    const { program, constants, inputs: ports } = importModel(onnxFile(model));
    const inputs = ports.map(({ name, dtype }) => tensorFrom(dtype, model.inputs[name]?.data ?? []));
    const others = inputs.map(({ dtype, data }) => tensorFrom(dtype, [...data].reverse()));
    const execute = prepareWasmProgram(program, 1);
    const plain = prepareProgram(program, compiled);
    const expected = await Promise.all(
      [inputs, others].map(async (given) => bits(await plain.infer(given, constants))),
    );
    // Its memory is there to be used again, by one of those that follow.
    for (const _pause of execute(inputs, constants, "outputs"));
    const forgotten = execute(inputs, constants, "outputs");
    forgotten.next();
    const results: (readonly string[])[] = [];
    let runs = [inputs, others].map((given, i) => ({ i, steps: execute(given, constants, "outputs") }));
    while (runs.length > 0) {
      runs = runs.filter(({ i, steps }) => {
        const step = steps.next();
        if (step.done === true) results[i] = bits(step.value);
        return step.done !== true;
      });
    }
    expect(results).to.deep.equal(expected);
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
