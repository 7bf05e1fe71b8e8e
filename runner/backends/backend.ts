import { item } from "../items.ts";
import { executeElement } from "../machine/interpreter.ts";
import { product } from "../machine/shape.ts";
import type { Kernel, Program } from "../machine/kernel.ts";
import { createTensor, expectTensors, setElementBits, type Tensor } from "../machine/tensor.ts";
import { verifyProgram } from "../machine/verify.ts";
import { runTask, type TaskOptions } from "../task.ts";

/**
 * Executes kernels. The interpreter is the definition; any other backend agrees with it on every bit. A backend
 * prepares a kernel once and then fills outputs any number of times.
 */
export interface Backend {
  readonly name: string;
  readonly prepare: (kernel: Kernel) => PreparedKernel;
}

/** Fills `output` from the kernel's operands; yields from time to time so that the caller can pause or stop it. */
export type PreparedKernel = (operands: readonly Tensor[], output: Tensor) => Iterable<void>;

/** A program whose kernels a backend has prepared. */
export interface Executable {
  readonly program: Program;
  /**
   * Outputs of all kernels, in order; progress in kernels. Lets the event loop run between slices of work.
   * @throws AssayError TENSOR_MISMATCH when inputs or constants are not the program's, ABORTED.
   */
  readonly run: (
    inputs: readonly Tensor[],
    constants: readonly Tensor[],
    options?: TaskOptions,
  ) => Promise<readonly Tensor[]>;
}

/** The definition itself. */
export const interpreter: Backend = {
  name: "interpreter",
  prepare: (kernel) =>
    function* (operands, output) {
      for (let o = 0; o < output.data.length; o++) {
        setElementBits(output, o, executeElement(kernel, operands, o));
        if ((o & 0xff) === 0xff) yield;
      }
    },
};

/** Verifies a program and prepares its kernels. @throws AssayError KERNEL_INVALID or PROGRAM_INVALID. */
export function prepareProgram(program: Program, backend: Backend): Executable {
  verifyProgram(program);
  const kernels = program.kernels.map((kernel) => ({ kernel, fill: backend.prepare(kernel) }));
  return {
    program,
    async run(inputs, constants, options) {
      expectTensors("input", inputs, program.inputs);
      expectTensors("constant", constants, program.constants);
      return await runTask("execute", kernels.length, execution(kernels, inputs, constants), options);
    },
  };
}

function* execution(
  kernels: readonly { readonly kernel: Kernel; readonly fill: PreparedKernel }[],
  inputs: readonly Tensor[],
  constants: readonly Tensor[],
): Generator<number, readonly Tensor[]> {
  const outputs: Tensor[] = [];
  const spaces = { input: inputs, constant: constants, kernel: outputs };
  for (const { kernel, fill } of kernels) {
    const operands = kernel.operands.map(({ space, index }) => item<Tensor>(spaces[space], index));
    const output = createTensor(kernel.dtype, product(kernel.shape));
    for (const _pause of fill(operands, output)) yield outputs.length;
    outputs.push(output);
    yield outputs.length;
  }
  return outputs;
}
