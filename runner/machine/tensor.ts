import { AssayError } from "../errors.ts";
import { DTYPE_BYTES, type DType } from "./dtype.ts";
import type { TensorType } from "./kernel.ts";
import { LIMITS } from "./limits.ts";
import type { StridedView } from "./strided.ts";

/** The typed array that holds the elements of a dtype. */
export interface TensorArrays {
  readonly f32: Float32Array<ArrayBuffer>;
  readonly i64: BigInt64Array<ArrayBuffer>;
  readonly i32: Int32Array<ArrayBuffer>;
  readonly i16: Int16Array<ArrayBuffer>;
  readonly i8: Int8Array<ArrayBuffer>;
  readonly u64: BigUint64Array<ArrayBuffer>;
  readonly u32: Uint32Array<ArrayBuffer>;
  readonly u16: Uint16Array<ArrayBuffer>;
  readonly u8: Uint8Array<ArrayBuffer>;
  readonly bool: Uint8Array<ArrayBuffer>;
}

/**
 * A flat row of elements of one dtype; its length is `data.length`. A union over dtypes: testing `dtype` narrows
 * `data`. The bytes under `data` are little-endian, exactly what commitments hash, so NaN payloads survive. Elements
 * that are `stored` elsewhere are read when somebody asks for `data`, and forgotten when nobody holds them any more.
 */
export type Tensor = {
  readonly [D in DType]: { readonly dtype: D; readonly data: TensorArrays[D]; readonly stored?: Stored };
}[DType];

/** Elements that lie elsewhere, in a file for example, until they are needed. They never change. */
export interface Stored {
  readonly byteLength: number;
  /** Writes all bytes to the start of `target`. @throws AssayError FILE_UNREADABLE where they are in a file. */
  readonly copyTo: (target: Uint8Array) => void;
  /** The same elements in another order, NaNs of f32 made canonical; the view must lie inside. */
  readonly rearranged?: (dtype: DType, view: StridedView) => Stored;
}

if (new Uint8Array(Uint16Array.of(1).buffer)[0] !== 1) {
  throw new Error("Assay needs a little-endian host: tensors are committed as the bytes of typed arrays");
}

/** A tensor of zeros. @throws AssayError OUT_OF_RANGE unless 1 <= length < 2^32. */
export function createTensor(dtype: DType, length: number): Tensor {
  if (!Number.isInteger(length) || length < 1 || length > LIMITS.count) {
    throw new AssayError("OUT_OF_RANGE", `a tensor has 1 to 2^32 - 1 elements, not ${String(length)}`, {
      name: "length",
      value: length,
      range: "1 to 2^32 - 1",
    });
  }
  return view(dtype, new ArrayBuffer(length * DTYPE_BYTES[dtype]), 0, length);
}

/**
 * A tensor over little-endian bytes. Shares memory with `bytes` where alignment allows, otherwise copies.
 * @throws AssayError TENSOR_MISMATCH when the bytes are not a whole number of elements, OUT_OF_RANGE when there are none.
 */
export function tensorFromBytes(dtype: DType, bytes: Uint8Array): Tensor {
  const width = DTYPE_BYTES[dtype];
  const length = bytes.byteLength / width;
  if (!Number.isInteger(length)) {
    throw new AssayError("TENSOR_MISMATCH", `${String(bytes.byteLength)} bytes are not whole ${dtype} elements`, {
      name: "bytes",
      expected: `a multiple of ${String(width)} bytes`,
      actual: `${String(bytes.byteLength)} bytes`,
    });
  }
  if (length > 0 && length <= LIMITS.count && bytes.buffer instanceof ArrayBuffer && bytes.byteOffset % width === 0) {
    return view(dtype, bytes.buffer, bytes.byteOffset, length);
  }
  const tensor = createTensor(dtype, length);
  tensorBytes(tensor).set(bytes);
  return tensor;
}

/** A tensor of the given values, converted as typed arrays convert. Numbers for 64-bit dtypes must be integers. */
export function tensorFrom(dtype: DType, values: Iterable<number | bigint>): Tensor {
  const row = [...values];
  const tensor = createTensor(dtype, row.length);
  const { data } = tensor;
  row.forEach((value, i) => {
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[i] = BigInt(value);
    else data[i] = Number(value);
  });
  return tensor;
}

