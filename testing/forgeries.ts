import { setImmediate } from "node:timers/promises";

import { item } from "../runner/items.ts";
import type { PreparedKernel } from "../runner/backends/backend.ts";
import { tensorsRoot } from "../runner/commitment/model.ts";
import { commitTensors } from "../runner/commitment/tensor.ts";
import { compiled } from "../runner/backends/javascript/compiled.ts";
import { DTYPE_BYTES, type DType } from "../runner/machine/dtype.ts";
import type { Kernel } from "../runner/machine/kernel.ts";
import { product } from "../runner/machine/shape.ts";
import {
  createTensor,
  elementBits,
  setElementBits,
  type Tensor,
  tensorBytes,
  tensorFromBytes,
} from "../runner/machine/tensor.ts";
import type { HostedModel, Run } from "../services/models/models.ts";

/*
 * Forged executions that look like honest ones: everything after the forged value is computed from it. For the demo and
 * tests.
 */

/** What was forged, as text for the demo. */
export interface Forgery {
  readonly run: Run;
  readonly description: string;
  /** Kernel whose output is the first wrong one. */
  readonly kernel: number;
}

/** Whether a forged run is one that is wanted. When no try is, the first forgery that changes the answer is taken. */
export type Wanted = (run: Run) => boolean;

/** How many forgeries are tried; small changes come first. */
const TRIES = { weight: 60, activation: 400, token: 15 };

/** Executes the model with one weight changed: the smallest change to another model. */
export async function changeOneWeight(hosted: HostedModel, honest: Run, wanted: Wanted = () => true): Promise<Forgery> {
  const { index, tensor, reader } = layerOfWeights(hosted);
  const count = tensor.data.length;
  return await firstWanted(TRIES.weight, wanted, honest, async (attempt) => {
    // Spread over the tensor, with a step that is prime to most sizes.
    const element = (attempt * 1_009) % count;
    const changed = copyOf(tensor);
    setElementBits(changed, element, extremeOf(tensor.dtype));
    const forged = hosted.model.constants.map((constant, c) => (c === index ? changed : constant));
    // Nothing before the kernel that reads the weight can differ.
    const run = await continueRun(hosted, honest, honest.trace.slice(0, reader), forged);
    const [was, is] = [short(tensor.data[element]), short(changed.data[element])];
    return {
      run,
      description: `weight ${grouped(element)} of ${grouped(count)} that kernel ${String(reader)} reads is ${is} instead of ${was}`,
      kernel: reader,
    };
  });
}

/** Executes honestly except for one bit of one activation, and continues from it. */
export async function flipOneBit(hosted: HostedModel, honest: Run, wanted: Wanted = () => true): Promise<Forgery> {
  const { kernels } = hosted.model.program;
  const middle = Math.floor(kernels.length / 2);
  return await firstWanted(TRIES.activation, wanted, honest, async (attempt) => {
    // Deep inside: a kernel in the middle or soon after it; in a text model the last elements are the last characters.
    const kernel = Math.min(middle + (attempt % 4), kernels.length - 2);
    const activation = honest.trace[kernel];
    if (activation === undefined) throw new Error(`the trace has no kernel ${String(kernel)}`);
    const bits = activation.dtype === "f32" ? [25, 26, 24, 31, 30] : [8 * DTYPE_BYTES[activation.dtype] - 1];
    const bit = item(bits, Math.floor((attempt * bits.length) / TRIES.activation));
    const element = activation.data.length - 1 - (attempt % activation.data.length);
    const run = await forgeElement(hosted, honest, { kernel, element, mask: 1n << BigInt(bit) });
    const description = `bit ${String(bit)} of element ${grouped(element)} that kernel ${String(kernel)} gives is flipped`;
    return { run, description, kernel };
  });
}

/**
 * Executes honestly except for one token in the middle of an answer, and continues from it: all tokens after it are those of
 * a model that wrote the forged one. A token is what a node of the main graph chooses, a single whole number.
 */
