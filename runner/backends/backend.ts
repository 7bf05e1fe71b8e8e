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
  /** Whole programs, for a backend that has a better way than kernel by kernel. */
  readonly prepareProgram?: (program: Program) => PreparedProgram;
}

/** Fills `output` from the kernel's operands; yields from time to time so that the caller can pause or stop it. */
export type PreparedKernel = (operands: readonly Tensor[], output: Tensor) => Iterable<void>;

/** What an execution gives back: the outputs of all kernels, or only the program's. */
export type Kept = "trace" | "outputs";

/**
 * Executes a program; yields from time to time how many of its kernels are done. Constants must not change between two
 * executions that are given the same list of them: a backend may keep its own copy.
 */
export type PreparedProgram = (
  inputs: readonly Tensor[],
  constants: readonly Tensor[],
  kept: Kept,
  onOutput?: OnOutput,
) => Generator<number, readonly Tensor[]>;

/** Is given each of the program's outputs as soon as it is there. */
export type OnOutput = (output: Tensor, kernel: number) => void;

/** Options of an execution. */
export interface ExecuteOptions extends TaskOptions {
  readonly onOutput?: OnOutput | undefined;
}

/** A program whose kernels a backend has prepared. */
export interface Executable {
  readonly program: Program;
  /** As `run`, but gives only the program's outputs, in their order, and so can be faster and take less memory. */
  readonly infer: (
    inputs: readonly Tensor[],
    constants: readonly Tensor[],
    options?: ExecuteOptions,
  ) => Promise<readonly Tensor[]>;
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
  const execute = backend.prepareProgram?.(program) ?? kernelByKernel(program, backend);
  const task =
    (kept: Kept) =>
    async (
      inputs: readonly Tensor[],
      constants: readonly Tensor[],
      options?: ExecuteOptions,
    ): Promise<readonly Tensor[]> => {
      expectTensors("input", inputs, program.inputs);
      expectTensors("constant", constants, program.constants);
      return await runTask(
        "execute",
        program.kernels.length,
        execute(inputs, constants, kept, options?.onOutput),
        options,
      );
    };
  return { program, run: task("trace"), infer: task("outputs") };
}

/** Executes a verified program one kernel after the other. */
export function kernelByKernel(program: Program, backend: Backend): PreparedProgram {
  const kernels = program.kernels.map((kernel) => ({ kernel, fill: backend.prepare(kernel) }));
  return function* (inputs, constants, kept, onOutput) {
    const trace: Tensor[] = [];
    const spaces = { input: inputs, constant: constants, kernel: trace };
    for (const { kernel, fill } of kernels) {
      const operands = kernel.operands.map(({ space, index }) => item<Tensor>(spaces[space], index));
      const output = createTensor(kernel.dtype, product(kernel.shape));
      for (const _pause of fill(operands, output)) yield trace.length;
      trace.push(output);
      if (program.outputs.includes(trace.length - 1)) onOutput?.(output, trace.length - 1);
      yield trace.length;
    }
    return kept === "trace" ? trace : program.outputs.map((kernel) => item(trace, kernel));
  };
}
