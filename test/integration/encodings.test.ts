import { expect } from "chai";
import { hexlify } from "ethers";
import { network } from "hardhat";

import { commitTensor, type TensorCommitment } from "../../runner/commitment/tensor.ts";
import { toHash } from "../../runner/commitment/keccak.ts";
import { isAssayError } from "../../runner/errors.ts";
import { decodeKernel, encodeKernel } from "../../runner/machine/encoding.ts";
import { executePiece, type Piece, START } from "../../runner/machine/interpreter.ts";
import type { Kernel } from "../../runner/machine/kernel.ts";
import { createRandom, type Random } from "../../runner/machine/prng.ts";
import { randomKernel } from "../../testing/random-kernels.ts";
import { verifyKernel } from "../../runner/machine/verify.ts";
import { witnessElement } from "../../runner/proving/witness.ts";
import { mutable, type Mutable } from "../../services/chain/calldata.ts";
import { randomDot } from "../contracts/support/dots.ts";

/*
 * Bytes that nobody compiled: encodings of random kernels, and witnesses, with one to three mutations. Whatever they are,
 * the contract ends within its gas and either refuses them with one of its own errors or gives what the runner gives.
 */

/** Mutations: 1,000 by default, more with ASSAY_FUZZ. */
const MUTATIONS = Math.max(1000, Number(process.env.ASSAY_FUZZ ?? 0));
const SEED = Number(process.env.ASSAY_SEED ?? 9);
const STEPS = 64;
const GAS_LIMIT = 16_000_000;
const SMALL = { elements: 12, steps: 12, operandLength: 60 };

/** Errors of a proof that does not fit the kernel: a mutated kernel may read elsewhere than the witness shows. */
const OF_THE_WITNESS = /^(MachineElementMissing|MachineWitness\w*|Tree(Sibling|Tensor|Segment|Leaf|Range)\w*)$/;

/** Why the runner refuses kernels that the contract would run: what is wrong with them shows in no single element. */
const OF_THE_WHOLE_KERNEL = new RegExp(
  "f32 constant beyond 32 bits|is used both as an f32 and as an int|transactions to replay for each element|bytes to prove",
);

/** Of which kind a case is in which nothing is wrong, or else what is. */
type Verdict = { readonly kind: string } | { readonly wrong: string };
const SAME: Verdict = { kind: "same bits" };

type Witness = Mutable<ReturnType<typeof witnessElement>>;

/** Some bytes with one to three changes: cut, extended, shortened by one, set, or with one bit flipped. */
function mutated(random: Random, encoding: Uint8Array): Uint8Array {
  let bytes = Uint8Array.from(encoding);
  for (let n = random.between(1, 3); n > 0 && bytes.length > 0; n--) {
    const position = random.below(bytes.length);
    const kind = random.below(16);
    if (kind === 0) bytes = bytes.slice(0, position);
    else if (kind === 1) bytes = Uint8Array.from([...bytes, ...random.bytes(random.between(1, 9))]);
    else if (kind === 2) bytes = Uint8Array.from([...bytes.slice(0, position), ...bytes.slice(position + 1)]);
    else if (kind < 6) bytes[position] = random.below(256);
    else if (kind < 9) bytes[position] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)] ?? 0;
    else bytes[position] = (bytes[position] ?? 0) ^ (1 << random.below(8));
  }
  return bytes;
}

/** What the runner makes of an encoding: a verified kernel, or the reason why there is none. */
function taken(bytes: Uint8Array): Kernel | string {
  try {
    const kernel = decodeKernel(bytes);
    expect(hexlify(encodeKernel(kernel)), "an encoding is the only one of its kernel").to.equal(hexlify(bytes));
    verifyKernel(kernel);
    return kernel;
  } catch (error) {
    if (isAssayError(error, "KERNEL_ENCODING") || isAssayError(error, "KERNEL_INVALID")) return error.message;
    throw error;
  }
}

