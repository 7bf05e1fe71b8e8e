import { expect } from "chai";
import { prepareProgram } from "../../../runner/backends/backend.ts";
import { compiled } from "../../../runner/backends/javascript/compiled.ts";
import { wasm } from "../../../runner/backends/wasm/wasm.ts";
import type { DType } from "../../../runner/machine/dtype.ts";
import { type Tensor, tensorFrom } from "../../../runner/machine/tensor.ts";
import { importModel } from "../../../runner/onnx/index.ts";
import { f32, onnxFile, type TestModel, type TestTensor } from "../../../testing/onnx-model.ts";
import { onnxruntime } from "../../../testing/onnxruntime.ts";

/* Random models' parts, and their comparison with onnxruntime-web on every bit. */

/** Numbers in [0, 1), the same on every run. */
export const random = (() => {
  let state = 0x2545f491;
  return (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
})();

const count = (shape: readonly (number | string)[]): number => shape.reduce<number>((n, d) => n * Number(d), 1);

/** Bell-shaped floats of the given spread. */
export const floats = (shape: readonly number[], spread = 1): TestTensor =>
  f32(
    shape,
    Array.from({ length: count(shape) }, () => Math.fround((random() + random() + random() - 1.5) * 2 * spread)),
  );

/** Their magnitudes, at least 0.01. */
export const positive = (shape: readonly number[]): TestTensor =>
  f32(
    shape,
    (floats(shape).data ?? []).map((v) => Math.abs(Number(v)) + 0.01),
  );

/** Integers in [low, high). */
export const integers = (dtype: DType, shape: readonly number[], low: number, high: number): TestTensor => ({
  dtype,
  shape,
  data: Array.from({ length: count(shape) }, () => low + Math.floor(random() * (high - low))),
});

/** A scalar. */
export const one = (dtype: DType, value: number): TestTensor => ({ dtype, shape: [], data: [value] });

/** How many elements of how many differ, over all outputs of the model. */
const differences = async (model: TestModel): Promise<{ readonly differ: number; readonly of: number }> => {
  const file = onnxFile(model);
  const imported = importModel(file, { backend: compiled });
  const inputs = imported.inputs.map((port) => ({
    port,
    tensor: tensorFrom(port.dtype, model.inputs[port.name]?.data ?? []),
  }));
  const wanted = await onnxruntime(file, inputs);
  const outputs = await prepareProgram(imported.program, wasm).infer(
    inputs.map(({ tensor }) => tensor),
    imported.constants,
  );
  let [differ, of] = [0, 0];
  imported.outputs.forEach((port, i) => {
    const { data } = outputs[i] as Tensor;
    const reference = wanted[port.name]?.data as Float32Array;
    expect(data.length).to.equal(reference.length);
    of += data.length;
    data.forEach((value: number | bigint, k: number) => {
      const other: unknown = reference[k];
      if (!Object.is(value, other) && !(Number.isNaN(value) && Number.isNaN(other))) differ++;
    });
  });
  return { differ, of };
};

/** Fails unless every element of every output of a model is what onnxruntime-web gives. */
export const agrees = async (model: TestModel): Promise<void> => {
  const { differ, of } = await differences(model);
  expect(of).to.be.greaterThan(0);
  expect(differ, `of ${String(of)} elements`).to.equal(0);
};

/** Floats of every size: random bits with the exponents that a spread allows. */
export const anyFloats = (n: number): TestTensor => {
  const bits = Uint32Array.from({ length: n }, () => Math.floor(random() * 2 ** 32));
  return f32(
    [n],
    [...new Float32Array(bits.buffer)].map((v) => (Number.isNaN(v) ? 1 : v)),
  );
};
