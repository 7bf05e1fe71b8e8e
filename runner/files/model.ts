import { AssayError } from "../errors.ts";
import type { Tensor } from "../machine/tensor.ts";
import { OpenFile } from "../storage/open-file.ts";
import { decodeFile } from "../onnx/file/skeleton.ts";
import { importFile } from "../onnx/import/file.ts";
import type { ImportOptions, Model } from "../onnx/import/import.ts";
import type { TaskOptions } from "../task.ts";
import { pairs, usage } from "./pairs.ts";
import { readTensorFile } from "./tensor-file.ts";

/** A model with the file that it came from. */
export interface ModelFile {
  readonly model: Model;
  readonly file: OpenFile;
}

/** Sizes of symbolic dimensions and whole shapes of inputs, as `importModel` takes them. */
export type Shapes = Pick<Required<ImportOptions>, "shapes" | "inputShapes">;

/**
 * Imports a model file.
 * @param defaults Sizes of symbolic dimensions where `shapes` gives none; the model may lack these dimensions.
 * @throws AssayError FILE_UNREADABLE, USAGE when `shapes` names what the model lacks, and those of `importModel`.
 */
export function readModel(
  path: string,
  shapes: Partial<Shapes>,
  { signal, onProgress }: TaskOptions = {},
  defaults: Shapes["shapes"] = {},
): ModelFile {
  const file = OpenFile.open(path);
  expectNames(file, shapes);
  const progress = (done: number, total: number): void => onProgress?.({ task: "import", done, total });
  const stop = signal === undefined ? {} : { signal };
  const sizes = { ...shapes, shapes: { ...defaults, ...shapes.shapes } };
  return { model: importFile(file, { ...sizes, ...stop, onProgress: progress }), file };
}

/** @throws AssayError USAGE unless the model has every dimension and every input that is given a size. */
function expectNames(file: OpenFile, { shapes = {}, inputShapes = {} }: Partial<Shapes>): void {
  const given = { dimension: Object.keys(shapes), input: Object.keys(inputShapes) };
  if (given.dimension.length + given.input.length === 0) return;
  const { input = [], initializer = [] } = decodeFile(file).graph ?? {};
  const initialized = new Set(initializer.map(({ name }) => name));
  const inputs = input.filter(({ name }) => !initialized.has(name));
  const dimensions = inputs.flatMap(({ type }) => type?.tensor_type?.shape?.dim ?? []);
  const known = {
    dimension: new Set(dimensions.flatMap(({ dim_param: name }) => (name ? [name] : []))),
    input: new Set(inputs.flatMap(({ name }) => name ?? [])),
  };
  for (const kind of ["dimension", "input"] as const) {
    const unknown = given[kind].find((name) => !known[kind].has(name));
    if (unknown === undefined) continue;
    const names =
      known[kind].size === 0 ? "it has none" : `it has ${[...known[kind]].map((name) => `"${name}"`).join(", ")}`;
    throw usage("--shape", `names ${kind} "${unknown}", which the model does not have; ${names}`);
  }
}

/**
 * Reads tensors given as `NAME=FILE`, in the order of the model's inputs. `option` is where they were given.
 * @throws AssayError INPUT_NAMES unless exactly the model's inputs are given, USAGE, and those of `readTensorFile`.
 */
export function readInputs(model: Model, option: string, values: readonly string[]): readonly Tensor[] {
  const files = pairs(option, values);
  const names = model.inputs.map(({ name }) => name);
  const missing = names.filter((name) => !files.has(name));
  const unknown = [...files.keys()].filter((name) => !names.includes(name));
  if (missing.length > 0 || unknown.length > 0) {
    const takes = model.inputs
      .map(({ name, element, shape }) => `${name} (${element} [${shape.join(", ")}])`)
      .join(", ");
    const parts = [
      missing.length > 0 ? `missing: ${missing.join(", ")}` : "",
      unknown.length > 0 ? `not an input: ${unknown.join(", ")}` : "",
    ].filter((part) => part !== "");
    const message = `the model takes ${takes}; ${parts.join("; ")}; give ${option} NAME=FILE for each`;
    throw new AssayError("INPUT_NAMES", message, { missing, unknown });
  }
  return model.inputs.map((port) => readTensorFile(files.get(port.name) ?? "", port));
}
