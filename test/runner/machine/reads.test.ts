import { expect } from "chai";

import { compiled } from "../../../runner/backends/javascript/compiled.ts";
import type { DType } from "../../../runner/machine/dtype.ts";
import { executeKernel } from "../../../runner/machine/interpreter.ts";
import type { Kernel, Read } from "../../../runner/machine/kernel.ts";
import { createTensor, type Tensor, tensorFrom } from "../../../runner/machine/tensor.ts";
import { verifyKernel } from "../../../runner/machine/verify.ts";

const DATA = tensorFrom("i32", [10, 11, 12, 13, 14]);

/** The values of a read over `shape`, by both backends; fill is -1. */
function values(shape: readonly number[], read: Partial<Read>, ...tables: readonly Tensor[]): readonly number[] {
  const operands = [DATA, ...tables];
  const strides = shape.map(() => 0);
  const kernel: Kernel = {
    dtype: "i32",
    shape,
    operands: operands.map(({ dtype, data }, index) => ({ space: "input", index, dtype, length: data.length })),
    finish: {
      reads: [{ operand: 0, base: 0, strides, fill: -1n, guards: [], ...read }],
      constants: [],
      code: [],
    },
  };
  verifyKernel(kernel);
  const { data } = executeKernel(kernel, operands);
  const fast = createTensor("i32", data.length);
  for (const _pause of compiled.prepare(kernel)(operands, fast));
  expect(fast.data, "compiled").to.deep.equal(data);
  return [...data].map(Number);
}

describe("reads", () => {
  describe("given an affine function of the indices", () => {
    it("walks forwards, backwards and not at all", () => {
      expect(values([3], { strides: [1], base: 1 })).to.deep.equal([11, 12, 13]);
      expect(values([3], { strides: [-2], base: 4 })).to.deep.equal([14, 12, 10]);
      expect(values([2, 2], { strides: [0, 1] })).to.deep.equal([10, 11, 10, 11]);
    });
    it("gives fill before and behind the operand", () => {
      expect(values([4], { strides: [2], base: -2 })).to.deep.equal([-1, 10, 12, 14]);
      expect(values([3], { strides: [1], base: 4 })).to.deep.equal([14, -1, -1]);
    });
    it("gives fill 2^47 away", () => {
      expect(values([2], { strides: [2 ** 47], base: -(2 ** 47) })).to.deep.equal([-1, 10]);
    });
  });

  describe("given guards", () => {
    it("gives fill where any fails", () => {
      const guards = [
        { base: -1, strides: [1], bound: 3 },
        { base: 3, strides: [-1], bound: 4 },
      ];
      expect(values([5], { strides: [1], guards })).to.deep.equal([-1, 11, 12, 13, -1]);
    });
    it("never holds with a bound of 0", () => {
      expect(values([2], { strides: [1], guards: [{ base: 0, strides: [0], bound: 0 }] })).to.deep.equal([-1, -1]);
    });
  });

  describe("given a gather", () => {
    const through = (dtype: DType, indices: readonly (number | bigint)[], change = {}): readonly number[] => {
      const gather = { operand: 1, base: 0, strides: [1], bound: 5, stride: 1, ...change };
      return values([indices.length], { strides: [0], gather }, tensorFrom(dtype, indices));
    };
    it("adds the gathered index, of any integer dtype", () => {
      for (const dtype of ["i64", "i32", "i16", "i8", "u64", "u32", "u16", "u8"] as const) {
        expect(through(dtype, [4, 0, 2])).to.deep.equal([14, 10, 12]);
      }
    });
    it("gives fill for an index outside [0, bound)", () => {
      expect(through("i8", [-1, 5, 127, 1])).to.deep.equal([-1, -1, -1, 11]);
      expect(through("i32", [2, 3], { bound: 3 })).to.deep.equal([12, -1]);
      expect(through("i32", [0], { bound: 0 })).to.deep.equal([-1]);
    });
    it("takes a u64 of 2^63 or more as negative, and 64-bit indices whole", () => {
      expect(through("u64", [2n ** 63n, 2n ** 64n - 1n, 3n])).to.deep.equal([-1, -1, 13]);
      expect(
        through("i64", [2n ** 32n, 2n ** 32n + 1n, -(2n ** 63n), 2n ** 53n + 1n], { bound: 2 ** 47 }),
      ).to.deep.equal([-1, -1, -1, -1]);
    });
    it("gives fill where the gather leaves its own operand", () => {
      expect(through("i32", [1, 2, 3], { base: 1 })).to.deep.equal([12, 13, -1]);
      expect(through("i32", [1, 2], { base: -1 })).to.deep.equal([-1, 11]);
    });
    it("gives fill where the whole offset leaves the operand", () => {
      expect(through("i32", [1, 3], { stride: 2 })).to.deep.equal([12, -1]);
      expect(through("i32", [0, 1], { stride: -1 })).to.deep.equal([10, -1]);
    });
  });
});

