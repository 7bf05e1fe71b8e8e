import { item } from "../../items.ts";
import type { Affine } from "../../machine/kernel.ts";
import { rowMajor } from "../../machine/shape.ts";
import { type Body, type BodyStage, type LoopKernel, mapRead } from "./body.ts";

/** The indices of a row-major element as affine functions, or a level to split first: its inner part has so many indices. */
export type Digits = { readonly digits: readonly Affine[] } | { readonly level: number; readonly inner: number };

/**
 * The indices of the element at an affine offset of a row-major tensor of the given dimensions, where each is an affine
 * function of the levels too. Undefined where they are not.
 */
export function digitsOf(
  { base, strides }: Affine,
  sizes: readonly number[],
  dims: readonly number[],
): Digits | undefined {
  const steps = rowMajor(dims);
  const digits = dims.map((_, d) => ({
    base: Math.floor(base / item(steps, d)) % item(dims, d),
    strides: sizes.map(() => 0),
  }));
  const most = digits.map((digit) => digit.base);
  for (const [level, stride] of strides.entries()) {
    const size = sizes[level] ?? 1;
    if (stride === 0 || size === 1) continue;
    if (stride < 0) return undefined;
    // The dimension of the largest step that is at most the stride.
    const d = steps.findIndex((step, i) => step <= stride && item(dims, i) > 1);
    if (d < 0) return undefined;
    const by = stride / item(steps, d);
    if (!Number.isInteger(by)) return undefined;
    const room = item(dims, d);
    if (by * (size - 1) >= room) {
      const inner = room / by;
      return Number.isInteger(inner) && inner > 1 && size % inner === 0 ? { level, inner } : undefined;
    }
    item(digits, d).strides[level] = by;
    most[d] = item(most, d) + by * (size - 1);
  }
  return most.every((digit, d) => digit < item(dims, d)) ? { digits } : undefined;
}

/** A level as two: the outer one takes steps of `inner` indices. */
export function splitLevel(kernel: LoopKernel, level: number, inner: number): LoopKernel {
  const two = (stride: number): number[] => [stride * inner, stride];
  const affine = ({ base, strides }: Affine): Affine => ({
    base,
    strides: strides.flatMap((stride, l) => (l === level ? two(stride) : [stride])),
  });
  const stage = (given: BodyStage): BodyStage => ({
    ...given,
    sources: given.sources.map((source) =>
      "read" in source ? { read: mapRead(source.read, affine) } : { body: body(source.body) },
    ),
    indices: given.indices.map(affine),
  });
  const body = (given: Body): Body => ({
    ...given,
    ...(given.reduce && {
      reduce: {
        ...given.reduce,
        levels: given.reduce.levels.flatMap((l) => (l === level ? [l, l + 1] : [l > level ? l + 1 : l])),
        init: stage(given.reduce.init),
        step: stage(given.reduce.step),
      },
    }),
    finish: stage(given.finish),
  });
  const size = item(kernel.sizes, level);
  return {
    ...kernel,
    sizes: kernel.sizes.flatMap((s, l) => (l === level ? [size / inner, inner] : [s])),
    outputs: kernel.outputs + (level < kernel.outputs ? 1 : 0),
    at: affine(kernel.at),
    body: body(kernel.body),
  };
}
