import { expect } from "chai";
import { hexlify, ZeroHash } from "ethers";
import { network } from "hardhat";

import { LIMIT } from "../../../runner/protocol/enums.ts";
import { commitTensor } from "../../../runner/commitment/tensor.ts";
import { encodeKernel } from "../../../runner/machine/encoding.ts";
import { executeElement, executePiece } from "../../../runner/machine/interpreter.ts";
import type { Instruction, Kernel, Read, Stage } from "../../../runner/machine/kernel.ts";
import { createRandom } from "../../../runner/machine/prng.ts";
import { createTensor, setElementBits, type Tensor, tensorFrom } from "../../../runner/machine/tensor.ts";
import { verifyKernel } from "../../../runner/machine/verify.ts";
import { witnessElement } from "../../../runner/proving/witness.ts";

const ALL = 2n ** 64n - 1n;

interface SegmentArgument {
  firstLeaf: number;
  data: string;
  siblings: string[];
}

const stage = (parts: Partial<Stage>): Stage => ({ reads: [], constants: [], code: [], ...parts });
const op = (name: Instruction["op"], a = 0, b = 0, c = 0): Instruction => ({ op: name, a, b, c });
const read = (operand: number, strides: readonly number[], parts: Partial<Read> = {}): Read => ({
  operand,
  base: 0,
  strides,
  fill: 0n,
  guards: [],
  ...parts,
});

const floats = (length: number, seed: number): Tensor => {
  const random = createRandom(seed);
  const tensor = createTensor("f32", length);
  for (let i = 0; i < length; i++) setElementBits(tensor, i, BigInt(0x3f000000 + random.below(0x1000000)));
  return tensor;
};

/** out[o] = sum over k of x[o * 600 + k] * w[k], k below 600: three leaves of x for an element, and all of w. */
const X = floats(2400, 1);
const W = floats(600, 2);
const KERNEL: Kernel = {
  dtype: "f32",
  shape: [4],
  operands: [
    { space: "input", index: 7, dtype: "f32", length: 2400 },
    { space: "kernel", index: 9, dtype: "f32", length: 600 },
  ],
  reduce: {
    dims: [600],
    accumulators: 1,
    init: stage({ constants: [{ f32: 0 }] }),
    step: stage({ reads: [read(0, [600, 1]), read(1, [0, 1])], code: [op("fmul", 1, 2), op("fadd", 0, 3)] }),
  },
  finish: stage({ code: [op("fneg", 0)] }),
};

/** The same sum by instructions that have no fast path: the product is taken from the negated x. */
const GENERIC: Kernel = {
  ...KERNEL,
  reduce: {
    dims: [600],
    accumulators: 1,
    init: stage({ constants: [{ f32: 0 }] }),
    step: stage({
      reads: [read(0, [600, 1]), read(1, [0, 1])],
      code: [op("fneg", 1), op("fmul", 3, 2), op("fsub", 0, 4)],
    }),
  },
};

