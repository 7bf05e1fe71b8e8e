import { item } from "../../items.ts";
import { type DType, DTYPE_BYTES } from "../../machine/dtype.ts";
import { type Stored, storedTensor, type Tensor, tensorFrom, tensorFromBytes } from "../../machine/tensor.ts";
import type { RawTensor } from "./decode.ts";
import { type ElementType, elementCount, storageOf } from "./element-type.ts";
import { importError } from "./refusal.ts";

/** Element types by the number that ONNX gives them. Strings and complex numbers are not supported. */
const ELEMENT_BY_NUMBER: Readonly<Record<number, ElementType>> = {
  1: "f32",
  2: "u8",
  3: "i8",
  4: "u16",
  5: "i16",
  6: "i32",
  7: "i64",
  9: "bool",
  10: "f16",
  11: "f64",
  12: "u32",
  13: "u64",
  16: "bf16",
  17: "f8e4m3fn",
  18: "f8e4m3fnuz",
  19: "f8e5m2",
  20: "f8e5m2fnuz",
  21: "u4",
  22: "i4",
  23: "f4e2m1",
  25: "u2",
  26: "i2",
};

const NAME_BY_NUMBER: Readonly<Record<number, string>> = { 8: "string", 14: "complex64", 15: "complex128" };

/** Element type of an ONNX type number. @throws AssayError ONNX_UNSUPPORTED for types without a representation. */
export const elementType = (number: number | undefined, tensor: string): ElementType => {
  const element = ELEMENT_BY_NUMBER[number ?? 0];
  if (element === undefined) {
    const name = NAME_BY_NUMBER[number ?? 0] ?? `number ${String(number)}`;
    throw importError("ONNX_UNSUPPORTED", `element type ${name} is not supported`, { tensor });
  }
  return element;
};

/** A tensor that is known at import. `tensor` is absent when there are no elements. */
export interface Dense {
  readonly element: ElementType;
  readonly shape: readonly number[];
  readonly tensor?: Tensor;
}

/** Dimensions as numbers, their product checked before anything is allocated. */
export const checkedShape = (dims: readonly bigint[], tensor: string): number[] => {
  const count = dims.some((dim) => dim === 0n) ? 0n : dims.reduce((n, dim) => n * dim, 1n);
  if (dims.some((dim) => dim < 0n || dim >= 2n ** 32n) || count >= 2n ** 32n) {
    throw importError("ONNX_LIMIT", `shape [${dims.join(", ")}] is outside 0 to 2^32 - 1 elements`, { tensor });
  }
  return dims.map(Number);
};

/** Reads the bytes of a tensor that lie outside the model file. */
export type ExternalReader = (raw: RawTensor, byteLength: number) => Uint8Array | Stored;

/**
 * A TensorProto as a tensor. Its data must be there in full: nothing is allocated from its dimensions alone.
 * @throws AssayError ONNX_MALFORMED when data and dimensions differ, ONNX_UNSUPPORTED for element types that the machine cannot hold.
 */
export const readTensor = (raw: RawTensor, external?: ExternalReader): Dense => {
  const name = raw.name ?? "";
  const element = elementType(raw.data_type, name);
  const shape = checkedShape(raw.dims, name);
  const count = elementCount(shape);
  if (count === 0) return { element, shape };
  const storage = storageOf(element);
  const packing = PACKED[element];
  const width = packing === undefined ? DTYPE_BYTES[storage] : packing / 8;
  const byteLength = Math.ceil(count * width);
  const data = raw.data_location === 1 ? external?.(raw, byteLength) : (raw.place ?? raw.raw_data);
  if (raw.data_location === 1 && data === undefined) {
    throw importError("ONNX_EXTERNAL_DATA", "the tensor's data are in another file", {
      tensor: name,
      remedy: "import the model by its path, with its data files in the same folder",
    });
  }
  if (data !== undefined && data.byteLength > 0) {
    if (data.byteLength !== byteLength) {
      throw wrongLength(name, `${String(byteLength)} bytes`, `${String(data.byteLength)} bytes`);
    }
    if (packing === undefined && !(data instanceof Uint8Array)) {
      return { element, shape, tensor: storedTensor(storage, data) };
    }
    const bytes = bytesOf(data);
    return {
      element,
      shape,
      tensor: packing ? unpack(bytes, count, storage, packing) : tensorFromBytes(storage, bytes),
    };
  }
  const list = listOf(raw, element);
  if (packing !== undefined && list.length === byteLength) {
    return { element, shape, tensor: unpack(Uint8Array.from(list, Number), count, storage, packing) };
  }
  if (list.length !== count) throw wrongLength(name, `${String(count)} elements`, String(list.length));
  return { element, shape, tensor: tensorFrom(storage, list) };
};

/** A copy, so that the file's bytes need not be kept. */
const bytesOf = (data: Uint8Array | Stored): Uint8Array => {
  const bytes = new Uint8Array(data.byteLength);
  if (data instanceof Uint8Array) bytes.set(data);
  else data.copyTo(bytes);
  return bytes;
};

const listOf = (raw: RawTensor, element: ElementType): readonly (number | bigint)[] => {
  switch (element) {
    case "f32":
      return raw.float_data;
    case "i64":
      return raw.int64_data;
    case "u32":
    case "u64":
      return raw.uint64_data;
    case "f64":
      return [...new BigUint64Array(Float64Array.from(raw.double_data).buffer)];
    default:
      return raw.int32_data;
  }
};

/** Bits of the elements that share a byte, the first in the lowest bits. */
const PACKED: Readonly<Partial<Record<ElementType, number>>> = { u4: 4, i4: 4, f4e2m1: 4, u2: 2, i2: 2 };

const unpack = (bytes: Uint8Array, count: number, storage: DType, bits: number): Tensor =>
  tensorFrom(
    storage,
    Array.from({ length: count }, (_, i) => {
      const place = i * bits;
      const code = (item(bytes, place >> 3) >> (place & 7)) & (2 ** bits - 1);
      return storage === "i8" && code >= 2 ** (bits - 1) ? code - 2 ** bits : code;
    }),
  );

const wrongLength = (tensor: string, expected: string, actual: string): Error =>
  importError("ONNX_MALFORMED", `the tensor's dimensions ask for ${expected}, its data have ${actual}`, { tensor });
