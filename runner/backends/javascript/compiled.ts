import type { Backend, PreparedKernel } from "../backend.ts";
import { generate } from "./generate.ts";
import { f32FromBits, f32ToBits } from "../../machine/float.ts";
import { FLOAT, INTEGER, TO_FLOAT, TO_INT } from "../../machine/interpreter.ts";
import type { Kernel } from "../../machine/kernel.ts";
import type { Tensor } from "../../machine/tensor.ts";

/**
 * The fast backend: each kernel becomes a JavaScript function of its own. It agrees with the interpreter on every bit;
 * a fuzz test compares the two.
 */
export const compiled: Backend = { name: "compiled", prepare: compileKernel };

/** Output elements and reduction steps between two pauses. */
const SLICE_WORK = 2 ** 21;

/** What generated code has in scope. */
const SCOPE = { FLOAT, INTEGER, TO_FLOAT, TO_INT, f32FromBits, f32ToBits, fround: Math.fround };

type Arrays = Readonly<Record<string, ArrayBufferView>>;
type FillRange = (from: number, to: number) => void;

/** Compiles a verified kernel. */
function compileKernel(kernel: Kernel): PreparedKernel {
  const { source, size, work } = generate(kernel);
  const names = kernel.operands.flatMap((_, i) => [`A${String(i)}`, `A${String(i)}lo`, `A${String(i)}hi`]);
  const body = [
    '"use strict";',
    `const { ${Object.keys(SCOPE).join(", ")} } = scope;`,
    `return ({ ${[...names, "OUT", "OUT_BITS"].join(", ")} }) => (from, to) => {`,
    source,
    "};",
  ].join("\n");
  // SAFETY: the source is made of numbers, names of our own and opcodes of a closed set; nothing of a model is text.
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  const bind = (new Function("scope", body) as (scope: typeof SCOPE) => (arrays: Arrays) => FillRange)(SCOPE);
  const slice = 4 * Math.max(1, Math.floor(SLICE_WORK / work / 4));
  return function* (operands, output) {
    const run = bind(arraysOf(operands, output));
    for (let from = 0; from < size; from += slice) {
      if (from > 0) yield;
      run(from, Math.min(size, from + slice));
    }
  };
}

/** The arrays by the names that generated code uses. A u64 is read as the i64 of its bits, which is its register. */
function arraysOf(operands: readonly Tensor[], output: Tensor): Arrays {
  const arrays: Record<string, ArrayBufferView> = { OUT: output.data };
  if (output.dtype === "f32") {
    arrays.OUT_BITS = new Uint32Array(output.data.buffer, output.data.byteOffset, output.data.length);
  }
  operands.forEach(({ dtype, data }, i) => {
    const name = `A${String(i)}`;
    const { buffer, byteOffset, length } = data;
    arrays[name] = dtype === "u64" ? new BigInt64Array(buffer, byteOffset, length) : data;
    if (dtype !== "u64" && dtype !== "i64") return;
    arrays[`${name}lo`] = new Uint32Array(buffer, byteOffset, 2 * length);
    arrays[`${name}hi`] = new Int32Array(buffer, byteOffset, 2 * length);
  });
  return arrays;
}
