/** Elements of a shape, steps of a reduction: the product of the dimensions, 1 when there are none. */
export const product = (dims: readonly number[]): number => dims.reduce((count, dim) => count * dim, 1);

/** Strides of a row-major layout, in elements: the last dimension has stride 1. */
export function rowMajor(dims: readonly number[]): number[] {
  const strides: number[] = [];
  let stride = 1;
  for (const dim of dims.toReversed()) {
    strides.unshift(stride);
    stride *= dim;
  }
  return strides;
}
