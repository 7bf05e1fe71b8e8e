import { expect } from "chai";

import { item } from "../../../runner/items.ts";
import { DTYPES } from "../../../runner/machine/dtype.ts";
import { createRandom } from "../../../runner/machine/prng.ts";
import { product } from "../../../runner/machine/shape.ts";
import { copyStrided, spanOf, type StridedView } from "../../../runner/machine/strided.ts";
import { createTensor, elementBits, setElementBits, type Tensor, tensorBytes } from "../../../runner/machine/tensor.ts";

const NAN_BITS = 0x7f800001n;
const CANONICAL_NAN_BITS = 0x7fc00000n;

/** The definition: element by element, in row-major order. */
function expected(source: Tensor, { shape, strides, base }: StridedView): readonly bigint[] {
  return Array.from({ length: product(shape) }, (_, index) => {
    let [rest, at] = [index, base];
    for (let d = shape.length - 1; d >= 0; d--) {
      at += (rest % item(shape, d)) * item(strides, d);
      rest = Math.floor(rest / item(shape, d));
    }
    const bits = elementBits(source, at);
    return source.dtype === "f32" && bits === NAN_BITS ? CANONICAL_NAN_BITS : bits;
  });
}

const bitsOf = (tensor: Tensor): readonly bigint[] =>
  Array.from({ length: tensor.data.length }, (_, i) => elementBits(tensor, i));

describe("copyStrided", () => {
  it("copies 1,000 random views as their definition says, whole and in parts (seed 1)", () => {
    const random = createRandom(1);
    for (let n = 0; n < 1000; n++) {
      const dtype = item(DTYPES, random.below(DTYPES.length));
      const rank = random.below(5);
      const shape = Array.from({ length: rank }, () => 1 + random.below(n % 50 === 0 ? 21 : 5));
      const strides = shape.map(() => random.below(25) - 8);
      const { low, high } = spanOf({ shape, strides, base: 0 });
      const view = { shape, strides, base: -low + random.below(3) };
      const source = createTensor(dtype, view.base + high + 1 + random.below(3));
      for (let i = 0; i < source.data.length; i++) {
        setElementBits(source, i, random.below(9) === 0 ? NAN_BITS : BigInt(random.u32()) * 0x100000001n);
      }
      if (dtype === "f32") {
        for (let i = 0; i < source.data.length; i++) {
          if (Number.isNaN(source.data[i])) setElementBits(source, i, NAN_BITS);
        }
      }
      const [whole, parts] = [createTensor(dtype, product(shape)), createTensor(dtype, product(shape))];
      copyStrided(dtype, tensorBytes(source), tensorBytes(whole), view);
      expect(bitsOf(whole), `case ${String(n)}`).to.deep.equal(expected(source, view));
      if (rank === 0) continue;
      const dimension = random.below(rank);
      const size = item(shape, dimension);
      const first = random.below(size);
      for (const part of [
        { dimension, first: 0, count: first },
        { dimension, first, count: size - first },
      ]) {
        if (part.count > 0) copyStrided(dtype, tensorBytes(source), tensorBytes(parts), view, part);
      }
      expect(bitsOf(parts), `parts of case ${String(n)}`).to.deep.equal(bitsOf(whole));
    }
  });
});
