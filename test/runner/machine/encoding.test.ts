import { expect } from "chai";

import { decodeKernel, encodeKernel } from "../../../runner/machine/encoding.ts";
import { executeKernel } from "../../../runner/machine/interpreter.ts";
import type { Kernel } from "../../../runner/machine/kernel.ts";
import { tensorFrom } from "../../../runner/machine/tensor.ts";
import { isAssayError } from "../../../runner/errors.ts";

/** out[m] = relu(sum over k of w[m, k] * x[k]), with 2 rows of 3. */
const DENSE: Kernel = {
  dtype: "f32",
  shape: [2],
  operands: [
    { space: "constant", index: 0, dtype: "f32", length: 6 },
    { space: "input", index: 0, dtype: "f32", length: 3 },
  ],
  reduce: {
    dims: [3],
    accumulators: 1,
    init: { reads: [], constants: [{ f32: 0 }], code: [] },
    step: {
      reads: [
        { operand: 0, base: 0, strides: [3, 1], fill: 0n, guards: [] },
        { operand: 1, base: 0, strides: [0, 1], fill: 0n, guards: [] },
      ],
      constants: [],
      code: [
        { op: "fmul", a: 1, b: 2, c: 0 },
        { op: "fadd", a: 0, b: 3, c: 0 },
      ],
    },
  },
  finish: { reads: [], constants: [{ f32: 0 }], code: [{ op: "fmax", a: 0, b: 1, c: 0 }] },
};

describe("encoding", () => {
  it("gives back the kernel that it encoded, constants with the class that their uses give", () => {
    expect(decodeKernel(encodeKernel(DENSE))).to.deep.equal(DENSE);
  });

  it("executes what it decoded", () => {
    const operands = [tensorFrom("f32", [1, 2, 3, -1, -2, -3]), tensorFrom("f32", [1, 10, 100])];
    expect(executeKernel(decodeKernel(encodeKernel(DENSE)), operands).data).to.deep.equal(Float32Array.of(321, 0));
  });

  it("refuses every truncation and every extension with KERNEL_ENCODING", () => {
    const bytes = encodeKernel(DENSE);
    for (let n = 0; n < bytes.length; n++) {
      expect(() => decodeKernel(bytes.subarray(0, n)))
        .to.throw()
        .that.satisfies(isEncodingError);
    }
    expect(() => decodeKernel(Uint8Array.of(...bytes, 0)))
      .to.throw("trailing bytes")
      .that.satisfies(isEncodingError);
  });
});

const isEncodingError = (error: unknown): boolean => isAssayError(error, "KERNEL_ENCODING");
