import { item } from "../../items.ts";
import { DTYPE_BYTES } from "../../machine/dtype.ts";
import type { Kernel } from "../../machine/kernel.ts";
import { product } from "../../machine/shape.ts";
import { type Tensor, tensorBytes } from "../../machine/tensor.ts";
import type { Backend, PreparedKernel } from "../backend.ts";
import { compiled } from "../javascript/compiled.ts";
import { loopKernel } from "./body.ts";
import { generateKernel } from "./generate.ts";
import { instantiate, ModuleBuilder } from "./module.ts";

/**
 * The backend for whole models: kernels become functions of WebAssembly, four outputs at a time. It agrees with the
 * interpreter on every bit; a fuzz test compares the two.
 */
export const wasm: Backend = { name: "wasm", prepare: prepareKernel };

const PAGE = 65536;
const ALIGNMENT = 64;
/** Memory of one kernel beyond which the JavaScript backend takes over. */
const MOST_BYTES = 2 ** 32 - PAGE;

/** One kernel by itself, over a memory of its own: operands are copied in, the output out. */
function prepareKernel(kernel: Kernel): PreparedKernel {
  const builder = new ModuleBuilder();
  const { function: main, panels, tiles } = generateKernel(loopKernel(kernel), () => false);
  const number = builder.add(main);
  const packs = panels.map(({ copies }) =>
    copies.map((copy) => {
      const made = generateKernel(copy, () => false);
      return { number: builder.add(made.function), tiles: made.tiles };
    }),
  );
  let end = ALIGNMENT;
  const place = (bytes: number): number => {
    const at = end;
    end += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    return at;
  };
  const operandsAt = kernel.operands.map(({ dtype, length }) => place(length * DTYPE_BYTES[dtype]));
  const panelsAt = panels.map(({ operand, length }) => place(length * DTYPE_BYTES[item(kernel.operands, operand).dtype]));
  const outputAt = place(product(kernel.shape) * DTYPE_BYTES[kernel.dtype]);
  if (end > MOST_BYTES) return compiled.prepare(kernel);
  const module = new WebAssembly.Module(builder.assemble());
  return function* (operands: readonly Tensor[], output: Tensor) {
    const memory = new WebAssembly.Memory({ initial: Math.ceil(end / PAGE) });
    const functions = instantiate(module, memory);
    const bytes = new Uint8Array(memory.buffer);
    operands.forEach((operand, i) => bytes.set(tensorBytes(operand), item(operandsAt, i)));
    panels.forEach(({ operand }, i) => {
      for (const pack of item(packs, i)) {
        item(functions, pack.number)(item(panelsAt, i), item(operandsAt, operand), 0, pack.tiles);
      }
    });
    const run = item(functions, number);
    for (let tile = 0; tile < tiles; tile++) {
      run(outputAt, ...operandsAt, ...panelsAt, tile, tile + 1);
      if (tile % 16 === 15) yield;
    }
    const made = tensorBytes(output);
    made.set(bytes.subarray(outputAt, outputAt + made.length));
  };
}
