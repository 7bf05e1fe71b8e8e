import type { Kernel } from "./kernel.ts";
import { product } from "./shape.ts";

/** What a kernel costs to execute and to commit. Counts, exact below 2^53. */
export interface KernelCost {
  /** Output elements. */
  readonly elements: number;
  /** Reduction steps of one element; 0 when the kernel does not reduce. */
  readonly stepsPerElement: number;
  /** Reduction steps in all. */
  readonly steps: number;
  /** Steps that multiply and add: the usual measure of a layer's work. */
  readonly multiplyAccumulates: number;
  /** Instructions executed in all, reads not counted. */
  readonly instructions: number;
  /** Reads executed in all. */
  readonly reads: number;
}

const MULTIPLIES = new Set(["fmul", "imul"]);
const ADDS = new Set(["fadd", "iadd", "fsub", "isub"]);

export function kernelCost(kernel: Kernel): KernelCost {
  const elements = product(kernel.shape);
  const { reduce, finish } = kernel;
  const stepsPerElement = reduce === undefined ? 0 : product(reduce.dims);
  const steps = elements * stepsPerElement;
  const code = reduce?.step.code ?? [];
  const accumulates = code.some(({ op }) => MULTIPLIES.has(op)) && code.some(({ op }) => ADDS.has(op));
  const outer = (count: (stage: Kernel["finish"]) => number): number =>
    elements * (count(finish) + (reduce === undefined ? 0 : count(reduce.init)));
  return {
    elements,
    stepsPerElement,
    steps,
    multiplyAccumulates: accumulates ? steps : 0,
    instructions: outer((stage) => stage.code.length) + steps * code.length,
    reads: outer((stage) => stage.reads.length) + steps * (reduce?.step.reads.length ?? 0),
  };
}