describe("reductions", () => {
  const kernel = (dtype: "i8" | "u8", steps: number): Kernel => ({
    dtype: "i64",
    shape: [5],
    operands: [
      { space: "input", index: 0, dtype, length: 5 * steps },
      { space: "input", index: 1, dtype, length: steps },
    ],
    reduce: {
      dims: [steps],
      accumulators: 1,
      init: { reads: [], constants: [{ int: 0n }], code: [] },
      step: {
        reads: [
          { operand: 0, base: 0, strides: [steps, 1], fill: 0n, guards: [] },
          { operand: 1, base: 0, strides: [0, 1], fill: 0n, guards: [] },
        ],
        constants: [],
        code: [
          { op: "imul", a: 1, b: 2, c: 0 },
          { op: "iadd", a: 0, b: 3, c: 0 },
        ],
      },
    },
    finish: { reads: [], constants: [], code: [] },
  });

  for (const [dtype, value] of [
    ["i8", -128],
    ["u8", 255],
  ] as const) {
    it(`of ${dtype} products pass 2^31 without wrapping`, () => {
      const steps = 140_000;
      const summed: Kernel = {
        ...kernel(dtype, steps),
        finish: { reads: [], constants: [{ int: 1n }], code: [{ op: "imul", a: 0, b: 1, c: 0 }] },
      };
      verifyKernel(summed);
      const operands = [5 * steps, steps].map((length) => tensorFrom(dtype, new Array<number>(length).fill(value)));
      const fast = createTensor("i64", 5);
      for (const _pause of compiled.prepare(summed)(operands, fast));
      const expected = BigInt(steps) * BigInt(value) ** 2n;
      expect(expected > 2n ** 31n).to.equal(true);
      expect(fast.data).to.deep.equal(new BigInt64Array(5).fill(expected));
    });
  }

  it("add in ascending order, rounding each product and each sum", () => {
    const sum: Kernel = {
      dtype: "f32",
      shape: [],
      operands: [{ space: "input", index: 0, dtype: "f32", length: 4 }],
      reduce: {
        dims: [2, 2],
        accumulators: 1,
        init: { reads: [], constants: [{ f32: 0 }], code: [] },
        step: {
          reads: [{ operand: 0, base: 0, strides: [2, 1], fill: 0n, guards: [] }],
          constants: [],
          code: [{ op: "fadd", a: 0, b: 1, c: 0 }],
        },
      },
      finish: { reads: [], constants: [], code: [{ op: "fneg", a: 0, b: 0, c: 0 }] },
    };
    verifyKernel(sum);
    const result = (row: readonly number[]): number => Number(executeKernel(sum, [tensorFrom("f32", row)]).data[0]);
    expect(result([2 ** 24, 1, 1, -(2 ** 24)])).to.equal(-0);
    expect(result([1, 1, 2 ** 24, -(2 ** 24)])).to.equal(-2);
  });
});
