import { agrees, floats } from "./agreement.ts";
import type { TestModel, TestNode, TestTensor } from "../../../testing/onnx-model.ts";

/*
 * Recurrent layers agree with onnxruntime-web on every bit at the sizes where its kernels change the order of sums (blocks of 128 and
 * 256, runs of four) and on both sides of them.
 */

interface Layer {
  readonly op: "RNN" | "LSTM" | "GRU";
  readonly input?: number;
  readonly hidden?: number;
  readonly batch?: number;
  readonly steps?: number;
  readonly direction?: string;
  readonly initial?: boolean;
  readonly bias?: boolean;
  readonly lengths?: readonly number[];
  /** Whether the weights are in the file, where onnxruntime-web packs them. */
  readonly constant?: boolean;
  readonly attributes?: TestNode["attributes"];
}

const GATES = { RNN: 1, LSTM: 4, GRU: 3 } as const;

const recurrent = (layer: Layer): TestModel => {
  const { op, input = 10, hidden = 24, batch = 3, steps = 4, direction = "forward", lengths } = layer;
  const directions = direction === "bidirectional" ? 2 : 1;
  const rows = GATES[op] * hidden;
  const weights: Record<string, TestTensor> = {
    w: floats([directions, rows, input], 0.5),
    r: floats([directions, rows, hidden], 0.3),
  };
  if (layer.bias !== false) weights["b"] = floats([directions, 2 * rows], 0.3);
  if (lengths) weights["l"] = { dtype: "i32", shape: [batch], data: lengths };
  if (layer.initial) weights["h0"] = floats([directions, batch, hidden]);
  const given = (name: string): string => (name in weights ? name : "");
  const outputs = op === "LSTM" ? ["y", "h", "c"] : ["y", "h"];
  const constant = layer.constant !== false;
  return {
    inputs: { x: floats([steps, batch, input]), ...(constant ? {} : weights) },
    constants: constant ? weights : {},
    nodes: [
      {
        op,
        in: ["x", "w", "r", given("b"), given("l"), given("h0")],
        out: outputs,
        attributes: { hidden_size: hidden, direction, ...layer.attributes },
      },
    ],
    outputs,
  };
};

const LAYERS: readonly (readonly [string, Omit<Layer, "op">])[] = [
  ["forward", {}],
  ["of one sequence", { batch: 1 }],
  ["reverse, from an initial state", { direction: "reverse", initial: true }],
  ["bidirectional, from initial states", { direction: "bidirectional", initial: true, input: 140, hidden: 20 }],
  ["without biases", { bias: false, initial: true }],
  ["of 5 hidden from 300 inputs", { input: 300, hidden: 5, steps: 2, batch: 1 }],
  ["of 150 hidden from 300 inputs", { input: 300, hidden: 150, steps: 3, batch: 2 }],
  ["of 300 hidden", { input: 20, hidden: 300, steps: 2, batch: 2 }],
  ["of 150 hidden, its weights inputs", { input: 300, hidden: 150, steps: 2, batch: 2, constant: false }],
  ["of 270 hidden, one sequence, its weights inputs", { input: 6, hidden: 270, steps: 2, batch: 1, constant: false }],
  ["of sequences of several lengths", { lengths: [4, 2, 3] }],
  ["bidirectional, of several lengths", { lengths: [4, 2, 3], direction: "bidirectional", initial: true }],
  ["of a sequence without steps", { lengths: [4, 0, 3], initial: true }],
  ["with clipped gates", { attributes: { clip: 0.5 } }],
];

describe("recurrent layers", () => {
  for (const op of ["RNN", "LSTM", "GRU"] as const) {
    describe(`given ${op}`, () => {
      for (const [name, layer] of LAYERS) {
        it(`${name} agrees on every bit`, async () => agrees(recurrent({ op, ...layer })));
        if (op !== "GRU") continue;
        it(`${name}, linear before reset, agrees on every bit`, async () =>
          agrees(recurrent({ op, ...layer, attributes: { ...layer.attributes, linear_before_reset: 1 } })));
      }
    });
  }

  describe("given activations", () => {
    const parameters = { activation_alpha: [0.3, 0.125], activation_beta: [0.25, 0.4] };
    for (const name of ["Tanh", "Sigmoid", "Relu", "LeakyRelu", "Affine", "HardSigmoid"]) {
      it(`RNN with ${name} agrees on every bit`, async () =>
        agrees(recurrent({ op: "RNN", attributes: { ...parameters, activations: [name] } })));
    }
    for (const names of [
      ["Relu", "Relu"],
      ["Tanh", "Sigmoid"],
      ["HardSigmoid", "LeakyRelu"],
      ["Sigmoid", "Affine"],
    ]) {
      it(`GRU with ${names.join(" and ")} agrees on every bit`, async () =>
        agrees(recurrent({ op: "GRU", attributes: { ...parameters, activations: names } })));
    }
    it("each takes its parameters in turn", async () =>
      agrees(
        recurrent({
          op: "GRU",
          direction: "bidirectional",
          attributes: { ...parameters, activations: ["Sigmoid", "LeakyRelu", "Sigmoid", "HardSigmoid"] },
        }),
      ));
  });
});
