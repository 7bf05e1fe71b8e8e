import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";

import { item } from "../../runner/items.ts";
import { decodeModel } from "../../runner/onnx/file/decode.ts";
import { readTensor } from "../../runner/onnx/file/tensors.ts";

/** The folder of the model that has a circuit, and its model file. */
const FOLDER = "models/integer-digits";
export const INTEGER_DIGITS = `${FOLDER}/integer-digits.onnx`;

/** A circuit as circom compiles it: its constraints, and the program that computes its signals. */
export interface CompiledCircuit {
  readonly r1cs: Uint8Array;
  readonly wasm: Uint8Array;
}

/** The weights and biases of a model file, by name, as rows of whole numbers. */
async function weightsOf(path: string): Promise<ReadonlyMap<string, readonly (readonly number[])[]>> {
  const { initializer = [] } = decodeModel(new Uint8Array(await readFile(path))).graph ?? {};
  return new Map(
    initializer.map((proto) => {
      const { tensor, shape } = readTensor(proto);
      const values = Array.from(tensor?.data ?? [], Number);
      const width = shape.at(-1) ?? 1;
      return [
        proto.name ?? "",
        Array.from({ length: values.length / width }, (_, i) => values.slice(i * width, (i + 1) * width)),
      ];
    }),
  );
}

/** Largest absolute value of each sum, when each input is at most so large. */
const reach = (
  weights: readonly (readonly number[])[],
  biases: readonly number[],
  inputs: readonly number[],
): readonly number[] =>
  biases.map((bias, j) =>
    weights.reduce((sum, row, i) => sum + Math.abs(item(row, j)) * item(inputs, i), Math.abs(bias)),
  );

/** Source of the circuit of a model of the form in `classifier.circom`, with the weights of its file. */
export async function circuitSource(path: string): Promise<string> {
  const weights = await weightsOf(path);
  const matrix = (name: string): readonly (readonly number[])[] => weights.get(name) ?? [];
  const [first, second] = [matrix("weights1"), matrix("weights2")];
  const row = (name: string): readonly number[] => item(matrix(name), 0);
  const [biases1, biases2] = [row("biases1"), row("biases2")];
  const sums = reach(first, biases1, new Array<number>(first.length).fill(255));
  if (Math.max(...reach(second, biases2, sums)) >= 2 ** 31) throw new Error("a score may leave 32 bits");
  const width = Math.max(...sums).toString(2).length;
  const sizes = [first.length, second.length, biases2.length, width];
  const values = [...sizes, first, biases1, second, biases2].map((value) => JSON.stringify(value));
  const template = await readFile(join(FOLDER, "classifier.circom"), "utf8");
  return `${template}\ncomponent main {public [context, data]} = Classifier(${values.join(", ")});\n`;
}

/** Compiles a circuit in a folder of its own. */
export async function compileCircuit(source: string, folder: string): Promise<CompiledCircuit> {
  await writeFile(join(folder, "circuit.circom"), source);
  const compiler = createRequire(import.meta.url).resolve("circom2/cli.js");
  await promisify(execFile)(process.execPath, [compiler, "circuit.circom", "--O1", "--r1cs", "--wasm"], {
    cwd: folder,
  });
  const read = async (...path: readonly string[]): Promise<Uint8Array> =>
    new Uint8Array(await readFile(join(folder, ...path)));
  return { r1cs: await read("circuit.r1cs"), wasm: await read("circuit_js", "circuit.wasm") };
}
