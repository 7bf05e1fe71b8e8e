import { AssayError } from "../errors.ts";
import type { Tensor } from "../machine/tensor.ts";
import { importModel, type ImportOptions, type Model } from "../onnx/import/import.ts";
import type { TaskOptions } from "../task.ts";
import { pairs } from "./pairs.ts";
import { readBytes } from "./read.ts";
import { readTensorFile } from "./tensor-file.ts";

/** A model with the bytes of the file that it came from. */
export interface ModelFile {
  readonly model: Model;
  readonly bytes: Uint8Array;
}

/** Imports a model file. @throws AssayError FILE_UNREADABLE and those of `importModel`. */
export function readModel(
  path: string,
  shapes: Pick<ImportOptions, "shapes" | "inputShapes">,
  { signal, onProgress }: TaskOptions = {},
): ModelFile {
  // Read here too, so that what is not a file is refused before the importer waits for it.
  const bytes = readBytes(path);
  const progress = (done: number, total: number): void => onProgress?.({ task: "import", done, total });
  const stop = signal === undefined ? {} : { signal };
  const model = importModel(path, { ...shapes, ...stop, onProgress: progress });
  return { model, bytes };
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
