import { item } from "../../items.ts";
import type { Program } from "../../machine/kernel.ts";
import { product } from "../../machine/shape.ts";
import { createTensor, type Tensor, tensorBytes } from "../../machine/tensor.ts";
import type { Kept, PreparedProgram } from "../backend.ts";
import { fusedUnits, singleUnits } from "./fuse.ts";
import { type Layout, layOut } from "./layout.ts";
import { instantiate, runSlices, type WasmFunction } from "./module.ts";

const PAGE = 65536;

/** A program's code for what an execution gives back. */
interface Code {
  readonly kept: Kept;
  readonly layout: Layout;
  readonly module: WebAssembly.Module;
}

/** Constants in a memory, packed, for a code. */
interface Loaded {
  readonly code: Code;
  readonly constants: readonly Tensor[];
  readonly memory: Uint8Array;
  readonly functions: readonly WasmFunction[];
}

/**
 * Prepares a program; undefined when it would take 4 GiB of memory or more. An execution that gives back only outputs has
 * its own code and memory layout; the memory is kept until the other kind of execution, or other constants, come.
 */
export function prepareWasmProgram(program: Program): PreparedProgram | undefined {
  const codeFor = (kept: Kept): Code | undefined => {
    const layout = layOut(program, kept === "trace" ? singleUnits(program) : fusedUnits(program));
    return layout && { kept, layout, module: new WebAssembly.Module(layout.module) };
  };
  const first = codeFor("outputs");
  if (first === undefined) return undefined;
  const codes = new Map<Kept, Code>([["outputs", first]]);
  let loaded: Loaded | undefined;
  return function* (inputs, constants, kept) {
    const code = codes.get(kept) ?? codeFor(kept) ?? first;
    codes.set(kept, code);
    if (loaded?.constants !== constants || loaded.code !== code) loaded = yield* load(code, constants);
    return yield* execute(program, loaded, inputs, kept);
  };
}

/** Copies constants to a new memory and packs them. */
function* load(code: Code, constants: readonly Tensor[]): Generator<number, Loaded> {
  const { layout, module } = code;
  const memory = new WebAssembly.Memory({ initial: layout.bytes / PAGE });
  const functions = instantiate(module, memory);
  const bytes = new Uint8Array(memory.buffer);
  for (const [index, at] of layout.constants) {
    bytes.set(tensorBytes(item(constants, index)), at);
    yield 0;
  }
  for (const { constant, at, copies } of layout.packed) {
    const direct = layout.constants.get(constant);
    const from = direct ?? layout.staging;
    if (direct === undefined) bytes.set(tensorBytes(item(constants, constant)), from);
    for (const routine of copies)
      for (const _pause of runSlices(functions, { routine, addresses: [at, from] })) yield 0;
  }
  return { code, constants, memory: bytes, functions };
}

function* execute(
  program: Program,
  { code: { layout }, memory, functions }: Loaded,
  inputs: readonly Tensor[],
  kept: Kept,
): Generator<number, readonly Tensor[]> {
  layout.inputs.forEach((at, i) => {
    if (at !== undefined) memory.set(tensorBytes(item(inputs, i)), at);
  });
  const wanted = kept === "trace" ? undefined : new Set(program.outputs);
  const outputs = new Map<number, Tensor>();
  for (const { kernel, calls, at } of layout.steps) {
    for (const call of calls) for (const _pause of runSlices(functions, call)) yield kernel;
    if (wanted?.has(kernel) !== false) {
      const { dtype, shape } = item(program.kernels, kernel);
      const output = createTensor(dtype, product(shape));
      const bytes = tensorBytes(output);
      bytes.set(memory.subarray(at, at + bytes.length));
      outputs.set(kernel, output);
    }
    yield kernel + 1;
  }
  const order = kept === "trace" ? program.kernels.keys() : program.outputs;
  return [...order].flatMap((kernel) => outputs.get(kernel) ?? []);
}
