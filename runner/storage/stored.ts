import type { DType } from "../machine/dtype.ts";
import { DTYPE_BYTES } from "../machine/dtype.ts";
import { copyStrided, spanOf, type StridedView } from "../machine/strided.ts";
import { type Stored, storedTensor, type Tensor } from "../machine/tensor.ts";
import { item } from "../items.ts";
import { type FileClone, OpenFile } from "./open-file.ts";

/** Bytes from which a tensor's data stay in their file until they are needed. */
export const STORED_BYTES = 2 ** 20;
/** Bytes of a file that are read at a time to be put in another order. */
const PART_BYTES = 2 ** 22;

/** A tensor in a file as another thread of the process takes it. */
export interface StoredClone {
  readonly dtype: DType;
  readonly file: FileClone;
  readonly offset: number;
  readonly bytes: number;
  readonly view?: StridedView | undefined;
}

/** Little-endian elements in a file. */
export class StoredInFile implements Stored {
  readonly byteLength: number;
  readonly #file: OpenFile;
  readonly #offset: number;

  constructor(file: OpenFile, offset: number, byteLength: number) {
    this.#file = file;
    this.#offset = offset;
    this.byteLength = byteLength;
  }

  copyTo(target: Uint8Array): void {
    this.#file.read(this.#offset, target.subarray(0, this.byteLength));
  }

  read(offset: number, target: Uint8Array): void {
    this.#file.read(this.#offset + offset, target);
  }

  rearranged(dtype: DType, view: StridedView): Stored {
    return new Rearranged(this, dtype, view);
  }

  clone(dtype: DType): StoredClone {
    return { dtype, file: this.#file.clone(), offset: this.#offset, bytes: this.byteLength };
  }
}

/** Elements in a file, in another order. */
class Rearranged implements Stored {
  readonly byteLength: number;
  readonly #from: StoredInFile;
  readonly #dtype: DType;
  readonly #view: StridedView;

  constructor(from: StoredInFile, dtype: DType, view: StridedView) {
    this.#from = from;
    this.#dtype = dtype;
    this.#view = view;
    this.byteLength = view.shape.reduce((count, size) => count * size, 1) * DTYPE_BYTES[dtype];
  }

  /** Reads the file part by part: along the dimension that moves most in it, a few indices at a time. */
  copyTo(target: Uint8Array): void {
    const { shape, strides, base } = this.#view;
    const width = DTYPE_BYTES[this.#dtype];
    const reach = (d: number): number => Math.abs(item(strides, d)) * (item(shape, d) - 1);
    const dimension = shape.reduce(
      (best, size, d) => (size > 1 && Math.abs(strides[d] ?? 0) > Math.abs(strides[best] ?? 0) ? d : best),
      0,
    );
    const size = shape[dimension] ?? 1;
    const step = Math.abs(strides[dimension] ?? 0);
    const others = shape.reduce((sum, _, d) => (d === dimension ? sum : sum + reach(d)), 0) + 1;
    // Where parts would overlap much, all is read at once.
    const wanted =
      others > 2 * step ? size : Math.max(1, Math.floor((PART_BYTES / width - others) / Math.max(1, step)));
    const buffer = bufferOf((others + (Math.min(size, wanted) - 1) * step) * width);
    for (let first = 0; first < size; first += wanted) {
      const count = Math.min(size - first, wanted);
      const moved = { shape: shape.map((each, d) => (d === dimension ? count : each)), strides, base: 0 };
      const { low, high } = spanOf(moved);
      const start = base + first * (strides[dimension] ?? 0) + low;
      const bytes = buffer.subarray(0, (high - low + 1) * width);
      this.#from.read(start * width, bytes);
      copyStrided(this.#dtype, bytes, target, { shape, strides, base: base - start }, { dimension, first, count });
    }
  }

  clone(dtype: DType): StoredClone {
    return { ...this.#from.clone(dtype), view: this.#view };
  }
}

let partBuffer = new Uint8Array(0);

/** A buffer for one part: the same one again and again, unless it is large. */
function bufferOf(bytes: number): Uint8Array {
  if (bytes > PART_BYTES) return new Uint8Array(bytes);
  if (partBuffer.length === 0) partBuffer = new Uint8Array(PART_BYTES);
  return partBuffer;
}

/** What another thread of the process makes the same tensor of; the tensor itself when it is in memory. */
export const cloneOfTensor = (tensor: Tensor): Tensor | StoredClone => {
  const { stored } = tensor;
  return stored instanceof StoredInFile || stored instanceof Rearranged ? stored.clone(tensor.dtype) : tensor;
};

export const tensorOfClone = (clone: Tensor | StoredClone): Tensor => {
  if (!("file" in clone)) return clone;
  const { dtype, file, offset, bytes, view } = clone;
  const stored = new StoredInFile(OpenFile.fromClone(file), offset, bytes);
  return storedTensor(dtype, view === undefined ? stored : stored.rearranged(dtype, view));
};