/** A tensor whose elements are stored elsewhere; whole elements, at least one. */
export function storedTensor(dtype: DType, stored: Stored): Tensor {
  let known = new WeakRef<object>({});
  const read = (): Tensor["data"] => {
    const held = known.deref();
    if (held !== undefined && "buffer" in held) return held as Tensor["data"];
    const tensor = createTensor(dtype, stored.byteLength / DTYPE_BYTES[dtype]);
    stored.copyTo(tensorBytes(tensor));
    known = new WeakRef(tensor.data);
    return tensor.data;
  };
  const tensor = {
    dtype,
    stored,
    get data() {
      return read();
    },
  };
  return tensor as Tensor;
}

/** Copies all bytes of a tensor to the start of `target`. */
export function copyTensor(tensor: Tensor, target: Uint8Array): void {
  if (tensor.stored === undefined) target.set(tensorBytes(tensor));
  else tensor.stored.copyTo(target);
}

/** The little-endian bytes of a tensor: a view, not a copy. */
export function tensorBytes({ data }: Tensor): Uint8Array<ArrayBuffer> {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** dtype and length of a tensor. */
export const tensorType = (tensor: Tensor): TensorType => ({
  dtype: tensor.dtype,
  length: tensor.stored === undefined ? tensor.data.length : tensor.stored.byteLength / DTYPE_BYTES[tensor.dtype],
});

/** Bits of one element, zero-extended, as they are stored. `index` must be inside the tensor. */
export function elementBits(tensor: Tensor, index: number): bigint {
  const width = DTYPE_BYTES[tensor.dtype];
  const bytes = tensorBytes(tensor).subarray(index * width, (index + 1) * width);
  return bytes.reduceRight((bits, byte) => (bits << 8n) | BigInt(byte), 0n);
}

/** Stores the low bits of `bits` as one element. `index` must be inside the tensor. */
export function setElementBits(tensor: Tensor, index: number, bits: bigint): void {
  const width = DTYPE_BYTES[tensor.dtype];
  const bytes = tensorBytes(tensor);
  for (let i = 0; i < width; i++) bytes[index * width + i] = Number((bits >> BigInt(8 * i)) & 0xffn);
}

/** First element whose bits differ, of two tensors of one type; -1 when there is none. */
export function firstDifference(a: Tensor, b: Tensor): number {
  const [left, right] = [tensorBytes(a), tensorBytes(b)];
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return Math.floor(i / DTYPE_BYTES[a.dtype]);
  return -1;
}

/**
 * @throws AssayError TENSOR_MISMATCH unless the tensor is there and has the type; `name` says whose tensor it is. An
 * undefined type means that there should be no tensor.
 */
function expectTensorType(name: string, tensor: Tensor | undefined, type: TensorType | undefined): void {
  const actual = tensor === undefined ? "missing" : nameOfType(tensorType(tensor));
  const expected = type === undefined ? "absent" : nameOfType(type);
  if (actual === expected) return;
  throw new AssayError("TENSOR_MISMATCH", `${name} must be ${expected}, but is ${actual}`, { name, expected, actual });
}

/** @throws AssayError TENSOR_MISMATCH unless the tensors have the types, in number too. */
export function expectTensors(name: string, tensors: readonly Tensor[], types: readonly TensorType[]): void {
  for (let i = 0; i < Math.max(tensors.length, types.length); i++) {
    expectTensorType(`${name} ${String(i)}`, tensors[i], types[i]);
  }
}

/** As in `f32[1000]`. */
export const nameOfType = ({ dtype, length }: TensorType): string => `${dtype}[${String(length)}]`;

function view(dtype: DType, buffer: ArrayBuffer, offset: number, length: number): Tensor {
  switch (dtype) {
    case "f32":
      return { dtype, data: new Float32Array(buffer, offset, length) };
    case "i64":
      return { dtype, data: new BigInt64Array(buffer, offset, length) };
    case "i32":
      return { dtype, data: new Int32Array(buffer, offset, length) };
    case "i16":
      return { dtype, data: new Int16Array(buffer, offset, length) };
    case "i8":
      return { dtype, data: new Int8Array(buffer, offset, length) };
    case "u64":
      return { dtype, data: new BigUint64Array(buffer, offset, length) };
    case "u32":
      return { dtype, data: new Uint32Array(buffer, offset, length) };
    case "u16":
      return { dtype, data: new Uint16Array(buffer, offset, length) };
    case "u8":
    case "bool":
      return { dtype, data: new Uint8Array(buffer, offset, length) };
  }
}
