import { expect } from "chai";

import { isAssayError } from "../../../runner/errors.ts";
import { encodeKernel } from "../../../runner/machine/encoding.ts";
import type { Instruction, Kernel, Program, Read, Reduce, Stage } from "../../../runner/machine/kernel.ts";
import { verifyKernel, verifyProgram } from "../../../runner/machine/verify.ts";

const READ: Read = { operand: 0, base: 0, strides: [1], fill: 0n, guards: [] };
const REDUCE: Reduce = {
  dims: [3],
  accumulators: 1,
  init: { reads: [], constants: [{ f32: 0 }], code: [] },
  step: { reads: [{ ...READ, strides: [0, 1] }], constants: [], code: [{ op: "fadd", a: 0, b: 1, c: 0 }] },
};
/** A kernel of shape [4] over an f32 operand and an i32 operand; `finish` doubles the first. */
const KERNEL: Kernel = {
  dtype: "f32",
  shape: [4],
  operands: [
    { space: "input", index: 0, dtype: "f32", length: 4 },
    { space: "constant", index: 0, dtype: "i32", length: 9 },
  ],
  finish: { reads: [READ], constants: [], code: [{ op: "fadd", a: 0, b: 0, c: 0 }] },
};
const SUM: Kernel = {
  ...KERNEL,
  reduce: REDUCE,
  finish: { reads: [], constants: [], code: [{ op: "fabs", a: 0, b: 0, c: 0 }] },
};
const INT_READ: Read = { ...READ, operand: 1 };
const GATHER = { operand: 1, base: 0, strides: [1], bound: 4, stride: 1 };
const FAR = 2 ** 47;

const finish = (change: Partial<Stage>): Kernel => ({ ...KERNEL, finish: { ...KERNEL.finish, ...change } });
const read = (change: Partial<Read>): Kernel => finish({ reads: [{ ...READ, ...change }] });
const reduce = (change: Partial<Reduce>): Kernel => ({ ...SUM, reduce: { ...REDUCE, ...change } });
const code = (...instructions: readonly Partial<Instruction>[]): Kernel =>
  finish({ code: instructions.map((i) => ({ op: "fadd", a: 0, b: 0, c: 0, ...i })) });
/** Most steps of SUM: 14,000 units of work a transaction, a step of 9, and the operand's one leaf in each transaction. */
const MOST_STEPS = 1_532_694;
/** Elements of an i64 tensor of 2^25 leaves. */
const WIDE = 2 ** 32 - 1;
/** `count` gathers in each stage, all operands of `length` i64. */
const looks = (count: number, length: number): Kernel => {
  const gather = { operand: 0, base: 0, strides: [1], bound: 4, stride: 1 };
  const reads = many(count, { ...INT_READ, operand: 1, gather });
  const stage: Stage = { reads, constants: [], code: [] };
  const inner = reads.map((one) => ({ ...one, strides: [1, 1], gather: { ...gather, strides: [1, 1] } }));
  const operand = { space: "input", dtype: "i64", length } as const;
  return {
    dtype: "i64",
    shape: [4],
    operands: [0, 1].map((index) => ({ ...operand, index })),
    reduce: { dims: [2], accumulators: 1, init: stage, step: { ...stage, reads: inner } },
    finish: stage,
  };
};
const many = <T>(count: number, one: T): T[] => Array.from({ length: count }, () => one);

