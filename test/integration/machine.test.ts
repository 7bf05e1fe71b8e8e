import { expect } from "chai";
import { hexlify } from "ethers";
import { network } from "hardhat";

import { commitTensor } from "../../runner/commitment/tensor.ts";
import { encodeKernel } from "../../runner/machine/encoding.ts";
import { executeElement, executePiece, product, START, type Progress } from "../../runner/machine/interpreter.ts";
import type { Kernel } from "../../runner/machine/kernel.ts";
import { createRandom, type Random } from "../../runner/machine/prng.ts";
import { randomKernel, type RandomKernel } from "../../runner/machine/random.ts";
import type { Tensor } from "../../runner/machine/tensor.ts";
import { verifyKernel } from "../../runner/machine/verify.ts";
import { witnessElement } from "../../runner/proving/witness.ts";
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

  /** What differs between the interpreter and the contract; nothing if they agree. */
  const difference = async ({ kernel, operands, element, pieces }: Case): Promise<string | undefined> => {
    const commitments = operands.map(commitTensor);
    const witness = witnessElement(kernel, operands, commitments, element).map((segments) =>
      segments.map(({ firstLeaf, data, siblings }) => ({ firstLeaf, data: hexlify(data), siblings: [...siblings] })),
    );
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
      progress = piece.next;
    }
  };

  /** Kernels `first` to `first + count - 1` of this run's. */
  const agree = async (first: number, count: number, generate: (random: Random) => RandomKernel): Promise<void> => {
    const mismatches: string[] = [];
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

  it("gives the stored bits, zero-extended", () => {
    // The interpreter's contract, on which the comparison rests.
    const { kernel, operands } = randomKernel(createRandom(3));
    expect(executeElement(kernel, operands, 0) >= 0n).to.equal(true);
  });
});
