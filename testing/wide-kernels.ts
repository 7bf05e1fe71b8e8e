import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { createRandom } from "../runner/machine/prng.ts";
import { product } from "../runner/machine/shape.ts";
import { createTensor, setElementBits, type Tensor } from "../runner/machine/tensor.ts";
import { type HostedModel, joinTensors, hostModel, execute } from "../services/models/models.ts";
import { f32, onnxFile, type TestModel } from "./onnx-model.ts";

/** Values as activations and weights have them: normal, around one, a tenth of them zero. */
export const activations = (length: number, seed: number): Tensor => {
  const random = createRandom(seed);
  const tensor = createTensor("f32", length);
  for (let i = 0; i < length; i++) {
    const bits = ((random.below(2) << 31) | (random.between(118, 129) << 23) | (random.u32() & 0x7fffff)) >>> 0;
    setElementBits(tensor, i, random.chance(0.1) ? 0n : BigInt(bits));
  }
  return tensor;
};

/** Writes an ONNX file into the folder and loads it as services do. */
export async function hosted(folder: string, name: string, model: TestModel): Promise<HostedModel> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${name}.onnx`);
  await writeFile(path, onnxFile(model));
  return await hostModel(path);
}

/** Kernel of the program that takes the longest sum. */
export const longestSum = ({ model }: HostedModel): number => {
  const lengths = model.program.kernels.map(({ reduce }) =>
    reduce?.step.code.at(-1)?.op === "fadd" ? product(reduce.dims) : 0,
  );
  return lengths.indexOf(Math.max(...lengths));
};

/** Classes of a language model's last softmax. */
const CLASSES = 50_257;

/** Softmax over all tokens of a vocabulary, on logits that a model could have given. */
export async function softmaxModel(folder: string) {
  const model = await hosted(folder, "softmax", {
    inputs: { logits: f32([1, CLASSES]) },
    nodes: [{ op: "Softmax", in: ["logits"], out: ["odds"], attributes: { axis: { int: -1 } } }],
    outputs: ["odds"],
  });
  const inputs = [activations(CLASSES, 50_257)];
  return { model, inputs, honest: await execute(model, joinTensors(inputs)), kernel: longestSum(model) };
}