export async function changeOneToken(hosted: HostedModel, honest: Run, wanted: Wanted = () => true): Promise<Forgery> {
  const { program, nodes } = hosted.model;
  const chosen = program.kernels.flatMap(({ dtype, shape }, k) => {
    const node = nodes[k]?.at(-1);
    const choice = node?.operator === "ArgMax" || node?.operator === "Where";
    return dtype === "i64" && product(shape) === 1 && choice && !node.name.includes("/") ? [k] : [];
  });
  const tokens = Array.from(honest.outputs[0]?.data ?? [], Number);
  const length = tokens.findIndex((token, i) => i > 0 && token === tokens.at(-1)) + 1 || tokens.length;
  const place = Math.floor(length / 2);
  const kernel = chosen[Math.floor((place * chosen.length) / tokens.length)];
  if (kernel === undefined) throw new Error("the program chooses no tokens");
  return await firstWanted(TRIES.token, wanted, honest, async (attempt) => {
    const run = await forgeElement(hosted, honest, { kernel, element: 0, mask: BigInt(attempt + 1) });
    const [was, is] = [honest.trace[kernel]?.data[0], run.trace[kernel]?.data[0]];
    return {
      run,
      description: `token ${short(is)} instead of ${short(was)} is what kernel ${String(kernel)} chooses`,
      kernel,
    };
  });
}

/** Executes honestly except for the masked bits of one element of one kernel's output, and continues from it. */
export async function forgeElement(
  hosted: HostedModel,
  honest: Run,
  { kernel, element, mask }: { readonly kernel: number; readonly element: number; readonly mask: bigint },
): Promise<Run> {
  const activation = honest.trace[kernel];
  if (activation === undefined) throw new Error(`there is no kernel ${String(kernel)}`);
  const forged = copyOf(activation);
  setElementBits(forged, element, elementBits(activation, element) ^ mask);
  return await continueRun(hosted, honest, [...honest.trace.slice(0, kernel), forged], hosted.model.constants);
}

/** A number with at most four digits that matter. */
const short = (value: number | bigint | undefined): string => String(Number(Number(value).toPrecision(4)));
const grouped = (count: number): string => count.toLocaleString("en");

async function firstWanted(
  tries: number,
  wanted: Wanted,
  honest: Run,
  forge: (attempt: number) => Promise<Forgery>,
): Promise<Forgery> {
  let second: Forgery | undefined;
  for (let attempt = 0; attempt < tries; attempt++) {
    const forgery = await forge(attempt);
    if (forgery.run.outputRoot === honest.outputRoot) continue;
    if (wanted(forgery.run)) return forgery;
    second ??= forgery;
  }
  if (second === undefined) throw new Error("no forgery that was tried changes this answer");
  return second;
}

/** The largest tensor of weights, and the first kernel that reads it. */
function layerOfWeights({ model: { program, constants } }: HostedModel) {
  const sizes = constants.map(({ data, dtype }) => (dtype === "bool" ? 0 : data.length));
  const index = sizes.indexOf(Math.max(...sizes));
  const reader = program.kernels.findIndex(({ operands }) =>
    operands.some((operand) => operand.space === "constant" && operand.index === index),
  );
  const tensor = constants[index];
  if (tensor === undefined || reader < 0) throw new Error("the model has no weights to change");
  return { index, tensor, reader };
}

/** Bits of a value that no trained weight has: 50 as an f32, the largest of a signed integer. */
const extremeOf = (dtype: DType): bigint =>
  dtype === "f32" ? 0x42480000n : (1n << BigInt(8 * DTYPE_BYTES[dtype] - 1)) - 1n;

const copyOf = (tensor: Tensor): Tensor => tensorFromBytes(tensor.dtype, Uint8Array.from(tensorBytes(tensor)));

/** Executes the rest of a program after the start of a trace, with the given constants. */
async function continueRun(
  { model: { program } }: HostedModel,
  { inputs }: Run,
  start: readonly Tensor[],
  constants: readonly Tensor[],
): Promise<Run> {
  const trace = [...start];
  const spaces = { input: inputs, constant: constants, kernel: trace };
  for (const kernel of program.kernels.slice(start.length)) {
    const operands = kernel.operands.map(({ space, index }) => item<Tensor>(spaces[space], index));
    const output = createTensor(kernel.dtype, product(kernel.shape));
    // The compiled kernel yields from time to time: other tasks may run.
    for (const _pause of compiledOf(kernel)(operands, output)) await setImmediate();
    trace.push(output);
  }
  const outputs = program.outputs.map((index) => item(trace, index));
  const outputRoot = tensorsRoot(await commitTensors("commit outputs", outputs));
  return { inputs, trace, outputs, outputRoot };
}

const prepared = new WeakMap<Kernel, PreparedKernel>();

/** Compiling takes longer than executing, so each kernel is compiled once for all tries. */
function compiledOf(kernel: Kernel): PreparedKernel {
  const known = prepared.get(kernel) ?? compiled.prepare(kernel);
  prepared.set(kernel, known);
  return known;
}
