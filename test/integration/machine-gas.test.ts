import { readFileSync, writeFileSync } from "node:fs";

import { expect } from "chai";
import { dataLength, getBytes, hexlify } from "ethers";
import hre, { network } from "hardhat";

import { commitTensor } from "../../runner/commitment/tensor.ts";
import { encodeKernel } from "../../runner/machine/encoding.ts";
import { executeElement } from "../../runner/machine/interpreter.ts";
import type { Instruction, Kernel, Read, Stage } from "../../runner/machine/kernel.ts";
import { createRandom } from "../../runner/machine/prng.ts";
import { createTensor, setElementBits, type Tensor } from "../../runner/machine/tensor.ts";
import { verifyKernel } from "../../runner/machine/verify.ts";
import { stepGas } from "../../runner/proving/gas.ts";
import { DEFAULT_BUDGET, halved, witnessElement } from "../../runner/proving/witness.ts";
import { mutable } from "../../services/chain/calldata.ts";

/*
 * What the machine costs, under sentences. The figures are committed beside this file; they may fall freely and rise by
 * a twentieth. ASSAY_SNAPSHOT=1 writes them anew.
 */
const SNAPSHOT = new URL("./machine-gas.json", import.meta.url);
const ALL = 2n ** 64n - 1n;

const read = (operand: number, strides: readonly number[], fill = 0n): Read => ({
  operand,
  base: 0,
  strides,
  fill,
  guards: [],
});
const stage = (parts: Partial<Stage>): Stage => ({ reads: [], constants: [], code: [], ...parts });
const many = <T>(count: number, one: T): T[] => Array.from({ length: count }, () => one);
const op = (name: Instruction["op"], a: number, b = 0, c = 0): Instruction => ({ op: name, a, b, c });

/** Values as activations and weights have them: normal, around one, a tenth of them zero. */
const activations = (length: number, seed: number): Tensor => {
  const random = createRandom(seed);
  const tensor = createTensor("f32", length);
  for (let i = 0; i < length; i++) {
    const bits = ((random.below(2) << 31) | (random.between(118, 129) << 23) | (random.u32() & 0x7fffff)) >>> 0;
    setElementBits(tensor, i, random.chance(0.1) ? 0n : BigInt(bits));
  }
  return tensor;
};

const bytes = (dtype: "i8" | "u8", length: number, seed: number): Tensor => {
  const random = createRandom(seed);
  const tensor = createTensor(dtype, length);
  for (let i = 0; i < length; i++) setElementBits(tensor, i, BigInt(random.below(256)));
  return tensor;
};

const reduction = (operands: readonly Tensor[], step: Stage, steps: number): Kernel => {
  const [first] = operands;
  const float = first?.dtype === "f32";
  return {
    dtype: float ? "f32" : "i32",
    shape: [1],
    operands: operands.map(({ dtype, data }, index) => ({ space: "constant", index, dtype, length: data.length })),
    reduce: {
      dims: [steps],
      accumulators: 1,
      init: stage({ constants: [float ? { f32: 0 } : { int: 0n }] }),
      step,
    },
    finish: stage({ code: [float ? op("fabs", 0) : op("ior", 0, 0)] }),
  };
};

const dot = (operands: readonly Tensor[], steps: number): Kernel => {
  const code =
    operands[0]?.dtype === "f32" ? [op("fmul", 1, 2), op("fadd", 0, 3)] : [op("imul", 1, 2), op("iadd", 0, 3)];
  return reduction(operands, stage({ reads: [read(0, [0, 1]), read(1, [0, 1])], code }), steps);
};

