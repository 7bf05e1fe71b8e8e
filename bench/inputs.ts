import { createRandom } from "../runner/machine/prng.ts";
import { product } from "../runner/machine/shape.ts";
import { createTensor, type Tensor } from "../runner/machine/tensor.ts";
import type { Port } from "../runner/onnx/index.ts";

/** An input of a measured model: bell-shaped floats; whole numbers below 100 (or `below`), or 1 for a mask. */
export function randomInput({ name, dtype, shape }: Port, below = 100): Tensor {
  const random = createRandom(7);
  const tensor = createTensor(dtype, product(shape));
  const { data } = tensor;
  for (let i = 0; i < data.length; i++) {
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
      data[i] = name.includes("mask") ? 1n : BigInt(random.below(below));
    } else {
      data[i] = dtype === "f32" ? (random.u32() + random.u32() + random.u32()) / 2 ** 31 - 3 : random.below(below);
    }
  }
  return tensor;
}
