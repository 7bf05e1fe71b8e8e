import { item } from "../../items.ts";
import type { Program } from "../../machine/kernel.ts";
import { product } from "../../machine/shape.ts";
import { copyTensor, createTensor, type Tensor, tensorBytes } from "../../machine/tensor.ts";
import { kernelByKernel, type Kept, type OnOutput, type PreparedProgram } from "../backend.ts";
import { compiled } from "../javascript/compiled.ts";
import { fusedUnits, tracedUnits } from "./fuse.ts";
import { type Layout, layOut } from "./layout.ts";
import { instantiate, type Run, runHere } from "./module.ts";
import { Threads } from "./threads.ts";

const PAGE = 65536;

/** A program's code for what an execution gives back. */
interface Code {
  readonly layout: Layout;
  readonly module: WebAssembly.Module;
}

/** Constants in a memory, packed, for a code. */
interface Loaded {
  readonly code: Code;
  readonly constants: readonly Tensor[];
  readonly memory: Uint8Array;
  readonly run: Run;
  readonly threads: Threads | undefined;
}

/**
 * Prepares a program. An execution that gives back only outputs has its own code and memory layout. A memory is kept for
 * the next execution of the same kind with the same constants; executions at the same time have a memory each. What would
 * take 4 GiB of memory or more is left to the JavaScript backend.
 * @param threads How many threads share the work, this one included.
 */
export function prepareWasmProgram(program: Program, threads: number): PreparedProgram {
  const codes = new Map<Kept, Code | undefined>();
  const codeFor = (kept: Kept): Code | undefined => {
    if (!codes.has(kept)) {
      const units = kept === "trace" ? tracedUnits(program) : fusedUnits(program);
      const layout = layOut(program, units, threads > 1);
      codes.set(kept, layout && { layout, module: new WebAssembly.Module(layout.module) });
    }
    return codes.get(kept);
  };
  codeFor("outputs");
  let instead: PreparedProgram | undefined;
  /** At most one. */
  const idle: Loaded[] = [];
  return function* (inputs, constants, kept, onOutput) {
    const code = codeFor(kept);
    if (code === undefined) {
      instead ??= kernelByKernel(program, compiled);
      return yield* instead(inputs, constants, kept, onOutput);
    }
    // Taken while it is in use: an execution that is never finished does not give it back.
    let loaded = idle.pop();
    if (loaded?.constants !== constants || loaded.code !== code) {
      loaded?.threads?.end();
      loaded = yield* load(code, constants, threads);
    }
    const outputs = yield* execute(program, loaded, inputs, kept, onOutput);
    for (const { threads: others } of idle.splice(0)) others?.end();
    idle.push(loaded);
    return outputs;
  };
}

/** Copies constants to a new memory and packs them. */
function* load(code: Code, constants: readonly Tensor[], threads: number): Generator<number, Loaded> {
  const { layout, module } = code;
  const pages = layout.bytes / PAGE;
  const memory = new WebAssembly.Memory(
    threads > 1 ? { initial: pages, maximum: pages, shared: true } : { initial: pages },
  );
  const functions = instantiate(module, memory);
  const run = runHere(functions);
  const bytes = new Uint8Array(memory.buffer);
  for (const [index, at] of layout.constants) {
    copyTensor(item(constants, index), bytes.subarray(at));
    yield 0;
  }
  for (const { constant, at, from, copies } of layout.packed) {
    if (!layout.constants.has(constant)) copyTensor(item(constants, constant), bytes.subarray(from));
    for (const routine of copies) for (const _pause of run({ routine, addresses: [at, from] })) yield 0;
  }
  const started = threads > 1 ? new Threads(module, memory, functions, run, threads) : undefined;
  return { code, constants, memory: bytes, run: started?.run ?? run, threads: started };
}

function* execute(
  program: Program,
  { code: { layout }, memory, run }: Loaded,
  inputs: readonly Tensor[],
  kept: Kept,
  onOutput?: OnOutput,
): Generator<number, readonly Tensor[]> {
  layout.inputs.forEach((at, i) => {
    if (at !== undefined) memory.set(tensorBytes(item(inputs, i)), at);
  });
  const given = new Set(program.outputs);
  const wanted = kept === "trace" ? undefined : given;
  const outputs = new Map<number, Tensor>();
  for (const { kernel, calls, at } of layout.steps) {
    for (const call of calls) for (const _pause of run(call)) yield kernel;
    if (wanted?.has(kernel) !== false) {
      const { dtype, shape } = item(program.kernels, kernel);
      const output = createTensor(dtype, product(shape));
      const bytes = tensorBytes(output);
      bytes.set(memory.subarray(at, at + bytes.length));
      outputs.set(kernel, output);
      if (given.has(kernel)) onOutput?.(output, kernel);
    }
    yield kernel + 1;
  }
  const order = kept === "trace" ? program.kernels.keys() : program.outputs;
  return [...order].flatMap((kernel) => outputs.get(kernel) ?? []);
}
