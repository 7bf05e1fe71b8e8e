import { parentPort } from "node:worker_threads";

import solc from "solc";

import type { CompilerInput, CompilerOutput } from "./build.ts";

/*
 * The compiler in a thread of its own, so that the next mutant is compiled while the last one is tested.
 */

interface Compiler {
  readonly compile: (input: string) => string;
}

const compiler: Compiler = solc;

parentPort?.on("message", ({ id, input }: { readonly id: number; readonly input: CompilerInput }) => {
  const output = JSON.parse(compiler.compile(JSON.stringify(input))) as CompilerOutput;
  parentPort?.postMessage({ id, output });
});
