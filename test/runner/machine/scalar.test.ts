import { expect } from "chai";

import { compiled } from "../../../runner/backends/javascript/compiled.ts";
import { DTYPE_CODE, type DType, type RegisterClass } from "../../../runner/machine/dtype.ts";
import { executeKernel } from "../../../runner/machine/interpreter.ts";
import type { Kernel } from "../../../runner/machine/kernel.ts";
import { OPCODES, type Opcode, type OpcodeRow } from "../../../runner/machine/scalar.ts";
import { createTensor, elementBits, setElementBits, type Tensor } from "../../../runner/machine/tensor.ts";
import { verifyKernel } from "../../../runner/machine/verify.ts";

/** Bits of f32 values, by name. */
const F = {
  zero: 0x00000000n,
  negZero: 0x80000000n,
  one: 0x3f800000n,
  negOne: 0xbf800000n,
  half: 0x3f000000n,
  negHalf: 0xbf000000n,
  oneAndHalf: 0x3fc00000n,
  two: 0x40000000n,
  twoAndHalf: 0x40200000n,
  three: 0x40400000n,
  negThree: 0xc0400000n,
  nextAboveOne: 0x3f800001n,
  minSubnormal: 0x00000001n,
  maxSubnormal: 0x007fffffn,
  minNormal: 0x00800000n,
  max: 0x7f7fffffn,
  inf: 0x7f800000n,
  negInf: 0xff800000n,
  nan: 0x7fc00000n,
  signallingNan: 0x7f800001n,
  negNan: 0xffc00001n,
  two24: 0x4b800000n,
  two31: 0x4f000000n,
  two32: 0x4f800000n,
  two63: 0x5f000000n,
  negTwo63: 0xdf000000n,
  two64: 0x5f800000n,
  belowTwo63: 0x5effffffn,
} as const;

const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;

/** Operands, then the result: bits of f32, ints as signed 64-bit. */
type Case = readonly bigint[];

