import { expect } from "chai";

import { compiled } from "../../../runner/backends/javascript/compiled.ts";
import { executeKernel } from "../../../runner/machine/interpreter.ts";
import { product } from "../../../runner/machine/shape.ts";
import { createRandom } from "../../../runner/machine/prng.ts";
import { DEFAULT_LIMITS, randomKernel } from "../../../testing/random-kernels.ts";
import { createTensor, tensorBytes } from "../../../runner/machine/tensor.ts";
import { verifyKernel } from "../../../runner/machine/verify.ts";

/** Random kernels: 2,000 by default, more with ASSAY_FUZZ. */
const KERNELS = Math.max(2000, Number(process.env.ASSAY_FUZZ ?? 0));
const SEED = Number(process.env.ASSAY_SEED ?? 1);

describe("compiled backend", () => {
  it(`agrees with the interpreter on every bit of ${KERNELS} random kernels (seed ${SEED})`, () => {
    const random = createRandom(SEED);
    for (let i = 0; i < KERNELS; i++) {
      const { kernel, operands } = randomKernel(random, DEFAULT_LIMITS);
      verifyKernel(kernel, i);
      const output = createTensor(kernel.dtype, product(kernel.shape));
      // To its end: a pause is nothing to the result.
      for (const _pause of compiled.prepare(kernel)(operands, output));
      const expected = executeKernel(kernel, operands);
      const same = Buffer.compare(tensorBytes(output), tensorBytes(expected)) === 0;
      if (!same) expect(output.data, `kernel ${i} of seed ${SEED}`).to.deep.equal(expected.data);
      expect(same, `kernel ${i} of seed ${SEED}`).to.equal(true);
    }
  });
});
