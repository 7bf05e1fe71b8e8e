import { readFileSync, writeFileSync } from "node:fs";

import { decodeNpy } from "../runner/files/npy.ts";
import { item } from "../runner/items.ts";
import { createRandom } from "../runner/machine/prng.ts";
import { tensorBytes, tensorFrom } from "../runner/machine/tensor.ts";
import { execute, type HostedModel, hostModel } from "../services/models/models.ts";
import { encode, rawNode, rawTensor, valueInfo } from "../testing/onnx-model.ts";

/*
 * Writes models/integer-digits/integer-digits.onnx: `npx tsx bench/integer-digits.ts`. A small classifier in whole numbers,
 * which learns what the model in models/digits/ answers, from the first 240 images of that folder's held-out set, moved
 * and mixed. The last 120 images are not seen, and count.
 */

const [PIXELS, HIDDEN, CLASSES, SEEN] = [64, 16, 10, 240] as const;
const [COPIES, EPOCHS, BATCH, RATE] = [16, 60, 32, 4e-3] as const;
/** Largest weight of either layer. */
const LARGEST = 127;
const OUTPUT = new URL("../models/integer-digits/integer-digits.onnx", import.meta.url);

type Row = Float64Array<ArrayBuffer>;
const random = createRandom(7);
const uniform = (): number => random.below(2 ** 30) / 2 ** 30;

const npy = (name: string): readonly number[] => {
  const path = `models/digits/${name}.npy`;
  return Array.from(decodeNpy(path, new Uint8Array(readFileSync(path))).tensor.data, Number);
};

/** The image moved by up to one pixel either way, a little darker or lighter, in whole numbers from 0 to 16. */
function moved(image: readonly number[]): Row {
  const [dx, dy, ink] = [2 * uniform() - 1, 2 * uniform() - 1, 0.8 + 0.4 * uniform()];
  const pixel = (x: number, y: number): number => (x < 0 || y < 0 || x > 7 || y > 7 ? 0 : item(image, 8 * y + x));
  return Float64Array.from(image, (_, i) => {
    const [x, y] = [(i % 8) + dx, Math.floor(i / 8) + dy];
    const [left, top] = [Math.floor(x), Math.floor(y)];
    const [u, v] = [x - left, y - top];
    const upper = (1 - u) * pixel(left, top) + u * pixel(left + 1, top);
    const lower = (1 - u) * pixel(left, top + 1) + u * pixel(left + 1, top + 1);
    return Math.min(16, Math.round(ink * ((1 - v) * upper + v * lower)));
  });
}

const probabilities = async (teacher: HostedModel, image: Row): Promise<Row> => {
  const { outputs } = await execute(
    teacher,
    tensorBytes(
      tensorFrom(
        "f32",
        image.map((pixel) => pixel / 16),
      ),
    ),
  );
  return Float64Array.from(item(outputs, 0).data, Number);
};

/** A layer with Adam: weights row by row of the inputs, biases behind them. */
class Layer {
  readonly values: Row;
  readonly #gradient: Row;
  readonly #mean: Row;
  readonly #square: Row;
  readonly inputs: number;
  readonly outputs: number;
  #steps = 0;

  constructor(inputs: number, outputs: number) {
    [this.inputs, this.outputs] = [inputs, outputs];
    const size = (inputs + 1) * outputs;
    const reach = Math.sqrt(6 / (inputs + outputs));
    this.values = Float64Array.from({ length: size }, (_, i) =>
      i < inputs * outputs ? reach * (2 * uniform() - 1) : 0,
    );
    [this.#gradient, this.#mean, this.#square] = [
      new Float64Array(size),
      new Float64Array(size),
      new Float64Array(size),
    ];
  }

  forward(input: Row): Row {
    const { inputs, outputs, values } = this;
    return Float64Array.from({ length: outputs }, (_, j) => {
      let sum = item(values, inputs * outputs + j);
      for (let i = 0; i < inputs; i++) sum += item(input, i) * item(values, i * outputs + j);
      return sum;
    });
  }

  /** Adds to the gradient. @returns the gradient of the input. */
  backward(input: Row, above: Row): Row {
    const { inputs, outputs, values } = this;
    const gradient = this.#gradient;
    const below = new Float64Array(inputs);
    for (let j = 0; j < outputs; j++) {
      const given = item(above, j);
      gradient[inputs * outputs + j] = item(gradient, inputs * outputs + j) + given;
      for (let i = 0; i < inputs; i++) {
        const k = i * outputs + j;
        gradient[k] = item(gradient, k) + item(input, i) * given;
        below[i] = item(below, i) + item(values, k) * given;
      }
    }
    return below;
  }

