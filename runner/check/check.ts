import { item } from "../items.ts";
import { commitTensors } from "../commitment/tensor.ts";
import { ZERO_HASH } from "../commitment/keccak.ts";
import { throwIfAborted } from "../errors.ts";
import { proofBound } from "../inspection/bounds.ts";
import { kernelKind } from "../inspection/kind.ts";
import { encodeKernel } from "../machine/encoding.ts";
import { START } from "../machine/interpreter.ts";
import { product } from "../machine/shape.ts";
import type { Kernel, Program } from "../machine/kernel.ts";
import { elementBits, type Tensor } from "../machine/tensor.ts";
import { DEFAULT_BUDGET, openWitness, splitElement, type Witness, witnessElement } from "../proving/witness.ts";
import type { TensorCommitment } from "../commitment/tensor.ts";
import type { TaskOptions } from "../task.ts";
import type { MachineContract } from "./machine.ts";
import { sampleElements } from "./sample.ts";

/** One element, executed by the contract. */
export interface CheckedElement {
  readonly kernel: number;
  readonly element: number;
  readonly expected: bigint;
  /** What the contract gave; undefined when it reverted. */
  readonly actual: bigint | undefined;
  /** Why it counts as a mismatch; undefined when bits and roots agree. */
  readonly fault: string | undefined;
  readonly gas: number;
  readonly calldataBytes: number;
  readonly calldataGas: number;
  /** Calls that it took. */
  readonly calls: number;
}

/** All sampled elements of one kernel. */
export interface CheckedKernel {
  readonly kernel: number;
  readonly kind: string;
  readonly elements: readonly CheckedElement[];
}

export interface CheckOptions extends TaskOptions {
  /** Elements a kernel. */
  readonly samples: number;
  readonly seed: number;
  /** Calls in flight at once; 4 by default. */
  readonly parallel?: number;
}

/**
 * Executes sampled elements of every kernel on the contract and compares bits and operand roots with a trace.
 * Progress in elements.
 * @param trace Outputs of all kernels, in order.
 * @throws AssayError ABORTED.
 */
