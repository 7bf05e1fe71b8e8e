import { expect } from "chai";
import { hexlify } from "ethers";
import { network } from "hardhat";

import { commitTensor } from "../../runner/commitment/tensor.ts";
import { encodeKernel } from "../../runner/machine/encoding.ts";
import { executeElement, executePiece, START, type Progress } from "../../runner/machine/interpreter.ts";
import { product } from "../../runner/machine/shape.ts";
import type { Kernel } from "../../runner/machine/kernel.ts";
import { createRandom, type Random } from "../../runner/machine/prng.ts";
import { randomKernel, type RandomKernel } from "../../testing/random-kernels.ts";
import type { Opcode } from "../../runner/machine/scalar.ts";
import { type Tensor, tensorFrom } from "../../runner/machine/tensor.ts";
import { verifyKernel } from "../../runner/machine/verify.ts";
import { witnessElement } from "../../runner/proving/witness.ts";
import { mutable } from "../../services/chain/calldata.ts";
import { randomDot } from "../contracts/support/dots.ts";

/** Random kernels: 500 by default, more with ASSAY_FUZZ. */
const KERNELS = Math.max(500, Number(process.env.ASSAY_FUZZ ?? 0));
/** Random dot products: their operands are longer, so fewer do. */
const DOTS = Math.max(150, Math.floor(KERNELS / 10));
const SEED = Number(process.env.ASSAY_SEED ?? 1);
const ELEMENTS = 2;
const ALL = 2n ** 64n - 1n;

