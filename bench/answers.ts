import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { prepareProgram } from "../runner/backends/backend.ts";
import { wasmOn } from "../runner/backends/wasm/wasm.ts";
import { item } from "../runner/items.ts";
import { encodeKernel } from "../runner/machine/encoding.ts";
import { importModel, unrollDecoder } from "../runner/onnx/index.ts";
import { ort, ORT_TYPES } from "../testing/onnxruntime.ts";
import { randomInput } from "./inputs.ts";

/*
 * Whole answers of a decoder with cached keys and values: `npm run bench:answers -- MODEL [--prompt N] [--tokens T]
 * [--threads N]`, for example of `npm run bench:recipe -- DIR gpt-2-decoder`. Prints the sizes of the program, how long its
 * import and its runs take (on a busy machine the time of a processor says more), and tokens a second, here and of onnxruntime-web running the same file.
 */

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    prompt: { type: "string", default: "16" },
    tokens: { type: "string", default: "16" },
    threads: { type: "string", default: "1" },
    runs: { type: "string", default: "3" },
  },
});
const [promptLength, tokens] = [Number(values.prompt), Number(values.tokens)];
const ms = (time: number): string => `${time.toFixed(0)} ms`;

/** Runs a thing and says how long it took. */
async function timed<T>(what: string, run: () => T | Promise<T>): Promise<T> {
  const [start, used] = [performance.now(), process.cpuUsage()];
  const result = await run();
  const { user, system } = process.cpuUsage(used);
  console.log(`${what.padEnd(28)} ${ms(performance.now() - start)}, ${ms((user + system) / 1000)} of a processor`);
  return result;
}

const decoder = readFileSync(item(positionals, 0));
const file = await timed("unroll", () => unrollDecoder(decoder, { promptLength, tokens }));
const model = await timed("import", () => importModel(file));
const { program, constants } = model;
const bytes = program.kernels.reduce((sum, kernel) => sum + encodeKernel(kernel).length, 0);
const weights = constants.reduce((sum, { data }) => sum + data.byteLength, 0);
console.log(
  `kernels ${String(program.kernels.length)}, program ${String(bytes)} bytes, weights ${String(weights)} bytes`,
);
const executable = await timed("prepare", () => prepareProgram(program, wasmOn(Number(values.threads))));
const inputs = model.inputs.map((port) => randomInput(port, 50));
const fastest = async (what: string, run: () => Promise<string>): Promise<string> => {
  let [least, busy, answer] = [Infinity, Infinity, ""];
  for (let i = 0; i < Number(values.runs); i++) {
    const [start, used] = [performance.now(), process.cpuUsage()];
    answer = await run();
    const { user, system } = process.cpuUsage(used);
    least = Math.min(least, performance.now() - start);
    busy = Math.min(busy, (user + system) / 1000);
  }
  const rate = `${((1000 * tokens) / least).toFixed(2)} tokens a second`;
  console.log(`${what.padEnd(28)} ${ms(least)}, ${ms(busy)} of a processor, ${rate}`);
  return answer;
};
const ours = await fastest("answer", async () => item(await executable.infer(inputs, constants), 0).data.join(" "));
const session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"] });
const feeds = Object.fromEntries(
  model.inputs.map(({ name, dtype, shape }, i) => [
    name,
    new ort.Tensor(ORT_TYPES[dtype], item(inputs, i).data, shape),
  ]),
);
const theirs = await fastest("answer of onnxruntime-web", async () => {
  const { tokens: row } = await session.run(feeds);
  return (row?.data as BigInt64Array).join(" ");
});
console.log(ours === theirs ? "the same tokens" : `other tokens: ${ours} and ${theirs}`);
process.exitCode = ours === theirs ? 0 : 1;
