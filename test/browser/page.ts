import {
  commitEnds,
  commitModel,
  importModel,
  isAssayError,
  prepareProgram,
  tensorFrom,
  wasm,
  wasmOn,
} from "../../runner/browser.ts";

/* What the page of the browser test runs: it imports a model, executes it and tells the server what it found. */

const response = await fetch("/model.onnx");
const bytes = new Uint8Array(await response.arrayBuffer());
const model = importModel(bytes, { shapes: { N: 1 } });
const inputs = [tensorFrom("f32", (await (await fetch("/input.json")).json()) as number[])];
const executable = prepareProgram(model.program, wasm);
const outputs = await executable.infer(inputs, model.constants);
const trace = await executable.run(inputs, model.constants);
const { commitment } = await commitModel(model.program, model.constants);
let refusal: unknown;
try {
  importModel(bytes.subarray(0, 100));
} catch (error) {
  refusal = isAssayError(error) ? error.code : String(error);
}
// A product that is large enough to be shared between threads.
const table = importModel(new Uint8Array(await (await fetch("/product.onnx")).arrayBuffer()));
const x = tensorFrom(
  "f32",
  Array.from({ length: 256 * 256 }, (_, i) => Math.fround(Math.sin(i))),
);
const roots: string[] = [];
for (const threads of [1, 2]) {
  const { infer } = prepareProgram(table.program, wasmOn(threads));
  for (let i = 0; i < 5; i++) roots.push((await commitEnds([x], await infer([x], table.constants))).outputRoot);
}
const threads = { isolated: "SharedArrayBuffer" in globalThis, same: new Set(roots).size === 1 };
const found = { ...(await commitEnds(inputs, outputs)), commitment, tensors: trace.length, refusal, threads };
await fetch("/found", { method: "POST", body: JSON.stringify(found) });