describe("verifyKernel", () => {
  it("accepts the kernels that the cases below break", () => {
    for (const kernel of [KERNEL, SUM, read({ gather: GATHER })]) verifyKernel(kernel);
  });

  it("gives the class of every register", () => {
    expect(verifyKernel(SUM)).to.deep.equal({
      accumulators: ["f32"],
      init: ["f32"],
      step: ["f32", "f32", "f32"],
      finish: ["f32", "f32"],
    });
  });

  describe("accepts what is exactly at a limit", () => {
    const cases: Readonly<Record<string, Kernel>> = {
      "8 dimensions": {
        ...KERNEL,
        shape: many(8, 1),
        finish: { ...KERNEL.finish, reads: [{ ...READ, strides: many(8, 0) }] },
      },
      "2^32 - 1 elements": { ...KERNEL, shape: [2 ** 32 - 1] },
      "16 operands": { ...KERNEL, operands: many(16, KERNEL.operands[0]!) },
      "16 reads, 4 guards": finish({
        reads: many(16, { ...READ, guards: many(4, { base: 0, strides: [1], bound: 4 }) }),
      }),
      "64 constants": finish({ constants: many(64, { int: 1n }) }),
      "255 registers": code(...many(254, { a: 0 })),
      "a base of 2^47": read({ base: -FAR }),
      "a stride that covers 2^47": read({ strides: [Math.floor(FAR / 3)] }),
      // A step of SUM is 4 for itself, 4 for its read, 1 for its instruction; its operand is one leaf.
      "1,000 transactions of a replay": reduce({ dims: [MOST_STEPS] }),
      "many looks at few leaves": looks(16, 25),
      "a proof of 122,880 bytes at most": looks(8, WIDE),
      "bounds of 0": read({ guards: [{ base: 0, strides: [1], bound: 0 }], gather: { ...GATHER, bound: 0 } }),
      "no operands at all": {
        dtype: "i8",
        shape: [],
        operands: [],
        finish: { reads: [], constants: [{ int: 7n }], code: [] },
      },
    };
    for (const [name, kernel] of Object.entries(cases)) it(name, () => verifyKernel(kernel));
  });

  describe("refuses, with KERNEL_INVALID, the kernel's index and the field", () => {
    const cases: readonly (readonly [string, Kernel, string])[] = [
      ["9 dimensions", { ...KERNEL, shape: many(9, 1) }, "shape"],
      ["a dimension of 0", { ...KERNEL, shape: [0] }, "shape"],
      ["a dimension that is no integer", { ...KERNEL, shape: [1.5] }, "shape"],
      ["2^32 elements", { ...KERNEL, shape: [2 ** 16, 2 ** 16] }, "shape"],
      ["dimensions whose product overflows", { ...KERNEL, shape: many(8, 2 ** 32 - 1) }, "shape"],
      ["17 operands", { ...KERNEL, operands: many(17, KERNEL.operands[0]!) }, "operands"],
      [
        "an operand of length 0",
        { ...KERNEL, operands: [{ ...KERNEL.operands[0]!, length: 0 }] },
        "operands[0].length",
      ],
      ["an operand index of -1", { ...KERNEL, operands: [{ ...KERNEL.operands[0]!, index: -1 }] }, "operands[0].index"],
      ["no reduction dimension", reduce({ dims: [] }), "reduce.dims"],
      ["9 reduction dimensions", reduce({ dims: many(9, 1) }), "reduce.dims"],
      ["2^32 steps", reduce({ dims: [2 ** 16, 2 ** 16] }), "reduce.dims"],
      ["a reduction too long to replay", reduce({ dims: [MOST_STEPS + 1] }), "reduce"],
      [
        "a step too heavy to replay that often",
        reduce({ dims: [2 ** 23], step: { ...REDUCE.step, reads: [{ ...READ, strides: [0, 0] }] } }),
        "reduce",
      ],
      ["a witness that no mempool takes", looks(16, WIDE), "reads"],
      ["no accumulator", reduce({ accumulators: 0 }), "reduce.accumulators"],
      ["5 accumulators", reduce({ accumulators: 5 }), "reduce.accumulators"],
      ["fewer init results than accumulators", reduce({ accumulators: 2 }), "init"],
      ["17 reads", finish({ reads: many(17, READ) }), "finish.reads"],
      ["5 guards", read({ guards: many(5, { base: 0, strides: [1], bound: 4 }) }), "finish.reads[0].guards"],
      ["65 constants", finish({ constants: many(65, { int: 1n }) }), "finish.constants"],
      ["256 registers", code(...many(255, { a: 0 })), "finish"],
      ["a stage without registers", finish({ reads: [], code: [] }), "finish"],
      ["a read of a missing operand", read({ operand: 2 }), "finish.reads[0].operand"],
      ["too few strides", read({ strides: [] }), "finish.reads[0].strides"],
      ["too many strides", read({ strides: [1, 1] }), "finish.reads[0].strides"],
      ["a base beyond 2^47", read({ base: FAR + 1 }), "finish.reads[0].base"],
      ["a base that is no integer", read({ base: 0.5 }), "finish.reads[0].base"],
      ["a stride beyond 2^47", read({ strides: [FAR + 1] }), "finish.reads[0].strides[0]"],
      [
        "a stride too long for its dimension",
        read({ strides: [FAR / 2] }),
        "finish.reads[0].strides[0] over its dimension",
      ],
      [
        "a guard bound below 0",
        read({ guards: [{ base: 0, strides: [1], bound: -1 }] }),
        "finish.reads[0].guards[0].bound",
      ],
      ["an f32 fill of 33 bits", read({ fill: 2n ** 32n }), "finish.reads[0].fill"],
      ["an int fill beyond i64", { ...finish({ reads: [{ ...INT_READ, fill: 2n ** 63n }] }) }, "finish.reads[0].fill"],
      ["a gather through f32", read({ gather: { ...GATHER, operand: 0 } }), "finish.reads[0].gather.operand"],
      [
        "a gather through a missing operand",
        read({ gather: { ...GATHER, operand: 9 } }),
        "finish.reads[0].gather.operand",
      ],
      ["a gather bound below 0", read({ gather: { ...GATHER, bound: -1 } }), "finish.reads[0].gather.bound"],
      [
        "a gather that reaches too far",
        read({ gather: { ...GATHER, bound: 3, stride: FAR } }),
        "finish.reads[0].gather.stride over its bound",
      ],
      [
        "an f32 constant of 33 bits",
        finish({ constants: [{ f32: 2 ** 32 }], code: [{ op: "fabs", a: 1, b: 0, c: 0 }] }),
        "finish.constants[0]",
      ],
      ["an int constant beyond i64", finish({ constants: [{ int: 2n ** 63n }] }), "finish.constants[0]"],
      ["an f32 constant that nothing uses", { ...finish({ constants: [{ f32: 0 }] }) }, "finish.constants[0]"],
      [
        "an int constant that is added as f32",
        finish({ constants: [{ int: 0n }], code: [{ op: "fadd", a: 0, b: 1, c: 0 }] }),
        "finish.constants[0]",
      ],
      ["an unused field that is not 0", code({ op: "fadd", c: 1 }), "finish.code[0].c"],
      ["an unused b", code({ op: "fabs", b: 1 }), "finish.code[0].b"],
      ["a register that comes later", code({ a: 1 }), "finish.code[0].a"],
      ["an int operation on f32", code({ op: "iadd" }), "finish.code[0].a"],
      [
        "an f32 operation on int",
        finish({ reads: [INT_READ], code: [{ op: "fabs", a: 0, b: 0, c: 0 }] }),
        "finish.code[0].a",
      ],
      ["a select by an f32", code({ op: "select" }), "finish.code[0].a"],
      ["an int result of an f32 kernel", code({ op: "fbits" }), "finish result"],
      ["a dimension that does not exist", code({ op: "index", a: 1 }), "finish.code[0].a"],
      ["a wrap to f32", code({ op: "fbits" }, { op: "wrap", a: 1, b: 0 }), "finish.code[1].b"],
      ["a wrap to no dtype", code({ op: "fbits" }, { op: "wrap", a: 1, b: 10 }), "finish.code[1].b"],
      [
        "init and step of different classes",
        reduce({ init: { reads: [], constants: [{ int: 0n }], code: [{ op: "iadd", a: 0, b: 0, c: 0 }] } }),
        "init result 0",
      ],
    ];
    for (const [name, kernel, field] of cases) {
      it(name, () => {
        const refused = (error: unknown): boolean =>
          isAssayError(error, "KERNEL_INVALID") && error.details.field === field && error.details.kernel === 5;
        expect(() => verifyKernel(kernel, 5))
          .to.throw(`kernel 5: ${field}`)
          .that.satisfies(refused);
      });
    }

    it("an encoding longer than 24,576 bytes", () => {
      const strides = many(16, 0);
      const guards = many(4, { base: 0, strides, bound: 1 });
      const wide = { operand: 0, base: 0, strides, fill: 0n, guards };
      const kernel: Kernel = {
        ...SUM,
        shape: many(8, 1),
        reduce: { ...REDUCE, dims: many(8, 1), step: { ...REDUCE.step, reads: many(16, wide) } },
      };
      verifyKernel(kernel);
      expect(encodeKernel(kernel).length).to.be.lessThan(24_576);
      const gather = { operand: 1, base: 0, strides, bound: 1, stride: 1 };
      const gathering = { ...wide, gather };
      const outer = { ...wide, strides: many(8, 0), guards: many(4, { base: 0, strides: many(8, 0), bound: 1 }) };
      const longer: Kernel = {
        ...kernel,
        reduce: {
          ...REDUCE,
          dims: many(8, 1),
          init: { reads: many(16, outer), constants: [], code: [{ op: "fabs", a: 0, b: 0, c: 0 }] },
          step: { ...REDUCE.step, reads: many(16, gathering) },
        },
        finish: { ...SUM.finish, reads: many(16, outer) },
      };
      expect(() => verifyKernel(longer))
        .to.throw("encoding is")
        .that.satisfies((error: unknown) => isAssayError(error, "KERNEL_INVALID"));
    });
  });
});

