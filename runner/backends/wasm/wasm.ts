import type { Kernel, Operand } from "../../machine/kernel.ts";
import { type Tensor, tensorBytes } from "../../machine/tensor.ts";
import type { Backend, PreparedKernel } from "../backend.ts";
import { prepareWasmProgram } from "./program.ts";
import { threadsAllowed } from "./threads.ts";

/**
 * The backend for whole models: kernels become functions of WebAssembly that compute four outputs at a time. It agrees
 * with the interpreter on every bit; a fuzz test compares the two. What needs 4 GiB of memory or more is left to the
 * JavaScript backend.
 */
export const wasm: Backend = wasmOn(1);

/**
 * The same with several threads, which share the work of each kernel; results do not depend on their number. In a
 * browser only a page that is isolated from other sites (`crossOriginIsolated`) has more than one.
 */
export function wasmOn(wanted: number): Backend {
  const threads = threadsAllowed() ? wanted : 1;
  return {
    name: threads === 1 ? "wasm" : `wasm on ${String(threads)} threads`,
    prepare: prepareKernel,
    prepareProgram: (program) => prepareWasmProgram(program, threads),
  };
}

/** Constants of a kernel by itself: always the same list, so that its memory is kept. */
const NONE: readonly Tensor[] = [];

/** One kernel by itself, as a program whose inputs are its operands. */
function prepareKernel(kernel: Kernel): PreparedKernel {
  const inputs = kernel.operands.map(({ dtype, length }) => ({ dtype, length }));
  const operands = kernel.operands.map((operand, index): Operand => ({ ...operand, space: "input", index }));
  const program = { inputs, constants: [], kernels: [{ ...kernel, operands }], outputs: [0] };
  const execute = prepareWasmProgram(program, 1);
  return function* (tensors, output) {
    const run = execute(tensors, NONE, "outputs");
    let step = run.next();
    for (; step.done !== true; step = run.next()) yield;
    for (const made of step.value) tensorBytes(output).set(tensorBytes(made));
  };
}