  step(rate: number): void {
    this.#steps++;
    const [first, second] = [1 - 0.9 ** this.#steps, 1 - 0.999 ** this.#steps];
    for (let k = 0; k < this.values.length; k++) {
      const given = item(this.#gradient, k) / BATCH + 1e-4 * item(this.values, k);
      this.#mean[k] = 0.9 * item(this.#mean, k) + 0.1 * given;
      this.#square[k] = 0.999 * item(this.#square, k) + 0.001 * given * given;
      const size = Math.sqrt(item(this.#square, k) / second) + 1e-8;
      this.values[k] = item(this.values, k) - (rate * item(this.#mean, k)) / first / size;
    }
    this.#gradient.fill(0);
  }
}

const softmax = (scores: Row): Row => {
  const top = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - top));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
};
const best = (scores: ArrayLike<number>): number => {
  const list = Array.from(scores);
  return list.indexOf(Math.max(...list));
};

/** Weights and biases as integers; a bias is in units of the layer's sums. */
function quantised(layer: Layer, inputScale: number) {
  const count = layer.inputs * layer.outputs;
  const weights = layer.values.subarray(0, count);
  const scale = weights.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0) / LARGEST;
  return {
    scale: scale * inputScale,
    weights: Array.from(weights, (weight) => Math.round(weight / scale)),
    biases: Array.from(layer.values.subarray(count), (bias) => Math.round(bias / (scale * inputScale))),
  };
}
type Quantised = ReturnType<typeof quantised>;

const sums = ({ weights, biases }: Quantised, input: readonly number[]): readonly number[] =>
  biases.map((bias, j) => input.reduce((sum, value, i) => sum + value * item(weights, i * biases.length + j), bias));

/** Largest absolute value that any input of bytes can lead to: it must stay below 2^31. */
function bound(first: Quantised, second: Quantised): number {
  const most = first.biases.map((bias, j) =>
    first.weights.reduce(
      (sum, weight, k) => (k % HIDDEN === j ? sum + 255 * Math.max(0, weight) : sum),
      Math.max(0, bias),
    ),
  );
  return Math.max(
    ...most,
    ...second.biases.map((bias, j) =>
      most.reduce((sum, value, i) => sum + value * Math.abs(item(second.weights, i * CLASSES + j)), Math.abs(bias)),
    ),
  );
}

const file = (first: Quantised, second: Quantised): Uint8Array =>
  encode("ModelProto", {
    ir_version: 8,
    opset_import: [{ domain: "", version: 17 }],
    graph: {
      name: "integer-digits",
      node: [
        { op: "MatMulInteger", in: ["image", "weights1"], out: ["products"] },
        { op: "Add", in: ["products", "biases1"], out: ["sums"] },
        { op: "Relu", in: ["sums"], out: ["hidden"] },
        { op: "MatMul", in: ["hidden", "weights2"], out: ["evidence"] },
        { op: "Add", in: ["evidence", "biases2"], out: ["scores"] },
      ].map(rawNode),
      initializer: [
        rawTensor("weights1", { dtype: "i8", shape: [PIXELS, HIDDEN], data: first.weights }),
        rawTensor("biases1", { dtype: "i32", shape: [HIDDEN], data: first.biases }),
        rawTensor("weights2", { dtype: "i32", shape: [HIDDEN, CLASSES], data: second.weights }),
        rawTensor("biases2", { dtype: "i32", shape: [CLASSES], data: second.biases }),
      ],
      input: [valueInfo("image", { dtype: "u8", shape: [1, PIXELS] })],
      output: [valueInfo("scores", { dtype: "i32", shape: [1, CLASSES] })],
    },
  });

const pixels = npy("held-out-images");
const labels = npy("held-out-labels");
const images = labels.map((_, i) => pixels.slice(PIXELS * i, PIXELS * (i + 1)));
const teacher = await hostModel("models/digits/digits.onnx?N=1");
const lessons: { readonly image: Row; readonly target: Row }[] = [];
for (const original of images.slice(0, SEEN)) {
  for (let copy = 0; copy < COPIES; copy++) {
    const image = copy === 0 ? Float64Array.from(original) : moved(original);
    lessons.push({ image: image.map((pixel) => pixel / 16), target: await probabilities(teacher, image) });
  }
}
const [first, second] = [new Layer(PIXELS, HIDDEN), new Layer(HIDDEN, CLASSES)];
const steps = Math.floor(lessons.length / BATCH) * EPOCHS;
for (let step = 0; step < steps; step++) {
  for (let k = 0; k < BATCH; k++) {
    const { image, target } = item(lessons, random.below(lessons.length));
    const hidden = first.forward(image).map((sum) => Math.max(0, sum));
    const answer = softmax(second.forward(hidden));
    const above = second.backward(
      hidden,
      answer.map((value, j) => value - item(target, j)),
    );
    first.backward(
      image,
      above.map((value, j) => (item(hidden, j) > 0 ? value : 0)),
    );
  }
  for (const layer of [first, second]) layer.step(RATE * (1 - step / steps));
}
const one = quantised(first, 1 / 16);
const two = quantised(second, one.scale);
const most = bound(one, two);
if (most >= 2 ** 31) throw new Error(`a score can reach ${String(most)}: give the second layer smaller weights`);
const right = images.slice(SEEN).filter((image, i) => {
  const hidden = sums(one, image).map((sum) => Math.max(0, sum));
  return best(sums(two, hidden)) === labels[SEEN + i];
}).length;
writeFileSync(OUTPUT, file(one, two));
console.log(`${String(right)} of ${String(images.length - SEEN)} unseen digits right; no score beyond ${String(most)}`);
