import { item } from "../items.ts";
import { type DType, DTYPE_BYTES } from "../machine/dtype.ts";
import { type Tensor, tensorFrom } from "../machine/tensor.ts";
import type { ElementType } from "../onnx/file/element-type.ts";
import { storageOf } from "../onnx/file/element-type.ts";
import { malformed, unsupported } from "./refusal.ts";
import type { ShapedTensor } from "./shaped-tensor.ts";

/** Deeper nesting is refused; no model here has so many dimensions. */
const MAX_RANK = 64;

const NOT_FINITE: ReadonlyMap<unknown, number> = new Map([
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
]);

/**
 * A tensor from nested arrays. JSON does not say the element type, so the place that the tensor is for gives it.
 * Floats are rounded to f32 and may be "NaN", "Infinity" or "-Infinity"; integers beyond 2^53 are written as strings;
 * bool takes true, false, 0 and 1. A plain number has shape [].
 * @param path Named in errors.
 * @throws AssayError FILE_MALFORMED (ragged, wrong kinds of values, integers out of range), FILE_UNSUPPORTED.
 */
export function decodeJson(path: string, value: unknown, element: ElementType): ShapedTensor {
  const dtype = storageOf(element);
  if (dtype !== element) throw unsupported(path, `cannot give ${element} elements as JSON; save a .npy or .pb file`);
  const shape: number[] = [];
  for (let inner = value; Array.isArray(inner); inner = (inner as readonly unknown[])[0]) {
    if (inner.length === 0) throw unsupported(path, "has an empty array; a tensor has at least one element");
    shape.push(inner.length);
    if (shape.length > MAX_RANK) throw malformed(path, `is nested deeper than ${String(MAX_RANK)} arrays`);
  }
  const elements: (number | bigint)[] = [];
  const walk = (node: unknown, depth: number, place: string): void => {
    if (depth === shape.length) {
      elements.push(toElement(path, node, dtype, place));
      return;
    }
    if (!Array.isArray(node) || node.length !== shape[depth]) {
      const actual = Array.isArray(node) ? `${String(node.length)} entries` : `not an array`;
      throw malformed(path, `is ragged: ${place} has ${actual} where its first sibling has ${String(shape[depth])}`);
    }
    (node as readonly unknown[]).forEach((child, i) => walk(child, depth + 1, `${place}[${String(i)}]`));
  };
  walk(value, 0, "value");
  return { element, shape, tensor: tensorFrom(dtype, elements) };
}

function toElement(path: string, value: unknown, dtype: DType, place: string): number | bigint {
  const bad = (what: string): Error =>
    malformed(path, `has ${JSON.stringify(value)} at ${place}, which is not ${what}`);
  if (dtype === "f32") {
    const number = typeof value === "number" ? value : NOT_FINITE.get(value);
    if (number === undefined) throw bad('a number, "NaN", "Infinity" or "-Infinity"');
    return number;
  }
  if (dtype === "bool") {
    if (value === true || value === 1) return 1;
    if (value === false || value === 0) return 0;
    throw bad("true, false, 0 or 1");
  }
  const bits = 8 * DTYPE_BYTES[dtype];
  const integer =
    typeof value === "string" && /^-?\d{1,20}$/.test(value)
      ? BigInt(value)
      : Number.isSafeInteger(value)
        ? BigInt(value as number)
        : undefined;
  if (integer === undefined) throw bad(`an integer (write integers beyond 2^53 as strings)`);
  const wrapped = dtype.startsWith("i") ? BigInt.asIntN(bits, integer) : BigInt.asUintN(bits, integer);
  if (wrapped !== integer) throw bad(`in the range of ${dtype}`);
  return integer;
}

/** Nested arrays of a tensor, the inverse of `decodeJson`; 64-bit integers and values that JSON lacks are strings. */
export function encodeJson(tensor: Tensor, shape: readonly number[]): unknown {
  const values = Array.from<number | bigint>(tensor.data);
  const leaf = (value: number | bigint): unknown => {
    if (typeof value === "bigint") return value.toString();
    if (tensor.dtype === "bool") return value !== 0;
    return Number.isFinite(value) ? value : String(value);
  };
  let next = 0;
  const build = (depth: number): unknown =>
    depth === shape.length
      ? leaf(item(values, next++))
      : Array.from({ length: item(shape, depth) }, () => build(depth + 1));
  return build(0);
}