describe("Gas of the tensor machine", () => {
  const known = JSON.parse(readFileSync(SNAPSHOT, "utf8")) as Record<string, number>;
  const measured: Record<string, number> = {};
  const deploy = async () => {
    const { ethers } = await network.create();
    const machine = await ethers.deployContract("TensorMachine");
    const meter = await ethers.deployContract("GasMeter");
    return { ethers, machine, meter };
  };
  let chain: Awaited<ReturnType<typeof deploy>>;
  before(async function () {
    // Instrumented code costs more.
    if (hre.globalOptions.coverage) this.skip();
    chain = await deploy();
  });
  after(() => {
    if (process.env.ASSAY_SNAPSHOT === "1") writeFileSync(SNAPSHOT, `${JSON.stringify(measured, undefined, 2)}\n`);
  });

  /** Gas of executing the kernel's first element: execution alone, and a whole transaction with its calldata. */
  const gasOf = async (
    kernel: Kernel,
    operands: readonly Tensor[],
  ): Promise<{ readonly execution: number; readonly transaction: number }> => {
    verifyKernel(kernel);
    const { ethers, machine, meter } = chain;
    const witness = mutable(witnessElement(kernel, operands, operands.map(commitTensor), 0));
    const start = { position: 0, accumulators: [] };
    const encoded = hexlify(encodeKernel(kernel));
    const [done, bits] = await machine.execute(encoded, 0, start, ALL, witness);
    expect([done, bits]).to.deep.equal([true, executeElement(kernel, operands, 0)]);
    const data = machine.interface.encodeFunctionData("execute", [encoded, 0, start, ALL, witness]);
    const [signer] = await ethers.getSigners();
    const receipt = await (await signer?.sendTransaction({ to: machine, data, gasLimit: 16_000_000 }))?.wait();
    const transaction = Number(receipt?.gasUsed ?? 0n);
    // EIP-7623: 4 gas a token, and at least 10 a token in all; a token is a zero byte or a quarter of another.
    const zeros = getBytes(data).filter((byte) => byte === 0).length;
    const tokens = zeros + 4 * (dataLength(data) - zeros);
    const floor = 21_000 + 10 * tokens;
    // Where the floor hides the execution, an estimate without calldata would be another transaction: measure inside.
    const inner = Number(await meter.measure(machine, data));
    return { execution: inner, transaction: Math.max(transaction, floor) };
  };

  const record = (sentence: string, gas: number, most: number): void => {
    measured[sentence] = gas;
    expect(gas, sentence).to.be.at.most(most);
    if (process.env.ASSAY_SNAPSHOT === "1") return;
    expect(gas, `${sentence}: against the snapshot`).to.be.at.most((known[sentence] ?? 0) * 1.05);
  };

  /** Gas of one more step. */
  const marginal = async (build: (steps: number) => readonly [Kernel, readonly Tensor[]], steps: number) => {
    const [once, twice] = [await gasOf(...build(steps)), await gasOf(...build(2 * steps))];
    return Math.round((twice.execution - once.execution) / steps);
  };

  it("of an f32 multiply-accumulate is at most 400", async () => {
    const gas = await marginal((steps) => {
      const operands = [activations(steps, 1), activations(steps, 2)];
      return [dot(operands, steps), operands];
    }, 1024);
    record("f32 multiply-accumulate in a dot product, leaf hashing included, calldata not", gas, 400);
  });

  /** What the fast routines leave to the general ones, word by word: every element subnormal. */
  const subnormals = (length: number, seed: number): Tensor => {
    const random = createRandom(seed);
    const tensor = createTensor("f32", length);
    for (let i = 0; i < length; i++) setElementBits(tensor, i, BigInt(1 + random.below(0x7fffff)));
    return tensor;
  };

  it("of an f32 multiply-accumulate of the most hostile data", async () => {
    const gas = await marginal((steps) => {
      const operands = [subnormals(steps, 1), activations(steps, 2)];
      return [dot(operands, steps), operands];
    }, 1024);
    record("f32 multiply-accumulate of subnormals, leaf hashing included, calldata not", gas, 1800);
    // A replay cut by the usual estimate may not fit a transaction; cut once more, it does, with its calldata.
    const { bytes: calldata, gas: budget } = halved(DEFAULT_BUDGET);
    const kernel = dot([subnormals(4096, 1), activations(4096, 2)], 4096);
    expect((budget / stepGas(kernel)) * gas + calldata * 40).to.be.below(2 ** 24);
  });

  it("of the heaviest step that verify lets pass fits a transaction", async () => {
    const indices = createTensor("u32", 2 ** 15);
    for (let i = 0; i < indices.data.length; i++) setElementBits(indices, i, BigInt((i * 37) % 1024));
    const operands = [activations(2 ** 18, 5), indices];
    /** As many gathers, guards and divisions as there is room for, each look at a leaf of its own. */
    const heavy = (reads: number, rank: number, first: number): Stage => ({
      reads: Array.from({ length: reads }, (_, i) => ({
        operand: 0,
        base: (3 * i) % 256,
        strides: many(rank, 1),
        fill: 0n,
        guards: many(4, { base: 0, strides: many(rank, 1), bound: 2 ** 40 }),
        gather: { operand: 1, base: 256 * (i + first), strides: many(rank, 1), bound: 1024, stride: 256 },
      })),
      constants: many(64, { int: 1n }),
      code: Array.from({ length: 190 - reads }, (_, i) =>
        i % 2 === 0 ? op("fdiv", 1 + (i % 8), 3) : op("fsqrt", 1 + (i % 8)),
      ),
    });
    const build = (reads: number): Kernel => ({
      dtype: "f32",
      shape: many(8, 2),
      operands: operands.map(({ dtype, data }, index) => ({ space: "constant", index, dtype, length: data.length })),
      reduce: {
        dims: [1],
        accumulators: 1,
        init: heavy(reads, 8, 0),
        step: heavy(reads, 9, 32),
      },
      finish: heavy(reads, 8, 64),
    });
    const passes = (reads: number): boolean => {
      try {
        return verifyKernel(build(reads)).finish.length > 0;
      } catch (error) {
        if (String(error).includes("bytes")) return false;
        throw error;
      }
    };
    const most = [16, 15, 14, 13, 12, 11, 10, 9, 8].find(passes) ?? 0;
    expect(most).to.be.within(8, 15);
    const { transaction } = await gasOf(build(most), operands);
    record("transaction of the heaviest step that verify lets pass", transaction, 6_000_000);
  });

  it("of an int8 multiply-accumulate is at most 40", async () => {
    const gas = await marginal((steps) => {
      const operands = [bytes("u8", steps, 1), bytes("i8", steps, 2)];
      return [dot(operands, steps), operands];
    }, 16_384);
    record("int8 multiply-accumulate in a dot product, leaf hashing included, calldata not", gas, 40);
  });

  it("of an f32 in a sum", async () => {
    const gas = await marginal((steps) => {
      const operands = [activations(steps, 1)];
      return [reduction(operands, stage({ reads: [read(0, [0, 1])], code: [op("fadd", 0, 1)] }), steps), operands];
    }, 1024);
    record("f32 in a sum, leaf hashing included, calldata not", gas, 400);
  });

  it("of a generic instruction", async () => {
    const program = (instructions: number): readonly [Kernel, readonly Tensor[]] => {
      const operands = [activations(64, 1)];
      // A Horner chain as exp has it: multiply, add, multiply, add.
      const code = Array.from({ length: instructions }, (_, i) =>
        op(i % 2 === 0 ? "fmul" : "fadd", i === 0 ? 1 : 1 + i, 1),
      );
      const step = stage({ reads: [read(0, [0, 1])], code });
      return [reduction(operands, step, 64), operands];
    };
    const [few, many] = [await gasOf(...program(15)), await gasOf(...program(45))];
    record("generic f32 instruction", Math.round((many.execution - few.execution) / (64 * 30)), 1000);
    const move = (copies: number): readonly [Kernel, readonly Tensor[]] => {
      const operands = [bytes("u8", 1024, 1)];
      const code = Array.from({ length: copies }, (_, i) => op("iand", i === 0 ? 1 : 1 + i, 1));
      return [reduction(operands, stage({ reads: [read(0, [0, 1])], code: [...code] }), 64), operands];
    };
    const [short, long] = [await gasOf(...move(10)), await gasOf(...move(110))];
    record(
      "generic instruction without arithmetic to speak of",
      Math.round((long.execution - short.execution) / 6400),
      400,
    );
  });

  it("of a step of 30 instructions, as in a softmax denominator", async () => {
    const operands = [activations(128, 1)];
    const code = Array.from({ length: 30 }, (_, i) =>
      op(i % 2 === 0 ? "fmul" : "fadd", i === 0 ? 1 : 2 + i, i % 5 === 0 ? 1 : 2),
    );
    const step = (steps: number): readonly [Kernel, readonly Tensor[]] => [
      reduction(operands, stage({ reads: [read(0, [0, 1])], constants: [{ f32: 0x3f800001 }], code }), steps),
      operands,
    ];
    record("step of 30 f32 instructions", await marginal(step, 64), 30_000);
  });

  for (const [steps, most] of [
    [3072, 3_000_000],
    [4608, 4_000_000],
  ] as const) {
    it(`of an element with ${steps} f32 products, calldata and all, is at most ${most.toLocaleString("en")}`, async () => {
      const operands = [activations(4 * steps, 3), activations(4 * steps, 4)];
      const { transaction } = await gasOf(dot(operands, steps), operands);
      record(`transaction that re-executes one element of ${steps} f32 products`, transaction, most);
    });
  }
});