export async function checkTrace(
  contract: MachineContract,
  program: Program,
  tensors: {
    readonly inputs: readonly Tensor[];
    readonly constants: readonly Tensor[];
    readonly trace: readonly Tensor[];
  },
  { samples, seed, parallel = 4, signal, onProgress }: CheckOptions,
): Promise<readonly CheckedKernel[]> {
  const commit = (name: string, row: readonly Tensor[]) => commitTensors(`commit ${name}`, row, { signal, onProgress });
  const commitments = {
    input: await commit("inputs", tensors.inputs),
    constant: await commit("weights", tensors.constants),
    kernel: await commit("trace", tensors.trace),
  };
  const spaces = { input: tensors.inputs, constant: tensors.constants, kernel: tensors.trace };
  const work = program.kernels.map((kernel, index) => {
    const place: CheckedPlace = {
      index,
      kernel,
      encoded: encodeKernel(kernel),
      operands: kernel.operands.map(({ space, index: i }) => item<Tensor>(spaces[space], i)),
      commitments: kernel.operands.map(({ space, index: i }) => item(commitments[space], i)),
      output: item<Tensor>(tensors.trace, index),
      whole: fitsWhole(program, kernel),
    };
    // Kernels of one shape are not sampled at the same places.
    return { place, elements: sampleElements(product(kernel.shape), samples, seed + index) };
  });

  const total = work.reduce((sum, { elements }) => sum + elements.length, 0);
  const jobs = work.flatMap(({ place, elements }) => elements.map((element) => ({ place, element })));
  const results: CheckedElement[] = [];
  let [next, done] = [0, 0];
  const worker = async (): Promise<void> => {
    for (let job = jobs[next++]; job !== undefined; job = jobs[next++]) {
      throwIfAborted(signal, "check");
      results.push(await checkElement(contract, job.place, job.element));
      onProgress?.({ task: "check", done: ++done, total });
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return work.map(({ place }) => ({
    kernel: place.index,
    kind: kernelKind(place.kernel),
    elements: results.filter(({ kernel }) => kernel === place.index).sort((a, b) => a.element - b.element),
  }));
}

interface CheckedPlace {
  readonly index: number;
  readonly kernel: Kernel;
  readonly encoded: Uint8Array;
  readonly operands: readonly Tensor[];
  readonly commitments: readonly TensorCommitment[];
  readonly output: Tensor;
  /** Whether any element fits one call, so that it needs no splitting. */
  readonly whole: boolean;
}

function fitsWhole(program: Program, kernel: Kernel): boolean {
  const { bytes, executionGas } = proofBound(program, kernel);
  return bytes <= DEFAULT_BUDGET.bytes && executionGas <= DEFAULT_BUDGET.gas;
}

async function checkElement(contract: MachineContract, place: CheckedPlace, element: number): Promise<CheckedElement> {
  const { kernel, encoded, operands, commitments, output, index } = place;
  const expected = elementBits(output, element);
  const spent = { gas: 0, calldataBytes: 0, calldataGas: 0, calls: 0 };
  const result = (actual: bigint | undefined, fault: string | undefined): CheckedElement => ({
    kernel: index,
    element,
    expected,
    actual,
    fault,
    ...spent,
  });
  const calls: readonly { readonly witness: Witness; readonly maxSteps: bigint }[] = place.whole
    ? [{ witness: witnessElement(kernel, operands, commitments, element), maxSteps: 2n ** 64n - 1n }]
    : splitElement(kernel, operands, element).map(({ leaves, steps }) => ({
        witness: openWitness(leaves, operands, commitments),
        maxSteps: BigInt(steps),
      }));
  let progress = START;
  for (const [i, { witness, maxSteps }] of calls.entries()) {
    try {
      const answer = await contract.execute({ kernel: encoded, element, progress, maxSteps, witness });
      spent.gas += answer.gas;
      spent.calldataBytes += answer.calldata.bytes;
      spent.calldataGas += answer.calldata.gas;
      spent.calls++;
      for (const [operand, segments] of witness.entries()) {
        const root = segments.length === 0 ? ZERO_HASH : commitments[operand]?.root;
        if (answer.roots[operand] !== root) return result(answer.bits, `root of operand ${operand} differs`);
      }
      if (answer.done !== (i === calls.length - 1)) return result(answer.bits, `ended after call ${i + 1}`);
      if (answer.done) return result(answer.bits, answer.bits === expected ? undefined : "bits differ");
      progress = answer.next;
    } catch (error) {
      return result(undefined, error instanceof Error ? error.message : String(error));
    }
  }
  return result(undefined, "nothing was executed");
}

/** Gas of a group of elements. */
export interface GasSummary {
  readonly samples: number;
  readonly mismatches: number;
  readonly min: number;
  readonly median: number;
  readonly max: number;
  /** Largest calldata of one element, in bytes. */
  readonly calldataBytes: number;
  /** The element that cost the most. */
  readonly worst: CheckedElement | undefined;
}

/** Spread of the execution gas over elements. */
export function summarise(elements: readonly CheckedElement[]): GasSummary {
  const sorted = [...elements].sort((a, b) => a.gas - b.gas);
  const gas = (rank: number): number => (sorted.length === 0 ? 0 : item(sorted, rank).gas);
  return {
    samples: elements.length,
    mismatches: elements.filter(({ fault }) => fault !== undefined).length,
    min: gas(0),
    median: gas(Math.floor((sorted.length - 1) / 2)),
    max: gas(sorted.length - 1),
    calldataBytes: elements.reduce((most, { calldataBytes }) => Math.max(most, calldataBytes), 0),
    worst: sorted.at(-1),
  };
}
