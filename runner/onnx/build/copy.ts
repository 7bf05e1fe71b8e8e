import { DTYPE_BYTES } from "../../machine/dtype.ts";
import type { Kernel } from "../../machine/kernel.ts";
import { copyStrided, spanOf } from "../../machine/strided.ts";
import { createTensor, storedTensor, type Tensor, tensorBytes, tensorType } from "../../machine/tensor.ts";
import { elementCount } from "../file/element-type.ts";

/** Bytes below which a copy of what is stored elsewhere is made at once. */
const SMALL_BYTES = 2 ** 20;

/**
 * Executes a kernel that only moves elements (one read, no guards, no code) as a strided copy: what the interpreter
 * would do, without its cost. f32 elements pass through a register, so NaNs become the canonical one. A large copy of
 * elements that are stored elsewhere is made when it is read.
 */
export const copyDirectly = (kernel: Kernel, operands: readonly Tensor[]): Tensor | undefined => {
  const [read, ...more] = kernel.finish.reads;
  const { constants, code } = kernel.finish;
  if (kernel.reduce || read === undefined || more.length + constants.length + code.length > 0) return undefined;
  if (read.guards.length > 0 || read.gather !== undefined) return undefined;
  const source = operands[read.operand];
  if (source?.dtype !== kernel.dtype) return undefined;
  const view = { shape: kernel.shape, strides: read.strides, base: read.base };
  const { low, high } = spanOf(view);
  // From here on every offset is inside the source.
  if (low < 0 || high >= tensorType(source).length) return undefined;
  const count = elementCount(kernel.shape);
  const moved = source.stored?.rearranged?.(kernel.dtype, view);
  if (moved !== undefined && count * DTYPE_BYTES[kernel.dtype] >= SMALL_BYTES) return storedTensor(kernel.dtype, moved);
  const output = createTensor(kernel.dtype, count);
  copyStrided(kernel.dtype, tensorBytes(source), tensorBytes(output), view);
  return output;
};
