import { item } from "../../../items.ts";
import type { Index } from "../../build/affine.ts";
import type { NodeContext } from "../../build/node.ts";
import type { Value } from "../../build/value.ts";
import { range } from "../common.ts";

/** How a window of a convolution or a pool slides over the spatial dimensions. */
export interface Windows {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** Output sizes. */
  readonly out: readonly number[];
}

/** Reads kernel_shape, strides, dilations, pads and auto_pad. */
export const windowsOf = (
  node: NodeContext,
  sizes: readonly number[],
  weightKernel: readonly number[] | undefined,
  options: { readonly ceil?: boolean; readonly dilates?: boolean } = {},
): Windows => {
  const given = node.ints("kernel_shape");
  const kernel = given ?? weightKernel;
  if (kernel === undefined) throw node.invalid("the attribute is missing", "kernel_shape");
  if (weightKernel !== undefined && given !== undefined && given.join() !== weightKernel.join()) {
    throw node.invalid("kernel_shape differs from the weights", "kernel_shape");
  }
  const strides = node.ints("strides") ?? sizes.map(() => 1);
  const dilations = (options.dilates === false ? undefined : node.ints("dilations")) ?? sizes.map(() => 1);
  const pads = node.ints("pads") ?? range(2 * sizes.length).map(() => 0);
  const auto = node.string("auto_pad", "NOTSET");
  const rows = [kernel, strides, dilations, pads.slice(0, sizes.length), pads.slice(sizes.length)];
  if (rows.some((row) => row.length !== sizes.length))
    throw node.invalid("kernel, strides, dilations or pads do not fit the rank");
  if ([...kernel, ...strides, ...dilations].some((n) => n < 1) || pads.some((n) => n < 0)) {
    throw node.invalid("kernel, strides and dilations are at least 1, pads at least 0");
  }
  const before: number[] = [];
  const after: number[] = [];
  const out = sizes.map((size, d) => {
    const [k, s, dilation] = [item(kernel, d), item(strides, d), item(dilations, d)];
    const extent = (k - 1) * dilation + 1;
    if (auto === "SAME_UPPER" || auto === "SAME_LOWER") {
      const count = Math.ceil(size / s);
      const total = Math.max(0, (count - 1) * s + extent - size);
      const small = Math.floor(total / 2);
      before.push(auto === "SAME_UPPER" ? small : total - small);
      after.push(auto === "SAME_UPPER" ? total - small : small);
      return count;
    }
    if (auto !== "NOTSET" && auto !== "VALID" && auto !== "") throw node.refuse(`auto_pad "${auto}"`, "auto_pad");
    const [p, q] = auto === "VALID" ? [0, 0] : [item(pads, d), item(pads, d + sizes.length)];
    before.push(p);
    after.push(q);
    const steps = (size + p + q - extent) / s;
    let count = (options.ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
    // A window that would start in the padding after the end does not count.
    if (options.ceil && (count - 1) * s >= size + p) count--;
    return count;
  });
  if (out.some((n) => n < 1)) throw node.invalid("the window is larger than the padded input");
  return { kernel, strides, dilations, before, after, out };
};

/** Input index of each spatial dimension for an output position and a position in the window. */
export const windowIndices = (windows: Windows, out: readonly Index[], inside: readonly Index[]): Index[] =>
  out.map((index, d) => {
    const at = index.times(item(windows.strides, d)).minus(item(windows.before, d));
    const k = inside[d];
    return k === undefined ? at : at.plus(k.times(item(windows.dilations, d)));
  });

/** Spatial dimensions (numbered in the value, from 2) where a window can leave the input. */
export const leavingDimensions = (value: Value, windows: Windows): number[] =>
  range(windows.out.length)
    .filter((d) => {
      const extent = (item(windows.kernel, d) - 1) * item(windows.dilations, d) + 1;
      const last = (item(windows.out, d) - 1) * item(windows.strides, d) - item(windows.before, d) + extent;
      return item(windows.before, d) > 0 || last > item(value.shape, d + 2);
    })
    .map((d) => d + 2);

/** Batch and spatial dimensions outside, channels innermost: the layout of activations. */
export const channelsLast = (rank: number): number[] => [0, ...range(rank).slice(2), 1];
