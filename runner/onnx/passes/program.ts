import { entry, item } from "../../items.ts";
import type { Kernel, Operand, Program } from "../../machine/kernel.ts";
import { type Tensor, tensorType } from "../../machine/tensor.ts";
import type { Lowering, NodeName } from "../build/lowering.ts";
import { isDense, type Value } from "../build/value.ts";
import { elementCount, storageOf } from "../file/element-type.ts";
import { importError } from "../file/refusal.ts";
import { fuseKernels } from "./fuse.ts";
import { liveKernels } from "./live.ts";

/** A program, the constants it names, and the nodes whose work each of its kernels does. */
interface Finished {
  readonly program: Program;
  readonly constants: readonly Tensor[];
  readonly nodes: readonly (readonly NodeName[])[];
}

/**
 * Makes the program of what has been lowered: every output becomes a kernel of its own, dense and row-major; kernels
 * and constants that no output depends on disappear.
 */
export const finishProgram = (lowering: Lowering, outputs: readonly Value[]): Finished => {
  if (outputs.length === 0) throw importError("ONNX_INVALID", "the graph has no outputs");
  const kernels: number[] = [];
  for (const value of outputs) {
    if (elementCount(value.shape) === 0) {
      throw importError("ONNX_UNSUPPORTED", "an output has no elements");
    }
    const whole = isDense(value) && value.base === 0 && lowering.typeOf(value).length === elementCount(value.shape);
    const direct = whole && value.space === "kernel" && !kernels.includes(value.index);
    kernels.push(
      direct
        ? value.index
        : lowering.emitKernel({
            dtype: storageOf(value.element),
            shape: value.shape,
            finish: (stage, out) => stage.load(value, out),
          }),
    );
  }
  const fused = fuseKernels(lowering.kernels, kernels);
  const nodes = fused.parts.map((part) => {
    const names = part.flatMap((k) => lowering.origins[k] ?? []);
    return [...new Map(names.map((node) => [`${node.operator} ${node.name}`, node])).values()];
  });
  const { inputs, constants } = lowering;
  return prune({ inputs, constants, kernels: fused.kernels, nodes, outputs: kernels });
};

interface Unpruned {
  readonly inputs: Program["inputs"];
  readonly constants: readonly Tensor[];
  readonly kernels: readonly Kernel[];
  readonly nodes: Finished["nodes"];
  readonly outputs: readonly number[];
}

/** Keeps what the outputs depend on and renumbers it. */
const prune = (program: Unpruned): Finished => {
  const live = liveKernels(program.kernels, program.outputs);
  const kernelNumber = new Map([...live].sort((a, b) => a - b).map((k, n) => [k, n]));
  const constantNumber = new Map<number, number>();
  const constants: Tensor[] = [];
  const renumber = (operand: Operand): Operand => {
    if (operand.space === "input") return operand;
    if (operand.space === "kernel") return { ...operand, index: entry(kernelNumber, operand.index) };
    const known = constantNumber.get(operand.index);
    if (known !== undefined) return { ...operand, index: known };
    const tensor = program.constants[operand.index];
    if (tensor === undefined) throw importError("ONNX_INVALID", "a kernel names a constant that does not exist");
    const index = constants.push(tensor) - 1;
    constantNumber.set(operand.index, index);
    return { ...operand, index };
  };
  const kernels = [...kernelNumber.keys()].map((k): Kernel => {
    const kernel = item(program.kernels, k);
    return { ...kernel, operands: kernel.operands.map(renumber) };
  });
  return {
    program: {
      inputs: program.inputs,
      constants: constants.map(tensorType),
      kernels,
      outputs: program.outputs.map((k) => entry(kernelNumber, k)),
    },
    constants,
    nodes: [...kernelNumber.keys()].map((k) => item(program.nodes, k)),
  };
};