/** The specification of every opcode by its edges. */
const TABLE: Readonly<Record<Exclude<Opcode, "index" | "wrap" | "select">, readonly Case[]>> = {
  fadd: [
    [F.one, F.half, F.oneAndHalf],
    [F.zero, F.negZero, F.zero],
    [F.negZero, F.negZero, F.negZero],
    [F.one, F.negOne, F.zero],
    [F.inf, F.negInf, F.nan],
    [F.max, F.max, F.inf],
    [F.inf, F.one, F.inf],
    [F.nan, F.one, F.nan],
    [F.signallingNan, F.zero, F.nan],
    [F.negNan, F.zero, F.nan],
    [F.maxSubnormal, F.minSubnormal, F.minNormal],
    [F.minSubnormal, F.minSubnormal, 2n],
    // 2^24 + 1 is a tie: to the even neighbour.
    [F.two24, F.one, F.two24],
    [F.two24, F.three, F.two24 + 2n],
  ],
  fsub: [
    [F.one, F.one, F.zero],
    [F.zero, F.zero, F.zero],
    [F.negZero, F.zero, F.negZero],
    [F.inf, F.inf, F.nan],
    [F.minNormal, F.minSubnormal, F.maxSubnormal],
    [F.one, F.nan, F.nan],
  ],
  fmul: [
    [F.two, F.oneAndHalf, F.three],
    [F.negZero, F.one, F.negZero],
    [F.negZero, F.negOne, F.zero],
    [F.zero, F.inf, F.nan],
    [F.max, F.two, F.inf],
    [F.minSubnormal, F.half, F.zero],
    [F.minSubnormal, F.negHalf, F.negZero],
    [3n, F.half, 2n],
    [F.nextAboveOne, F.nextAboveOne, 0x3f800002n],
    [F.minNormal, F.half, 0x00400000n],
  ],
  fdiv: [
    [F.one, F.two, F.half],
    [F.one, F.zero, F.inf],
    [F.one, F.negZero, F.negInf],
    [F.zero, F.zero, F.nan],
    [F.inf, F.inf, F.nan],
    [F.one, F.inf, F.zero],
    [F.one, F.three, 0x3eaaaaabn],
    [F.minSubnormal, F.two, F.zero],
    [F.max, F.half, F.inf],
  ],
  fsqrt: [
    [F.zero, F.zero],
    [F.negZero, F.negZero],
    [F.negOne, F.nan],
    [F.negInf, F.nan],
    [F.inf, F.inf],
    [F.two, 0x3fb504f3n],
    [F.minSubnormal, 0x1a3504f3n],
    [F.nan, F.nan],
  ],
  fneg: [
    [F.zero, F.negZero],
    [F.negZero, F.zero],
    [F.inf, F.negInf],
    [F.nan, F.nan],
    [F.minSubnormal, 0x80000001n],
  ],
  fabs: [
    [F.negZero, F.zero],
    [F.negOne, F.one],
    [F.negInf, F.inf],
    [F.negNan, F.nan],
  ],
  fmin: [
    [F.zero, F.negZero, F.negZero],
    [F.negZero, F.zero, F.negZero],
    [F.one, F.two, F.one],
    [F.nan, F.one, F.nan],
    [F.negInf, F.nan, F.nan],
  ],
  fmax: [
    [F.zero, F.negZero, F.zero],
    [F.negZero, F.zero, F.zero],
    [F.one, F.two, F.two],
    [F.one, F.nan, F.nan],
    [F.nan, F.inf, F.nan],
  ],
  ffloor: [
    [F.oneAndHalf, F.one],
    [F.negHalf, F.negOne],
    [F.half, F.zero],
    [F.negZero, F.negZero],
    [F.minSubnormal, F.zero],
    [F.inf, F.inf],
    [F.nan, F.nan],
  ],
  fceil: [
    [F.half, F.one],
    [F.negHalf, F.negZero],
    [F.negZero, F.negZero],
    [F.minSubnormal, F.one],
    [F.negInf, F.negInf],
    [F.nan, F.nan],
  ],
  ftrunc: [
    [F.oneAndHalf, F.one],
    [F.negHalf, F.negZero],
    [F.half, F.zero],
    [F.max, F.max],
    [F.nan, F.nan],
  ],
  frint: [
    [F.half, F.zero],
    [F.negHalf, F.negZero],
    [F.oneAndHalf, F.two],
    [F.twoAndHalf, F.two],
    [F.negZero, F.negZero],
    [0x4b000001n, 0x4b000001n],
    [0x4afffffdn, 0x4afffffcn],
    [0x4affffffn, 0x4b000000n],
    [F.inf, F.inf],
    [F.nan, F.nan],
  ],
  feq: [
    [F.zero, F.negZero, 1n],
    [F.nan, F.nan, 0n],
    [F.inf, F.inf, 1n],
    [F.one, F.nextAboveOne, 0n],
  ],
  flt: [
    [F.negZero, F.zero, 0n],
    [F.one, F.nextAboveOne, 1n],
    [F.negInf, F.inf, 1n],
    [F.nan, F.one, 0n],
    [F.one, F.nan, 0n],
  ],
  fle: [
    [F.zero, F.negZero, 1n],
    [F.nan, F.nan, 0n],
    [F.two, F.one, 0n],
    [F.negOne, F.one, 1n],
  ],
  f2i: [
    [F.nan, 0n],
    [F.inf, MAX],
    [F.negInf, MIN],
    [F.two63, MAX],
    [F.negTwo63, MIN],
    [F.belowTwo63, 0x7fffff8000000000n],
    [F.negHalf, 0n],
    [F.negThree, -3n],
    [F.oneAndHalf, 1n],
  ],
  i2f: [
    [0n, F.zero],
    [-1n, F.negOne],
    [MIN, F.negTwo63],
    [MAX, F.two63],
    [2n ** 24n + 1n, F.two24],
    [2n ** 24n + 3n, F.two24 + 2n],
    // Rounded by way of binary64 these would land on a tie and go the wrong way.
    [2n ** 60n + 2n ** 36n + 1n, 0x5d800001n],
    [2n ** 60n + 2n ** 36n, 0x5d800000n],
    [2n ** 60n + 2n ** 37n + 2n ** 36n - 1n, 0x5d800001n],
    [-(2n ** 60n) - 2n ** 36n - 1n, 0xdd800001n],
  ],
  u2f: [
    [-1n, F.two64],
    [MIN, F.two63],
    [MIN + 2n ** 39n, F.two63],
    [MIN + 2n ** 39n + 1n, F.two63 + 1n],
    [0n, F.zero],
    [2n ** 60n + 2n ** 36n + 1n, 0x5d800001n],
  ],
  fbits: [
    [F.negZero, 0x80000000n],
    [F.negNan, 0x7fc00000n],
    [F.signallingNan, 0x7fc00000n],
    [F.minSubnormal, 1n],
  ],
  bitsf: [
    [0x3f800000n, F.one],
    [0x1_3f800000n, F.one],
    [-1n, F.nan],
    [0x7f800001n, F.nan],
    [-(2n ** 31n), F.negZero],
  ],
  iadd: [
    [MAX, 1n, MIN],
    [-1n, 1n, 0n],
    [MIN, MIN, 0n],
  ],
  isub: [
    [MIN, 1n, MAX],
    [0n, MIN, MIN],
  ],
  imul: [
    [MIN, -1n, MIN],
    [2n ** 32n, 2n ** 32n, 0n],
    [MAX, MAX, 1n],
    [-3n, 5n, -15n],
    [94906267n, 94906267n, 94906267n ** 2n],
  ],
  idiv: [
    [7n, 2n, 3n],
    [-7n, 2n, -3n],
    [7n, -2n, -3n],
    [5n, 0n, 0n],
    [MIN, -1n, MIN],
    [MIN, 1n, MIN],
  ],
  irem: [
    [7n, 3n, 1n],
    [-7n, 3n, -1n],
    [7n, -3n, 1n],
    [5n, 0n, 0n],
    [MIN, -1n, 0n],
  ],
  udiv: [
    [-1n, 2n, MAX],
    [-1n, -1n, 1n],
    [7n, 0n, 0n],
    [1n, -1n, 0n],
  ],
  urem: [
    [-1n, 10n, 5n],
    [7n, 0n, 0n],
    [5n, -1n, 5n],
  ],
  iand: [
    [-1n, 0xffn, 0xffn],
    [MIN, MAX, 0n],
  ],
  ior: [
    [MIN, 1n, MIN + 1n],
    [2n ** 31n, 1n, 2n ** 31n + 1n],
  ],
  ixor: [
    [-1n, MAX, MIN],
    [5n, 5n, 0n],
  ],
  ishl: [
    [1n, 63n, MIN],
    [1n, 64n, 0n],
    [1n, -1n, 0n],
    [3n, 62n, -(2n ** 62n)],
    [-1n, 0n, -1n],
  ],
  ishr: [
    [MIN, 63n, -1n],
    [MIN, 64n, -1n],
    [MAX, 64n, 0n],
    [-5n, 1n, -3n],
    [-1n, -1n, -1n],
    [5n, MIN, 0n],
  ],
  ushr: [
    [-1n, 1n, MAX],
    [-1n, 63n, 1n],
    [-1n, 64n, 0n],
    [-1n, 0n, -1n],
    [-1n, -1n, 0n],
  ],
  imin: [
    [MIN, MAX, MIN],
    [-1n, 0n, -1n],
  ],
  imax: [
    [MIN, MAX, MAX],
    [-1n, 0n, 0n],
  ],
  ieq: [
    [MIN, MIN, 1n],
    [0n, 2n ** 32n, 0n],
  ],
  ilt: [
    [-1n, 0n, 1n],
    [MAX, MIN, 0n],
    [3n, 3n, 0n],
  ],
  ult: [
    [-1n, 0n, 0n],
    [0n, -1n, 1n],
    [3n, 3n, 0n],
  ],
};

