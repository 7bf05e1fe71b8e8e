import { expect } from "chai";

import { decodeKernel, encodeKernel } from "../../../runner/machine/encoding.ts";
import { executeKernel } from "../../../runner/machine/interpreter.ts";
import type { Kernel } from "../../../runner/machine/kernel.ts";
import { createRandom } from "../../../runner/machine/prng.ts";
import { randomKernel } from "../../../testing/random-kernels.ts";
import { tensorFrom } from "../../../runner/machine/tensor.ts";
import { verifyKernel } from "../../../runner/machine/verify.ts";
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

  it("gives back every random kernel, byte for byte (500 kernels)", () => {
    const random = createRandom(3);
    for (let i = 0; i < 500; i++) {
      const { kernel } = randomKernel(random);
      const bytes = encodeKernel(kernel);
      const decoded = decodeKernel(bytes);
      verifyKernel(decoded);
      expect(encodeKernel(decoded)).to.deep.equal(bytes);
      expect(plain(decoded)).to.deep.equal(plain(kernel));
    }
  });

  it("on random damage either refuses with a typed error or gives a kernel of the same bytes (5,000 damages)", () => {
    const random = createRandom(4);
    let accepted = 0;
    for (let i = 0; i < 5000; i++) {
      const bytes = encodeKernel(randomKernel(random).kernel);
      for (let n = random.between(1, 4); n > 0; n--) bytes[random.below(bytes.length)] = random.u32();
      const damaged = random.chance(0.2) ? bytes.subarray(0, random.below(bytes.length)) : bytes;
      try {
        expect(encodeKernel(decodeKernel(damaged))).to.deep.equal(damaged);
        accepted++;
      } catch (error) {
        if (!isAssayError(error, "KERNEL_ENCODING") && !isAssayError(error, "KERNEL_INVALID")) throw error;
      }
    }
    expect(accepted).to.be.greaterThan(500);
  });

  it("refuses random bytes and oversized input with KERNEL_ENCODING", () => {
    const random = createRandom(5);
    for (let i = 0; i < 2000; i++) {
      expect(() => decodeKernel(random.bytes(random.below(300))))
        .to.throw()
        .that.satisfies(isTyped);
    }
    expect(() => decodeKernel(new Uint8Array(24_577)))
      .to.throw("24576 bytes")
      .that.satisfies(isEncodingError);
  });

  describe("refuses, naming it,", () => {
    const bytes = encodeKernel(DENSE);
    const cases: readonly (readonly [string, number, number, string])[] = [
      ["an unknown dtype", 0, 10, "unknown dtype 10"],
      ["9 dimensions", 1, 9, "rank 9"],
      ["no accumulators", 11, 0, "accumulator count"],
      ["5 accumulators", 11, 5, "accumulator count"],
      ["an unknown space", 13, 3, "unknown space 3"],
      ["an unknown operand dtype", 18, 10, "unknown dtype 10"],
    ];
    for (const [name, at, value, message] of cases) {
      it(name, () => {
        expect(() => decodeKernel(bytes.with(at, value)))
          .to.throw(message)
          .that.satisfies(isEncodingError);
      });
    }
    it("an unknown opcode", () => {
      const at = bytes.length - 4;
      expect(() => decodeKernel(bytes.with(at, 0x50)))
        .to.throw("unknown opcode 80")
        .that.satisfies(isEncodingError);
    });
    it("a register used as both classes", () => {
      // fmax becomes imax: its f32 operands cannot be ints.
      expect(() => decodeKernel(bytes.with(bytes.length - 4, 0x2e)))
        .to.throw("both as an f32 and as an int")
        .that.satisfies((error: unknown) => isAssayError(error, "KERNEL_INVALID"));
    });
  });
});

const isTyped = (error: unknown): boolean =>
  isAssayError(error, "KERNEL_ENCODING") || isAssayError(error, "KERNEL_INVALID");
/** Without the difference between 0 and -0, nor between an absent field and an undefined one. */
const plain = (kernel: Kernel): unknown =>
  JSON.parse(
    JSON.stringify([kernel.dtype, kernel.shape, kernel.operands, kernel.reduce, kernel.finish], (_, value: unknown) =>
      typeof value === "bigint" ? `${value}n` : value,
    ),
  );
const isEncodingError = (error: unknown): boolean => isAssayError(error, "KERNEL_ENCODING");