describe("TensorMachine", () => {
  const deploy = async () => {
    const { ethers } = await network.create();
    return await ethers.deployContract("TensorMachine");
  };
  let machine: Awaited<ReturnType<typeof deploy>>;
  before(async () => {
    machine = await deploy();
  });

  const witnessOf = (kernel: Kernel, operands: readonly Tensor[], element: number): SegmentArgument[][] =>
    witnessElement(kernel, operands, operands.map(commitTensor), element).map((segments) =>
      segments.map(({ firstLeaf, data, siblings }) => ({ firstLeaf, data: hexlify(data), siblings: [...siblings] })),
    );
  const START = { position: 0, accumulators: [] as bigint[] };
  const ENCODED = hexlify(encodeKernel(KERNEL));

  describe("execute", () => {
    describe("given a reduction and its witness", () => {
      it("gives the interpreter's bits and the roots of the operands in the kernel's order", async () => {
        for (const element of [0, 1, 2, 3]) {
          const [done, bits, next, roots] = await machine.execute(
            ENCODED,
            element,
            START,
            ALL,
            witnessOf(KERNEL, [X, W], element),
          );
          expect(done).to.equal(true);
          expect(bits).to.equal(executeElement(KERNEL, [X, W], element));
          expect([next.position, [...next.accumulators]]).to.deep.equal([0n, []]);
          expect(roots.map(([space, index, root]) => [space, index, root])).to.deep.equal([
            [0n, 7n, commitTensor(X).root],
            [2n, 9n, commitTensor(W).root],
          ]);
        }
      });

      it("gives the same by the generic path", async () => {
        const witness = witnessOf(GENERIC, [X, W], 2);
        const [, bits] = await machine.execute(hexlify(encodeKernel(GENERIC)), 2, START, ALL, witness);
        const [, fast] = await machine.execute(ENCODED, 2, START, ALL, witness);
        expect(bits).to.equal(fast);
      });
    });

    describe("given a kernel that does not reduce", () => {
      const kernel: Kernel = {
        dtype: "i16",
        shape: [2, 3],
        operands: [{ space: "constant", index: 0, dtype: "u8", length: 6 }],
        finish: stage({
          reads: [read(0, [3, 1])],
          constants: [{ int: -300n }],
          code: [op("index", 1), op("iadd", 0, 2), op("iadd", 3, 1)],
        }),
      };
      const operand = tensorFrom("u8", [1, 2, 3, 4, 5, 255]);

      it("gives the bits in the width of the dtype, zero-extended", async () => {
        const witness = witnessOf(kernel, [operand], 5);
        const [done, bits] = await machine.execute(hexlify(encodeKernel(kernel)), 5, START, ALL, witness);
        expect([done, bits]).to.deep.equal([true, BigInt.asUintN(16, 255n + 2n - 300n)]);
      });

      it("takes no step whatever maxSteps", async () => {
        const [done] = await machine.execute(
          hexlify(encodeKernel(kernel)),
          0,
          START,
          0,
          witnessOf(kernel, [operand], 0),
        );
        expect(done).to.equal(true);
      });
    });

    describe("given an operand that the element does not depend on", () => {
      it("gives a root of zero for it", async () => {
        const { dtype, shape, operands } = KERNEL;
        const finish = stage({ reads: [read(0, [1], { base: -4, fill: 0x40490fdbn })] });
        const encoded = hexlify(encodeKernel({ dtype, shape, operands, finish }));
        const [, bits, , roots] = await machine.execute(encoded, 3, START, ALL, [[], []]);
        expect(bits).to.equal(0x40490fdbn);
        expect(roots.map(({ root }) => root)).to.deep.equal([ZeroHash, ZeroHash]);
      });
    });

    describe("given a limit of steps", () => {
      for (const [name, kernel] of [
        ["fast", KERNEL],
        ["generic", GENERIC],
      ] as const) {
        it(`resumes to the same bits, whatever the pieces (${name})`, async () => {
          const encoded = hexlify(encodeKernel(kernel));
          const witness = witnessOf(kernel, [X, W], 1);
          const [, whole] = await machine.execute(encoded, 1, START, ALL, witness);
          for (const pieces of [1n, 7n, 256n, 599n]) {
            if (pieces === 1n && name === "generic") continue;
            let progress = START;
            let calls = 0;
            for (;;) {
              const steps = pieces === 1n ? (calls === 0 ? 1n : 300n) : pieces;
              const [done, bits, next] = await machine.execute(encoded, 1, progress, steps, witness);
              calls++;
              if (done) {
                expect(bits).to.equal(whole);
                break;
              }
              expect(bits).to.equal(0n);
              expect(next.position).to.equal(BigInt(progress.position) + steps);
              progress = { position: Number(next.position), accumulators: [...next.accumulators] };
            }
            expect(calls).to.equal(pieces === 1n ? 3 : Math.ceil(600 / Number(pieces)));
          }
        });
      }

      it("needs only the leaves of the piece", async () => {
        const witness = witnessOf(KERNEL, [X, W], 0);
        const [first] = witness[1] ?? [];
        const leaf = [{ firstLeaf: 0, data: (first?.data ?? "0x").slice(0, 2 + 2048), siblings: [] as string[] }];
        const { tree } = commitTensor(W);
        leaf[0]?.siblings.push(...tree.proveRange(0, 1));
        const [done, , next] = await machine.execute(ENCODED, 0, START, 256, [witness[0] ?? [], leaf]);
        expect([done, next.position]).to.deep.equal([false, 256n]);
        await expect(machine.execute(ENCODED, 0, START, 257, [witness[0] ?? [], leaf]))
          .to.be.revertedWithCustomError(machine, "MachineElementMissing")
          .withArgs(1, 256);
      });
    });

    describe("given constants that are NaN with a payload, or look like one", () => {
      // Register 3 is 1. That accumulators 0 and 2 are f32 is known from finish and, for 2, from their select alone.
      const keep = [op("select", 3, 0, 0), op("select", 3, 1, 1), op("select", 3, 2, 2)];
      const kernel: Kernel = {
        dtype: "f32",
        shape: [],
        operands: [],
        reduce: {
          dims: [3],
          accumulators: 3,
          init: stage({ constants: [{ f32: 0x7f800001 }, { int: 0x7fc00001n }, { f32: 0xffc12345 }] }),
          step: stage({ constants: [{ int: 1n }], code: [op("select", 3, 0, 2), ...keep] }),
        },
        finish: stage({ code: [op("fneg", 0)] }),
      };

      it("gives a state with the one NaN in accumulators that are f32, and the others' bits", async () => {
        verifyKernel(kernel);
        const [done, , next] = await machine.execute(hexlify(encodeKernel(kernel)), 0, START, 1, []);
        expect([done, [...next.accumulators]]).to.deep.equal([false, [0x7fc00000n, 0x7fc00001n, 0x7fc00000n]]);
        expect(executePiece(kernel, [], 0, { position: 0, accumulators: [] }, 1)).to.deep.equal({
          done: false,
          next: { position: 1, accumulators: [0x7fc00000n, 0x7fc00001n, 0x7fc00000n] },
        });
      });

      it("infers the class from reads and from instructions of every kind", async () => {
        const operand = tensorFrom("f32", [1]);
        const take = (first: number, parts: Partial<Stage>): Stage => {
          const [of, results] = [stage(parts), [op("select", first, 0, 0), op("select", first, 1, 1)]];
          return { ...of, code: [...of.code, ...results] };
        };
        // Register 2 is 1, unless there is a read. Each step says about accumulator 0, not about 1, that it is an f32.
        const steps: Readonly<Record<string, Stage>> = {
          "an operand of two": take(2, { constants: [{ int: 1n }, { f32: 0 }], code: [op("flt", 3, 0)] }),
          "an operand of one": take(2, { constants: [{ int: 1n }], code: [op("fbits", 0)] }),
          "a result": take(2, { constants: [{ int: 1n }], code: [op("i2f", 2), op("select", 2, 0, 3)] }),
          "a read": take(3, { reads: [read(0, [0])], constants: [{ int: 1n }], code: [op("select", 3, 2, 0)] }),
        };
        for (const [name, step] of Object.entries(steps)) {
          const of: Kernel = {
            dtype: "i32",
            shape: [],
            operands: name === "a read" ? [{ space: "input", index: 0, dtype: "f32", length: 1 }] : [],
            reduce: {
              dims: [3],
              accumulators: 2,
              init: stage({ constants: [{ f32: 0x7f800001 }, { int: 0x7f800001n }] }),
              step,
            },
            finish: stage({ code: [op("iadd", 1, 1)] }),
          };
          verifyKernel(of);
          const witness = name === "a read" ? witnessOf(of, [operand], 0) : [];
          const [, , next] = await machine.execute(hexlify(encodeKernel(of)), 0, START, 1, witness);
          expect([...next.accumulators], name).to.deep.equal([0x7fc00000n, 0x7f800001n]);
        }
      });
    });

    describe("when the element is outside the output", () => {
      it("reverts", async () => {
        await expect(machine.execute(ENCODED, 4, START, ALL, [[], []]))
          .to.be.revertedWithCustomError(machine, "MachineElementOutside")
          .withArgs(4, 4);
      });
    });

    describe("when the progress is none that execute gives", () => {
      for (const [position, accumulators] of [
        [0, [1n]],
        [5, []],
        [5, [1n, 2n]],
        [600, [1n]],
      ] as const) {
        it(`reverts at position ${position} with ${accumulators.length} accumulators`, async () => {
          await expect(machine.execute(ENCODED, 0, { position, accumulators: [...accumulators] }, ALL, [[], []]))
            .to.be.revertedWithCustomError(machine, "MachineProgressInvalid")
            .withArgs(position, accumulators.length);
        });
      }
    });

    describe("when a reduction is to take no step", () => {
      it("reverts", async () => {
        await expect(machine.execute(ENCODED, 0, START, 0, [[], []])).to.be.revertedWithCustomError(
          machine,
          "MachineStepsZero",
        );
      });
    });

    describe("when the witness is not the kernel's", () => {
      const good = () => witnessOf(KERNEL, [X, W], 1);
      const at = (witness: SegmentArgument[][], i: number, j = 0): SegmentArgument => {
        const segment = witness[i]?.[j];
        if (segment === undefined) throw new RangeError("no such segment");
        return segment;
      };
      const execute = (witness: SegmentArgument[][]) => machine.execute(ENCODED, 1, START, ALL, witness);

      it("reverts without a list for each operand", async () => {
        await expect(execute(good().slice(1)))
          .to.be.revertedWithCustomError(machine, "MachineWitnessLength")
          .withArgs(1, 2);
      });

      it("reverts where an element is missing", async () => {
        await expect(execute([good()[0] ?? [], []]))
          .to.be.revertedWithCustomError(machine, "MachineElementMissing")
          .withArgs(1, 0);
        await expect(execute([[], good()[1] ?? []]))
          .to.be.revertedWithCustomError(machine, "MachineElementMissing")
          .withArgs(0, 600);
      });

      it("reverts when segments overlap or are not sorted", async () => {
        const witness = good();
        const segment = at(witness, 0);
        const end = segment.firstLeaf + Math.ceil((segment.data.length - 2) / 2048);
        await expect(execute([[segment, segment], witness[1] ?? []]))
          .to.be.revertedWithCustomError(machine, "MachineSegmentOrder")
          .withArgs(0, segment.firstLeaf, end);
      });

      it("reverts when segments of an operand lead to different roots", async () => {
        const witness = good();
        const { tree, root } = commitTensor(W);
        const [data] = [at(witness, 1).data];
        const first = { firstLeaf: 0, data: data.slice(0, 2050), siblings: [...tree.proveRange(0, 1)] };
        const rest = { firstLeaf: 1, data: `0x${data.slice(2050)}`, siblings: [...tree.proveRange(1, 2)] };
        const [, bits, , roots] = await execute([witness[0] ?? [], [first, rest]]);
        expect([bits, roots[1]?.root]).to.deep.equal([executeElement(KERNEL, [X, W], 1), root]);
        rest.data = `${rest.data.slice(0, -1)}${rest.data.endsWith("0") ? "1" : "0"}`;
        await expect(execute([witness[0] ?? [], [first, rest]])).to.be.revertedWithCustomError(
          machine,
          "MachineRootsDiffer",
        );
      });

      it("gives another root or reverts when any field is tampered with, and holds when it is put back", async () => {
        const honest = [commitTensor(X).root, commitTensor(W).root];
        const tampered: ((segment: SegmentArgument) => void)[] = [
          (s) => (s.firstLeaf += 1),
          (s) => (s.firstLeaf = s.firstLeaf === 0 ? 1 : 0),
          (s) => (s.data = `0x01${s.data.slice(4)}`),
          (s) => (s.data = s.data.slice(0, -2)),
          (s) => (s.data = `${s.data}00`),
          (s) => (s.data = s.data.slice(0, 2 + 2048)),
          (s) => s.siblings.push(ZeroHash),
          (s) => s.siblings.shift(),
          (s) => s.siblings.reverse(),
          (s) => (s.siblings[0] = ZeroHash),
        ];
        for (const [index, root] of honest.entries()) {
          for (const [number, change] of tampered.entries()) {
            const witness = good();
            const before = JSON.stringify(witness);
            change(at(witness, index));
            if (JSON.stringify(witness) === before) continue;
            const outcome = await execute(witness).then(
              ([, , , roots]) => roots[index]?.root,
              () => "reverted",
            );
            expect(outcome, `tampering ${number} of operand ${index}`).to.not.equal(root);
          }
        }
        const [, bits, , roots] = await execute(good());
        expect(bits).to.equal(executeElement(KERNEL, [X, W], 1));
        expect(roots.map(({ root }) => root)).to.deep.equal(honest);
      });
    });
  });

  describe("outputType", () => {
    it("gives dtype and length", async () => {
      expect([...(await machine.outputType(ENCODED))]).to.deep.equal([0n, 4n]);
    });

    it("reverts on a malformed header", async () => {
      await expect(machine.outputType("0x00"))
        .to.be.revertedWithCustomError(machine, "MachineKernelTruncated")
        .withArgs(1, 2);
    });
  });

  describe("the encoding", () => {
    const run = (bytes: Uint8Array | string) =>
      machine.execute(typeof bytes === "string" ? bytes : hexlify(bytes), 0, START, ALL, []);
    const refuses = async (
      kernel: Partial<Kernel>,
      error: string,
      ...arguments_: (number | bigint)[]
    ): Promise<void> => {
      const base: Kernel = { dtype: "f32", shape: [], operands: [], finish: stage({ constants: [{ f32: 0 }] }) };
      await expect(run(encodeKernel({ ...base, ...kernel })))
        .to.be.revertedWithCustomError(machine, error)
        .withArgs(...arguments_);
    };
    const operand = { space: "input", index: 0, dtype: "f32", length: 4 } as const;
    const many = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item);

    it("is refused when it ends early, at every length", async () => {
      const encoded = encodeKernel(KERNEL);
      for (let length = 0; length < encoded.length; length++) {
        await expect(
          machine.execute(hexlify(encoded.slice(0, length)), 0, START, ALL, [[], []]),
        ).to.be.revertedWithCustomError(machine, "MachineKernelTruncated");
      }
    });

    it("is refused with trailing bytes", async () => {
      const length = encodeKernel(KERNEL).length;
      await expect(machine.execute(`${ENCODED}00`, 0, START, ALL, [[], []]))
        .to.be.revertedWithCustomError(machine, "MachineKernelTrailing")
        .withArgs(length + 1, length);
    });

    it("is refused beyond 24,576 bytes", async () => {
      await expect(run(new Uint8Array(24_577)))
        .to.be.revertedWithCustomError(machine, "MachineLimitExceeded")
        .withArgs(LIMIT.kernelBytes, 24_577, 24_576);
    });

    it("is refused with an unknown dtype, space, opcode or flag", async () => {
      const encoded = encodeKernel(KERNEL);
      const change = (offset: number, value: number) => {
        const copy = encoded.slice();
        copy[offset] = value;
        return machine.execute(hexlify(copy), 0, START, ALL, [[], []]);
      };
      await expect(change(0, 10)).to.be.revertedWithCustomError(machine, "TreeDtypeUnknown").withArgs(10);
      // dtype, rank, dim, rank, dim, accumulators, count: the first operand begins at 13.
      await expect(change(13, 3)).to.be.revertedWithCustomError(machine, "MachineSpaceUnknown").withArgs(3);
      await expect(change(18, 11)).to.be.revertedWithCustomError(machine, "TreeDtypeUnknown").withArgs(11);
      // Two operands end at 33; init is 3 + 8 bytes; step's first read begins at 47, its flag is its third byte.
      await expect(change(49, 2)).to.be.revertedWithCustomError(machine, "MachineFlagInvalid").withArgs(2);
      for (const code of [0x00, 0x16, 0x1f, 0x33, 0x3f, 0x42, 0x50, 0x51, 0xff]) {
        await expect(change(encoded.length - 4, code))
          .to.be.revertedWithCustomError(machine, "MachineOpcodeUnknown")
          .withArgs(code);
      }
    });

    it("is refused beyond each limit", async () => {
      const limit = "MachineLimitExceeded";
      await refuses({ shape: many(9, 1) }, limit, LIMIT.rank, 9, 8);
      await refuses({ shape: [65_536, 65_536] }, limit, LIMIT.elements, 2n ** 32n, 2n ** 32n - 1n);
      const reduce = { dims: [2], accumulators: 1, init: stage({ constants: [{ f32: 0 }] }), step: stage({}) };
      await refuses({ reduce: { ...reduce, dims: many(9, 1) } }, limit, LIMIT.reductionRank, 9, 8);
      await refuses({ reduce: { ...reduce, accumulators: 5 } }, limit, LIMIT.accumulators, 5, 4);
      await refuses({ operands: many(17, operand) }, limit, LIMIT.operands, 17, 16);
      await refuses(
        { operands: [operand], finish: stage({ reads: many(17, read(0, [])) }) },
        limit,
        LIMIT.reads,
        17,
        16,
      );
      const guards = many(5, { base: 0, strides: [], bound: 1 });
      const guarded = stage({ reads: [read(0, [], { guards })] });
      await refuses({ operands: [operand], finish: guarded }, limit, LIMIT.guards, 5, 4);
      await refuses({ finish: stage({ constants: many(65, { f32: 0 }) }) }, limit, LIMIT.constants, 65, 64);
      const long = stage({ constants: [{ f32: 0 }], code: many(255, op("fneg", 0)) });
      await refuses({ finish: long }, limit, LIMIT.registers, 256, 255);
      const far = 2 ** 47;
      for (const [bad, actual] of [
        [read(0, [1], { base: far + 1 }), far + 1],
        [read(0, [1], { base: -far - 1 }), far + 1],
        [read(0, [far + 1]), far + 1],
        [read(0, [-far / 2]), far * 1.5],
        [read(0, [1], { guards: [{ base: 0, strides: [1], bound: far + 1 }] }), far + 1],
      ] as const) {
        const finish = stage({ reads: [bad] });
        await refuses({ shape: [4], operands: [operand], finish }, limit, LIMIT.reach, actual, far);
      }
    });

    it("is refused with a dimension, a length or accumulators of zero", async () => {
      await refuses({ shape: [2, 0] }, "MachineDimensionZero", 1);
      await refuses({ operands: [{ ...operand, length: 0 }] }, "TreeTensorLength", 0);
      const reduce = { dims: [2], accumulators: 0, init: stage({}), step: stage({}) };
      await refuses({ reduce }, "MachineAccumulatorsMissing");
    });

    it("is refused when a read names no operand, gathers by no integer, or fills with more than an f32", async () => {
      await refuses({ finish: stage({ reads: [read(0, [])] }) }, "MachineOperandOutside", 0, 0);
      const gather = { operand: 0, base: 0, strides: [], bound: 1, stride: 1 };
      const finish = stage({ reads: [read(0, [], { gather })] });
      await refuses({ operands: [operand], finish }, "MachineGatherDtype", 0);
      await refuses({ operands: [{ ...operand, dtype: "bool" }], finish }, "MachineGatherDtype", 9);
      const filled = stage({ reads: [read(0, [], { fill: 2n ** 32n })] });
      await refuses({ operands: [operand], finish: filled }, "MachineFillInvalid", 2n ** 32n);
    });

    it("is refused when an instruction's field names what is not there, or is unused and not zero", async () => {
      const code = (...instructions: Instruction[]) => ({
        dtype: "i64" as const,
        shape: [4],
        finish: stage({ constants: [{ int: 1n }], code: instructions }),
      });
      const field = "MachineFieldInvalid";
      await refuses(code(op("iadd", 1, 0)), field, 0x20, 1, 1);
      await refuses(code(op("iadd", 0, 0), op("iadd", 1, 2)), field, 0x20, 2, 2);
      await refuses(code(op("select", 0, 0, 1)), field, 0x40, 1, 1);
      await refuses(code(op("index", 1)), field, 0x41, 1, 1);
      await refuses(code(op("wrap", 0, 10)), field, 0x32, 10, 10);
      await refuses(code(op("wrap", 0, 0)), field, 0x32, 0, 10);
      await refuses(code(op("iadd", 0, 0), op("iadd", 0, 0, 1)), field, 0x20, 1, 1);
      await refuses(code(op("iadd", 0, 0), op("i2f", 0, 1)), field, 0x12, 1, 1);
      await refuses(code(op("index", 0, 1)), field, 0x41, 1, 1);
    });

    it("is refused when a stage has fewer registers than results", async () => {
      await refuses({ finish: stage({}) }, "MachineResultsMissing", 0, 1);
      const reduce = { dims: [2], accumulators: 2, init: stage({ constants: [{ f32: 0 }] }), step: stage({}) };
      await refuses({ reduce }, "MachineResultsMissing", 1, 2);
    });
  });
});