/** `wrap`: dtype, operand, result. */
const WRAPS: readonly (readonly [DType, bigint, bigint])[] = [
  ["i8", 127n, 127n],
  ["i8", 128n, -128n],
  ["i8", -129n, 127n],
  ["u8", -1n, 255n],
  ["u8", 256n, 0n],
  ["i16", 32768n, -32768n],
  ["u16", 65536n + 7n, 7n],
  ["i32", 2n ** 31n, -(2n ** 31n)],
  ["i32", MIN, 0n],
  ["u32", -1n, 2n ** 32n - 1n],
  ["i64", MIN, MIN],
  ["u64", -1n, -1n],
  ["bool", 257n, 1n],
  ["bool", 2n, 2n],
];

const tensorOf = (kind: RegisterClass, bits: bigint): Tensor => {
  const tensor = createTensor(kind === "f32" ? "f32" : "i64", 1);
  setElementBits(tensor, 0, BigInt.asUintN(64, bits));
  return tensor;
};

/** A kernel of one instruction over operands of one element each. */
function kernelOf(op: Opcode, takes: readonly RegisterClass[], gives: RegisterClass, b?: number): Kernel {
  return {
    dtype: gives === "f32" ? "f32" : "i64",
    shape: [],
    operands: takes.map((kind, index) => ({
      space: "input",
      index,
      dtype: kind === "f32" ? "f32" : "i64",
      length: 1,
    })),
    finish: {
      reads: takes.map((_, operand) => ({ operand, base: 0, strides: [], fill: 0n, guards: [] })),
      constants: [],
      code: [{ op, a: 0, b: b ?? (takes.length > 1 ? 1 : 0), c: takes.length > 2 ? 2 : 0 }],
    },
  };
}

