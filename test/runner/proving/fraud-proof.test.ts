import { expect } from "chai";

import { type Hash, hashBytes, toHash } from "../../../runner/commitment/keccak.ts";
import { leafHash, rootOfRange } from "../../../runner/commitment/merkle.ts";
import { commitModel, rootsTree, tensorsRoot } from "../../../runner/commitment/model.ts";
import { commitTensor, segmentRoot } from "../../../runner/commitment/tensor.ts";
import { commitTrace } from "../../../runner/commitment/trace.ts";
import { prepareProgram } from "../../../runner/backends/backend.ts";
import { isAssayError } from "../../../runner/errors.ts";
import { DTYPE_BYTES } from "../../../runner/machine/dtype.ts";
import { product } from "../../../runner/machine/shape.ts";
import { compiled } from "../../../runner/backends/javascript/compiled.ts";
import { START } from "../../../runner/machine/interpreter.ts";
import type { Program } from "../../../runner/machine/kernel.ts";
import { createRandom, type Random } from "../../../runner/machine/prng.ts";
import { randomProgram } from "../../../testing/random-kernels.ts";
import { elementBits, type Tensor, tensorBytes, tensorFromBytes } from "../../../runner/machine/tensor.ts";
import { compareTraces, type OperatorTrace } from "../../../runner/dispute/compare.ts";
import { buildFraudProof, type Execution, type FraudProof } from "../../../runner/proving/fraud-proof.ts";
import { replayWitness } from "../../../runner/proving/replay.ts";
import { type Budget, DEFAULT_BUDGET } from "../../../runner/proving/witness.ts";

const LIMITS = { elements: 900, steps: 24, operandLength: 1500 };

/** A random model executed honestly. */
async function executed(random: Random, kernels = 6) {
  const { program, inputs, constants } = randomProgram(random, kernels, LIMITS);
  const model = await commitModel(program, constants);
  const trace = await prepareProgram(program, compiled).run(inputs, constants);
  return { program, inputs, constants, model, trace, commitment: await commitTrace(trace) };
}

/** The operator's trace: kernels before `at` honest, one bit of `at` flipped, later ones whatever. */
function forge(random: Random, trace: readonly Tensor[]) {
  const kernel = random.below(trace.length);
  const output = copyOf(trace[kernel] as Tensor);
  const bytes = tensorBytes(output);
  const byte = random.below(bytes.length);
  bytes[byte] = (bytes[byte] ?? 0) ^ (1 << random.below(8));
  const later = trace.map((tensor, i) => (i > kernel && random.chance(0.5) ? flipped(tensor) : tensor));
  return {
    kernel,
    element: Math.floor(byte / DTYPE_BYTES[output.dtype]),
    forged: later.with(kernel, output),
  };
}

const copyOf = (tensor: Tensor): Tensor => tensorFromBytes(tensor.dtype, tensorBytes(tensor).slice());
const flipped = (tensor: Tensor): Tensor => {
  const copy = copyOf(tensor);
  const bytes = tensorBytes(copy);
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  return copy;
};
const publish = (trace: readonly Tensor[]): OperatorTrace => {
  const roots = trace.map((tensor) => commitTensor(tensor).root);
  return { root: rootsTree(roots).root, roots, fetchOutput: (kernel) => Promise.resolve(trace[kernel]) };
};
const itemRoot = (item: Uint8Array, index: number, width: number, siblings: readonly Hash[]): Hash =>
  rootOfRange([toHash(leafHash(item))], index, width, siblings);

/** What the court does with a proof: every inclusion, every replay, the verdict. Returns claimed and executed bits. */
function court(program: Program, proof: FraudProof, roots: Readonly<Record<"program" | "trace" | Space, Hash>>) {
  const kernel = program.kernels[proof.kernel];
  if (kernel === undefined) throw new Error("no such kernel");
  const widths = { input: program.inputs.length, constant: program.constants.length, kernel: program.kernels.length };
  const check = ({ kernel: opening, witness, operandSiblings, element, progress }: Execution, maxSteps: number) => {
    expect(itemRoot(opening.encoded, opening.index, widths.kernel, opening.siblings)).to.equal(roots.program);
    const replay = replayWitness(kernel, element, progress, maxSteps, witness);
    kernel.operands.forEach(({ space, index }, i) => {
      if (witness[i]?.length === 0) return;
      const root = itemRoot(hashBytes(replay.roots[i] as Hash), index, widths[space], operandSiblings[i] ?? []);
      expect(root, `operand ${String(i)}`).to.equal(roots[space]);
    });
    return replay.piece;
  };
  let progress = START;
  for (const { execution, maxSteps } of proof.replays) {
    expect(execution.progress).to.deep.equal(progress);
    const piece = check(execution, Number(maxSteps));
    if (piece.done) throw new Error("a replay finished the element");
    progress = piece.next;
  }
  expect(proof.execution.progress).to.deep.equal(progress);
  const piece = check(proof.execution, Infinity);
  if (!piece.done) throw new Error("the proof does not finish the element");

  const type = { dtype: kernel.dtype, length: product(kernel.shape) };
  const root = segmentRoot(type, proof.output.leaves);
  expect(itemRoot(hashBytes(root), proof.kernel, widths.kernel, proof.output.siblings)).to.equal(roots.trace);
  const first = (proof.output.leaves.firstLeaf * 1024) / DTYPE_BYTES[kernel.dtype];
  const leaf = tensorFromBytes(kernel.dtype, proof.output.leaves.data);
  return { claimed: elementBits(leaf, proof.element - first), executed: piece.bits };
}
type Space = "input" | "constant" | "kernel";

