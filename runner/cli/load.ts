import { AssayError } from "../errors.ts";
import { readBytes } from "../files/read.ts";
import { readTensorFile } from "../files/tensor-file.ts";
import type { Tensor } from "../machine/tensor.ts";
import { importModel, type Model } from "../onnx/import/import.ts";
import type { CommandContext } from "./context.ts";
import { pairs, type Shapes } from "./options.ts";

/** A model with the bytes of the file that it came from. */
export interface LoadedModel {
  readonly model: Model;
  readonly bytes: Uint8Array;
}

/** Imports a model. @throws AssayError FILE_UNREADABLE and those of `importModel`. */
export function loadModel(path: string, shapes: Shapes, { signal, onProgress }: CommandContext): LoadedModel {
  // Read here too, so that what is not a file is refused before the importer waits for it.
  const bytes = readBytes(path);
  const progress = (done: number, total: number): void => onProgress?.({ task: "import", done, total });
  const model = importModel(path, { ...shapes, signal, onProgress: progress });
  return { model, bytes };
}

/**
 * Reads the tensors of `--input NAME=FILE`, in the order of the model's inputs.
 * @throws AssayError INPUT_NAMES unless exactly the model's inputs are given, USAGE, and those of `readTensorFile`.
 */
export function loadInputs(model: Model, values: readonly string[]): readonly Tensor[] {
  const files = pairs("--input", values);
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
    const message = `the model takes ${takes}; ${parts.join("; ")}; give --input NAME=FILE for each`;
    throw new AssayError("INPUT_NAMES", message, { missing, unknown });
  }
  return model.inputs.map((port) => readTensorFile(files.get(port.name) ?? "", port));
}