/** The result of one instruction, by both backends. */
function execute(kernel: Kernel, values: readonly bigint[]): bigint {
  verifyKernel(kernel);
  const operands = kernel.operands.map(({ dtype }, i) => tensorOf(dtype === "f32" ? "f32" : "int", values[i] ?? 0n));
  const defined = executeKernel(kernel, operands);
  const fast = createTensor(kernel.dtype, 1);
  for (const _pause of compiled.prepare(kernel)(operands, fast));
  expect(elementBits(fast, 0), "compiled").to.equal(elementBits(defined, 0));
  return elementBits(defined, 0);
}

const show = (kind: RegisterClass, value: bigint): string =>
  kind === "f32" ? `0x${value.toString(16).padStart(8, "0")}` : value.toString();

describe("scalar instructions", () => {
  for (const [op, cases] of Object.entries(TABLE) as [keyof typeof TABLE, readonly Case[]][]) {
    describe(op, () => {
      const { takes, gives }: OpcodeRow = OPCODES[op];
      const kinds = takes.map((kind): RegisterClass => (kind === "f32" ? "f32" : "int"));
      const result: RegisterClass = gives === "f32" ? "f32" : "int";
      for (const row of cases) {
        const expected = row[kinds.length] ?? 0n;
        const shown = kinds.map((kind, i) => show(kind, row[i] ?? 0n)).join(", ");
        it(`(${shown}) is ${show(result, expected)}`, () => {
          expect(execute(kernelOf(op, kinds, result), row)).to.equal(BigInt.asUintN(64, expected));
        });
      }
    });
  }

  describe("wrap", () => {
    for (const [dtype, value, expected] of WRAPS) {
      it(`${value} to ${dtype} is ${expected}`, () => {
        const kernel = kernelOf("wrap", ["int"], "int", DTYPE_CODE[dtype]);
        expect(execute(kernel, [value])).to.equal(BigInt.asUintN(64, expected));
      });
    }
  });

  describe("select", () => {
    for (const [condition, expected] of [
      [1n, 10n],
      [0n, 20n],
      [MIN, 10n],
      [-1n, 10n],
    ] as const) {
      it(`of ints by ${condition} is ${expected}`, () => {
        expect(execute(kernelOf("select", ["int", "int", "int"], "int"), [condition, 10n, 20n])).to.equal(expected);
      });
    }
    it("of f32 keeps the sign of zero and makes NaN canonical", () => {
      const kernel = kernelOf("select", ["int", "f32", "f32"], "f32");
      expect(execute(kernel, [1n, F.negZero, F.one])).to.equal(F.negZero);
      expect(execute(kernel, [0n, F.one, F.negNan])).to.equal(F.nan);
    });
  });

  describe("index", () => {
    it("gives output dimensions first, then in step reduction dimensions", () => {
      const code = (dimension: number) => [{ op: "index" as const, a: dimension, b: 0, c: 0 }];
      const kernel: Kernel = {
        dtype: "i64",
        shape: [2, 3],
        operands: [],
        reduce: {
          dims: [4],
          accumulators: 1,
          init: { reads: [], constants: [], code: code(1) },
          step: {
            reads: [],
            constants: [{ int: 10n }],
            code: [
              { op: "imul", a: 0, b: 1, c: 0 },
              { op: "index", a: 2, b: 0, c: 0 },
              { op: "iadd", a: 2, b: 3, c: 0 },
            ],
          },
        },
        finish: {
          reads: [],
          constants: [{ int: 100_000n }],
          code: [
            { op: "index", a: 0, b: 0, c: 0 },
            { op: "imul", a: 2, b: 1, c: 0 },
            { op: "iadd", a: 0, b: 3, c: 0 },
          ],
        },
      };
      verifyKernel(kernel);
      const expected = BigInt64Array.of(123n, 10123n, 20123n, 100123n, 110123n, 120123n);
      expect(executeKernel(kernel, []).data).to.deep.equal(expected);
      const fast = createTensor("i64", 6);
      for (const _pause of compiled.prepare(kernel)([], fast));
      expect(fast.data).to.deep.equal(expected);
    });
  });

  describe("storing and reading", () => {
    const copy = (from: DType, to: DType): Kernel => ({
      dtype: to,
      shape: [],
      operands: [{ space: "input", index: 0, dtype: from, length: 1 }],
      finish: {
        reads: [{ operand: 0, base: 0, strides: [], fill: 0n, guards: [] }],
        constants: [],
        code: [],
      },
    });
    for (const [from, bits, to, expected] of [
      ["i8", 0xffn, "i64", 2n ** 64n - 1n],
      ["u8", 0xffn, "i64", 0xffn],
      ["i16", 0x8000n, "i32", 0xffff8000n],
      ["u16", 0x8000n, "i32", 0x8000n],
      ["i32", 0x80000000n, "u64", 0xffffffff80000000n],
      ["u32", 0x80000000n, "i64", 0x80000000n],
      ["u64", 2n ** 64n - 1n, "i32", 0xffffffffn],
      ["i64", 2n ** 63n + 0x1ffn, "u8", 0xffn],
      ["bool", 0x02n, "u8", 0x02n],
      ["i64", 0x1_0000_0003n, "bool", 0x03n],
      ["f32", 0xffffffffn, "f32", 0x7fc00000n],
      ["f32", 0x80000001n, "f32", 0x80000001n],
    ] as const) {
      it(`${from} 0x${bits.toString(16)} stored as ${to} is 0x${expected.toString(16)}`, () => {
        const kernel = copy(from, to);
        verifyKernel(kernel);
        const operand = createTensor(from, 1);
        setElementBits(operand, 0, bits);
        expect(elementBits(executeKernel(kernel, [operand]), 0)).to.equal(expected);
        const fast = createTensor(to, 1);
        for (const _pause of compiled.prepare(kernel)([operand], fast));
        expect(elementBits(fast, 0)).to.equal(expected);
      });
    }
  });
});
