import { tensorsRoot } from "../../runner/commitment/model.ts";
import { commitTensors } from "../../runner/commitment/tensor.ts";
import { executeKernel } from "../../runner/machine/interpreter.ts";
import { elementBits, setElementBits, type Tensor, tensorBytes, tensorFromBytes } from "../../runner/machine/tensor.ts";
import type { HostedModel, Run } from "../lib/models.ts";

/*
 * Two ways to lie that look like honest work: every byte of the forged trace follows from the forgery. For
 * demonstrations and tests.
 */

/** What was forged, for the reader of the demo. */
export interface Forgery {
  readonly run: Run;
  readonly description: string;
  /** Kernel whose output is the first wrong one. */
  readonly kernel: number;
}

const copyOf = (tensor: Tensor): Tensor => tensorFromBytes(tensor.dtype, Uint8Array.from(tensorBytes(tensor)));

/** Serves the model with one weight changed: the cheapest way to sell another model under this one's name. */
export async function changeOneWeight(hosted: HostedModel, honest: Run): Promise<Forgery> {
  const { program, constants } = hosted.model;
  // The largest tensor of weights, and in it the first weight that the answer depends on.
  const largest = constants.reduce(
    (best, { data }, i) => (data.length > (constants[best]?.data.length ?? 0) ? i : best),
    0,
  );
  const reader = program.kernels.findIndex(({ operands }) =>
    operands.some(({ space, index }) => space === "constant" && index === largest),
  );
  const weights = constants[largest];
  if (weights === undefined) throw new Error("the model has no weights to change");
  for (let i = 0; i < weights.data.length; i++) {
    const changed = copyOf(weights);
    // The sign of a float, or the highest bit but one of an integer: a change that matters.
    const bits = elementBits(changed, i);
    const flip =
      weights.dtype === "f32" ? 1n << 31n : 1n << BigInt((8 * tensorBytes(weights).length) / weights.data.length - 2);
    setElementBits(changed, i, bits ^ flip);
    const forged = constants.map((tensor, c) => (c === largest ? changed : tensor));
    const trace = await hosted.executable.run(honest.inputs, forged);
    const run = await runOf(hosted, honest, trace);
    if (run.outputRoot === honest.outputRoot) continue;
    return {
      run,
      description: `weight ${String(i)} of ${weights.data.length.toLocaleString("en")} in constant ${String(largest)} changed`,
      kernel: reader,
    };
  }
  throw new Error("no weight changes this answer");
}

/** Executes honestly but for one bit of one activation, and goes on from it. */
export async function flipOneBit(hosted: HostedModel, honest: Run): Promise<Forgery> {
  const { program } = hosted.model;
  // Deep inside: the middle of the kernels before the last, and from there on towards the answer.
  const middle = Math.floor(program.kernels.length / 2);
  for (let kernel = middle; kernel < program.kernels.length - 1; kernel++) {
    const activation = honest.trace[kernel];
    if (activation === undefined) break;
    for (let element = 0; element < Math.min(activation.data.length, 512); element++) {
      const bit = activation.dtype === "f32" ? 22n : 5n;
      const run = await forgeElement(hosted, honest, { kernel, element, mask: 1n << bit });
      if (run.outputRoot === honest.outputRoot) continue;
      return {
        run,
        description: `bit ${String(bit)} of element ${String(element)} after kernel ${String(kernel)} flipped`,
        kernel,
      };
    }
  }
  throw new Error("no activation changes this answer");
}

/** Executes honestly but for the masked bits of one element of one kernel's output, and goes on from it. */
export async function forgeElement(
  hosted: HostedModel,
  honest: Run,
  { kernel, element, mask }: { readonly kernel: number; readonly element: number; readonly mask: bigint },
): Promise<Run> {
  const { program, constants } = hosted.model;
  const activation = honest.trace[kernel];
  if (activation === undefined) throw new Error(`there is no kernel ${String(kernel)}`);
  const forged = copyOf(activation);
  setElementBits(forged, element, elementBits(activation, element) ^ mask);
  const trace = [...honest.trace.slice(0, kernel), forged];
  for (const next of program.kernels.slice(kernel + 1)) {
    const spaces = { input: honest.inputs, constant: constants, kernel: trace };
    const operands = next.operands.flatMap(({ space, index }) => spaces[space][index] ?? []);
    trace.push(executeKernel(next, operands));
  }
  return await runOf(hosted, honest, trace);
}

async function runOf(hosted: HostedModel, honest: Run, trace: readonly Tensor[]): Promise<Run> {
  const outputs = hosted.model.program.outputs.flatMap((index) => trace[index] ?? []);
  const outputRoot = tensorsRoot(await commitTensors("commit outputs", outputs));
  return { inputs: honest.inputs, trace, outputs, outputRoot };
}
