import { concat, hexlify } from "ethers";

import type { Hash } from "../../../../runner/commitment/keccak.ts";
import { rootsTree } from "../../../../runner/commitment/model.ts";
import { commitTensor, openSegment } from "../../../../runner/commitment/tensor.ts";
import { DTYPE_CODE } from "../../../../runner/machine/dtype.ts";
import {
  createTensor,
  elementBits,
  setElementBits,
  tensorBytes,
  tensorFrom,
} from "../../../../runner/machine/tensor.ts";
import {
  executionOf,
  FORGED,
  HONEST,
  kernelAt,
  MANIFEST,
  OUTPUT_KERNELS,
  type ToyProgress,
  runToy,
  type Trace,
  toyState,
  toySum,
  WRONG,
} from "../../../../testing/toy-court.ts";

/*
 * The model of the toy court as a version of the real registry: once with an input that stands in calldata, once with a
 * second input so large that it is committed. All requests ask it the same question, so all its traces are known.
 */

const INPUT = tensorFrom("i32", [5, 6, 7, 8]);
const FILLER = createTensor("u8", 40_000);
const LEAVES = 40;
const CHUNK_LEAVES = 32;
const tensors = [INPUT, FILLER];
const commitments = tensors.map(commitTensor);
const largeTree = rootsTree(commitments.map(({ root }) => root));

/** Whether the input of a version is too large for calldata. */
export type Size = "small" | "large";

export const manifestFor = (size: Size) => ({
  ...MANIFEST,
  inputs: size === "small" ? MANIFEST.inputs : [...MANIFEST.inputs, { dtype: DTYPE_CODE.u8, length: 40_000 }],
});

export const INPUT_BYTES = hexlify(tensorBytes(INPUT));
export const LARGE_INPUT_ROOT = largeTree.root;
export const INPUT_ROOTS: readonly Hash[] = commitments.map(({ root }) => root);

/** Chunks of the large input. */
export const CHUNKS = 1 + Math.ceil(LEAVES / CHUNK_LEAVES);

/** A chunk of the large input, as `DataAvailability.show` takes it. */
export function chunkOf(chunk: number) {
  const tensor = chunk === 0 ? 0 : 1;
  const first = chunk === 0 ? 0 : (chunk - 1) * CHUNK_LEAVES;
  const count = chunk === 0 ? 1 : Math.min(CHUNK_LEAVES, LEAVES - first);
  const [of, commitment] = [tensors[tensor], commitments[tensor]];
  if (of === undefined || commitment === undefined) throw new RangeError(`no chunk ${chunk}`);
  const { firstLeaf, data, siblings } = openSegment(of, commitment, first, count);
  return { firstLeaf, data: hexlify(data), siblings: [...siblings] };
}

/** A kernel without operands whose output is no answer: an operator can patch it and still give the right answer. */
const PATCH = { kernel: 2, element: 5, leaf: 0 } as const;
const PATCHED = runToy((kernel, output) => {
  if (kernel === PATCH.kernel) setElementBits(output, PATCH.element, elementBits(output, PATCH.element) ^ 1n);
});

/** What operators claim and commit to; a made-up answer has no trace. */
export const ANSWERS = {
  honest: { trace: HONEST, fault: undefined },
  wrong: { trace: WRONG, fault: FORGED },
  patched: { trace: PATCHED, fault: PATCH },
  "made up": { trace: undefined, fault: undefined },
} as const;
export type Answer = keyof typeof ANSWERS;

const OTHER = runToy((kernel, output) => {
  if (kernel === OUTPUT_KERNELS[0]) setElementBits(output, 0, 99n);
});

/** Bytes and root of what an answer says. */
export function outputOfAnswer(answer: Answer): { readonly bytes: string; readonly root: Hash } {
  const trace: Trace = ANSWERS[answer].trace ?? OTHER;
  const bytes = concat(OUTPUT_KERNELS.map((kernel) => tensorBytes(trace.tensor(kernel))));
  return { bytes, root: rootsTree(trace.outputRoots).root };
}

/** Re-execution of an element, its operands opened in the lists of a version of that size. */
export function executionFor(size: Size, trace: Trace, kernel: number, element: number, progress?: ToyProgress) {
  const execution = executionOf(trace, kernel, element, progress);
  if (size === "small") return execution;
  const { operands } = kernelAt(kernel);
  const operandSiblings = execution.operandSiblings.map((siblings, i) =>
    operands[i]?.space === 0 ? largeTree.prove(operands[i].index) : siblings,
  );
  return { ...execution, operandSiblings };
}

/** State of an element of the kernel after `steps` steps. */
export const progressOf = (trace: Trace, kernel: number, steps: number): ToyProgress =>
  toyState(toySum(kernelAt(kernel), trace.outputs), steps);
