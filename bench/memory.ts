import { prepareProgram } from "../runner/backends/backend.ts";
import { wasm } from "../runner/backends/wasm/wasm.ts";
import { item } from "../runner/items.ts";
import { DTYPE_BYTES } from "../runner/machine/dtype.ts";
import { createTensor } from "../runner/machine/tensor.ts";
import { importModel } from "../runner/onnx/index.ts";

/*
 * Largest memory of a process that imports a model and runs it twice: `npx tsx bench/memory.ts MODEL` prints bytes of
 * weights, of the process before the import, and at its largest.
 */

const before = process.resourceUsage().maxRSS * 1024;
const { program, constants } = importModel(item(process.argv, 2));
const weights = program.constants.reduce((sum, { dtype, length }) => sum + length * DTYPE_BYTES[dtype], 0);
const executable = prepareProgram(program, wasm);
const inputs = program.inputs.map(({ dtype, length }) => createTensor(dtype, length));
for (let i = 0; i < 2; i++) await executable.infer(inputs, constants);
console.log(JSON.stringify({ weights, before, peak: process.resourceUsage().maxRSS * 1024 }));
