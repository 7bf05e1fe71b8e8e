import { extname } from "node:path";

import { AssayError, isAssayError } from "../errors.ts";
import type { TensorType } from "../machine/kernel.ts";
import { type Tensor, tensorType } from "../machine/tensor.ts";
import { decodeTensor } from "../onnx/file/decode.ts";
import { readTensor } from "../onnx/file/tensors.ts";
import type { ElementType } from "../onnx/file/element-type.ts";
import { decodeJson } from "./json.ts";
import { decodeNpy } from "./npy.ts";
import { readBytes, readJson } from "./read.ts";
import { malformed, unsupported } from "./refusal.ts";
import type { ShapedTensor } from "./shaped-tensor.ts";

/** The place that a tensor is read for: an input or output of a model. */
export interface TensorPlace {
  readonly name: string;
  readonly element: ElementType;
  readonly shape: readonly number[];
}

/** Longest JSON text that is read: a JavaScript string holds about twice as much. */
const MAX_JSON_BYTES = 2 ** 28;

/** Remedy for a file of another element type. */
const REMEDY: Readonly<Partial<Record<ElementType, string>>> = {
  f32: "save it as float32, in numpy with array.astype(numpy.float32)",
  f16: "save it as float16",
  i64: "save it as int64",
  bool: "save it as bool",
};

/**
 * Reads a tensor for a place from a .npy, .pb (ONNX TensorProto) or .json (nested arrays) file.
 * @throws AssayError FILE_UNREADABLE, FILE_MALFORMED, FILE_UNSUPPORTED, or TENSOR_MISMATCH when element type or shape
 * are not the place's: nothing is converted silently.
 */
export function readTensorFile(path: string, place: TensorPlace): Tensor {
  const { element, shape, tensor } = decodeFile(path, place.element);
  const mismatch = (expected: string, actual: string, remedy: string): AssayError =>
    new AssayError("TENSOR_MISMATCH", `"${place.name}" takes ${expected}, ${path} holds ${actual}; ${remedy}`, {
      name: place.name,
      expected,
      actual,
    });
  if (element !== place.element) {
    throw mismatch(place.element, element, REMEDY[place.element] ?? `save it as ${place.element}`);
  }
  if (shape.length !== place.shape.length || shape.some((size, d) => size !== place.shape[d])) {
    throw mismatch(dims(place.shape), dims(shape), "reshape it, or bind the model's symbolic sizes with --shape");
  }
  return tensor;
}

/**
 * Reads a tensor of a dtype with so many elements, in whatever shape the file gives them: all that a registry knows of the
 * inputs of a version.
 * @throws as `readTensorFile` does.
 */
export function readTensorOf(path: string, name: string, { dtype, length }: TensorType): Tensor {
  const { tensor } = decodeFile(path, dtype);
  const actual = tensorType(tensor);
  if (actual.dtype === dtype && actual.length === length) return tensor;
  const text = (type: TensorType): string => `${String(type.length)} elements of ${type.dtype}`;
  const [expected, held] = [text({ dtype, length }), text(actual)];
  const details = { name, expected, actual: held };
  throw new AssayError("TENSOR_MISMATCH", `"${name}" takes ${expected}, ${path} holds ${held}`, details);
}

function decodeFile(path: string, element: ElementType): ShapedTensor {
  switch (extname(path).toLowerCase()) {
    case ".npy":
      return decodeNpy(path, readBytes(path));
    case ".json":
      return decodeJson(path, readJson(path, MAX_JSON_BYTES), element);
    case ".pb":
      return decodePb(path, readBytes(path));
    default:
      throw unsupported(path, "has a name that does not end in .npy, .pb or .json; save the tensor as one of these");
  }
}

/** The importer's errors do not name the file: the path is added here. */
function decodePb(path: string, bytes: Uint8Array): ShapedTensor {
  try {
    const { element, shape, tensor } = readTensor(decodeTensor(bytes));
    if (tensor === undefined) throw unsupported(path, "has no elements; a tensor has at least one");
    return { element, shape, tensor };
  } catch (error) {
    if (!isAssayError(error) || !error.code.startsWith("ONNX_")) throw error;
    throw malformed(path, `is not a tensor that can be read: ${error.message}`, error);
  }
}

const dims = (shape: readonly number[]): string => `shape [${shape.join(", ")}]`;