async function convict(random: Random, budget: Budget): Promise<FraudProof> {
  const { program, inputs, constants, model, trace, commitment } = await executed(random);
  const { kernel, element, forged } = forge(random, trace);
  const operator = publish(forged);
  const fault = await compareTraces({ trace, commitment }, operator);
  if (fault.kind !== "fault") throw new Error(fault.kind);
  expect([fault.kernel, fault.element]).to.deep.equal([kernel, element]);
  const evidence = { program, model, inputs, constants, trace, traceRoots: operator.roots };
  const proof = buildFraudProof(evidence, fault, budget);
  const { claimed, executed: bits } = court(program, proof, {
    program: model.programTree.root,
    input: tensorsRoot(inputs.map(commitTensor)),
    constant: model.weightsTree.root,
    kernel: operator.root,
    trace: operator.root,
  });
  expect(claimed).to.equal(fault.claimed);
  expect(bits).to.equal(fault.expected);
  expect(claimed).to.not.equal(bits);
  return proof;
}

describe("proving", () => {
  describe("given a trace with one bit flipped anywhere", () => {
    it("finds exactly that kernel and element, and the proof re-executes to other bits (60 programs)", async () => {
      const random = createRandom(7);
      for (let i = 0; i < 60; i++) await convict(random, DEFAULT_BUDGET);
    });

    it("cuts the proof into replays when the budget is small (60 programs)", async () => {
      const random = createRandom(8);
      let replays = 0;
      for (let i = 0; i < 60; i++) {
        const proof = await convict(random, { bytes: 2_500, gas: 20_000 });
        replays += proof.replays.length;
      }
      expect(replays).to.be.greaterThan(50);
    });
  });

  describe("compareTraces", () => {
    it("given the same trace, gives equal", async () => {
      const { trace, commitment } = await executed(createRandom(1));
      expect(await compareTraces({ trace, commitment }, publish(trace))).to.deep.equal({ kind: "equal" });
    });

    it("given roots that are not what was committed, gives roots-unfaithful", async () => {
      const { trace, commitment } = await executed(createRandom(2));
      const root = toHash(new Uint8Array(32).fill(9));
      const result = await compareTraces({ trace, commitment }, { ...publish(trace), root });
      expect(result).to.deep.equal({ kind: "roots-unfaithful", expected: root, actual: commitment.root });
    });

    it("given no data for the wrong kernel, gives output-missing", async () => {
      const { trace, commitment } = await executed(createRandom(3));
      const operator = publish(trace.with(4, flipped(trace[4] as Tensor)));
      const result = await compareTraces(
        { trace, commitment },
        {
          ...operator,
          fetchOutput: () => Promise.resolve(undefined),
        },
      );
      expect(result).to.deep.equal({ kind: "output-missing", kernel: 4 });
    });

    it("given data that do not hash to the root, gives output-unfaithful", async () => {
      const { trace, commitment } = await executed(createRandom(4));
      const operator = publish(trace.with(2, flipped(trace[2] as Tensor)));
      const result = await compareTraces(
        { trace, commitment },
        {
          ...operator,
          fetchOutput: () => Promise.resolve(trace[2]),
        },
      );
      const [expected, actual] = [operator.roots[2], commitment.outputs[2]?.root];
      expect(result).to.deep.equal({ kind: "output-unfaithful", kernel: 2, expected, actual });
    });

    it("given an output of another dtype with the same bytes, gives output-unfaithful", async () => {
      const { trace, commitment } = await executed(createRandom(5));
      const other = tensorFromBytes("bool", tensorBytes(trace[1] as Tensor));
      const dressed = trace[1]?.dtype === "bool" ? tensorFromBytes("u8", tensorBytes(other)) : other;
      const result = await compareTraces({ trace, commitment }, publish(trace.with(1, dressed)));
      expect(result.kind).to.equal("output-unfaithful");
    });
  });

  describe("buildFraudProof", () => {
    it("refuses an output that does not hash to the operator's root", async () => {
      const { trace, ...rest } = await executed(createRandom(6));
      const { roots: traceRoots } = publish(trace);
      const output = flipped(trace[3] as Tensor);
      expect(() => buildFraudProof({ ...rest, trace, traceRoots }, { kernel: 3, element: 0, output }))
        .to.throw()
        .that.satisfies((error: unknown) => isAssayError(error, "COMMITMENT_MISMATCH"));
    });

    it("refuses a kernel or an element that does not exist", async () => {
      const { trace, ...rest } = await executed(createRandom(6));
      const { roots: traceRoots } = publish(trace);
      const output = trace[3] as Tensor;
      for (const place of [
        { kernel: 99, element: 0 },
        { kernel: 3, element: output.data.length },
        { kernel: 3, element: -1 },
      ]) {
        expect(() => buildFraudProof({ ...rest, trace, traceRoots }, { ...place, output }))
          .to.throw()
          .that.satisfies((error: unknown) => isAssayError(error, "OUT_OF_RANGE"));
      }
    });
  });
});
