import type { Random } from "../runner/machine/prng.ts";
import { product } from "../runner/machine/shape.ts";
import type { TestModel, TestNode, TestTensor } from "./onnx-model.ts";

/*
 * Random small models of the operators that take most of the time of real ones: products of matrices, convolutions,
 * pools, normalisations, in sizes that fit no tile. Values are small and exact zeros occur.
 */

const floats = (random: Random, shape: readonly number[]): TestTensor => ({
  dtype: "f32",
  shape,
  data: Array.from({ length: product(shape) }, () =>
    random.chance(0.05) ? 0 : Math.fround((random.u32() / 2 ** 32 - 0.5) * random.pick([0.1, 2, 30])),
  ),
});

const bytes = (random: Random, dtype: "i8" | "u8", shape: readonly number[]): TestTensor => ({
  dtype,
  shape,
  data: Array.from({ length: product(shape) }, () => random.between(0, 255) - (dtype === "i8" ? 128 : 0)),
});

const scalar = (value: number): TestTensor => ({ dtype: "f32", shape: [], data: [value] });

/** A model under construction. */
class Draft {
  readonly inputs: Record<string, TestTensor> = {};
  readonly constants: Record<string, TestTensor> = {};
  readonly nodes: TestNode[] = [];

  constant(tensor: TestTensor): string {
    const name = `c${String(Object.keys(this.constants).length)}`;
    this.constants[name] = tensor;
    return name;
  }

  node(op: string, inputs: readonly string[], attributes: TestNode["attributes"] = {}): string {
    const out = `v${String(this.nodes.length)}`;
    this.nodes.push({ op, in: inputs, out: [out], attributes });
    return out;
  }

  model(output: string): TestModel {
    return { inputs: this.inputs, constants: this.constants, nodes: this.nodes, outputs: [output] };
  }
}

/** Something element by element that often follows a product. */
const followed = (random: Random, draft: Draft, value: string): string => {
  const op = random.pick(["", "Relu", "Sigmoid", "Tanh", "Clip", "Add", "Erf", "Neg"]);
  if (op === "") return value;
  if (op === "Clip") return draft.node(op, [value, draft.constant(scalar(0)), draft.constant(scalar(6))]);
  if (op === "Add") return draft.node(op, [value, value]);
  return draft.node(op, [value]);
};

const matrices = (random: Random): TestModel => {
  const draft = new Draft();
  const batch = random.chance(0.3) ? [random.between(2, 3)] : [];
  const [m, n] = [random.pick([1, 1, 2, 3, 4, 5, 7, 9, 13]), random.pick([1, 3, 4, 7, 8, 9, 16, 21, 33, 40])];
  const k = random.pick([1, 2, 5, 8, 11, 33, 128, 129, 260, 300, 700]);
  const steps = Math.max(1, Math.floor(40_000 / (m * k * product(batch))));
  const columns = Math.min(n, steps);
  draft.inputs.a = floats(random, [...batch, m, k]);
  const right = floats(random, [...(random.chance(0.5) ? batch : []), k, columns]);
  const b = random.chance(0.6) ? draft.constant(right) : "b";
  if (b === "b") draft.inputs.b = right;
  let value = draft.node("MatMul", ["a", b]);
  if (random.chance(0.6)) value = draft.node("Add", [value, draft.constant(floats(random, [columns]))]);
  value = followed(random, draft, value);
  if (random.chance(0.3)) value = draft.node("Softmax", [value], { axis: -1 });
  if (random.chance(0.3)) {
    const [scale, bias] = [draft.constant(floats(random, [columns])), draft.constant(floats(random, [columns]))];
    value = draft.node("LayerNormalization", [value, scale, bias], { axis: -1 });
  }
  if (random.chance(0.3))
    value = draft.node("Transpose", [value], {
      perm: [...batch.map((_, d) => d), ...(batch.length > 0 ? [2, 1] : [1, 0])],
    });
  return draft.model(value);
};

interface ConvShape {
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly attributes: NonNullable<TestNode["attributes"]>;
}

const convShape = (random: Random): ConvShape => {
  const groups = random.pick([1, 1, 2, 6]);
  const depthwise = random.chance(0.3);
  const channels = depthwise ? random.pick([5, 8, 12]) : groups * random.pick([1, 2, 3, 4, 9, 16]);
  const group = depthwise ? channels : groups;
  const outputs = group * (depthwise ? random.pick([1, 1, 2]) : random.pick([1, 2, 4, 5, 9]));
  const kernel = [random.pick([1, 1, 2, 3, 3, 5]), random.pick([1, 1, 2, 3, 3, 5])];
  const size = kernel.map((extent) => extent + random.between(0, 5));
  return {
    x: [random.between(1, 2), channels, ...size],
    w: [outputs, channels / group, ...kernel],
    attributes: {
      kernel_shape: kernel,
      group,
      strides: [random.between(1, 2), random.between(1, 3)],
      pads: kernel
        .flatMap((extent) => [random.below(Math.min(3, extent)), 0].slice(0, 1))
        .concat(kernel.map((extent) => random.below(Math.min(3, extent)))),
    },
  };
};

const convolutions = (random: Random): TestModel => {
  const draft = new Draft();
  const { x, w, attributes } = convShape(random);
  draft.inputs.x = floats(random, x);
  const before = random.chance(0.3) ? draft.node("Relu", ["x"]) : "x";
  const operands = [before, draft.constant(floats(random, w))];
  if (random.chance(0.7)) operands.push(draft.constant(floats(random, w.slice(0, 1))));
  let value = followed(random, draft, draft.node("Conv", operands, attributes));
  if (random.chance(0.3)) {
    const op = random.pick(["MaxPool", "AveragePool"]);
    value = draft.node(op, [value], { kernel_shape: [2, 2], pads: [1, 1, 1, 1], strides: [random.between(1, 2), 1] });
  }
  if (random.chance(0.3)) value = draft.node("GlobalAveragePool", [value]);
  return draft.model(value);
};

const quantized = (random: Random): TestModel => {
  const draft = new Draft();
  const { x, w, attributes } = convShape(random);
  const [xType, wType] = [random.pick(["u8", "i8"] as const), random.pick(["u8", "i8"] as const)];
  draft.inputs.x = bytes(random, xType, x);
  const zero = (dtype: "u8" | "i8"): string =>
    draft.constant({ dtype, shape: [], data: [random.chance(0.5) ? 0 : random.between(1, 120)] });
  const scale = draft.constant(scalar(0.02));
  const bias = {
    dtype: "i32",
    shape: w.slice(0, 1),
    data: Array.from({ length: w[0] ?? 1 }, () => random.below(500)),
  } as const;
  const operands = [
    "x",
    scale,
    zero(xType),
    draft.constant(bytes(random, wType, w)),
    scale,
    zero(wType),
    draft.constant(scalar(0.5)),
    zero("u8"),
    draft.constant(bias),
  ];
  return draft.model(draft.node("QLinearConv", operands, attributes));
};

/** A model with data for its inputs. */
export const randomModel = (random: Random): TestModel => random.pick([matrices, convolutions, quantized])(random);
