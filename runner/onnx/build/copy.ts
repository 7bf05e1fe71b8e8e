import { item } from "../../items.ts";
import { DTYPE_BYTES } from "../../machine/dtype.ts";
import { CANONICAL_NAN } from "../../machine/float.ts";
import type { Kernel } from "../../machine/kernel.ts";
import { createTensor, type Tensor } from "../../machine/tensor.ts";
import { elementCount } from "../file/element-type.ts";
import { eachOffset } from "./view.ts";

/**
 * Executes a kernel that only moves elements (one read, no guards, no code) as a strided copy: what the interpreter
 * would do, without its cost. f32 elements pass through a register, so NaNs become the canonical one.
 */
export const copyDirectly = (kernel: Kernel, operands: readonly Tensor[]): Tensor | undefined => {
  const [read, ...more] = kernel.finish.reads;
  const { constants, code } = kernel.finish;
  if (kernel.reduce || read === undefined || more.length + constants.length + code.length > 0) return undefined;
  if (read.guards.length > 0 || read.gather !== undefined) return undefined;
  const source = operands[read.operand];
  if (source?.dtype !== kernel.dtype) return undefined;
  const view = { shape: kernel.shape, strides: read.strides, base: read.base };
  const low = view.shape.reduce((at, d, i) => at + Math.min(0, item(view.strides, i) * (d - 1)), view.base);
  const high = view.shape.reduce((at, d, i) => at + Math.max(0, item(view.strides, i) * (d - 1)), view.base);
  // From here on every offset is inside the source.
  if (low < 0 || high >= source.data.length) return undefined;
  const output = createTensor(kernel.dtype, elementCount(kernel.shape));
  let n = 0;
  const offsets = eachOffset(view);
  const [from, to] = [source.data, output.data];
  if (DTYPE_BYTES[kernel.dtype] === 8) {
    const [words, copy] = [
      new BigUint64Array(from.buffer, from.byteOffset, from.length),
      new BigUint64Array(to.buffer),
    ];
    for (const offset of offsets) copy[n++] = words[offset] as bigint;
    return output;
  }
  const View = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[DTYPE_BYTES[kernel.dtype]] ?? Uint32Array;
  const [words, copy] = [new View(from.buffer, from.byteOffset, from.length), new View(to.buffer)];
  const float = kernel.dtype === "f32";
  for (const offset of offsets) {
    const word = words[offset] as number;
    copy[n++] = float && (word & 0x7fffffff) > 0x7f800000 ? CANONICAL_NAN : word;
  }
  return output;
};