describe("The tensor machine in Solidity, given what nobody compiled", () => {
  const deploy = async () => {
    const { ethers } = await network.create();
    return await ethers.deployContract("TensorMachine");
  };
  let machine: Awaited<ReturnType<typeof deploy>>;
  before(async () => {
    machine = await deploy();
  });

  const subject = (random: Random) => {
    const { kernel, operands } = random.chance(0.7) ? randomKernel(random, SMALL) : randomDot(random);
    const commitments = operands.map(commitTensor);
    const witness: Witness = mutable(witnessElement(kernel, operands, commitments, 0));
    return { kernel, operands, commitments, witness };
  };

  /** What the contract answers, or the name of its error. @throws on an error that is not its own, running out of gas too. */
  const answer = async (encoded: Uint8Array, witness: Witness) => {
    try {
      const start = { position: 0, accumulators: [] };
      return await machine.execute(hexlify(encoded), 0, start, STEPS, witness, { gasLimit: GAS_LIMIT });
    } catch (error) {
      const data = error instanceof Error && "data" in error ? String(error.data) : String(error);
      const own = /^0x[0-9a-f]{8,}$/.test(data) ? machine.interface.parseError(data) : null;
      if (own === null) throw new Error(`no error of the contract: ${data.slice(0, 200)}`, { cause: error });
      return own.name;
    }
  };

  type Given = Exclude<Awaited<ReturnType<typeof answer>>, string>;

  /** Whether the operands that a witness led to are the committed ones. */
  const proven = (roots: Given[3], witness: Witness, commitments: readonly TensorCommitment[]): boolean =>
    commitments.every(({ root }, i) => witness[i]?.length === 0 || roots[i]?.root === root);

  const same = ([done, bits]: Given, piece: Piece): boolean => (piece.done ? done && piece.bits === bits : !done);

  /**
   * Tests of a thousand, so that a long run shows where it is.
   * @param kinds Kinds of cases, all of which must occur.
   * @param judge Makes a case and judges it.
   */
  const inParts = (what: string, kinds: readonly string[], judge: (random: Random) => Promise<Verdict>): void => {
    for (let first = 0; first < MUTATIONS; first += 1000) {
      const part = MUTATIONS > 1000 ? `, from number ${first.toLocaleString("en")} on` : "";
      const size = Math.min(1000, MUTATIONS - first);
      it(`${what}, ${size.toLocaleString("en")} times${part}`, async () => {
        const wrong: string[] = [];
        const seen = new Set<string>();
        for (let i = first; i < first + size; i++) {
          const seed = SEED * 1_000_003 + i;
          const verdict = await judge(createRandom(seed));
          if ("wrong" in verdict) wrong.push(`seed ${seed}: ${verdict.wrong}`);
          else seen.add(verdict.kind);
        }
        expect(wrong).to.deep.equal([]);
        // Cases of every kind were there, or nothing was shown.
        expect([...seen].sort()).to.deep.equal([...kinds].sort());
      });
    }
  };

  const ENCODINGS = ["refused by both", "refused by the runner", "witness refused", "other operands", "same bits"];
  inParts("refuses a mutated encoding, or gives the interpreter's bits", ENCODINGS, async (random) => {
    const { kernel, operands, commitments, witness } = subject(random);
    const bytes = mutated(random, encodeKernel(kernel));
    const [given, mine] = [await answer(bytes, witness), taken(bytes)];
    if (typeof mine === "string") {
      const accepted = typeof given !== "string" && !OF_THE_WHOLE_KERNEL.test(mine);
      if (accepted) return { wrong: `runs what the runner refuses: ${mine}` };
      return { kind: typeof given === "string" ? "refused by both" : "refused by the runner" };
    }
    if (typeof given === "string") {
      return OF_THE_WITNESS.test(given) ? { kind: "witness refused" } : { wrong: `refuses a valid kernel: ${given}` };
    }
    const [, , , roots] = given;
    const committed = mine.operands.every(({ dtype, length }, i) => {
      const type = commitments[i]?.type;
      return type?.dtype === dtype && type.length === length;
    });
    if (!committed || !proven(roots, witness, commitments)) return { kind: "other operands" };
    const piece = executePiece(mine, operands, 0, START, STEPS);
    return same(given, piece) ? SAME : { wrong: `gives ${given[1].toString(16)} where the interpreter does not` };
  });

  const WITNESSES = ["refused", "another root", "same bits"];
  inParts("gives the interpreter's bits or another root on a mutated witness", WITNESSES, async (random) => {
    const { kernel, operands, commitments, witness } = subject(random);
    const segments = witness.flat();
    for (let n = random.between(1, 3); n > 0; n--) {
      const segment = segments[random.below(Math.max(1, segments.length))];
      const kind = random.below(6);
      if (segment === undefined || kind === 0) witness.splice(random.below(witness.length + 1), 1);
      else if (kind === 1) segment.firstLeaf = random.below(1 << random.below(31));
      else if (kind === 2) segment.siblings.splice(random.below(segment.siblings.length + 1), 1);
      else if (kind === 3) segment.siblings.push(toHash(random.bytes(32)));
      else if (kind === 4) witness[random.below(Math.max(1, witness.length))]?.push(segment);
      else segment.data = random.chance(0.5) ? mutated(random, segment.data) : random.bytes(32);
    }
    const given = await answer(encodeKernel(kernel), witness);
    if (typeof given === "string") return { kind: "refused" };
    if (!proven(given[3], witness, commitments)) return { kind: "another root" };
    const piece = executePiece(kernel, operands, 0, START, STEPS);
    return same(given, piece) ? SAME : { wrong: `proves ${given[1].toString(16)}` };
  });
});
