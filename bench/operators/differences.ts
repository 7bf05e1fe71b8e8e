import { prepareProgram } from "../../runner/backend.ts";
import { compiled } from "../../runner/machine/compiled.ts";
import { tensorFrom } from "../../runner/machine/tensor.ts";
import { importModel } from "../../runner/onnx/index.ts";
import { f32, onnxFile, type TestModel, type TestNode, type TestTensor } from "../../test/runner/onnx/build.ts";
import { onnxruntime } from "../../test/runner/onnx/ort.ts";

/*
 * How far the operators that are not equal to it in every bit are from onnxruntime-web, on models of random numbers that are
 * the same on every run.
 */

/** Random models of each operator. */
export const MODELS = 20;

export interface Difference {
  /** The largest relative difference of two results. */
  readonly relative: number;
  /** The largest difference over the largest result of its tensor. */
  readonly ofLargest: number;
}

let state = 1;

/** Numbers in [0, 1). */
const random = (): number => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
};

/** Bell-shaped floats within 3 times the spread. */
const floats = (shape: readonly number[], spread = 1): TestTensor =>
  f32(
    shape,
    Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () =>
      Math.fround((random() + random() + random() - 1.5) * 2 * spread),
    ),
  );

const model = (inputs: TestModel["inputs"], constants: TestModel["inputs"], node: TestNode): TestModel => ({
  opset: 23,
  inputs,
  constants,
  nodes: [node],
  outputs: ["y"],
});

const CASES = {
  softcap: () =>
    model(
      { q: floats([1, 2, 9, 16]), k: floats([1, 2, 9, 16]), v: floats([1, 2, 9, 16]) },
      {},
      { op: "Attention", in: ["q", "k", "v"], out: ["y"], attributes: { softcap: 2.5 } },
    ),
} as const satisfies Readonly<Record<string, () => TestModel>>;

/** Runs the models of an operator on both sides. */
export const differenceOf = async (name: keyof typeof CASES): Promise<Difference> => {
  state = 1;
  let [relative, ofLargest] = [0, 0];
  for (let k = 0; k < MODELS; k++) {
    const built = CASES[name]();
    const file = onnxFile(built);
    const { program, constants, inputs: ports } = importModel(file, { backend: compiled });
    const inputs = ports.map((port) => ({
      port,
      tensor: tensorFrom(port.dtype, built.inputs[port.name]?.data ?? []),
    }));
    const theirs = [...((await onnxruntime(file, inputs))["y"]?.data as Float32Array)];
    const tensors = inputs.map(({ tensor }) => tensor);
    const trace = await prepareProgram(program, compiled).run(tensors, constants);
    const ours = Array.from(trace[program.outputs[0] ?? 0]?.data ?? [], Number);
    const largest = Math.max(...theirs.map(Math.abs));
    theirs.forEach((other, i) => {
      const difference = Math.abs((ours[i] ?? NaN) - other);
      if (difference === 0) return;
      relative = Math.max(relative, difference / Math.abs(other));
      ofLargest = Math.max(ofLargest, difference / largest);
    });
  }
  return { relative, ofLargest };
};