describe("verifyProgram", () => {
  const PROGRAM: Program = {
    inputs: [{ dtype: "f32", length: 4 }],
    constants: [{ dtype: "i32", length: 9 }],
    kernels: [
      KERNEL,
      { ...KERNEL, operands: [{ space: "kernel", index: 0, dtype: "f32", length: 4 }, KERNEL.operands[1]!] },
    ],
    outputs: [1],
  };
  const operand = (change: Partial<Kernel["operands"][number]>): Program => ({
    ...PROGRAM,
    kernels: [KERNEL, { ...KERNEL, operands: [{ ...KERNEL.operands[0]!, ...change }, KERNEL.operands[1]!] }],
  });

  it("accepts a program of two kernels", () => {
    expect(verifyProgram(PROGRAM)).to.have.length(2);
  });

  const kernelCases: readonly (readonly [string, Program])[] = [
    ["an operand of a missing input", operand({ index: 1 })],
    ["an operand of a missing constant", operand({ space: "constant", index: 1 })],
    ["an operand of the kernel itself", operand({ space: "kernel", index: 1 })],
    ["an operand of another dtype", operand({ dtype: "i32" })],
    ["an operand of another length", operand({ length: 5 })],
  ];
  for (const [name, program] of kernelCases) {
    it(`refuses ${name} with KERNEL_INVALID`, () => {
      expect(() => verifyProgram(program))
        .to.throw("kernel 1:")
        .that.satisfies((error: unknown) => isAssayError(error, "KERNEL_INVALID"));
    });
  }

  const cases: readonly (readonly [string, Program, string])[] = [
    ["no kernels", { ...PROGRAM, kernels: [] }, "kernels"],
    ["no outputs", { ...PROGRAM, outputs: [] }, "outputs"],
    ["an output of a missing kernel", { ...PROGRAM, outputs: [2] }, "outputs[0]"],
    ["an output twice", { ...PROGRAM, outputs: [0, 0] }, "outputs[1]"],
    ["an empty input", { ...PROGRAM, inputs: [{ dtype: "f32", length: 0 }] }, "inputs[0].length"],
    [
      "a constant of 2^32 elements",
      { ...PROGRAM, constants: [{ dtype: "i8", length: 2 ** 32 }] },
      "constants[0].length",
    ],
  ];
  for (const [name, program, field] of cases) {
    it(`refuses ${name} with PROGRAM_INVALID`, () => {
      expect(() => verifyProgram(program))
        .to.throw()
        .that.satisfies((error: unknown) => isAssayError(error, "PROGRAM_INVALID") && error.details.field === field);
    });
  }
});