describe("The tensor machine in Solidity", () => {
  const deploy = async () => {
    const { ethers } = await network.create();
    return await ethers.deployContract("TensorMachine");
  };
  let machine: Awaited<ReturnType<typeof deploy>>;
  before(async () => {
    machine = await deploy();
  });

  interface Case {
    readonly kernel: Kernel;
    readonly operands: readonly Tensor[];
    readonly element: number;
    /** Steps a call, 0 for all at once. */
    readonly pieces: number;
  }

  /** Calls that stored a state to go on from. */
  let resumed = 0;

  /** What differs between the interpreter and the contract; nothing if they agree. */
  const difference = async ({ kernel, operands, element, pieces }: Case): Promise<string | undefined> => {
    const commitments = operands.map(commitTensor);
    const witness = mutable(witnessElement(kernel, operands, commitments, element));
    const encoded = hexlify(encodeKernel(kernel));
    let progress: Progress = START;
    for (;;) {
      const argument = { position: progress.position, accumulators: [...progress.accumulators] };
      const steps = pieces === 0 ? ALL : pieces;
      const [done, bits, next, roots] = await machine.execute(encoded, element, argument, steps, witness);
      for (const [i, { root }] of roots.entries()) {
        if (witness[i]?.length !== 0 && root !== commitments[i]?.root) return `root of operand ${i}`;
      }
      const piece = executePiece(kernel, operands, element, progress, pieces === 0 ? Infinity : pieces);
      if (done !== piece.done) return `done ${String(done)}, not ${String(piece.done)}`;
      if (piece.done)
        return bits === piece.bits ? undefined : `bits ${bits.toString(16)}, not ${piece.bits.toString(16)}`;
      if (Number(next.position) !== piece.next.position) return `position ${String(next.position)}`;
      const state = (registers: readonly bigint[]): string => registers.map((bits) => bits.toString(16)).join();
      const [actual, expected] = [state(next.accumulators), state(piece.next.accumulators)];
      if (actual !== expected) return `accumulators ${actual}, not ${expected}`;
      resumed++;
      progress = piece.next;
    }
  };

  /** Kernels `first` to `first + count - 1` of this run's. */
  const agree = async (first: number, count: number, generate: (random: Random) => RandomKernel): Promise<void> => {
    const mismatches: string[] = [];
    resumed = 0;
    for (let i = first; i < first + count; i++) {
      const seed = SEED * 1_000_003 + i;
      const random = createRandom(seed);
      const { kernel, operands } = generate(random);
      verifyKernel(kernel);
      const steps = kernel.reduce === undefined ? 0 : product(kernel.reduce.dims);
      for (let e = 0; e < ELEMENTS; e++) {
        const element = random.below(product(kernel.shape));
        const pieces = steps > 1 && random.chance(0.25) ? random.between(Math.ceil(steps / 5), steps) : 0;
        const found = await difference({ kernel, operands, element, pieces });
        if (found !== undefined) mismatches.push(`seed ${seed}, element ${element}, pieces ${pieces}: ${found}`);
      }
    }
    expect(mismatches).to.deep.equal([]);
    expect(resumed, "calls that stored a state").to.be.greaterThan(count / 10);
  };

  /** One test for a short run; for a long one, tests of a thousand kernels, so that it shows where it is. */
  const inParts = (count: number, what: string, generate: (random: Random) => RandomKernel): void => {
    for (let first = 0; first < count; first += 1000) {
      const size = Math.min(1000, count - first);
      const part = count > 1000 ? `, from number ${first.toLocaleString("en")} on` : "";
      it(`gives the interpreter's bits on ${size.toLocaleString("en")} ${what}${part}`, async () => {
        await agree(first, size, generate);
      });
    }
  };
  inParts(KERNELS, "random kernels, whole and resumed", (random) => randomKernel(random));
  inParts(DOTS, "random dot products and sums", randomDot);

  /*
   * Steps that a dot product's fast path must take for what they are, or leave alone. Registers: 0 the accumulator, 1 and
   * 2 the reads, 3 the constant (2 when there is one read), then the instructions.
   */
  type Step = readonly (readonly [Opcode, number, number])[];
  const NEARLY: Readonly<Record<string, { readonly reads: 1 | 2; readonly step: Step }>> = {
    "a product added the other way round": {
      reads: 2,
      step: [
        ["imul", 1, 2],
        ["iadd", 4, 0],
      ],
    },
    "a square of a single read": {
      reads: 1,
      step: [
        ["imul", 1, 1],
        ["iadd", 0, 3],
      ],
    },
    "a square beside a read that is not used": {
      reads: 2,
      step: [
        ["imul", 1, 1],
        ["iadd", 0, 4],
      ],
    },
    "a product with the accumulator": {
      reads: 2,
      step: [
        ["imul", 0, 1],
        ["iadd", 0, 4],
      ],
    },
    "a product with a constant": {
      reads: 2,
      step: [
        ["imul", 1, 3],
        ["iadd", 0, 4],
      ],
    },
    "a product less a constant": {
      reads: 2,
      step: [
        ["isub", 1, 3],
        ["imul", 4, 2],
        ["iadd", 0, 5],
      ],
    },
    "both factors less a constant": {
      reads: 2,
      step: [
        ["isub", 1, 3],
        ["isub", 2, 3],
        ["imul", 4, 5],
        ["iadd", 0, 6],
      ],
    },
    "a factor less a read": {
      reads: 2,
      step: [
        ["isub", 1, 2],
        ["imul", 4, 2],
        ["iadd", 0, 5],
      ],
    },
    "a factor less an instruction": {
      reads: 2,
      step: [
        ["iadd", 1, 3],
        ["isub", 1, 4],
        ["imul", 5, 2],
        ["iadd", 0, 6],
      ],
    },
    "a factor plus a constant": {
      reads: 2,
      step: [
        ["iadd", 1, 3],
        ["imul", 4, 2],
        ["iadd", 0, 5],
      ],
    },
    "a constant less a factor": {
      reads: 2,
      step: [
        ["isub", 3, 1],
        ["imul", 4, 2],
        ["iadd", 0, 5],
      ],
    },
    "a product that is not the last but one": {
      reads: 2,
      step: [
        ["imul", 1, 2],
        ["iadd", 1, 3],
        ["iadd", 0, 4],
      ],
    },
    "a sum of a read": { reads: 1, step: [["iadd", 0, 1]] },
    "twice the accumulator": { reads: 1, step: [["iadd", 0, 0]] },
    "a difference": {
      reads: 2,
      step: [
        ["imul", 1, 2],
        ["isub", 0, 4],
      ],
    },
  };
  for (const [name, { reads, step }] of Object.entries(NEARLY)) {
    it(`gives the interpreter's bits on ${name}`, async () => {
      for (const dtype of ["i8", "u8", "f32"] as const) {
        const floats = dtype === "f32";
        const random = createRandom(step.length + reads);
        const values = () => Array.from({ length: 40 }, () => random.between(-128, 127) / (floats ? 8 : 1));
        const operands = [tensorFrom(dtype, values()), tensorFrom(dtype, values())].slice(0, reads);
        const opcode = (op: Opcode): Opcode => (floats ? (op.replace("i", "f") as Opcode) : op);
        const used = step.some(([, a, b]) => a === 1 + reads || b === 1 + reads);
        const read = (operand: number) => ({ operand, base: 0, strides: [1], fill: 0n, guards: [] });
        const kernel: Kernel = {
          dtype: floats ? "f32" : "i32",
          shape: [],
          operands: operands.map(({ data }, index) => ({ space: "input", index, dtype, length: data.length })),
          reduce: {
            dims: [40],
            accumulators: 1,
            init: { reads: [], constants: [floats ? { f32: 0x3f800000 } : { int: 1n }], code: [] },
            step: {
              reads: operands.map((_, operand) => read(operand)),
              // A constant that nothing uses is an int.
              constants: [floats && used ? { f32: 0x40400000 } : { int: 3n }],
              code: step.map(([op, a, b]) => ({ op: opcode(op), a, b, c: 0 })),
            },
          },
          finish: { reads: [], constants: [], code: [] },
        };
        verifyKernel(kernel);
        expect(await difference({ kernel, operands, element: 0, pieces: 0 }), dtype).to.equal(undefined);
        expect(await difference({ kernel, operands, element: 0, pieces: 17 }), dtype).to.equal(undefined);
      }
    });
  }

  it("gives the stored bits, zero-extended", () => {
    // The interpreter's contract, on which the comparison rests.
    const { kernel, operands } = randomKernel(createRandom(3));
    expect(executeElement(kernel, operands, 0) >= 0n).to.equal(true);
  });
});
